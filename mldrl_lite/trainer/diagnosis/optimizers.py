"""Parameters that no optimizer is given, and schedulers that wait for the wrong end of a metric, or for none."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.live import is_a, overrides
from mldrl_lite.trainer.diagnosis.run import Run, copied
from mldrl_lite.trainer.diagnosis.source import place_of
from mldrl_lite.trainer.rules.monitors import wrong_direction
from mldrl_lite.trainer.rules.optimizing import BLIND_PLATEAU, BLIND_WORDS


def left_out_parameters(run: Run) -> Iterator[Finding]:
    """Parameters that want a gradient and that no optimizer of `configure_optimizers` was given."""
    if any(is_a(callback, "BaseFinetuning") for callback in run.callbacks):
        return  # it gives them to the optimizer later
    if not overrides(run.model, "configure_optimizers") or overrides(run.model, "configure_model"):
        return
    own, configured = _configured(run.model)
    optimizers = list(_optimizers(configured))
    given = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    names = [name for name, p in own.named_parameters() if p.requires_grad and id(p) not in given] if optimizers else []
    if names:
        yield left_out(names, type(run.model))


def left_out(names: list[str], cls: type) -> Finding:
    """Return the finding for parameters of these names."""
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return Finding(
        "parameters without an optimizer",
        f"No optimizer of {cls.__name__} is given {listed}.",
        place_of(cls.configure_optimizers),
        "They get gradients, which costs time, and stay as they are.",
        "Give them to an optimizer, or call requires_grad_(False) on them.",
    )


def plateaus_in_the_wrong_direction(run: Run) -> Iterator[Finding]:
    """Schedulers that lower the learning rate while their metric gets better."""
    for scheduler, monitor in _plateaus(_configured(run.model)[1]):
        words = wrong_direction("ReduceLROnPlateau", monitor, scheduler.mode) if isinstance(monitor, str) else None
        if words:
            what, why, fix = words
            where = place_of(type(run.model).configure_optimizers)
            yield Finding("monitor in the wrong direction", what, where, why, fix)


def blind_plateaus(run: Run) -> Iterator[Finding]:
    """Schedulers that wait for a metric whose name is not given."""
    if any(monitor is None for _, monitor in _plateaus(_configured(run.model)[1])) and run.model.automatic_optimization:
        what, why, fix = (words.format(name=type(run.model).__name__) for words in BLIND_WORDS)
        yield Finding(BLIND_PLATEAU, what, place_of(type(run.model).configure_optimizers), why, fix)


def _configured(model: Any) -> tuple[Any, Any]:
    """Return a copy of the model and what it configures; None where it cannot do so before the run."""
    own = copied(model)
    try:
        return own, own.configure_optimizers()
    except Exception:
        return model, None  # it asks the Trainer for the number of steps, say


def _plateaus(configured: Any, monitor: Any = None) -> Iterator[tuple[ReduceLROnPlateau, Any]]:
    """Yield the schedulers that wait for a metric, each with the name of the metric."""
    if isinstance(configured, ReduceLROnPlateau):
        yield configured, monitor
    elif isinstance(configured, dict):
        monitor = configured.get("monitor", monitor)
        for key in ("lr_scheduler", "scheduler"):
            yield from _plateaus(configured.get(key), monitor)
    elif isinstance(configured, list | tuple):
        for each in configured:
            yield from _plateaus(each, monitor)


def _optimizers(configured: Any) -> Iterable[Optimizer]:
    if isinstance(configured, Optimizer):
        yield configured
    elif isinstance(configured, dict):
        yield from _optimizers(configured.get("optimizer"))
    elif isinstance(configured, list | tuple):
        for each in configured:
            yield from _optimizers(each)
