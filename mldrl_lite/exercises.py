"""The checks that exercises call. A check looks at what the answer does, and never shows the solution."""

import contextlib
import io
import logging
import math
import os
import pickle
import random
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint, ModelSummary, ProgressBar, Timer
from pytorch_lightning.loggers.logger import DummyLogger
from pytorch_lightning.utilities.seed import isolate_rng
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from torch import nn
from torch.utils.data import DataLoader

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.figures import COLOURS
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import fingerprint
from mldrl_lite.sources import Samples, simulated


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


def number(answer: object) -> float | None:
    """Return an answer as a number (a tensor or array of one element counts too), or None when it is not one."""
    try:
        return float(answer)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _what(answer: object) -> str:
    return f"this is the class {answer.__name__}" if isinstance(answer, type) else f"this is a {type(answer).__name__}"


def not_a_function(answer: object, wanted: str = "the function itself, without calling it") -> Feedback | None:
    """Return a nudge when the answer is missing, or nothing that can be called."""
    if nudge := not_answered(answer, "a function"):
        return nudge
    if callable(answer) and not isinstance(answer, type):
        return None
    return not_yet(f"{_what(answer)}; give {wanted}.")


def not_a_class(answer: object, base: type, parent: str = "") -> Feedback | None:
    """Return a nudge when the answer is missing, or no class that inherits from `base` (for the learner: `parent`)."""
    if nudge := not_answered(answer, "a class"):
        return nudge
    if isinstance(answer, type) and issubclass(answer, base):
        return None
    return not_yet(f"{_what(answer)}; give the class itself, and let it inherit from {parent or base.__name__}.")


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Run what a learner wrote without output, messages and warnings, and without a trace in the random numbers."""
    error, disabled = None, logging.root.manager.disable
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


_QUIET = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
_QUIET |= {"enable_progress_bar": False, "enable_model_summary": False}


# ---------------------------------------------------------------------------------------------------------------------
# 00 Quickstart


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
        return not_yet(f"{_what(answer)}; give a number.")
    return not_yet("look at the line that says 'classes:', below the cell that loads the data.")


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
        return not_yet("that is one step per sample; the optimizer steps once per batch.")
    if given == whole:
        return not_yet("some samples are left over after the full batches; what happens to them?")
    return not_yet("how many batches does it take until every training sample has been seen once?")


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
    if answer.logger is not None:
        return not_yet(
            "this Trainer still has a logger; which argument of the Trainer holds it, and how is it turned off?"
        )
    return right(f"it stops after {max_epochs} epochs and writes no log.")


def check_teller(answer: object) -> Feedback:
    """Check a callback that prints something in every epoch, by training a tiny model with it."""
    if nudge := not_answered(answer, "a callback"):
        return nudge
    callback_class = answer if isinstance(answer, type) else type(answer)
    if not issubclass(callback_class, Callback):
        return not_yet(f"{_what(answer)}; give a class that is derived from Callback.")
    try:
        said = _said_in_each_epoch(answer() if isinstance(answer, type) else answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    spoken = [bool(text.strip()) for text in said]
    if all(spoken[1:]):
        return right(f"in a run of {_N_EPOCHS} epochs, its first words in the last one are: {_first_line(said[-1])!r}.")
    if any(spoken[1:]):
        return not_yet(f"it speaks in {sum(spoken[1:])} of {_N_EPOCHS} epochs; what is asked for is every one.")
    if spoken[0]:
        return not_yet("it speaks once in the whole run, but not in each epoch; which moments come again and again?")
    return not_yet("the run is as silent as before: the Trainer calls a method only if its name is one that it knows.")


_N_EPOCHS = 3


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:60]


def _said_in_each_epoch(callback: Callback) -> list[str]:
    """Return what a run prints outside of its epochs, and then what it prints in each of them."""
    place = _Place()
    with _apart(), contextlib.redirect_stdout(place), contextlib.redirect_stderr(place):
        bar = {"enable_progress_bar": isinstance(callback, ProgressBar)}
        trainer = Trainer(max_epochs=_N_EPOCHS, callbacks=[callback, _Turns(place)], **_QUIET | bar)
        trainer.fit(_ThreeEpochs(), [torch.zeros(1)], [torch.zeros(1)])
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


# ---------------------------------------------------------------------------------------------------------------------
# 01 DataModule


def check_call_counts(answer: object, n_processes: int) -> Feedback:
    """Check how often one fit calls `prepare_data` and `setup` on one machine with `n_processes` processes."""
    if nudge := not_answered(answer, "two numbers"):
        return nudge
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return not_yet("give two numbers in parentheses: first for prepare_data, then for setup.")
    if not all(type(count) is int for count in answer):
        return not_yet("give two whole numbers: first for prepare_data, then for setup.")
    counts = tuple(answer)
    if counts == (1, n_processes):
        return right("one process prepares the files; then each process sets up its own objects.")
    nudges = {
        (n_processes, 1): "the other way round? Think of which one puts objects on self, and of who needs them there.",
        (n_processes, n_processes): f"would you want {n_processes} processes to download the same file at once?",
        (1, 1): "no process can see the objects of another; how does each get its own?",
    }
    return not_yet(nudges.get(counts, "in the diary of the run with two processes, how often does each method appear?"))


def check_fixed_split(answer: object, n_samples: int = 50) -> Feedback:
    """Check a datamodule class, made as `answer(samples, batch_size)`, whose split is the same in every stage."""
    if nudge := not_a_class(answer, LightningDataModule, "LeakyModule"):
        return nudge
    try:
        with _apart():
            return _judge_split(answer, n_samples)
    except Exception as error:
        return not_yet(
            "a new module that was set up for one stage, and asked for the loaders of that stage, raised "
            f"{type(error).__name__}: {error}. Note that a test may come first: in a session without a fit."
        )


def _judge_split(answer: type[LightningDataModule], n_samples: int) -> Feedback:
    # The first feature of each sample is its number, so that the loaders tell who is where.
    view = np.repeat(np.arange(n_samples, dtype=np.float32)[:, None], 2, axis=1)
    samples = Samples((view,), np.arange(n_samples) % 2, ("numbers",), ("even", "odd"))
    module, new_module = answer(samples, 8), answer(samples, 8)
    train, val = _members(module, "fit", ("train", "val"), seed=1)
    (test,) = _members(module, "test", ("test",), seed=2)
    (test_anew,) = _members(new_module, "test", ("test",), seed=3)
    train_anew, _ = _members(new_module, "fit", ("train", "val"), seed=4)
    if leaked := len(set(train) & set(test)):
        return not_yet(f"after fit and then test, {leaked} of {len(test)} test samples had been in train.")
    if sorted(train + val + test) != list(range(n_samples)) or not (train and val and test):
        return not_yet("taken over fit and test, each sample has to be in exactly one part, and no part may be empty.")
    if test_anew != test or train_anew != train:
        return not_yet(
            "within one session it holds. But a module made anew, such as for tomorrow's test of today's model, "
            "cuts differently; what does the cut still depend on?"
        )
    return right("each sample keeps its part: in every stage, and in every session.")


def _members(module: LightningDataModule, stage: str, parts: tuple[str, ...], seed: int) -> list[list[int]]:
    """Set a module up as if it were another moment of the run; return the sample numbers in each part, sorted."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    module.setup(stage)
    loaders = [getattr(module, f"{part}_dataloader")() for part in parts]
    return [sorted(int(number) for views, _ in loader for number in views[0][:, 0]) for loader in loaders]


