"""A command line from the Trainer's own arguments, and metrics of Lightning's own."""

import json
from argparse import ArgumentParser

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.lightning import LightningModule
from pytorch_lightning.metrics import MeanSquaredError
from torch.utils.data import DataLoader, TensorDataset


class Line(LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)
        self.error = MeanSquaredError()
        self.means = []

    def training_step(self, batch, batch_idx):
        x, y = batch
        return torch.nn.functional.l1_loss(self.layer(x), y)

    def training_epoch_end(self, outputs):
        self.means.append(torch.stack([o["loss"] for o in outputs]).mean().item())

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.error(self.layer(x), y)
        self.log("error", self.error, on_step=False, on_epoch=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def loader():
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(3))
    return DataLoader(TensorDataset(x, x[:, :1] - x[:, 1:]), batch_size=5)


def main():
    parser = ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser = pl.Trainer.add_argparse_args(parser)
    args = parser.parse_args(["--max_epochs", "3", "--lr", "0.2", "--limit_train_batches", "0.5"])
    torch.manual_seed(2)
    model = Line(args.lr)
    trainer = pl.Trainer.from_argparse_args(
        args,
        gpus=0,
        logger=False,
        checkpoint_callback=False,
        progress_bar_refresh_rate=0,
        weights_summary=None,
    )
    trainer.fit(model, train_dataloader=loader(), val_dataloaders=loader())
    return {"means": model.means, "error": float(trainer.callback_metrics["error"]), "epochs": trainer.max_epochs}


if __name__ == "__main__":
    print(json.dumps(main()))
