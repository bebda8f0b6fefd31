"""A recipe says how `MMDynamic` is trained; here recipes and plain baselines meet the same data, and are compared.

Nothing in this module that trains or chooses a model is given the labels of the test samples: they are needed only by
the functions that judge, at the end of the file.
"""

import logging
import multiprocessing
import os
import threading
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import joblib
import numpy as np
import pandas as pd
import pytorch_lightning
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.utilities.seed import isolate_rng
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mldrl_lite.datamodule import Batch, MultiViewDataset, already_batched
from mldrl_lite.messages import InputError, did_you_mean, listing, require
from mldrl_lite.metrics import evaluate
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


# ---------------------------------------------------------------------------------------------------------------------
# One fit


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
    with isolate_rng(), _quiet_single_thread():
        seed_everything(seed, verbose=False)
        model = RecipeModel([view.shape[1] for view in views], int(task.labels.max()) + 1, recipe)
        snapshots = Snapshots(new_views, at)
        loader = _loader(views, torch.from_numpy(task.labels), recipe.batch_size, seed)
        _trainer(recipe.epochs, snapshots).fit(model, loader)
    return np.stack([snapshots.probabilities[epoch] for epoch in at])


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


# ---------------------------------------------------------------------------------------------------------------------
# Many fits

# Raise the number when the same recipe and seed would come out otherwise than before: kept results are then not used.
_VERSIONS = (1, torch.__version__, pytorch_lightning.__version__)


class FitCall(NamedTuple):
    """The arguments of one call of `fit`."""

    recipe: Recipe
    seed: int
    task: Task
    at: tuple[int, ...] = ()


def fit_all(
    fits: Sequence[FitCall], cache: str | Path, executor: Executor | None = None, label: str = "fits"
) -> list[Floats]:
    """Return what `fit` returns for each of them, from `cache` where it has been computed before.

    A result is kept as soon as it is there, so that an interrupted study goes on where it was. Results are known by
    recipe, seed, samples and epochs, and by the versions of PyTorch and Lightning. A bar shows the progress.

    Args:
        fits: what to fit.
        cache: a folder, made if it is not there.
        executor: where to run what is missing, such as a `process_pool`; it has to see the same `cache`. By default,
            one fit after the other in this process.
        label: stands before the bar.
    """
    places = [Path(cache, f"{joblib.hash((tuple(one), _VERSIONS))}.npy") for one in fits]
    missing = {place: one for place, one in zip(places, fits, strict=True) if not place.is_file()}
    Path(cache).mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(missing), desc=label, unit="fit", disable=not missing) as bar:
        for _ in _run(missing, executor):
            bar.update()
    return [np.load(place) for place in places]


def _run(fits: Mapping[Path, FitCall], executor: Executor | None) -> Iterator[None]:
    """Fit, and yield whenever a fit is done."""
    if not executor:
        yield from (_keep(one, place) for place, one in fits.items())
        return
    futures = [executor.submit(_keep, one, place) for place, one in fits.items()]
    try:
        yield from (done.result() for done in as_completed(futures))
    finally:
        for future in futures:
            future.cancel()  # after an error or an interrupt, start no more


def process_pool(jobs: int) -> ProcessPoolExecutor:
    """Return an executor of up to `jobs` processes, which end with this one even if it is killed; `shutdown` it."""
    # Spawned, not forked: a fork copies the locks of whatever threads this process runs, and may wait for ever.
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _keep(one: FitCall, place: Path) -> None:
    """Fit, and leave the result in the file `place`, whole or not at all."""
    result = fit(*one)
    part = place.with_suffix(f".{uuid.uuid4().hex[:8]}.part")  # other machines may share the folder
    with part.open("wb") as file:
        np.save(file, result)
    part.replace(place)


# ---------------------------------------------------------------------------------------------------------------------
# Baselines and the choice of a recipe, on the training samples alone


class Baseline(NamedTuple):
    """A classifier of scikit-learn, and the settings that cross-validation chooses from."""

    classifier: ClassifierMixin
    grid: Mapping[str, Sequence[Any]]


BASELINES = {
    "logistic regression": Baseline(LogisticRegression(max_iter=5000), {"C": np.logspace(-3, 0, 7).tolist()}),
    "shrinkage LDA": Baseline(LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [0.1, 0.3, 0.5, 0.7, 0.9]}),
    # Calibrated in one piece, which gives probabilities and keeps the order of the samples.
    "RBF SVM": Baseline(
        CalibratedClassifierCV(SVC(), ensemble=False), {"estimator__C": np.logspace(-1, 2, 7).tolist()}
    ),
    "random forest": Baseline(RandomForestClassifier(200, random_state=0), {"min_samples_leaf": [1, 3, 5]}),
}


def fit_baseline(name: str, task: Task, folds: int = 5) -> tuple[Floats, dict[str, Any]]:
    """Tune a baseline by cross-validation on the task's samples, fit it on all of them, and classify the new ones.

    The views stand side by side, each feature scaled to mean 0 and standard deviation 1. What is chosen has the best
    area under the ROC curve.

    Returns:
        Class probabilities, shape (N, C), and the settings that were chosen.

    Raises:
        InputError: no baseline has that name.
    """
    if name not in BASELINES:
        raise InputError(f"No baseline {name!r}{did_you_mean(name, BASELINES)}: give {listing(BASELINES)}.")
    classifier, grid = BASELINES[name]
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", classifier)])
    grid = {f"classify__{key}": values for key, values in grid.items()}
    search = GridSearchCV(
        pipeline, grid, scoring="roc_auc_ovr", cv=StratifiedKFold(folds, shuffle=True, random_state=0)
    )
    search.fit(np.concatenate(task.views, axis=1), task.labels)
    chosen = {key.rpartition("__")[2]: value for key, value in search.best_params_.items()}
    return search.predict_proba(np.concatenate(task.new_views, axis=1)), chosen


def cross_validate(
    candidates: Mapping[str, Recipe],
    samples: Samples,
    train: Ints,
    cache: str | Path,
    folds: int = 5,
    seeds: int = 2,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Score recipes on parts of the training samples that they have not learned from.

    The rows `train` are cut into stratified folds, the same for all candidates. No other row is looked at.

    Returns:
        A row per candidate, fold and seed: `recipe`, `fold`, `seed`, and the metrics of `evaluate`.
    """
    labels = samples.labels[train]
    cuts = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(labels, labels))
    runs = [(name, fold, seed) for name in candidates for fold in range(folds) for seed in range(seeds)]
    tasks = [make_task(samples, train[rest], train[held_out]) for rest, held_out in cuts]
    results = fit_all(
        [FitCall(candidates[name], seed, tasks[fold]) for name, fold, seed in runs], cache, executor, "cross-validation"
    )
    metrics = [
        evaluate(labels[cuts[fold][1]], result[-1], result.shape[-1] == 2)
        for (_, fold, _), result in zip(runs, results, strict=True)
    ]
    return pd.DataFrame(runs, columns=["recipe", "fold", "seed"]).join(pd.DataFrame(metrics))


def ensembles(probabilities: Floats, size: int) -> Floats:
    """Average the probabilities (R, N, C) of each `size` runs that follow each other: shape (R // size, N, C)."""
    runs, *rest = probabilities.shape
    return probabilities[: runs // size * size].reshape(runs // size, size, *rest).mean(axis=1)


# ---------------------------------------------------------------------------------------------------------------------
# Judging


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
