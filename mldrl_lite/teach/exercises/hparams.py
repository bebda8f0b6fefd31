"""The checks of notebook 05."""

import os
import pickle
import tempfile
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    in_steps,
    not_a_class,
    not_a_function,
    not_yet,
    number,
    right,
)
from mldrl_lite.teach.exercises.trial import QUIET, LogsItsLoss, apart, elsewhere


@in_steps
def check_remembers(answer: object) -> Feedback:
    """Check a module class whose checkpoint holds `width` and `dropout` as hyperparameters, and not `loss_fx`."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    for dropout in (0.37, 0):
        try:
            saved = _hyperparameters(answer, dropout)
        except pickle.UnpicklingError:
            return not_yet("the checkpoint cannot be loaded: among the hyperparameters is a value that is not plain.")
        except Exception as error:
            call = f"{answer.__name__}(loss, 8, dropout={dropout})"
            return not_yet(f"{call}, or saving it, stops with {type(error).__name__}: {error}")
        if "loss_fx" in saved:
            return not_yet("the loss is among the hyperparameters; its type would be refused on loading.")
        if missing := [name for name in ("width", "dropout") if name not in saved]:
            return not_yet(f"{missing[0]} is not among the hyperparameters; on loading, its value would be lost.")
        if saved != {"width": 8, "dropout": dropout}:
            return not_yet(
                f"with dropout={dropout}, the saved values are not the values that __init__ was called with."
            )
    return right("width and dropout are saved, the loss is left out.")


def _hyperparameters(module_class: type[LightningModule], dropout: float) -> dict[str, object]:
    """Return what a checkpoint of the module tells of its arguments."""
    with elsewhere() as folder, apart():
        model = module_class(nn.MSELoss(), 8, dropout=dropout)
        if "loss_fx" in model.hparams:
            return dict(model.hparams)
        trainer = Trainer(**QUIET)
        trainer.strategy.connect(model)
        trainer.save_checkpoint(os.path.join(folder, "saved.ckpt"))
        return dict(torch.load(os.path.join(folder, "saved.ckpt")).get("hyper_parameters", {}))


ACCURACIES = [0.5, 0.9, 0.7, 0.6]
"""What `LogsAccuracies` logs as `accuracy`, epoch by epoch."""


class LogsAccuracies(LogsItsLoss):
    """A model whose accuracy is known; from the fifth epoch on it is that of the fourth."""

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Log `accuracy`."""
        self.log("accuracy", ACCURACIES[min(self.current_epoch, len(ACCURACIES) - 1)])


