"""Hooks that nobody calls, and values that nobody reads."""

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from mldrl_lite.trainer.rules.classes import (
    CALLBACK,
    DATAMODULE,
    MODULE,
    Class,
    Function,
    Method,
    Problem,
    called_by_others,
    returns,
)
from mldrl_lite.trainer.rules.hook_names import hooks, known

REMOVED_HOOKS = {
    "on_epoch_start": ("on_train_epoch_start", "on_validation_epoch_start", "on_test_epoch_start"),
    "on_epoch_end": ("on_train_epoch_end", "on_validation_epoch_end", "on_test_epoch_end"),
    "on_batch_start": ("on_train_batch_start",),
    "on_batch_end": ("on_train_batch_end",),
    "training_step_end": ("training_step",),
    "validation_step_end": ("validation_step",),
    "test_step_end": ("test_step",),
    "training_epoch_end": ("on_train_epoch_end",),
    "validation_epoch_end": ("on_validation_epoch_end",),
    "test_epoch_end": ("on_test_epoch_end",),
    "training_end": ("training_step",),
    "validation_end": ("on_validation_epoch_end",),
    "test_end": ("on_test_epoch_end",),
    "tng_dataloader": ("train_dataloader",),
    "on_pretrain_routine_start": ("on_fit_start",),
    "on_pretrain_routine_end": ("on_fit_start",),
    "on_pre_performance_check": ("on_validation_start",),
    "on_post_performance_check": ("on_validation_end",),
    "on_init_start": ("setup",),
    "on_init_end": ("setup",),
    "on_before_accelerator_backend_setup": ("setup",),
    "on_configure_sharded_model": ("setup",),
    "on_keyboard_interrupt": ("on_exception",),
    "on_train_dataloader": ("train_dataloader",),
    "on_val_dataloader": ("val_dataloader",),
    "on_test_dataloader": ("test_dataloader",),
    "on_predict_dataloader": ("predict_dataloader",),
    "on_hpc_save": ("on_save_checkpoint",),
    "on_hpc_load": ("on_load_checkpoint",),
    "tbptt_split_batch": ("training_step",),
    "amp_scale_loss": ("backward",),
    "log_grad_norm": ("on_before_optimizer_step",),
}
"""Hooks of the base classes of 0.7 to 1.9, and those of today that do the same: several, where it ran in each."""

_AFTER_A_STEP = ("training_step_end", "validation_step_end", "test_step_end", "training_end")
"""Those whose value took the place of what the step returned: a loss, or what a hook at the end of the epoch read."""

MOVED = {
    "get_progress_bar_dict": "log with prog_bar=True, or override get_metrics of a progress bar.",
    "get_tqdm_dict": "log with prog_bar=True, or override get_metrics of a progress bar.",
    "on_post_move_to_device": "share the weights in __init__; they stay shared.",
    "configure_ddp": "give Trainer a strategy, such as DDPStrategy(…).",
    "init_ddp_connection": "give Trainer a strategy, such as DDPStrategy(…).",
    "configure_sync_batchnorm": "give Trainer(sync_batchnorm=True), or a plugin of your own.",
    "configure_apex": "give Trainer(precision=…).",
    "add_to_queue": "give Trainer a strategy of your own.",
    "get_from_queue": "give Trainer a strategy of your own.",
}
"""Hooks of 0.7 to 1.9 whose work is done outside the hooks today."""

_MOVED_FROM_DATA = {"on_save_checkpoint": "state_dict", "on_load_checkpoint": "load_state_dict"}
"""Hooks that a LightningDataModule had from 1.0 to 1.7."""

LOUD = ("training_epoch_end", "validation_epoch_end", "test_epoch_end")

OTHER_NAMES = {
    "train_step": "training_step",
    "val_step": "validation_step",
    "valid_step": "validation_step",
    "validate_step": "validation_step",
    "eval_step": "validation_step",
    "valid_dataloader": "val_dataloader",
    "validation_dataloader": "val_dataloader",
    "on_train_begin": "on_train_start",
    "on_epoch_begin": "on_train_epoch_start",
    "on_batch_begin": "on_train_batch_start",
    "on_train_batch_begin": "on_train_batch_start",
}
"""Names that people bring along from elsewhere."""

# A method called on_... can only be meant as a hook; others have to be nearer to be taken for one.
_NEAR = {True: 0.75, False: 0.86}


def dead_hooks(classes: Sequence[Class], called: Collection[str]) -> Iterator[Problem]:
    """Methods that look like a hook, but that neither Lightning nor anybody else ever calls.

    Args:
        classes: what is looked at together.
        called: the attribute names that code around the classes mentions: what it may call, it calls.
    """
    seen: set[ast.AST] = set()
    used = {*called}
    for cls in classes:
        used |= called_by_others(*(method.tree for method in cls.definitions)).keys()
    for cls in classes:
        for method in cls.methods.values() if cls.complete and cls.kind in _BASES else ():
            fix = None if method.name.startswith("_") or method.tree in seen else _today(method.name, cls)
            refused = cls.kind == MODULE and method.name in LOUD
            if fix and (method.name not in used or refused):
                seen.add(method.tree)
                yield _dead_hook(cls, method, fix)


_BASES = (MODULE, DATAMODULE, CALLBACK)


