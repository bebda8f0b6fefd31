"""What a search may try: ranges, on a linear or a logarithmic scale, and lists of values."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError, Scalar
from mldrl_lite.runs.notebook.parameters import Declared

if TYPE_CHECKING:
    from optuna import Trial

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\.\.({_NUMBER})(?::(log))?\s*")


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included; whole ones when both ends are written as `int`."""

    low: float
    high: float
    log: bool = False

    def suggest(self, name: str, trial: "Trial") -> Scalar:
        """Have a trial of Optuna choose a number; one of four digits says as much, and is easier to read."""
        if isinstance(self.low, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        exact = trial.suggest_float(name, self.low, self.high, log=self.log)
        return min(max(float(f"{exact:.4g}"), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + ":log" * self.log


@dataclass(frozen=True)
class Values:
    """One of some values."""

    values: tuple[Any, ...]

    def suggest(self, name: str, trial: "Trial") -> Scalar:
        """Have a trial of Optuna choose a value."""
        # By its place, because Optuna's own categories can be plain scalars only.
        return self.values[trial.suggest_categorical(name, range(len(self.values)))]

    def __str__(self) -> str:
        return ", ".join(map(repr, self.values))


def read_space(texts: Mapping[str, str], declared: Mapping[str, Declared]) -> dict[str, Range | Values]:
    """Read what `-p NAME VALUES` of `search` allows for each parameter.

    Args:
        texts: `1e-4..1e-1:log` and `0.1..0.9` are ranges of numbers, `16..256` of whole numbers where the notebook
            declares one; anything else is a list of values, as in a sweep.
        declared: the notebook's parameters.

    Raises:
        InputError: an end of a range does not fit the parameter, the range goes down, or a logarithmic one is not
            above 0.
    """
    return {name: _allowed(declared[name], text) for name, text in texts.items()}


def _allowed(parameter: Declared, text: str) -> Range | Values:
    found = _RANGE.fullmatch(text) if not parameter.takes_text else None
    if not found:
        return Values(tuple(parameter.read_several(text)))
    low, high = (parameter.read(end) for end in found.groups()[:2])
    if not low < high or (found[3] and low <= 0) or not math.isfinite(high):
        advice = "above 0 on a logarithmic scale" if found[3] else "that goes up"
        raise InputError(f"Parameter {parameter.name} = {text} cannot be searched: give a range {advice}.")
    return Range(low, high, log=bool(found[3]))
