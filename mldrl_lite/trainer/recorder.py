"""A callback that records every hook of a run, and the names of the hooks."""

import contextlib
import functools
import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from types import MethodType
from typing import Any

import pandas as pd
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.core.hooks import CheckpointHooks, DataHooks, ModelHooks


@dataclass(frozen=True)
class HookCall:
    """One call of one hook, and the state of the run at that moment."""

    owner: str
    """`callback`, `module` or `datamodule`."""
    hook: str
    depth: int
    """How many other recorded hooks this one was called from."""
    stage: str
    """`setup`, `sanity_check`, `train`, `validate`, `test` or `predict`."""
    epoch: int
    batch: int | None
    """The `batch_idx` that the hook was given, if it was given one."""
    step: int
    """Optimizer steps taken so far."""
    grad: bool
    """Whether autograd records operations."""
    training: bool
    """Whether the module is in train mode (dropout on) rather than eval mode."""
    device: str


class HookRecorder(Callback):
    """Record every hook of callbacks, of the module and of the datamodule, in the order of a real run.

    Give the same objects to the recorder and to the Trainer: `HookRecorder(model, datamodule)`. Their hooks are wrapped
    until `release` is called. `calls` holds the records, `table()` shows them.
    """

    def __init__(self, *watched: LightningModule | LightningDataModule) -> None:
        self.calls: list[HookCall] = []
        self._depth = 0
        self._watched = watched
        for owner in watched:
            for name in hook_names(owner):
                vars(owner).pop(name, None)  # an earlier recorder's
                # Bound to its owner, as any method is: a copy of the owner then has hooks of its own.
                setattr(owner, name, MethodType(self._recorded(getattr(type(owner), name)), owner))

    def release(self) -> None:
        """Give the watched objects their own hooks back."""
        for owner in self._watched:
            for name in hook_names(owner):
                vars(owner).pop(name, None)

    def table(self) -> pd.DataFrame:
        """Return one row per call, in order; the columns are those of `HookCall`."""
        return pd.DataFrame([asdict(call) for call in self.calls], columns=[field.name for field in fields(HookCall)])

    def _recorded(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        # Lightning looks through functools.wraps when it asks whether a hook is overridden, so nothing else changes.
        @functools.wraps(hook)
        def recorded(owner: LightningModule | LightningDataModule, *args: Any, **kwargs: Any) -> Any:
            kind = "module" if isinstance(owner, LightningModule) else "datamodule"
            trainer = None
            with contextlib.suppress(RuntimeError):  # of a module to which no Trainer is attached yet
                trainer = owner.trainer
            batch = inspect.signature(hook).bind(owner, *args, **kwargs).arguments.get("batch_idx")
            self._record(kind, hook.__name__, trainer, owner if kind == "module" else None, batch)
            self._depth += 1
            try:
                return hook(owner, *args, **kwargs)
            finally:
                self._depth -= 1

        return recorded

    def _record(
        self, owner: str, hook: str, trainer: Trainer | None, module: LightningModule | None, batch: int | None
    ) -> None:
        module = module or (trainer.lightning_module if trainer else None)
        stage = trainer.state.stage if trainer else None
        self.calls.append(
            HookCall(
                owner=owner,
                hook=hook,
                depth=self._depth,
                stage=stage.value if stage else "setup",
                epoch=trainer.current_epoch if trainer else 0,
                batch=batch,
                step=trainer.global_step if trainer else 0,
                grad=torch.is_grad_enabled(),
                training=module.training if module else True,
                device=str(module.device) if module else "cpu",
            )
        )


def hook_names(owner: LightningModule | LightningDataModule | type[Callback]) -> list[str]:
    """Return the names of the hooks that the Trainer may call on a module, a datamodule or a callback.

    They are read off the installed Lightning, so that a new hook appears here by itself.
    """
    if isinstance(owner, type):
        return [
            name
            for name in _functions(Callback)
            if "pl_module" in inspect.signature(getattr(Callback, name)).parameters
        ]
    if isinstance(owner, LightningDataModule):
        return [name for name in _functions(DataHooks, CheckpointHooks) if hasattr(LightningDataModule, name)]
    return (
        _functions(ModelHooks, DataHooks, CheckpointHooks)
        + [
            name
            for name in _functions(LightningModule)
            if name.endswith(_STEP_ENDINGS) or name.startswith("configure_")
        ]
        + ["forward", "backward"]
    )


_STEP_ENDINGS = (
    "training_step",
    "validation_step",
    "test_step",
    "predict_step",
    "optimizer_step",
    "scheduler_step",
    "zero_grad",
)


def _functions(*classes: type) -> list[str]:
    names = (name for cls in classes for name, member in vars(cls).items() if inspect.isfunction(member))
    return list(dict.fromkeys(name for name in names if not name.startswith("_")))


def _callback_hook(name: str) -> Callable[..., None]:
    original = getattr(Callback, name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def record(self: HookRecorder, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        batch = signature.bind(self, trainer, pl_module, *args, **kwargs).arguments.get("batch_idx")
        self._record("callback", name, trainer, pl_module, batch)

    return record


for _name in hook_names(Callback):
    setattr(HookRecorder, _name, _callback_hook(_name))
