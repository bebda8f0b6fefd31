"""Callbacks that another Trainer has used."""

import math
from collections.abc import Iterator
from typing import Any

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.live import is_a
from mldrl_lite.trainer.diagnosis.monitors import steps_of_the_run, training_batches
from mldrl_lite.trainer.diagnosis.run import Run
from mldrl_lite.trainer.rules.reach import no_checkpoint, no_validation

_HAS_RUN = {
    "EarlyStopping": (
        lambda early: early.wait_count or early.stopped_epoch or math.isfinite(float(early.best_score)),
        "It still knows the best score of the run before, and how long that is ago: it stops the next run early.",
    ),
    "ModelCheckpoint": (
        lambda checkpoint: checkpoint.best_model_path or checkpoint.last_model_path or checkpoint.best_k_models,
        "It still knows the best scores of the run before: a worse model of the next run is not saved, and "
        "best_model_path may name the older file.",
    ),
    "Timer": (
        lambda timer: timer.start_time("train") is not None,
        "It still knows when the run before ended: the next one stops at once if the time was up, and otherwise never.",
    ),
}


def used_callbacks(run: Run) -> Iterator[Finding]:
    """Callbacks that another Trainer has used, with what they remember."""
    if run.trainer is None or run.trainer.global_step:  # then this very Trainer has used them
        return
    for place, callback in enumerate(run.callbacks):
        for kind, (has_run, why) in _HAS_RUN.items():
            if is_a(callback, kind) and has_run(callback):
                name = type(callback).__name__
                where, fix = f"trainer.callbacks[{place}]", f"Make a new {name} for each run."
                yield Finding("callback that already ran", f"This {name} has been in a run before.", where, why, fix)


def beyond_the_run(run: Run) -> Iterator[Finding]:
    """Validation and checkpoints that are due only after the run."""
    trainer = run.trainer
    if trainer is None or trainer.fast_dev_run:
        return
    epochs, every = trainer.max_epochs or -1, trainer.check_val_every_n_epoch
    if every is not None and 0 < epochs < every:
        yield Finding("validation that this run never reaches", *_placed(no_validation(every, epochs), "trainer"))
    for place, callback in enumerate(run.callbacks):
        words = _never_saves(callback, epochs, run) if is_a(callback, "ModelCheckpoint") else None
        if words:
            where = f"trainer.callbacks[{place}]"
            yield Finding("checkpoint that this run never reaches", *_placed(words, where))


def _placed(words: tuple[str, str, str], where: str) -> tuple[str, str, str, str]:
    what, why, fix = words
    return what, where, why, fix


def _never_saves(checkpoint: Any, epochs: int, run: Run) -> tuple[str, str, str] | None:
    # Lightning keeps what it was given under these names only.
    by_epochs = getattr(checkpoint, "_every_n_epochs", 0)
    by_steps = getattr(checkpoint, "_every_n_train_steps", 0)
    if by_steps:
        batches = training_batches(run)
        steps = math.inf if batches is None else steps_of_the_run(run.trainer, batches)
        if 0 < run.trainer.max_steps < steps:
            steps = run.trainer.max_steps
        return no_checkpoint("every_n_train_steps", by_steps, f"{steps} steps") if steps < by_steps else None
    return no_checkpoint("every_n_epochs", by_epochs, f"{epochs} epochs") if 0 < epochs < by_epochs else None
