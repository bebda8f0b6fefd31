"""The checks of notebook 05."""

import os
import pickle
import tempfile

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.callbacks import not_a_keeper_of
from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_class, not_yet, number, right
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


@in_steps
def check_keeper(answer: object) -> Feedback:
    """Check a ModelCheckpoint that keeps the three checkpoints of highest validation accuracy."""
    if nudge := not_a_keeper_of(answer, 3, "three"):
        return nudge
    return right("it keeps the three checkpoints of highest validation accuracy.")


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
