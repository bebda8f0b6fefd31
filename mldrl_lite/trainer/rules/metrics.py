"""Metric objects of torchmetrics that count on, or whose value is taken too early."""

import ast
import re
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
    own_attribute,
)

_STEPS = ("training_step", "validation_step", "test_step")
_MEANT = re.compile(r"running|cumul|so_far|avg|average|smooth|\bema\b|_ema|best|\bm(ax|in)", re.IGNORECASE)
"""In the name of a value or of a metric: that it is a running one is known."""


def unreset_metrics(classes: Sequence[Class]) -> Iterator[Problem]:
    """Metric objects whose value is taken by hand and that nothing sets back."""
    for cls in classes:
        if cls.kind != MODULE or not cls.complete or (reset := _reset(cls)) is None:
            continue
        for name, (method, call) in sorted(_taken(cls).items()):
            if name in cls.metrics - reset and not _only_in_tests(name, cls) and not _logged_itself(name, cls):
                what = f"{method.owner}.{method.name} computes self.{name}, which nothing resets."
                why = "It goes on counting: the value of each epoch is that of all epochs before together."
                fix = f"Log the object, self.log(…, self.{name}), or call self.{name}.reset() after compute()."
                yield cls.problem("metric that is never reset", what, method, call, why, fix)


def _reset(cls: Class) -> set[str] | None:
    """Return the attributes that the class resets by their names; None if it may reset others too."""
    found = [
        own_attribute(getattr(call.func, "value", None), method.tree)
        for method in cls.definitions
        for call in calls(method.tree)
        if called(call) == "reset"
    ]
    is_handed_on = cls.mentions["reset"] > len(found)  # as in self.apply(Mine.reset)
    return None if None in found or is_handed_on else {name for name in found if name}


def _only_in_tests(name: str, cls: Class) -> bool:
    """Tell whether only hooks of testing and predicting use the metric: one epoch, the value of which is right."""
    using = {method.name for method in cls.reached if _mentions(method, name)} - {"__init__"}
    return all(re.match(r"(on_)?(test|predict)_", hook) for hook in using)


def running_values(classes: Sequence[Class]) -> Iterator[Problem]:
    """The value of a metric so far, logged at each step, and so averaged over the epoch as if it were the step's."""
    for cls in classes:
        for method in cls.reached if cls.kind == MODULE else ():
            for name, call in _running(method, cls):
                what = f"{method.owner}.{method.name} logs self.{name}.compute() at each step."
                why = "That is the value of all batches so far: what is logged for the epoch is a mean of those."
                fix = f"Log the object itself, self.log(…, self.{name}), or the value of the batch, self.{name}(…)."
                yield cls.problem("running value logged per step", what, method, call, why, fix)


def _running(method: Method, cls: Class) -> list[tuple[str, ast.Call]]:
    """Return the metrics, and the calls of `compute()`, of whose values so far a step logs a mean."""
    if method.name not in _STEPS or _resets(method.tree):
        return []
    found = [(name, call) for name, call in _logged_computes(method) if name in cls.metrics]
    return [(name, call) for name, call in found if not _MEANT.search(f"{name} {_made_by(name, cls)}")]


def _made_by(name: str, cls: Class) -> str:
    return " ".join(called(value) for _, value in cls.assigned.get(name, ()))


def _logged_computes(method: Method) -> Iterator[tuple[str, ast.Call]]:
    """Yield the metric and the call of each `compute()` of whose values a mean is logged, at once or by a name."""
    tree = method.tree
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _computed(node.value, tree)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for log in calls(tree):
        if called(log) == "log" and own_attribute(log.func, tree) and _takes_mean(log, method) and not _is_meant(log):
            for value in [*log.args[1:2], *(keywords(log)[key] for key in keywords(log) if key == "value")]:
                value = named.get(value.id, value) if isinstance(value, ast.Name) else value
                if name := _computed(value, tree):
                    yield name, value


def _takes_mean(log: ast.Call, method: Method) -> bool:
    """Tell whether what is logged is also averaged over the epoch: in training not unless told, else unless told."""
    given = keywords(log)
    on_epoch = constant(given["on_epoch"]) if "on_epoch" in given else method.name != "training_step"
    return on_epoch is True and "reduce_fx" not in given


def _is_meant(log: ast.Call) -> bool:
    key = constant(log.args[0]) if log.args else None
    return isinstance(key, str) and bool(_MEANT.search(key))


def _computed(value: ast.AST, tree: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    is_compute = called(value) == "compute" and isinstance(value.func, ast.Attribute)
    return own_attribute(value.func.value, tree) if is_compute else None


def _resets(tree: ast.AST) -> bool:
    return any(called(call) == "reset" for call in calls(tree))


def _mentions(method: Method, name: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == name for node in ast.walk(method.tree))


def _taken(cls: Class) -> dict[str, tuple[Method, ast.Call]]:
    """Return where the value of each metric is first taken, other than where that is a running value."""
    found: dict[str, tuple[Method, ast.Call]] = {}
    for method in cls.reached:
        running = [call for _, call in _running(method, cls)]
        for call in calls(method.tree):
            if (name := _computed(call, method.tree)) and call not in running:
                found.setdefault(name, (method, call))
    return found


def _logged_itself(name: str, cls: Class) -> bool:
    """Tell whether the object itself is logged or handed on: Lightning, or somebody else, then resets it."""
    return any(
        own_attribute(argument, method.tree) == name
        for method in cls.reached
        for call in calls(method.tree)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    )
