"""An honest comparison, step by step, as notebook 09 makes it: small on its own data, in full on ROSMAP.

Test labels are not needed here, but to deal the classes out to both parts: `findings` judges.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mldrl_lite.datamodule import fold_split
from mldrl_lite.messages import InputError, require
from mldrl_lite.runs.search.space import Range, Values
from mldrl_lite.runs.search.trials import Goal, Search, Spec
from mldrl_lite.sources import Floats, Ints, Samples
from mldrl_lite.studies.baselines import BASELINES, fit_baseline
from mldrl_lite.studies.fits import FitCall, fit_all, score_parts
from mldrl_lite.studies.recipes import PUBLISHED, Recipe, Task

RECIPES = {
    "script of 2023": Recipe(hidden_dim=50, lr=1e-5, epochs=30),
    "lr 1e-3, longer": Recipe(hidden_dim=50, lr=1e-3, epochs=100),
    "published protocol": PUBLISHED,
}
"""What is compared before anything is chosen."""

WATCHED = "lr 1e-3, longer"
"""The recipe that notebook 09 watches in its own run: quick in full, and on `SIMULATED` it learns beyond its best."""

SPACE: dict[str, Range | Values] = {
    "hidden_dim": Values((50, 128, 256, 512)),
    "lr": Range(3e-4, 1e-2, log=True),
    "weight_decay": Range(1e-6, 1e-2, log=True),
    "epochs": Range(40, 160),
    "lr_step": Values((10, 20, 160)),
    "mixup": Values((0.0, 1.0)),
    "noise": Range(0.0, 0.3),
    "scaling": Values(("min-max", "z-score")),
}
"""What the search may choose from."""

N_LOOKS = 21
"""So often one looks at the test samples on the way, as the authors' own program does on its own way."""
CHOSEN, ENSEMBLES, IN_AN_ENSEMBLE = "chosen on train", "chosen, ensembles of 5", 5


@dataclass(frozen=True)
class Settings:
    """How much of the study is run.

    Raises:
        InputError: a value is of the wrong type or out of range.
    """

    folds: int = 5
    """Parts of each cross-validation."""
    seeds: int = 10
    """Runs of each recipe."""
    share: float = 1.0
    """Share of each recipe's epochs that is trained."""
    trials: int = 16
    """Recipes that the search tries."""

    def __post_init__(self) -> None:
        require("folds", self.folds, int, at_least=2)
        require("seeds", self.seeds, int, at_least=2)
        require("share", self.share, float, above=0, at_most=1)
        require("trials", self.trials, int, at_least=1)


def two_classes(samples: Samples) -> Samples:
    """Return the samples of the two largest classes, as classes 0 and 1; all of them where there are two.

    Raises:
        InputError: a class has fewer than 8 samples, too few to learn from, choose by and test on.
    """
    counts = np.bincount(samples.labels, minlength=2)
    kept = np.sort(np.argsort(-counts, kind="stable")[:2])
    if counts[kept].min() < 8:
        raise InputError(
            f"The classes have {counts[kept[0]]} and {counts[kept[1]]} samples: give data with 8 or more of each."
        )
    rows = np.flatnonzero(np.isin(samples.labels, kept))
    flags = {name: getattr(samples, name) for name in ("published_test", "corrupted")}
    return replace(
        samples,
        views=tuple(view[rows] for view in samples.views),
        labels=(samples.labels[rows] == kept[1]).astype(np.int64),
        class_names=tuple(samples.class_names[i] for i in kept),
        **{name: None if flag is None else flag[rows] for name, flag in flags.items()},
    )


def split_samples(samples: Samples) -> tuple[Ints, Ints]:
    """Return the rows to learn from and the rows to test on: as published, or else three quarters and one."""
    in_test = samples.published_test
    if in_test is None:
        in_test = np.isin(np.arange(len(samples.labels)), fold_split(samples.labels, cv=0, n_folds=4).test)
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def run_baselines(task: Task, folds: int) -> tuple[dict[str, Floats], dict[str, dict[str, Any]]]:
    """Tune and fit every baseline.

    Returns:
        Class probabilities of the new samples, shape (1, N, 2), and the settings that were chosen; by name.
    """
    found = {name: fit_baseline(name, task, folds) for name in BASELINES}
    return {name: p[None] for name, (p, _) in found.items()}, {name: chosen for name, (_, chosen) in found.items()}


def look_epochs(recipe: Recipe) -> tuple[int, ...]:
    """Return after how many epochs one looks: at the start, at the end, and in equal steps between."""
    return tuple(dict.fromkeys(round(recipe.epochs * i / (N_LOOKS - 1)) for i in range(N_LOOKS)))


def run_recipe(
    recipe: Recipe,
    seeds: int,
    task: Task,
    cache: str | Path,
    executor: Executor | None = None,
    at: tuple[int, ...] = (),
    label: str = "fits",
) -> Floats:
    """Fit a recipe with as many seeds, from 0 on.

    Args:
        recipe: what to fit.
        seeds: how often.
        task: the samples.
        cache: the folder of `fit_all`.
        executor: that of `fit_all`.
        at: after how many epochs to classify; by default, at the end.
        label: stands before the bar.

    Returns:
        Class probabilities of the new samples, shape (seeds, len(at), N, 2).
    """
    calls = [FitCall(recipe, seed, task, at) for seed in range(seeds)]
    return np.stack(fit_all(calls, cache, executor, label=label))


def runs_for_ensembles(seeds: int) -> int:
    """Return how often the chosen recipe is run, so that there are two ensembles, or half as many as seeds."""
    return IN_AN_ENSEMBLE * max(2, seeds // 2)


def recipe_of(parameters: Mapping[str, Any], share: float) -> Recipe:
    """Return the recipe of a trial, with `share` of its epochs."""
    return Recipe(**parameters).shortened(share)


def search_recipe(
    samples: Samples, train: Ints, settings: Settings, folder: Path, executor: Executor | None = None
) -> Search:
    """Search for a recipe on the rows `train` alone; no other row is looked at.

    A trial is judged by the mean area under the ROC curve over the parts of a cross-validation, `val_auroc`. It is the
    search of `mldrl-lite search`, of fits instead of notebooks. Interrupted, the same call goes on.

    Args:
        samples: all of them.
        train: the rows to learn from and to choose by.
        settings: `folds`, `share` and `trials` of it.
        folder: of the search; `fits` beside it holds the fits.
        executor: that of `fit_all`.
    """
    spec = Spec(
        notebook="recipes",
        goal=Goal("val_auroc", maximize=True),
        space=SPACE,
        repeats=tuple({"fold": fold} for fold in range(settings.folds)),
    )

    def run(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        parts = [(recipe_of(_without_fold(point), settings.share), point["fold"]) for point in points]
        areas = score_parts(parts, samples, train, folder.parent / "fits", settings.folds, executor)
        return [{"status": "ok", "val_auroc": area} for area in areas]

    search = Search(spec, folder)
    search.go_on(settings.trials, run, at_once=settings.folds)
    return search


def _without_fold(point: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in point.items() if name != "fold"}
