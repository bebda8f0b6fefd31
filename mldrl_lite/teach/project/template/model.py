"""The LightningModule: what the network is trained for, and how.

It takes the network from network.py. To bring your own, change that file; another task than
classification changes this one.
"""

import pytorch_lightning as pl
import torch
from torch.nn import functional

from network import Network


class MyModel(pl.LightningModule):
    """A network that gives a logit for each class, trained by cross-entropy."""

    def __init__(self, learning_rate: float = 2e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = Network()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, classes). The loss wants these, and not probabilities."""
        return self.network(inputs)

    def measures(self, batch: list) -> dict[str, torch.Tensor]:
        """Return the loss and the accuracy on a batch."""
        inputs, labels = batch
        logits = self(inputs)
        return {
            "loss": functional.cross_entropy(logits, labels),
            "accuracy": (logits.argmax(dim=1) == labels).float().mean(),
        }

    def _step(self, batch: list, part: str) -> torch.Tensor:
        measured = self.measures(batch)
        named = {f"{part}_{name}": value for name, value in measured.items()}
        # Means over the epoch; batch_size lets the last and smaller batch count for less.
        self.log_dict(named, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch[1]))
        return measured["loss"]

    def training_step(self, batch: list, batch_idx: int) -> torch.Tensor:
        return self._step(batch, "train")

    def validation_step(self, batch: list, batch_idx: int) -> None:
        self._step(batch, "val")

    def test_step(self, batch: list, batch_idx: int) -> None:
        self._step(batch, "test")

    def predict_step(self, batch: list, batch_idx: int) -> torch.Tensor:
        """Return the probability of each class, (batch, classes)."""
        return self(batch[0]).softmax(dim=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate)
