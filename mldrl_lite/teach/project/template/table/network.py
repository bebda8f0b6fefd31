"""The network: it scales each column, and has one hidden layer."""

import torch
from torch import nn


class Network(nn.Module):
    """From rows of a table, (batch, 30), to one logit for each class, (batch, 2)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            # One column counts in thousands, another in thousandths: this brings both to mean 0 and
            # deviation 1. It takes these from training batches only, and they are part of the
            # weights: what is exported scales its inputs by itself.
            nn.BatchNorm1d(30),
            nn.Linear(30, width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(width, 2),
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layers(rows)
