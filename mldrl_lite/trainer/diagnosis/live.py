"""Live objects as `rules` wants them: the source of their classes, and of which class of Lightning they are."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from mldrl_lite.trainer.diagnosis.source import in_library, own_functions, parsed
from mldrl_lite.trainer.rules.classes import CALLBACK, DATAMODULE, MODULE, Class, Method, imports_of

_PACKAGES = ("pytorch_lightning", "lightning")


def is_a(owner: object, name: str) -> bool:
    """Tell whether an object is of Lightning's class of this name, in `pytorch_lightning` or in `lightning`."""
    return any(cls.__name__ == name and package_of(cls) for cls in type(owner).__mro__)


def package_of(cls: type) -> str:
    """Return `pytorch_lightning` or `lightning` for a class of theirs, "" for any other."""
    package = cls.__module__.partition(".")[0]
    return package if package in _PACKAGES else ""


def kind_of(owner: object) -> str:
    """Return which of Lightning's classes an object is of; "" if of none."""
    return next((kind for kind in (MODULE, DATAMODULE, CALLBACK) if is_a(owner, kind)), "")


def base_of(owner: object) -> type:
    """Return the class of Lightning that a model, a datamodule or a callback is of."""
    kind = kind_of(owner)
    return next(cls for cls in type(owner).__mro__ if cls.__name__ == kind and package_of(cls))


def overrides(owner: object, name: str) -> bool:
    """Tell whether an object has a method of its own in place of Lightning's."""
    return getattr(type(owner), name, None) is not getattr(base_of(owner), name, None)


def class_of(owner: Any) -> Class:
    """Return what is known of the class of a model, a datamodule or a callback from its source."""
    metrics = (name for name, part in _parts(owner) if _is_metric(part))
    source = _source(type(owner), kind_of(owner))
    return Class(**source, metrics=frozenset(metrics))


def _is_metric(part: object) -> bool:
    # torchmetrics is not imported for this: who uses it has imported it.
    return any(cls.__module__.partition(".")[0] == "torchmetrics" for cls in type(part).__mro__)


def _parts(owner: object) -> list[tuple[str, object]]:
    return list(owner.named_children()) if isinstance(owner, torch.nn.Module) else []


@functools.lru_cache(100)
def _source(cls: type, kind: str) -> dict[str, Any]:
    functions = list(own_functions(cls))
    trees = [(name, function, parsed(function)) for name, function in functions]
    methods = tuple(
        Method(name, tree, function.__code__.co_filename, _owner_of(function))
        for name, function, tree in trees
        if tree is not None
    )
    imports: dict[str, str] = {}
    for _, function, tree in trees:
        stands_for = {name: _name_of(value, name) for name, value in function.__globals__.items()}
        imports |= {name: stood for name, stood in stands_for.items() if stood}
        imports |= imports_of(tree) if tree is not None else {}
    file = functions[0][1].__code__.co_filename if functions else ""
    complete = all(tree is not None for *_, tree in trees)
    return {"name": cls.__name__, "kind": kind, "file": file, "node": None} | {
        "definitions": methods,
        "complete": complete,
        "imports": imports,
        "inherited": frozenset(name for parent in cls.__mro__ if in_library(parent) for name in vars(parent)),
    }


def _owner_of(function: Callable[..., Any]) -> str:
    return function.__qualname__.rpartition("<locals>.")[2].rpartition(".")[0]


def _name_of(value: object, name: str) -> str:
    """Return what a global name stands for, as an import would say it."""
    if isinstance(value, ModuleType):
        return value.__name__
    package = getattr(value, "__module__", None) or ""
    if not isinstance(package, str) or not callable(value):
        return ""
    for public in ("torch.nn.functional", "torch.optim.lr_scheduler", "torch.optim", "torch.nn"):
        if package.startswith(public):
            return f"{public}.{getattr(value, '__name__', name)}"
    return f"{package}.{getattr(value, '__name__', name)}"
