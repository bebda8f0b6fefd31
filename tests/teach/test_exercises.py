"""Checks accept any right answer, name the idea behind a wrong one, show no solution, and never raise."""

import importlib
import os
import pkgutil
import random
import re
from functools import cache

import answers
import nbformat
import numpy as np
import pytest
import torch
from answers import ANSWERS
from conftest import NOTEBOOKS
from pytorch_lightning import Callback, LightningModule
from solved import code_of
from torch.nn.functional import cross_entropy

from mldrl_lite import teach
from mldrl_lite.model import MMDynamic
from mldrl_lite.teach import Feedback, not_yet, right
from mldrl_lite.teach.exercises.feedback import described
from mldrl_lite.teach.project import judging
from mldrl_lite.teach.project.rubric import POINTS

pytestmark = pytest.mark.filterwarnings("ignore")

for module in pkgutil.iter_modules(answers.__path__):
    importlib.import_module(f"answers.{module.name}")

CHECKS = sorted(name for name in dir(teach) if name.startswith("check_"))
ODD = [..., None, "text", -1, [], {}, {1: 2}, {"devices": "x"}, {"no_such": 1}, {"callbacks": 3}, object(), print, int]
ODD += [lambda *_: 1 / 0, torch.zeros(3), Callback, LightningModule, Callback(), float("nan"), (1, 2), np.zeros(2)]


def judge(name: str, answer: object, given: dict[str, object], capsys: pytest.CaptureFixture[str]) -> Feedback:
    """Ask a check, and see that it prints nothing, writes nothing and leaves the process as it was."""
    capsys.readouterr()
    files, variables = sorted(os.listdir()), dict(os.environ)
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()
    feedback = getattr(teach, name)(answer, **given)
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.random.get_state()[1].tolist() == before[2]
    assert sorted(os.listdir()) == files
    assert dict(os.environ) == variables
    assert answer is print or capsys.readouterr().out == ""  # what an answer itself prints is shown
    return feedback


def test_feedback_says_in_words_and_colour_whether_it_is_right():
    assert repr(right("so it is")) == "Right: so it is"
    html = not_yet("a < b")._repr_html_()
    assert "Not yet" in html
    assert "A &lt; b" in html


@pytest.mark.parametrize(
    ("message", "shown"),
    [("put a number", "Put a number"), ("val_loss is 1", "val_loss is 1"), ("fit(…) ends", "fit(…) ends")],
)
def test_a_message_begins_with_a_capital_after_the_full_stop_unless_it_is_code(message: str, shown: str):
    assert f"</b> {shown}" in not_yet(message)._repr_html_()
    assert repr(not_yet(message)) == f"Not yet: {message}"


def test_every_check_is_tried_with_three_right_and_three_wrong_answers():
    assert sorted(ANSWERS) == CHECKS
    few = {name: (len(made.right), len(made.wrong)) for name in CHECKS if (made := ANSWERS[name]())}
    assert {name: counts for name, counts in few.items() if min(counts) < 3} == {}


