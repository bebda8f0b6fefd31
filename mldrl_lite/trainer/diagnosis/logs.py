"""What the source of some classes logs, read without running it."""

import ast
import re
from typing import NamedTuple

from mldrl_lite.trainer.diagnosis.source import own_functions, parsed


class Log(NamedTuple):
    """A call of `self.log`, or one entry of a `self.log_dict`."""

    pattern: str | None
    """A regular expression for the name; None if nothing is known of it."""
    method: str
    on_step: bool | None
    """What the call says, None if nothing."""


class Logs(NamedTuple):
    """What the source of some classes logs."""

    calls: list[Log]
    complete: bool
    """Whether all the source was read, and nothing in it may log elsewhere."""

    def names(self) -> list[str]:
        """The names that are written out."""
        return [re.sub(r"\\(.)", r"\1", log.pattern) for log in self.calls if log.pattern and ".*" not in log.pattern]


def logs_of(*classes: type) -> Logs:
    """Return what the methods of these classes log."""
    calls, complete = [], True
    for name, function in (pair for cls in classes for pair in own_functions(cls)):
        tree = parsed(function)
        if tree is None:
            complete = False
            continue
        modules = _module_names(tree)
        calls += [log for node in ast.walk(tree) for log in _logged(node, name, modules)]
        complete = complete and not _escapes(tree, modules)
    return Logs(calls, complete and all(log.pattern is not None for log in calls))


def _module_names(tree: ast.FunctionDef) -> set[str]:
    """Return the names under which a method knows what it can log with: its first argument and the module's."""
    arguments = [argument.arg for argument in (*tree.args.posonlyargs, *tree.args.args)]
    after_trainer = arguments[2:3] if arguments[1:2] == ["trainer"] else []
    return {*arguments[:1], *after_trainer, *({"pl_module"} & set(arguments))}


def _is_module(node: ast.expr, modules: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in modules) or (
        isinstance(node, ast.Attribute) and node.attr == "lightning_module"
    )


def _logged(node: ast.AST, method: str, modules: set[str]) -> list[Log]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    if node.func.attr not in ("log", "log_dict") or not _is_module(node.func.value, modules):
        return []
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    first = node.args[0] if node.args else keywords.get("name") or keywords.get("dictionary")
    on_step = getattr(keywords.get("on_step"), "value", None)
    patterns = _patterns(first) if node.func.attr == "log" else _keys(first)
    return [Log(pattern, method, on_step) for pattern in patterns]


def _keys(node: ast.expr | None) -> list[str | None]:
    if isinstance(node, ast.DictComp):
        return _patterns(node.key)
    if isinstance(node, ast.Dict):
        return [pattern for key in node.keys for pattern in _patterns(key)]
    return [None]


def _patterns(node: ast.expr | None) -> list[str | None]:
    """Return regular expressions for what a text expression can be; [None] if nothing is known of it."""
    if isinstance(node, ast.IfExp):
        return _patterns(node.body) + _patterns(node.orelse)
    text = _pattern(node)
    return [None if text == ".*" else text]


def _pattern(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pattern(node.left) + _pattern(node.right)
    return ".*"


_HARMLESS = {"super", "isinstance", "type", "id", "repr", "str", "len", "print", "hasattr", "grad_norm", "__init__"}


def _escapes(tree: ast.FunctionDef, modules: set[str]) -> bool:
    """Tell whether a method lets something else log (by handing the module on), or writes the metrics itself."""
    users = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names = [node for node in users if isinstance(node, ast.Name) and node.id in modules]
    return any(_is_handed_on(name, users) for name in names) or "callback_metrics" in _written(tree)


def _is_handed_on(name: ast.Name, users: dict[ast.AST, ast.AST]) -> bool:
    user = users[name]
    if isinstance(user, ast.Attribute):  # self.log("x", …) logs here, but what is done with self.log is unknown
        return user.attr in ("log", "log_dict") and getattr(users[user], "func", None) is not user
    called = getattr(user, "func", None)
    return called is not name and getattr(called, "attr", getattr(called, "id", "")) not in _HARMLESS


def _written(tree: ast.FunctionDef) -> str:
    """Return what a method assigns to or updates, as text."""
    targets = [
        node.value
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr in ("update", "setdefault"))
    ]
    return " ".join(ast.unparse(target) for target in targets)
