"""The LightningModule: what the network is trained for, and how.

It takes the network from network.py. To bring your own, change that file; another task than
classification changes this one.
"""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy  # comes with Lightning

from network import Network
from samples import CLASSES, SCORE

AVERAGE = {"accuracy": "micro", "balanced_accuracy": "macro"}[SCORE]
PARTS = ("train", "val", "test")


class MyModel(pl.LightningModule):
    """A network that gives a logit for each class, trained by cross-entropy."""

    def __init__(self, learning_rate: float = 2e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = Network()
        self.scores = nn.ModuleDict(
            {f"{part}_{SCORE}": MulticlassAccuracy(len(CLASSES), average=AVERAGE) for part in PARTS}
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, classes). The loss wants these, and not probabilities."""
        return self.network(inputs)

    def loss_and_logits(self, batch: list) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss on a batch, and the logits that it comes from."""
        inputs, labels = batch
        logits = self(inputs)
        return functional.cross_entropy(logits, labels), logits

    def _step(self, batch: list, part: str) -> torch.Tensor:
        loss, logits = self.loss_and_logits(batch)
        # The loss is a mean over the batches; batch_size lets the smaller last one count for less.
        # The score is taken over the whole part: a rare class is missing in many a batch, and a
        # mean of balanced accuracies would leave it out there.
        name, how = f"{part}_{SCORE}", {"on_step": False, "on_epoch": True, "prog_bar": True}
        self.scores[name].update(logits, batch[1])
        self.log(f"{part}_loss", loss, batch_size=len(batch[1]), **how)
        self.log(name, self.scores[name], **how)
        return loss

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
