"""The checks of notebooks 04 and A2: three right and three wrong answers for each exercise."""

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Timer

from mldrl_lite import exercises
from mldrl_lite.exercises import Feedback

pytestmark = pytest.mark.filterwarnings("ignore")

OFF = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
CHECKS = {
    "check_accumulated_steps": {"n_batches": 10, "max_epochs": 6, "accumulate": 4},
    "check_short_epoch": {},
    "check_week_end_trainer": {},
    "check_todays_trainer": {},
    "check_epoch_means": {},
}
ODD = [..., None, "text", -1, [], {}, {1: 2}, {"devices": "x"}, object(), print, int, LightningModule, torch.zeros(3)]


def judge(name: str, answer: object) -> Feedback:
    return getattr(exercises, name)(answer, **CHECKS[name])


def expect(name: str, right: list, wrong: list[tuple[object, str]]) -> None:
    for answer in right:
        assert judge(name, answer).right, judge(name, answer)
    for answer, idea in wrong:
        feedback = judge(name, answer)
        assert not feedback.right
        assert idea in feedback.message, feedback


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("answer", ODD, ids=lambda answer: type(answer).__name__)
def test_no_check_raises_on_an_odd_answer(name: str, answer: object):
    feedback = judge(name, answer)
    assert not feedback.right
    assert feedback.message


def test_accumulated_steps():
    wrong = [(60, "one step per batch"), (12, "left at the end"), (15, "one epoch alone"), (7, "one epoch first")]
    expect("check_accumulated_steps", [18, 18.0, torch.tensor(18)], wrong)


def test_short_epoch():
    right = [
        {"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 1.0},
        {"max_epochs": 2, "limit_train_batches": 1},
        {"max_epochs": 2, "limit_train_batches": 0.25, "num_sanity_val_steps": 0},
        {"max_steps": 2, "limit_train_batches": 1, "callbacks": Timer()},
    ]
    wrong = [
        ({"max_epochs": 2, "limit_train_batches": 1.0}, "trained on 4"),
        ({"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 1}, "saw 1"),
        ({"max_epochs": -1, "limit_train_batches": 1}, "which argument ends it"),
        ({"max_epochs": 1, "limit_train_batches": 1}, "has 1 epochs"),
        ({"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 0}, "validates 0 times"),
        ({"gpus": 1}, "TypeError"),
    ]
    expect("check_short_epoch", right, wrong)


def test_week_end_trainer():
    asked = {"check_val_every_n_epoch": 5, "log_every_n_steps": 10}
    two_days = {"max_time": "02:00:00:00"}
    right = [
        Trainer(max_epochs=-1, **two_days, **asked),
        Trainer(max_time={"hours": 48}, **asked),
        Trainer(max_epochs=-1, callbacks=[Timer("02:00:00:00")], **asked),
    ]
    wrong = [
        (Trainer(max_epochs=10, **asked), "clock"),
        (Trainer(max_time="00:02:00:00", **asked), "which place"),
        (Trainer(max_epochs=10, **two_days, **asked), "also counts"),
        (Trainer(max_epochs=-1, log_every_n_steps=10, **two_days), "every fifth"),
        (Trainer(max_epochs=-1, check_val_every_n_epoch=5, **two_days), "every 50"),
        (Trainer(max_epochs=-1, logger=False, **two_days, **asked), "without a logger"),
        (Trainer, "the class Trainer"),
    ]
    expect("check_week_end_trainer", right, wrong)


def test_todays_trainer():
    cpu = {"accelerator": "cpu", "max_epochs": 3}
    right = [Trainer(**cpu, **OFF), Trainer(devices=1, **cpu, **OFF), Trainer(**cpu, **OFF, log_every_n_steps=5)]
    wrong = [
        ("Trainer(accelerator='cpu')", "not its text"),
        (Trainer(accelerator="cpu", devices=2, max_epochs=3, **OFF), "one CPU"),
        (Trainer(accelerator="cpu", **OFF), "max_epochs=None"),
        (Trainer(**cpu, **OFF | {"enable_checkpointing": True}), "saves checkpoints"),
        (Trainer(**cpu, **OFF | {"enable_progress_bar": True}), "progress bar"),
        (Trainer(**cpu, **OFF | {"enable_model_summary": True}), "summary"),
    ]
    expect("check_todays_trainer", right, wrong)


class Base(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.means, self.losses = [], []

    def training_step(self, batch, batch_idx):
        loss = ((self.weight - batch) ** 2).mean()
        self.log("loss", loss, on_epoch=True, on_step=False)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def model_with(**hooks) -> type[LightningModule]:
    return type("Answer", (Base,), hooks)


def keep_mean(self):
    self.means.append(sum(self.losses) / len(self.losses))
    self.losses.clear()


def keep_tensor(self):
    self.means.append(torch.tensor(self.losses).mean())
    self.losses = []


def keep_logged(self):
    self.means.append(self.trainer.callback_metrics["loss"])


def keep_pooled(self):
    self.means.append(sum(self.losses) / len(self.losses))


def keep_last(self):
    self.means.append(self.losses[-1])


def keep_first(self):
    self.means.append(self.losses[0])


def test_epoch_means():
    right = [model_with(on_train_epoch_end=keep) for keep in (keep_mean, keep_tensor)]
    right.append(model_with(on_train_epoch_start=lambda self: self.losses.clear(), on_train_epoch_end=keep_pooled))
    wrong = [
        (model_with(on_train_epoch_end=keep_pooled), "epochs before"),
        (model_with(on_train_epoch_end=keep_last), "last batch"),
        (model_with(on_train_epoch_end=keep_first), "differ"),
        (model_with(on_epoch_end=keep_mean), "a hook of today"),
        (model_with(on_train_batch_end=lambda self, *_: self.means.append(0)), "12 values"),
        (model_with(training_epoch_end=lambda self, outputs: None), "refuses"),
        (model_with(on_train_epoch_end=lambda self: self.nothing), "AttributeError"),
        (Base(), "class itself"),
    ]
    expect("check_epoch_means", right, wrong)
