"""What to write today for an argument or a strategy of 1.x, by the kind of value that it had: rows of an index.

old_arguments()     # [Row(old="gpus=0", code="Trainer(accelerator='cpu')", note=""), …]
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from mldrl_lite.trainer.migrate.snippet import translate
from mldrl_lite.trainer.names import REMOVED, REMOVED_STRATEGIES, import_lines


class Row(NamedTuple):
    """An argument of 1.x with a value, and what takes its place."""

    old: str
    """The argument as it was written, such as `gpus=2`."""
    code: str
    """The lines of today, with the imports that they need; "" where the argument is left out, or nothing does it."""
    note: str
    """What to know before the code is copied: where it goes, or what it does otherwise than 1.x; else ""."""


_OTHER_VALUES = {
    "gpus": ("0", "None", "n"),
    "tpu_cores": ("[1]",),
    "num_processes": ("1",),
    "distributed_backend": ("'dp'", "'ddp_cpu'"),
    "prepare_data_per_node": ("True",),
    "checkpoint_callback": ("True", "ModelCheckpoint()"),
    "early_stop_callback": ("EarlyStopping('val_loss')",),
    "progress_bar_refresh_rate": ("0",),
    "process_position": ("0",),
    "weights_summary": ("'top'", "'full'"),
    "track_grad_norm": ("-1",),
    "auto_lr_find": ("'rate'",),
    "auto_scale_batch_size": ("True",),
    "amp_backend": ("'native'",),
    "multiple_trainloader_mode": ("'max_size_cycle'",),
    "truncated_bptt_steps": ("0",),
    "automatic_optimization": ("True",),
    "enable_pl_optimizer": ("True",),
}
"""Values that get another answer than the one in `Removed.old`; None and False only where they asked for something."""

_OUTSIDE_THE_CALL = {
    "auto_lr_find='rate'": "Tuner(Trainer()).lr_find(model, attr_name='rate')",
    "auto_scale_batch_size=True": "Tuner(Trainer()).scale_batch_size(model, datamodule=datamodule)",
}
"""What those of them become for which `translate` writes no code."""

_SAME = {
    *("tpu_cores", "distributed_backend", "replace_sampler_ddp", "checkpoint_callback", "early_stop_callback"),
    *("progress_bar_refresh_rate", "process_position", "weights_summary", "log_gpu_memory"),
    *("reload_dataloaders_every_epoch", "enable_pl_optimizer"),
}
"""Arguments whose code of today needs no word; with the others stands what to know."""

_SPAWNED = "without a strategy, 1.x took 'ddp_spawn', today takes 'ddp'"
_BEFORE_FIT = "before fit, with the trainer that you already have"
_NOTES = {
    "gpus": _SPAWNED,
    "num_processes": _SPAWNED,
    "auto_lr_find": _BEFORE_FIT,
    "auto_scale_batch_size": _BEFORE_FIT,
}
"""Notes that are shorter in an index than in `REMOVED`, or say what `translate` says by the value."""


def old_arguments() -> list[Row]:
    """Return a row for each argument of 1.x that is gone and each kind of value that changes what to write.

    Where None or False has no row of its own, it asked for nothing, and the argument is left out.
    """
    return [row for name in REMOVED for row in _rows(name)]


def old_strategies() -> list[Row]:
    """Return a row for each strategy of 1.x that is gone."""
    return [_strategy(f"strategy={old!r}", new, note) for old, (new, note) in REMOVED_STRATEGIES.items()]


def _strategy(old: str, new: str | None, note: str) -> Row:
    return _row(old, translate(f"Trainer({old})").source if new else "", note)


def _rows(name: str) -> Iterator[Row]:
    removed = REMOVED[name]
    note = "" if name in _SAME else _NOTES.get(name, removed.note)
    yield _row(removed.old.removeprefix("Trainer(").removesuffix(")"), removed.today, note)
    for value in _OTHER_VALUES.get(name, ()):
        old = f"{name}={value}"
        outside = _OUTSIDE_THE_CALL.get(old)
        strategy = REMOVED_STRATEGIES.get(value.strip("'"), ("", ""))
        yield _row(old, outside or translate(f"Trainer({old})").source, note if outside else strategy[1])


def _row(old: str, today: str, note: str) -> Row:
    tree = ast.parse(today)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"Trainer"}
    code = "\n".join([*import_lines(names), ast.unparse(tree)])
    return Row(old, "" if code == "Trainer()" else code, note)
