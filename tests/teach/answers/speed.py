"""Answers to the exercises of notebook 08."""

from functools import cached_property

import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import Dataset

from answers import Answers, answers_to


def every_second(folder):
    best = ModelCheckpoint(monitor="val_loss", every_n_epochs=2)
    return {"logger": CSVLogger(folder), "callbacks": [best], "log_every_n_steps": 10}


def once(folder):
    best = ModelCheckpoint(folder, monitor="val_loss", every_n_epochs=4, save_weights_only=True)
    return {"logger": TensorBoardLogger(folder), "callbacks": best, "num_sanity_val_steps": 0}


def by_root(folder):
    callbacks = [ModelCheckpoint(monitor="val_loss", every_n_epochs=2), TQDMProgressBar(refresh_rate=10)]
    return {"default_root_dir": folder, "callbacks": callbacks, "log_every_n_steps": 20, "max_epochs": 6}


def weights_of_best(folder):
    logger = CSVLogger(save_dir=folder, name="lean")
    best = ModelCheckpoint(dirpath=folder, filename="best", monitor="val_loss", mode="min", save_weights_only=True)
    return dict(logger=logger, callbacks=[best, TQDMProgressBar()], log_every_n_steps=50)  # noqa: C408


def best_and_last(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss", save_last=True)]}


def highest(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss", mode="max")]}


def stops_early(folder):
    callbacks = [ModelCheckpoint(monitor="val_loss"), EarlyStopping("val_loss", patience=1)]
    return every_second(folder) | {"callbacks": callbacks}


def every_better_one(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss")]}


def every_epoch(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss", save_top_k=-1)]}


def weights_of_every_epoch(folder):
    every = ModelCheckpoint(monitor="val_loss", save_top_k=-1, save_weights_only=True)
    return every_second(folder) | {"callbacks": [every]}


def no_monitor(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint()]}


def latest(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(every_n_epochs=2)]}


def every_third(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss", every_n_epochs=3)]}


@answers_to("check_lean_run")
def lean_run() -> Answers:
    wrong = [
        (lambda folder: every_second(folder) | {"log_every_n_steps": 1}, "spaces the losses"),
        (every_epoch, "better than all before"),
        (weights_of_every_epoch, "better than all before"),
        (no_monitor, "always the latest"),
        (latest, "which is best"),
        (every_third, "passed over"),
        (best_and_last, "better than all before"),
        (highest, "taken for a worse one"),
        (stops_early, "after each of the epochs"),
        (lambda folder: every_second(folder) | {"logger": True}, "outside the folder"),
        (lambda folder: every_second(folder) | {"logger": False, "default_root_dir": folder}, "no logger"),
        (lambda folder: every_second(folder) | {"enable_progress_bar": False}, "no progress bar"),
        (lambda folder: every_second(folder) | {"check_val_every_n_epoch": 2}, "after each of the epochs"),
        (every_second("."), "takes a folder"),
    ]
    return Answers([every_better_one, every_second, once, by_root, weights_of_best], wrong)


class Scaled(Dataset):
    def __init__(self, features):
        self.features = self.scale(features)

    def scale(self, features):
        low, high = features.amin(0), features.amax(0)
        return (features - low) / (high - low)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


class LimitsOnce(Scaled):
    def scale(self, features):
        self.low, self.high = features.min(dim=0).values, features.max(dim=0).values
        return features

    def __getitem__(self, index):
        return (self.features[index] - self.low) / (self.high - self.low)


class Lazy(Scaled):
    scaled = None

    def scale(self, features):
        return features

    def __getitem__(self, index):
        if self.scaled is None:
            self.scaled = Scaled(self.features).features
        return self.scaled[index]


class Cached(Scaled):
    def scale(self, features):
        return features

    @cached_property
    def limits(self):
        return self.features.amin(0), self.features.amax(0)

    def __getitem__(self, index):
        low, high = self.limits
        return (self.features[index] - low) / (high - low).clamp(min=1e-8)


class EachTime(LimitsOnce):
    def scale(self, features):
        return features

    def __getitem__(self, index):
        return Scaled(self.features)[index]


class Unscaled(Scaled):
    def scale(self, features):
        return features


class OfOneNumber(Scaled):
    def scale(self, features):
        return (features - features.min()) / (features.max() - features.min())


class InPlace(Scaled):
    def scale(self, features):
        return features.sub_(features.amin(0)).div_(features.amax(0))


class OneShort(Scaled):
    def __len__(self):
        return len(self.features) - 1


class Endless(Scaled):
    def __init__(self):
        super().__init__(torch.rand(3, 3))


@answers_to("check_quick_samples")
def quick_samples() -> Answers:
    wrong = [
        (EachTime, "whenever one is asked for"),
        (Unscaled, "not what it was"),
        (OfOneNumber, "not what it was"),
        (OneShort, "len() says 19"),
        (InPlace, "in place"),
        (Endless, "TypeError"),
        (Scaled(torch.rand(3, 3)), "class"),
    ]
    return Answers([Scaled, LimitsOnce, Lazy, Cached], wrong)
