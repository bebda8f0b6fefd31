"""All that hangs on a Trainer or is handed to one, read off the installed Lightning, and where the course shows it.

parts()                       # every public name, by kind
named("trainer.global_step")  # those that go by one name
"""

import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import precision as precisions
from pytorch_lightning import (
    Callback,
    LightningDataModule,
    LightningModule,
    Trainer,
    accelerators,
    callbacks,
    cli,
    loggers,
    plugins,
    profilers,
    strategies,
)
from pytorch_lightning.plugins import environments
from pytorch_lightning.tuner import Tuner
from pytorch_lightning.utilities import CombinedLoader, combined_loader, rank_zero

from mldrl_lite.trainer.docstrings import argument_summaries, first_sentence
from mldrl_lite.trainer.effect import given_nothing
from mldrl_lite.trainer.recorder import hook_names
from mldrl_lite.trainer.subsections import SUBSECTIONS

LIGHTNING = ("pytorch_lightning", "lightning_fabric")

PLACES = {
    "property of Trainer": ("A3", "Ask the Trainer"),
    "attribute of Trainer": ("A3", "What it was given"),
    "method of Trainer": ("A3", "Tell the Trainer"),
    "argument of self.log": ("A3", "Log a value"),
    "argument of self.log_dict": ("A3", "Log a dictionary"),
    "hook of Callback": ("A3", "Hook by hook"),
    "hook of LightningModule": ("A3", "The hooks of a module"),
    "member of LightningModule": ("A3", "Ask the module"),
    "hook of LightningDataModule": ("A3", "The hooks of a datamodule"),
    "member of LightningDataModule": ("A3", "A datamodule from datasets"),
    "member of CombinedLoader": ("A3", "Several loaders at once"),
    "mode of CombinedLoader": ("A3", "Several loaders at once"),
    "callback": ("A4", "Callbacks"),
    "logger": ("A4", "Loggers"),
    "profiler": ("A4", "Profilers"),
    "strategy": ("A4", "Strategies"),
    "name of a strategy": ("A4", "Strategies"),
    "accelerator": ("A4", "Accelerators"),
    "name of an accelerator": ("A4", "Accelerators"),
    "plugin": ("A4", "Plugins"),
    "precision": ("A4", "Precision"),
    "cluster environment": ("A4", "Clusters"),
    "method of Tuner": ("A4", "The Tuner"),
    "helper for the first process": ("A4", "In the first process only"),
    "Fabric": ("A4", "Without a Trainer: Fabric"),
    "LightningCLI": ("A4", "From the command line: LightningCLI"),
}
"""Each kind, in the order in which it is shown: the number of a notebook, and the heading of a section."""


@dataclass(frozen=True)
class Part:
    """One public name of Lightning."""

    name: str
    kind: str
    """What it is, such as `property of Trainer`: one of `PLACES`."""
    thing: Any = None
    """The class, function, property or parameter itself; None where there is only a name."""

    @property
    def notebook(self) -> str:
        """The number of the notebook that shows it."""
        return PLACES[self.kind][0]

    @property
    def section(self) -> str:
        """The heading of the section that shows it; of the subsection, where one is known."""
        return SUBSECTIONS.get((self.kind.rpartition(" ")[2], self.name), PLACES[self.kind][1])

    @property
    def signature(self) -> str:
        """How it is written: ` = None` for an argument, `(trainer, pl_module)` for a call, "" for anything else."""
        if self.kind.startswith("name of"):
            return f" = {self.thing.__name__}"
        if isinstance(self.thing, inspect.Parameter):
            default = self.thing.default
            return "" if default is inspect.Parameter.empty else f" = {default!r}"
        if not callable(self.thing):
            return ""
        parameters = list(inspect.signature(self.thing).parameters.values())
        shown = [
            one.replace(annotation=inspect.Parameter.empty) for one in parameters if one.name not in ("self", "cls")
        ]
        return str(inspect.Signature(shown))

    @property
    def heading(self) -> str:
        """The name, what it is, and how it is written, in one line."""
        if self.signature.startswith("("):
            return f"{self.name}{self.signature}: {self.kind}"
        return f"{self.name}: {self.kind}{self.signature}"

    @cached_property
    def summary(self) -> str:
        """The first sentence of Lightning's own docstring; "" where it has none."""
        if isinstance(self.thing, inspect.Parameter):
            function = LightningModule.log if self.kind.endswith("log") else LightningModule.log_dict
            return argument_summaries(inspect.getdoc(function) or "").get(self.name, "")
        return first_sentence(inspect.getdoc(self.thing) or "") if self.thing is not None else ""


