"""The checks of notebook 04."""

import math

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Timer
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import Feedback, described, in_steps, not_answered, not_yet, number, right
from mldrl_lite.teach.exercises.trial import N_BATCHES, LogsItsLoss, ThreeEpochs, not_arguments, trial_of


@in_steps
def check_accumulated_steps(answer: object, n_batches: int, max_epochs: int, accumulate: int) -> Feedback:
    """Check the number of optimizer steps in a run that accumulates gradients."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    whole, rest = divmod(n_batches, accumulate)
    steps = max_epochs * (whole + (rest > 0))
    if given == steps:
        return right(f"each epoch has {whole} steps from {accumulate} batches, and one from the {rest} that are left.")
    if given == whole + (rest > 0):
        return not_yet(f"that is one epoch; the run has {max_epochs}.")
    if given == n_batches * max_epochs:
        return not_yet("that is one step per batch; how many batches go into one step?")
    if given == max_epochs * whole:
        return not_yet("what happens to the batches that are left at the end of each epoch?")
    if given in (n_batches * max_epochs / accumulate, -(-n_batches * max_epochs // accumulate)):
        return not_yet("that would be so if gradients were kept from one epoch to the next; look at one epoch alone.")
    return not_yet("count the steps of one epoch first; the table above has one with a rest.")


@in_steps
def check_short_epoch(answer: object) -> Feedback:
    """Check Trainer arguments for two epochs of one training batch and all validation batches, by a run with them."""
    if nudge := not_arguments(answer):
        return nudge
    try:
        train, val = _batches_seen_with(answer)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if max(len(train), len(val)) > 2:
        return not_yet("this run goes on after its second epoch; which argument ends it?")
    if [count for count in train if count != 1]:
        return not_yet(f"an epoch of {N_BATCHES} batches trained on {max(train)} of them; which value means one?")
    if [count for count in val if count != N_BATCHES]:
        return not_yet(
            f"of {N_BATCHES} validation batches, an epoch saw {min(val)}; which value means all, and which one?"
        )
    if (len(train), len(val)) != (2, 2):
        return not_yet(f"this run has {len(train)} epochs and validates {len(val)} times; two and two are asked for.")
    return right(f"two epochs, each with 1 of {N_BATCHES} training batches and all {N_BATCHES} for validation.")


def _batches_seen_with(arguments: dict[str, object]) -> tuple[list[int], list[int]]:
    """Return the numbers of training batches and of validation batches of each epoch."""
    counter = _BatchCounter()
    batches = DataLoader(torch.zeros(N_BATCHES))
    with trial_of(arguments, counter) as trial:
        Trainer(**trial).fit(ThreeEpochs(), batches, batches)
    return counter.train, counter.val


class _BatchCounter(Callback):
    """Count the batches of each epoch; end a run that would go on for more than three."""

    def __init__(self) -> None:
        self.train: list[int] = []
        self.val: list[int] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.train.append(0)
        trainer.should_stop = trainer.should_stop or len(self.train) == 3

    def on_train_batch_end(self, *_: object) -> None:
        self.train[-1] += 1

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.val.append(0)

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        if not trainer.sanity_checking:
            self.val[-1] += 1


@in_steps
def check_week_end_trainer(answer: object) -> Feedback:
    """Check a Trainer that stops after two days alone, validates every 5 epochs and logs every 10 steps."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"{described(answer)}; give the object that Trainer(...) returns.")
    timers = [callback.time_remaining() for callback in answer.callbacks if isinstance(callback, Timer)]
    days = [seconds / 86400 for seconds in timers if seconds is not None]
    if not days:
        return not_yet("it does not look at the clock; which argument takes a time?")
    if not math.isclose(min(days), 2, rel_tol=1e-3):
        return not_yet(f"it stops after {min(days):.3g} days; in DD:HH:MM:SS, which place holds the days?")
    if answer.max_steps != -1 or answer.max_epochs not in (None, -1):
        return not_yet("it also counts epochs or steps, and may stop before the two days are over.")
    if answer.min_epochs or (answer.min_steps or -1) > 0:
        return not_yet("it has a least number of epochs or steps, and may go on when the two days are over.")
    if (answer.limit_train_batches, type(answer.limit_train_batches)) != (1, float):
        return not_yet("it trains on a part of each epoch, and nobody asked for that; what does 1 say, and 1.0?")
    if answer.limit_val_batches == 0:
        return not_yet("it does not validate at all; what do you limit?")
    if answer.val_check_interval != 1.0:
        return not_yet("it validates at other moments than the end of an epoch; what have you changed there?")
    if (answer.limit_val_batches, type(answer.limit_val_batches)) != (1, float):
        return not_yet("it validates on a part of the batches, and nobody asked for that; what do you limit?")
    if answer.check_val_every_n_epoch != 5:
        return not_yet(f"it validates every {answer.check_val_every_n_epoch} epochs; the exercise says every fifth.")
    if answer.log_every_n_steps != 10 or not answer.loggers:
        every = f"every {answer.log_every_n_steps} optimizer steps" if answer.loggers else "nowhere, without a logger"
        return not_yet(f"it writes the training loss {every}; the exercise says every 10 steps.")
    return right("the clock alone ends it; validation counts epochs, the log counts steps.")


@in_steps
def check_budget(answer: object, max_val_batches: int = 12) -> Feedback:
    """Check Trainer arguments for 24 steps and a last validation, with few validation batches, by a run with them."""
    if nudge := not_arguments(answer):
        return nudge
    counts = _Ledger()
    try:
        with trial_of(answer, counts) as trial:
            Trainer(**trial).fit(LogsItsLoss(), DataLoader(torch.zeros(8)), DataLoader(torch.zeros(6)))
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    return _judge_budget(counts, max_val_batches)


def _judge_budget(counts: "_Ledger", max_val_batches: int) -> Feedback:
    spent = counts.val_batches + counts.sanity_batches
    if counts.stopped:
        return not_yet(f"this run goes on and on, and was ended after {_MOST_BATCHES} batches; what is to end it?")
    if counts.steps < 24:
        return not_yet(f"this run ends after {counts.steps} optimizer steps; 24 or more are asked for.")
    if counts.val_batches <= max_val_batches < spent:
        return not_yet(
            f"{counts.val_batches} validation batches would do, but before training there were {counts.sanity_batches}."
        )
    if spent > max_val_batches:
        return not_yet(f"this run spends {spent} validation batches, and has {max_val_batches}; fewer, or less often?")
    if not counts.val_batches:
        return not_yet("nothing is spent, and nothing is known: this run never validates while it trains.")
    if counts.last_validation != counts.steps:
        return not_yet(f"the last validation is after step {counts.last_validation} of {counts.steps}; and the end?")
    return right(f"{counts.steps} steps, validated at the end, for {spent} of {max_val_batches} validation batches.")


_MOST_BATCHES = 400


class _Ledger(Callback):
    """Count what a run spends; end a run that sees `_MOST_BATCHES`."""

    def __init__(self) -> None:
        self.steps = self.val_batches = self.sanity_batches = self.last_validation = 0
        self.stopped = False

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.steps = trainer.global_step
        self.stopped = trainer.fit_loop.epoch_loop.total_batch_idx >= _MOST_BATCHES
        trainer.should_stop = trainer.should_stop or self.stopped

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.sanity_batches += trainer.sanity_checking
        self.val_batches += not trainer.sanity_checking

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_validation = trainer.global_step
