"""The rules by which a `Trainer(...)` call of 0.x or 1.x becomes one of today."""

from collections.abc import Callable
from typing import Any

import libcst as cst

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.draft import Around, Draft
from mldrl_lite.trainer.migrate.expressions import (
    Unknown,
    build,
    cases,
    constructs,
    each_case,
    is_,
    literal,
    make,
    short,
    value,
    with_items,
)
from mldrl_lite.trainer.migrate.findings import DECIDE, NOTE
from mldrl_lite.trainer.migrate.hardware import (
    NOTHING,
    accelerator,
    distributed_backend,
    gpus,
    is_variable,
    num_processes,
    plugins,
    strategy,
)
from mldrl_lite.trainer.names import GONE_BEFORE_1, REMOVED, RENAMED_BEFORE_1

_Rule = Callable[[Draft, str, cst.BaseExpression], None]


def rewrite_call(call: cst.Call, around: Around) -> tuple[cst.Call, Draft]:
    """Rewrite one call of the Trainer.

    Returns:
        The call, the same object if nothing changes, and the draft, with its remarks and the names to import.

    Raises:
        InputError: the call has something that nothing replaces, or that only a person can tell.
    """
    draft = Draft(call.args, call.whitespace_before_args, around)
    for name in [name for name in _OLDEST if name in draft.arguments]:
        _oldest(draft, name, draft.arguments.pop(name))
    for name, rule in RULES.items():
        if name in draft.arguments:
            rule(draft, name, draft.arguments.pop(name))
    _change_what_none_means(draft)
    return (draft.call(call) if draft.changed else call), draft


_OLDEST = [*RENAMED_BEFORE_1, *GONE_BEFORE_1]


