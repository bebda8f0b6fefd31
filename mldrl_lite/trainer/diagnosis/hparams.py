"""Hyperparameters that a checkpoint will not give back."""

import ast
import inspect
import io
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.run import Run
from mldrl_lite.trainer.diagnosis.source import own_functions, parsed, place_of


def empty_hparams(run: Run) -> Iterator[Finding]:
    """A model with arguments and no hyperparameters: its checkpoints cannot be loaded without giving them again."""
    cls = type(run.model)
    arguments = [p for p in list(inspect.signature(cls.__init__).parameters.values())[1:] if p.kind not in _VARIADIC]
    names = [p.name for p in arguments if not _is_module(p.name, run.model)]
    init = next((function for name, function in own_functions(cls) if name == "__init__"), None)
    if _hparams(run.model) or not names or init is None:
        return
    source = ast.unparse(parsed(init)) if parsed(init) else ""
    if "ignore=" in source:  # then nothing is saved on purpose
        return
    left_out = [p.name for p in arguments if p.name not in names]
    call = f"self.save_hyperparameters({f'ignore={left_out}' if left_out else ''})"
    fix = f"Call {call} in __init__, right after super().__init__()."
    if "save_hyperparameters" in source:
        fix = (
            "Write super().__init__() rather than Base.__init__(self), without which save_hyperparameters finds no "
            "arguments, and give it nothing empty to save."
        )
    yield Finding(
        "empty hparams",
        f"{cls.__name__} takes {', '.join(names)}, and its hparams are empty.",
        place_of(init),
        "A checkpoint will not know them: load_from_checkpoint asks for them again, or quietly takes the defaults.",
        fix,
    )


def _is_module(name: str, model: torch.nn.Module) -> bool:
    """Tell whether an argument became a part of the model, which a checkpoint keeps among the weights."""
    parts = dict(model.named_children())
    return name in parts or f"_{name}" in parts or f"{name}s" in parts


def _hparams(owner: Any) -> dict[str, Any]:
    # Not owner.hparams, which would create what is not there.
    hparams = vars(owner).get("_hparams", {})
    return hparams if isinstance(hparams, dict) else {"hparams": hparams}


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def unloadable_hparams(run: Run) -> Iterator[Finding]:
    """Hyperparameters that a checkpoint can hold, but that are refused when it is loaded."""
    for owner in (owner for owner in (run.model, run.datamodule) if owner is not None):
        for name, value in _hparams(owner).items():
            problem = _problem_of_saving({name: value})
            if problem:
                yield Finding(
                    "hparam that will not load back",
                    f"The hyperparameter {name} of {type(owner).__name__} is a {type(value).__name__}, which {problem}",
                    place_of(type(owner)),
                    "The run saves its checkpoints; loading one fails, or the value is missing, when it is needed.",
                    _simple_form(name, value),
                )


def _problem_of_saving(value: dict[str, Any]) -> str | None:
    """Save a value as a checkpoint would, load it as Lightning does, and return what went wrong."""
    file = io.BytesIO()
    try:
        torch.save(value, file)
    except Exception:  # whatever a foreign __reduce__ may raise
        return "cannot be pickled: Lightning leaves it out of the checkpoint."
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except Exception:
        return "a checkpoint loaded with weights_only (the default) does not accept."
    return None


_SIMPLE_FORMS = (
    ((PurePath,), "Save its text: str({name})."),
    ((np.generic,), "Save a plain number: {name}.item()."),
    ((np.ndarray,), "Save a list, {name}.tolist(), or a tensor, torch.from_numpy({name})."),
    ((Namespace,), "Save a dictionary: vars({name})."),
    ((Enum,), "Save its value: {name}.value."),
)


def _simple_form(name: str, value: object) -> str:
    for kinds, form in _SIMPLE_FORMS:
        if isinstance(value, kinds):
            return form.format(name=name)
    if is_dataclass(value) and not isinstance(value, type):
        return f"Save a dictionary: dataclasses.{asdict.__name__}({name})."
    return f"Leave it out, save_hyperparameters(ignore=[{name!r}]), or save its name and build it in __init__."
