"""Answers to the exercises of notebook 01."""

import numpy as np
import torch
from pytorch_lightning import LightningDataModule, seed_everything
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

from answers import Answers, answers_to


@answers_to("check_call_counts")
def call_counts() -> Answers:
    wrong = [((4, 1), "other way round"), ((4, 4), "at once"), ((1, 1), "no process can see"), ((2, 3), "diary")]
    wrong += [(5, "two numbers"), ((1.0, 4.0), "whole numbers"), ({"prepare_data": 1, "setup": 4}, "two numbers")]
    return Answers([(1, 4), [1, 4], (np.int64(1), np.int64(4))], wrong, {"n_processes": 4})


class Leaky(LightningDataModule):
    """The module of the notebook without two of its mistakes; each answer mends the third in its own way."""

    def __init__(self, samples, batch_size):
        super().__init__()
        self.rows = [([view[i] for view in samples.views], y) for i, y in enumerate(samples.labels)]
        self.labels, self.batch_size = samples.labels, batch_size

    def setup(self, stage):
        self.train, self.val, self.test = random_split(self.rows, [0.8, 0.1, 0.1])

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.test, self.batch_size)


class OwnGenerator(Leaky):
    def setup(self, stage):
        own = torch.Generator().manual_seed(0)
        self.train, self.val, self.test = random_split(self.rows, [0.8, 0.1, 0.1], generator=own)


class EveryTenth(Leaky):
    def setup(self, stage):
        tenth = np.arange(len(self.rows)) % 10
        parts = (tenth < 8, tenth == 8, tenth == 9)
        self.train, self.val, self.test = (Subset(self.rows, np.flatnonzero(part).tolist()) for part in parts)


class Stratified(Leaky):
    def __init__(self, samples, batch_size):
        super().__init__(samples, batch_size)
        places = list(range(len(self.rows)))
        train, rest = train_test_split(places, train_size=0.8, stratify=self.labels, random_state=3)
        val, test = train_test_split(rest, train_size=0.5, random_state=3)
        self.train, self.val, self.test = (Subset(self.rows, part) for part in (train, val, test))

    def setup(self, stage):
        pass


class SeedsEverything(Leaky):
    def setup(self, stage):
        torch.manual_seed(0)
        super().setup(stage)


class SeedsNumpy(Leaky):
    def setup(self, stage):
        np.random.seed(0)
        order = np.random.permutation(len(self.rows)).tolist()
        self.train, self.val, self.test = (Subset(self.rows, part) for part in (order[:40], order[40:45], order[45:]))


class SeedsWhenMade(EveryTenth):
    def __init__(self, samples, batch_size):
        super().__init__(samples, batch_size)
        seed_everything(0)


class SeedsAndPutsBack(Leaky):
    def setup(self, stage):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().setup(stage)


class ByScikitLearn(Leaky):
    def setup(self, stage):
        self.train, rest = train_test_split(self.rows, test_size=0.2, random_state=0)
        self.val, self.test = train_test_split(rest, test_size=0.5, random_state=0)


class SplitsWhenMade(OwnGenerator):
    def __init__(self, samples, batch_size):
        super().__init__(samples, batch_size)
        OwnGenerator.setup(self, None)

    def setup(self, stage):
        pass


class FromAFile(Leaky):
    def prepare_data(self):
        own = torch.Generator().manual_seed(0)
        torch.save(torch.randperm(len(self.rows), generator=own), "order.pt")

    def setup(self, stage):
        order = torch.load("order.pt").tolist()
        self.train, self.val, self.test = (Subset(self.rows, part) for part in (order[:40], order[40:45], order[45:]))


class PreparesOnSelf(Leaky):
    def prepare_data(self):
        self.order = list(range(len(self.rows)))

    def setup(self, stage):
        places = self.order[:40], self.order[40:45], self.order[45:]
        self.train, self.val, self.test = (Subset(self.rows, part) for part in places)


class OnlyOnce(Leaky):
    def setup(self, stage):
        if not hasattr(self, "train"):
            super().setup(stage)


class OnlyForFit(Leaky):
    def setup(self, stage):
        if stage == "fit":
            OwnGenerator.setup(self, stage)


