"""Hooks of 1.x, as tables: those that are gone, and those that lost or gained a parameter.

How rows are named is told in `moved`.
"""

from typing import NamedTuple

from mldrl_lite.trainer.rules.hooks import REMOVED_HOOKS


class Hook(NamedTuple):
    """What becomes of a hook of 1.x."""

    today: str
    """The hook that does its work; "" if a person has to decide."""
    why: str = ""
    rows: str = ""
    example: str = ""
    parameters: str = ""
    """The parameters of today's hook; "" if they are the same."""


_WENT = "See where the old hooks went"
_EPOCH = "it ran in training, validation and test: choose among {}"
_STEP_END = "move what it does into {}_batch_end, or to the end of the step"
_LOADER = "do in {} what it did"
_SETUP = "trainer, pl_module, stage"

_COMMON = {
    "on_epoch_start": Hook("", _EPOCH.format(", ".join(REMOVED_HOOKS["on_epoch_start"])), "1.7a11", _WENT),
    "on_epoch_end": Hook("", _EPOCH.format(", ".join(REMOVED_HOOKS["on_epoch_end"])), "1.7a11", _WENT),
    "on_pretrain_routine_start": Hook("on_fit_start", rows="1.7a12"),
    "on_pretrain_routine_end": Hook("on_fit_start", rows="1.7a12"),
}
_LOADERS = {
    f"on_{stage}_dataloader": Hook("", _LOADER.format(f"{stage}_dataloader"), f"1.6r{row}", _WENT)
    for stage, row in (("train", 12), ("val", 13), ("test", 14), ("predict", 15))
}

HOOKS = {
    "module": {
        **_COMMON,
        **_LOADERS,
        "on_hpc_save": Hook("on_save_checkpoint", rows="1.7r7"),
        "on_hpc_load": Hook("on_load_checkpoint", rows="1.7r6"),
        "on_post_move_to_device": Hook("", "tie parameters in __init__: they are found", "1.6a5", _WENT),
        "get_progress_bar_dict": Hook("", "a progress bar's get_metrics chooses what it shows", "1.6a4", _WENT),
        "training_step_end": Hook("", _STEP_END.format("on_train"), "1.9a57", _WENT),
        "validation_step_end": Hook("", _STEP_END.format("on_validation"), "1.9a58", _WENT),
        "test_step_end": Hook("", _STEP_END.format("on_test"), "1.9a59", _WENT),
        "training_end": Hook("", _STEP_END.format("on_train")),
        "validation_end": Hook("", "keep the outputs of the steps, and use on_validation_epoch_end"),
        "test_end": Hook("", "keep the outputs of the steps, and use on_test_epoch_end"),
        "tbptt_split_batch": Hook("", "cut the batch in training_step, with manual optimization", "1.9d21"),
        "configure_ddp": Hook("", "a strategy of your own wraps the model in setup"),
        "configure_apex": Hook("", "Apex is gone"),
        "configure_sync_batchnorm": Hook("", "Trainer(sync_batchnorm=True) does it, or a strategy of your own"),
        "init_ddp_connection": Hook("", "a strategy of your own starts the processes"),
    },
    "datamodule": {
        **_LOADERS,
        "on_save": Hook("on_save_checkpoint", rows="1.7r4"),
        "on_load": Hook("on_load_checkpoint", rows="1.7r5"),
    },
    "callback": {
        **_COMMON,
        "on_init_start": Hook("", "setup, or on_fit_start, come first today", "1.7a13", _WENT),
        "on_init_end": Hook("", "setup, or on_fit_start, come first today", "1.7a14", _WENT),
        "on_batch_start": Hook(
            "on_train_batch_start", rows="1.7a9", parameters="self, trainer, pl_module, batch, batch_idx"
        ),
        "on_batch_end": Hook(
            "on_train_batch_end", rows="1.7a10", parameters="self, trainer, pl_module, outputs, batch, batch_idx"
        ),
        "on_configure_sharded_model": Hook("setup", rows="1.7a7", parameters=f"self, {_SETUP}"),
        "on_before_accelerator_backend_setup": Hook("setup", rows="1.7a8", parameters=f"self, {_SETUP}"),
    },
    "plugin": {
        "dispatch": Hook("", "it was removed: nothing calls it", "1.9d66 1.9d67"),
        "on_load_checkpoint": Hook("", "load_state_dict(state) restores", "1.7d14"),
        "on_save_checkpoint": Hook("", "state_dict() saves", "1.7d15"),
        "master_params": Hook("", "main_params(optimizer)", "1.6d6"),
        "creates_children": Hook("", "the property creates_processes_externally", "1.6d5"),
        "close": Hook("", "finalize(status)", "1.6d1 1.6d2"),
        "agg_and_log_metrics": Hook("", "log_metrics(metrics, step)", "1.7a22"),
    },
    "accelerator": {
        "dispatch": Hook("", "it was removed: nothing calls it", "1.9d66 1.9d67"),
        "setup_environment": Hook("", "setup_device(device)", "1.9d49"),
    },
}
"""By kind of class and hook; `plugin` are plugins, strategies, loggers and profilers."""

