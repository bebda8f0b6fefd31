"""What some classes log, read from their source."""

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mldrl_lite.trainer.rules.classes import CALLBACK, Class, Function, Method, first_argument, keywords, own_attribute


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
        texts = [re.sub(r"\\(.)", r"\1", log.pattern) for log in self.calls if log.pattern and ".*" not in log.pattern]
        return list(dict.fromkeys(texts))


def logs_of(classes: Iterable[Class]) -> Logs:
    """Return what the methods of these classes log; methods that are overridden and not reached do not count."""
    calls, complete = [], True
    for cls in classes:
        complete = complete and cls.complete
        for method in cls.reached:
            modules = _module_names(method, cls.kind)
            calls += [log for node in ast.walk(method.tree) for log in _logged(node, method, cls, modules)]
            complete = complete and not _escapes(method.tree, modules)
    return Logs(calls, complete and all(log.pattern is not None for log in calls))


def _module_names(method: Method, kind: str) -> set[str]:
    """Return the names under which a method knows what it can log with: its first argument and the module's."""
    arguments = [argument.arg for argument in (*method.tree.args.posonlyargs, *method.tree.args.args)]
    after_trainer = arguments[2:3] if kind == CALLBACK and arguments[1:2] == ["trainer"] else []
    return {first_argument(method.tree), *after_trainer, *({"pl_module"} & set(arguments))} - {""}


def _is_module(node: ast.expr, modules: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in modules) or (
        isinstance(node, ast.Attribute) and node.attr == "lightning_module"
    )


def _logged(node: ast.AST, method: Method, cls: Class, modules: set[str]) -> list[Log]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    if node.func.attr not in ("log", "log_dict") or not _is_module(node.func.value, modules):
        return []
    given = keywords(node)
    first = node.args[0] if node.args else given.get("name") or given.get("dictionary")
    on_step = getattr(given.get("on_step"), "value", None)
    known = _Known(cls, method)
    patterns = known.patterns(first) if node.func.attr == "log" else known.keys(first)
    return [Log(pattern, method.name, on_step) for pattern in patterns]


class _Known(NamedTuple):
    """Reads text expressions inside a method, knowing what the class itself passes to the method."""

    cls: Class
    method: Method

    def keys(self, node: ast.expr | None) -> list[str | None]:
        if isinstance(node, ast.DictComp):
            return self.patterns(node.key)
        if isinstance(node, ast.Dict):
            return [pattern for key in node.keys for pattern in self.patterns(key)]
        made = self._made_once(node.id) if isinstance(node, ast.Name) else None
        return self.keys(made) if made else [None]

    def _made_once(self, name: str) -> ast.Dict | ast.DictComp | None:
        """Return the dictionary that a variable is, where it is written out, handed on, and used nowhere else."""
        uses = [node for node in ast.walk(self.method.tree) if isinstance(node, ast.Name) and node.id == name]
        values = [
            node.value
            for node in ast.walk(self.method.tree)
            if isinstance(node, ast.Assign) and any(target in uses for target in node.targets)
        ]
        [value] = values if len(values) == 1 and len(uses) == 2 else [None]
        return value if isinstance(value, ast.Dict | ast.DictComp) else None

    def patterns(self, node: ast.expr | None) -> list[str | None]:
        """Return regular expressions for what a text expression can be; [None] if nothing is known of it."""
        return [None if text == ".*" else text for text in self._texts(node)]

    def _texts(self, node: ast.expr | None) -> list[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [re.escape(node.value)]
        if isinstance(node, ast.IfExp):
            return self._texts(node.body) + self._texts(node.orelse)
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right])
        if isinstance(node, ast.FormattedValue) and node.format_spec is None:
            return self._texts(node.value)
        return list(dict.fromkeys(self._passed(node.id))) if isinstance(node, ast.Name) else [".*"]

    def _joined(self, parts: list[ast.expr]) -> list[str]:
        return ["".join(texts) for texts in itertools.product(*(self._texts(part) for part in parts))]

    def _passed(self, name: str) -> Iterator[str]:
        """Yield what the class passes for an argument of this method, where it writes out a text each time."""
        arguments = [argument.arg for argument in self.method.tree.args.args[1:]]
        sites = list(_calls_of(self.method.name, self.cls)) if name in arguments and not self._assigns(name) else []
        for call in sites:
            place = arguments.index(name)
            value = keywords(call).get(name, call.args[place] if len(call.args) > place else None)
            text = getattr(value, "value", None) if isinstance(value, ast.Constant) else None
            yield re.escape(text) if isinstance(text, str) else ".*"
        if not sites:
            yield ".*"

    def _assigns(self, name: str) -> bool:
        names = (node for node in ast.walk(self.method.tree) if isinstance(node, ast.Name) and node.id == name)
        return any(isinstance(node.ctx, ast.Store) for node in names)


def _calls_of(name: str, cls: Class) -> Iterator[ast.Call]:
    for method in cls.reached:
        for node in ast.walk(method.tree):
            if isinstance(node, ast.Call) and own_attribute(node.func, method.tree) == name:
                yield node


_HARMLESS = {"super", "isinstance", "type", "id", "repr", "str", "len", "print", "hasattr", "grad_norm", "__init__"}


def _escapes(tree: Function, modules: set[str]) -> bool:
    """Tell whether a method lets something else log (by handing the module on), or writes the metrics itself."""
    users = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names = [node for node in users if isinstance(node, ast.Name) and node.id in modules]
    return any(_is_handed_on(name, users) for name in names) or "callback_metrics" in _written(tree)


def _is_handed_on(name: ast.Name, users: dict[ast.AST, ast.AST]) -> bool:
    user = users[name]
    if isinstance(user, ast.Attribute):  # self.log("x", …) logs here, but what is done with self.log is unknown
        return user.attr in ("log", "log_dict") and getattr(users[user], "func", None) is not user
    function = getattr(user, "func", None)
    return function is not name and getattr(function, "attr", getattr(function, "id", "")) not in _HARMLESS


def _written(tree: Function) -> str:
    """Return what a method assigns to or updates, as text."""
    targets = [
        node.value
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr in ("update", "setdefault"))
    ]
    return " ".join(ast.unparse(target) for target in targets)
