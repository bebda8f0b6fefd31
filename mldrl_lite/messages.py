"""Checks and error messages that say what was given, what is allowed, and what to do."""

import math
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real

import lazy_loader

Scalar = str | int | float | bool | None


class InputError(ValueError):
    """Something that the user gave cannot be used; the message is one sentence that says what to do."""


class DataWarning(UserWarning):
    """Something in the data is possible, but probably not what was meant; the message says what was done about it."""


cautions: list[str] = []
"""What `caution` has said in this process: `show_result` hands it on to the table of a sweep."""


def caution(sentence: str) -> None:
    """Give a `DataWarning` where the caller's caller stands, and keep the sentence for the result of the notebook."""
    if sentence not in cautions:
        cautions.append(sentence)
    warnings.warn(sentence, DataWarning, stacklevel=3)


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the nearest allowed name, or `""` when none is near."""
    allowed = list(allowed)
    by_lower = {option.lower(): option for option in allowed}
    near = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""


def listing(names: Iterable[object]) -> str:
    """Join names for a sentence: `a, b or c`."""
    *head, last = [str(name) for name in names]
    return f"{', '.join(head)} or {last}" if head else last


_KINDS = {int: Integral, float: Real}  # of NumPy too
TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}


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
        words = " ".join([TYPE_NAMES[kind], " and ".join(limits)]).strip()
    return words + (", or None" if or_none else "")


# ---------------------------------------------------------------------------------------------------------------------
# Optional packages

_IMPORTED_AS = {
    "pillow": "pil",
    "pyyaml": "yaml",
}  # where a distribution and its module differ by more than `-` and `_`


class MissingExtra(ModuleNotFoundError, InputError):  # noqa: N818 - it is read as a sentence
    """A package is not installed that an extra of mldrl-lite brings; the message names the extra."""


@contextmanager
def extras_named() -> Iterator[None]:
    """Turn the failed import of an optional package into one sentence that names the extra to install.

    Raises:
        MissingExtra: in place of the `ModuleNotFoundError` for a package of an extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        extra = None if isinstance(error, MissingExtra) else _extra_of(module)
        if extra is None:
            raise
        # Without a `name`: by it, Python 3.15 adds a module of a similar name, as if that were meant.
        raise MissingExtra(
            f"{module} is not installed; the extra {extra!r} brings it: pip install 'mldrl-lite[{extra}]'."
        ) from error


def _extra_of(module: str) -> str | None:
    """Return the first extra of pyproject.toml that lists the distribution of this module."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("mldrl-lite") or []
    except PackageNotFoundError:  # the package is on the path without being installed
        return None
    for line in lines:
        distribution = re.match(r"[\w.-]+", line).group().lower()
        extra = re.search(r"""extra == ['"]([\w-]+)""", line)
        if extra and _IMPORTED_AS.get(distribution, distribution.replace("-", "_")) == module.lower():
            return extra.group(1)
    return None


def attach_stub(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Do what `lazy_loader.attach_stub` does, and name the extra where a name needs a package that is not there.

    Returns:
        `__getattr__`, `__dir__` and `__all__` of the package whose `__init__.pyi` lists what it offers.
    """
    load, names, offered = lazy_loader.attach_stub(package, file)

    def load_or_name_the_extra(name: str) -> object:
        with extras_named():
            return load(name)

    return load_or_name_the_extra, names, offered