def _oldest(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """Arguments of 0.x."""
    today = RENAMED_BEFORE_1.get(name)
    if name == "use_amp" and not is_(node, False, None):
        mixed = value("16-mixed")
        draft.put("precision", mixed if is_(node, True) else build("{a} if {b} else 32", a=mixed, b=node), name, node)
    elif today is None:
        draft.note(name, node, GONE_BEFORE_1[name])
    elif today in draft.arguments:
        raise InputError(f"The call has both {name} and {today}: give the one to follow.")
    else:
        draft.put(today, node, name, node)


def _change_what_none_means(draft: Draft) -> None:
    """What the same words do differently today; where nothing tells of 1.x, they are taken as of today."""
    if not draft.unpacked and not draft.arguments.keys() & {"accelerator", "devices"}:
        text = "No device is named: 1.x took the CPU, today's Trainer takes any GPU it finds unless accelerator='cpu'."
        draft.remark(NOTE, text)
    if is_(draft.arguments.get("devices"), "auto"):
        draft.remark(NOTE, "devices='auto' is one GPU in a notebook today: devices=-1 takes all.", "devices")
    old, logger = draft.changed, draft.arguments.get("logger")
    if logger is None or not (old or draft.around.alone):
        return
    if any(is_(case, None) for case in cases(logger)) and old:
        today = each_case(logger, lambda case: value(False) if is_(case, None) else case)
        draft.put("logger", today, "logger", logger, "None was no logger in 1.x, and is the default one today")
    elif any(is_(case, None) for case in draft.around.cases(logger)) and old:
        today = build("{logger} or False", logger=logger)
        draft.put("logger", today, "logger", logger, "None was no logger in 1.x, and is the default one today")
    elif is_(logger, None) or (old and is_variable(logger) and draft.around.cases(logger) == [logger]):
        draft.note("logger", logger, "kept; None was no logger in 1.x, and is the default one today", NOTE)


# The rules. Each is given the draft, the name of the argument that it has just taken out of it, and the value.


def _moved(*off: object) -> _Rule:
    """What it did is done elsewhere today; `off` are the values with which it did nothing."""

    def rule(draft: Draft, name: str, node: cst.BaseExpression) -> None:
        note = REMOVED[name].note.replace("=...", f"={short(node)}")
        if all(is_(case, *off) for case in cases(node)):
            draft.note(name, node, NOTHING)
        elif name in draft.around.moves:
            draft.note(name, node, draft.around.moves[name])
        elif draft.around.alone or name in _HARMLESS:
            draft.note(name, node, note)
        else:
            draft.arguments[name] = node
            draft.note(name, node, f"left as it is, to be done by hand: {note}", DECIDE)

    return rule


_HARMLESS = {"enable_pl_optimizer", "auto_select_gpus", "move_metrics_to_cpu", "flush_logs_every_n_steps"}
"""What can be left out with a note: results stay the same without it."""


def _values(today: dict[Any, Any]) -> _Rule:
    """The argument stays, but some values have other names today, or None: then it is left out."""

    def new(case: cst.BaseExpression) -> cst.BaseExpression:
        hits = [after for before, after in today.items() if is_(case, before)]
        return value(hits[0]) if hits else case

    def rule(draft: Draft, name: str, node: cst.BaseExpression) -> None:
        after = each_case(node, new)
        if after is node and None in today and isinstance(node, cst.Name):
            after = _unless_it_is_none(draft, node, value(today[None]))
        if after is node:
            draft.arguments[name] = node
        elif is_(node, None) or is_(after, None):
            draft.note(name, node, NOTHING)
        else:
            draft.put(name, after, name, node)

    return rule


def _unless_it_is_none(draft: Draft, node: cst.BaseExpression, other: cst.BaseExpression) -> cst.BaseExpression:
    """Write out what None becomes, where the file says that a variable can be None."""
    if not any(is_(case, None) for case in draft.around.cases(node)):
        return node
    return build("{node} if {node} is not None else {other}", node=node, other=other)


def _tpu_cores(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, None, 0):
        draft.note(name, node, NOTHING)
        return
    cores, given = node, literal(node)
    if isinstance(given, list) and all(isinstance(core, int) for core in given):
        cores = value([core - 1 for core in given])  # the number of one core: from 1 in 1.x, from 0 today
    draft.set("accelerator", value("tpu"), name)
    draft.set("devices", cores, name)
    draft.note(name, node, f"now accelerator='tpu', devices={short(cores)}")


def _ipus(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if not is_(node, None, 0):
        raise InputError(f"ipus={short(node)} cannot be translated: {REMOVED[name].note}.")
    draft.note(name, node, NOTHING)


def _checkpoint_callback(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """It was True, False, None (as usual) or a ModelCheckpoint."""
    known = [case for case in draft.around.cases(node) if _is_flag(case) or constructs(case)]
    sides = cases(node)
    if all(_is_flag(case) for case in draft.around.cases(node)):
        _flag("enable_checkpointing")(draft, name, node)
        return
    if len(known) < len(draft.around.cases(node)) and len(sides) == 1 and not isinstance(node, cst.Call):
        if not draft.around.alone:
            draft.arguments[name] = node
            why = "left as it is: a ModelCheckpoint goes into callbacks, True or False to enable_checkpointing"
            draft.note(name, node, why, DECIDE)
            return
        why = "if it is True or False, write enable_checkpointing instead"
        draft.append_callback(node, name, node, why, DECIDE)
        return
    draft.append_callback(_unless_flag(node), name, node)
    if any(is_(case, False) for case in sides):
        on = each_case(node, lambda case: value(not is_(case, False)))
        draft.put("enable_checkpointing", on, name, node)


def _is_flag(node: cst.BaseExpression) -> bool:
    return is_(node, True, False, None) or isinstance(node, cst.Comparison) or _is_not(node)


def _is_not(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)


def _early_stop_callback(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, None, False):
        draft.note(name, node, NOTHING)
    elif is_(node, True):
        draft.add_callback("EarlyStopping", name, node, monitor=value("val_loss"))
    else:
        draft.append_callback(_unless_flag(node), name, node)


def _unless_flag(node: cst.BaseExpression) -> cst.BaseExpression:
    """`x if c else None` as an element of a list: `*([x] if c else [])`."""
    if not any(is_(case, None, False, True) for case in cases(node)):
        return node

    def listed(case: cst.BaseExpression) -> cst.BaseExpression:
        return build("[]") if is_(case, None, False, True) else with_items(None, [case])

    inner = each_case(node, listed)
    return cst.StarredElement(inner.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))


def _flag(new: str) -> _Rule:
    """A flag that took None for "as usual" became today's flag `new`."""

    def rule(draft: Draft, name: str, node: cst.BaseExpression) -> None:
        if is_(node, None):
            draft.note(name, node, NOTHING)
        elif new in draft.arguments:
            draft.note(name, node, f"left out, as {new} says the same")
        else:
            draft.put(new, node, name, node, REMOVED[name].note)

    return rule


def _callback(new: str, argument: str, *off: object) -> _Rule:
    """The value became an argument of a callback of Lightning."""

    def rule(draft: Draft, name: str, node: cst.BaseExpression) -> None:
        switch = {"TQDMProgressBar": "enable_progress_bar", "ModelCheckpoint": "enable_checkpointing"}[new]
        if is_(node, None, *off) or is_(draft.arguments.get(switch, value(None)), False):
            draft.note(name, node, NOTHING)
        else:
            draft.add_callback(new, name, node, **{argument: node})

    return rule


def _progress_bar_refresh_rate(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, 0):
        draft.put("enable_progress_bar", value(False), name, node)
        draft.arguments.pop("process_position", None)  # of a bar that is not there
    else:
        _callback("TQDMProgressBar", "refresh_rate")(draft, name, node)


def _weights_summary(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, "full"):
        draft.add_callback("ModelSummary", name, node, max_depth=value(-1))
        return
    shown = each_case(
        node,
        lambda case: build("{case} is not None", case=case) if literal(case) is Unknown else value(not is_(case, None)),
    )
    known = is_(node, None, "top")
    draft.put("enable_model_summary", shown, name, node, "" if known else REMOVED[name].note)


def _stochastic_weight_avg(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, False, None):
        draft.note(name, node, NOTHING)
        return
    draft.added.add("StochasticWeightAveraging")
    average = make("StochasticWeightAveraging", swa_lrs=value(0.01))
    if not is_(node, True):
        average = cst.StarredElement(build("([{average}] if {test} else [])", average=average, test=node))
    draft.append_callback(average, name, node, REMOVED[name].note, NOTE)


def _log_gpu_memory(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, None, False):
        draft.note(name, node, NOTHING)
    else:
        draft.add_callback("DeviceStatsMonitor", name, node)


def _reload_every_epoch(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if is_(node, None, False):
        draft.note(name, node, NOTHING)
    else:
        number = value(1) if is_(node, True) else build("int({flag})", flag=node)
        draft.put("reload_dataloaders_every_n_epochs", number, name, node, REMOVED[name].note)


def _accumulate(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if all(isinstance(case, cst.Dict) for case in draft.around.cases(node)):
        draft.add_callback("GradientAccumulationScheduler", name, node, scheduling=node)
    else:
        _values({None: 1})(draft, name, node)


def _max_steps(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    _values({None: -1})(draft, name, node)
    if draft.arguments.get(name) is node and any(is_variable(case) for case in draft.around.cases(node)):
        draft.note(name, node, "kept; should it be None, give -1, because today None is refused", NOTE)


_PRECISIONS = {
    16: "16-mixed",
    "16": "16-mixed",
    "mixed": "16-mixed",
    "bf16": "bf16-mixed",
    64: "64-true",
    "64": "64-true",
}

# In the order in which they apply: what is a device and what is a strategy has to be known before the rest.
RULES: dict[str, _Rule] = {
    "devices": _values({None: "auto"}),
    "num_nodes": _values({None: 1}),
    "strategy": strategy,
    "accelerator": accelerator,
    "distributed_backend": distributed_backend,
    "plugins": plugins,
    "tpu_cores": _tpu_cores,
    "ipus": _ipus,
    "gpus": gpus,
    "num_processes": num_processes,
    "auto_select_gpus": _moved(False, None),
    "precision": _values(_PRECISIONS),
    "profiler": _values({True: "simple", False: None}),
    "max_steps": _max_steps,
    "overfit_batches": _values({None: 0.0}),
    "detect_anomaly": _values({None: False}),
    "accumulate_grad_batches": _accumulate,
    "reload_dataloaders_every_n_epochs": _values({None: 0}),
    "reload_dataloaders_every_epoch": _reload_every_epoch,
    "replace_sampler_ddp": _flag("use_distributed_sampler"),
    "terminate_on_nan": _flag("detect_anomaly"),
    "checkpoint_callback": _checkpoint_callback,
    "early_stop_callback": _early_stop_callback,
    "weights_save_path": _callback("ModelCheckpoint", "dirpath", ""),
    "progress_bar_refresh_rate": _progress_bar_refresh_rate,
    "process_position": _callback("TQDMProgressBar", "process_position", 0),
    "weights_summary": _weights_summary,
    "stochastic_weight_avg": _stochastic_weight_avg,
    "log_gpu_memory": _log_gpu_memory,
    "resume_from_checkpoint": _moved(None),
    "auto_lr_find": _moved(False, None),
    "auto_scale_batch_size": _moved(False, None),
    "track_grad_norm": _moved(-1, None),
    "amp_backend": _moved("native", None),
    "amp_level": _moved(None),
    "multiple_trainloader_mode": _moved("max_size_cycle", None),
    "prepare_data_per_node": _moved(True, None),
    "move_metrics_to_cpu": _moved(False, None),
    "flush_logs_every_n_steps": _moved(None),
    "truncated_bptt_steps": _moved(None, 0),
    "automatic_optimization": _moved(True, None),
    "enable_pl_optimizer": _moved(True, None),
}
"""What becomes of each argument of 1.x, in the order in which the rules apply."""

ROWS = {
    "gpus": "1.9r3 1.4a7",
    "tpu_cores": "1.9r4 2.0r3",
    "ipus": "1.9r5",
    "num_processes": "1.9r6",
    "resume_from_checkpoint": "1.6r7 1.9r7",
    "auto_select_gpus": "1.9r8",
    "accumulate_grad_batches": "1.9r11",
    "auto_scale_batch_size": "1.9r13 1.9r14",
    "auto_lr_find": "1.9r13 1.9r15",
    "distributed_backend": "1.5r8",
    "reload_dataloaders_every_epoch": "1.5r7",
    "prepare_data_per_node": "1.6a1",
    "process_position": "1.6a2",
    "terminate_on_nan": "1.6r1",
    "weights_summary": "1.6r2",
    "checkpoint_callback": "1.6r3",
    "stochastic_weight_avg": "1.6r4",
    "flush_logs_every_n_steps": "1.6r5",
    "max_steps": "1.6r6",
    "log_gpu_memory": "1.6r8",
    "progress_bar_refresh_rate": "1.6r9",
    "weights_save_path": "1.7r8",
    "devices": "2.0r8 2.0r9",
    "strategy": "1.9a2",
    "accelerator": "1.9a2",
    "multiple_trainloader_mode": "1.9a6",
    "move_metrics_to_cpu": "1.9a7",
    "track_grad_norm": "1.9a8",
    "replace_sampler_ddp": "1.9a9",
    "amp_backend": "1.9a12 1.9a14",
    "amp_level": "1.9a15",
}
"""Rows of the upgrade guides, as `moved` names them, by argument."""

EXAMPLES = {
    *("track_grad_norm", "prepare_data_per_node", "multiple_trainloader_mode", "auto_lr_find", "auto_scale_batch_size"),
    *("resume_from_checkpoint", "checkpoint_callback", "automatic_optimization", "truncated_bptt_steps"),
    *("amp_backend", "amp_level"),
}
"""The arguments that a person may have to move; A2 works them out under `Replace the arguments`."""
