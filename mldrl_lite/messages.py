"""Error messages that say what was given, what is allowed, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something that the user gave cannot be used; the message is one sentence that says what to do."""


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
