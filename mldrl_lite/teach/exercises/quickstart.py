"""The checks of notebook 00."""

import contextlib
import io

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ProgressBar

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.teach.exercises.feedback import Feedback, described, in_steps, not_answered, not_yet, number, right
from mldrl_lite.teach.exercises.trial import QUIET, ThreeEpochs, apart, elsewhere
from mldrl_lite.trainer import hook_names


@in_steps
def check_class_count(answer: object, datamodule: TCPDataModule) -> Feedback:
    """Check the number of classes: an exercise to rehearse how exercises work."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given, names = number(answer), datamodule.samples.class_names
    if given == len(names):
        return right(f"{' and '.join(names)}. Every exercise works like this one: fill in, run, check.")
    if given == len(datamodule.in_dim):
        return not_yet("that is the number of views, the groups of measurements; a class is what a sample may be.")
    if given == len(datamodule.samples.labels):
        return not_yet("that is the number of samples; how many different kinds of them are there?")
    if given is None:
        return not_yet(f"{described(answer)}; give a number.")
    return not_yet("look at the line that says 'classes:', below the cell that loads the data.")


@in_steps
def check_steps_per_epoch(answer: object, datamodule: TCPDataModule) -> Feedback:
    """Check the number of optimizer steps in an epoch."""
    n_samples, batch_size = len(datamodule.parts["train"]), datamodule.hparams.batch_size
    whole, rest = divmod(n_samples, batch_size)
    steps = whole + (rest > 0)
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    if given == steps:
        return right(f"{n_samples} samples make {steps} batches, and each batch is one optimizer step.")
    if given == n_samples:
        return not_yet("that is one step per sample, or all steps of a run; in an epoch, there is one step per batch.")
    if given is not None and given * batch_size == n_samples:
        return not_yet(f"the batch after the {whole}th is not full; is it a step all the same, or a part of one?")
    if given == whole:
        return not_yet("some samples are left over after the full batches; what happens to them?")
    return not_yet("how many batches does it take until every training sample has been seen once?")


@in_steps
def check_trainer(answer: object, max_epochs: int) -> Feedback:
    """Check a Trainer that trains for `max_epochs` epochs and logs nothing."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"this is of type {type(answer).__name__}; give the object that Trainer(...) returns.")
    if answer.max_epochs != max_epochs:
        return not_yet(
            f"this Trainer would run for max_epochs={answer.max_epochs}; the exercise asks for {max_epochs}."
        )
    if answer.max_steps != -1:
        return not_yet("it also counts steps, and may stop before its epochs are over.")
    if answer.logger is not None:
        return not_yet(
            "this Trainer still has a logger; which argument of the Trainer holds it, and how is it turned off?"
        )
    return right(f"it stops after {max_epochs} epochs and writes no log.")


@in_steps
def check_teller(answer: object) -> Feedback:
    """Check a callback that prints something in every epoch, by training a tiny model with it."""
    if nudge := not_answered(answer, "a callback"):
        return nudge
    callback_class = answer if isinstance(answer, type) else type(answer)
    if not issubclass(callback_class, Callback):
        return not_yet(f"{described(answer)}; give a class that is derived from Callback.")
    try:
        said = _said_in_each_epoch(answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    spoken = [bool(text.strip()) for text in said]
    if all(spoken[1:]):
        return right(f"in a run of {_N_EPOCHS} epochs, its first words in the last one are: {_first_line(said[-1])!r}.")
    if any(spoken[1:]):
        return not_yet(f"it speaks in {sum(spoken[1:])} of {_N_EPOCHS} epochs; what is asked for is every one.")
    if spoken[0]:
        return not_yet("it speaks once in the whole run, but not in each epoch; which moments come again and again?")
    if any(getattr(callback_class, name) is not getattr(Callback, name) for name in hook_names(Callback)):
        return not_yet(f"in {_N_EPOCHS} epochs it has been called and has said nothing; when does its method print?")
    return not_yet("the run is as silent as before: the Trainer calls a method only if its name is one that it knows.")


_N_EPOCHS = 3


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:60]


def _said_in_each_epoch(answer: Callback | type[Callback]) -> list[str]:
    """Return what a run prints outside of its epochs, and then what it prints in each of them."""
    place = _Place()
    with elsewhere(), apart(), contextlib.redirect_stdout(place), contextlib.redirect_stderr(place):
        callback = answer() if isinstance(answer, type) else answer
        bar = {"enable_progress_bar": isinstance(callback, ProgressBar)}
        trainer = Trainer(max_epochs=_N_EPOCHS, callbacks=[callback, _Turns(place)], **QUIET | bar)
        trainer.fit(ThreeEpochs(), [torch.zeros(1)], [torch.zeros(1)])
    return place.said


class _Place(io.TextIOBase):
    """Take what is printed, and keep it by epoch; the first text is what is said outside of any."""

    def __init__(self) -> None:
        self.said, self.epoch = [""] * (_N_EPOCHS + 1), 0

    def write(self, text: str) -> int:
        self.said[self.epoch] += text
        return len(text)


class _Turns(Callback):
    """Tell the place which epoch it is; as the last callback in the list, it hears of each moment after the others."""

    def __init__(self, place: _Place) -> None:
        self.place = place

    def on_train_start(self, *_: object) -> None:
        self.place.epoch = 1

    def on_train_epoch_end(self, *_: object) -> None:
        self.place.epoch = (self.place.epoch + 1) % (_N_EPOCHS + 1)
