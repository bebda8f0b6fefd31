"""The checks that exercises call, a module for each notebook.

A check looks at what the answer does, and never shows the solution.
"""

from mldrl_lite.exercises.atlas import check_logged_four_times, check_validates_every_six
from mldrl_lite.exercises.callbacks import check_best_two, check_best_weights, check_early_stopping, check_loss_history
from mldrl_lite.exercises.datamodule import check_call_counts, check_fixed_split, check_scaling
from mldrl_lite.exercises.experiments import (
    check_difference_interval,
    check_honest_score,
    check_own_recipe,
    check_test_size,
)
from mldrl_lite.exercises.feedback import Feedback, not_yet, right
from mldrl_lite.exercises.from_1x import check_epoch_means, check_todays_trainer
from mldrl_lite.exercises.hparams import check_counts_on, check_keeper, check_remembers
from mldrl_lite.exercises.model import check_own_model, check_tcp, check_validation_loss
from mldrl_lite.exercises.quickstart import check_class_count, check_steps_per_epoch, check_teller, check_trainer
from mldrl_lite.exercises.reproducibility import check_deterministically, check_make_linear, check_quiet_noise
from mldrl_lite.exercises.speed import check_break_even, check_lean_run, check_shared_steps
from mldrl_lite.exercises.trainer_arguments import (
    check_accumulated_steps,
    check_budget,
    check_short_epoch,
    check_week_end_trainer,
)

__all__ = [
    "Feedback",
    "check_accumulated_steps",
    "check_best_two",
    "check_best_weights",
    "check_break_even",
    "check_budget",
    "check_call_counts",
    "check_class_count",
    "check_counts_on",
    "check_deterministically",
    "check_difference_interval",
    "check_early_stopping",
    "check_epoch_means",
    "check_fixed_split",
    "check_honest_score",
    "check_keeper",
    "check_lean_run",
    "check_logged_four_times",
    "check_loss_history",
    "check_make_linear",
    "check_own_model",
    "check_own_recipe",
    "check_quiet_noise",
    "check_remembers",
    "check_scaling",
    "check_shared_steps",
    "check_short_epoch",
    "check_steps_per_epoch",
    "check_tcp",
    "check_teller",
    "check_test_size",
    "check_todays_trainer",
    "check_trainer",
    "check_validates_every_six",
    "check_validation_loss",
    "check_week_end_trainer",
    "not_yet",
    "right",
]
