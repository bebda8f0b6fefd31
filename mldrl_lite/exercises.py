"""The checks that exercises call. A check looks at what the answer does, and never shows the solution."""

import math
from dataclasses import dataclass
from html import escape

import torch
from pytorch_lightning import Trainer

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.figures import COLOURS
from mldrl_lite.model import MMDynamic


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer: right, or what to look at next."""

    right: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.message}"

    def _repr_html_(self) -> str:
        colour = COLOURS["green"] if self.right else COLOURS["orange"]
        verdict = "Right" if self.right else "Not yet"
        style = f"border-left: 4px solid {colour}; padding: 0.4em 0.8em"
        return f'<div style="{style}"><b>{verdict}.</b> {escape(self.message)}</div>'


def right(message: str) -> Feedback:
    """Return the feedback on a right answer."""
    return Feedback(True, message)


def not_yet(message: str) -> Feedback:
    """Return a nudge: what is missing, or which idea to think over."""
    return Feedback(False, message)


def not_answered(answer: object, wanted: str) -> Feedback | None:
    """Return a nudge when the learner has left the `...` of the starter in place."""
    return not_yet(f"put {wanted} where the ... is, run that cell, and come back.") if answer is ... else None


# ---------------------------------------------------------------------------------------------------------------------
# 00 Quickstart


def check_steps_per_epoch(answer: object, datamodule: TCPDataModule) -> Feedback:
    """Check the number of optimizer steps in an epoch."""
    n_samples, batch_size = len(datamodule.parts["train"]), datamodule.hparams.batch_size
    whole, rest = divmod(n_samples, batch_size)
    steps = whole + (rest > 0)
    if nudge := not_answered(answer, "a number"):
        return nudge
    if answer == steps:
        return right(f"{n_samples} samples make {steps} batches, and each batch is one optimizer step.")
    if answer == n_samples:
        return not_yet("that is one step per sample; the optimizer steps once per batch.")
    if answer == whole:
        return not_yet("some samples are left over after the full batches; what happens to them?")
    return not_yet("how many batches does it take until every training sample has been seen once?")


def check_trainer(answer: object, max_epochs: int) -> Feedback:
    """Check a Trainer that trains for `max_epochs` epochs and logs nothing."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"this is a {type(answer).__name__}; give the object that Trainer(...) returns.")
    if answer.max_epochs != max_epochs:
        return not_yet(
            f"this Trainer would run for max_epochs={answer.max_epochs}; the exercise asks for {max_epochs}."
        )
    if answer.logger is not None:
        return not_yet(
            "this Trainer still has a logger; which argument of the Trainer holds it, and how is it turned off?"
        )
    return right(f"it stops after {max_epochs} epochs and writes no log.")


# ---------------------------------------------------------------------------------------------------------------------
# 01 DataModule


# ---------------------------------------------------------------------------------------------------------------------
# 02 Model


def check_tcp(answer: object) -> Feedback:
    """Check a function from scores (B, C) and labels (B,) to true class probabilities (B,)."""
    if nudge := not_answered(answer, "a function"):
        return nudge
    if not callable(answer):
        return not_yet(f"this is a {type(answer).__name__}; define a function of two arguments.")
    logit, labels = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0], [0.5, 0.0, 0.0]]), torch.tensor([0, 1, 2])
    try:
        given = torch.as_tensor(answer(logit, labels))
    except Exception as error:
        return not_yet(f"your function raised {type(error).__name__}: {error}")
    probabilities = logit.softmax(dim=1)
    tcp = probabilities.gather(1, labels.unsqueeze(1)).squeeze(1)
    if given.shape == (3, 1):
        return not_yet("the shape is (B, 1); return one number per sample, shape (B,).")
    if given.shape != (3,):
        return not_yet(f"for 3 samples and 3 classes your function returns the shape {tuple(given.shape)}, not (3,).")
    if torch.allclose(given, tcp):
        return right("it is the probability of the class that is right, not of the class that looks most likely.")
    if torch.allclose(given, probabilities.max(dim=1).values):
        return not_yet("this is the probability of the most likely class; which class do the labels ask for?")
    if torch.allclose(given, logit.gather(1, labels.unsqueeze(1)).squeeze(1)):
        return not_yet("these are scores; what turns scores into probabilities?")
    if torch.allclose(given, logit.softmax(dim=0).gather(1, labels.unsqueeze(1)).squeeze(1)):
        return not_yet("the probabilities of each sample should add up to 1; over which dimension does the softmax go?")
    return not_yet("the numbers differ; take the softmax over the classes, then the entry at each label.")


def check_validation_loss(answer: object, model: MMDynamic, datamodule: TCPDataModule) -> Feedback:
    """Check the mean cross-entropy of the fused scores over the validation part."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    try:
        given = float(answer)
    except (TypeError, ValueError, RuntimeError):
        return not_yet(f"this is a {type(answer).__name__}; give one number.")
    losses = _validation_losses(model, datamodule)
    mean = torch.cat(losses).mean().item()
    if math.isclose(given, mean, rel_tol=1e-4):
        return right("every sample counts the same, dropout is off.")
    if math.isclose(given, torch.stack([loss.mean() for loss in losses]).mean().item(), rel_tol=1e-4):
        return not_yet("this is the mean of the batches' means, in which the samples of a small last batch count more.")
    if math.isclose(given, torch.cat(losses).sum().item(), rel_tol=1e-4):
        return not_yet("this is the sum over the samples; the loss is their mean.")
    return not_yet("the number differs; is the model in the mode for validation, and are these the fused scores?")


def _validation_losses(model: MMDynamic, datamodule: TCPDataModule) -> list[torch.Tensor]:
    was_training = model.training
    model.eval()
    with torch.no_grad():
        losses = [model.criterion(model(views).logit, labels) for views, labels in datamodule.val_dataloader()]
    model.train(was_training)
    return losses


# ---------------------------------------------------------------------------------------------------------------------
# 03 Callbacks


# ---------------------------------------------------------------------------------------------------------------------
# 05 Hyperparameters and checkpoints


# ---------------------------------------------------------------------------------------------------------------------
# 06 Reproducibility
