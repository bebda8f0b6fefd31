"""What a notebook declares in its cell of parameters, and what a text of the command line means there."""

import ast
import os
import re
from dataclasses import dataclass

from mldrl_lite.messages import TYPE_NAMES, InputError, Scalar, require

PROFILES = ("full", "small")
"""How long a notebook runs: with its own values, or with the small ones that its parameters cell keeps."""


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
            kind = type(value) if type(value) in TYPE_NAMES else None
        kind = {known.__name__: known for known in TYPE_NAMES}.get(annotation, kind)
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
