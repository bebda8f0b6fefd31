"""The checks of notebook A3."""

import inspect

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers.logger import DummyLogger
from torch import nn
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_function, not_yet, right
from mldrl_lite.teach.exercises.trial import N_BATCHES, not_arguments, trial_of

LOSSES = [3.0, 1.0, 2.0, 0.0]
"""What the model of the first exercise logs in the steps of an epoch; the largest is neither the last nor the mean."""


@in_steps
def check_largest_loss(answer: object) -> Feedback:
    """Check arguments of `self.log` that write the largest loss of each epoch, once, and show it in the bar."""
    if nudge := not_arguments(answer):
        return nudge
    taken = set(inspect.signature(LightningModule.log).parameters) - {"self", "name", "value"}
    if unknown := [name for name in answer if name not in taken]:
        return not_yet(f"self.log has no argument {unknown[0]!r} beside the name and the value.")
    log = _Lines()
    try:
        with trial_of({"max_epochs": 2, "log_every_n_steps": 1, "num_sanity_val_steps": 0}) as trial:
            trainer = Trainer(**trial | {"logger": log})
            trainer.fit(_LogsLosses(answer), DataLoader(torch.zeros(len(LOSSES))))
    except Exception as error:
        return not_yet(f"a run that logs with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    if nudge := _judge_lines(log.losses):
        return nudge
    if "loss" not in trainer.progress_bar_metrics:
        return not_yet("the log has it, and the bar does not; which argument speaks of the bar?")
    return right("one line an epoch, with the largest loss of it, and the bar shows it too.")


def _judge_lines(lines: list[dict[str, float]]) -> Feedback | None:
    if not lines:
        return not_yet("nothing is written to the log.")
    if len(lines) > 2 or any("loss" not in line for line in lines):
        return not_yet(f"in two epochs, {len(lines)} lines are written; one an epoch is asked for, named loss.")
    if any(line["loss"] != max(LOSSES) for line in lines):
        return not_yet(f"losses of {LOSSES} become {lines[0]['loss']:g}; how should many values become one?")
    return None


class _LogsLosses(LightningModule):
    def __init__(self, arguments: dict[str, object]) -> None:
        super().__init__()
        self.weight, self.arguments = nn.Parameter(torch.zeros(1)), arguments

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.log("loss", LOSSES[batch_idx], **self.arguments)
        return self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class _Lines(DummyLogger):
    """Keep the lines that speak of the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[dict[str, float]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if any(name.startswith("loss") for name in metrics):
            self.losses.append(dict(metrics))


@in_steps
def check_mended_schedule(answer: object) -> Feedback:
    """Check a function that makes a one-cycle schedule as long as the run, by runs of three lengths."""
    if nudge := not_a_function(answer):
        return nudge
    for max_epochs, together in ((2, 1), (3, 1), (3, 2)):
        model = _FollowsRate(answer)
        try:
            with trial_of({"max_epochs": max_epochs, "accumulate_grad_batches": together}) as trial:
                Trainer(**trial).fit(model, DataLoader(torch.zeros(N_BATCHES)))
        except Exception as error:
            return not_yet(f"a run with this schedule ends in {type(error).__name__}: {str(error).strip()}")
        steps = max_epochs * N_BATCHES // together
        if model.rates != _one_cycle(steps):
            return _judge_rates(model.rates, max_epochs, steps)
    return right("in each of three runs, the rate goes up and down once, and ends where the run ends.")


def _judge_rates(rates: list[float], max_epochs: int, steps: int) -> Feedback:
    if len(set(rates)) == 1:
        return not_yet(f"the rate is {rates[0]:g} in all {steps} steps of a run; is the schedule returned?")
    if len(set(rates)) <= max_epochs:
        return not_yet(f"{steps} steps see {len(set(rates))} rates: it changes once an epoch, and not once a step.")
    return not_yet(f"it changes with each step, but its cycle is not the {steps} steps of the run; who knows them?")


def _one_cycle(steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=steps)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step() if len(rates) < steps else None
    return rates


class _FollowsRate(LightningModule):
    """Note the learning rate before each optimizer step."""

    def __init__(self, make_schedule: object) -> None:
        super().__init__()
        self.weight, self.make_schedule, self.rates = nn.Parameter(torch.zeros(1)), make_schedule, []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.weight.sum()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self) -> object:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        schedule = self.make_schedule(self.trainer, optimizer)
        return optimizer if schedule is None else {"optimizer": optimizer, "lr_scheduler": schedule}
