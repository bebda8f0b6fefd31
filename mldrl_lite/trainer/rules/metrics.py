"""Metric objects of torchmetrics that count on, or whose value is taken too early."""

import ast
import re
from collections.abc import Iterator, Sequence

from mldrl_lite.trainer.rules.classes import MODULE, Class, Method, Problem, called, calls, constant, own_attribute

_STEPS = ("training_step", "validation_step", "test_step")
_MEANT = re.compile(r"running|cumul|so_far|avg|average|mean|smooth|ema", re.IGNORECASE)
"""In the name of a value or of a metric: that it is a running one is known."""


def unreset_metrics(classes: Sequence[Class]) -> Iterator[Problem]:
    """Metric objects whose value is taken by hand and that nothing sets back."""
    for cls in classes:
        if cls.kind != MODULE or not cls.complete or cls.mentions["reset"]:
            continue
        for name in sorted(cls.metrics):
            computed = next(_computes(name, cls), None)
            if computed is not None and not _logged_itself(name, cls):
                method, call = computed
                what = f"{method.owner}.{method.name} computes self.{name}, which nothing resets."
                why = "It goes on counting: the value of each epoch is that of all epochs before together."
                fix = f"Log the object, self.log(…, self.{name}), or call self.{name}.reset() after compute()."
                yield cls.problem("metric that is never reset", what, method, call, why, fix)


def running_values(classes: Sequence[Class]) -> Iterator[Problem]:
    """The value of a metric so far, logged in a step as if it were that of the step: it is reset at the epoch's end."""
    for cls in classes:
        for method in cls.reached if cls.kind == MODULE else ():
            if method.name in _STEPS and not _resets(method.tree):
                yield from _logged_running(method, cls)


def _logged_running(method: Method, cls: Class) -> Iterator[Problem]:
    for name, call in _logged_computes(method.tree):
        if name in cls.metrics and _resets_elsewhere(name, method, cls) and not _MEANT.search(name):
            what = f"{method.owner}.{method.name} logs self.{name}.compute(), which is reset at the end of the epoch."
            why = "What is logged at a step is the value of all batches so far, and a mean over the epoch one of those."
            fix = f"Log the value of the batch, value = self.{name}(…), or the object itself: self.log(…, self.{name})."
            yield cls.problem("running value logged per step", what, method, call, why, fix)


def _logged_computes(tree: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.Call]]:
    """Yield the metric and the call of each `compute()` whose value is logged, at once or by a name."""
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _computed(node.value, tree)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for log in calls(tree):
        if called(log) == "log" and own_attribute(log.func, tree) and not _is_meant(log):
            for value in log.args[1:2]:
                value = named.get(value.id, value) if isinstance(value, ast.Name) else value
                if name := _computed(value, tree):
                    yield name, value


def _is_meant(log: ast.Call) -> bool:
    key = constant(log.args[0]) if log.args else None
    return isinstance(key, str) and bool(_MEANT.search(key))


def _computed(value: ast.AST, tree: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    is_compute = called(value) == "compute" and isinstance(value.func, ast.Attribute)
    return own_attribute(value.func.value, tree) if is_compute else None


def _resets(tree: ast.AST) -> bool:
    return any(called(call) == "reset" for call in calls(tree))


def _resets_elsewhere(name: str, step: Method, cls: Class) -> bool:
    """Tell whether another method resets this metric, alone or with all the others in a loop."""
    return any(
        _resets(method.tree) for method in cls.reached if method.tree is not step.tree and _mentions(method, name)
    )


def _mentions(method: Method, name: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == name for node in ast.walk(method.tree))


def _computes(name: str, cls: Class) -> Iterator[tuple[Method, ast.Call]]:
    for method in cls.reached:
        for call in calls(method.tree):
            if _computed(call, method.tree) == name:
                yield method, call


def _logged_itself(name: str, cls: Class) -> bool:
    """Tell whether the object itself is logged or handed on: Lightning, or somebody else, then resets it."""
    return any(
        own_attribute(argument, method.tree) == name
        for method in cls.reached
        for call in calls(method.tree)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    )
