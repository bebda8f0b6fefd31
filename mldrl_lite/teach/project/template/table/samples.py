"""The samples: 569 tumours with 30 measurements each, which scikit-learn carries."""

import torch
from sklearn.datasets import load_breast_cancer

CLASSES = ["malignant", "benign"]
SCORE = "accuracy"
"""What is stated. Where a class is rare: "balanced_accuracy", in which all classes count alike."""

augment = None  # We know of no change to a measurement that would not change what it says.


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs, (samples, 30), in the table's units, and all labels, (samples,)."""
    table = load_breast_cancer()
    return torch.tensor(table.data, dtype=torch.float32), torch.tensor(table.target)


def groups() -> list[str] | None:
    """Return a name for each sample, such as its patient, if a name may be in one part only."""
    return None


def counts(inputs: torch.Tensor) -> torch.Tensor:
    """Return what the baseline may see: (samples, 30), the table as it is."""
    return inputs
