"""A part of the data that differs according to which stage was set up before."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.run import Run, loader_of, overrides, set_up, set_up_further
from mldrl_lite.trainer.diagnosis.source import place_of


def unstable_split(run: Run) -> Iterator[Finding]:
    """A part of the data that differs according to which stage was set up before."""
    datamodule = run.datamodule
    if datamodule is None or not overrides(datamodule, LightningDataModule, "setup"):
        return
    both = set_up(datamodule, "fit")
    train = set(_samples_of(loader_of(both, "train")) or ())
    for stage, part in (("test", "test"), ("validate", "val")):
        alone = _samples_of(loader_of(set_up(datamodule, stage), part))
        after_fit = _samples_of(loader_of(set_up_further(both, stage), part))
        if None in (alone, after_fit) or Counter(alone) == Counter(after_fit):
            continue
        leaked = sum(sample in train for sample in after_fit)
        leak = f" {leaked} of its {len(after_fit)} samples are among those that fit trains on." if leaked else ""
        yield Finding(
            "split that depends on the stages",
            f"The {part} part of {type(datamodule).__name__} is another after setup('fit') than without.{leak}",
            place_of(type(datamodule).setup),
            "setup runs once per stage and draws at random each time, so that the model is judged on what it has seen.",
            "Split with a generator of its own, torch.Generator().manual_seed(…), or once and for all in __init__.",
        )


def _samples_of(loader: Any) -> list[Hashable] | None:
    """Return something that tells the samples of a loader apart, in order; None if nothing is known of them."""
    if isinstance(loader, list | tuple):
        parts = [_samples_of(each) for each in loader]
        return None if None in parts else [sample for part in parts for sample in part]
    if not isinstance(loader, DataLoader):
        return None
    indices = getattr(loader.sampler, "indices", None)  # of a SubsetRandomSampler, say
    try:
        return _samples(loader.dataset if indices is None else Subset(loader.dataset, indices))
    except Exception:
        return None  # a dataset like no other


def _samples(dataset: Dataset) -> list[Hashable] | None:
    if isinstance(dataset, Subset):
        known = _samples(dataset.dataset)
        return [known[i] if known else int(i) for i in dataset.indices]
    held = vars(dataset) if hasattr(dataset, "__dict__") else dataset
    columns = list(_columns(held, len(dataset)))
    return list(zip(*columns, strict=True)) if columns else None


def _columns(held: Any, length: int) -> Iterator[list[Hashable]]:
    """Yield, for each array or list with one entry per sample that is held somewhere, those entries."""
    if isinstance(held, pd.DataFrame | pd.Series):
        held = pd.util.hash_pandas_object(held, index=False).to_numpy()
    if isinstance(held, Tensor | np.ndarray) and held.shape[:1] == (length,):
        yield [_key(row) for row in held]
    elif isinstance(held, list | tuple | range) and len(held) == length and _key(held[0]) is not None:
        yield [_key(entry) for entry in held]
    elif isinstance(held, dict | list | tuple) and len(held) < _FEW:
        for inner in held.values() if isinstance(held, dict) else held:
            yield from _columns(inner, length)


_FEW = 100


def _key(entry: object) -> Hashable | None:
    """Return what tells one entry from another, None if nothing does."""
    if isinstance(entry, Tensor):
        entry = entry.detach().cpu().numpy()
    if isinstance(entry, np.ndarray | np.generic):
        return hash(entry.tobytes())
    if isinstance(entry, tuple | list):
        return tuple(_key(part) for part in entry)
    return entry if isinstance(entry, str | int | float) else None