class NotesStart(Callback):
    """Notes the epoch in which training starts."""

    epoch: int | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note it."""
        self.epoch = trainer.current_epoch


@in_steps
def check_night(answer: object) -> Feedback:
    """Check a function that makes the callbacks of a run in a folder: what they keep, and where the next night begins.

    The first run has the accuracies `ACCURACIES`, the second goes on with `ckpt_path="last"`.
    """
    if nudge := not_a_function(answer):
        return nudge
    try:
        with elsewhere() as folder, apart():
            callbacks = answer(Path(folder))
            if not isinstance(callbacks, list) or not all(isinstance(callback, Callback) for callback in callbacks):
                return not_yet(f"{answer.__name__}(folder) returns no list of callbacks.")
            _night(callbacks, len(ACCURACIES))
            kept = _best_epochs(callbacks)
            start = NotesStart()
            _night([*answer(Path(folder)), start], len(ACCURACIES) + 1, ckpt_path="last")
    except Exception as error:
        return not_yet(f"a night with it ends in {type(error).__name__}: {error}")
    return _explain_night(kept, start.epoch)


def _night(callbacks: list[Callback], max_epochs: int, ckpt_path: str | None = None) -> None:
    arguments = QUIET | {"enable_checkpointing": True, "num_sanity_val_steps": 0}
    trainer = Trainer(**arguments, max_epochs=max_epochs, callbacks=callbacks)
    loader = DataLoader(torch.zeros(2))
    trainer.fit(LogsAccuracies(), loader, loader, ckpt_path=ckpt_path)


def _best_epochs(callbacks: list[Callback]) -> list[int]:
    """Return the epoch of the file that each ModelCheckpoint of the accuracy calls its best."""
    paths = [keeper.best_model_path for keeper in callbacks if getattr(keeper, "monitor", None) == "accuracy"]
    return [torch.load(path)["epoch"] for path in paths if path]


def _explain_night(kept: list[int], start: int | None) -> Feedback:
    best, done = ACCURACIES.index(max(ACCURACIES)), len(ACCURACIES)
    night = f"in a night of the accuracies {', '.join(map(str, ACCURACIES))}"
    if not kept:
        return not_yet("no ModelCheckpoint looks at the accuracy, so none knows which epoch was the best.")
    if best not in kept:
        return not_yet(f"{night}, it calls epoch {kept[0]} the best, counted from 0; is a low accuracy good?")
    if start == 0:
        return not_yet("the next night starts from the beginning: there is no file that is the last.")
    if start != done:
        return not_yet(f"{night}, the next one begins with epoch {start}; when was the file written that is the last?")
    return right(f"{night}, it keeps epoch {best}, and the next night goes on with epoch {done}.")


@in_steps
def check_counts_on(answer: object) -> Feedback:
    """Check a callback class whose `batches` counts training batches, also over a break, by resuming a run with it."""
    if nudge := not_a_class(answer, Callback):
        return nudge
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "after_two.ckpt")
            first, _ = _count_batches(answer, max_epochs=2, save_to=path)
            resumed, _ = _count_batches(answer, max_epochs=3, ckpt_path=path)
            fresh, keeps = _count_batches(answer, max_epochs=1)
    except pickle.UnpicklingError:
        return not_yet("the checkpoint cannot be loaded: what the callback puts there is no plain value.")
    except Exception as error:
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    reads = any(getattr(answer, name) is not getattr(Callback, name) for name in _READERS)
    return _explain_counts((first, resumed, fresh), keeps, reads)


_READERS = ("load_state_dict", "on_load_checkpoint")
_BATCHES, _STEPS = 5, 3  # in an epoch: two batches for each step, and one that is left


def _explain_counts(counts: tuple[float | None, ...], keeps: bool, reads: bool) -> Feedback:
    first, resumed, fresh = counts
    wanted = tuple(epochs * _BATCHES for epochs in (2, 3, 1))
    if counts == wanted:
        return right(f"{first:g} batches, a break, and {resumed:g} in the end; a new run starts from 0.")
    if None in counts:
        return not_yet("after a run, the object has no number named batches.")
    if counts == tuple(epochs * _STEPS for epochs in (2, 3, 1)):
        return not_yet("these are optimizer steps; the run adds up the gradients of two batches for each.")
    if first != wanted[0]:
        return not_yet(f"a run of {wanted[0]} batches, without any break, is counted as {first:g}.")
    if fresh > wanted[2]:
        return not_yet(f"a new run of {wanted[2]} batches counts {fresh:g}: what one object has seen, all others know.")
    if resumed == wanted[2] and keeps and reads:
        return not_yet("its state is in the checkpoint and is read; what happens to the count when training starts?")
    if resumed == wanted[2] and keeps:
        return not_yet("its state is in the checkpoint, but after the break nobody reads it.")
    if resumed == wanted[2]:
        return not_yet("after the break, a new object starts at 0; what could bring the count to it?")
    return not_yet(f"{wanted[0]} batches, a break, and {wanted[2]} more are counted as {resumed:g}.")


def _count_batches(
    answer: type[Callback], max_epochs: int, save_to: str | None = None, ckpt_path: str | None = None
) -> tuple[float | None, bool]:
    """Train with the callback; return its count, and whether it has a state for checkpoints."""
    with apart():
        callback = answer()
        trainer = Trainer(**QUIET, max_epochs=max_epochs, accumulate_grad_batches=2, callbacks=[callback])
        trainer.fit(LogsItsLoss(), DataLoader(torch.zeros(_BATCHES)), ckpt_path=ckpt_path)
        if save_to:
            trainer.save_checkpoint(save_to)
        return number(getattr(callback, "batches", None)), bool(callback.state_dict())
