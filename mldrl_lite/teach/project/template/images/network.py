"""The network: two convolutions, which see strokes wherever they lie, and one linear layer."""

import torch
from torch import nn


class Network(nn.Module):
    """From images, (batch, 1, 8, 8), to one logit for each class, (batch, 10)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 8 x 8 -> 4 x 4
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(2 * width * 4 * 4, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)
