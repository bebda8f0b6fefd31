"""Answers to the exercises of notebook 04."""

from datetime import timedelta

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint, Timer, TQDMProgressBar

from answers import Answers, answers_to


@answers_to("check_accumulated_steps")
def accumulated_steps() -> Answers:
    wrong = [
        (3, "one epoch; the run has 6"),
        (60, "one step per batch"),
        (12, "left at the end"),
        (15, "one epoch alone"),
        (7, "one epoch first"),
    ]
    given = {"n_batches": 10, "max_epochs": 6, "accumulate": 4}
    return Answers([18, 18.0, torch.tensor(18)], wrong, given)


@answers_to("check_short_epoch")
def short_epoch() -> Answers:
    right = [
        {"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 1.0},
        {"max_epochs": 2, "limit_train_batches": 1},
        {"max_epochs": 2, "limit_train_batches": 0.25, "num_sanity_val_steps": 0},
        {"max_steps": 2, "limit_train_batches": 1, "callbacks": Timer()},
        {"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": None, "num_sanity_val_steps": -1},
        {"max_epochs": 2, "min_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 4},
        {"max_epochs": 2, "limit_train_batches": 1, "callbacks": [ModelCheckpoint(), TQDMProgressBar()]},
    ]
    wrong = [
        ({"max_epochs": 2, "limit_train_batches": 1.0}, "trained on 4"),
        ({"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 1}, "saw 1"),
        ({"max_epochs": -1, "limit_train_batches": 1}, "which argument ends it"),
        ({"max_epochs": 1, "limit_train_batches": 1}, "has 1 epochs"),
        ({"max_epochs": 2, "limit_train_batches": 1, "limit_val_batches": 0}, "validates 0 times"),
        ({"max_epochs": 2, "overfit_batches": 1}, "saw 1"),
        ({"fast_dev_run": True}, "saw 1"),
        ({"max_epochs": 2, "limit_train_batches": 1, "check_val_every_n_epoch": 2}, "validates 1 times"),
        ({"gpus": 1}, "TypeError"),
    ]
    return Answers(right, wrong)


@answers_to("check_week_end_trainer")
def week_end_trainer() -> Answers:
    asked = {"check_val_every_n_epoch": 5, "log_every_n_steps": 10}
    two_days = {"max_time": "02:00:00:00"}
    right = [
        Trainer(max_epochs=-1, **two_days, **asked),
        Trainer(max_time={"hours": 48}, **asked),
        Trainer(max_epochs=-1, callbacks=[Timer("02:00:00:00")], **asked),
        Trainer(max_epochs=-1, max_time=timedelta(days=2), val_check_interval=1.0, **asked),
        Trainer(max_time={"days": 1, "hours": 24}, **asked),
        Trainer(max_epochs=-1, limit_train_batches=1.0, limit_val_batches=1.0, **two_days, **asked),
    ]
    wrong = [
        (Trainer(max_epochs=100, max_time="00:02:00:00", val_check_interval=5, log_every_n_steps=10), "which place"),
        (Trainer(max_epochs=100, val_check_interval=5, log_every_n_steps=10, **two_days), "also counts"),
        (Trainer(max_epochs=-1, val_check_interval=5, log_every_n_steps=10, **two_days), "what have you changed"),
        (Trainer(max_epochs=10, **asked), "clock"),
        (Trainer(max_steps=10_000, **two_days, **asked), "also counts"),
        (Trainer(check_val_every_n_epoch=None, val_check_interval=5, **two_days), "what have you changed"),
        ({"max_time": "02:00:00:00", **asked}, "this is a dict"),
        (Trainer(max_time="00:02:00:00", **asked), "which place"),
        (Trainer(max_epochs=10, **two_days, **asked), "also counts"),
        (Trainer(max_epochs=-1, log_every_n_steps=10, **two_days), "every fifth"),
        (Trainer(max_epochs=-1, check_val_every_n_epoch=5, **two_days), "every 50"),
        (Trainer(max_epochs=-1, logger=False, **two_days, **asked), "without a logger"),
        (Trainer(max_epochs=-1, callbacks=[Timer()], **asked), "clock"),
        (Trainer(min_epochs=1000, max_epochs=-1, **two_days, **asked), "least number"),
        (Trainer(max_epochs=-1, limit_val_batches=0, **two_days, **asked), "does not validate"),
        (Trainer(max_epochs=-1, limit_train_batches=1, **two_days, **asked), "part of each epoch"),
        (Trainer(max_epochs=-1, limit_train_batches=0.5, **two_days, **asked), "part of each epoch"),
        (Trainer(max_epochs=-1, limit_val_batches=1, **two_days, **asked), "part of the batches"),
        (Trainer, "the class Trainer"),
    ]
    return Answers(right, wrong)


@answers_to("check_budget")
def budget() -> Answers:
    right = [
        {"max_epochs": 3, "limit_val_batches": 3},
        {"max_epochs": 3, "check_val_every_n_epoch": 3},
        {"max_steps": 24, "val_check_interval": 24, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0},
        {"max_epochs": 4, "limit_val_batches": 0.5, "num_sanity_val_steps": 0},
        {"max_epochs": 6, "accumulate_grad_batches": 2, "limit_val_batches": 1, "callbacks": Timer()},
        {"max_epochs": 30, "check_val_every_n_epoch": 30},
        {"max_epochs": 3, "check_val_every_n_epoch": 3, "num_sanity_val_steps": -1},
        {"max_epochs": 3, "limit_val_batches": 2, "val_check_interval": 0.5, "num_sanity_val_steps": 0},
        {"min_steps": 24, "max_steps": 25, "val_check_interval": 25, "check_val_every_n_epoch": None},
        {"max_steps": 400, "val_check_interval": 400, "check_val_every_n_epoch": None},
    ]
    wrong = [
        ({"max_epochs": 3}, "spends 20"),
        ({"max_epochs": 3, "limit_val_batches": 4}, "before training there were 2"),
        ({"max_epochs": 3, "check_val_every_n_epoch": 2}, "after step 16 of 24"),
        ({"max_epochs": 3, "limit_val_batches": 0}, "never validates"),
        ({"max_epochs": 3, "limit_val_batches": 1.0}, "fewer, or less often"),
        ({"max_epochs": 3, "accumulate_grad_batches": 2, "limit_val_batches": 1}, "after 12 optimizer steps"),
        ({"max_epochs": -1, "limit_val_batches": 1}, "what is to end it"),
        ({"limit_val_batch": 1}, "TypeError"),
        ({"max_epochs": 12, "overfit_batches": 2}, "spends 26"),
        ({"max_steps": 25, "val_check_interval": 1.0, "limit_val_batches": 1}, "after step 24 of 25"),
        ({"max_epochs": 3, "val_check_interval": 1, "limit_val_batches": 1}, "spends 25"),
    ]
    return Answers(right, wrong)