@pytest.mark.parametrize("name", CHECKS)
def test_right_answers_are_accepted(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    if name == "check_my_project":  # page 11 is run with its exercises solved: there the tests of the project run
        passed = {test for point in POINTS for test in point.tests}
        monkeypatch.setattr(judging, "_run", lambda *_: judging._Report(passed))
    made = ANSWERS[name]()
    for answer in made.right:
        feedback = judge(name, answer, made.given, capsys)
        assert feedback.right, (answer, feedback)


@pytest.mark.parametrize("name", CHECKS)
def test_wrong_answers_get_a_nudge_that_names_the_idea_and_not_the_solution(
    name: str, capsys: pytest.CaptureFixture[str]
):
    made, (solution, task) = ANSWERS[name](), solutions()[name]
    numbers = {f"{float(answer):g}" for answer in made.right if isinstance(answer, int | float)}
    for answer, idea in [*made.wrong, *((answer, "") for answer in ODD)]:
        feedback = judge(name, answer, made.given, capsys)
        assert not feedback.right, answer
        assert feedback.message
        assert idea in feedback.message, (answer, feedback)
        assert not shown_in(feedback.message, solution, task), feedback
        assert not numbers & set(re.findall(r"[\w.]+", feedback.message)), feedback


@pytest.mark.parametrize("name", CHECKS)
def test_the_stored_page_shows_what_the_check_says_of_the_starter(name: str):
    cells = [cell for page in pages() for cell in page.cells if cell.cell_type == "code"]
    [check] = [cell for cell in cells if re.search(rf"^{name}\(", cell.source, re.M) and "check" in cell.metadata.tags]
    feedback, stored = getattr(teach, name)(..., **ANSWERS[name]().given), check.outputs[-1].data
    assert (stored["text/plain"], stored["text/html"]) == (repr(feedback), feedback._repr_html_())


def test_a_check_leaves_the_model_in_its_mode():
    made = ANSWERS["check_validation_loss"]()
    made.given["model"].train()
    teach.check_validation_loss(made.right[0], **made.given)
    assert made.given["model"].training


def test_a_model_in_the_mode_for_validation_is_not_told_to_mind_its_mode():
    made = ANSWERS["check_validation_loss"]()
    made.given["model"].eval()
    feedback = teach.check_validation_loss(made.right[1] + 0.01, **made.given)
    assert "these the scores" in feedback.message


def test_the_validation_loss_of_an_untrained_model_is_no_answer():
    given = ANSWERS["check_validation_loss"]().given
    part = given["datamodule"].parts["val"]
    untrained = MMDynamic(given["datamodule"].in_dim, 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4}).eval()
    loss = cross_entropy(untrained(part.views).logit, part.labels).item()
    feedback = teach.check_validation_loss(loss, untrained, given["datamodule"])
    assert "untrained" in feedback.message


# ---------------------------------------------------------------------------------------------------------------------
# No message shows the solution


@cache
def pages() -> list[nbformat.NotebookNode]:
    """Return the stored notebooks."""
    return [nbformat.read(path, as_version=4) for path in NOTEBOOKS]


@cache
def solutions() -> dict[str, tuple[str, str]]:
    """Return the source of the solution that each check belongs to, and the text of its task."""
    found = {}
    for cells in (page.cells for page in pages()):
        for task, _, check, solution in zip(cells, cells[1:], cells[2:], cells[3:], strict=False):
            if "solution" in solution.metadata.get("tags", []):
                name = re.findall(r"^(check_\w+)\(", check.source, re.M)[-1]
                found[name] = (code_of(solution), task.source)
    return found


def shown_in(message: str, solution: str, task: str = "") -> list[str]:
    """Return what a message shows of a solution and the task does not: `name=value`, or six words or signs in a row."""
    settings = {f"{name}={value}" for name, value in re.findall(r"(\w+) *= *([\w.\"']+)", solution)}
    found = [setting for setting in settings if setting in message.replace(" = ", "=") and setting not in task]
    has, takes, told = (re.findall(r"\w+|[^\w\s]", text) for text in (message, solution, task))
    runs = {tuple(takes[i : i + 6]) for i in range(len(takes) - 5)}
    runs -= {tuple(told[i : i + 6]) for i in range(len(told) - 5)}
    return found + [" ".join(has[i : i + 6]) for i in range(len(has)) if tuple(has[i : i + 6]) in runs]


def test_the_finder_of_shown_code_finds_some():
    solution = "    short = Trainer(max_epochs=5, logger=False)\n    low = view[train].min(axis=0)"
    assert shown_in("write logger=False.", solution) == ["logger=False"]
    assert shown_in("write logger=False.", solution, task="Use `logger=False`.") == []
    assert shown_in("take view[train].min of it", solution) == ["view [ train ] . min"]
    assert shown_in("which argument holds the logger?", solution) == []


def test_every_check_belongs_to_an_exercise():
    assert sorted(solutions()) == CHECKS


@pytest.mark.parametrize(
    ("answer", "words"),
    [(1, "an int"), ([], "a list"), (None, "None"), (dict, "the class dict"), (Feedback(True, ""), "class Feedback")],
)
def test_what_an_answer_is_has_the_right_article(answer: object, words: str):
    assert described(answer).endswith(words)
    assert not re.search(r"\ba [aeio]", described(answer))
