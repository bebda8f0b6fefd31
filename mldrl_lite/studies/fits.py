"""Many fits: in several processes, kept in a folder as they are done; and recipes scored by cross-validation.

Nothing here is given the labels of the test samples: only `judging` needs them.
"""

import multiprocessing
import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pytorch_lightning
import torch
from sklearn.model_selection import StratifiedKFold
from tqdm.auto import tqdm

from mldrl_lite.metrics import evaluate
from mldrl_lite.sources import Floats, Ints, Samples
from mldrl_lite.studies.recipes import Recipe, Task, fit, make_task

# Raise the number when the same recipe and seed would come out otherwise than before: kept results are then not used.
_VERSIONS = (1, torch.__version__, pytorch_lightning.__version__)


class FitCall(NamedTuple):
    """The arguments of one call of `fit`."""

    recipe: Recipe
    seed: int
    task: Task
    at: tuple[int, ...] = ()


def fit_all(
    fits: Sequence[FitCall], cache: str | Path, executor: Executor | None = None, label: str | None = "fits"
) -> list[Floats]:
    """Return what `fit` returns for each of them, from `cache` where it has been computed before.

    A result is kept as soon as it is there, so that an interrupted study goes on where it was. Results are known by
    recipe, seed, samples and epochs, and by the versions of PyTorch and Lightning. A bar shows the progress.

    Args:
        fits: what to fit.
        cache: a folder, made if it is not there.
        executor: where to run what is missing, such as a `process_pool`; it has to see the same `cache`. By default,
            one fit after the other in this process.
        label: stands before the bar; None shows no bar.
    """
    places = [Path(cache, f"{joblib.hash((tuple(one), _VERSIONS))}.npy") for one in fits]
    missing = {place: one for place, one in zip(places, fits, strict=True) if not place.is_file()}
    Path(cache).mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(missing), desc=label, unit="fit", disable=not missing or label is None) as bar:
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


def score_parts(
    parts: Sequence[tuple[Recipe, int]],
    samples: Samples,
    train: Ints,
    cache: str | Path,
    folds: int = 5,
    executor: Executor | None = None,
) -> list[float]:
    """Score recipes on parts of the training samples that they have not learned from.

    The rows `train` are cut into stratified folds, always the same. No other row is looked at.

    Args:
        parts: a recipe, and the number of the fold that is held out; for each of them.
        samples: all of them.
        train: the rows to cut.
        cache: the folder of `fit_all`.
        folds: how many.
        executor: that of `fit_all`.

    Returns:
        The area under the ROC curve of each held-out fold, of two classes.
    """
    labels = samples.labels[train]
    cuts = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(labels, labels))
    tasks = {fold: make_task(samples, train[cuts[fold][0]], train[cuts[fold][1]]) for _, fold in parts}
    results = fit_all([FitCall(recipe, fold, tasks[fold]) for recipe, fold in parts], cache, executor, label=None)
    return [
        evaluate(labels[cuts[fold][1]], result[-1], binary=True)["auroc"]
        for (_, fold), result in zip(parts, results, strict=True)
    ]
