"""What to write today for an argument of 1.x, by the kind of value that it had: rows of an index.

old_arguments()     # [Row(old="gpus=2", code="Trainer(accelerator='gpu', devices=2)", note=""), …]
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from mldrl_lite.trainer.migrate.snippet import translate
from mldrl_lite.trainer.names import REMOVED, import_lines


class Row(NamedTuple):
    """An argument of 1.x with a value, and what takes its place."""

    old: str
    """The argument as it was written, such as `gpus=2`."""
    code: str
    """The lines that do the same today, with the imports that they need; "" where the argument is left out."""
    note: str
    """What to know before the code is copied, where it is no call of the Trainer; else ""."""


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


def old_arguments() -> list[Row]:
    """Return a row for each argument of 1.x that is gone and each kind of value that changes what to write.

    Where None or False has no row of its own, it asked for nothing, and the argument is left out.
    """
    return [row for name in REMOVED for row in _rows(name)]


def _rows(name: str) -> Iterator[Row]:
    removed = REMOVED[name]
    note = "" if removed.today.startswith("Trainer(") else removed.note
    yield _row(removed.old.removeprefix("Trainer(").removesuffix(")"), removed.today, note)
    for value in _OTHER_VALUES.get(name, ()):
        old = f"{name}={value}"
        outside = _OUTSIDE_THE_CALL.get(old)
        yield _row(old, outside or translate(f"Trainer({old})").source, note if outside else "")


def _row(old: str, today: str, note: str) -> Row:
    tree = ast.parse(today)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"Trainer"}
    code = "\n".join([*import_lines(names), ast.unparse(tree)])
    return Row(old, "" if code == "Trainer()" else code, note)
