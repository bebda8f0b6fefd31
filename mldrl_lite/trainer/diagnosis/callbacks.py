"""Callbacks that another Trainer has used."""

import math
from collections.abc import Iterator

from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, Timer

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.run import Run

_HAS_RUN = {
    EarlyStopping: (
        lambda early: early.wait_count or early.stopped_epoch or math.isfinite(float(early.best_score)),
        "It still knows the best score of the run before, and how long that is ago: it stops the next run early.",
    ),
    ModelCheckpoint: (
        lambda checkpoint: checkpoint.best_model_path or checkpoint.last_model_path or checkpoint.best_k_models,
        "It still knows the best scores of the run before: a worse model of the next run is not saved, and "
        "best_model_path may name the older file.",
    ),
    Timer: (
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
            if isinstance(callback, kind) and has_run(callback):
                name = type(callback).__name__
                where, fix = f"trainer.callbacks[{place}]", f"Make a new {name} for each run."
                yield Finding("callback that already ran", f"This {name} has been in a run before.", where, why, fix)
