"""What is about to run, looked at without leaving a trace on it."""

import copy
import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng


class Run(NamedTuple):
    """What is about to run."""

    model: LightningModule
    datamodule: LightningDataModule | None
    trainer: Trainer | None

    @property
    def callbacks(self) -> list[Callback]:
        """The callbacks of the Trainer."""
        return list(self.trainer.callbacks) if self.trainer else []


@contextmanager
def no_trace() -> Iterator[None]:
    """Leave the random generators as they are; no warnings, nothing printed."""
    # Asking CUDA for its generators would start it, after which processes can no longer be forked.
    with isolate_rng(include_cuda=torch.cuda.is_initialized()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(io.StringIO()):
            yield


def base_of(owner: Any) -> type:
    """Return the class of Lightning that a model, a datamodule or a callback is of."""
    return next(base for base in (LightningModule, LightningDataModule, Callback) if isinstance(owner, base))


def overrides(owner: Any, base: type, name: str) -> bool:
    """Tell whether an object has a method of its own in place of its base's."""
    return getattr(type(owner), name, None) is not getattr(base, name, None)


def set_up(owner: LightningDataModule | LightningModule, stage: str) -> Any:
    """Return a copy after `setup(stage)`, the random generators having started from 0; None if that fails."""
    trainer = getattr(owner, "_trainer", None) or vars(owner).get("trainer")
    torch.default_generator.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    try:
        own = copy.deepcopy(owner, {id(trainer): trainer})
    except Exception:
        return None  # it holds something that cannot be copied, such as an open file
    for name in [name for name, value in vars(own).items() if hasattr(value, "__wrapped__")]:
        delattr(own, name)  # a recorder's wrapper, which would call the original's hook
    return set_up_further(own, stage)


def set_up_further(own: Any, stage: str) -> Any:
    """Call `setup(stage)` on a copy that may have been set up before; None if that fails."""
    try:
        own.setup(stage=stage)
    except Exception:
        return None  # what it needs is not there before the run
    torch.rand(3)  # random numbers, as the stage itself would draw
    np.random.rand(3)
    random.random()  # noqa: S311
    return own


def loader_of(own: Any, part: str) -> Any:
    """Return what `train_dataloader`, say, returns for the part `train`; None if that fails."""
    try:
        return getattr(own, f"{part}_dataloader")()
    except Exception:
        return None
