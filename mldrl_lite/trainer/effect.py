"""The default in effect: what a Trainer does about an argument that it was not given.

The signature says None for most of them, and the Trainer decides when it is built. So most are read from one.
"""

import logging
import warnings
from collections.abc import Callable

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelSummary

READ: dict[str, Callable[[Trainer], object]] = {
    "precision": lambda trainer: trainer.precision,
    "logger": lambda trainer: type(trainer.logger).__name__,
    "callbacks": lambda trainer: ", ".join(type(callback).__name__ for callback in trainer.callbacks),
    "limit_train_batches": lambda trainer: trainer.limit_train_batches,
    "limit_val_batches": lambda trainer: trainer.limit_val_batches,
    "limit_test_batches": lambda trainer: trainer.limit_test_batches,
    "limit_predict_batches": lambda trainer: trainer.limit_predict_batches,
    "val_check_interval": lambda trainer: trainer.val_check_interval,
    "num_sanity_val_steps": lambda trainer: trainer.num_sanity_val_steps,
    "log_every_n_steps": lambda trainer: trainer.log_every_n_steps,
    "enable_checkpointing": lambda trainer: trainer.checkpoint_callback is not None,
    "enable_progress_bar": lambda trainer: trainer.progress_bar_callback is not None,
    "enable_model_summary": lambda trainer: any(isinstance(callback, ModelSummary) for callback in trainer.callbacks),
}
"""What is read from a Trainer that was given nothing."""

TOLD = {
    "accelerator": "a TPU or a GPU where there is one, else the CPU",
    "devices": "all GPUs, or one in a notebook; on a CPU, one process",
    "strategy": "nothing to share on one device; a form of ddp on several",
    "max_epochs": "1000; no limit if max_steps or max_time is given",
    "min_epochs": "no minimum",
    "max_steps": "no limit",
    "min_steps": "no minimum",
    "max_time": "no limit",
    "gradient_clip_val": "no clipping",
    "gradient_clip_algorithm": "norm",
    "deterministic": "as PyTorch is set: off, unless something turned it on",
    "benchmark": "as PyTorch is set: off, unless something turned it on",
    "profiler": "no profiler",
    "plugins": "no plugins",
    "default_root_dir": "the working folder",
    "model_registry": "no registry",
}
"""What depends on the machine, is decided later than that, or is no value but an absence."""


def in_effect() -> dict[str, object]:
    """Return what the installed Trainer does about each argument that it was not given, by name.

    Values are as one would write them; words stand where there is no such value. Left out are the arguments whose
    default in the signature says it already.
    """
    trainer = given_nothing()
    return {name: read(trainer) for name, read in READ.items()} | TOLD


def given_nothing() -> Trainer:
    """Return a Trainer that was given no argument but the CPU, in silence."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Trainer(accelerator="cpu", devices=1)  # to look at a GPU takes time, and changes nothing here
    finally:
        logging.disable(disabled)
