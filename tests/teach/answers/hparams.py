"""Answers to the exercises of notebook 05."""

from pathlib import Path

import numpy as np
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from answers import Answers, answers_to

BEST = {"monitor": "accuracy", "mode": "max"}


def two(folder):
    return [ModelCheckpoint(folder / "best", **BEST), ModelCheckpoint(folder / "latest", save_last=True)]


def all_of_them(folder):
    return [ModelCheckpoint(folder, **BEST, save_top_k=-1, save_last=True)]


def by_epoch(folder):
    newest = ModelCheckpoint(folder, monitor="epoch", mode="max", save_last="link")
    return [newest, ModelCheckpoint(folder, filename="best-{epoch}", save_top_k=2, **BEST)]


def side_by_side(folder):
    best = ModelCheckpoint(dirpath=str(folder), filename="best", **BEST)
    return [best, ModelCheckpoint(dirpath=str(folder), every_n_epochs=1, save_last=True)]


def newest_by_name(folder):
    latest = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1, save_last=True)
    return [ModelCheckpoint(folder / "best", **BEST, filename="{epoch}-{accuracy:.2f}"), latest]


def in_a_tuple(folder):
    return tuple(two(folder))


def every_second(folder):
    return [ModelCheckpoint(folder / "best", **BEST), ModelCheckpoint(folder, every_n_epochs=3, save_last=True)]


def as_it_was(folder):
    return [ModelCheckpoint(folder, monitor="accuracy", save_last=True)]


def direction_alone(folder):
    return [ModelCheckpoint(folder, **BEST, save_last=True)]


def last_alone(folder):
    return [ModelCheckpoint(folder, save_last=True)]


def without_last(folder):
    return [ModelCheckpoint(folder, **BEST), ModelCheckpoint(folder / "latest")]


def one(folder):
    return ModelCheckpoint(folder, **BEST, save_last=True)


def misspelled(folder):
    return [ModelCheckpoint(folder, monitor="acc", mode="max", save_last=True)]


@answers_to("check_night")
def night() -> Answers:
    wrong = [
        (as_it_was, "is a low accuracy good"),
        (direction_alone, "begins with epoch 2"),
        (last_alone, "none knows"),
        (without_last, "from the beginning"),
        (one, "no list of callbacks"),
        (in_a_tuple, "no list of callbacks"),
        (every_second, "begins with epoch 3"),
        (misspelled, "MisconfigurationException"),
        (two(Path("folder")), "the function itself"),
    ]
    return Answers([two, all_of_them, by_epoch, side_by_side, newest_by_name, lambda folder: two(folder)], wrong)


class Ignores(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters(ignore="loss_fx")


class IgnoresAList(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.loss_fx = loss_fx
        self.save_hyperparameters(ignore=["loss_fx"], logger=False)
        self.layer = nn.Linear(self.hparams.width, 1)


class DeletesIt(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters()
        del self.hparams["loss_fx"]


class Names(LightningModule):
    def __init__(self, loss_fx, width=16, dropout=0.1):
        super().__init__()
        self.save_hyperparameters("width", "dropout")


class Takes(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters({"width": width, "dropout": dropout})


class WritesItself(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.mine = {"width": width, "dropout": dropout}

    def on_save_checkpoint(self, checkpoint):
        checkpoint["hyper_parameters"] = self.mine


class TakesZeroForNothing(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        dropout = dropout or 0.1
        self.save_hyperparameters("width", "dropout")


class SavesNumPy(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters({"width": width, "dropout": np.float64(dropout)})


class SavesAll(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters()


class SavesSome(LightningModule):
    def __init__(self, loss_fx, width, dropout=0.1):
        super().__init__()
        self.save_hyperparameters("width")


class KeepsForItself(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.width, self.dropout = width, dropout


class SavesDefault(LightningModule):
    def __init__(self, loss_fx, width, dropout):
        super().__init__()
        self.save_hyperparameters({"width": width, "dropout": 0.1})


class OtherOrder(LightningModule):
    def __init__(self, width, dropout):
        super().__init__()
        self.save_hyperparameters()


@answers_to("check_remembers")
def remembers() -> Answers:
    wrong = [
        (SavesAll, "loss is among"),
        (SavesSome, "dropout is not among"),
        (KeepsForItself, "width is not among"),
        (SavesDefault, "not the values"),
        (OtherOrder, "TypeError"),
        (TakesZeroForNothing, "with dropout=0"),
        (SavesNumPy, "not plain"),
    ]
    return Answers([Ignores, IgnoresAList, DeletesIt, Names, Takes, WritesItself], wrong)


class HasState(Callback):
    def __init__(self):
        self.batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches += 1

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state_dict):
        self.batches = state_dict["batches"]


class WritesIntoTheFile(HasState):
    state_dict, load_state_dict = Callback.state_dict, Callback.load_state_dict

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint["batches_so_far"] = self.batches

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        self.batches = checkpoint["batches_so_far"]


class AsksTheTrainer(Callback):
    batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches = trainer.current_epoch * trainer.num_training_batches + batch_idx + 1


class AsksTheLoop(Callback):
    batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1


class CountsAtStart(HasState):
    on_train_batch_end = Callback.on_train_batch_end

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches += 1

    def load_state_dict(self, state_dict):
        self.__dict__.update(state_dict)


class CountsInTheEpoch(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches = batch_idx + 1


class Forgets(HasState):
    state_dict, load_state_dict = Callback.state_dict, Callback.load_state_dict


class ReadsNothing(HasState):
    load_state_dict = Callback.load_state_dict


class SharesItsCount(Callback):
    batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        type(self).batches += 1


class CountsSteps(Callback):
    batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches = trainer.global_step


class CountsEpochs(Callback):
    batches = 0

    def on_train_epoch_end(self, trainer, pl_module):
        self.batches += 1


class StepsTimesTwo(Callback):
    batches = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches = trainer.global_step * trainer.accumulate_grad_batches


class StartsAnew(HasState):
    def on_train_start(self, trainer, pl_module):
        self.batches = 0


class AddsTwice(HasState):
    def load_state_dict(self, state_dict):
        self.batches = 2 * state_dict["batches"]


class NumPyState(HasState):
    def state_dict(self):
        return {"batches": np.int64(self.batches)}


@answers_to("check_counts_on")
def counts_on() -> Answers:
    wrong = [
        (Forgets, "starts at 0"),
        (ReadsNothing, "nobody reads it"),
        (SharesItsCount, "all others know"),
        (CountsSteps, "optimizer steps"),
        (CountsEpochs, "counted as 2"),
        (AddsTwice, "counted as 25"),
        (CountsInTheEpoch, "10 batches, without any break, is counted as 5"),
        (StepsTimesTwo, "counted as 12"),
        (StartsAnew, "when training starts"),
        (NumPyState, "no plain value"),
        (Callback, "no number named batches"),
        (HasState(), "the class itself"),
    ]
    return Answers([HasState, WritesIntoTheFile, AsksTheTrainer, AsksTheLoop, CountsAtStart], wrong)
