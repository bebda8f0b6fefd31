"""The network: a vector for each word, two convolutions over neighbours, one linear layer."""

import torch
from torch import nn

from samples import CLASSES, NUMBER


class Network(nn.Module):
    """From numbers of words, (batch, 17), to one logit for each class, (batch, 4)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.vectors = nn.Embedding(len(NUMBER) + 1, width, padding_idx=0)
        self.neighbours = nn.Sequential(
            nn.Conv1d(width, width, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, kernel_size=5, padding=2),
            nn.ReLU(),
        )
        self.last = nn.Linear(width, len(CLASSES))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        vectors = self.vectors(words).transpose(
            1, 2
        )  # (batch, width, 17): Conv1d wants the words last
        strongest = self.neighbours(vectors).amax(dim=2)  # (batch, width): what was seen anywhere
        return self.last(strongest)
