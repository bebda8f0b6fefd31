"""A recipe says how `MMDynamic` is trained; `fit` does so, and classifies samples whose labels it is not given."""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.utilities.seed import isolate_rng
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import Tensor
from torch.utils.data import DataLoader

from mldrl_lite.datamodule import Batch, MultiViewDataset, already_batched
from mldrl_lite.messages import InputError, require
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import EpochOrder
from mldrl_lite.sources import Floats, Ints, Samples

SCALERS = {"none": None, "min-max": MinMaxScaler, "z-score": StandardScaler}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how `MMDynamic` is trained, but the data and the seed.

    Raises:
        InputError: a value is of the wrong type or out of range.
    """

    hidden_dim: int = 50
    lr: float = 1e-3
    weight_decay: float = 1e-5
    batch_size: int | None = 32
    """Samples in a batch; None puts the whole training set into one."""
    epochs: int = 30
    lr_step: int = 10
    """After this many epochs, and again and again, the learning rate is multiplied by `lr_gamma`."""
    lr_gamma: float = 0.9
    mixup: float = 0.0
    """Blend pairs of samples and their labels, with weights drawn from Beta(mixup, mixup); 0 leaves it out.

    H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018."""
    noise: float = 0.0
    """Standard deviation of the Gaussian noise that is added to the scaled features in training."""
    scaling: str = "min-max"
    """`none`, `min-max` or `z-score`, fitted on the training samples."""

    def __post_init__(self) -> None:
        require("hidden_dim", self.hidden_dim, int, at_least=1)
        require("lr", self.lr, float, above=0)
        require("weight_decay", self.weight_decay, float, at_least=0)
        require("batch_size", self.batch_size, int, at_least=1, or_none=True)
        require("epochs", self.epochs, int, at_least=1)
        require("lr_step", self.lr_step, int, at_least=1)
        require("lr_gamma", self.lr_gamma, float, above=0, at_most=1)
        require("mixup", self.mixup, float, at_least=0)
        require("noise", self.noise, float, at_least=0)
        require("scaling", self.scaling, str, one_of=SCALERS)

    def shortened(self, share: float) -> Self:
        """Return the recipe with `share` of its epochs and of its `lr_step`, each at least 1."""
        return replace(self, epochs=_share_of(self.epochs, share), lr_step=_share_of(self.lr_step, share))


def _share_of(count: int, share: float) -> int:
    return max(1, round(count * share))


# What the authors' own program does with ROSMAP: https://github.com/TencentAILabHealthcare/mmdynamics, train_test.py.
# It also prints the metrics of the test set at every fiftieth epoch.
PUBLISHED = Recipe(1000, 1e-4, 1e-4, None, 1000, lr_step=500, lr_gamma=0.2)


class Task(NamedTuple):
    """What is learned from, and what is asked about. The labels of what is asked about are not in here."""

    views: tuple[Floats, ...]
    """V arrays of shape (M, D_v): the samples to learn from."""
    labels: Ints
    """Their classes, shape (M,)."""
    new_views: tuple[Floats, ...]
    """V arrays of shape (N, D_v): the samples to classify."""


def make_task(samples: Samples, train: Ints, new: Ints) -> Task:
    """Take the rows `train` of the samples to learn from, and the rows `new` to classify."""
    return Task(tuple(v[train] for v in samples.views), samples.labels[train], tuple(v[new] for v in samples.views))


class RecipeModel(MMDynamic):
    """`MMDynamic` with the optimizer, the noise and the mixup of a recipe."""

    def __init__(self, in_dim: Sequence[int], num_class: int, recipe: Recipe) -> None:
        config = {"lr": recipe.lr, "reg": recipe.weight_decay, "hidden_dim": recipe.hidden_dim}
        super().__init__(in_dim, num_class, num_class == 2, config)
        self.recipe = recipe

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch, blended and made noisy as the recipe says."""
        views, labels = batch
        if self.recipe.noise:
            views = [view + self.recipe.noise * torch.randn_like(view) for view in views]
        if not self.recipe.mixup:
            return sum(self.loss_terms(self(views), labels).values())
        weight = torch.distributions.Beta(self.recipe.mixup, self.recipe.mixup).sample()
        partner = torch.randperm(len(labels))
        output = self([weight * view + (1 - weight) * view[partner] for view in views])
        losses = [sum(self.loss_terms(output, truth).values()) for truth in (labels, labels[partner])]
        return weight * losses[0] + (1 - weight) * losses[1]

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[Any]]:
        """Adam with weight decay; a learning rate that falls in steps."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, weight_decay=self.reg, fused=True)
        steps = torch.optim.lr_scheduler.StepLR(optimizer, self.recipe.lr_step, self.recipe.lr_gamma)
        return [optimizer], [steps]


class Snapshots(Callback):
    """Classify `views` after some of the epochs; training goes on as if nobody had looked.

    Attributes:
        probabilities: the number of epochs -> class probabilities, shape (N, C).
    """

    def __init__(self, views: Sequence[Tensor], at: Sequence[int]) -> None:
        self.views, self.at = views, set(at)
        self.probabilities: dict[int, Floats] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look before the first epoch."""
        self._look(0, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look after each epoch."""
        self._look(trainer.current_epoch + 1, pl_module)

    def _look(self, epochs: int, module: LightningModule) -> None:
        if epochs not in self.at:
            return
        module.eval()
        with torch.no_grad():
            self.probabilities[epochs] = module(self.views).logit.softmax(dim=1).numpy()
        module.train()


def fit(recipe: Recipe, seed: int, task: Task, at: Sequence[int] = ()) -> Floats:
    """Train on the task and classify its new samples.

    The same arguments give the same numbers, on the same machine. One thread is used, the caller's random numbers are
    left as they are, and nothing is written or printed.

    Args:
        recipe: how to train.
        seed: of the weights, the order of the batches, dropout, noise and mixup.
        task: the samples.
        at: after how many epochs to classify, 0..recipe.epochs; by default, at the end.

    Returns:
        Class probabilities, shape (len(at), N, C).

    Raises:
        InputError: `at` holds an epoch that the recipe does not reach.
    """
    at = tuple(at) or (recipe.epochs,)
    if outside := [epoch for epoch in at if not 0 <= epoch <= recipe.epochs]:
        raise InputError(
            f"at = {outside[0]} is outside the recipe's epochs: give numbers of epochs 0..{recipe.epochs}."
        )
    views, new_views = _scaled(task, recipe.scaling)
    snapshots = Snapshots(new_views, at)
    with isolate_rng(), _quiet_single_thread():
        train_once(recipe, seed, views, torch.from_numpy(task.labels), snapshots)
    return np.stack([snapshots.probabilities[epoch] for epoch in at])


def train_once(recipe: Recipe, seed: int, views: Sequence[Tensor], labels: Tensor, snapshots: Callback) -> None:
    """Seed, make a model and its batches, and train it while the callback looks on."""
    seed_everything(seed, verbose=False)
    sizes, classes = [view.shape[1] for view in views], int(labels.max()) + 1
    model = RecipeModel(sizes, classes, recipe)
    loader = _loader(views, labels, recipe.batch_size, seed)
    _trainer(recipe.epochs, snapshots).fit(model, loader)


def _scaled(task: Task, scaling: str) -> tuple[list[Tensor], list[Tensor]]:
    pairs = zip(task.views, task.new_views, strict=True)
    if SCALERS[scaling]:
        pairs = [_scale_pair(SCALERS[scaling](), *pair) for pair in pairs]
    views, new_views = zip(*pairs, strict=True)
    return [torch.from_numpy(view) for view in views], [torch.from_numpy(view) for view in new_views]


def _scale_pair(scaler: Any, view: Floats, new_view: Floats) -> tuple[Floats, Floats]:
    scaler.fit(view)
    return scaler.transform(view).astype(np.float32), scaler.transform(new_view).astype(np.float32)


def _loader(views: Sequence[Tensor], labels: Tensor, batch_size: int | None, seed: int) -> DataLoader[Batch]:
    dataset = MultiViewDataset(views, labels)
    return DataLoader(
        dataset,
        batch_size=min(batch_size or len(dataset), len(dataset)),
        sampler=EpochOrder(len(dataset), seed),
        collate_fn=already_batched,
        generator=torch.Generator().manual_seed(seed),
    )


def _trainer(epochs: int, callback: Callback) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback],
    )


@contextmanager
def _quiet_single_thread() -> Iterator[None]:
    logger, threads = logging.getLogger("pytorch_lightning"), torch.get_num_threads()
    level, variables = logger.level, {name: os.environ.get(name) for name in _LEFT_BY_SEEDING}
    logger.setLevel(logging.ERROR)
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*have no `val_dataloader`.*")
            warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated.*")
            yield
    finally:
        logger.setLevel(level)
        torch.set_num_threads(threads)
        for name, value in variables.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


_LEFT_BY_SEEDING = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")
