"""Steps that return what is to be logged, and hyperparameters that are assigned."""

import json
from argparse import Namespace

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset


class Line(pl.LightningModule):
    def __init__(self, hparams):
        super().__init__()
        self.hparams = hparams
        self.layer = torch.nn.Linear(3, 1)
        self.losses = []

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, batch_nb):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self(x), y)
        self.losses.append(loss.item())
        return {"loss": loss, "log": {"train_loss": loss}}

    def validation_step(self, batch, batch_nb):
        x, y = batch
        return {"val_loss": torch.nn.functional.mse_loss(self(x), y)}

    def validation_epoch_end(self, outputs):
        avg_loss = torch.stack([x["val_loss"] for x in outputs]).mean()
        logs = {"avg": avg_loss * 2}
        return {"val_loss": avg_loss, "log": logs, "progress_bar": logs}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def loader():
    x = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=6)


def main():
    torch.manual_seed(1)
    model = Line(Namespace(lr=0.05))
    trainer = pl.Trainer(
        gpus=None,
        max_epochs=3,
        num_sanity_val_steps=0,
        weights_summary=None,
        progress_bar_refresh_rate=0,
        checkpoint_callback=False,
        logger=False,  # nothing on the disk
    )
    trainer.fit(model, loader(), loader())
    metrics = {name: float(trainer.callback_metrics[name]) for name in ("val_loss", "avg")}
    return {"losses": model.losses, "lr": model.hparams.lr, **metrics}


if __name__ == "__main__":
    print(json.dumps(main()))
