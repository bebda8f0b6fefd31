"""From samples to batches: dataset, folds, scaling, and the `TCPDataModule` that ties them together."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mldrl_lite import sources
from mldrl_lite.messages import InputError, require
from mldrl_lite.reproducibility import EpochOrder
from mldrl_lite.samples import Floats, Ints, Samples


class Batch(NamedTuple):
    """What every loader yields: `views`, V float32 tensors of shape (B, D_v), and `labels`, int64 of shape (B,)."""

    views: tuple[Tensor, ...]
    labels: Tensor

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on `device`. Lightning calls this; without it, it would search the tuples for tensors."""
        # A copy from pinned memory to a GPU need not be waited for; elsewhere a reader could come before the data.
        early = torch.device(device).type == "cuda"
        views = tuple(view.to(device, non_blocking=early) for view in self.views)
        return Batch(views, self.labels.to(device, non_blocking=early))


class MultiViewDataset(Dataset[Batch]):
    """Samples in memory.

    `dataset[i]` is one sample, `dataset[[3, 1, 4]]` a batch, in one indexing operation per view.
    """

    def __init__(self, views: Sequence[Tensor], labels: Tensor) -> None:
        self.views = tuple(views)
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | Sequence[int]) -> Batch:
        return Batch(tuple(view[index] for view in self.views), self.labels[index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        # A DataLoader calls this, where it exists, with all the indices of a batch at once.
        return self[torch.as_tensor(indices)]


def already_batched(batch: Batch) -> Batch:
    """Stand in for the DataLoader's collate function: `MultiViewDataset` hands over whole batches."""
    return batch


class Split(NamedTuple):
    """Positions of the samples of each part; no sample is in two of them."""

    train: Ints
    val: Ints
    test: Ints


def fold_split(labels: Ints, cv: int, n_folds: int = 10, seed: int = 0) -> Split:
    """Cut the samples into stratified folds: fold `cv` is the test part, the next is validation.

    The folds depend on `labels`, `n_folds` and `seed` alone, so that the test parts of
    cv = 0..n_folds-1 do not overlap and cover all samples.

    Raises:
        InputError: a class has fewer samples than there are folds.
    """
    smallest = np.bincount(labels).min()
    if smallest < n_folds:
        fewer = f"give n_folds={smallest} or less to TCPDataModule, or " if smallest >= 3 else ""
        raise InputError(
            f"The smallest class has {smallest} samples, too few for n_folds={n_folds}: {fewer}"
            "keep the test set of a folder of your own with cv=None, or give more samples."
        )
    cutter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    folds = [test for _, test in cutter.split(labels, labels)]
    test, val = folds[cv], folds[(cv + 1) % n_folds]
    train = np.setdiff1d(np.arange(len(labels)), np.concatenate([test, val]))
    return Split(train, val, test)


def published_split(samples: Samples, n_folds: int = 10, seed: int = 0) -> Split:
    """Keep the published test set; hold `1 / n_folds` of the published training set out for validation, stratified.

    Where that would be less than one sample of each class, as many as there are classes are held out.

    Raises:
        InputError: nobody published a split of these samples, or a class has less than two training samples.
    """
    if samples.published_test is None:
        raise InputError(
            f"cv=None asks for the published split, and this source has none: give cv=0..{n_folds - 1} instead."
        )
    rest = np.flatnonzero(~samples.published_test)
    rarest = np.bincount(samples.labels[rest]).min()
    if rarest < 2:
        raise InputError(
            f"The training set has {len(rest)} samples, {rarest} of its rarest class: one of each class is held out "
            "for validation and one trains, so give more samples."
        )
    held_out = max(math.ceil(len(rest) / n_folds), len(samples.class_names))
    train, val = train_test_split(rest, test_size=held_out, stratify=samples.labels[rest], random_state=seed)
    return Split(np.sort(train), np.sort(val), np.flatnonzero(samples.published_test))


def scale(views: Sequence[Floats], train: Ints, part: Ints | slice = slice(None)) -> tuple[Tensor, ...]:
    """Bring each feature to [0, 1] by its minimum and maximum among the training samples alone; return `part` of it.

    Validation and test values may fall outside [0, 1]; had they helped to set the limits, they
    would have leaked.
    """
    scaled = (MinMaxScaler().fit(view[train]).transform(view[part]) for view in views)
    return tuple(torch.from_numpy(view.astype(np.float32)) for view in scaled)


STAGE_PARTS = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",), "predict": ("test",)}


class TCPDataModule(LightningDataModule):
    """Multi-view samples, split into folds, scaled and batched.

    Args:
        data_type: `"SIMULATED"`, `"WDBC"`, `"ROSMAP"` or the name of a folder in `data_dir`; see `sources`.
        cv: which of the `n_folds` folds is the test part, or None for the published split.
        batch_size: samples in a batch.
        num_workers: loader processes. Keep 0: for data in memory they only cost time (notebook 08 measures it).
        data_dir: the folder that holds `data_type`, if it is not to be downloaded.
        n_folds: number of folds; train, validation and test parts are as (n_folds - 2) : 1 : 1.
        split_seed: the seed of the folds. The seed of the run has no influence on them.
        eval_batch_size: samples in a batch of validation, test and prediction; None for `batch_size`. Nothing is kept
            for gradients there, so a larger batch fits, and each batch costs a loop of its own.

    Attributes:
        samples, split: known after `setup`.
        parts: the datasets `train`, `val` and `test`, each from the first `setup` of a stage that needs it.
        in_dim: the V widths D_v, as `MMDynamic` wants them.
        num_class: the number C of classes.

    Raises:
        InputError: an argument is out of range, or the data cannot be read.
    """

    def __init__(
        self,
        data_type: str = "SIMULATED",
        cv: int | None = 0,
        batch_size: int = 32,
        num_workers: int = 0,
        data_dir: str | None = None,
        n_folds: int = 10,
        split_seed: int = 0,
        eval_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        eval_batch_size = batch_size if eval_batch_size is None else eval_batch_size
        require("n_folds", n_folds, int, at_least=3)
        require("cv", cv, int, at_least=0, at_most=n_folds - 1, or_none=True)
        require("batch_size", batch_size, int, at_least=1)
        require("eval_batch_size", eval_batch_size, int, at_least=1)
        require("num_workers", num_workers, int, at_least=0)
        require("split_seed", split_seed, int, at_least=0, at_most=2**32 - 1)
        # Plain Python numbers: a checkpoint with NumPy's is refused on loading.
        cv = None if cv is None else int(cv)
        batch_size, eval_batch_size, num_workers = map(int, (batch_size, eval_batch_size, num_workers))
        n_folds, split_seed = int(n_folds), int(split_seed)
        if data_type not in sources.BUILT_IN:
            sources.find_folder(data_type, data_dir)  # a misspelled name should stop here, not minutes later
        self.save_hyperparameters(ignore="data_dir")
        self.data_dir = data_dir
        self.samples: Samples | None = None
        self.parts: dict[str, MultiViewDataset] = {}

    def prepare_data(self) -> None:
        """Download what is missing.

        Lightning calls this in one process only, so it keeps nothing on `self`.
        """
        if self._to_download():
            sources.download_rosmap()

    def setup(self, stage: str | None = None) -> None:
        """Read and split, once in every process, and scale the parts that `stage` needs; all of them for None.

        The split is the same whichever stage comes first. Nothing is downloaded: that is for `prepare_data`.
        """
        for name in STAGE_PARTS.get(stage, Split._fields):
            self._part(name)

    def _part(self, name: str) -> MultiViewDataset:
        self._read()
        if name not in self.parts:
            rows = getattr(self.split, name)
            views = scale(self.samples.views, self.split.train, rows)
            self.parts[name] = MultiViewDataset(views, torch.from_numpy(self.samples.labels[rows]))
        return self.parts[name]

    def _read(self) -> None:
        if self.samples is None:
            samples = sources.load(self.hparams.data_type, self.data_dir, download=False)
            self.split = self._cut(samples)
            self.samples = samples

    def _cut(self, samples: Samples) -> Split:
        n_folds, seed = self.hparams.n_folds, self.hparams.split_seed
        if self.hparams.cv is None:
            return published_split(samples, n_folds, seed)
        return fold_split(samples.labels, self.hparams.cv, n_folds, seed)

    @property
    def in_dim(self) -> list[int]:
        """The V widths D_v. Reads the data when nothing has yet, but downloads nothing: those of ROSMAP are known."""
        return list(self._shape()[0])

    @property
    def num_class(self) -> int:
        """The number C of classes; as for `in_dim`, nothing is downloaded."""
        return self._shape()[1]

    def _shape(self) -> tuple[Sequence[int], int]:
        if self.samples is None and self._to_download():
            return sources.ROSMAP_SHAPE
        self._read()
        return [view.shape[1] for view in self.samples.views], len(self.samples.class_names)

    def _to_download(self) -> bool:
        """Say whether the data come from the network, now or at an earlier time."""
        return self.hparams.data_type == "ROSMAP" and sources.find_folder("ROSMAP", self.data_dir) is None

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the training part, in an order drawn anew for each epoch."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Batches of the validation part, in order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Batches of the test part, in order."""
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The same batches as `test_dataloader`."""
        return self._loader("test")

    def _loader(self, part: str, shuffle: bool = False) -> DataLoader[Batch]:
        dataset, workers, seed = self._part(part), self.hparams.num_workers, torch.initial_seed()
        if self.trainer:
            seed = self.trainer.strategy.broadcast(seed)  # each rank takes its share of one and the same order
        # A run that is resumed asks for its loader in a later epoch than the first.
        epoch = self.trainer.fit_loop.epoch_progress.current.processed if self.trainer else 0
        return DataLoader(
            dataset,
            batch_size=self.hparams.batch_size if shuffle else self.hparams.eval_batch_size,
            sampler=EpochOrder(len(dataset), seed, epoch) if shuffle else None,
            collate_fn=already_batched,
            num_workers=workers,
            persistent_workers=workers > 0,
            # Only for a copy to a GPU: pinning starts CUDA, which a process that is forked afterwards cannot use.
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
            # A loader without a generator of its own draws from the global one, even to read samples in order. With its
            # own, validating more often changes neither the order of the training batches nor the dropout.
            generator=torch.Generator().manual_seed(seed),
        )


TCP_DataModule = TCPDataModule
"""The name that the 2023 chapter uses."""
