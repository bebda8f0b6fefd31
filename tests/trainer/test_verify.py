"""`mldrl_lite.verify`: for each rule offenders and innocents, run; and no trace of it."""

import copy
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from diagnosing import own_folder, pytestmark  # noqa: F401
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, nll_loss
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from mldrl_lite import InputError, verify
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic

X = torch.randn(24, 5, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
DATA = DataLoader(TensorDataset(X, Y), batch_size=8)


class Net(LightningModule):
    """A classifier with nothing wrong; the subclasses change one thing."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, batch_idx):
        loss = cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


def rules(model, data=DATA, **how) -> list[str]:
    return [finding.rule for finding in verify(model, data, **how)]


class Detached(Net):
    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx).detach()


class CutOff(Net):
    def forward(self, x):
        return self.head(self.body(x).detach())


class LooseParameter(Net):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))


class Spare(Net):
    def __init__(self):
        super().__init__()
        self.spare = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))


class HeadOnly(Net):
    def configure_optimizers(self):
        return torch.optim.Adam(self.head.parameters(), 0.01)


class Softmax(Net):
    def forward(self, x):
        return super().forward(x).softmax(1).view(-1, 3)


class Sigmoid(Net):
    def training_step(self, batch, batch_idx):
        return binary_cross_entropy_with_logits(self(batch[0])[:, 0].sigmoid(), batch[1].float())


class Wild(Net):
    def forward(self, x):
        return super().forward(1000 * x) * 50


class OverBatch(Net):
    def forward(self, x):
        return super().forward(x).softmax(0).log()


class Attends(Net):
    def __init__(self, batch_first=False):
        super().__init__()
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, batch_first=batch_first)

    def forward(self, x):
        return self.head(self.attention(self.body(x)[:, None].expand(-1, 4, -1)).mean(1))


class AttendsBySample(Attends):
    def __init__(self):
        super().__init__(batch_first=True)


class Stuck(Net):
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-12)


@pytest.mark.parametrize(
    ("cls", "rule", "words"),
    [
        (Detached, "detached loss", "The loss of Detached.training_step has no gradient."),
        (CutOff, "gradient that does not arrive", "No gradient reaches body of CutOff"),
        (LooseParameter, "gradient that does not arrive", "No gradient reaches shift of LooseParameter"),
        (Spare, "module that is never used", "No training step calls spare of Spare."),
        (HeadOnly, "parameters without an optimizer", "is given body.0.weight, body.0.bias"),
        (Softmax, "softmax before a loss of logits", "cross_entropy is given the output of a softmax"),
        (Sigmoid, "softmax before a loss of logits", "with_logits is given the output of a sigmoid"),
        (Wild, "first loss far from chance", "guessing among 3 classes gives ln 3 = 1.1"),
        (OverBatch, "samples that influence each other", "In forward of OverBatch the result of a sample"),
        (Attends, "samples that influence each other", "In forward of Attends the result"),
    ],
)
def test_an_offender_is_found(cls, rule, words):
    (finding,) = verify(cls(), DATA)
    assert finding.rule == rule
    assert words in finding.what
    assert "test_verify.py:" in finding.where


class Frozen(CutOff):
    def __init__(self):
        super().__init__()
        self.body.requires_grad_(False)


class ByHand(Net):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(cross_entropy(self(batch[0]), batch[1]))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), 0.1) for part in (self.body, self.head)]


class LogSoftmax(Net):
    def training_step(self, batch, batch_idx):
        return nll_loss(self(batch[0]).log_softmax(1), batch[1])


class UsesTheLogger(Net):
    def training_step(self, batch, batch_idx):
        self.logger.experiment.add_scalar("x", 1, self.global_step)
        self.logger.log_metrics({"x": 1})
        return super().training_step(batch, batch_idx)


class Downloads(Net):
    def prepare_data(self):
        raise AssertionError("nothing is downloaded")


@pytest.mark.parametrize("cls", [Net, Frozen, ByHand, LogSoftmax, UsesTheLogger, Downloads, AttendsBySample, Stuck])
def test_an_innocent_is_left_alone(cls):
    assert rules(cls()) == []


def test_the_models_of_the_course_and_lightnings_own_are_innocent():
    assert rules(MMDynamic([300, 300, 300], 2, True, EXAMPLE_CONFIG), TCPDataModule("SIMULATED", cv=0)) == []
    assert rules(BoringModel(), BoringDataModule()) == []
    assert rules(BoringModel(), None) == []


@pytest.mark.parametrize(("cls", "found"), [(Net, []), (Stuck, ["batch that cannot be overfitted"])])
def test_a_batch_is_overfitted_on_request(cls, found):
    assert rules(cls(), overfit=60) == found


@pytest.mark.parametrize(
    ("cls", "advice"),
    [(CutOff, Frozen), (Attends, AttendsBySample), (Softmax, Net), (HeadOnly, Net), (OverBatch, Net)],
)
def test_who_follows_the_advice_is_left_alone(cls, advice):
    assert rules(cls())
    assert rules(advice()) == []


def test_rules_can_be_left_out():
    assert rules(Spare(), ignore=["MLT702"]) == []
    with pytest.raises(InputError, match="ignore names no rule with 'spare'"):
        verify(Spare(), DATA, ignore=["spare"])


class Stream(IterableDataset):
    def __iter__(self):
        return zip(X, Y, strict=True)


class Data(LightningDataModule):
    def prepare_data(self):
        raise AssertionError("nothing is downloaded")

    def setup(self, stage):
        self.stage = stage

    def train_dataloader(self):
        return DATA


@pytest.mark.parametrize(
    "data",
    [
        Data(),
        [DATA, DATA],
        {"train": DATA},
        [(X, Y)],
        DataLoader(Stream(), 8),
        DataLoader(TensorDataset(X, Y), 8, num_workers=1),
    ],
    ids=["datamodule", "several", "dictionary", "batches", "stream", "workers"],
)
def test_data_of_many_kinds(data):
    assert rules(Spare(), data) == ["module that is never used"]
    assert not hasattr(data, "stage")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_model_is_looked_at_as_it_was():
    assert rules(torch.compile(Spare())) == ["module that is never used"]


def test_models_of_the_package_lightning_are_run_by_its_own_trainer():
    lightning = pytest.importorskip("lightning")

    class Spare(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.head, self.spare = nn.Linear(5, 3), nn.Linear(2, 2)

        def training_step(self, batch, batch_idx):
            return cross_entropy(self.head(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    assert rules(Spare()) == ["module that is never used"]


@pytest.mark.parametrize("data", [[], 3, None, DataLoader(TensorDataset(X[:0]))])
def test_without_a_batch_it_says_so(data):
    with pytest.raises(InputError, match="verify finds no batch"):
        verify(Net(), data)


def test_what_the_model_raises_is_raised():
    class Broken(Net):
        def training_step(self, batch, batch_idx):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        verify(Broken(), DATA)


def states() -> tuple:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_no_trace_is_left(capfd):
    model = Net().eval()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.body[0].weight.requires_grad_(False)
    before, generators = copy.deepcopy(model.state_dict()), states()
    verify(model, DATA, overfit=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.head.weight.grad.eq(1).all()
    assert model.body[0].weight.grad is None
    assert not model.training
    assert model._trainer is None
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert states() == generators
    assert list(Path().iterdir()) == []
    assert capfd.readouterr() == ("", "")
