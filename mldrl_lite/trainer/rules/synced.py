"""What is logged in a validation or test step by each process for itself."""

import ast
from collections.abc import Iterator, Sequence

from mldrl_lite.trainer.rules.classes import (
    MODULE,
    Class,
    Method,
    Problem,
    called,
    calls,
    constant,
    keywords,
    mentioned,
    own_attribute,
)

_STEPS = ("validation_step", "test_step")
_GATHERS = {"all_gather", "all_reduce", "gather", "reduce", "sync"}


def unsynced_values(classes: Sequence[Class]) -> Iterator[Problem]:
    """Values that each of several processes logs of its own share of the samples."""
    for cls in classes:
        for method in cls.reached if cls.kind == MODULE else ():
            for call in _unsynced(method, cls) if method.name in _STEPS else ():
                name = constant(call.args[0]) if call.args else ...
                whose = f"{name!r}" if isinstance(name, str) else "a value"
                what = (
                    f"{method.owner}.{method.name} logs {whose} without sync_dist, and there will be several processes."
                )
                why = "Each takes the mean of its own share, and the first one's is shown, saved by and stopped at."
                fix = f"self.{called(call)}(…, sync_dist=True); for what is no mean (AUROC), a torchmetrics object."
                yield cls.problem("value of one process", what, method, call, why, fix)


def _unsynced(method: Method, cls: Class) -> Iterator[ast.Call]:
    if _GATHERS & mentioned(method.tree).keys():
        return
    for call in calls(method.tree):
        given = keywords(call)
        told = {"sync_dist", "sync_dist_group", "rank_zero_only"} & given.keys() or len(given) < len(call.keywords)
        per_step = constant(given.get("on_epoch")) is False
        is_log = called(call) in ("log", "log_dict") and own_attribute(call.func, method.tree)
        if is_log and not told and not per_step and not _is_known_to_all(call, method, cls):
            yield call


def _is_known_to_all(call: ast.Call, method: Method, cls: Class) -> bool:
    """Tell whether the value is a number written out, or comes from a torchmetrics object, which adds up itself."""
    given = keywords(call)
    first = given.get("value", given.get("dictionary"))
    value = first or (call.args[-1] if call.args else None)
    inside = {own_attribute(node, method.tree) for node in ast.walk(value)} if value is not None else set()
    return value is None or constant(value) is not ... or bool(inside & cls.metrics)
