"""The self-tests: three questions a notebook, a reason for each option, and nothing claimed that a run would refute."""

import re
from pathlib import Path

import nbformat
import pytest
import torch
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch.utils.data import DataLoader

from mldrl_lite.messages import InputError
from mldrl_lite.teach.questions import SELF_TESTS, Option, Question
from mldrl_lite.teach.quiz import SelfTest, self_test

NUMBERS = [path.stem.split("_")[0] for path in NOTEBOOKS]
ALL = [(number, question) for number, questions in SELF_TESTS.items() for question in questions]
BY_QUESTION = pytest.mark.parametrize(("number", "question"), ALL, ids=lambda part: getattr(part, "text", part)[:40])


def test_every_notebook_has_three_questions():
    assert {number: len(questions) for number, questions in SELF_TESTS.items()} == dict.fromkeys(NUMBERS, 3)


@BY_QUESTION
def test_one_option_is_right_and_each_has_a_reason(number: str, question: Question):
    assert sum(option.right for option in question.options) == 1
    assert 3 <= len(question.options) <= 4
    assert len({option.text for option in question.options}) == len(question.options)
    for option in question.options:
        assert len(option.why.split()) >= 4, option.text
        assert len(f"{question.text} {option.text} {option.why}".split()) <= 100


def test_the_right_option_is_not_to_be_guessed_from_its_place_or_length():
    options = [question.options for _, question in ALL]
    places = [[option.right for option in row].index(True) for row in options]
    longest = [max(row, key=lambda option: len(option.text)).right for row in options]
    assert max(places.count(place) for place in set(places)) <= 0.5 * len(places)
    assert sum(longest) <= 0.6 * len(longest)


@BY_QUESTION
def test_the_answer_is_shown_in_a_section_of_its_notebook(number: str, question: Question):
    cells = nbformat.read(NOTEBOOKS[NUMBERS.index(number)], as_version=4).cells
    headings = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert any(re.fullmatch(rf"##+ {re.escape(question.section)}", line) for line in headings)


# ---------------------------------------------------------------------------------------------------------------------
# How it is shown


@pytest.mark.parametrize("number", SELF_TESTS)
def test_each_option_opens_to_its_verdict_and_reason(number: str):
    page = BeautifulSoup(self_test(number)._repr_html_(), "html.parser")
    shown = [(box.summary.get_text(), box.p.get_text()) for box in page.find_all("details")]
    options = [(option, question) for question in SELF_TESTS[number] for option in question.options]
    for (summary, reason), (option, question) in zip(shown, options, strict=True):
        assert summary == option.text.replace("`", "")
        verdict = "Right. " if option.right else "Not this one. "
        assert reason == verdict + option.why.replace("`", "") + f" ({question.section})"
    assert not page.find_all("details", open=True)


@pytest.mark.parametrize("number", SELF_TESTS)
def test_it_needs_no_script_and_no_colour(number: str):
    html = self_test(number)._repr_html_()
    page = BeautifulSoup(html, "html.parser")
    assert {tag.name for tag in page.find_all()} <= {"p", "b", "ul", "li", "details", "summary", "code", "a"}
    assert {name for tag in page.find_all() for name in tag.attrs} == {"style", "href"}
    assert all(tag["href"].startswith("#") for tag in page.find_all("a"))
    assert "color" not in html


def test_what_looks_like_html_is_text():
    question = Question("Is `a < b`?", "S", (Option(True, "<i>", "1 & 2"), Option(False, "b", "c")))
    html = SelfTest((question,))._repr_html_()
    assert "Is <code>a &lt; b</code>?" in html
    assert "<summary" in html
    assert "&lt;i&gt;" in html
    assert "1 &amp; 2" in html


def test_a_terminal_shows_the_answers_after_the_questions():
    text = repr(self_test("00"))
    questions, answers = text.split("\nAnswers\n")
    assert "Right." not in questions
    assert answers.count("Right.") == 3
    assert "   a) " in questions


@pytest.mark.parametrize("number", ["0", "12", "quickstart", None, 3])
def test_an_unknown_notebook_is_named(number: object):
    with pytest.raises(InputError, match=f"No notebook has the number {number!r}.*give one of 00, 01"):
        self_test(number)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_page_has_the_questions_of_today(path: Path):
    number = path.stem.split("_")[0]
    cells = nbformat.read(path, as_version=4).cells
    [shown] = [cell for cell in cells if "self_test(" in cell.source]
    assert f'self_test("{number}")' in shown.source
    assert shown.outputs[0].data["text/html"] == self_test(number)._repr_html_()
    assert cells.index(shown) > max(i for i, cell in enumerate(cells) if "check" in cell.metadata.get("tags", []))


# ---------------------------------------------------------------------------------------------------------------------
# What the questions claim beyond what their notebooks assert


class Line(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.trained_on, self.validated_after = 0, []

    def training_step(self, batch, batch_idx):
        self.trained_on += 1
        return self.layer(batch[:, None]).square().mean()

    def validation_step(self, batch, batch_idx):
        self.log("ptl/val_accuracy", float(self.current_epoch))  # rises from epoch to epoch

    def on_validation_end(self):
        self.validated_after.append(self.trained_on)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class ByHand(Line):
    raw = False

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers(use_pl_optimizer=not self.raw):
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(self.parameters(), lr=0.01) for _ in range(2)]


class Raw(ByHand):
    raw = True


def fit(quiet_trainer, model: LightningModule, **arguments: object) -> Trainer:
    trainer = quiet_trainer(**{"num_sanity_val_steps": 0, **arguments})
    trainer.fit(model, DataLoader(torch.ones(8)), DataLoader(torch.ones(2)))
    return trainer


def test_02_a_seed_or_no_grad_does_not_make_two_answers_equal():
    model = torch.nn.Dropout(0.5)
    with torch.no_grad():
        torch.manual_seed(0)
        assert not torch.equal(model(torch.ones(100)), model(torch.ones(100)))
    model.eval()
    assert torch.equal(model(torch.ones(100)), model(torch.ones(100)))


def test_03_a_rising_accuracy_is_stopped_by_the_default_mode(quiet_trainer):
    stopped = fit(quiet_trainer, Line(), max_epochs=20, callbacks=[EarlyStopping("ptl/val_accuracy")])
    learning = EarlyStopping("ptl/val_accuracy", mode="max")
    assert stopped.current_epoch == 1 + 3  # the first, and the default patience
    assert fit(quiet_trainer, Line(), max_epochs=20, callbacks=[learning]).current_epoch == 20


def test_04_the_options_about_one_and_one_point_zero(quiet_trainer):
    for limit, interval, validated_after in ((1, 1.0, [1]), (1.0, 1.0, [8]), (1.0, 1, list(range(1, 9)))):
        model = Line()
        fit(quiet_trainer, model, max_epochs=1, limit_train_batches=limit, val_check_interval=interval)
        assert model.validated_after == validated_after


def test_09_an_accuracy_of_so_few_people_is_known_within_seven_points():
    assert pytest.approx(0.07, abs=0.005) == 1.96 * (0.82 * 0.18 / 106) ** 0.5
    assert pytest.approx(0.01, abs=0.001) == 1 / 106


def test_a2_steps_by_hand_count_if_made_with_what_optimizers_returns(quiet_trainer):
    assert fit(quiet_trainer, ByHand(), max_epochs=1).global_step == 16
    assert fit(quiet_trainer, Raw(), max_epochs=1).global_step == 0