def _dead_hook(cls: Class, method: Method, fix: str) -> Problem:
    why = "Lightning calls methods by name; a name that it does not know is no error, the method just never runs."
    if cls.kind == MODULE and method.name in LOUD:
        why = "Lightning 2 refuses to run a model that has it, in the stage that it belongs to."
    what = f"{method.owner}.{method.name} will never be called."
    return cls.problem("dead hook", what, method, method.tree, why, fix)


def _today(name: str, cls: Class) -> str | None:
    """Return what to do instead of a method called `name`, or None if there is nothing wrong with it."""
    moved = _MOVED_FROM_DATA.get(name) if cls.kind == DATAMODULE else None
    if moved:
        return f"It is a hook of 1.x: do this in {moved}."
    if name in known(cls.kind) or name in cls.inherited:
        return None
    if name in REMOVED_HOOKS:
        return f"It is a hook of 1.x{_instead(name, REMOVED_HOOKS[name])}."
    if name in MOVED:
        return f"It is a hook of 1.x: {MOVED[name]}"
    for other in _BASES:
        if other != cls.kind and name in set(hooks(other)) - {"forward", "backward"}:
            return f"It is a hook of {other}: move it there."
    near = OTHER_NAMES.get(name) or _nearest(name, hooks(cls.kind))
    missing = near in hooks(cls.kind) and (name.startswith("on_") or near not in cls.methods)
    return f"Call it {near}, if that is what you mean." if missing else None


def _instead(old: str, names: Sequence[str]) -> str:
    if old in _AFTER_A_STEP:
        return f": do this at the end of {names[0]}, and return there what it returned"
    if len(names) == 1:
        return f": do this in {names[0]}"
    return (
        f" that ran in each of several stages: do this in {', '.join(names[:-1])} and {names[-1]}, or where you need it"
    )


def _nearest(name: str, names: Sequence[str]) -> str:
    event = name.startswith("on_")
    name = re.sub("_val(id)?_", "_validation_", name)
    # A helper called save_checkpoint is not meant as on_save_checkpoint.
    alike = [hook for hook in names if hook.startswith("on_") == event]
    return next(iter(get_close_matches(name, alike, n=1, cutoff=_NEAR[event])), "")


_STEP = re.compile(r"(training|validation|test)_step|on_(train|validation|test)_epoch_end")
_UNREAD = re.compile(
    r"on_(save|load)_checkpoint|on_(fit|train|validation|test|predict)(_epoch)?_(start|end)"
    r"|on_(train|validation|test|predict)_batch_end|prepare_data|setup|teardown"
)
_LOGGED_IN_0X = {"log", "progress_bar"}


def unread_returns(classes: Sequence[Class], called: Collection[str]) -> Iterator[Problem]:
    """Values returned by hooks whose return Lightning does not look at, or no longer does."""
    used = {*called, *(name for cls in classes for name in cls.mentions)}
    for cls in classes:
        for method in cls.methods.values() if cls.kind in _BASES else ():
            yield from _unread(cls, method, used)


def _unread(cls: Class, method: Method, used: Collection[str]) -> Iterator[Problem]:
    for statement in returns(method.tree):
        old = _LOGGED_IN_0X & _keys(statement.value, method.tree)
        if cls.kind == MODULE and _STEP.fullmatch(method.name) and old:
            key = min(old)
            what = f"{method.owner}.{method.name} returns a dictionary with {key!r}, which nobody reads."
            why = "Lightning logged it in early versions, and throws it away today."
            fix = f"Call self.log_dict(…{', prog_bar=True' if key == 'progress_bar' else ''}) instead."
        elif _UNREAD.fullmatch(method.name) and method.name not in used and _is_value(statement.value, method.tree):
            what = f"{method.owner}.{method.name} returns a value, which nobody reads."
            why = "Lightning calls this hook for what it does, and throws away what it returns."
            fix = _keep(method.name, cls.kind)
        else:
            continue
        yield cls.problem("returned value that nobody reads", what, method, statement, why, fix)
        return


def _keep(name: str, kind: str) -> str:
    if name == "on_save_checkpoint":
        return "Write into the checkpoint that the hook is given" + (
            ", or return the value from state_dict." if kind == CALLBACK else "."
        )
    return "Keep it in an attribute of self, or log it; and return nothing."


def _is_value(node: ast.expr | None, tree: Function) -> bool:
    """Tell whether a returned expression is meant to be used: no None, no argument, no call that may return None."""
    given = {argument.arg for argument in (*tree.args.args, *tree.args.kwonlyargs)}
    unclear = isinstance(node, ast.Constant | ast.Call | ast.Await | ast.IfExp)
    return node is not None and not unclear and getattr(node, "id", None) not in given


def _keys(node: ast.expr | None, tree: Function) -> set[str]:
    """Return the keys of a dictionary that is written out, here or where the returned name is assigned."""
    if isinstance(node, ast.Name):
        values = [
            other.value
            for other in ast.walk(tree)
            if isinstance(other, ast.Assign) and any(getattr(t, "id", "") == node.id for t in other.targets)
        ]
        return {key for value in values if isinstance(value, ast.Dict) for key in _keys(value, tree)}
    keys = node.keys if isinstance(node, ast.Dict) else []
    return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
