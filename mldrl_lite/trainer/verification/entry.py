"""Run a batch or two through a copy of a model, and say what will keep it from learning."""

import importlib
import logging
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.diagnosis.entry import loaders_of, run_of
from mldrl_lite.trainer.diagnosis.findings import Finding, Findings
from mldrl_lite.trainer.diagnosis.live import base_of, is_a, package_of
from mldrl_lite.trainer.diagnosis.optimizers import left_out
from mldrl_lite.trainer.diagnosis.run import copied, no_trace
from mldrl_lite.trainer.diagnosis.source import place_of
from mldrl_lite.trainer.rules.catalogue import chosen
from mldrl_lite.trainer.rules.classes import DATAMODULE
from mldrl_lite.trainer.verification.batches import Batches, batch_size, first_batches
from mldrl_lite.trainer.verification.mixing import mixing_parts
from mldrl_lite.trainer.verification.probe import Seen, watching


def verify(
    model: Any,
    data: Any = None,
    *,
    batches: int = 2,
    accelerator: str = "cpu",
    overfit: int = 0,
    ignore: Iterable[str] = (),
) -> Findings:
    """Train a copy of a model for a few steps and look at what happens.

    The model, the data, the random generators and the files stay as they are: all runs on copies, with a Trainer of its
    own, without logger, callbacks and checkpoints. What the model's own hooks write themselves is written.

    Args:
        model: a LightningModule, compiled or not.
        data: a LightningDataModule, a DataLoader, or a list of batches; without it, the model's own loader.
        batches: how many steps to run.
        accelerator: where to run; as Trainer takes it.
        overfit: the number of steps in which one batch should be learnt by heart, as a model can that learns at all;
            0 not to try.
        ignore: codes or names of rules not to look for.

    Raises:
        InputError: an argument cannot be used, or there is no batch.
        Exception: what the model itself raises in a step.
    """
    left = chosen(ignore, "ignore")
    run = run_of(model, data if loaders_of(data) or is_a(data, DATAMODULE) else None, who="verify")
    with no_trace(), _silent():
        given = first_batches(run, data, batches)
        torch.manual_seed(0)
        step = _train(run.model, given, accelerator)
        found = [finding for rule in RULES for finding in rule(step)]
        found += _not_overfitted(run.model, given[:1], accelerator, overfit) if overfit else []
    return Findings(finding for finding in found if finding.rule not in left)


@contextmanager
def _silent() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch", "lightning")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@dataclass
class Step:
    """A copy of the model after its steps, and what was seen in them."""

    model: Any
    size: int | None
    """Samples in the first batch."""
    seen: Seen
    reached: set[str] = field(default_factory=set)
    """The parameters that a gradient has reached."""
    given: set[str] = field(default_factory=set)
    """The parameters that an optimizer has."""
    losses: list[float] = field(default_factory=list)
    detached: bool = False