def check_scaling(answer: object) -> Feedback:
    """Check a function of `view` (N, D) and `train` (positions) that scales by the training rows alone."""
    if nudge := not_a_function(answer):
        return nudge
    draw = np.random.default_rng(0)
    view, train = draw.normal(size=(30, 4)) * [1, 10, 100, 0.1] + 5, draw.permutation(30)[:20]
    test = np.setdiff1d(np.arange(30), train)
    spread = view.copy()
    spread[test] = 3 * view[test] - 2 * view.mean(axis=0)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaled, other = (np.asarray(answer(v.copy(), train.copy()), dtype=float) for v in (view, spread))
    except Exception as error:
        return not_yet(f"called with an array of 30 rows and 20 positions, it raised {type(error).__name__}: {error}.")
    if scaled.shape != view.shape or other.shape != view.shape:
        return not_yet(f"30 rows of 4 features went in, and shape {scaled.shape} came out; return all rows, scaled.")
    return _judge_scaling(spread, train, test, scaled, other)


def _judge_scaling(spread: np.ndarray, train: np.ndarray, test: np.ndarray, *results: np.ndarray) -> Feedback:
    scaled, other = results
    low, high = spread[train].min(axis=0), spread[train].max(axis=0)
    wanted = (spread - low) / (high - low)
    if np.allclose(other, wanted):
        return right("the limits come from the training rows; other values may lie outside 0..1, as new samples do.")
    if np.allclose(np.sort(other, axis=0), np.sort(wanted, axis=0)):
        return not_yet("the values are right, but the rows have changed their order.")
    if not np.allclose(scaled[train], other[train]):
        return not_yet("when only test samples change, the scaled training samples change with them: that is the leak.")
    if not (np.allclose(other[train].min(axis=0), 0) and np.allclose(other[train].max(axis=0), 1)):
        return not_yet("in the training rows, the values of each single feature have to reach from 0 to 1.")
    if np.allclose(other, wanted.clip(0, 1)):
        return not_yet("test values were cut off at 0 and 1; that hides how unusual these samples are.")
    if np.allclose(other[test].min(axis=0), 0):
        return not_yet("test rows have limits of their own here, so one value means two things; whose limits count?")
    return not_yet("the training rows are right; the other rows need the very same formula, with the same limits.")


# ---------------------------------------------------------------------------------------------------------------------
# 02 Model


def check_tcp(answer: object) -> Feedback:
    """Check a function from scores (B, C) and labels (B,) to true class probabilities (B,)."""
    if nudge := not_a_function(answer, "a function of two arguments"):
        return nudge
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
    given = number(answer)
    if given is None:
        return not_yet(f"this is of type {type(answer).__name__}; give one number.")
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


def check_own_model(answer: object) -> Feedback:
    """Check a module class, made as `answer(in_dim, num_class)`, that learns from all views, by training it."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with _apart():
            return _judge_own_model(answer)
    except Exception as error:
        if "empty parameter list" in str(error):
            return not_yet("the optimizer finds no weights; layers in a plain list are invisible to PyTorch.")
        return not_yet(f"making or training it ends in {type(error).__name__}: {error}")


def _judge_own_model(model_class: type[LightningModule]) -> Feedback:
    torch.manual_seed(0)
    views, labels = _views_that_need_each_other()
    model = model_class([view.shape[1] for view in views], 3)
    before, shape = fingerprint(model), tuple(_scores(model, views).shape)
    if shape != (len(labels), 3):
        return not_yet(f"for {len(labels)} samples and 3 classes, forward returns shape {shape}, and not (B, C).")
    rows = [([view[i] for view in views], label) for i, label in enumerate(labels)]
    trainer = Trainer(max_epochs=40, **_QUIET)
    trainer.fit(model.cpu(), DataLoader(rows, batch_size=15, shuffle=True))
    if fingerprint(model) == before:
        return not_yet("training moves no weight; does training_step return the loss, and who steps the weights?")
    scores = _scores(model, views)
    for v in range(len(views)):
        others = [view.flip(0) if w == v else view for w, view in enumerate(views)]
        if torch.equal(_scores(model, others), scores):
            return not_yet(f"its scores stay the same when views[{v}] changes; no view alone tells the class.")
    found = int((scores.argmax(dim=1) == labels).sum())
    if found < 0.85 * len(labels):
        return not_yet(f"{found} of {len(labels)} samples right after {trainer.global_step} steps; are they too small?")
    return right(f"after {trainer.global_step} steps it gets {found} of {len(labels)} samples right.")


def _views_that_need_each_other() -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return views of 120 samples: the first tells class 0 from the rest, the second class 1 from the rest."""
    labels = torch.arange(120) % 3
    views = [torch.randn(120, 4), torch.randn(120, 3)]
    for label, view in enumerate(views):
        view[:, 0] += 6.0 * (labels == label) - 3.0
    return views, labels


def _scores(model: LightningModule, views: list[torch.Tensor]) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        output = model([view.clone() for view in views])
    model.train()
    return output if isinstance(output, torch.Tensor) else output.logit


# ---------------------------------------------------------------------------------------------------------------------
# 03 Callbacks


def check_early_stopping(answer: object, min_delta: float, patience: int) -> Feedback:
    """Check an `EarlyStopping` that watches `ptl/val_accuracy`."""
    if nudge := not_answered(answer, "an EarlyStopping"):
        return nudge
    if not isinstance(answer, EarlyStopping):
        return not_yet(f"{_what(answer)}; give the object that EarlyStopping(...) returns.")
    if answer.monitor != "ptl/val_accuracy":
        return not_yet(f"it watches {answer.monitor!r}; which name does the model log its accuracy under?")
    if answer.mode != "max":
        return not_yet("it takes a lower accuracy for a better one, and would stop while the model still improves.")
    if answer.patience != patience:
        return not_yet(f"it waits for {answer.patience} validations; the exercise says {patience}.")
    if not math.isclose(abs(answer.min_delta), min_delta):
        return not_yet(f"an improvement counts from {abs(answer.min_delta):g} on; the exercise says {min_delta:g}.")
    return right(f"it stops after {patience} validations in a row that are not better by more than {min_delta:g}.")


