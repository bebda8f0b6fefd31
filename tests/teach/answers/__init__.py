"""What learners answer: for each check, right answers that differ, and likely wrong ones with the nudge that each gets.

A module per notebook. test_exercises.py collects them all, and asks for three of either kind for every check.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pytorch_lightning import Trainer

OFF = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


@dataclass(frozen=True)
class Answers:
    """Answers to one exercise; `wrong` has, beside each, words of the message that name the idea behind it."""

    right: list[object]
    wrong: list[tuple[object, str]]
    given: dict[str, object] = field(default_factory=dict)  # what the check takes beside the answer


ANSWERS: dict[str, Callable[[], Answers]] = {}


def answers_to(check: str) -> Callable[[Callable[[], Answers]], Callable[[], Answers]]:
    """Register a function that makes the answers to an exercise anew, by the name of its check."""

    def register(make: Callable[[], Answers]) -> Callable[[], Answers]:
        ANSWERS[check] = make
        return make

    return register


def quiet_trainer(**arguments: object) -> Trainer:
    """Make a Trainer on the CPU that shows and writes nothing unless told to."""
    return Trainer(**{"accelerator": "cpu", **OFF, **arguments})
