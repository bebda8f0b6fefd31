"""`diagnose`: hyperparameters that a checkpoint will not give back."""

import argparse
import dataclasses
import enum
import pathlib

import numpy as np
import pytest
import torch
from diagnosing import found, line_of, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning import LightningModule
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel


class Forgotten(BoringModel):
    def __init__(self, width, depth=2):
        super().__init__()


class Saved(BoringModel):
    def __init__(self, width, depth=2):
        super().__init__()
        self.save_hyperparameters()


class WithoutSuper(BoringModel):
    def __init__(self, width=1):
        BoringModel.__init__(self)
        self.save_hyperparameters()


class SavesNothing(BoringModel):
    def __init__(self, width=1):
        super().__init__()
        self.save_hyperparameters(None)


class LeftOut(BoringModel):
    def __init__(self, backbone=None):
        super().__init__()
        self.save_hyperparameters(ignore=["backbone"])


class Variadic(BoringModel):
    def __init__(self, *args, **kwargs):
        super().__init__()


def test_empty_hparams_are_found():
    finding = the("empty hparams", Forgotten(1))
    assert finding.what == "Forgotten takes width, depth, and its hparams are empty."
    assert finding.where.endswith(line_of("def __init__(self, width, depth=2)"))
    assert "Call self.save_hyperparameters()" in finding.fix


@pytest.mark.parametrize("cls", [WithoutSuper, SavesNothing])
def test_empty_hparams_are_found_though_save_hyperparameters_is_called(cls):
    assert "super().__init__()" in the("empty hparams", cls()).fix


def test_empty_hparams_do_lose_the_arguments(tmp_path):
    model, trainer = WithoutSuper(7), quiet(max_epochs=0)
    trainer.fit(model)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert "hyper_parameters" not in torch.load(tmp_path / "a.ckpt", weights_only=True)


def test_hparams_that_are_saved_or_left_out_on_purpose_are_not_found():
    for model in (Saved(1), LeftOut(), Variadic(1, a=2), BoringModel()):
        assert found(model) == []
        assert "_hparams" not in vars(BoringModel())


class Keeps(BoringModel):
    def __init__(self, value):
        super().__init__()
        self.save_hyperparameters()


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Config:
    width: int = 1


REFUSED = {
    "Path": (pathlib.PurePosixPath("a"), "str(value)"),
    "NumPy number": (np.float64(0.5), "value.item()"),
    "array": (np.zeros(2), "value.tolist()"),
    "Namespace": (argparse.Namespace(width=1), "vars(value)"),
    "Enum": (Color.RED, "value.value"),
    "dataclass": (Config(), "dataclasses.asdict(value)"),
    "module": (torch.nn.Linear(1, 1), "ignore=['value']"),
    "class": (Config, "ignore=['value']"),
    "function": (line_of, "ignore=['value']"),
    "nested": ({"a": [pathlib.PurePosixPath("a")]}, "ignore=['value']"),
}


ACCEPTED = [
    None,
    True,
    1,
    0.5,
    "a",
    b"a",
    1j,
    [1, {"a": (2,)}],
    {1, 2},
    torch.ones(2),
    torch.float32,
    torch.device("cpu"),
]


@pytest.mark.filterwarnings("ignore:Attribute 'value' is an instance of `nn.Module`:UserWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_an_hparam_that_will_not_load_back_is_found(kind, tmp_path):
    value, fix = REFUSED[kind]
    model = Keeps(value)
    finding = the("hparam that will not load back", model)
    assert "weights_only" in finding.what
    assert fix in finding.fix
    assert reloaded(model, tmp_path) == "UnpicklingError"


@pytest.mark.parametrize("value", ACCEPTED, ids=str)
def test_an_hparam_that_loads_back_is_not_found(value, tmp_path):
    assert found(Keeps(value)) == []
    assert reloaded(Keeps(value), tmp_path) == "Keeps"


def reloaded(model: LightningModule, folder: pathlib.Path) -> str:
    """Save and load as a run does; return the class of what comes back, or of the error."""
    trainer = quiet(max_epochs=0)
    trainer.fit(model)
    trainer.save_checkpoint(folder / "a.ckpt")
    try:
        return type(type(model).load_from_checkpoint(folder / "a.ckpt")).__name__
    except Exception as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore:attribute 'value' removed from hparams:UserWarning")
def test_an_hparam_that_cannot_be_pickled_is_found(tmp_path):
    model = Keeps(lambda: 0)
    assert "cannot be pickled" in the("hparam that will not load back", model).what
    assert reloaded(model, tmp_path) == "TypeError", "it was left out, and __init__ asks for it"


def test_hparams_of_the_datamodule_are_looked_at_too():
    class Data(BoringDataModule):
        def __init__(self, folder):
            super().__init__()
            self.save_hyperparameters()

    assert found(BoringModel(), Data(pathlib.PurePosixPath("a"))) == ["hparam that will not load back"]
    assert found(BoringModel(), Data("a")) == []