def check_best_two(answer: object) -> Feedback:
    """Check a `ModelCheckpoint` that keeps the two most accurate epochs under names without a folder."""
    return _not_a_keeper_of(answer, 2, "two") or _check_file_name(answer)


def _not_a_keeper_of(answer: object, count: int, in_words: str) -> Feedback | None:
    """Nudge unless `answer` is a ModelCheckpoint that keeps the `count` files of the highest validation accuracy."""
    if nudge := not_answered(answer, "a ModelCheckpoint"):
        return nudge
    if not isinstance(answer, ModelCheckpoint):
        return not_yet(f"{_what(answer)}; give the object that ModelCheckpoint(...) returns.")
    if answer.monitor is None:
        return not_yet("it has no monitor, so its best is the latest; which value decides?")
    if answer.monitor != "ptl/val_accuracy":
        return not_yet(f"it watches {answer.monitor!r}; which name does the model log its accuracy under?")
    if answer.mode != "max":
        return not_yet("it keeps the epochs with the lowest accuracy; is lower better here?")
    if answer.save_top_k != count:
        kept = f"{answer.save_top_k} files (-1 means all of them)"
        return not_yet(f"it was told to keep {kept}; the exercise says {in_words}.")
    return None


def _check_file_name(answer: ModelCheckpoint) -> Feedback:
    logged = {"epoch": 7, "step": 80, "ptl/val_loss": 0.4321, "ptl/val_accuracy": 0.8765}
    metrics = {name: torch.tensor(value) for name, value in logged.items()}
    try:
        path = answer.format_checkpoint_name(metrics)  # adds the names that it does not know to `metrics`
    except Exception as error:  # whatever the template did wrong is feedback
        return not_yet(f"the file name cannot be made: {type(error).__name__}: {error}")
    name = os.path.relpath(path, answer.dirpath) if answer.dirpath else path
    if unknown := sorted(set(metrics) - set(logged)):
        return not_yet(f"nobody logs {unknown[0]!r}, so the file name says {name!r}.")
    if os.sep in name:
        return not_yet(f"the file would be {name!r}: a folder and a file. Where does the slash come from?")
    if "7" not in name.replace("0.8765", "").replace("0.87", "") or not re.search(r"0\.88(?!\d)", name):
        return not_yet(f"epoch 7 with an accuracy of 0.8765 would be {name!r}; does it tell both, with two decimals?")
    return right(f"epoch 7 with an accuracy of 0.8765 would be {name!r}.")


