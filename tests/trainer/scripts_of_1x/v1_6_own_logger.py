"""A logger of one's own, one hook that calls another, and gradients accumulated by a schedule."""

import json

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.base import LightningLoggerBase
from pytorch_lightning.utilities.distributed import rank_zero_only
from torch.utils.data import DataLoader


class Memory(LightningLoggerBase):
    def __init__(self):
        super().__init__()
        self.values = []

    @property
    def name(self):
        return "memory"

    @property
    def version(self):
        return 0

    @property
    def experiment(self):
        return self.values

    @rank_zero_only
    def log_hyperparams(self, params, *args, **kwargs):
        pass

    @rank_zero_only
    def log_metrics(self, metrics, step=None):
        self.values.append({name: value for name, value in metrics.items() if name != "epoch"})


class Point(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.order = []

    def training_step(self, batch, batch_idx):
        return ((self.weight - batch) ** 2).mean()

    def training_epoch_end(self, outputs):
        self.order.append(len(outputs))

    def on_train_epoch_end(self):
        self.order.append("end")

    def validation_step(self, batch, batch_idx):
        return (self.weight - batch).mean()

    def validation_epoch_end(self, outputs):
        self.log("mean", torch.stack(outputs).mean())

    def test_step(self, batch, batch_idx):
        return self.validation_step(batch, batch_idx)

    def test_epoch_end(self, outputs):
        return self.validation_epoch_end(outputs)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main():
    memory = Memory()
    trainer = pl.Trainer(
        max_epochs=3,
        accumulate_grad_batches={1: 2},
        logger=memory,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        weights_summary=None,
        num_sanity_val_steps=0,
    )
    model = Point()
    data = DataLoader(torch.arange(8.0).reshape(8, 1), batch_size=2)
    trainer.fit(model, data, data)
    [tested] = trainer.test(model, data)
    return {"order": model.order, "values": memory.values, "weight": model.weight.item(), "tested": tested["mean"]}


if __name__ == "__main__":
    print(json.dumps(main()))
