"""A self-test at the end of a notebook: questions whose answers open when chosen, on any page, without a kernel."""

from dataclasses import dataclass
from html import escape

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.teach.markup import as_html
from mldrl_lite.teach.questions import SELF_TESTS, Option, Question


@dataclass(frozen=True)
class SelfTest:
    """The questions of one notebook, as a page shows them and as a terminal does."""

    questions: tuple[Question, ...]

    def _repr_html_(self) -> str:
        return "".join(_as_html(number, question) for number, question in enumerate(self.questions, 1))

    def __repr__(self) -> str:
        questions = [_as_text(number, question, "text") for number, question in enumerate(self.questions, 1)]
        answers = [_as_text(number, question, "why") for number, question in enumerate(self.questions, 1)]
        return "\n".join([*questions, "Answers", *answers])


def self_test(notebook: str) -> SelfTest:
    """Return the self-test of a notebook; as the last value of a cell, it is displayed.

    Args:
        notebook: the number that the name of the notebook begins with, such as "00" or "A1".

    Raises:
        InputError: no notebook has this number.
    """
    if notebook not in SELF_TESTS:
        near, known = did_you_mean(notebook, SELF_TESTS), listing(SELF_TESTS)
        raise InputError(f"No notebook has the number {notebook!r}{near}: give one of {known}.")
    return SelfTest(SELF_TESTS[notebook])


# Elements and no script: <details> opens by mouse, by keyboard and for a screen reader, and passes every sanitizer.
_LIST = '<ul style="list-style: none; margin: 0; padding-left: 0.5em">{}</ul>'
_ITEM = '<li style="margin: 0.3em 0"><details><summary style="cursor: pointer">{}</summary>{}</details></li>'
_REASON = '<p style="margin: 0.3em 0 0.6em 1.1em"><b>{}</b> {}</p>'


def _as_html(number: int, question: Question) -> str:
    options = "".join(
        _ITEM.format(as_html(option.text), _REASON.format(_verdict(option), _reason(option, question)))
        for option in question.options
    )
    return f'<p style="margin: 1em 0 0.3em"><b>{number}.</b> {as_html(question.text)}</p>{_LIST.format(options)}'


def _reason(option: Option, question: Question) -> str:
    anchor = escape(question.section.replace(" ", "-"))
    return f'{as_html(option.why)} (<a href="#{anchor}">{escape(question.section)}</a>)'


def _verdict(option: Option) -> str:
    return "Right." if option.right else "Not this one."


def _as_text(number: int, question: Question, part: str) -> str:
    head = f"{number}. {question.text}" if part == "text" else f"{number}. {question.section}"
    lines = [option.text if part == "text" else f"{_verdict(option)} {option.why}" for option in question.options]
    return "\n".join([head, *(f"   {letter}) {line}" for letter, line in zip("abcdef", lines, strict=False))])
