"""Arguments from a dictionary, and two loaders whose outputs come as a list of lists."""

import json

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

params = {
    "max_epochs": 2,
    "max_steps": None,
    "gpus": 0,  # none here
    "logger": None,
    "checkpoint_callback": False,
    "progress_bar_refresh_rate": 0,
    "weights_summary": None,
    "stochastic_weight_avg": False,
}


class Point(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.sums = []

    def training_step(self, batch, batch_idx):
        loss = ((self.weight - batch) ** 2).mean()
        self.log("loss", loss)
        return {"loss": loss, "rows": torch.tensor(float(len(batch)))}

    def training_epoch_end(self, outputs):
        rows = sum(output["rows"] for output in outputs)
        loss = sum(output["loss"] * output["rows"] for output in outputs) / rows
        self.log("weighted", loss)

    def validation_step(self, batch, batch_idx, dataloader_idx):
        return batch.sum() * (self.weight + 1) * (dataloader_idx + 1)

    def validation_epoch_end(self, outputs):
        self.sums.append([sum(part).item() for part in outputs])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main():
    trainer = pl.Trainer(num_sanity_val_steps=0, **params)
    model = Point()
    train = DataLoader(torch.arange(5.0).reshape(5, 1), batch_size=2)
    others = [DataLoader(torch.ones(3, 1), batch_size=2), DataLoader(torch.ones(4, 1) * 2, batch_size=2)]
    trainer.fit(model, train, others)
    return {
        "sums": model.sums,
        "weight": model.weight.item(),
        "weighted": float(trainer.callback_metrics["weighted"]),
        "logger": trainer.logger is None,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
