"""How good a set of predictions is."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score


def evaluate(labels: ArrayLike, probabilities: ArrayLike, binary: bool) -> dict[str, float]:
    """Return three metrics of class probabilities of shape (N, C) against labels of shape (N,).

    Binary: accuracy, F1 of class 1, and AUROC (the area under the ROC curve; NaN when the labels hold one class only).
    Otherwise: accuracy, F1 weighted by class size, and the plain mean of the classes' F1 (macro).
    Where a probability is NaN, as after a training that has diverged, all of them are NaN.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if np.isnan(probabilities).any():
        return dict.fromkeys(("accuracy", "f1", "auroc") if binary else ("accuracy", "f1_weighted", "f1_macro"), np.nan)
    predicted = probabilities.argmax(axis=1)
    accuracy = float(accuracy_score(labels, predicted))
    if not binary:
        return {
            "accuracy": accuracy,
            "f1_weighted": _f1(labels, predicted, "weighted"),
            "f1_macro": _f1(labels, predicted, "macro"),
        }
    one_class = len(np.unique(labels)) < 2
    auroc = float("nan") if one_class else float(roc_auc_score(labels, probabilities[:, 1]))
    return {"accuracy": accuracy, "f1": _f1(labels, predicted, "binary"), "auroc": auroc}


def _f1(labels: np.ndarray, predicted: np.ndarray, average: str) -> float:
    return float(f1_score(labels, predicted, average=average, zero_division=0.0))
