"""The checks of notebook 03."""

import math
import os
import re
from collections.abc import Callable

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint
from torch import nn

from mldrl_lite.teach.exercises.feedback import Feedback, described, in_steps, not_a_class, not_answered, not_yet, right
from mldrl_lite.teach.exercises.trial import KNOWN_LOSSES, QUIET, ThreeEpochs, apart, elsewhere
from mldrl_lite.trainer import hook_names


@in_steps
def check_early_stopping(answer: object, min_delta: float, patience: int) -> Feedback:
    """Check an `EarlyStopping` that watches `ptl/val_accuracy`."""
    if nudge := not_answered(answer, "an EarlyStopping"):
        return nudge
    if not isinstance(answer, EarlyStopping):
        return not_yet(f"{described(answer)}; give the object that EarlyStopping(...) returns.")
    if answer.monitor != "ptl/val_accuracy":
        return not_yet(f"it watches {answer.monitor!r}; which name does the model log its accuracy under?")
    if answer.mode != "max":
        return not_yet("it takes a lower accuracy for a better one, and would stop while the model still improves.")
    if answer.patience != patience:
        return not_yet(f"it waits for {answer.patience} validations; the exercise says {patience}.")
    if not math.isclose(answer.min_delta, min_delta, rel_tol=1e-6):
        return not_yet(f"an improvement counts from {answer.min_delta:g} on; the exercise says {min_delta:g}.")
    return right(f"it stops after {patience} validations in a row that are not better by more than {min_delta:g}.")


@in_steps
def check_best_two(answer: object) -> Feedback:
    """Check a `ModelCheckpoint` that keeps the two most accurate epochs under names without a folder."""
    return not_a_keeper_of(answer, 2, "two") or _check_file_name(answer)


def not_a_keeper_of(answer: object, count: int, in_words: str) -> Feedback | None:
    """Nudge unless `answer` is a ModelCheckpoint that keeps the `count` files of the highest validation accuracy."""
    if nudge := not_answered(answer, "a ModelCheckpoint"):
        return nudge
    if not isinstance(answer, ModelCheckpoint):
        return not_yet(f"{described(answer)}; give the object that ModelCheckpoint(...) returns.")
    if answer.monitor is None:
        return not_yet("it has no monitor, so its best is the latest; which value decides?")
    if answer.monitor != "ptl/val_accuracy":
        return not_yet(f"it watches {answer.monitor!r}; which name does the model log its accuracy under?")
    if answer.mode != "max":
        return not_yet("it keeps the epochs with the lowest accuracy; is lower better here?")
    if answer.save_top_k != count:
        kept = f"{answer.save_top_k} files (-1 means all of them)"
        return not_yet(f"it was told to keep {kept}; the exercise says {in_words}.")
    return _passes_over(answer)


def _passes_over(answer: ModelCheckpoint) -> Feedback | None:
    """Nudge when epochs are passed over."""
    # Lightning keeps these arguments under names of its own.
    every = getattr(answer, "_every_n_epochs", 1)
    other = getattr(answer, "_every_n_train_steps", 0), getattr(answer, "_train_time_interval", None)
    if every == 0 and not any(other):
        return not_yet("it never saves anything: all the arguments that say when are off.")
    if every > 1:
        return not_yet(f"it looks at every {every}th epoch alone; the best one may be another.")
    return None


def _check_file_name(answer: ModelCheckpoint) -> Feedback:
    """Judge the names of two epochs: both have to tell the epoch and the accuracy, each as a number of its own."""
    for epoch, accuracy, shown in ((7, 0.8765, "0.88"), (12, 0.5, "0.50")):
        logged = {"epoch": epoch, "step": 1000, "ptl/val_loss": 0.4321, "ptl/val_accuracy": accuracy}
        metrics = {name: torch.tensor(value) for name, value in logged.items()}
        try:
            path = answer.format_checkpoint_name(metrics)  # adds the names that it does not know to `metrics`
        except Exception as error:  # whatever the template did wrong is feedback
            return not_yet(f"the file name cannot be made: {type(error).__name__}: {error}")
        name = os.path.relpath(path, answer.dirpath) if answer.dirpath else path
        if nudge := _fault_of_name(name, sorted(set(metrics) - set(logged)), epoch, accuracy, shown):
            return nudge
    return right(f"epoch {epoch} with an accuracy of {accuracy} would be {name!r}.")