class StageAsSeed(Leaky):
    def setup(self, stage):
        own = torch.Generator().manual_seed(len(stage))
        self.train, self.val, self.test = random_split(self.rows, [0.8, 0.1, 0.1], generator=own)


class TestsOnTrain(Leaky):
    def setup(self, stage):
        OwnGenerator.setup(self, stage)
        self.test = self.train


class TheColleagues(LightningDataModule):
    """The module of the notebook as it stands there."""

    def __init__(self, samples, batch_size):
        super().__init__()
        self.samples, self.batch_size = samples, batch_size

    def prepare_data(self):
        views, labels = self.samples.views, self.samples.labels
        self.rows = [([view[i] for view in views], y) for i, y in enumerate(labels)]

    def setup(self, stage):
        self.train, self.val, self.test = random_split(self.rows, [0.8, 0.1, 0.1])

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size)

    def val_dataloader(self):
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.test, self.batch_size)


class Mended(TheColleagues):
    def prepare_data(self):
        pass

    def setup(self, stage):
        super().prepare_data()
        OwnGenerator.setup(self, stage)

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, shuffle=True)


class StillLeaks(Mended):
    def setup(self, stage):
        TheColleagues.prepare_data(self)
        TheColleagues.setup(self, stage)


class StillPrepares(Mended):
    def prepare_data(self):
        TheColleagues.prepare_data(self)

    def setup(self, stage):
        OwnGenerator.setup(self, stage)


class StillInOrder(Mended):
    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size)


class OneOrderForAllEpochs(Mended):
    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, sampler=np.random.default_rng(0).permutation(len(self.train)))


class LosesTheLastBatch(Mended):
    def test_dataloader(self):
        return DataLoader(self.test, 4, drop_last=True)


@answers_to("check_mended_module")
def mended_module() -> Answers:
    wrong = [
        (TheColleagues, "in one process alone"),
        (StillPrepares, "in one process alone"),
        (StillLeaks, "had been in train"),
        (StillInOrder, "in the same order"),
        (OneOrderForAllEpochs, "in the same order"),
        (LosesTheLastBatch, "exactly one part"),
        (Leaky, "had been in train"),
        (SeedsEverything, "a source of its own"),
        (SeedsNumpy, "a source of its own"),
        (SeedsWhenMade, "a source of its own"),
        (OnlyOnce, "a module made anew"),
        (OnlyForFit, "a test may come first"),
        (PreparesOnSelf, "in one process alone"),
        (StageAsSeed, "had been in train"),
        (TestsOnTrain, "had been in train"),
        (OwnGenerator.setup, "give the class itself"),
    ]
    right = [Mended, OwnGenerator, EveryTenth, Stratified, FromAFile]
    return Answers([*right, SeedsAndPutsBack, ByScikitLearn, SplitsWhenMade], wrong)


def by_hand(view, train):
    low, high = view[train].min(axis=0), view[train].max(axis=0)
    return (view - low) / (high - low)


def by_scikit_learn(view, train):
    return MinMaxScaler().fit(view[train]).transform(view)


def by_loop(view, train):
    columns = []
    for column in view.T:
        known = sorted(column[train])
        columns.append([(value - known[0]) / (known[-1] - known[0]) for value in column])
    return np.array(columns).T


def in_place(view, train):
    lowest = np.amin(view[train, :], axis=0, keepdims=True)
    view -= lowest
    view /= np.ptp(view[train], axis=0)
    return view


def by_parts(view, train):
    test = np.setdiff1d(np.arange(len(view)), train)
    scaled = by_scikit_learn(view, train)
    scaled[test] = MinMaxScaler().fit_transform(view[test])
    return scaled


def sorted_rows(view, train):
    test = np.setdiff1d(np.arange(len(view)), train)
    return np.concatenate([by_hand(view, train)[train], by_hand(view, train)[test]])


