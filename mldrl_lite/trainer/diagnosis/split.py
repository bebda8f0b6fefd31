"""A part of the data that differs according to which stage was set up before."""

from collections.abc import Hashable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.live import overrides
from mldrl_lite.trainer.diagnosis.run import Run, loader_of, set_up, set_up_further
from mldrl_lite.trainer.diagnosis.source import place_of

Hashes = NDArray[np.uint64]


def unstable_split(run: Run) -> Iterator[Finding]:
    """A part of the data that differs according to which stage was set up before."""
    datamodule = run.datamodule
    if datamodule is None or not overrides(datamodule, "setup"):
        return
    both = set_up(datamodule, "fit")
    train = _samples_of(loader_of(both, "train"))
    for stage, part in (("test", "test"), ("validate", "val")):
        alone = _samples_of(loader_of(set_up(datamodule, stage), part))
        after_fit = _samples_of(loader_of(set_up_further(both, stage), part))
        if alone is None or after_fit is None or _are_the_same(alone, after_fit):
            continue
        leaked = int(np.isin(after_fit, train).sum()) if train is not None else 0
        leak = f" {leaked} of its {len(after_fit)} samples are among those that fit trains on." if leaked else ""
        yield Finding(
            "split that depends on the stages",
            f"The {part} part of {type(datamodule).__name__} is another after setup('fit') than without.{leak}",
            place_of(type(datamodule).setup),
            "setup runs once per stage and draws at random each time, so that the model is judged on what it has seen.",
            "Split with a generator of its own, torch.Generator().manual_seed(…), or once and for all in __init__.",
        )


def _are_the_same(first: Hashes, second: Hashes) -> bool:
    """Tell whether two parts have the same samples in any order; sorting millions of them would take seconds."""
    return len(first) == len(second) and first.sum() == second.sum() and (first**2).sum() == (second**2).sum()


def _samples_of(loader: Any) -> Hashes | None:
    """Return a number that tells each sample of a loader from others; None if nothing is known of them."""
    if isinstance(loader, list | tuple):
        parts = [_samples_of(each) for each in loader]
        return np.concatenate(parts) if parts and not any(part is None for part in parts) else None
    if not isinstance(loader, DataLoader):
        return None
    indices = getattr(loader.sampler, "indices", None)  # of a SubsetRandomSampler, say
    try:
        return _samples(loader.dataset if indices is None else Subset(loader.dataset, indices))
    except Exception:
        return None  # a dataset like no other


def _samples(dataset: Dataset) -> Hashes | None:
    if isinstance(dataset, Subset):
        known, indices = _samples(dataset.dataset), np.asarray(dataset.indices)
        return indices.astype(np.uint64) if known is None else known[indices]
    held = vars(dataset) if hasattr(dataset, "__dict__") else dataset
    columns = list(_columns(held, len(dataset)))
    return reduce(_mixed, columns) if columns else None


def _mixed(first: Hashes, second: Hashes) -> Hashes:
    return first * _FACTOR + second


def _columns(held: Any, length: int) -> Iterator[Hashes]:
    """Yield, for each array or list with one entry per sample that is held somewhere, a hash per entry."""
    if isinstance(held, pd.DataFrame | pd.Series):
        held = pd.util.hash_pandas_object(held, index=False).to_numpy()
    if isinstance(held, Tensor):
        held = held.detach().cpu().numpy()
    if isinstance(held, np.ndarray) and held.dtype != object and held.shape[:1] == (length,):
        yield _hashed_rows(held)
    elif isinstance(held, list | tuple | range) and len(held) == length and length:
        if _key(held[0]) is not None:
            yield np.fromiter((hash(_key(entry)) for entry in held), np.int64, length).view(np.uint64)
    elif isinstance(held, dict | list | tuple) and len(held) < _FEW:
        for inner in held.values() if isinstance(held, dict) else held:
            yield from _columns(inner, length)


_FEW = 100
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd: Fibonacci hashing (Knuth, TAOCP 3, 6.4)


def _hashed_rows(array: np.ndarray) -> Hashes:
    """Return a number per row, for a few million rows in a fraction of a second."""
    rows = np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8))) if rows.shape[1] % 8 else rows
    hashes = np.zeros(len(array), np.uint64)
    for word in rows.view(np.uint64).T:
        hashes = (hashes ^ word) * _FACTOR
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _key(entry: object) -> Hashable | None:
    """Return what tells one entry of a list from another, None if nothing does."""
    if isinstance(entry, str | int | float):
        return entry
    if isinstance(entry, Tensor):
        entry = entry.detach().cpu().numpy()
    if isinstance(entry, np.ndarray | np.generic):
        return entry.tobytes()
    return tuple(_key(part) for part in entry) if isinstance(entry, tuple | list) else None
