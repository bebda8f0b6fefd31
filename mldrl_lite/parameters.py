"""Read the parameters of a notebook from a command line, and check them before anything else runs."""

import ast
import math
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from numbers import Integral, Real

from mldrl_lite.messages import InputError, did_you_mean, listing

Scalar = str | int | float | bool | None
PROFILES = ("full", "small")
"""How long a notebook runs: with its own values, or with the small ones that its parameters cell keeps."""

_KINDS = {int: Integral, float: Real}  # of NumPy too
_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}


def require(
    name: str,
    value: Scalar,
    kind: type,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    one_of: Collection[str] | None = None,
    or_none: bool = False,
) -> None:
    """Stop with one sentence unless `value` is of type `kind` and within the limits.

    An int passes as a float, because `papermill -p lr 1` sends an int; a bool never passes as a number.

    Raises:
        InputError: the sentence names the parameter, the value given and what is allowed.
    """
    if value is None and or_none:
        return
    fits = _has_type(value, kind)
    fits = fits and (at_least is None or value >= at_least)
    fits = fits and (above is None or value > above)
    fits = fits and value not in (math.inf, -math.inf)
    fits = fits and (at_most is None or value <= at_most)
    fits = fits and (one_of is None or value in one_of)
    if not fits:
        allowed = _allowed(kind, at_least, above, at_most, one_of, or_none)
        near = did_you_mean(value, one_of) if one_of else ""
        raise InputError(f"Parameter {name} = {value!r} cannot be used: give {allowed}{near}.")


def parse_scalar(text: str) -> Scalar:
    """Return `1`, `1e-3`, `True` or `None` as what they mean in Python, and any other text as it stands."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, Scalar) else text


@dataclass(frozen=True)
class Declared:
    """A parameter as a notebook declares it in its first code cell."""

    name: str
    default: object
    kind: type | None
    """`str`, `int`, `float` or `bool`; None when the notebook does not tell, and then any scalar will do."""
    or_none: bool

    @classmethod
    def from_source(cls, name: str, default: str, comment: str = "", annotation: str = "") -> "Declared":
        """Infer the type from the annotation or else from the default; `or None` in the comment allows None."""
        try:
            value = ast.literal_eval(default)
        except (ValueError, SyntaxError):
            value = default  # an expression, such as a name: its type is known to the kernel only
            kind = None
        else:
            kind = type(value) if type(value) in _TYPE_NAMES else None
        kind = {known.__name__: known for known in _TYPE_NAMES}.get(annotation, kind)
        return cls(name, value, kind, or_none=value is None or bool(re.search(r"\bor None\b", comment)))

    def check(self, value: object) -> Scalar:
        """Return the value as the notebook will see it: an int becomes a float where a float is declared.

        Raises:
            InputError: the value is of another type.
        """
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        value = value.item() if hasattr(value, "item") else value  # of NumPy
        if self.kind is not None:
            require(self.name, value, self.kind, or_none=self.or_none)
        elif not isinstance(value, Scalar):
            raise InputError(f"Parameter {self.name} = {value!r} cannot be used: give a text, a number or None.")
        return float(value) if self.kind is float and value is not None else value

    def read(self, text: str) -> Scalar:
        """Return what a text of the command line means for this parameter: for a text parameter, 2024 is a text.

        Quotes inside keep a text as it stands: `"None"` is a text, `None` is None where that is allowed.
        """
        if self.kind is not str:
            return self.check(parse_scalar(text))
        return None if text == "None" and self.or_none else _unquoted(text)

    def read_several(self, text: str) -> list[Scalar]:
        """Return the values of a list: parts between commas, `0..9` for whole numbers from 0 to 9.

        A part in quotes may contain commas. A text parameter has no ranges.
        """
        values = []
        for part in _parts(text):
            ends = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", part) if self.kind is not str else None
            values += _range(self.name, *map(int, ends.groups())) if ends else [part]
        return [self.read(value) if isinstance(value, str) else self.check(value) for value in values]


_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]*?)\s*(,|$)""")
_LONGEST_RANGE = 10_000


def _parts(text: str) -> list[str]:
    parts, place, more = [], 0, True
    while more:
        part, more = (found := _PART.match(text, place)).groups()
        parts.append(part)
        place = found.end()
    return parts


def _range(name: str, first: int, last: int) -> list[int]:
    if not 0 <= last - first < _LONGEST_RANGE:
        raise InputError(f"Parameter {name} = {first}..{last} cannot be used: give a range that goes up, such as 0..9.")
    return list(range(first, last + 1))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _has_type(value: Scalar, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, _KINDS.get(kind, kind))


def _allowed(
    kind: type,
    at_least: float | None,
    above: float | None,
    at_most: float | None,
    one_of: Collection[str] | None,
    or_none: bool,
) -> str:
    if one_of:
        words = listing(repr(option) for option in one_of)
    else:
        limits = [
            f"{phrase} {limit:g}"
            for phrase, limit in (("at least", at_least), ("above", above), ("at most", at_most))
            if limit is not None
        ]
        words = " ".join([_TYPE_NAMES[kind], " and ".join(limits)]).strip()
    return words + (", or None" if or_none else "")