@answers_to("check_scaling")
def scaling() -> Answers:
    wrong = [
        (lambda view, train: MinMaxScaler().fit_transform(view), "that is the leak"),
        (lambda view, train: by_hand(view, train).clip(0, 1), "cut off"),
        (by_parts, "limits of their own"),
        (lambda view, train: by_hand(view, train)[train], "return all rows"),
        (lambda view, train: (view - view[train].min()) / np.ptp(view[train]), "each single feature"),
        (lambda view, train: (view - view[train].mean(axis=0)) / view[train].std(axis=0), "from 0 to 1"),
        (lambda view, train: by_hand(view, train)[train[0]], "return all rows"),
        (sorted_rows, "changed their order"),
        (lambda view, train: by_scikit_learn(view, train) ** 2, "but otherwise"),
        (in_place, "others use that array"),
    ]
    return Answers([by_hand, by_scikit_learn, by_loop, lambda view, train: in_place(view.copy(), train)], wrong)


class Table(LightningDataModule):
    """Right; most of those below have one fault."""

    def __init__(self, table, labels, batch_size):
        super().__init__()
        self.samples = list(zip(table, labels, strict=True))
        self.batch_size = batch_size

    def setup(self, stage):
        own = torch.Generator().manual_seed(7)
        self.train, self.val, self.test = random_split(self.samples, [0.8, 0.1, 0.1], generator=own)

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.test, self.batch_size)


class TableOfTensors(Table):
    def __init__(self, table, labels, batch_size):
        super().__init__(table, labels, batch_size)
        self.samples = TensorDataset(torch.from_numpy(table).double(), torch.from_numpy(labels))


class TableByScikitLearn(Table):
    def setup(self, stage=None):
        self.train, rest = train_test_split(self.samples, train_size=0.8, random_state=1)
        self.val, self.test = train_test_split(rest, train_size=0.5, random_state=1)


class TableByPermutation(Table):
    def setup(self, stage):
        order = np.random.default_rng(3).permutation(n := len(self.samples))
        parts = np.split(order, [n * 8 // 10, n * 9 // 10])
        self.train, self.val, self.test = ([self.samples[i] for i in part] for part in parts)


class LeakyTable(Table):
    def setup(self, stage):
        self.train, self.val, self.test = random_split(self.samples, [0.8, 0.1, 0.1])


class SeededTable(LeakyTable):
    def setup(self, stage):
        torch.manual_seed(0)
        super().setup(stage)


class TableInOrder(Table):
    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size)


class TableOfRows(Table):
    def __init__(self, table, labels, batch_size):
        super().__init__(table, labels, batch_size)
        self.samples = list(table)


class TableOfOthersLabels(Table):
    def __init__(self, table, labels, batch_size):
        super().__init__(table, labels[::-1].copy(), batch_size)


class TableOfColumns(Table):
    def __init__(self, table, labels, batch_size):
        super().__init__(table, labels[:, None], batch_size)


class HalfATable(Table):
    def setup(self, stage):
        own = torch.Generator().manual_seed(0)
        self.train, self.val, self.test = random_split(self.samples, [0.5, 0.25, 0.25], generator=own)


class TableOneByOne(Table):
    def train_dataloader(self):
        return DataLoader(self.train, shuffle=True)


class TableWithoutStage(Table):
    def setup(self):
        super().setup("fit")


class TableWithoutTest(Table):
    test_dataloader = LightningDataModule.test_dataloader


class PreparesATable(Table):
    def prepare_data(self):
        super().setup("fit")

    def setup(self, stage):
        pass


@answers_to("check_table_module")
def table_module() -> Answers:
    wrong = [
        (LeakyTable, "had been in train"),
        (SeededTable, "a source of its own"),
        (TableInOrder, "in the same order"),
        (TableOfRows, "is no pair"),
        (TableOfOthersLabels, "beside the labels of others"),
        (TableOfColumns, "one number for each sample"),
        (HalfATable, "eight tenths"),
        (TableOneByOne, "batches of 8"),
        (TableWithoutStage, "raised TypeError"),
        (TableWithoutTest, "a test may come first"),
        (PreparesATable, "in one process alone"),
        (Table.setup, "give the class itself"),
    ]
    return Answers([Table, TableOfTensors, TableByScikitLearn, TableByPermutation], wrong)
