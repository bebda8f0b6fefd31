"""The checks of notebook A4."""

from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    described,
    in_steps,
    not_a_function,
    not_answered,
    not_yet,
    right,
)
from mldrl_lite.teach.exercises.trial import N_BATCHES, LogsItsLoss, elsewhere, trial_of


@in_steps
def check_accumulation(answer: object) -> Feedback:
    """Check a callback that takes a step for every 4 batches in two epochs, and then for every batch."""
    if nudge := not_answered(answer, "a callback"):
        return nudge
    if not isinstance(answer, Callback):
        return not_yet(f"{described(answer)}; give a callback, such as Trainer(callbacks=[...]) takes.")
    counts = _Steps()
    try:
        with trial_of({"max_epochs": 4, "callbacks": [answer]}, counts) as trial:
            Trainer(**trial).fit(LogsItsLoss(), DataLoader(torch.zeros(N_BATCHES)))
    except Exception as error:
        return not_yet(f"a run with it ends in {type(error).__name__}: {str(error).strip()}")
    if counts.steps == [1, 1, N_BATCHES, N_BATCHES]:
        return right(f"four epochs take {counts.steps} steps.")
    if len(set(counts.steps)) == 1:
        return not_yet(f"each epoch takes {counts.steps[0]} step(s); it should change from one epoch to another.")
    return not_yet(f"four epochs take {counts.steps} steps; epochs count from 0, and there are 4 batches in each.")


class _Steps(Callback):
    """Count the optimizer steps of each epoch."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.steps.append(trainer.global_step - sum(self.steps))


@in_steps
def check_mended_watchers(answer: object) -> Feedback:
    """Check a function that returns callbacks: all checkpoints of every second epoch, and the rate of every step."""
    if nudge := not_a_function(answer):
        return nudge
    log = _Rates()
    try:
        with elsewhere() as folder:
            given = answer(folder)
            if not isinstance(given, list) or not all(isinstance(each, Callback) for each in given):
                return not_yet("the function should return a list of callbacks.")
            with trial_of({"max_epochs": 6, "log_every_n_steps": 1, "callbacks": given}) as trial:
                Trainer(**trial | {"logger": log}).fit(_TwoRates(), DataLoader(torch.zeros(N_BATCHES)))
            kept = len([*Path(folder).rglob("*.ckpt")])
    except Exception as error:
        return not_yet(f"a run with these callbacks ends in {type(error).__name__}: {str(error).strip()}")
    if kept != 3:
        return not_yet(f"after 6 epochs, {kept} file(s) are in the folder; one for every second epoch is asked for.")
    if not log.rates:
        return not_yet("no learning rate is in the log; which callback watches it?")
    if len(log.rates) != 6 * N_BATCHES:
        return not_yet(
            f"the rate is written {len(log.rates)} time(s) in {6 * N_BATCHES} steps; how often is asked for?"
        )
    return right("three checkpoints are kept, and the rate of each of 24 steps is in the log.")


class _TwoRates(LogsItsLoss):
    """Halve the learning rate with each epoch."""

    def configure_optimizers(self) -> object:
        optimizer = super().configure_optimizers()
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


class _Rates(DummyLogger):
    """Keep the learning rates that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rates += [value for name, value in metrics.items() if name == "lr-SGD"]
