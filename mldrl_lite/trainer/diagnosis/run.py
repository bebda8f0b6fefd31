"""What is about to run, looked at without leaving a trace on it."""

import copy
import io
import itertools
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning.utilities.seed import isolate_rng


class Run(NamedTuple):
    """What is about to run."""

    model: Any
    """A LightningModule, of `pytorch_lightning` or of `lightning`."""
    datamodule: Any
    """A LightningDataModule or None."""
    trainer: Any
    """A Trainer or None."""
    loaders: tuple[Any, ...] = ()
    """The loaders as `fit` takes them, that of training first, where they were given instead of a datamodule."""

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks of the Trainer."""
        return list(self.trainer.callbacks) if self.trainer else []

    @property
    def owners(self) -> list[Any]:
        """The objects whose methods Lightning calls."""
        return [owner for owner in (self.model, self.datamodule, *self.callbacks) if owner is not None]


@contextmanager
def no_trace() -> Iterator[None]:
    """Leave the random generators as they are; no warnings, nothing printed."""
    # Asking CUDA for its generators would start it, after which processes can no longer be forked.
    with isolate_rng(include_cuda=torch.cuda.is_initialized()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(io.StringIO()):
            yield


def copied(owner: Any) -> Any:
    """Return a copy of a model or a datamodule that calls no hook of the original; None if it cannot be copied."""
    trainer = vars(owner).get("_trainer") or vars(owner).get("trainer")
    try:
        own = copy.deepcopy(owner, {id(trainer): trainer, **_long_lists(owner)})
    except Exception:
        return None  # it holds something that cannot be copied, such as an open file
    for name in [name for name, value in vars(own).items() if hasattr(value, "__wrapped__")]:
        delattr(own, name)  # a recorder's wrapper, which would call the original's hook
    return own


_LONG = 10_000
_PLAIN = {str, int, float, bool, bytes, type(None)}


def _long_lists(held: Any, depth: int = 3) -> dict[int, Any]:
    """Return copies of the long lists of plain entries that an object holds, which deepcopy would take minutes for."""
    if isinstance(held, list | tuple) and len(held) > _LONG:
        flat = itertools.chain.from_iterable(held) if {*map(type, held)} <= {tuple} else held
        return {id(held): held[:]} if {*map(type, flat)} <= _PLAIN else {}
    inner = held.values() if isinstance(held, dict) else held if isinstance(held, list | tuple) else []
    inner = vars(held).values() if hasattr(held, "__dict__") and not isinstance(held, type | ModuleType) else inner
    return {key: value for part in inner for key, value in _long_lists(part, depth - 1).items()} if depth else {}


def set_up(owner: Any, stage: str) -> Any:
    """Return a copy after `setup(stage)`, the random generators having started from 0; None if that fails."""
    torch.default_generator.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    own = copied(owner)
    return None if own is None else set_up_further(own, stage)


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
