"""Answers to the exercises of notebook 03."""

import copy
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint, StochasticWeightAveraging

from answers import Answers, answers_to


@answers_to("check_early_stopping")
def early_stopping() -> Answers:
    asked = {"min_delta": 0.01, "patience": 4}
    right = [
        EarlyStopping("ptl/val_accuracy", mode="max", **asked),
        EarlyStopping(monitor="ptl/val_accuracy", mode="max", verbose=True, strict=False, **asked),
        EarlyStopping("ptl/val_accuracy", 0.01, 4, mode="max", stopping_threshold=1.0),
        EarlyStopping("ptl/val_accuracy", np.float32(0.01), 4, mode="max"),
    ]
    wrong = [
        (EarlyStopping("ptl/val_accuracy", **asked), "lower accuracy for a better one"),
        (EarlyStopping("val_accuracy", mode="max", **asked), "which name"),
        (EarlyStopping("ptl/val_loss", mode="min", **asked), "which name"),
        (EarlyStopping("ptl/val_accuracy", mode="max", min_delta=0.01), "waits for 3"),
        (EarlyStopping("ptl/val_accuracy", mode="max", patience=4), "counts from 0 on"),
        (EarlyStopping("ptl/val_accuracy", -0.01, 4, mode="max"), "counts from -0.01 on"),
        (EarlyStopping, "give the object"),
    ]
    return Answers(right, wrong, asked)


ASKED = {"monitor": "ptl/val_accuracy", "mode": "max", "save_top_k": 2}


def keeper(filename: str, **changes: object) -> ModelCheckpoint:
    return ModelCheckpoint(**{**ASKED, "filename": filename, "auto_insert_metric_name": False, **changes})


@answers_to("check_best_two")
def best_two() -> Answers:
    name = "epoch={epoch}-accuracy={ptl/val_accuracy:.2f}"
    other_order = keeper("{ptl/val_accuracy:.2f}_{epoch:03d}", dirpath="somewhere")
    right = [keeper(name), other_order, keeper(f"{name}-{{step}}")]
    right += [keeper("{epoch} {ptl/val_accuracy:.2f}"), keeper("e{epoch}_acc{ptl/val_accuracy:.2f}")]
    right += [keeper(name, dirpath="a/b", save_last=True), keeper(name, every_n_epochs=1)]
    wrong = [
        (keeper("{epoch}-{ptl/val_accuracy:.2f}", auto_insert_metric_name=True), "the slash come from"),
        (keeper(name, mode="min"), "is lower better"),
        (ModelCheckpoint(), "its best is the latest"),
        (keeper(name, save_top_k=-1), "-1 means all"),
        (keeper("epoch={epoch}-accuracy={val_accuracy:.2f}"), "nobody logs 'val_accuracy'"),
        (keeper("accuracy={ptl/val_accuracy:.2f}"), "does it tell both"),
        (keeper("{epoch}{ptl/val_accuracy:.2f}"), "a number of its own"),
        (keeper("{epoch}.{ptl/val_accuracy:.2f}"), "a number of its own"),
        (keeper("best7-{ptl/val_accuracy:.2f}"), "does it tell both"),
        (keeper("epoch=7-accuracy=0.88"), "does it tell both"),
        (keeper("{epoch}-{ptl/val_accuracy:.3f}"), "two decimals"),
        (keeper("{epoch}-{ptl/val_accuracy:.0%}"), "two decimals"),
        (keeper("{step}-{ptl/val_accuracy:.2f}"), "does it tell both"),
        (keeper("{epoch}-{ptl/val_loss:.2f}"), "does it tell both"),
        (keeper(name, every_n_epochs=5), "every 5th epoch"),
        (keeper(name, every_n_epochs=0, every_n_train_steps=0), "never saves"),
        (keeper("epoch={epoch}-accuracy={ptl/val_accuracy}"), "two decimals"),
    ]
    return Answers(right, wrong)


class History(Callback):
    def __init__(self):
        self.losses = []

    def note(self, trainer):
        self.losses.append(trainer.callback_metrics["ptl/val_loss"].item())

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.note(trainer)


class HistoryAtEpochEnd(History):
    def on_train_epoch_end(self, trainer, pl_module):
        self.note(trainer)

    on_validation_end = Callback.on_validation_end


class HistoryForgetsAtStart(History):
    def on_validation_epoch_end(self, trainer, pl_module):
        self.losses.append(trainer.logged_metrics["ptl/val_loss"])

    def on_train_start(self, trainer, pl_module):
        self.losses = []

    on_validation_end = Callback.on_validation_end


class HistoryWithSanityCheck(History):
    def on_validation_end(self, trainer, pl_module):
        self.note(trainer)


class SharedHistory(Callback):
    losses = []  # noqa: RUF012 (the mistake that this answer is about)

    def on_train_epoch_end(self, trainer, pl_module):
        self.losses.append(trainer.callback_metrics["ptl/val_loss"].item())


class MisspelledHistory(History):
    def on_epoch_end(self, trainer, pl_module):
        self.note(trainer)

    on_validation_end = Callback.on_validation_end


class PastHistory(History):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch:
            self.note(trainer)

    on_validation_end = Callback.on_validation_end


class DropsTheFirst(HistoryWithSanityCheck):
    def on_fit_end(self, trainer, pl_module):
        self.losses.pop(0)


@answers_to("check_loss_history")
def loss_history() -> Answers:
    wrong = [
        (HistoryWithSanityCheck, "before it trains"),
        (SharedHistory, "where is the list made"),
        (DropsTheFirst, "without a sanity check"),
        (MisspelledHistory, "a hook of Callback"),
        (PastHistory, "left [0.75, 0.5]"),
        (History(), "an object of its own"),
        (Callback, "no list named losses"),
    ]
    return Answers([History, HistoryAtEpochEnd, HistoryForgetsAtStart], wrong)


