"""Two optimizers that are stepped by hand, and a test whose outputs are put together."""

import json

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.utilities.seed import seed_everything
from torch.utils.data import DataLoader


class Pair(LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.one = torch.nn.Linear(2, 1)
        self.two = torch.nn.Linear(2, 1)
        self.losses = []

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        for optimizer, layer in ((first, self.one), (second, self.two)):
            loss = (layer(batch) - 1).abs().mean()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.losses.append(loss.item())

    def test_step(self, batch, batch_idx):
        return {"one": self.one(batch), "two": self.two(batch)}

    def test_epoch_end(self, outputs):
        one = torch.cat([output["one"] for output in outputs])
        self.log("mean", one.mean())
        self.log("rows", float(len(one)))
        self.difference = (one - torch.cat([output["two"] for output in outputs])).abs().max().item()

    def configure_optimizers(self):
        return [torch.optim.SGD(layer.parameters(), lr=0.05) for layer in (self.one, self.two)]


def main():
    seed_everything(5)
    data = DataLoader(torch.arange(16.0).reshape(8, 2) / 8, batch_size=3)
    trainer = Trainer(
        max_epochs=2, logger=False, checkpoint_callback=False, progress_bar_refresh_rate=0, weights_summary=None,
        terminate_on_nan=False,
    )  # fmt: skip
    model = Pair()
    trainer.fit(model, train_dataloaders=data)
    [tested] = trainer.test(model, test_dataloaders=data)
    return {"losses": model.losses, "difference": model.difference, **tested}


if __name__ == "__main__":
    print(json.dumps(main()))
