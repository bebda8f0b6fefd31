"""Answers to the exercises of notebook A1."""

from pytorch_lightning.callbacks import ModelCheckpoint, Timer
from pytorch_lightning.loggers import CSVLogger

from answers import Answers, answers_to


@answers_to("check_validates_every_six")
def validates_every_six() -> Answers:
    right = [
        {"val_check_interval": 6, "check_val_every_n_epoch": None},
        {"val_check_interval": 6, "check_val_every_n_epoch": None, "max_epochs": 3},
        {"val_check_interval": 6, "check_val_every_n_epoch": None, "max_steps": 13, "num_sanity_val_steps": 0},
        {"val_check_interval": 6, "check_val_every_n_epoch": None, "max_epochs": -1, "callbacks": Timer()},
        {"val_check_interval": 6, "check_val_every_n_epoch": None, "callbacks": [ModelCheckpoint()]},
        {"check_val_every_n_epoch": None, "val_check_interval": 6, "limit_train_batches": 1.0, "max_epochs": 9},
    ]
    wrong = [
        ({}, "at ends of epochs"),
        ({"val_check_interval": 6}, "ValueError"),
        ({"val_check_interval": 1.5}, "MisconfigurationException"),
        ({"val_check_interval": 1.5, "check_val_every_n_epoch": None}, "MisconfigurationException"),
        ({"val_check_interval": 6, "check_val_every_n_epoch": None, "limit_val_batches": 0}, "not validated at all"),
        ({"check_val_every_n_epoch": 2}, "at ends of epochs"),
        ({"val_check_interval": 3, "check_val_every_n_epoch": None}, "after every 6"),
        ({"val_check_interval": 6, "check_val_every_n_epoch": None, "max_epochs": 1}, "not validated at all"),
        ({"limit_train_batches": 3, "check_val_every_n_epoch": 2}, "has 3 batches"),
    ]
    return Answers(right, wrong)


@answers_to("check_logged_four_times")
def logged_four_times() -> Answers:
    right = [
        {"log_every_n_steps": 2},
        {"log_every_n_steps": 2, "max_epochs": 2},
        {"log_every_n_steps": 2, "max_steps": 8, "max_epochs": -1, "logger": True},
        {"log_every_n_steps": 2, "max_epochs": 2, "logger": [CSVLogger("logs")]},
    ]
    wrong = [
        ({}, "no loss is written"),
        ({"log_every_n_steps": 0}, "no loss is written"),
        ({"log_every_n_steps": 1}, "8 time(s)"),
        ({"log_every_n_steps": 4}, "2 time(s)"),
        ({"log_every_n_steps": 2, "max_epochs": 4}, "sees 16"),
        ({"log_every_n_steps": 2, "logger": False}, "without a logger"),
        ({"log_every_n_steps": 1, "accumulate_grad_batches": 2}, "keep its 8 steps"),
    ]
    return Answers(right, wrong)


@answers_to("check_mended_call")
def mended_call() -> Answers:
    call = {"max_epochs": 3, "log_every_n_steps": 1, "gradient_clip_val": 1}
    whole = {"limit_train_batches": 1.0, "val_check_interval": 1.0}
    right = [call, call | whole, call | whole | {"gradient_clip_val": 1.0, "gradient_clip_algorithm": "norm"}]
    right.append({**call, "limit_train_batches": 4, "val_check_interval": 4})
    right.append({**call, "max_steps": 12, "check_val_every_n_epoch": 1, "limit_val_batches": None})
    wrong = [
        (call | {"limit_train_batches": 1}, "has 1 batch"),
        (call | {"max_epochs": 2}, "sees 8 batches"),
        (call | {"val_check_interval": 1}, "once for each epoch"),
        ({"gradient_clip_val": 1}, "at 0 of 12"),
        ({"log_every_n_steps": 1, "gradient_clip_algorithm": "norm"}, "alone has no limit"),
        (call | {"gradient_clip_algorithm": "value"}, "by itself"),
        (call | {"gradient_clip_val": 0.5}, "a norm of 0.5"),
        (call | {"limit_train_batches": 1, "max_epochs": 12}, "has 1 batch"),
        (call | {"check_val_every_n_epoch": 3}, "once for each epoch"),
        (call | {"limit_val_batches": 0.5}, "see 6 batches"),
        (call | {"val_check_interval": 9}, "ValueError"),
    ]
    return Answers(right, wrong)
