"""Hooks that nobody calls."""

import functools
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from pytorch_lightning import Callback, LightningDataModule, LightningModule

from mldrl_lite.callbacks import hook_names
from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.run import Run, base_of, overrides
from mldrl_lite.trainer.diagnosis.source import names_used, own_methods, place_of

REMOVED_HOOKS = {
    "on_epoch_start": "on_train_epoch_start",
    "on_epoch_end": "on_train_epoch_end",
    "on_batch_start": "on_train_batch_start",
    "on_batch_end": "on_train_batch_end",
    "training_step_end": "on_train_batch_end",
    "validation_step_end": "on_validation_batch_end",
    "test_step_end": "on_test_batch_end",
    "training_epoch_end": "on_train_epoch_end",
    "validation_epoch_end": "on_validation_epoch_end",
    "test_epoch_end": "on_test_epoch_end",
    "on_pretrain_routine_start": "on_fit_start",
    "on_pretrain_routine_end": "on_fit_start",
    "on_init_start": "setup",
    "on_init_end": "setup",
    "on_before_accelerator_backend_setup": "setup",
    "on_configure_sharded_model": "setup",
    "on_keyboard_interrupt": "on_exception",
    "on_train_dataloader": "train_dataloader",
    "on_val_dataloader": "val_dataloader",
    "on_test_dataloader": "test_dataloader",
    "on_predict_dataloader": "predict_dataloader",
    "on_hpc_save": "on_save_checkpoint",
    "on_hpc_load": "on_load_checkpoint",
    "tbptt_split_batch": "training_step",
}
"""Hooks of 1.x, and the hook of today in which to do the same."""

_LOUD = ("training_epoch_end", "validation_epoch_end", "test_epoch_end")

OTHER_NAMES = {
    "train_step": "training_step",
    "val_step": "validation_step",
    "valid_step": "validation_step",
    "validate_step": "validation_step",
    "eval_step": "validation_step",
    "train_loader": "train_dataloader",
    "val_loader": "val_dataloader",
    "valid_dataloader": "val_dataloader",
    "validation_dataloader": "val_dataloader",
    "test_loader": "test_dataloader",
    "on_train_begin": "on_train_start",
    "on_epoch_begin": "on_train_epoch_start",
    "on_batch_begin": "on_train_batch_start",
    "on_train_batch_begin": "on_train_batch_start",
}
"""Names that people bring along from elsewhere."""

# A method called on_... can only be meant as a hook; others have to be nearer to be taken for one.
_NEAR = {True: 0.75, False: 0.86}


def dead_hooks(run: Run) -> Iterator[Finding]:
    """Methods that look like a hook, but that neither Lightning nor these classes themselves ever call."""
    seen: set[Callable[..., Any]] = set()
    owners = [owner for owner in (run.model, run.datamodule, *run.callbacks) if owner is not None]
    called = {name for owner in owners for name in names_used(type(owner))}
    for owner in owners:
        for name, method in own_methods(type(owner)):
            real = _real_hook(name, owner)
            if real and (name not in called or name in _LOUD) and method not in seen:
                seen.add(method)
                yield _dead_hook(name, real, method)


def _dead_hook(name: str, real: str, method: Callable[..., Any]) -> Finding:
    why = "Lightning calls methods by name; a name that it does not know is no error, the method just never runs."
    if name in _LOUD:
        why = "Lightning 2 refuses to run a model that has it, in the stage that it belongs to."
    name = method.__qualname__.rpartition("<locals>.")[2]
    return Finding("dead hook", f"{name} will never be called.", place_of(method), why, real)


def _real_hook(name: str, owner: Any) -> str | None:
    """Return what to do instead of a method called `name`, or None if there is nothing wrong with it."""
    base = base_of(owner)
    if hasattr(base, name):
        return None
    hooks = hook_names(Callback) if base is Callback else hook_names(owner)
    if name in REMOVED_HOOKS:
        return f"It is a hook of 1.x: do this in {REMOVED_HOOKS[name]}."
    for other, others in _hooks_of_others().items():
        if other is not base and name in others:
            return f"It is a hook of {other.__name__}: move it there."
    near = OTHER_NAMES.get(name) or _nearest(name, hooks)
    missing = near in hooks and (name.startswith("on_") or not overrides(owner, base, near))
    return f"Call it {near}, if that is what you mean." if missing else None


def _nearest(name: str, hooks: list[str]) -> str:
    name = re.sub("_val(id)?_", "_validation_", name)
    return next(iter(get_close_matches(name, hooks, n=1, cutoff=_NEAR[name.startswith("on_")])), "")


@functools.cache
def _hooks_of_others() -> dict[type, set[str]]:
    return {
        LightningModule: set(hook_names(LightningModule())) - {"forward", "backward"},
        LightningDataModule: set(hook_names(LightningDataModule())),
        Callback: set(hook_names(Callback)),
    }