class KeepsACopy(Callback):
    def __init__(self):
        self.best, self.weights = float("inf"), None

    def better(self, trainer):
        return not trainer.sanity_checking and trainer.callback_metrics["ptl/val_loss"] < self.best

    def keep(self, pl_module):
        return copy.deepcopy(pl_module.state_dict())

    def on_validation_end(self, trainer, pl_module):
        if self.better(trainer):
            self.best = trainer.callback_metrics["ptl/val_loss"].item()
            self.weights = self.keep(pl_module)

    def on_train_end(self, trainer, pl_module):
        pl_module.load_state_dict(self.weights)


class NeverBetter(KeepsACopy):
    def __init__(self):
        self.best, self.weights = 0, None


class NeverMade(KeepsACopy):
    def __init__(self):
        self.best = 0


class KeepsAFile(Callback):
    """Writes all epochs to a folder, and looks for the best at the end."""

    def __init__(self):
        self.losses = []

    def on_train_epoch_end(self, trainer, pl_module):
        torch.save(pl_module.state_dict(), Path(trainer.default_root_dir, f"{len(self.losses)}.pt"))
        self.losses.append(float(trainer.callback_metrics["ptl/val_loss"]))

    def on_fit_end(self, trainer, pl_module):
        best = min(range(len(self.losses)), key=self.losses.__getitem__)
        pl_module.load_state_dict(torch.load(Path(trainer.default_root_dir, f"{best}.pt")))


class CheckpointThatGoesBack(ModelCheckpoint):
    def __init__(self):
        super().__init__(monitor="ptl/val_loss", save_weights_only=True)

    def on_fit_end(self, trainer, pl_module):
        pl_module.load_state_dict(torch.load(self.best_model_path)["state_dict"])


class CheckpointInAFolder(CheckpointThatGoesBack):
    def __init__(self):
        ModelCheckpoint.__init__(self, "best_weights", monitor="ptl/val_loss", save_weights_only=True)


class StoppingThatGoesBack(EarlyStopping):
    def __init__(self):
        super().__init__("ptl/val_loss", patience=2)

    def on_train_epoch_end(self, trainer, pl_module):
        super().on_train_epoch_end(trainer, pl_module)
        if trainer.callback_metrics["ptl/val_loss"] == self.best_score:
            self.weights = {name: weight.clone() for name, weight in pl_module.state_dict().items()}

    def on_train_end(self, trainer, pl_module):
        pl_module.load_state_dict(self.weights)


class GoesBackAtOnce(KeepsACopy):
    """Goes on from the best weights after each epoch that is worse."""

    def on_validation_end(self, trainer, pl_module):
        before = self.best
        super().on_validation_end(trainer, pl_module)
        if self.weights and self.best == before:
            pl_module.load_state_dict(self.weights)

    on_train_end = Callback.on_train_end


class BetterThanBefore(KeepsACopy):
    def on_validation_end(self, trainer, pl_module):
        super().on_validation_end(trainer, pl_module)
        self.best = trainer.callback_metrics["ptl/val_loss"].item()


class LooksLate(KeepsACopy):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch:
            super().on_validation_end(trainer, pl_module)

    on_validation_end = Callback.on_validation_end


class KeepsNoCopy(KeepsACopy):
    def keep(self, pl_module):
        return pl_module.state_dict()


class KeepsTheSanityCheck(KeepsACopy):
    def better(self, trainer):
        return trainer.callback_metrics["ptl/val_loss"] < self.best


class KeepsTheWorst(KeepsACopy):
    def better(self, trainer):
        return not trainer.sanity_checking and -trainer.callback_metrics["ptl/val_loss"] < self.best

    def on_validation_end(self, trainer, pl_module):
        if self.better(trainer):
            self.best = -trainer.callback_metrics["ptl/val_loss"].item()
            self.weights = self.keep(pl_module)


class KeepsTheNext(KeepsACopy):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if "ptl/val_loss" in trainer.callback_metrics:
            super().on_validation_end(trainer, pl_module)

    on_validation_end = Callback.on_validation_end


class LooksAtNoHook(KeepsACopy):
    on_validation_ends = KeepsACopy.on_validation_end
    on_validation_end = Callback.on_validation_end


class GoesBackAtNoHook(KeepsACopy):
    on_training_end = KeepsACopy.on_train_end
    on_train_end = Callback.on_train_end


class StopsTooEarly(StoppingThatGoesBack):
    def __init__(self):
        EarlyStopping.__init__(self, "ptl/val_loss", patience=1)


@answers_to("check_best_weights")
def best_weights() -> Answers:
    wrong = [
        (KeepsNoCopy, "goes on changing"),
        (LooksAtNoHook, "no hook of Callback is called 'on_validation_ends'"),
        (GoesBackAtNoHook, "no hook of Callback is called 'on_training_end'"),
        (NeverBetter, "ever better than the value that you start from"),
        (NeverMade, "ever better than the value that you start from"),
        (KeepsTheSanityCheck, "sanity check"),
        (KeepsTheWorst, "worst epoch"),
        (KeepsTheNext, "belong to"),
        (StopsTooEarly, "still to come"),
        (BetterThanBefore, "last epoch"),
        (LooksLate, "when the last epoch is the best"),
        (lambda: StochasticWeightAveraging(1e-2), "other weights"),
        (lambda: EarlyStopping("ptl/val_loss"), "last epoch"),
        (LambdaCallback(), "give a class"),
        (dict, "makes no callback"),
    ]
    right = [KeepsACopy, KeepsAFile, CheckpointThatGoesBack, CheckpointInAFolder, StoppingThatGoesBack, GoesBackAtOnce]
    return Answers(right, wrong)
