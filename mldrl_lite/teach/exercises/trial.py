"""What checks need to try an answer out: arguments for a quiet Trainer, models of known losses, a place apart."""

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.callbacks import Checkpoint, ProgressBar
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn

from mldrl_lite.teach.exercises.feedback import Feedback, described, not_a_function, not_answered, not_yet, number


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Run what a learner wrote without output, messages and warnings.

    It leaves no trace in the random numbers and in the environment variables, where seeding leaves one, say.
    """
    error, disabled, variables = None, logging.root.manager.disable, dict(os.environ)
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), isolate_rng():
            warnings.simplefilter("ignore")
            try:
                yield
            except Exception as caught:  # isolate_rng restores nothing when an error passes through it
                error = caught
        if error:
            raise error
    finally:
        logging.disable(disabled)
        os.environ.clear()
        os.environ.update(variables)


def numbers_from(
    answer: object, calls: Sequence[Sequence[object]], called_with: str, wanted: str
) -> list[float] | Feedback:
    """Call what a learner wrote, apart, once with each of some arguments.

    Each call begins with the same random numbers of NumPy, so that what differs is due to the arguments.

    Args:
        answer: the learner's; a nudge is returned where it is no function.
        calls: the arguments of each call.
        called_with: what they are, in words for the nudge when a call raises.
        wanted: what the number is, in words for the nudge when a call returns none.
    """
    if nudge := not_a_function(answer):
        return nudge
    found = []
    try:
        with apart():
            for arguments in calls:
                np.random.seed(0)
                found.append(number(answer(*arguments)))
    except Exception as error:
        return not_yet(f"called with {called_with}, it stops with {type(error).__name__}: {error}")
    return not_yet(f"it should return one number, {wanted}.") if None in found else found


# Trainer arguments for a run that shows and writes nothing.
QUIET = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
QUIET |= {"enable_progress_bar": False, "enable_model_summary": False}


@contextlib.contextmanager
def trial_of(arguments: dict[str, object], *callbacks: Callback) -> Iterator[dict[str, object]]:
    """Give the arguments of a Trainer with which to try a learner's out, apart, in a folder that goes away.

    It shows and writes nothing, and has `callbacks` behind those of the learner.
    """
    given = callbacks_in(arguments)
    own = QUIET | {"callbacks": [*given, *callbacks]}
    own["enable_checkpointing"] = any(isinstance(callback, Checkpoint) for callback in given)
    own["enable_progress_bar"] = any(isinstance(callback, ProgressBar) for callback in given)
    with elsewhere() as folder, apart():
        yield {**arguments, **own, "default_root_dir": folder}


@contextlib.contextmanager
def elsewhere() -> Iterator[str]:
    """Work in an empty folder that goes away."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield folder


def callbacks_in(arguments: dict[str, object]) -> list[object]:
    """Return the callbacks among Trainer arguments as a list, whichever way they are given."""
    given = arguments.get("callbacks") or []
    return given if isinstance(given, list) else [given]


def not_arguments(answer: object) -> Feedback | None:
    """Return a nudge when the answer is missing, or no dictionary of arguments."""
    if nudge := not_answered(answer, "a dictionary"):
        return nudge
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        return not_yet(f"{described(answer)}; give a dictionary whose keys are names of arguments.")
    return None


N_BATCHES = 4
"""The batches in an epoch of a trial, of training and of validation."""


class LogsItsLoss(LightningModule):
    """A model of one weight and one bias that logs `train_loss`, and `val_loss`, which is always 0."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Log and return the mean square of what comes out."""
        loss = self.layer(batch[:, None]).square().mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Log `val_loss`."""
        self.log("val_loss", 0.0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


KNOWN_LOSSES = [0.75, 0.5, 0.25]
"""The validation losses of `ThreeEpochs`."""


class ThreeEpochs(LightningModule):
    """A model whose validation losses are `KNOWN_LOSSES`, 1.0 in the sanity check; it logs `ptl/train_loss`, too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Log and return the weight itself."""
        loss = self.weight.sum()
        self.log("ptl/train_loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Log `ptl/val_loss`: the known loss of this epoch."""
        self.log("ptl/val_loss", 1.0 if self.trainer.sanity_checking else KNOWN_LOSSES[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)
