"""The checks of notebook A1."""

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_yet, right
from mldrl_lite.teach.exercises.trial import N_BATCHES, LogsItsLoss, not_arguments, trial_of


@in_steps
def check_validates_every_six(answer: object) -> Feedback:
    """Check Trainer arguments that validate after every 6 batches in epochs of 4, by a run with them."""
    if nudge := not_arguments(answer):
        return nudge
    try:
        watch = _watched_run(answer, max_epochs=6, logger=False)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if watch.in_epoch != N_BATCHES:
        return not_yet(f"an epoch of this run has {watch.in_epoch} batches; it is to keep its {N_BATCHES}.")
    if watch.validated == list(range(6, watch.batches + 1, 6)) and watch.validated:
        return right(f"in {watch.batches} batches, it validates after {watch.validated}, wherever an epoch ends.")
    if not watch.validated:
        return not_yet(f"this run ends after {watch.batches} batches and has not validated at all.")
    if not [batches for batches in watch.validated if batches % N_BATCHES]:
        return not_yet(
            f"it validates after {watch.validated} batches: at ends of epochs; which argument counts batches?"
        )
    return not_yet(f"it validates after {watch.validated} batches; after every 6 is asked for.")


@in_steps
def check_logged_four_times(answer: object) -> Feedback:
    """Check Trainer arguments that log a loss at every second of 8 steps, by a run with them."""
    if nudge := not_arguments(answer):
        return nudge
    if "logger" in answer and answer["logger"] in (False, []):
        return not_yet("without a logger, nothing is written at all.")
    log = _LossSteps()
    try:
        watch = _watched_run(answer, max_epochs=2, logger=log)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if watch.batches != 2 * N_BATCHES:
        return not_yet(f"this run sees {watch.batches} training batches; two epochs of {N_BATCHES} are asked for.")
    if not log.steps:
        return not_yet("no loss is written; how many steps does the run have, and how many lie between two log lines?")
    if len(log.steps) != N_BATCHES:
        return not_yet(f"the loss is written {len(log.steps)} time(s), at steps {log.steps}; four are asked for.")
    if log.steps != list(range(1, 2 * N_BATCHES, 2)):
        return not_yet(
            f"the loss is written at steps {log.steps}; the run is to keep its 8 steps, and log every second."
        )
    return right(f"the loss is written at steps {log.steps}: the count starts at 0, and every second one is kept.")


@in_steps
def check_mended_call(answer: object) -> Feedback:
    """Check Trainer arguments for 3 epochs of 4 batches, a validation after each, and every step in the log."""
    if nudge := not_arguments(answer):
        return nudge
    log = _LossSteps()
    try:
        watch = _watched_run(answer, max_epochs=3, logger=log)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if watch.in_epoch != N_BATCHES:
        return not_yet(f"an epoch has {watch.in_epoch} batch(es), and {N_BATCHES} are there; what does 1 say, and 1.0?")
    if watch.batches != 3 * N_BATCHES:
        return not_yet(f"the run sees {watch.batches} batches; three epochs of {N_BATCHES} are asked for.")
    if watch.validated != [N_BATCHES, 2 * N_BATCHES, 3 * N_BATCHES]:
        return not_yet(f"it validates after {watch.validated} batches; once for each epoch is asked for.")
    if watch.val_batches != 3 * N_BATCHES:
        return not_yet(f"three validations see {watch.val_batches} batches; each is to see all {N_BATCHES}.")
    if log.steps != list(range(3 * N_BATCHES)):
        return not_yet(f"the loss is written at {len(log.steps)} of 12 steps; how many lie between two log lines?")
    return _judge_clipping(answer.get("gradient_clip_val"), answer.get("gradient_clip_algorithm") or "norm")


def _judge_clipping(limit: object, algorithm: object) -> Feedback:
    if not limit:
        return not_yet("gradients are not clipped to a norm of 1; an algorithm alone has no limit.")
    if str(algorithm) != "norm":
        return not_yet("each number of a gradient is clipped by itself, and the norm of all may be above 1.")
    if limit != 1:
        return not_yet(f"gradients are clipped to a norm of {limit}; 1 is asked for.")
    return right("twelve batches, a validation after each four, twelve values in the log, and gradients within 1.")


def _watched_run(arguments: dict[str, object], max_epochs: int, logger: object) -> "_Watch":
    """Train a tiny model in epochs of `N_BATCHES` batches; `max_epochs` holds where the arguments have none."""
    watch = _Watch()
    batches = DataLoader(torch.zeros(N_BATCHES))
    with trial_of({"max_epochs": max_epochs, **arguments}, watch) as trial:
        Trainer(**trial | {"logger": logger}).fit(LogsItsLoss(), batches, batches)
    return watch


class _Watch(Callback):
    """Note after how many batches validation runs, and how many it sees; end a run of more than twelve epochs."""

    def __init__(self) -> None:
        self.batches = self.in_epoch = self.val_batches = 0
        self.validated: list[int] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.in_epoch = trainer.num_training_batches

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.batches += 1
        trainer.should_stop = trainer.should_stop or self.batches >= 12 * N_BATCHES

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.validated.append(self.batches)

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.val_batches += not trainer.sanity_checking


class _LossSteps(DummyLogger):
    """Note the steps at which the training loss is written."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if "train_loss" in metrics:
            self.steps.append(int(step or 0))