def _fault_of_name(name: str, unknown: list[str], epoch: int, accuracy: float, shown: str) -> Feedback | None:
    if unknown:
        return not_yet(f"nobody logs {unknown[0]!r}, so the file name says {name!r}.")
    if os.sep in name:
        return not_yet(f"the file would be {name!r}: a folder and a file. Where does the slash come from?")
    numbers = re.findall(r"\d+(?:\.\d+)?", name.removesuffix(".ckpt"))
    if shown not in numbers or str(epoch) not in [number.lstrip("0") for number in numbers]:
        return not_yet(
            f"epoch {epoch} with an accuracy of {accuracy} would be {name!r}; does it tell both, each as a number of "
            "its own, and the accuracy with two decimals?"
        )
    return None


@in_steps
def check_loss_history(answer: object) -> Feedback:
    """Check a callback class that keeps the validation loss of each epoch in `losses`, by training with it twice."""
    if isinstance(answer, Callback):
        return not_yet("this is an object; give its class, so that every run can have an object of its own.")
    if nudge := not_a_class(answer, Callback):
        return nudge
    try:
        first, second = _losses_seen_by(answer), _losses_seen_by(answer, num_sanity_val_steps=0)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    if first == second == KNOWN_LOSSES:
        return right("one loss for each epoch, and none of the sanity check.")
    return _explain_losses(first, second)


def _explain_losses(first: list[float] | str, second: list[float] | str) -> Feedback:
    if isinstance(first, str):
        return not_yet(first)
    if not first:
        return not_yet("the list stays empty; is the name of your method a hook of Callback?")
    if len(first) == len(KNOWN_LOSSES) + 1:
        return not_yet("one loss too many for three epochs; what does the Trainer run before it trains?")
    if first == KNOWN_LOSSES and isinstance(second, list) and len(second) < len(KNOWN_LOSSES):
        return not_yet("in a run without a sanity check, an epoch is missing; what did you drop, and was it there?")
    if first == KNOWN_LOSSES:
        return not_yet("a second run, with a new object, starts with the losses of the first; where is the list made?")
    return not_yet(f"three epochs with validation losses of {KNOWN_LOSSES} left {first} in the list.")


def _losses_seen_by(callback_class: type[Callback], **arguments: int) -> list[float] | str:
    with elsewhere(), apart():
        callback = callback_class()
        trainer = Trainer(**QUIET, **arguments, max_epochs=len(KNOWN_LOSSES), callbacks=[callback])
        trainer.fit(ThreeEpochs(), [torch.zeros(1)], [torch.zeros(1)])
    if not isinstance(losses := getattr(callback, "losses", None), list):
        return "after a run, the object has no list named losses."
    return [round(float(loss), 4) for loss in losses]