@cache
def parts() -> tuple[Part, ...]:
    """Return every public name that hangs on a Trainer or is handed to one, by kind, but for its arguments."""
    found = [*_of_trainer(), *_of_log(), *_of_hooks(), *_of_loaders(), *_classes(), *_names(), *_beside()]
    order = list(PLACES)
    return tuple(sorted(found, key=lambda part: order.index(part.kind)))


def trainer_names() -> list[str]:
    """Return the names of the Trainer's properties and attributes: what one can ask it at any time."""
    return [part.name for part in parts() if part.kind in ("property of Trainer", "attribute of Trainer")]


def named(name: str) -> list[Part]:
    """Return the parts of that name; `trainer.print`, `self.print` and `Callback.setup` say of whom."""
    owner, _, last = name.rpartition(".")
    owner = {"trainer": "Trainer", "self": "LightningModule", "model": "LightningModule"}.get(owner, owner)
    return [part for part in parts() if part.name == last and owner in part.kind]


# --- how each kind is read off ------------------------------------------------------------------------------------


def _members(cls: type) -> dict[str, Any]:
    """Return the public methods and properties that Lightning's own classes give to a class."""
    own = [base for base in cls.__mro__ if base.__module__.startswith(LIGHTNING)]
    names = dict.fromkeys(name for base in reversed(own) for name in vars(base) if not name.startswith("_"))
    members = {name: inspect.getattr_static(cls, name) for name in names}
    return {name: member for name, member in members.items() if hasattr(member, "__get__")}


def _of_trainer() -> Iterator[Part]:
    members = _members(Trainer)
    for name, member in members.items():
        kind = "property of Trainer" if isinstance(member, property) else "method of Trainer"
        yield Part(name, kind, member)
    for name in vars(given_nothing()):
        if not name.startswith("_") and name not in members:
            yield Part(name, "attribute of Trainer")


def _of_log() -> Iterator[Part]:
    for function, kind in ((LightningModule.log, "self.log"), (LightningModule.log_dict, "self.log_dict")):
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
            yield Part(name, f"argument of {kind}", parameter)


def _of_hooks() -> Iterator[Part]:
    for name, member in _members(Callback).items():
        yield Part(name, "hook of Callback", member)
    for owner in (LightningModule, LightningDataModule):
        hooks = hook_names(owner())
        for name, member in _members(owner).items():
            yield Part(name, f"{'hook' if name in hooks else 'member'} of {owner.__name__}", member)


def _of_loaders() -> Iterator[Part]:
    for name, member in _members(CombinedLoader).items():
        yield Part(name, "member of CombinedLoader", member)
    for mode in getattr(combined_loader, "_SUPPORTED_MODES", ()):  # private, so it may be gone one day
        yield Part(mode, "mode of CombinedLoader")


def _public_classes(module: ModuleType) -> Iterator[tuple[str, type]]:
    for name, thing in vars(module).items():
        if inspect.isclass(thing) and not name.startswith("_") and _is_lightnings(thing):
            yield name, thing


def _is_lightnings(cls: type) -> bool:
    return cls.__module__.startswith(LIGHTNING) and "_graveyard" not in cls.__module__  # names that only raise


def _classes() -> Iterator[Part]:
    modules = {"callback": callbacks, "logger": loggers, "profiler": profilers, "strategy": strategies}
    modules |= {"accelerator": accelerators, "plugin": plugins, "cluster environment": environments}
    for kind, module in modules.items():
        for name, cls in _public_classes(module):
            if not (kind == "plugin" and name == "ClusterEnvironment"):  # it is among the environments
                yield Part(name, kind, cls)


def _names() -> Iterator[Part]:
    """Yield the words that stand for an object: strategies, accelerators, precisions."""
    for name in strategies.StrategyRegistry.available_strategies():
        if _is_lightnings(cls := strategies.StrategyRegistry[name]["strategy"]):
            yield Part(name, "name of a strategy", cls)
    for name in sorted(accelerators.AcceleratorRegistry.available_accelerators()):  # in another order each time
        yield Part(name, "name of an accelerator", accelerators.AcceleratorRegistry[name]["accelerator"])
    for name in typing.get_args(getattr(precisions, "_PRECISION_INPUT_STR", None)):
        yield Part(name, "precision")


def _beside() -> Iterator[Part]:
    for name, member in _members(Tuner).items():
        yield Part(name, "method of Tuner", member)
    for name, function in vars(rank_zero).items():
        if name.startswith("rank_") and inspect.isfunction(function):
            yield Part(name, "helper for the first process", function)
    yield Part("Fabric", "Fabric", Fabric)
    for cls in (cli.LightningCLI, cli.LightningArgumentParser, cli.SaveConfigCallback):
        yield Part(cls.__name__, "LightningCLI", cls)
