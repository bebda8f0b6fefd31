"""Answers to the exercises of notebook 00."""

from functools import cache

import numpy as np
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import nn
from torch.nn.functional import cross_entropy

from answers import Answers, answers_to, quiet_trainer
from mldrl_lite.datamodule import TCPDataModule


@cache
def wdbc() -> TCPDataModule:
    module = TCPDataModule("WDBC")
    module.setup()
    return module


@answers_to("check_sample_count")
def sample_count() -> Answers:
    n_samples, train = len(wdbc().samples.labels), len(wdbc().parts["train"])
    wrong = [
        (train, "one part alone"),
        (len(wdbc().parts["test"]), "one part alone"),
        (sum(wdbc().in_dim), "number of features"),
        (str(n_samples), "give a number"),
        ((train, n_samples - train), "give a number"),
        (2, "the line that says 'samples:'"),
    ]
    right = [n_samples, sum(map(len, wdbc().parts.values())), np.array([n_samples]), float(n_samples)]
    return Answers(right, wrong, {"datamodule": wdbc()})


@answers_to("check_steps_per_epoch")
def steps_per_epoch() -> Answers:
    n = len(wdbc().parts["train"])
    right = [-(-n // 32), len(wdbc().train_dataloader()), float(-(-n // 32))]
    wrong = [(n, "per batch"), (n // 32, "left over"), (n / 32, "a part of one"), (n + 7, "how many batches")]
    return Answers(right, wrong, {"datamodule": wdbc()})


@answers_to("check_trainer")
def trainer() -> Answers:
    right = [
        quiet_trainer(max_epochs=5),
        Trainer(max_epochs=5, logger=False, min_epochs=1),
        Trainer(max_epochs=5, logger=[]),
    ]
    wrong = [
        (quiet_trainer(max_epochs=3), "max_epochs=3"),
        (Trainer(max_epochs=5), "still has a logger"),
        (Trainer(max_epochs=5, logger=None), "still has a logger"),
        (Trainer(logger=False), "max_epochs=None"),
        ({"max_epochs": 5, "logger": False}, "of type dict"),
        (Trainer(max_epochs=5, max_steps=5, logger=False), "also counts steps"),
        (Trainer, "give the object"),
        (5, "of type int"),
    ]
    return Answers(right, wrong, {"max_epochs": 5})


class Learns(LightningModule):
    """Right; the wrong answers below each have one fault."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def training_step(self, batch, batch_idx):
        return cross_entropy(self.layer(batch[0]), batch[1])

    def predict_step(self, batch, batch_idx):
        return self.layer(batch[0]).argmax(dim=1)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class ReturnsADictionary(Learns):
    def training_step(self, batch, batch_idx):
        return {"loss": super().training_step(batch, batch_idx)}


class LearnsWithTwoLayers(Learns):
    def __init__(self):
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


class ReturnsNothing(Learns):
    def training_step(self, batch, batch_idx):
        super().training_step(batch, batch_idx)


class LearnsSlowly(Learns):
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-7)


class LearnsAtTheDefaultRate(Learns):
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


class LearnsByPlainDescent(Learns):
    def configure_optimizers(self):
        return {"optimizer": torch.optim.SGD(self.parameters(), lr=0.1)}


class LearnsStillTooSlowly(Learns):
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-4)


class LearnsNothing(ReturnsNothing, LearnsSlowly):
    """As it is handed out."""


class HasNoOptimizer(Learns):
    def configure_optimizers(self):
        return None


class ForgetsItsBase(Learns):
    def __init__(self):
        self.layer = nn.Linear(64, 10)


@answers_to("check_mended_classifier")
def mended_classifier() -> Answers:
    wrong = [
        (LearnsNothing, "moves no weight"),
        (ReturnsNothing, "get back from training_step"),
        (LearnsSlowly, "how far does one step go"),
        (LearnsStillTooSlowly, "how far does one step go"),
        (HasNoOptimizer, "moves no weight"),
        (ForgetsItsBase, "AttributeError"),
        (Learns(), "give the class itself"),
        (nn.Linear, "LightningModule"),
    ]
    right = [Learns, LearnsWithTwoLayers, ReturnsADictionary, LearnsAtTheDefaultRate, LearnsByPlainDescent]
    return Answers(right, wrong)
