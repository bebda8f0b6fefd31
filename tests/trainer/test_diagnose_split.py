"""`diagnose`: splits that depend on the stages."""

import random
import re

import numpy as np
import pandas as pd
import pytest
import torch
from diagnosing import Rows, Seeded, Splits, found, line_of, own_folder, pytestmark, quiet  # noqa: F401
from pytorch_lightning import LightningDataModule
from pytorch_lightning.demos.boring_classes import BoringModel
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader, Dataset, Subset, SubsetRandomSampler, TensorDataset, random_split

from mldrl_lite.trainer.diagnosis import diagnose


class Once(Splits):
    def setup(self, stage):
        if not hasattr(self, "parts"):
            super().setup(stage)


class AtFirst(Splits):
    def __init__(self):
        super().__init__()
        super().setup(None)

    def setup(self, stage):
        """Have nothing left to do."""


class ByStage(Splits):
    """The test part comes from elsewhere; fit shuffles what is left, which is its own business."""

    def setup(self, stage):
        if stage == "fit":
            self.parts = random_split(TensorDataset(self.rows), [8, 2])
        if stage == "test":
            self.parts = [None, None, TensorDataset(self.rows + 1000)]


class Numpy(Splits):
    def setup(self, stage):
        order = np.random.permutation(10)
        self.parts = [Subset(Table(), order[:6]), Subset(Table(), order[6:8]), Subset(Table(), order[8:])]


class Shuffled(Splits):
    def setup(self, stage):
        rows = self.rows.tolist()
        random.shuffle(rows)
        self.parts = [Rows(rows[:6]), Rows(rows[6:8]), Rows(rows[8:])]


class Sampled(Splits):
    def setup(self, stage):
        self.order = torch.randperm(10)

    def _part(self, start, end):
        return DataLoader(TensorDataset(self.rows), sampler=SubsetRandomSampler(self.order[start:end]))

    def train_dataloader(self):
        return self._part(0, 6)

    def val_dataloader(self):
        return [self._part(6, 8)]

    def test_dataloader(self):
        return self._part(8, 10)


class Frame(Splits):
    def setup(self, stage):
        frame = pd.DataFrame(self.rows.numpy()).sample(frac=1)
        self.parts = [Rows(frame[:6]), Rows(frame[6:8]), Rows(frame[8:])]


class Table(Dataset):
    """A dataset that shows nothing of what it holds."""

    def __len__(self):
        return 10


class Files(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)


class Paths(Splits):
    def setup(self, stage):
        order = torch.randperm(10).tolist()
        samples = [(f"{i}.png", i % 2) for i in order]
        self.parts = [Files(samples[:6]), Files(samples[6:8]), Files(samples[8:])]


@pytest.mark.parametrize("cls", [Splits, Numpy, Shuffled, Sampled, Frame, Paths])
def test_a_split_that_depends_on_the_stages_is_found(cls):
    findings = diagnose(BoringModel(), cls())
    assert {finding.rule for finding in findings} == {"split that depends on the stages"}
    assert f"part of {cls.__name__} is another after setup('fit')" in findings[0].what


def test_such_a_split_leaks():
    data = Splits(torch.arange(3200.0).reshape(100, 32))
    test, val = diagnose(BoringModel(), data)
    for finding, part in ((test, "test"), (val, "val")):
        assert re.search(rf"The {part} part .* [1-9]\d* of its 20 samples are among those", finding.what)
    data.setup("fit")
    train = set(data.parts[0].indices)
    data.setup("test")
    assert train & set(data.parts[2].indices)


def test_the_finding_points_at_setup():
    finding = diagnose(BoringModel(), Splits())[0]
    assert finding.where.endswith(line_of("def setup(self, stage):"))


@pytest.mark.parametrize("cls", [Seeded, Once, AtFirst, ByStage])
def test_a_split_that_stays_is_not_found(cls):
    assert found(BoringModel(), cls()) == []


class Fails(Splits):
    def setup(self, stage):
        raise FileNotFoundError("not downloaded yet")


class Uncopyable(Splits):
    def __deepcopy__(self, memo):
        raise TypeError("cannot pickle '_io.TextIOWrapper' object")


class Unsized(Splits):
    def test_dataloader(self):
        return "no loader"

    def val_dataloader(self):
        return DataLoader(Rows(iter([])))


class WithoutStage(LightningDataModule):
    """Has loaders and nothing to set up."""


@pytest.mark.parametrize("cls", [Fails, Uncopyable, Unsized, WithoutStage])
def test_what_cannot_be_tried_is_not_found(cls):
    assert found(BoringModel(), cls(), quiet(logger=CSVLogger("logs"))) == []
