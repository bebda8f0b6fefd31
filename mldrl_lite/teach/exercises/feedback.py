"""What a check says, and the nudges that many of them share."""

from dataclasses import dataclass
from html import escape

from mldrl_lite.figures import COLOURS


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer: right, or what to look at next."""

    right: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.message}"

    def _repr_html_(self) -> str:
        colour = COLOURS["green"] if self.right else COLOURS["orange"]
        verdict = "Right" if self.right else "Not yet"
        style = f"border-left: 4px solid {colour}; padding: 0.4em 0.8em"
        return f'<div style="{style}"><b>{verdict}.</b> {escape(self.message)}</div>'


def right(message: str) -> Feedback:
    """Return the feedback on a right answer."""
    return Feedback(True, message)


def not_yet(message: str) -> Feedback:
    """Return a nudge: what is missing, or which idea to think over."""
    return Feedback(False, message)


def not_answered(answer: object, wanted: str) -> Feedback | None:
    """Return a nudge when the learner has left the `...` of the starter in place."""
    return not_yet(f"put {wanted} where the ... is, run that cell, and come back.") if answer is ... else None


def number(answer: object) -> float | None:
    """Return an answer as a number (a tensor or array of one element counts too), or None when it is not one."""
    try:
        return float(answer.item() if hasattr(answer, "item") else answer)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def described(answer: object) -> str:
    """Return `this is a dict`, say, or `this is the class Net`: what an answer is, when it is not what it should be."""
    return f"this is the class {answer.__name__}" if isinstance(answer, type) else f"this is a {type(answer).__name__}"


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
