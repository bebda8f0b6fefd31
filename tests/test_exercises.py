"""Checks accept any right answer, name the idea behind a wrong one, and never raise."""

import inspect
from collections.abc import Callable

import pytest
import torch
from pytorch_lightning import Trainer, seed_everything

from mldrl_lite import exercises
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.exercises import Feedback
from mldrl_lite.model import MMDynamic

ODD = [..., None, "text", -1, [], {}, object(), print, lambda *_: 1 / 0, torch.zeros(3)]


@pytest.fixture(scope="module")
def datamodule() -> TCPDataModule:
    module = TCPDataModule("WDBC")
    module.setup()
    return module


@pytest.fixture(scope="module")
def model() -> MMDynamic:
    seed_everything(0, verbose=False)
    return MMDynamic([10, 10, 10], 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4})


def test_feedback_says_in_words_and_colour_whether_it_is_right():
    assert repr(exercises.right("so it is")) == "Right: so it is"
    html = exercises.not_yet("a < b")._repr_html_()
    assert "Not yet" in html
    assert "a &lt; b" in html


def test_steps_per_epoch(datamodule: TCPDataModule):
    check = lambda answer: exercises.check_steps_per_epoch(answer, datamodule)  # noqa: E731
    n = len(datamodule.parts["train"])
    for answer in (-(-n // 32), len(datamodule.train_dataloader()), float(-(-n // 32))):
        assert check(answer).right
    for answer, idea in ((n, "per batch"), (n // 32, "left over"), (n / 32, "how many batches")):
        assert not check(answer).right
        assert idea in check(answer).message


def test_trainer(quiet_trainer: Callable[..., Trainer]):
    for answer in (quiet_trainer(max_epochs=5), quiet_trainer(max_epochs=5, min_epochs=1)):
        assert exercises.check_trainer(answer, 5).right
    for answer, idea in (
        (quiet_trainer(max_epochs=3), "max_epochs=3"),
        (Trainer, "give the object"),
        (5, "of type int"),
    ):
        feedback = exercises.check_trainer(answer, 5)
        assert not feedback.right
        assert idea in feedback.message


def test_tcp():
    rows = torch.arange
    right = [
        lambda s, y: s.softmax(1)[rows(len(y)), y],
        lambda s, y: torch.gather(torch.softmax(s, -1), 1, y[:, None])[:, 0],
        lambda s, y: [float(p[c]) for p, c in zip(s.softmax(1), y, strict=True)],
    ]
    wrong = [
        (lambda s, y: s.softmax(1).max(1).values, "most likely"),
        (lambda s, y: s[rows(len(y)), y], "scores"),
        (lambda s, y: s.softmax(0)[rows(len(y)), y], "dimension"),
        (lambda s, y: s.softmax(1).gather(1, y[:, None]), "(B, 1)"),
        (lambda s: s, "raised TypeError"),
    ]
    assert all(exercises.check_tcp(answer).right for answer in right)
    for answer, idea in wrong:
        assert not exercises.check_tcp(answer).right
        assert idea in exercises.check_tcp(answer).message


def test_validation_loss(model: MMDynamic, datamodule: TCPDataModule):
    def losses() -> list[torch.Tensor]:
        with torch.no_grad():
            return [model.criterion(model(views).logit, labels) for views, labels in datamodule.val_dataloader()]

    check = lambda answer: exercises.check_validation_loss(answer, model, datamodule)  # noqa: E731
    model.eval()
    mean = torch.cat(losses()).mean()
    for answer in (mean, mean.item(), mean.numpy()):
        assert check(answer).right
    assert "count more" in check(torch.stack([loss.mean() for loss in losses()]).mean()).message
    assert "sum" in check(torch.cat(losses()).sum()).message
    model.train()
    assert "mode" in check(torch.cat(losses()).mean() + 0.01).message
    assert model.training  # a check leaves the model as it was


def test_no_check_raises_on_an_odd_answer(model: MMDynamic, datamodule: TCPDataModule):
    context = {"model": model, "datamodule": datamodule, "max_epochs": 5}
    checks = [value for name, value in vars(exercises).items() if name.startswith("check_")]
    simple = [check for check in checks if set(list(inspect.signature(check).parameters)[1:]) <= set(context)]
    assert len(simple) >= 4
    for check in simple:
        given = {name: context[name] for name in list(inspect.signature(check).parameters)[1:]}
        for answer in ODD:
            feedback = check(answer, **given)
            assert isinstance(feedback, Feedback)
            assert not feedback.right
            assert feedback.message
