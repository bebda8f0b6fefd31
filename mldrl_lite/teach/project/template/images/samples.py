"""The samples: 1,797 handwritten digits of 8 x 8 pixels, which scikit-learn carries."""

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

CLASSES = [str(digit) for digit in range(10)]
SCORE = "accuracy"
"""What is stated. Where a class is rare: "balanced_accuracy", in which all classes count alike."""


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs, (samples, 1, 8, 8) from 0 to 1, and all labels, (samples,) from 0 to 9."""
    digits = load_digits()
    inputs = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    return inputs, torch.tensor(digits.target)


def augment(inputs: torch.Tensor) -> torch.Tensor:
    """Move each image of a batch by up to one pixel: a digit beside its place is the same digit."""
    padded = functional.pad(inputs, (1, 1, 1, 1))
    down, right = torch.randint(3, (2, len(inputs))).tolist()
    moved = [
        image[:, y : y + 8, x : x + 8] for image, y, x in zip(padded, down, right, strict=True)
    ]
    return torch.stack(moved)


def groups() -> list[str] | None:
    """Return a name for each sample, such as its patient, if a name may be in one part only."""
    return None


def counts(inputs: torch.Tensor) -> torch.Tensor:
    """Return what the baseline may see: (samples, 64), each pixel by itself."""
    return inputs.flatten(1)
