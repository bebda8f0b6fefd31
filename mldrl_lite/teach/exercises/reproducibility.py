"""The checks of notebook 06."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.overrides import TorchFunctionMode

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import fingerprint
from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_class, not_a_function, not_yet, right
from mldrl_lite.teach.exercises.trial import QUIET, apart, elsewhere
from mldrl_lite.trainer import Verdict, first_difference
from mldrl_lite.trainer.why.traces import read_trace


@in_steps
def check_make_linear(answer: object) -> Feedback:
    """Check a function of a seed that returns an `nn.Linear(4, 2)` with weights that depend on the seed alone."""
    if nudge := not_a_function(answer):
        return nudge
    try:
        with apart():
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


@in_steps
def check_deterministically(answer: object) -> Feedback:
    """Check a function that calls another one with deterministic operations on, and leaves the process as it was."""
    if nudge := not_a_function(answer):
        return nudge
    at_first = _deterministic_state()
    try:
        with apart():
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
        if before[1] and after == (True, False):
            return not_yet("before the call it was on and only warned; afterwards it refuses. What else is put back?")
        if after != before:
            return not_yet("it was on before the call, and is not as it was afterwards; what is to be put back?")
        try:
            answer(_fail)
        except _FailedOnPurposeError:
            if _deterministic_state() != before:
                return not_yet("when the function raises an error, the request is not taken back as it should be.")
        else:
            return not_yet("an error of the function is swallowed; whoever called should hear of it.")
    return right("on while the function runs; afterwards as before, whatever happens.")


def _deterministic_state() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


class _FailedOnPurposeError(Exception):
    pass


def _fail() -> None:
    raise _FailedOnPurposeError


@in_steps
def check_quiet_noise(answer: object) -> Feedback:
    """Check a callback class that draws a random number per batch and leaves the trained weights alone."""
    if nudge := not_a_class(answer, Callback):
        return nudge
    n_batches = 3
    try:
        with _TorchDraws() as usual:
            without, _ = _trained_weights(n_batches)
        with _TorchDraws() as draws:
            with_it, drawn = _trained_weights(n_batches, answer)
    except Exception as error:
        return not_yet(f"training with {answer.__name__}() stops with {type(error).__name__}: {error}")
    if len(drawn) != n_batches:
        return not_yet(f"after {n_batches} batches, drawn has {len(drawn)} numbers; it should have one per batch.")
    if len(set(drawn)) == 1:
        return not_yet("the same number comes at every batch; when is the generator made, or seeded?")
    if draws.count <= usual.count:
        return not_yet("torch has drawn no number more than without it, and the exercise asks for numbers of torch.")
    if with_it != without:
        return not_yet("the weights have changed; which generator do the numbers come from, and who else uses it?")
    return right("it draws as it likes, and the training does not notice.")


class _TorchDraws(TorchFunctionMode):
    """Count the calls of torch's functions that draw random numbers."""

    names = re.compile(
        r"(rand(n|int|perm|om)?|normal|uniform|bernoulli|multinomial|poisson|exponential|geometric|cauchy|log_normal)"
        r"(_like)?_?"
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        self.count += bool(self.names.fullmatch(getattr(func, "__name__", "")))
        return func(*args, **(kwargs or {}))


def _trained_weights(n_batches: int, answer: type[Callback] | None = None) -> tuple[str, list[float]]:
    """Return the fingerprint of trained weights, and what the callback has drawn."""
    with elsewhere(), apart():
        torch.manual_seed(0)
        callbacks = [answer()] if answer else []
        datamodule = TCPDataModule("SIMULATED")
        model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 0.0, "hidden_dim": 4})
        limits = {"max_epochs": 1, "limit_train_batches": n_batches, "limit_val_batches": 0}
        Trainer(**QUIET, **limits, callbacks=callbacks).fit(model, datamodule)
        return fingerprint(model), [float(drawn) for callback in callbacks for drawn in callback.drawn]


@in_steps
def check_mended_training(answer: object) -> Feedback:
    """Check a function of a folder that trains there, with a trace, and returns the model: the same weights each time.

    Raises nothing: what a wrong answer raises is part of the feedback.
    """
    if nudge := not_a_function(answer):
        return nudge
    try:
        with elsewhere(), apart():
            return _judge_training(answer)
    except Exception as error:
        return not_yet(f"mended_training(folder) stops with {type(error).__name__}: {error}")


def _judge_training(answer: Callable) -> Feedback:
    models = []
    with _Seen() as seen:
        for number, folder in enumerate(("first", "second")):
            torch.manual_seed(number)  # as if other things had been drawn before
            models.append(answer(folder))
    if not all(isinstance(model, nn.Module) for model in models):
        return not_yet("it should return the trained model.")
    if not all(any(Path(folder).glob("trace.jsonl")) for folder in ("first", "second")):
        return not_yet("no trace lies in the folder that it is given; is the colleague's callback still there?")
    verdict = first_difference("first", "second")
    if not verdict.same:
        return not_yet(f"two calls part {_where(verdict)}. {verdict.cause.sentence}")
    if fingerprint(models[0]) != fingerprint(models[1]):
        return not_yet("the traces agree, and the two models that it returns do not; is it the trained one?")
    if _orders_repeat(Path("first/trace.jsonl")):
        return not_yet("now every epoch sees the same batches in the same order; keep shuffling.")
    return seen.changed(models[0]) or right("the model, the noise and the order each begin at a seed, in every call.")


class _Seen:
    """Watch, as a context, what goes into the first layer of a model, and whether its dropout is on."""

    layers = ("Linear(in_features=4, out_features=8, bias=True)", "Dropout(p=0.2, inplace=False)")
    layers += ("Linear(in_features=8, out_features=2, bias=True)",)
    least_spread = 0.8  # a one among four and normal noise: (3 / 16 + 1) ** 0.5 = 1.09; the ones alone: 0.43

    def __init__(self) -> None:
        self.inputs: list[torch.Tensor] = []
        self.dropout = True

    def __enter__(self) -> "_Seen":
        self.handle = nn.modules.module.register_module_forward_pre_hook(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def _note(self, layer: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if isinstance(layer, nn.Dropout):
            self.dropout = self.dropout and layer.training
        elif isinstance(layer, nn.Linear) and layer.in_features == 4:
            self.inputs.append(given[0].detach())

    def changed(self, model: nn.Module) -> Feedback | None:
        """Return a nudge when the model or the noise is not that of the task."""
        if tuple(str(layer) for layer in model.modules() if not list(layer.children())) != self.layers:
            return not_yet("the weights are the same each time, and the layers are not those of SmallNet; keep them.")
        if not self.dropout:
            return not_yet("the weights are the same each time, and the dropout of SmallNet is off; keep it on.")
        if torch.cat(self.inputs).std() < self.least_spread:
            return not_yet("the weights are the same each time, and the noise is gone, or smaller; keep it as it was.")
        return None


def _where(verdict: Verdict) -> str:
    found = verdict.difference
    names = f" ({', '.join(found.names)})" if found.quantity == "batch" else ""
    return f"before the training, in the {found.quantity}" if not found.step else f"in the {found.quantity}{names}"


def _orders_repeat(path: Path) -> bool:
    """Return whether two epochs of a trace have had the same batches."""
    epochs: dict[int, list[str]] = {}
    for line in read_trace(path).steps.values():
        epochs.setdefault(line["epoch"], []).append(json.dumps(line["batch"]))
    return len(epochs) > 1 and len({tuple(batches) for batches in epochs.values()}) == 1
