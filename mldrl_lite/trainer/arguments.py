"""Every argument of the Trainer: those of today as a table, and those of 1.x with what replaced them.

table()                                  # all arguments of the installed Trainer
explain("max_time"); explain("gpus")     # one of them, of today or of 1.x
explain("on_epoch")                      # any other name that a Trainer reaches
"""

import inspect
import types
import typing
from textwrap import indent
from typing import Any

import pandas as pd
from pytorch_lightning import Trainer

from mldrl_lite.messages import InputError, did_you_mean
from mldrl_lite.trainer.docstrings import argument_summaries
from mldrl_lite.trainer.effect import in_effect
from mldrl_lite.trainer.names import GONE_BEFORE_1, GROUPS, REMOVED, RENAMED_BEFORE_1
from mldrl_lite.trainer.surface import named, parts

# --- the arguments of today ---------------------------------------------------------------------------------------

NEW = "new"
"""The group of an argument that the installed Lightning has and `GROUPS` has not."""


def table() -> pd.DataFrame:
    """Return one row per argument of the installed Trainer, in the order of its signature.

    Columns: `name`, `type` and `default` from the signature; `in effect`, what the Trainer does when it is not given
    (the default again, where that says it); `group` from `GROUPS`; and `summary`, the first sentence that Lightning's
    own docstring has on it ("" if none).
    """
    effects = in_effect()
    groups = {name: group for group, names in GROUPS.items() for name in names.split()}
    summaries = argument_summaries(inspect.getdoc(Trainer.__init__) or "")
    rows = [
        {
            "name": name,
            "type": _type_name(parameter.annotation),
            "default": parameter.default,
            "in effect": effects.get(name, parameter.default),
            "group": groups.get(name, NEW),
            "summary": summaries.get(name, ""),
        }
        for name, parameter in trainer_parameters().items()
    ]
    return pd.DataFrame(rows, dtype=object)


def trainer_parameters() -> dict[str, inspect.Parameter]:
    """Return the parameters of `Trainer.__init__` by name, `self` left out."""
    parameters = dict(inspect.signature(Trainer.__init__).parameters)
    parameters.pop("self")
    return parameters


def _type_name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        # In one order: `typing` hands out the union that it has met first, and int | float is equal to float | int.
        return " | ".join(
            sorted(map(_type_name, arguments), key=lambda name: (name == "None", not name.isidentifier(), name))
        )
    if origin is typing.Literal:
        return " | ".join(repr(argument) for argument in arguments)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_type_name(argument) for argument in arguments)}]"
    if annotation is type(None):
        return "None"
    return getattr(annotation, "__name__", str(annotation))


# --- at the prompt ------------------------------------------------------------------------------------------------


class Text(str):
    """A string that the prompt shows as it is, rather than quoted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explain(name: str) -> Text:
    """Say what an argument of the Trainer does, what replaced one of 1.x, or what any other name is that it reaches.

    Args:
        name: `"max_time"`, `"gpus"`, `"on_epoch"`, `"SpikeDetection"`; `"trainer.print"` and `"self.print"` where one
            word stands for two things.

    Raises:
        InputError: Lightning has no such name on a Trainer or for one; names the nearest.
    """
    if not isinstance(name, str):
        raise _unknown(name)
    if name in RENAMED_BEFORE_1:
        return Text(f"{name} was the name in 0.x of {RENAMED_BEFORE_1[name]}.\n{explain(RENAMED_BEFORE_1[name])}")
    if name in GONE_BEFORE_1:
        return Text(f"{name} is an argument of 0.x, and gone: {GONE_BEFORE_1[name]}.")
    if name in REMOVED:
        removed = REMOVED[name]
        code = indent("\n".join([*removed.imports, removed.today]), "    ")
        return Text(f"{name} is gone: {removed.old} raises TypeError today. Write\n\n{code}\n\nNote: {removed.note}.")
    if name in trainer_parameters():
        return Text(_argument(name))
    if found := named(name):
        return Text("\n".join(f"{part.heading}   [{part.notebook} · {part.section}]\n{part.summary}" for part in found))
    raise _unknown(name)


def _argument(name: str) -> str:
    row = table().set_index("name").loc[name]
    effect = "" if row["in effect"] == row["default"] else f" (in effect: {row['in effect']})"
    text = f"{name}: {row['type']} = {row['default']!r}{effect}   [{row['group']}]\n{row['summary']}"
    others = [part for part in named(name) if part.kind != "attribute of Trainer"]  # that is the argument, kept
    return "\n".join([text, *(f"Also: {part.kind}   [{part.notebook} · {part.section}]" for part in others)])


def _unknown(name: object) -> InputError:
    known = dict.fromkeys([*trainer_parameters(), *REMOVED, *(part.name for part in parts())])
    near = did_you_mean(str(name).rpartition(".")[2], known)  # of `trainer.prnt`, the last word
    return InputError(f"The Trainer has no argument {name!r}, today or in 1.x{near}: table() lists those of today.")
