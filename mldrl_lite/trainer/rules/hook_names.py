"""The names that Lightning calls, read from the source of the installed Lightning, which is not imported."""

import ast
import functools
from importlib.util import find_spec
from pathlib import Path

from mldrl_lite.trainer.rules.classes import CALLBACK, DATAMODULE, MODULE

_STEPS = ("training_step", "validation_step", "test_step", "predict_step")
_MORE_OF_MODULE = ("optimizer_step", "scheduler_step", "zero_grad")


@functools.cache
def hooks(kind: str) -> tuple[str, ...]:
    """Return the hooks of a LightningModule, a LightningDataModule or a Callback."""
    if kind == CALLBACK:
        return tuple(name for name, arguments in _public("callbacks/callback.py", CALLBACK) if "pl_module" in arguments)
    data = _names("core/hooks.py", "DataHooks")
    if kind == DATAMODULE:
        return tuple(data)
    own = [
        name
        for name in _names("core/module.py", MODULE)
        if name.endswith(_STEPS + _MORE_OF_MODULE) or name.startswith("configure_")
    ]
    others = [*_names("core/hooks.py", "ModelHooks"), *data, *_names("core/hooks.py", "CheckpointHooks")]
    return tuple(dict.fromkeys([*others, *own, "forward", "backward"]))


@functools.cache
def known(kind: str) -> frozenset[str]:
    """Return all public names that the class of Lightning has, hooks or not."""
    own = {
        MODULE: ("core/module.py", MODULE),
        DATAMODULE: ("core/datamodule.py", DATAMODULE),
        CALLBACK: ("callbacks/callback.py", CALLBACK),
    }[kind]
    names = {*_names(*own), *hooks(kind)}
    if kind != CALLBACK:
        names |= {*_names("core/mixins/hparams_mixin.py", "HyperparametersMixin")}
    if kind == MODULE:
        names |= {*_names("nn/modules/module.py", "Module", "torch")}
    return frozenset(names)


def _names(file: str, cls: str, package: str = "pytorch_lightning") -> list[str]:
    return [name for name, _ in _public(file, cls, package)]


@functools.cache
def _public(file: str, cls: str, package: str = "pytorch_lightning") -> list[tuple[str, list[str]]]:
    """Return the public methods of a class in a file of a package, each with the names of its arguments."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        return []
    tree = _parsed(Path(found.submodule_search_locations[0]) / file)
    bodies = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]
    named = {node.name: [argument.arg for argument in node.args.args] for node in functions}
    return [(name, arguments) for name, arguments in named.items() if not name.startswith("_")]


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