NUMBERS = ("optimizer_idx", "opt_idx", "optimizer_i", "optimizer_index")
"""Names that people give the number of an optimizer."""


def _numbers(row: str) -> dict[str, str]:
    return dict.fromkeys(NUMBERS, row)


DROPPED = {
    ("module", "optimizer_step"): {
        **_numbers("1.9a41"),
        "on_tpu": "1.9a10",
        "using_native_amp": "1.9a10",
        "using_lbfgs": "1.9a11",
        "second_order_closure": "",
    },
    ("module", "optimizer_zero_grad"): _numbers("1.9a42"),
    ("module", "lr_scheduler_step"): _numbers("1.9a43"),
    ("module", "configure_gradient_clipping"): _numbers("1.9a40"),
    ("module", "on_before_optimizer_step"): _numbers("1.9a39"),
    ("module", "backward"): {"optimizer": "1.9a45", **_numbers("1.9a46")},
    ("module", "on_train_epoch_end"): {"outputs": "1.4r1"},
    ("callback", "on_before_optimizer_step"): _numbers("1.9a37"),
    ("callback", "finetune_function"): _numbers("1.9a36"),
    ("callback", "on_train_epoch_end"): {"outputs": "1.4r1"},
    ("callback", "on_validation_epoch_end"): {"outputs": ""},
    ("callback", "on_test_epoch_end"): {"outputs": ""},
    ("plugin", "optimizer_step"): _numbers("1.9a47 1.9a49 1.9a51"),
    ("plugin", "backward"): _numbers("1.9a48 1.9a50"),
    ("accelerator", "optimizer_step"): _numbers("1.9a47"),
    ("accelerator", "backward"): _numbers("1.9a48"),
}
"""Parameters that a hook is not given any more, with their rows."""

DECIDED = {
    **dict.fromkeys(NUMBERS, ("1.9a38", "several optimizers are stepped by hand", "Two optimizers")),
    "hiddens": ("1.9d22", "sequences are cut by hand", "Replace the arguments"),
    "new_format": ("1.7d28 1.7d29", "outputs have one form only", "Replace hooks that raise"),
    "hidden": ("1.9d22", "sequences are cut by hand", "Replace the arguments"),
}
"""Parameters of training_step and of hooks with outputs that are gone, and what to do instead."""

ITERATORS = {"training_step": "2.0a2", "validation_step": "2.0a3", "test_step": "2.0a4", "predict_step": "2.0a5"}
"""Steps that can take an iterator, which gives batch, batch_idx and dataloader_idx today."""

BATCH_HOOKS = {
    "on_train_batch_start": 2,
    "on_train_batch_end": 3,
    "on_validation_batch_start": 2,
    "on_validation_batch_end": 3,
    "on_test_batch_start": 2,
    "on_test_batch_end": 3,
    "on_predict_batch_start": 2,
    "on_predict_batch_end": 3,
}
"""How many arguments, beyond self and a callback's two, these hooks are sure to get; dataloader_idx may come or not."""
