"""How good predictions are, and how sure one can be of that: the only place that needs the labels of test samples."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mldrl_lite.metrics import evaluate
from mldrl_lite.sources import Floats, Ints


def ensembles(probabilities: Floats, size: int) -> Floats:
    """Average the probabilities (R, N, C) of each `size` runs that follow each other: shape (R // size, N, C)."""
    runs, *rest = probabilities.shape
    return probabilities[: runs // size * size].reshape(runs // size, size, *rest).mean(axis=1)


def score(labels: Ints, probabilities: Floats) -> pd.DataFrame:
    """Return the metrics of `evaluate` for each of R runs with probabilities (R, N, 2): a row per run."""
    return pd.DataFrame([evaluate(labels, run, binary=True) for run in probabilities])


def bootstrap(labels: Ints, probabilities: Floats, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return what the mean metrics of R runs would have been on other test samples like these.

    Each resample draws N of the N samples, with replacement; all runs are judged on it, and their metrics averaged.
    The same seed draws the same samples, so that the results of two calls can be subtracted, row by row. See B. Efron
    and R. Tibshirani, "An Introduction to the Bootstrap", 1993. The runs, and what they learned from, stay as they are.

    Args:
        labels: 0 or 1, shape (N,).
        probabilities: class probabilities, shape (R, N, 2).
        resamples: how many.
        seed: of the draws.

    Returns:
        A row per resample, and the columns of `evaluate`. The area is NaN where a resample holds one class only.
    """
    n = len(labels)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    predicted = probabilities.argmax(axis=2)
    positive = labels == 1
    found = (weights * positive) @ predicted.T  # (resamples, R)
    called, there = weights @ predicted.T, (weights @ positive)[:, None]
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * found / (called + there))
    return pd.DataFrame(
        {
            "accuracy": (weights @ (predicted == labels).T / n).mean(axis=1),
            "f1": f1.mean(axis=1),
            "auroc": np.mean([_weighted_areas(positive, run[:, 1], weights) for run in probabilities], axis=0),
        }
    )


def _weighted_areas(positive: NDArray[np.bool_], scores: Floats, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each resample, the share of pairs (class 1, class 0) in order; a tie counts half."""
    difference = scores[positive][:, None] - scores[~positive]
    in_order = (difference > 0) + 0.5 * (difference == 0)
    ones, zeros = weights[:, positive], weights[:, ~positive]
    with np.errstate(invalid="ignore"):
        return ((ones @ in_order) * zeros).sum(axis=1) / (ones.sum(axis=1) * zeros.sum(axis=1))


def interval(values: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return the limits `low` and `high` between which the middle `level` of each column lies."""
    tail = (1 - level) / 2
    return values.quantile([tail, 1 - tail]).set_axis(["low", "high"])


def summary(labels: Ints, probabilities: Floats, resamples: int = 2000) -> pd.DataFrame:
    """Return a row per metric of R runs: mean and sd over the runs, `low` and `high` of the bootstrap, and n = R."""
    runs = score(labels, probabilities)
    limits = interval(bootstrap(labels, probabilities, resamples))
    return pd.DataFrame({"mean": runs.mean(), "sd": runs.std(), **limits.T, "n": len(runs)})
