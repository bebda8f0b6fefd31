"""The first batches of some data, without a worker process and without a trace on the data."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.diagnosis.live import overrides
from mldrl_lite.trainer.diagnosis.run import Run, copied, loader_of, set_up


class Batches(Dataset):
    """Batches that are served as they are."""

    def __init__(self, batches: list[Any]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]

    def loader(self) -> DataLoader:
        """Return a loader that serves them one after the other."""
        return DataLoader(self, batch_size=None)


def first_batches(run: Run, data: Any, count: int) -> list[Any]:
    """Return the first training batches.

    Raises:
        InputError: there are none to be had.
    """
    loader = data if run.datamodule is None and data is not None else _own_loader(run)
    if run.loaders:
        loader = run.loaders[0]
    batches = list(itertools.islice(_batches(loader), count)) if isinstance(loader, Iterable) else []
    if not batches:
        raise InputError("verify finds no batch: give a DataModule, a DataLoader or a list of batches with data in it.")
    return batches


def _own_loader(run: Run) -> Any:
    owner = run.datamodule or run.model
    own = set_up(owner, "fit") if overrides(owner, "train_dataloader") else None
    return loader_of(own, "train") if own is not None else None


def _batches(loader: Any) -> Iterator[Any]:
    if not isinstance(loader, DataLoader) or type(loader).__iter__ is not DataLoader.__iter__:
        yield from loader.values() if isinstance(loader, Mapping) else loader
        return
    # As the loader's own process would do it; its workers are never started.
    dataset = copied(loader.dataset)
    dataset = loader.dataset if dataset is None else dataset
    if isinstance(dataset, IterableDataset):
        samples = iter(dataset)
        size = loader.batch_size
        while chunk := list(itertools.islice(samples, size or 1)):
            yield loader.collate_fn(chunk if size else chunk[0])
    elif loader.batch_sampler is None:
        yield from (loader.collate_fn(dataset[index]) for index in loader.sampler)
    else:
        for indices in loader.batch_sampler:
            many = getattr(dataset, "__getitems__", None)
            yield loader.collate_fn(many(indices) if many else [dataset[index] for index in indices])


def batch_size(batch: Any) -> int | None:
    """Return the length of the first tensor in a batch; None if there is none."""
    if isinstance(batch, torch.Tensor):
        return len(batch) if batch.ndim else None
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    return next((size for size in map(batch_size, parts) if size is not None), None)