def check_loss_history(answer: object) -> Feedback:
    """Check a callback class that keeps the validation loss of each epoch in `losses`, by training with it twice."""
    if isinstance(answer, Callback):
        return not_yet("this is an object; give its class, so that every run can have an object of its own.")
    if nudge := not_a_class(answer, Callback):
        return nudge
    try:
        first, second = _losses_seen_by(answer), _losses_seen_by(answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    if first == second == _KNOWN_LOSSES:
        return right("one loss for each epoch, and none of the sanity check.")
    return _explain_losses(first, second)


def _explain_losses(first: list[float] | str, second: list[float] | str) -> Feedback:
    if isinstance(first, str):
        return not_yet(first)
    if not first:
        return not_yet("the list stays empty; is the name of your method a hook of Callback?")
    if len(first) == len(_KNOWN_LOSSES) + 1:
        return not_yet("one loss too many for three epochs; what does the Trainer run before it trains?")
    if first == _KNOWN_LOSSES:
        return not_yet("a second run, with a new object, starts with the losses of the first; where is the list made?")
    return not_yet(f"three epochs with validation losses of {_KNOWN_LOSSES} left {first} in the list.")


def _losses_seen_by(callback_class: type[Callback]) -> list[float] | str:
    callback = callback_class()
    with _apart():
        trainer = Trainer(**_QUIET, max_epochs=len(_KNOWN_LOSSES), callbacks=[callback])
        trainer.fit(_ThreeEpochs(), [torch.zeros(1)], [torch.zeros(1)])
    if not isinstance(losses := getattr(callback, "losses", None), list):
        return "after a run, the object has no list named losses."
    return [round(float(loss), 4) for loss in losses]


_KNOWN_LOSSES = [0.75, 0.5, 0.25]


class _ThreeEpochs(LightningModule):
    """A model whose validation losses are `_KNOWN_LOSSES`, and 1.0 in the sanity check."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.weight.sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("ptl/val_loss", 1.0 if self.trainer.sanity_checking else _KNOWN_LOSSES[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def check_best_weights(answer: object) -> Feedback:
    """Check a callback class that leaves a model with the weights of its best epoch, by training with it."""
    if nudge := not_answered(answer, "a class"):
        return nudge
    if isinstance(answer, Callback) or not callable(answer):
        return not_yet(f"{_what(answer)}; give a class that is derived from Callback.")
    try:
        callback = answer()
        if not isinstance(callback, Callback):
            return not_yet(f"it makes {_what(callback).removeprefix('this is ')}, and not a callback.")
        left_with, epochs = _weight_after_training_with(callback)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    return _explain_weights(left_with, epochs)


def _explain_weights(left_with: int, epochs: int) -> Feedback:
    lowest, highest = (_UPS_AND_DOWNS.index(pick(_UPS_AND_DOWNS[:epochs])) + 1 for pick in (min, max))
    if epochs <= _UPS_AND_DOWNS.index(min(_UPS_AND_DOWNS)):
        return not_yet(f"the run ends after {epochs} epoch(s), and its best one was still to come.")
    if left_with == lowest:
        return right("the model is left with the weights of its best epoch, and the later ones are forgotten.")
    if left_with == 0:
        return not_yet("the model is back at its first weights: the loss of the sanity check was the lowest of all.")
    if left_with == epochs:
        return not_yet(
            "the model is left with the weights of its last epoch. If you keep state_dict(): it holds the very "
            "tensors that training goes on changing."
        )
    if left_with == highest:
        return not_yet("the model is left with the weights of its worst epoch; is a large loss good?")
    return not_yet("these are weights of another epoch; which weights does a validation loss belong to, and when?")


_UPS_AND_DOWNS = [0.75, 0.5, 0.9, 0.25, 0.6, 0.7]


class _CountsEpochs(LightningModule):
    """A model of one weight, the number of its epochs so far; its losses are known, and lowest in the sanity check."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return -self.weight.sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("ptl/val_loss", 0.0 if self.trainer.sanity_checking else _UPS_AND_DOWNS[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def _weight_after_training_with(callback: Callback) -> tuple[int, int]:
    """Return the weight that the callback leaves, and the number of epochs."""
    model, keeps_files = _CountsEpochs(), {"enable_checkpointing": isinstance(callback, Checkpoint)}
    with _apart(), tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        own = {"max_epochs": len(_UPS_AND_DOWNS), "default_root_dir": folder, "callbacks": [callback]}
        trainer = Trainer(**_QUIET | keeps_files | own)
        trainer.fit(model, [torch.zeros(1)], [torch.zeros(1)])
    return round(model.weight.item()), trainer.current_epoch


# ---------------------------------------------------------------------------------------------------------------------
# 04 Trainer arguments


def check_accumulated_steps(answer: object, n_batches: int, max_epochs: int, accumulate: int) -> Feedback:
    """Check the number of optimizer steps in a run that accumulates gradients."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    whole, rest = divmod(n_batches, accumulate)
    steps = max_epochs * (whole + (rest > 0))
    if given == steps:
        return right(f"each epoch has {whole} steps from {accumulate} batches, and one from the {rest} that are left.")
    if given == n_batches * max_epochs:
        return not_yet("that is one step per batch; how many batches go into one step?")
    if given == max_epochs * whole:
        return not_yet("what happens to the batches that are left at the end of each epoch?")
    if given in (n_batches * max_epochs / accumulate, -(-n_batches * max_epochs // accumulate)):
        return not_yet("that would be so if gradients were kept from one epoch to the next; look at one epoch alone.")
    return not_yet("count the steps of one epoch first; the table above has one with a rest.")


def check_short_epoch(answer: object) -> Feedback:
    """Check Trainer arguments for two epochs of one training batch and all validation batches, by a run with them."""
    if nudge := not_answered(answer, "a dictionary"):
        return nudge
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        return not_yet(f"{_what(answer)}; give a dictionary whose keys are names of arguments.")
    try:
        train, val = _batches_seen_with(answer)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if max(len(train), len(val)) > 2:
        return not_yet("this run goes on after its second epoch; which argument ends it?")
    if [count for count in train if count != 1]:
        return not_yet(f"an epoch of {_N_BATCHES} batches trained on {max(train)} of them; which value means one?")
    if [count for count in val if count != _N_BATCHES]:
        return not_yet(
            f"of {_N_BATCHES} validation batches, an epoch saw {min(val)}; which value means all, and which one?"
        )
    if (len(train), len(val)) != (2, 2):
        return not_yet(f"this run has {len(train)} epochs and validates {len(val)} times; two and two are asked for.")
    return right(f"two epochs, each with 1 of {_N_BATCHES} training batches and all {_N_BATCHES} for validation.")


_N_BATCHES = 4


def _batches_seen_with(arguments: dict[str, object]) -> tuple[list[int], list[int]]:
    """Return the numbers of training batches and of validation batches of each epoch."""
    counter = _BatchCounter()
    own = _QUIET | {"callbacks": [*_callbacks_in(arguments), counter]}
    batches = DataLoader(torch.zeros(_N_BATCHES))
    with _apart():
        Trainer(**{**arguments, **own}).fit(_ThreeEpochs(), batches, batches)
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


def check_week_end_trainer(answer: object) -> Feedback:
    """Check a Trainer that stops after two days alone, validates every 5 epochs and logs every 10 steps."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"{_what(answer)}; give the object that Trainer(...) returns.")
    days = [callback.time_remaining() / 86400 for callback in answer.callbacks if isinstance(callback, Timer)]
    if not days:
        return not_yet("it does not look at the clock; which argument takes a time?")
    if not math.isclose(min(days), 2, rel_tol=1e-3):
        return not_yet(f"it stops after {min(days):.3g} days; in DD:HH:MM:SS, which place holds the days?")
    if answer.max_steps != -1 or answer.max_epochs not in (None, -1):
        return not_yet("it also counts epochs or steps, and may stop before the two days are over.")
    if answer.check_val_every_n_epoch != 5:
        return not_yet(f"it validates every {answer.check_val_every_n_epoch} epochs; the exercise says every fifth.")
    if answer.log_every_n_steps != 10 or not answer.loggers:
        every = f"every {answer.log_every_n_steps} optimizer steps" if answer.loggers else "nowhere, without a logger"
        return not_yet(f"it writes the training loss {every}; the exercise says every 10 steps.")
    return right("the clock alone ends it; validation counts epochs, the log counts steps.")


def check_budget(answer: object, max_val_batches: int = 12) -> Feedback:
    """Check Trainer arguments for 24 steps and a last validation, with few validation batches, by a run with them."""
    if nudge := _not_arguments(answer):
        return nudge
    counts = _Ledger()
    try:
        with _apart():
            own = _QUIET | {"callbacks": [*_callbacks_in(answer), counts]}
            Trainer(**{**answer, **own}).fit(_LogsItsLoss(), DataLoader(torch.zeros(8)), DataLoader(torch.zeros(6)))
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    return _judge_budget(counts, max_val_batches)


def _judge_budget(counts: "_Ledger", max_val_batches: int) -> Feedback:
    spent = counts.val_batches + counts.sanity_batches
    if counts.stopped:
        return not_yet("this run goes on and on; what is to end it?")
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


class _Ledger(Callback):
    """Count what a run spends; end a run that takes a hundred steps."""

    def __init__(self) -> None:
        self.steps = self.val_batches = self.sanity_batches = self.last_validation = 0
        self.stopped = False

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.steps = trainer.global_step
        self.stopped = trainer.fit_loop.epoch_loop.total_batch_idx >= 200
        trainer.should_stop = trainer.should_stop or self.stopped

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.sanity_batches += trainer.sanity_checking
        self.val_batches += not trainer.sanity_checking

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_validation = trainer.global_step


def _callbacks_in(arguments: dict[str, object]) -> list[object]:
    given = arguments.get("callbacks") or []
    return given if isinstance(given, list) else [given]


# ---------------------------------------------------------------------------------------------------------------------
# A2 From 1.x to 2.x


def check_todays_trainer(answer: object) -> Feedback:
    """Check a Trainer on the CPU, for 3 epochs, without checkpoints, progress bar and model summary."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"{_what(answer)}; give the object that Trainer(...) returns, and not its text.")
    if type(answer.accelerator) is not CPUAccelerator or answer.num_devices != 1:
        return not_yet("gpus=0 meant one CPU; which argument says the kind of device?")
    if answer.max_epochs != 3:
        return not_yet(f"it would run for max_epochs={answer.max_epochs}; that argument has not changed.")
    if answer.checkpoint_callbacks:
        return not_yet("it saves checkpoints; which argument that starts with enable_ turns that off?")
    if answer.progress_bar_callback is not None:
        return not_yet("it still has a progress bar; a refresh rate of 0 meant none at all.")
    if any(isinstance(callback, ModelSummary) for callback in answer.callbacks):
        return not_yet("it still prints a summary of the model; weights_summary=None meant none.")
    return right("the same run, in words that today's Trainer knows.")


def check_epoch_means(answer: object) -> Feedback:
    """Check a module class that keeps the mean training loss of each epoch in `means`, by training it."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        kept, losses = _means_and_losses(answer)
    except NotImplementedError as error:
        return not_yet(f"Lightning refuses it: {str(error).partition('. You can find')[0]}.")
    except Exception as error:
        return not_yet(f"training it ends in {type(error).__name__}: {error}")
    means = [sum(epoch) / len(epoch) for epoch in losses]
    pooled = [np.mean(np.concatenate(losses[: i + 1])) for i in range(len(losses))]
    if not kept:
        return not_yet("after a run the list means is empty; is the name of your method a hook of today?")
    if len(kept) != len(means):
        return not_yet(f"{len(means)} epochs left {len(kept)} values in means.")
    if np.allclose(kept, means, rtol=1e-4):
        return right("one mean for each epoch, from what the steps of that epoch have kept.")
    if np.allclose(kept, pooled, rtol=1e-4):
        return not_yet("each value also counts the losses of the epochs before; when is the list of losses emptied?")
    if np.allclose(kept, [epoch[-1] for epoch in losses], rtol=1e-4):
        return not_yet("that is the loss of the last batch; the mean is over all batches of the epoch.")
    return not_yet("the values differ from the means of the losses that training_step returned.")


def _means_and_losses(cls: type[LightningModule]) -> tuple[list[float], list[list[float]]]:
    """Train for three epochs of four batches; return what the model kept, and the losses of each epoch."""
    keeper = _LossKeeper()
    with _apart():
        model = cls()
        Trainer(max_epochs=3, callbacks=[keeper], **_QUIET).fit(model, DataLoader(torch.tensor([1.0, 5.0, 2.0, 4.0])))
    return [float(mean) for mean in model.means], keeper.losses


class _LossKeeper(Callback):
    """Keep the losses of each epoch."""

    def __init__(self) -> None:
        self.losses: list[list[float]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self.losses.append([])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: dict[str, torch.Tensor], *_: object
    ) -> None:
        self.losses[-1].append(float(outputs["loss"]))


# ---------------------------------------------------------------------------------------------------------------------
# 05 Hyperparameters and checkpoints


def check_remembers(answer: object) -> Feedback:
    """Check a module class that saves `width` and `dropout` as hyperparameters, and not `loss_fx`."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saved = dict(answer(nn.MSELoss(), 8, dropout=0.37).hparams)
    except Exception as error:
        return not_yet(f"{answer.__name__}(loss, 8, dropout=0.37) stops with {type(error).__name__}: {error}")
    if "loss_fx" in saved:
        return not_yet("the loss is among the hyperparameters; its type would be refused on loading.")
    if missing := [name for name in ("width", "dropout") if name not in saved]:
        return not_yet(f"{missing[0]} is not among the hyperparameters; on loading, its value would be lost.")
    if saved != {"width": 8, "dropout": 0.37}:
        return not_yet("the hyperparameters are not the values that __init__ was called with.")
    return right("width and dropout are saved, the loss is left out.")


def check_keeper(answer: object) -> Feedback:
    """Check a ModelCheckpoint that keeps the three checkpoints of highest validation accuracy."""
    if nudge := _not_a_keeper_of(answer, 3, "three"):
        return nudge
    return right("it keeps the three checkpoints of highest validation accuracy.")


def check_counts_on(answer: object) -> Feedback:
    """Check a callback class whose `batches` counts training batches, also over a break, by resuming a run with it."""
    if nudge := not_a_class(answer, Callback):
        return nudge
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "after_two.ckpt")
            first, _ = _count_batches(answer(), max_epochs=2, save_to=path)
            resumed, _ = _count_batches(answer(), max_epochs=3, ckpt_path=path)
            fresh, keeps = _count_batches(answer(), max_epochs=1)
    except pickle.UnpicklingError:
        return not_yet("the checkpoint cannot be loaded: what the callback puts there is no plain value.")
    except Exception as error:
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")
    return _explain_counts((first, resumed, fresh), keeps)


def _explain_counts(counts: tuple[float | None, ...], keeps: bool) -> Feedback:
    first, resumed, fresh = counts
    wanted = tuple(epochs * _N_BATCHES for epochs in (2, 3, 1))
    if counts == wanted:
        return right(f"{first:g} batches, a break, and {resumed:g} in the end; a new run starts from 0.")
    if None in counts:
        return not_yet("after a run, the object has no number named batches.")
    if counts == tuple(count // 2 for count in wanted):
        return not_yet("these are optimizer steps; the run adds up the gradients of two batches for each.")
    if first != wanted[0]:
        return not_yet(f"a run of {wanted[0]} batches, without any break, is counted as {first:g}.")
    if fresh > wanted[2]:
        return not_yet(f"a new run of {wanted[2]} batches counts {fresh:g}: what one object has seen, all others know.")
    if resumed == wanted[2] and keeps:
        return not_yet("its state is in the checkpoint, but after the break nobody reads it.")
    if resumed == wanted[2]:
        return not_yet("after the break, a new object starts at 0; what could bring the count to it?")
    return not_yet(f"{wanted[0]} batches, a break, and {wanted[2]} more are counted as {resumed:g}.")


def _count_batches(
    callback: Callback, max_epochs: int, save_to: str | None = None, ckpt_path: str | None = None
) -> tuple[float | None, bool]:
    """Train with the callback; return its count, and whether it has a state for checkpoints."""
    with _apart():
        trainer = Trainer(**_QUIET, max_epochs=max_epochs, accumulate_grad_batches=2, callbacks=[callback])
        trainer.fit(_LogsItsLoss(), DataLoader(torch.zeros(_N_BATCHES)), ckpt_path=ckpt_path)
        if save_to:
            trainer.save_checkpoint(save_to)
        return number(getattr(callback, "batches", None)), bool(callback.state_dict())


# ---------------------------------------------------------------------------------------------------------------------
# 06 Reproducibility


def check_make_linear(answer: object) -> Feedback:
    """Check a function of a seed that returns an `nn.Linear(4, 2)` with weights that depend on the seed alone."""
    if nudge := not_a_function(answer):
        return nudge
    try:
        with _apart():
            torch.manual_seed(0)
            first, second, other = answer(1), answer(1), answer(2)
    except Exception as error:
        return not_yet(f"make_linear(1) stops with {type(error).__name__}: {error}")
    if not all(isinstance(layer, nn.Linear) and layer.weight.shape == (2, 4) for layer in (first, second, other)):
        return not_yet("it should return an nn.Linear(4, 2) each time.")
    if first is second:
        return not_yet("it returns the same object twice; a change of one would be a change of the other.")
    if fingerprint(first) != fingerprint(second):
        return not_yet("seed 1 gives two different layers; where does the generator stand at the second call?")
    if fingerprint(first) == fingerprint(other):
        return not_yet("seeds 1 and 2 give the same layer; is the argument used?")
    return right("one seed, one layer, whatever has been drawn before.")


def check_deterministically(answer: object) -> Feedback:
    """Check a function that calls another one with deterministic operations on, and leaves the process as it was."""
    if nudge := not_a_function(answer):
        return nudge
    at_first = _deterministic_state()
    try:
        return _judge_deterministically(answer)
    except Exception as error:
        return not_yet(f"called with a function that takes nothing, it stops with {type(error).__name__}: {error}")
    finally:
        torch.use_deterministic_algorithms(at_first[0], warn_only=at_first[1])


def _judge_deterministically(answer: Callable) -> Feedback:
    for before in ((False, False), (True, False), (True, True)):
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        inside, after = answer(_deterministic_state), _deterministic_state()
        if not (isinstance(inside, tuple) and len(inside) == 2):
            return not_yet("it should return what the function returns.")
        if inside != (True, False):
            return not_yet("while the function runs, an operation that is not deterministic would not be refused.")
        if after != before and not before[0]:
            return not_yet("the request outlives the call: afterwards the whole process is still deterministic.")
        if after != before:
            return not_yet("it was on before the call, and is not as it was afterwards; what is to be put back?")
    torch.use_deterministic_algorithms(False)
    try:
        answer(_fail)
    except _FailedOnPurposeError:
        if _deterministic_state()[0]:
            return not_yet("when the function raises an error, the request is still on afterwards.")
    else:
        return not_yet("an error of the function is swallowed; whoever called should hear of it.")
    return right("on while the function runs; afterwards as before, whatever happens.")


def _deterministic_state() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


class _FailedOnPurposeError(Exception):
    pass


def _fail() -> None:
    raise _FailedOnPurposeError


def check_quiet_noise(answer: object) -> Feedback:
    """Check a callback class that draws a random number per batch and leaves the trained weights alone."""
    if nudge := not_a_class(answer, Callback):
        return nudge
    n_batches = 3
    try:
        callback = answer()
        with_it, without = _trained_weights([callback], n_batches), _trained_weights([], n_batches)
        drawn = [float(number) for number in callback.drawn]
    except Exception as error:
        return not_yet(f"training with {answer.__name__}() stops with {type(error).__name__}: {error}")
    if len(drawn) != n_batches:
        return not_yet(f"after {n_batches} batches, drawn has {len(drawn)} numbers; it should have one per batch.")
    if len(set(drawn)) == 1:
        return not_yet("the same number comes at every batch; when is the generator made, or seeded?")
    if with_it != without:
        return not_yet("the weights have changed; which generator do the numbers come from, and who else uses it?")
    return right("it draws as it likes, and the training does not notice.")


def _trained_weights(callbacks: list[Callback], n_batches: int) -> str:
    with _apart():
        torch.manual_seed(0)
        datamodule = TCPDataModule("SIMULATED")
        model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 0.0, "hidden_dim": 4})
        limits = {"max_epochs": 1, "limit_train_batches": n_batches, "limit_val_batches": 0}
        Trainer(**_QUIET, **limits, callbacks=callbacks).fit(model, datamodule)
    return fingerprint(model)


# ---------------------------------------------------------------------------------------------------------------------
# 07 Experiments


def check_honest_score(answer: object) -> Feedback:
    """Check a function that picks, for each run, the epoch that is best on validation, and scores it on test."""
    if nudge := not_a_function(answer):
        return nudge
    validation, test = np.random.default_rng(0).uniform(size=(2, 6, 9))
    try:
        with _apart():
            given = number(answer(validation.copy(), test.copy()))
    except Exception as error:
        return not_yet(f"called with two arrays of 6 runs and 9 epochs, it stops with {type(error).__name__}: {error}")
    if given is None:
        return not_yet("it should return one number, the mean over the runs.")
    return _judge_honest_score(given, validation, test)


def _judge_honest_score(given: float, validation: np.ndarray, test: np.ndarray) -> Feedback:
    runs = np.arange(len(test))
    if math.isclose(given, test[runs, validation.argmax(axis=1)].mean(), rel_tol=1e-6):
        return right("the validation set picks, the test set judges, and neither does the other's work.")
    nudges = [
        (test.max(axis=1).mean(), "that is the best of each run on test: the leak. Which array may choose?"),
        (validation.max(axis=1).mean(), "that is what the picked epochs give where they were picked; who judges?"),
        (test[:, validation.mean(axis=0).argmax()].mean(), "that is one epoch for all; each run may pick its own."),
        (test[:, -1].mean(), "that is the last epoch, honest too, but nothing has been picked."),
        (test[runs, validation.argmin(axis=1)].mean(), "that is the worst epoch on validation; here more is better."),
        (validation.argmax(axis=1).mean(), "that is the mean number of the epoch; what does test give there?"),
    ]
    found = [nudge for value, nudge in nudges if math.isclose(given, value, rel_tol=1e-6)]
    return not_yet(
        found[0] if found else "for a single run: where is its row of validation largest, and what is in test there?"
    )


def check_difference_interval(answer: object) -> Feedback:
    """Check a function that returns the 95 % bootstrap interval of the difference of two accuracies, paired."""
    if nudge := not_a_function(answer):
        return nudge
    # The first model knows all answers, the second three of four: a difference of 0.25. Four times, in another order,
    # so that the luck of the draws evens out.
    labels = np.arange(2000) % 2
    second = np.where(np.arange(2000) % 8 < 2, 1 - labels, labels)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(2000), (4, 1)), axis=1)
    try:
        with _apart():
            limits = [_two_limits(answer(labels[order], labels[order], second[order])) for order in orders]
            limits.append(_two_limits(answer(labels.copy(), second.copy(), second.copy())))
    except Exception as error:
        return not_yet(f"called with three arrays of 2000 classes, it stops with {type(error).__name__}: {error}")
    if None in limits:
        return not_yet("it should return two numbers, the lower and the upper limit.")
    low, high = np.mean(limits[:-1], axis=0)
    return _judge_difference_interval(low, high, of_equals=limits[-1])


def _two_limits(given: object) -> tuple[float, float] | None:
    try:
        low, high = given
    except (TypeError, ValueError):
        return None
    limits = number(low), number(high)
    return None if None in limits else limits


def _judge_difference_interval(low: float, high: float, of_equals: tuple[float, float]) -> Feedback:
    expected = 2 * 1.96 * math.sqrt(0.25 * 0.75 / 2000)
    if low > high:
        return not_yet("the lower limit comes first.")
    if high < 0:
        return not_yet("a model that knows more gets a negative difference; which accuracy is taken from which?")
    if of_equals != (0.0, 0.0):
        return not_yet("a model differs from itself: each draw has to be of the same people for both models.")
    if high - low < 0.1 * expected:
        return not_yet("the interval has hardly any width; may a draw hold the same person twice?")
    if not low < 0.25 < high:
        return not_yet(
            "it misses the difference in the samples themselves; is it the two accuracies that you subtract?"
        )
    if not 0.92 < (high - low) / expected < 1.12:
        wide = "wide" if high - low > expected else "narrow"
        return not_yet(
            f"it is too {wide} for 95 %: how much is cut off at each end, and how many people are in a draw?"
        )
    return right("the same people for both, so what is hard for both does not count as a difference.")


def check_test_size(answer: object, accuracy: float, reach: float) -> Feedback:
    """Check the number of test samples for which the 95 % interval of an accuracy reaches `reach` to each side."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given, variance = number(answer), accuracy * (1 - accuracy)
    if given is None:
        return not_yet(f"{_what(answer)}; give a number.")
    needed = variance * (1.96 / reach) ** 2
    if 0.95 * needed < given < 1.1 * needed:
        return right(f"about {needed:.0f}. Four times as many would halve the interval once more.")
    nudges = {
        variance / reach**2: "that is for one standard deviation; a 95 % interval reaches 1.96 of them.",
        variance
        * (2 * 1.96 / reach) ** 2: "that is for an interval of this width in all; it reaches so far to each side.",
        math.sqrt(needed): "the number of samples stands below a root; what becomes of the root?",
        variance * 1.96 / reach**2: "1.96 stands outside the root: what happens to it when you square?",
        (1.96 / reach) ** 2: "that leaves out how much the answers vary: p (1 - p).",
        (1.96 / reach) ** 2 / 4: "that is for an accuracy of one half, the worst case; this one is known better.",
    }
    near = [nudge for value, nudge in nudges.items() if abs(given / value - 1) < 0.03]
    return not_yet(near[0] if near else f"set 1.96 √(p (1 - p) / n) equal to {reach}, and solve for n.")


def check_own_recipe(answer: object, most_epochs: int = 25, distance: float = 0.02) -> Feedback:
    """Cross-validate a recipe on simulated samples and compare its area under the ROC curve with a linear model's."""
    from mldrl_lite.recipes import Recipe

    if nudge := not_answered(answer, "a Recipe(...)"):
        return nudge
    if not isinstance(answer, Recipe):
        return not_yet(f"{_what(answer)}; give a Recipe(...), with the values that you choose in the parentheses.")
    if answer.epochs > most_epochs:
        return not_yet(f"it trains for {answer.epochs} epochs; the exercise allows {most_epochs}.")
    if answer.hidden_dim > 1000:
        return not_yet(f"with hidden_dim={answer.hidden_dim} the check would take long; stay at 1000 or less.")
    with _apart():
        network, linear = _cross_validated(answer)
    found = f"{network:.3f} in cross-validation, logistic regression {linear:.3f}"
    if network >= linear - distance:
        return right(f"{found}. To report it, you would now run it once on a test set that no trial has seen.")
    if network < 0.6:
        return not_yet(
            f"{found}: it has hardly learned, or learned and lost it; is the learning rate much too low, or high?"
        )
    return not_yet(f"{found}. Which of width, learning rate and number of epochs has not enough, or too much?")


def _cross_validated(recipe: object) -> tuple[float, float]:
    """Return two areas under the ROC curve, of a recipe and of logistic regression, on the same three folds."""
    from mldrl_lite.recipes import cross_validate, fit_baseline, make_task

    samples = simulated()
    train = np.flatnonzero(np.arange(len(samples.labels)) % 4)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        network = cross_validate({"yours": recipe}, samples, train, folder, folds=3, seeds=1)["auroc"].mean()
    labels = samples.labels[train]
    cuts = StratifiedKFold(3, shuffle=True, random_state=0).split(labels, labels)
    tasks = [(make_task(samples, train[rest], train[part]), labels[part]) for rest, part in cuts]
    areas = [roc_auc_score(truth, fit_baseline("logistic regression", task)[0][:, 1]) for task, truth in tasks]
    return float(network), float(np.mean(areas))


# ---------------------------------------------------------------------------------------------------------------------
# 08 Speed and scale


def check_shared_steps(answer: object, n_samples: int, processes: int, batch_size: int) -> Feedback:
    """Check the number of optimizer steps of an epoch that processes share under `ddp`."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    each = math.ceil(n_samples / processes)
    given = number(answer)
    if given == math.ceil(each / batch_size):
        return right(f"each process has {each} samples in batches of {batch_size}, and all step together.")
    if given == math.ceil(n_samples / batch_size):
        return not_yet("that is what one process takes alone; how many of the samples does each process see?")
    if given is not None and math.floor(each / batch_size) <= given < math.ceil(each / batch_size):
        return not_yet("some samples of each process are left over after the full batches; what happens to them?")
    if given == each:
        return not_yet("that is the number of samples of one process; it takes them in batches.")
    return not_yet("first share the samples out, then cut the share of one process into batches.")


def check_break_even(answer: object) -> Feedback:
    """Check a function that says after how many steps compiling has paid."""
    if nudge := not_a_function(answer, "a function of three times"):
        return nudge
    cases = [(8.0, 0.5, 0.25), (5.0, 1.0, 0.25), (1.0, 0.25, 0.5), (1.0, 0.5, 0.5), (3.0, 0.75, 0.25)]
    try:
        with _apart():
            given = [answer(*case) for case in cases]
    except ZeroDivisionError:
        return not_yet(
            "it divides by zero where a compiled step takes as long as before; does compiling ever pay then?"
        )
    except Exception as error:
        return not_yet(f"called with three times, it ends in {type(error).__name__}: {str(error).strip()}")
    return _judge_break_even([None if steps is None else number(steps) for steps in given], given)


def _judge_break_even(steps: list[float | None], given: list[object]) -> Feedback:
    if given[2] is not None or given[3] is not None:
        return not_yet("it also names a step where a compiled step is no faster; None is asked for there.")
    if steps == [32, 7, None, None, 6]:
        return right("the price, shared out over what each step saves, rounded up.")
    if steps[0] == 16:
        return not_yet("a compiled step takes time, too; how much does each step save?")
    if steps[0] == 32 and steps[1] is not None and 6 <= steps[1] < 7:
        return not_yet("at a cost of 5 s and 0.75 s saved per step, that many steps have saved less than was paid.")
    return not_yet(
        f"a cost of 8 s, and steps of 0.25 s instead of 0.5 s: it returns {given[0]!r}. What has been saved by then?"
    )


def check_lean_run(answer: object) -> Feedback:
    """Check a function of a folder whose Trainer arguments make a run with few writes and few saves, by that run."""
    if nudge := not_a_function(answer, "a function that takes a folder"):
        return nudge
    try:
        return _judge_lean_run(_lean_run(answer))
    except Exception as error:
        return not_yet(
            f"the function, or a run with what it returns, ends in {type(error).__name__}: {str(error).strip()}"
        )


def _lean_run(answer: Callable) -> "_LeanRun":
    """Train with the arguments of `answer`, in an empty working folder beside the one that it is given."""
    from IPython.utils.capture import capture_output

    run = _LeanRun()
    with tempfile.TemporaryDirectory() as place, capture_output(), _apart():
        folder, elsewhere = Path(place, "folder"), Path(place, "elsewhere")
        folder.mkdir()
        elsewhere.mkdir()
        with contextlib.chdir(elsewhere):
            arguments = answer(str(folder))
            if not isinstance(arguments, dict):
                raise TypeError(f"a dictionary of arguments is wanted, not a value of type {type(arguments).__name__}")
            own = {"accelerator": "cpu", "devices": 1, "callbacks": [*_callbacks_in(arguments), run]}
            trainer = Trainer(**{"max_epochs": 6, **arguments, **own})
            run.watch(trainer)
            trainer.fit(_FallsThenRises(), DataLoader(torch.zeros(10)), DataLoader(torch.zeros(1)))
        run.strays = len(list(elsewhere.iterdir()))
        run.left = [torch.load(path)["epoch"] for path in sorted(folder.rglob("*.ckpt"))]
    return run


def _judge_lean_run(run: "_LeanRun") -> Feedback:
    if not run.logged:
        return not_yet("this run has no logger, so nothing of it can be looked at later.")
    if run.strays:
        return not_yet("this run writes outside the folder that the function is given; which argument decides where?")
    if not run.bar:
        return not_yet("this run shows no progress bar.")
    if run.validations != len(_FallsThenRises.losses):
        return not_yet(f"this run validates {run.validations} time(s); after each of the epochs is asked for.")
    if run.writes > 14:
        return not_yet(f"the logger is called {run.writes} times; which argument spaces the losses of the steps out?")
    if run.saves > 3:
        return not_yet(f"it saves {run.saves} checkpoints: while the loss falls, each epoch is the best so far.")
    if 3 not in run.left:
        return not_yet(
            f"at the end there are checkpoints of epochs {run.left}, counted from 0; how would it know which is best?"
        )
    return right(f"{run.writes} writes, {run.saves} save(s), and the best epoch is kept.")


class _LeanRun(Callback):
    """Count what a run writes, saves and validates; end a run of more than twenty epochs."""

    def __init__(self) -> None:
        self.writes = self.saves = self.validations = self.strays = 0
        self.left: list[int] = []
        self.logged = self.bar = False

    def watch(self, trainer: Trainer) -> None:
        """Count the calls of the Trainer's loggers."""
        self.logged, bar = bool(trainer.loggers), trainer.progress_bar_callback
        self.bar = bar is not None and not getattr(bar, "is_disabled", False)
        for logger in trainer.loggers:
            logger.log_metrics = self._counted(logger.log_metrics)

    def _counted(self, write: Callable) -> Callable:
        def counted(*args: object, **kwargs: object) -> object:
            self.writes += 1
            return write(*args, **kwargs)

        return counted

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        self.saves += 1

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validations += not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or trainer.current_epoch >= 20


class _LogsItsLoss(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.layer(batch[:, None]).square().mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val_loss", 0.0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class _FallsThenRises(_LogsItsLoss):
    """A model whose validation loss is lowest in its fourth epoch."""

    losses = (0.9, 0.8, 0.7, 0.5, 0.6, 0.8)

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        epoch = min(self.current_epoch, len(self.losses) - 1)
        self.log("val_loss", torch.tensor(self.losses[epoch]), batch_size=1)


# ---------------------------------------------------------------------------------------------------------------------
# A1 Atlas


def check_validates_every_six(answer: object) -> Feedback:
    """Check Trainer arguments that validate after every 6 batches in epochs of 4, by a run with them."""
    if nudge := _not_arguments(answer):
        return nudge
    try:
        watch = _watched_run(answer, max_epochs=6, logger=False)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if watch.validated == list(range(6, watch.batches + 1, 6)) and watch.validated:
        return right(f"in {watch.batches} batches, it validates after {watch.validated}, wherever an epoch ends.")
    if not watch.validated:
        return not_yet(f"this run ends after {watch.batches} batches and has not validated at all.")
    if not [batches for batches in watch.validated if batches % _N_BATCHES]:
        return not_yet(
            f"it validates after {watch.validated} batches: at ends of epochs; which argument counts batches?"
        )
    return not_yet(f"it validates after {watch.validated} batches; after every 6 is asked for.")


def check_logged_four_times(answer: object) -> Feedback:
    """Check Trainer arguments that log a loss at every second of 8 steps, by a run with them."""
    if nudge := _not_arguments(answer):
        return nudge
    log = _LossSteps()
    try:
        watch = _watched_run(answer, max_epochs=2, logger=log)
    except Exception as error:
        return not_yet(f"a run with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if watch.batches != 2 * _N_BATCHES:
        return not_yet(f"this run sees {watch.batches} training batches; two epochs of {_N_BATCHES} are asked for.")
    if not log.steps:
        return not_yet("no loss is written; how many steps does the run have, and how many lie between two log lines?")
    if len(log.steps) != _N_BATCHES:
        return not_yet(f"the loss is written {len(log.steps)} time(s), at steps {log.steps}; four are asked for.")
    return right(f"the loss is written at steps {log.steps}: the count starts at 0, and every second one is kept.")


def _not_arguments(answer: object) -> Feedback | None:
    if nudge := not_answered(answer, "a dictionary"):
        return nudge
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        return not_yet(f"{_what(answer)}; give a dictionary whose keys are names of arguments.")
    return None


def _watched_run(arguments: dict[str, object], max_epochs: int, logger: object) -> "_Watch":
    """Train a tiny model in epochs of `_N_BATCHES` batches; `max_epochs` holds where the arguments have none."""
    watch = _Watch()
    own = _QUIET | {"logger": logger, "callbacks": [*_callbacks_in(arguments), watch]}
    batches = DataLoader(torch.zeros(_N_BATCHES))
    with _apart():
        Trainer(**{"max_epochs": max_epochs, **arguments, **own}).fit(_LogsItsLoss(), batches, batches)
    return watch


class _Watch(Callback):
    """Note after how many training batches validation runs; end a run of more than twelve epochs."""

    def __init__(self) -> None:
        self.batches = 0
        self.validated: list[int] = []

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.batches += 1
        trainer.should_stop = trainer.should_stop or self.batches >= 12 * _N_BATCHES

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.validated.append(self.batches)


class _LossSteps(DummyLogger):
    """Note the steps at which the training loss is written."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if "train_loss" in metrics:
            self.steps.append(int(step or 0))
