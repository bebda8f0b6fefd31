"""Callbacks that watch what nothing logs, and curves that stay empty."""

import math
import re
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.live import class_of, is_a, overrides
from mldrl_lite.trainer.diagnosis.run import Run, loader_of, set_up
from mldrl_lite.trainer.diagnosis.source import place_of
from mldrl_lite.trainer.rules.logs import logs_of
from mldrl_lite.trainer.rules.monitors import is_logged, unlogged, wrong_direction


def unlogged_monitors(run: Run) -> Iterator[Finding]:
    """Callbacks that watch a metric under a name that nothing logs."""
    logs = logs_of([class_of(owner) for owner in (run.model, *run.callbacks)])
    more = ["lr-.*" for callback in run.callbacks if is_a(callback, "LearningRateMonitor")]
    for place, callback in enumerate(run.callbacks):
        monitor = getattr(callback, "monitor", None)
        own = ("epoch", "step") if is_a(callback, "ModelCheckpoint") else ()
        if logs.complete and isinstance(monitor, str) and monitor not in own and not is_logged(monitor, logs, more):
            what, why, fix = unlogged(type(callback).__name__, monitor, logs)
            where = f"{place_of(type(run.model))}, trainer.callbacks[{place}]"
            yield Finding("monitor that nothing logs", what, where, why, fix)


def wrong_directions(run: Run) -> Iterator[Finding]:
    """Callbacks that wait for the wrong end of a metric."""
    for place, callback in enumerate(run.callbacks):
        monitor, mode = getattr(callback, "monitor", None), getattr(callback, "mode", None)
        watches = is_a(callback, "EarlyStopping") or is_a(callback, "ModelCheckpoint")
        if watches and isinstance(monitor, str) and isinstance(mode, str):
            words = wrong_direction(type(callback).__name__, monitor, mode)
            if words:
                what, why, fix = words
                yield Finding("monitor in the wrong direction", what, f"trainer.callbacks[{place}]", why, fix)


_NOT_PER_STEP = re.compile(r"(on_)?(validation|test|predict)_|.*_epoch_(start|end)$")


def sparse_logging(run: Run) -> Iterator[Finding]:
    """What is logged per step is written at every log_every_n_steps-th step of the run, so perhaps never."""
    trainer = run.trainer
    if trainer is None or not trainer.loggers or trainer.fast_dev_run or not trainer.log_every_n_steps:
        return
    calls = [log for log in logs_of([class_of(run.model)]).calls if not _NOT_PER_STEP.match(log.method)]
    batches = training_batches(run)
    every = trainer.log_every_n_steps
    if batches is None or batches >= every or all(log.on_step is False for log in calls):
        return
    steps = steps_of_the_run(trainer, batches)
    yield Finding(
        "log_every_n_steps above the batches",
        f"log_every_n_steps is {every}, and an epoch has {batches} steps: what training_step logs is written "
        f"{steps // every} times in the {steps} steps of the run.",
        _place_of_loader(run),
        "It counts steps, not epochs: the curves of the training are sparse, or empty.",
        f"Give Trainer(log_every_n_steps={max(1, batches // 10)}), or log with on_step=False, on_epoch=True.",
    )


def _place_of_loader(run: Run) -> str:
    return place_of(_owner_of_loaders(run).train_dataloader) if not run.loaders else "the DataLoader of training"


def _owner_of_loaders(run: Run) -> Any:
    return run.model if run.datamodule is None else run.datamodule


def steps_of_the_run(trainer: Any, steps_per_epoch: int) -> int:
    """Return the number of optimizer steps until `max_epochs` or `max_steps`."""
    by_epochs = trainer.max_epochs * steps_per_epoch if (trainer.max_epochs or -1) > 0 else math.inf
    by_steps = trainer.max_steps if trainer.max_steps > 0 else math.inf
    return min(by_epochs, by_steps, 10**6)


def training_loader(run: Run) -> Any:
    """Return the loader of training, of a copy that was set up; None if it cannot be had before the run."""
    owner = _owner_of_loaders(run)
    if run.loaders:
        return run.loaders[0]
    if owner is run.model and not overrides(owner, "train_dataloader"):
        return None  # the loader will be given to fit
    return loader_of(set_up(owner, "fit"), "train")


def training_batches(run: Run) -> int | None:
    """Return the number of optimizer steps in an epoch, None if it cannot be told."""
    loader, trainer = training_loader(run), run.trainer
    try:
        batches = math.ceil(len(loader) / trainer.world_size) if isinstance(loader, DataLoader) else None
    except TypeError:
        return None  # an IterableDataset has no length
    limit, accumulated = trainer.limit_train_batches, trainer.accumulate_grad_batches
    if batches is None or not isinstance(accumulated, int):
        return None
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    return math.ceil(batches / accumulated)
