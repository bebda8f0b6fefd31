"""What the tests of `diagnose` share: a Trainer that writes nothing, and small models and data."""

import pathlib

import pytest
import torch
from pytorch_lightning import Callback, LightningDataModule, Trainer
from pytorch_lightning.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

from mldrl_lite.trainer.diagnosis import Finding, diagnose

# What Lightning says of any small run.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def quiet(**arguments) -> Trainer:
    """Return a Trainer on the CPU that writes nothing, unless `arguments` say so."""
    silent = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    limits = {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1, "limit_test_batches": 1}
    return Trainer(accelerator="cpu", devices=1, **{**silent, **limits, **arguments})


def found(*objects) -> list[str]:
    return [finding.rule for finding in diagnose(*objects)]


def the(rule: str, *objects) -> Finding:
    """Return the one finding, which has to be of this rule."""
    findings = diagnose(*objects)
    assert [finding.rule for finding in findings] == [rule]
    return findings[0]


def line_of(text: str) -> str:
    """Return `file:line` of the first line of this room's tests that starts with `text`."""
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if line.strip().startswith(text):
                return f"{path.name}:{number}"
    raise AssertionError(text)


def with_methods(base: type, *names: str, ran: list[str] | None = None) -> type:
    """Return a subclass with methods that note that they ran."""

    def method(name):
        def note(self, *args, **kwargs):
            (ran if ran is not None else []).append(name)

        note.__qualname__ = f"Own.{name}"
        return note

    return type("Own", (base,), {name: method(name) for name in names})


class Misspelled(BoringModel):
    def on_train_epoch_ends(self):
        """Do it at the end of an epoch."""


class Spelled(BoringModel):
    def on_train_epoch_end(self):
        """Do it at the end of an epoch."""


def as_objects(own) -> tuple:
    """Return what to give to diagnose so that `own` is in it."""
    if isinstance(own, LightningDataModule):
        return BoringModel(), own
    return (BoringModel(), None, quiet(callbacks=[own])) if isinstance(own, Callback) else (own,)


class Logging(BoringModel):
    """Logs `val_loss`, as the subclasses do in their own ways."""

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.step(batch))


class LogsToo(Callback):
    def on_validation_epoch_end(self, trainer, module):
        module.log("score", 1.0)


class LogsSteps(BoringModel):
    def training_step(self, batch, batch_idx):
        loss = self.step(batch)
        self.log("train_loss", loss)
        return loss


ROWS = torch.arange(320.0).reshape(10, 32)


class Splits(LightningDataModule):
    """Splits ten samples anew at every setup, with the global generator."""

    def __init__(self, rows=ROWS):
        super().__init__()
        self.rows = rows

    def setup(self, stage):
        self.parts = random_split(Rows(self.rows), [0.6, 0.2, 0.2])

    def train_dataloader(self):
        return DataLoader(self.parts[0])

    def val_dataloader(self):
        return DataLoader(self.parts[1])

    def test_dataloader(self):
        return DataLoader(self.parts[2])


class Seeded(Splits):
    def setup(self, stage):
        self.parts = random_split(TensorDataset(self.rows), [0.6, 0.2, 0.2], torch.Generator().manual_seed(0))


class Rows(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]
