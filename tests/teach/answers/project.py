"""Answers to the exercises of notebook 11."""

import atexit
import json
import tempfile
from functools import cache
from pathlib import Path

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.utils.data import DataLoader, TensorDataset

from answers import OFF, Answers, answers_to
from mldrl_lite.teach.project.making import make_project


def trained(network, inputs, labels, steps=300, lr=1e-2):
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = cross_entropy(network(inputs), labels)
        loss.backward()
        optimizer.step()
    return loss.item()


def loss_of(network, inputs, labels):
    with torch.no_grad():
        return cross_entropy(network.eval()(inputs), labels).item()


def by_loop(network, inputs, labels):
    trained(network, inputs, labels)
    return loss_of(network, inputs, labels) < 0.1


class Wrapped(LightningModule):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def training_step(self, batch, batch_idx):
        return cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def by_trainer(network, inputs, labels):
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=len(labels))
    Trainer(max_epochs=200, accelerator="cpu", **OFF).fit(Wrapped(network), loader)
    return loss_of(network, inputs, labels) < 0.3


def by_probability(network, inputs, labels):
    trained(network, inputs, labels, steps=500, lr=5e-3)
    network.eval()
    with torch.no_grad():
        true = network(inputs).softmax(dim=1)[torch.arange(len(labels)), labels]
    return true.min() > 0.5


def by_falling(network, inputs, labels):
    before = loss_of(network, inputs, labels)
    network.train()
    trained(network, inputs, labels)
    return loss_of(network, inputs, labels) < 0.8 * before


def in_training_mode(network, inputs, labels):
    return trained(network, inputs, labels) < 0.02


@answers_to("check_learns_by_heart")
def learns_by_heart() -> Answers:
    wrong = [
        (lambda network, inputs, labels: True, "the same answer"),
        (lambda network, inputs, labels: False, "turned down; does it get enough steps"),
        (lambda *given: trained(*given, steps=5) < 0.1, "enough steps"),
        (by_falling, "near 0"),
        (in_training_mode, "needs more steps, or is judged in training mode"),
        (lambda *given: print, "True or False is wanted"),
        (loss_of, "it returns float; True or False is wanted"),
        (lambda *given: trained(*given) and None, "returns nothing"),
        (lambda network: True, "TypeError"),
        (Wrapped, "give the function itself"),
    ]
    return Answers([by_loop, by_trainer, by_probability], wrong)


class Mended(LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images):
        return self.layers(images.flatten(1))

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", cross_entropy(self(batch[0]), batch[1]))

    def configure_callbacks(self):
        return ModelCheckpoint(monitor="val_loss")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


class Normed(Mended):
    def forward(self, images):
        images = images.flatten(1)
        return self.layers(3 * normalize(images - images.mean(dim=1, keepdim=True)))

    def configure_callbacks(self):
        return [ModelCheckpoint(monitor="val_loss", mode="min", save_top_k=2)]


class ByAccuracy(Mended):
    def validation_step(self, batch, batch_idx):
        self.log("val_accuracy", (self(batch[0]).argmax(dim=1) == batch[1]).float().mean())

    def configure_callbacks(self):
        return ModelCheckpoint(monitor="val_accuracy", mode="max")


class ByError(Mended):
    def validation_step(self, batch, batch_idx):
        self.log("val_error", (self(batch[0]).argmax(dim=1) != batch[1]).float().mean())

    def configure_callbacks(self):
        return ModelCheckpoint(monitor="val_error", mode="min")


class TwoSoftmaxes(Mended):
    def forward(self, images):
        return super().forward(images).softmax(dim=1)


class OfNeighbours(Mended):
    def forward(self, images):
        return super().forward(images - images.mean(dim=0))


class KeepsTheWorst(Mended):
    def configure_callbacks(self):
        return ModelCheckpoint(monitor="val_loss", mode="max")


class KeepsTheLast(Mended):
    def configure_callbacks(self):
        return ModelCheckpoint()


class Crashes(Mended):
    def forward(self, images):
        return self.layers(images)


@answers_to("check_mended_project")
def mended_project() -> Answers:
    wrong = [
        (TwoSoftmaxes, "cross_entropy expect"),
        (OfNeighbours, "an image alone"),
        (KeepsTheWorst, "does not keep the best epoch"),
        (KeepsTheLast, "no callback of it keeps"),
        (Crashes, "RuntimeError"),
        (Mended(), "give the class itself"),
    ]
    return Answers([Mended, Normed, ByAccuracy, ByError], wrong)


PLACE = tempfile.TemporaryDirectory()
atexit.register(PLACE.cleanup)
CHANGES = {
    "samples.py": {"load_breast_cancer": "load_wine", '["malignant", "benign"]': '["a", "b", "c"]'},
    "network.py": {
        "BatchNorm1d(30)": "BatchNorm1d(13)",
        "Linear(30,": "Linear(13,",
        "Linear(width, 2)": "Linear(width, 3)",
    },
}
REPEATS = {
    "score": "accuracy",
    "samples": {"a": 59, "b": 71, "c": 48},
    "runs": [{"the network": reached} for reached in (0.972, 1.0, 0.972)],
}


@cache
def wine(name: str = "wine") -> Path:
    """The worked example."""
    folder = Path(PLACE.name, name)
    make_project(folder, "table")
    for file, changes in CHANGES.items():
        text = (folder / file).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text("# wine\n\nWho made a wine? Mean accuracy: 0.981.\n", encoding="utf-8")
    (folder / "repeats.json").write_text(json.dumps(REPEATS), encoding="utf-8")
    return folder


@cache
def untold() -> Path:
    """The worked example with the README of a new project."""
    folder = wine("untold")
    new = Path(PLACE.name, "new")
    make_project(new, "table")
    (new / "README.md").replace(folder / "README.md")
    return folder


@cache
def retouched() -> Path:
    """A new project with another blank line, another docstring and another SCORE in samples.py."""
    folder = Path(PLACE.name, "retouched")
    make_project(folder, "table")
    text = (folder / "samples.py").read_text(encoding="utf-8")
    text = text.replace("Return all inputs", "Return my inputs").replace(
        'SCORE = "accuracy"', 'SCORE = "balanced_accuracy"\n'
    )
    (folder / "samples.py").write_text(text, encoding="utf-8")
    return folder


def template() -> Path:
    folder = Path(PLACE.name, "template")
    if not folder.exists():
        make_project(folder, "text")
    return folder


@answers_to("check_my_project")
def my_project() -> Answers:
    wrong = [
        (template(), "still those that it was made with"),
        (retouched(), "still those that it was made with"),
        (untold(), "its README still tells"),
        (Path(PLACE.name, "nowhere"), "no samples.py"),
        (3, "as a text or a path"),
    ]
    return Answers([wine(), str(wine()), Path(f"{wine()}/.")], wrong)
