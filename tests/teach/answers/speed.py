"""Answers to the exercises of notebook 08."""

import math

from pytorch_lightning.callbacks import ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from answers import Answers, answers_to


@answers_to("check_shared_steps")
def shared_steps() -> Answers:
    given = {"n_samples": 1000, "processes": 4, "batch_size": 16}
    wrong = [
        (63, "one process takes alone"),
        (15, "left over"),
        (250 / 16, "left over"),
        (250, "in batches"),
        (4, "first share the samples out"),
        (64, "or together"),
        (62.5, "one process takes alone"),
    ]
    return Answers([16, 16.0, math.ceil(250 / 16)], wrong, given)


def rounds_up(cost, before, after):
    return math.ceil(cost / (before - after)) if before > after else None


def counts(cost, before, after):
    if before <= after:
        return None
    steps = 0
    while cost + steps * after > steps * before:
        steps += 1
    return steps


def counts_on_and_on(cost, before, after):
    steps = 0
    while cost + steps * after > steps * before:
        steps += 1
    return steps


def floors_of_minus(cost, before, after):
    saved = before - after
    return None if saved <= 0 else float(-(-cost // saved))


@answers_to("check_break_even")
def break_even() -> Answers:
    wrong = [
        (lambda cost, before, after: int(cost / (before - after)) if before > after else None, "less than was paid"),
        (lambda cost, before, after: math.ceil(cost / before) if before > after else None, "each step save"),
        (lambda cost, before, after: math.ceil(cost / (before - after + 1e-12)), "no faster"),
        (lambda cost, before, after: math.ceil(cost / (before - after)), "divides by zero"),
        (lambda cost: cost, "TypeError"),
        (lambda cost, before, after: round(cost / (before - after)) if before > after else None, "less than was paid"),
        (counts_on_and_on, "counts on and on"),
    ]
    return Answers([rounds_up, counts, floors_of_minus], wrong)


def every_second(folder):
    best = ModelCheckpoint(monitor="val_loss", every_n_epochs=2)
    return {"logger": CSVLogger(folder), "callbacks": [best], "log_every_n_steps": 10}


def once(folder):
    best = ModelCheckpoint(folder, monitor="val_loss", every_n_epochs=4, save_weights_only=True)
    return {"logger": TensorBoardLogger(folder), "callbacks": best, "num_sanity_val_steps": 0}


def by_root(folder):
    callbacks = [ModelCheckpoint(monitor="val_loss", every_n_epochs=2), TQDMProgressBar(refresh_rate=10)]
    return {"default_root_dir": folder, "callbacks": callbacks, "log_every_n_steps": 20, "max_epochs": 6}


def every_better_one(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss")]}


def every_epoch(folder):
    return every_second(folder) | {"callbacks": [ModelCheckpoint(monitor="val_loss", save_top_k=-1)]}


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
        (no_monitor, "always the latest"),
        (latest, "which is best"),
        (every_third, "passed over"),
        (lambda folder: every_second(folder) | {"logger": True}, "outside the folder"),
        (lambda folder: every_second(folder) | {"logger": False, "default_root_dir": folder}, "no logger"),
        (lambda folder: every_second(folder) | {"enable_progress_bar": False}, "no progress bar"),
        (lambda folder: every_second(folder) | {"check_val_every_n_epoch": 2}, "after each of the epochs"),
        (every_second("."), "takes a folder"),
    ]
    return Answers([every_better_one, every_second, once, by_root], wrong)
