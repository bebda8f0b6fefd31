"""A callback with a state of its own, and a run that goes on from a checkpoint."""

import json

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader


class Counter(pl.Callback):
    def __init__(self):
        self.batches = 0
        self.loaders = set()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx):
        self.batches += len(batch)
        self.loaders.add(dataloader_idx)

    def on_train_epoch_end(self, trainer, pl_module, outputs):
        pl_module.ended += 1

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        return {"batches": self.batches}

    def on_load_checkpoint(self, callback_state):
        self.batches = callback_state["batches"]


class Point(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.ended = 0

    def training_step(self, batch, batch_idx):
        return ((self.weight - batch) ** 2).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def train_dataloader(self):
        return DataLoader(torch.arange(12.0).reshape(6, 2), batch_size=2)


def main():
    quiet = {"logger": False, "progress_bar_refresh_rate": 0, "weights_summary": None, "checkpoint_callback": False}
    first = Point()
    trainer = pl.Trainer(max_epochs=2, callbacks=[Counter()], **quiet)
    trainer.fit(first)
    trainer.save_checkpoint("half.ckpt")
    path = "half.ckpt"
    counter, second = Counter(), Point()
    again = pl.Trainer(max_epochs=4, callbacks=[counter], resume_from_checkpoint=path, **quiet)
    again.fit(second)
    return {
        "batches": counter.batches,
        "loaders": sorted(counter.loaders),
        "ended": second.ended,
        "weight": second.weight.tolist(),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