@in_steps
def check_best_weights(answer: object) -> Feedback:
    """Check a callback class that leaves a model with the weights of its best epoch, by training with it."""
    if nudge := not_answered(answer, "a class"):
        return nudge
    if isinstance(answer, Callback) or not callable(answer):
        return not_yet(f"{described(answer)}; give a class that is derived from Callback.")
    try:
        feedback = _judge_weights(answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        feedback = not_yet(f"a run with it ends in {type(error).__name__}: {error}{_never_better(error)}")
    return feedback if feedback.right else _never_called(answer) or feedback


def _never_better(error: Exception) -> str:
    """Hint at the reason when the run lacks what a callback keeps in a better epoch."""
    never_made = isinstance(error, AttributeError) and isinstance(error.obj, Callback)
    never_filled = isinstance(error, TypeError) and "NoneType" in str(error)
    if not (never_made or never_filled):
        return ""
    return ". If it comes from an epoch that was better: was one ever better than the value that you start from?"


def _never_called(answer: object) -> Feedback | None:
    """Nudge when a method of the class is named as a hook is, and Lightning knows no hook of that name."""
    if not isinstance(answer, type) or not issubclass(answer, Callback):
        return None
    known = {*hook_names(Callback), *dir(ModelCheckpoint), *dir(EarlyStopping)}
    for name in dir(answer):
        if re.match(r"on_|\w+_(start|end)s?$", name) and name not in known:
            return not_yet(f"no hook of Callback is called {name!r}, so the Trainer never calls it.")
    return None


_UPS_AND_DOWNS = [0.75, 0.5, 0.9, 0.25, 0.7, 0.6]
_EVER_DOWN = [0.75, 0.5, 0.25]


def _judge_weights(answer: Callable[[], object]) -> Feedback:
    run = _run_with(answer, _UPS_AND_DOWNS)
    if run is None:
        return not_yet("it makes no callback; give a class that is derived from Callback.")
    if len(run.weights) <= _UPS_AND_DOWNS.index(min(_UPS_AND_DOWNS)):
        return not_yet(f"the run ends after {len(run.weights)} epoch(s), and its best one was still to come.")
    if not run.ends_at(min):
        return _explain_weights(run)
    if not _run_with(answer, _EVER_DOWN).ends_at(min):
        return not_yet(
            "when the last epoch is the best, the model is left with other weights; who looks at that epoch?"
        )
    return right("the model is left with the weights of its best epoch, and the later ones are forgotten.")


def _explain_weights(run: "_Run") -> Feedback:
    if run.weight == 0:
        return not_yet("the model is back at its first weights: the loss of the sanity check was the lowest of all.")
    if run.weight == run.weights[-1]:
        return not_yet(
            "the model is left with the weights of its last epoch. If you keep state_dict(): it holds the very "
            "tensors that training goes on changing."
        )
    if run.ends_at(max):
        return not_yet("the model is left with the weights of its worst epoch; is a large loss good?")
    return not_yet("these are other weights; which weights does a validation loss belong to, and when?")


class _Run(Callback):
    """What a run has seen: its validation losses, the weight that each belongs to, and the weight at its end."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.weights: list[float] = []
        self.weight = math.nan

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.losses.append(trainer.callback_metrics["ptl/val_loss"].item())
            self.weights.append(pl_module.weight.item())

    def ends_at(self, pick: Callable[[list[float]], float]) -> bool:
        """Say whether the run ends with the weight of the epoch of that loss."""
        return math.isclose(self.weight, self.weights[self.losses.index(pick(self.losses))], abs_tol=1e-3)


class _CountsEpochs(LightningModule):
    """A model of one weight that grows by 1 in each epoch; its losses are known, and lowest in the sanity check."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.weight, self.losses = nn.Parameter(torch.zeros(1)), losses

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return -self.weight.sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("ptl/val_loss", 0.0 if self.trainer.sanity_checking else self.losses[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def _run_with(answer: Callable[[], object], losses: list[float]) -> _Run | None:
    """Train with the callback that the answer makes; None when it makes none."""
    run, model = _Run(), _CountsEpochs(losses)
    with elsewhere() as folder, apart():
        callback = answer()
        if not isinstance(callback, Callback):
            return None
        own = {"max_epochs": len(losses), "default_root_dir": folder, "callbacks": [run, callback]}
        keeps_files = {"enable_checkpointing": isinstance(callback, Checkpoint)}
        Trainer(**QUIET | keeps_files | own).fit(model, [torch.zeros(1)], [torch.zeros(1)])
    run.weight = model.weight.item()
    return run
