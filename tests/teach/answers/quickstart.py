"""Answers to the exercises of notebook 00."""

from functools import cache

import numpy as np
from pytorch_lightning import Callback, Trainer

from answers import Answers, answers_to, quiet_trainer
from mldrl_lite.callbacks import PrintingCallback
from mldrl_lite.datamodule import TCPDataModule


@cache
def wdbc() -> TCPDataModule:
    module = TCPDataModule("WDBC")
    module.setup()
    return module


@answers_to("check_class_count")
def class_count() -> Answers:
    n_views, n_samples = len(wdbc().in_dim), len(wdbc().samples.labels)
    wrong = [
        (n_views, "number of views"),
        (n_samples, "number of samples"),
        (("malignant", "benign"), "give a number"),
        (5, "the line that says 'classes:'"),
    ]
    return Answers([2, wdbc().num_class, np.array([2]), 2.0], wrong, {"datamodule": wdbc()})


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
        (Trainer(logger=False), "max_epochs=None"),
        (Trainer(max_epochs=5, max_steps=5, logger=False), "also counts steps"),
        (Trainer, "give the object"),
        (5, "of type int"),
    ]
    return Answers(right, wrong, {"max_epochs": 5})


class SaysEpoch(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        print("epoch", trainer.current_epoch)


class SaysLoss(Callback):
    def on_validation_end(self, trainer, pl_module):
        print(f"loss {trainer.callback_metrics['ptl/val_loss']:.2f}")


class SaysMore(PrintingCallback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        print(".", end="")


class SaysTrainingLoss(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        print(trainer.callback_metrics["ptl/train_loss"])


class Returns(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        return "an epoch is over"


class SaysTypo(Callback):
    def on_epoch_end(self, trainer, pl_module):
        print("an epoch is over")


class SaysFirst(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            print("half-way")


class SaysWithTooFewArguments(Callback):
    def on_train_epoch_end(self):
        print("an epoch is over")


class NoCallback:
    on_train_epoch_end = SaysEpoch.on_train_epoch_end


@answers_to("check_teller")
def teller() -> Answers:
    wrong = [
        (PrintingCallback, "once in the whole run"),
        (SaysTypo, "only if its name"),
        (Returns, "when does its method print"),
        (SaysFirst, "in 1 of 3 epochs"),
        (SaysWithTooFewArguments, "TypeError"),
        (NoCallback, "derived from Callback"),
    ]
    return Answers([SaysEpoch, SaysLoss, SaysMore, SaysEpoch(), SaysTrainingLoss], wrong)
