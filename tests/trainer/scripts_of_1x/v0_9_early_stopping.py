"""Early stopping as an argument of the Trainer, and fractions by their old names."""

import json

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch.utils.data import DataLoader


class Point(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.epochs = 0

    def training_step(self, batch, batch_idx):
        return {"loss": ((self.weight - batch) ** 2).mean()}

    def validation_step(self, batch, batch_idx):
        return {"loss": ((self.weight - batch) ** 2).mean()}

    def validation_epoch_end(self, outputs):
        self.epochs += 1
        loss = torch.stack([output["loss"] for output in outputs]).mean()
        return {"val_loss": loss, "log": {"val_loss": loss}}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.4)

    def train_dataloader(self):
        return DataLoader(torch.ones(8, 1) * 3, batch_size=2)

    def val_dataloader(self):
        return DataLoader(torch.ones(8, 1) * 3, batch_size=2)


def main():
    model = Point()
    stopping = EarlyStopping(monitor="val_loss", min_delta=0.01, patience=2, mode="min")
    trainer = Trainer(
        early_stop_callback=stopping,
        checkpoint_callback=False,
        logger=False,
        max_epochs=50,
        min_epochs=1,
        train_percent_check=0.5,
        val_percent_check=0.5,
        num_sanity_val_steps=0,
        progress_bar_refresh_rate=0,
        weights_summary=None,
        distributed_backend=None,
    )
    trainer.fit(model)
    return {"epochs": model.epochs, "weight": model.weight.item(), "steps": trainer.global_step}


if __name__ == "__main__":
    print(json.dumps(main()))
