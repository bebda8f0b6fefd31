"""A datamodule that moves its own batches, checkpoints by old names, and a test of the best of them."""

import json

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader


class Numbers(pl.LightningDataModule):
    def __init__(self):
        super().__init__()
        self.made = 0

    def train_dataloader(self):
        self.made += 1
        return DataLoader(torch.arange(10.0).reshape(10, 1), batch_size=4)

    def val_dataloader(self):
        return DataLoader(torch.arange(10.0).reshape(10, 1), batch_size=4)

    def test_dataloader(self):
        return DataLoader(torch.arange(4.0).reshape(4, 1), batch_size=4)

    def transfer_batch_to_device(self, batch, device):
        return batch.to(device) / 10


class Point(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_idx):
        return ((self.weight - batch) ** 2).mean()

    def validation_step(self, batch, batch_idx):
        # in the first epoch the best, then worse and worse
        self.log("val_loss", ((self.weight - batch) ** 2).mean() + float(self.current_epoch))

    def test_step(self, batch, batch_idx):
        self.log("weight", self.weight.squeeze())

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.3)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]


def main():
    best = ModelCheckpoint(monitor="val_loss", every_n_val_epochs=1, dirpath="kept", filename="best")
    trainer = pl.Trainer(
        max_epochs=3,
        checkpoint_callback=True,
        callbacks=[best, LearningRateMonitor()],
        logger=CSVLogger("logs"),
        log_every_n_steps=1,
        reload_dataloaders_every_epoch=True,
        progress_bar_refresh_rate=0,
        weights_summary=None,
        num_sanity_val_steps=0,
    )
    model, data = Point(), Numbers()
    trainer.fit(model, datamodule=data)
    [tested] = trainer.test(datamodule=data, ckpt_path="best")
    return {
        "made": data.made,
        "best": best.best_model_score.item(),
        "file": best.best_model_path.split("/")[-1],
        "tested": tested["weight"],
        "last": model.weight.item(),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
