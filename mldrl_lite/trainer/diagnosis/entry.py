"""Find, before a run, what Lightning lets pass in silence."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch.utils.data import DataLoader

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.diagnosis.callbacks import beyond_the_run, used_callbacks
from mldrl_lite.trainer.diagnosis.findings import Finding, Findings, finding_of
from mldrl_lite.trainer.diagnosis.hparams import empty_hparams, unloadable_hparams
from mldrl_lite.trainer.diagnosis.live import class_of, is_a
from mldrl_lite.trainer.diagnosis.machines import (
    names_of_this_machine_alone,
    orders_dealt_out_again,
    uncounted_processes,
    unstarted_machines,
    values_of_one_process,
)
from mldrl_lite.trainer.diagnosis.monitors import sparse_logging, unlogged_monitors, wrong_directions
from mldrl_lite.trainer.diagnosis.optimizers import blind_plateaus, left_out_parameters, plateaus_in_the_wrong_direction
from mldrl_lite.trainer.diagnosis.parts import hidden_layers, mixed_packages
from mldrl_lite.trainer.diagnosis.run import Run, no_trace
from mldrl_lite.trainer.diagnosis.split import unstable_split
from mldrl_lite.trainer.rules import hooks, losses, metrics, optimizing
from mldrl_lite.trainer.rules.catalogue import chosen
from mldrl_lite.trainer.rules.classes import DATAMODULE, MODULE, Problem


def diagnose(model: Any, datamodule: Any = None, trainer: Any = None, *, ignore: Iterable[str] = ()) -> Findings:
    """Look for mistakes that raise no error, before `trainer.fit(model, datamodule)`.

    The objects and the global random number generators are left as they are: `setup` and `configure_optimizers` are
    called on copies, and never `prepare_data`, which may download. The copies cost time and memory when the datamodule
    holds much.

    Args:
        model: a LightningModule, of `pytorch_lightning` or of `lightning`, compiled or not.
        datamodule: a LightningDataModule, a DataLoader, or several: that of training first, as `fit` takes them.
        trainer: a Trainer.
        ignore: codes or names of rules not to look for.

    Raises:
        InputError: an argument is of the wrong type (a class in place of an instance, say), or a rule is unknown.
    """
    left_out = chosen(ignore, "ignore")
    run = run_of(model, datamodule, trainer)
    with no_trace():
        found = [finding for rule in RULES for finding in rule(run)]
    return Findings(finding for finding in found if finding.rule not in left_out)


def run_of(model: Any, data: Any = None, trainer: Any = None, who: str = "diagnose") -> Run:
    """Return what is about to run.

    Raises:
        InputError: an argument is of the wrong type.
    """
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    loaders = loaders_of(data)
    datamodule = None if loaders else data
    for name, kind, given in (
        ("model", MODULE, model),
        ("datamodule", DATAMODULE, datamodule),
        ("trainer", "Trainer", trainer),
    ):
        if not is_a(given, kind) and (given is not None or name == "model"):
            other = ", a DataLoader or several" if name == "datamodule" else ""
            raise InputError(f"{who} wants a {kind}{other} as its {name}, not {_describe(given)}.")
    return Run(model, datamodule, trainer, loaders)


def loaders_of(data: Any) -> tuple[Any, ...]:
    """Return the DataLoaders that were given, alone or in a list or dictionary; none if it was something else."""
    if isinstance(data, Mapping):
        data = list(data.values())
    given = list(data) if isinstance(data, list | tuple) else [data]
    return tuple(given) if given and all(isinstance(loader, DataLoader) for loader in given) else ()


def _describe(given: object) -> str:
    return f"the class {given.__name__}: give an instance" if isinstance(given, type) else type(given).__name__


def _from_source(run: Run) -> Iterator[Finding]:
    """What the source of the classes shows; `mldrl-lite check` finds it in files too."""
    classes = list({type(owner): class_of(owner) for owner in run.owners}.values())
    for rule in ON_SOURCE:
        for problem in rule(classes):
            yield finding_of(problem)


ON_SOURCE: tuple[Callable[..., Iterator[Problem]], ...] = (
    functools.partial(hooks.dead_hooks, called=()),
    functools.partial(hooks.unread_returns, called=()),
    optimizing.raw_optimizers,
    optimizing.never_zeroed,
    optimizing.wrong_interval,
    optimizing.unstepped_schedulers,
    losses.squashed_logits,
    losses.detached_losses,
    metrics.unreset_metrics,
    metrics.running_values,
)
RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (
    _from_source,
    mixed_packages,
    hidden_layers,
    empty_hparams,
    unloadable_hparams,
    unlogged_monitors,
    wrong_directions,
    sparse_logging,
    left_out_parameters,
    plateaus_in_the_wrong_direction,
    blind_plateaus,
    used_callbacks,
    beyond_the_run,
    unstable_split,
    unstarted_machines,
    uncounted_processes,
    names_of_this_machine_alone,
    orders_dealt_out_again,
    values_of_one_process,
)
