"""What a check says, in steps where an answer is wrong again, and the nudges that many checks share."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from html import escape

from mldrl_lite.figures import COLOURS
from mldrl_lite.teach import record
from mldrl_lite.teach.contents import EXERCISES
from mldrl_lite.teach.markup import as_html, as_text


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer: right, or what to look at next."""

    right: bool
    message: str
    answered: bool = True
    """Whether there was an answer at all, and not the `...` of the starter."""
    look: str = ""
    """Where to look, with a link as in Markdown; empty at the first wrong try."""
    shape: str = ""
    """The shape of the code; empty at the first two."""

    def __repr__(self) -> str:
        lines = [f"{'Right' if self.right else 'Not yet'}: {self.message}"]
        lines += [f"Where to look: {as_text(self.look)}"] if self.look else []
        lines += ["The shape of the code:", *(f"    {line}" for line in self.shape.splitlines())] if self.shape else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colour = COLOURS["green"] if self.right else COLOURS["orange"]
        verdict = "Right" if self.right else "Not yet"
        style = f"border-left: 4px solid {colour}; padding: 0.4em 0.8em"
        more = f"<br><i>Where to look:</i> {as_html(self.look)}" if self.look else ""
        more += f"<br><i>The shape of the code:</i><pre>{escape(self.shape)}</pre>" if self.shape else ""
        # A sentence of its own after the full stop; a name of the code, as val_loss or fit(...), stays as it is.
        message = re.sub(r"^[a-z](?=[a-z]*[\s,;:])", lambda first: first[0].upper(), self.message)
        return f'<div style="{style}"><b>{verdict}.</b> {escape(message)}{more}</div>'


_tries: Counter[str] = Counter()


def in_steps(check: Callable[..., Feedback]) -> Callable[..., Feedback]:
    """Let a check say more when an answer is wrong again: an idea, then where to look, then the shape of the code.

    The idea is the check's own nudge, which may be another one each time; what follows is in `contents`. The tries are
    counted in the running kernel. The `...` of the starter is none, and a right answer, which is recorded as solved,
    ends the count.
    """
    name = check.__name__
    look, shape = next(checks[name] for checks in EXERCISES.values() if name in checks)

    @wraps(check)
    def checked(answer: object, *arguments: object, **options: object) -> Feedback:
        feedback = check(answer, *arguments, **options)
        if feedback.right:
            record.note(name)
            del _tries[name]
        if feedback.right or not feedback.answered:
            return feedback
        _tries[name] += 1
        return replace(feedback, look=look if _tries[name] > 1 else "", shape=shape if _tries[name] > 2 else "")

    return checked


def right(message: str) -> Feedback:
    """Return the feedback on a right answer."""
    return Feedback(True, message)


def not_yet(message: str) -> Feedback:
    """Return a nudge: what is missing, or which idea to think over."""
    return Feedback(False, message)


def not_answered(answer: object, wanted: str) -> Feedback | None:
    """Return a nudge when the learner has left the `...` of the starter in place."""
    message = f"put {wanted} where the ... is, run that cell, and come back."
    return Feedback(False, message, answered=False) if answer is ... else None


def number(answer: object) -> float | None:
    """Return an answer as a number (a tensor or array of one element counts too), or None when it is not one."""
    if isinstance(answer, str | bytes | bool):  # float() takes these for numbers
        return None
    try:
        return float(answer.item() if hasattr(answer, "item") else answer)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def numeric(answer: object) -> float | Feedback:
    """Return an answer as a number, or a nudge when it is missing or none."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    return not_yet(f"{described(answer)}; give a number.") if given is None else given


def described(answer: object) -> str:
    """Return `this is a dict`, say, or `this is the class Net`: what an answer is, when it is not what it should be."""
    return f"this is {in_words(answer)}"


def in_words(value: object) -> str:
    """Return what a value is: `an int`, `None`, `the class Net`, or, for one that it made, `an object of class Net`."""
    if value is None or isinstance(value, type):
        return "None" if value is None else f"the class {value.__name__}"
    name = type(value).__name__
    if type(value).__module__ != "builtins":
        return f"an object of class {name}"
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


def not_a_function(answer: object, wanted: str = "the function itself, without calling it") -> Feedback | None:
    """Return a nudge when the answer is missing, or nothing that can be called."""
    if nudge := not_answered(answer, "a function"):
        return nudge
    if callable(answer) and not isinstance(answer, type):
        return None
    return not_yet(f"{described(answer)}; give {wanted}.")


def not_a_class(answer: object, base: type, parent: str = "") -> Feedback | None:
    """Return a nudge when the answer is missing, or no class that inherits from `base` (for the learner: `parent`)."""
    if nudge := not_answered(answer, "a class"):
        return nudge
    if isinstance(answer, type) and issubclass(answer, base):
        return None
    return not_yet(f"{described(answer)}; give the class itself, and let it inherit from {parent or base.__name__}.")
