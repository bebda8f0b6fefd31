"""Callbacks that watch what nothing logs, and curves that stay empty."""

import math
import re
from collections.abc import Iterator

from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from torch.utils.data import DataLoader

from mldrl_lite.messages import did_you_mean, listing
from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.logs import logs_of
from mldrl_lite.trainer.diagnosis.run import Run, loader_of, overrides, set_up
from mldrl_lite.trainer.diagnosis.source import place_of


def unlogged_monitors(run: Run) -> Iterator[Finding]:
    """Callbacks that watch a metric under a name that nothing logs."""
    logs = logs_of(type(run.model), *(type(callback) for callback in run.callbacks))
    patterns = [log.pattern for log in logs.calls if log.pattern]
    patterns += ["lr-.*" for callback in run.callbacks if isinstance(callback, LearningRateMonitor)]
    any_form = re.compile(rf"({'|'.join(patterns)})(_step|_epoch)?(/dataloader_idx_\d+)?")
    names = list(dict.fromkeys(logs.names()))
    for place, callback in enumerate(run.callbacks):
        monitor = getattr(callback, "monitor", None)
        own = ("epoch", "step") if isinstance(callback, ModelCheckpoint) else ()
        if not logs.complete or not isinstance(monitor, str) or monitor in own:
            continue
        if not patterns or not any_form.fullmatch(monitor):
            yield Finding(
                "monitor that nothing logs",
                f"{type(callback).__name__} monitors {monitor!r}, and nothing logs that{did_you_mean(monitor, names)}.",
                f"{place_of(type(run.model))}, trainer.callbacks[{place}]",
                "The run stops with an error after its first epoch or, without validation batches, saves nothing.",
                f"Monitor {listing(names)}." if names else f"Call self.log({monitor!r}, …) in the model.",
            )


_NOT_PER_STEP = re.compile(r"(on_)?(validation|test|predict)_|.*_epoch_(start|end)$")


def sparse_logging(run: Run) -> Iterator[Finding]:
    """What is logged per step is written at every log_every_n_steps-th step of the run, so perhaps never."""
    trainer = run.trainer
    if trainer is None or not trainer.loggers or trainer.fast_dev_run or not trainer.log_every_n_steps:
        return
    calls = [log for log in logs_of(type(run.model)).calls if not _NOT_PER_STEP.match(log.method)]
    batches = _training_batches(run)
    every = trainer.log_every_n_steps
    if batches is None or batches >= every or all(log.on_step is False for log in calls):
        return
    steps = _steps_of_the_run(trainer, batches)
    yield Finding(
        "log_every_n_steps above the batches",
        f"log_every_n_steps is {every}, and an epoch has {batches} steps: what training_step logs is written "
        f"{steps // every} times in the {steps} steps of the run.",
        place_of(_owner_of_loaders(run).train_dataloader),
        "It counts steps, not epochs: the curves of the training are sparse, or empty.",
        f"Give Trainer(log_every_n_steps={max(1, batches // 10)}), or log with on_step=False, on_epoch=True.",
    )


def _steps_of_the_run(trainer: Trainer, steps_per_epoch: int) -> int:
    by_epochs = trainer.max_epochs * steps_per_epoch if (trainer.max_epochs or -1) > 0 else math.inf
    by_steps = trainer.max_steps if trainer.max_steps > 0 else math.inf
    return min(by_epochs, by_steps, 10**6)


def _owner_of_loaders(run: Run) -> LightningDataModule | LightningModule:
    return run.model if run.datamodule is None else run.datamodule


def _training_batches(run: Run) -> int | None:
    """Return the number of optimizer steps in an epoch, None if it cannot be told."""
    owner, trainer = _owner_of_loaders(run), run.trainer
    if owner is run.model and not overrides(owner, LightningModule, "train_dataloader"):
        return None  # the loader will be given to fit
    loader = loader_of(set_up(owner, "fit"), "train")
    try:
        batches = math.ceil(len(loader) / trainer.world_size) if isinstance(loader, DataLoader) else None
    except TypeError:
        return None  # an IterableDataset has no length
    limit, accumulated = trainer.limit_train_batches, trainer.accumulate_grad_batches
    if batches is None or not isinstance(accumulated, int):
        return None
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    return math.ceil(batches / accumulated)