def _train(model: Any, batches: list[Any], accelerator: str, steps: int | None = None) -> Step:
    own = copied(model)
    if own is None:
        raise InputError(f"verify cannot copy {type(model).__name__}: it holds something that cannot be copied.")
    own.train()
    own.prepare_data = lambda: None  # it may download
    for parameter in own.parameters():
        parameter.grad = None
    package = importlib.import_module(_package(model))
    with watching(own) as seen, tempfile.TemporaryDirectory() as folder:
        step = Step(own, batch_size(batches[0]), seen)
        trainer = package.Trainer(
            accelerator=accelerator,
            devices=1,
            default_root_dir=folder,
            callbacks=[_watcher(package.Callback, step)],
            max_epochs=-1 if steps else 1,
            max_steps=steps or -1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=_logger(package),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(own, Batches(batches).loader())
        except RuntimeError:
            if not step.detached:
                raise
    return step


def _package(model: Any) -> str:
    return "pytorch_lightning" if package_of(base_of(model)) == "pytorch_lightning" else "lightning.pytorch"


def _logger(package: Any) -> Any:
    """Return a logger that takes everything and keeps nothing, so that `self.logger.experiment` works."""
    module = importlib.import_module(f"{package.__name__}.loggers.logger")
    return module.DummyLogger() if hasattr(module, "DummyLogger") else False


def _watcher(base: type, step: Step) -> Any:
    """Return a callback of the model's own package that notes losses, gradients and optimizers."""

    class Watcher(base):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            held = {id(p) for o in trainer.optimizers for group in o.param_groups for p in group["params"]}
            step.given = {name for name, p in pl_module.named_parameters() if id(p) in held}

        def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
            step.losses.append(float(loss.detach()))
            step.detached = step.detached or not loss.requires_grad

        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            step.reached |= {name for name, p in pl_module.named_parameters() if p.grad is not None}

    return Watcher()


def _place(step: Step) -> str:
    return place_of(type(step.model).training_step)


def _detached(step: Step) -> Iterator[Finding]:
    if step.detached:
        name = type(step.model).__name__
        yield Finding(
            "detached loss",
            f"The loss of {name}.training_step has no gradient.",
            _place(step),
            "backward has nothing to go back through: it fails, or trains nothing.",
            "Return the loss as it was computed, without .item(), .detach() or no_grad; detach only what is logged.",
        )


def _unreached(step: Step) -> Iterator[Finding]:
    """Parameters without a gradient: of modules that nobody calls, and of modules that were called."""
    if step.detached or not step.losses:
        return
    missing = [n for n, p in step.model.named_parameters() if p.requires_grad and n not in step.reached]
    for module in _whole_modules(step.model, missing):
        used = any(name == module or name.startswith(f"{module}.") for name in step.seen.called)
        yield (_cut_off if used else _unused)(module, step)
    alone = [name for name in missing if "." not in name]
    if alone:
        yield _cut_off(listing_of(alone), step)


def listing_of(names: list[str]) -> str:
    """Return the first names of many."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _whole_modules(model: Any, missing: list[str]) -> list[str]:
    """Return the largest modules of whose parameters all are missing, in place of their parts."""
    lacking = set(missing)
    found: list[str] = []
    for name, module in model.named_modules():
        own = {f"{name}.{inner}" for inner, p in module.named_parameters() if p.requires_grad}
        if name and own and own <= lacking and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    return found


def _cut_off(name: str, step: Step) -> Finding:
    return Finding(
        "gradient that does not arrive",
        f"No gradient reaches {name} of {type(step.model).__name__}, though it wants one.",
        _place(step),
        "It takes part in the step and stays as it is: something between it and the loss is detached or has no slope.",
        "Look for .detach(), .item(), .data, NumPy, argmax or no_grad behind it; or call requires_grad_(False) on it.",
    )


def _unused(name: str, step: Step) -> Finding:
    return Finding(
        "module that is never used",
        f"No training step calls {name} of {type(step.model).__name__}.",
        place_of(type(step.model)),
        "It is saved and counted, gets no gradient, and stays as it was made.",
        "Use it in the step, remove it, or call requires_grad_(False) on it.",
    )


def _without_optimizer(step: Step) -> Iterator[Finding]:
    names = [n for n, p in step.model.named_parameters() if p.requires_grad and n in step.reached - step.given]
    if names and step.given:
        yield left_out(names, type(step.model))


_WANTS = {"cross_entropy": "softmax", "binary_cross_entropy_with_logits": "sigmoid"}


def _squashed(step: Step) -> Iterator[Finding]:
    for name in dict.fromkeys(call.name for call in step.seen.losses if call.given == _WANTS[call.name]):
        yield Finding(
            "softmax before a loss of logits",
            f"{name} is given the output of a {_WANTS[name]}.",
            _place(step),
            f"It applies {_WANTS[name]} itself: applied twice, the loss can not get near 0, and training is slow.",
            f"Give it the logits, and apply {_WANTS[name]} only where probabilities are wanted.",
        )


_FAR = 3
"""How many times the loss of a guess the first loss may be; a layer as PyTorch makes it stays below 2."""


def _far_from_chance(step: Step) -> Iterator[Finding]:
    """A first loss far above that of a guess, ln C for C classes: wild weights, or inputs of a wild size."""
    first = step.seen.losses[0] if step.seen.losses else None
    if first is not None and first.classes > 1 and first.value > _FAR * math.log(first.classes):
        yield Finding(
            "first loss far from chance",
            f"The first {first.name} is {first.value:.3g}; guessing among {first.classes} classes gives "
            f"ln {first.classes} = {math.log(first.classes):.3g}.",
            _place(step),
            "Before it has learnt anything the model is sure, and wrong: inputs or weights are of the wrong size.",
            "Standardise the inputs, and look at how the last layer is initialised.",
        )


def _mixing(step: Step) -> Iterator[Finding]:
    for name in mixing_parts(step.seen.calls, step.size):
        what = name or "forward"
        yield Finding(
            "samples that influence each other",
            f"In {what} of {type(step.model).__name__} the result of a sample depends on the others in its batch.",
            place_of(type(step.model)),
            "A prediction then depends on what it is batched with. Normalisation layers were taken out of this.",
            "Look for a wrong dim= or view, a mean over the batch, or an attention layer without batch_first=True.",
        )


def _not_overfitted(model: Any, batch: list[Any], accelerator: str, steps: int) -> list[Finding]:
    step = _train(model, batch, accelerator, steps)
    if len(step.losses) < 2 or step.detached:
        return []
    first, last = step.losses[0], min(step.losses[-3:])
    if last < first / 2:
        return []
    return [
        Finding(
            "batch that cannot be overfitted",
            f"After {len(step.losses)} steps on one and the same batch the loss is {last:.3g}, from {first:.3g}.",
            _place(step),
            "A model that cannot learn one batch by heart will not learn many.",
            "Try a larger learning rate and more steps; then look for a cut gradient and for labels that do not match.",
        )
    ]


RULES: tuple[Callable[[Step], Iterator[Finding]], ...] = (
    _detached,
    _unreached,
    _without_optimizer,
    _squashed,
    _far_from_chance,
    _mixing,
)
