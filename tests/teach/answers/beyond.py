"""Answers to the exercises of notebook A3."""

import torch
from torch.optim.lr_scheduler import OneCycleLR

from answers import Answers, answers_to


@answers_to("check_largest_loss")
def largest_loss() -> Answers:
    once = {"on_step": False, "on_epoch": True}
    right = [
        once | {"reduce_fx": "max", "prog_bar": True},
        once | {"reduce_fx": torch.max, "prog_bar": True, "logger": True},
        once | {"reduce_fx": max, "prog_bar": True, "batch_size": 1},
    ]
    wrong = [
        ({}, "8 lines are written"),
        (once | {"reduce_fx": "max"}, "which argument speaks of the bar"),
        (once | {"prog_bar": True}, "become 1.5"),
        (once | {"prog_bar": True, "reduce_fx": "sum"}, "become 6"),
        ({"prog_bar": True, "reduce_fx": "max"}, "8 lines are written"),
        ({"prog_bar": True, "reduce_fx": "max", "on_epoch": True}, "lines are written"),
        (once | {"prog_bar": True, "reduce_fx": "max", "logger": False}, "nothing is written"),
        (once | {"prog_bar": True, "reduce": "max"}, "no argument 'reduce'"),
        (once | {"prog_bar": True, "reduce_fx": "largest"}, "MisconfigurationException"),
    ]
    return Answers(right, wrong)


@answers_to("check_mended_schedule")
def mended_schedule() -> Answers:
    def in_steps(trainer, optimizer):
        schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=trainer.estimated_stepping_batches)
        return {"scheduler": schedule, "interval": "step"}

    def with_frequency(trainer, optimizer):
        return in_steps(trainer, optimizer) | {"frequency": 1, "name": "cycle"}

    def by_hand(trainer, optimizer):
        steps = trainer.max_epochs * 4 // trainer.accumulate_grad_batches
        return {"scheduler": OneCycleLR(optimizer, 1.0, total_steps=steps), "interval": "step"}

    def bare(trainer, optimizer):
        return in_steps(trainer, optimizer)["scheduler"]

    def of_epochs(trainer, optimizer):
        return {"scheduler": OneCycleLR(optimizer, 1.0, total_steps=trainer.max_epochs), "interval": "step"}

    def of_batches(trainer, optimizer):
        return {"scheduler": OneCycleLR(optimizer, 1.0, total_steps=trainer.max_epochs * 4), "interval": "step"}

    def before_they_are_counted(trainer, optimizer):  # the colleague's own
        return OneCycleLR(optimizer, max_lr=1.0, total_steps=trainer.max_epochs * trainer.num_training_batches)

    wrong = [
        (before_they_are_counted, "total_steps, but got inf"),
        (bare, "once an epoch"),
        (of_epochs, "ValueError"),
        (of_batches, "is not the 6 steps"),
        (lambda trainer, optimizer: None, "is the schedule returned"),
        (lambda trainer: None, "TypeError"),
    ]
    return Answers([in_steps, with_frequency, by_hand], wrong)
