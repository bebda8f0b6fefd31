"""Values of parameters: read from constant expressions, written as Python and as JSON without loss.

A value is a number, a text, True, False, None, a path, or a list, tuple, dict or set of these.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import Any

_PYTHON = "python"
"""The only key of the JSON object that holds, as Python code, a value that JSON does not know."""
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_CALLS: Mapping[str, Callable[..., Any]] = {"float": float, "int": int, "Path": Path, "PurePath": Path, "set": set}
_CONSTANTS = {"inf": math.inf, "nan": math.nan, "pi": math.pi, "e": math.e}
_MOST_DIGITS = 1000.0


@dataclass(frozen=True)
class Expression:
    """Code whose value only the kernel knows."""

    code: str

    def __repr__(self) -> str:
        return self.code


def constant(node: ast.expr, names: Mapping[str, Any] | None = None) -> Any:
    """Return the value of a constant expression, such as `10 ** -3`, `[1, 2]` or `Path("a") / "b"`.

    Args:
        node: the expression; no code of it is run.
        names: values of names that it may use.

    Raises:
        ValueError: it is no constant expression, or its value would be huge.
    """
    with suppress(ValueError, TypeError, MemoryError, RecursionError):
        return ast.literal_eval(node)
    try:
        return _evaluate(node, names or {})
    except (ArithmeticError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"no constant: {error}") from None


def _evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    def value(part: ast.expr) -> Any:
        return _evaluate(part, names)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names[node.id]
        case ast.Attribute(value=ast.Name(id="math" | "np" | "numpy" | "torch"), attr=attribute):
            return _CONSTANTS[attribute]
        case ast.UnaryOp(op=ast.USub()):
            return -value(node.operand)
        case ast.BinOp():
            return _combined(value(node.left), node.op, value(node.right))
        case ast.List() | ast.Tuple() | ast.Set():
            kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
            return kind(value(element) for element in node.elts)
        case ast.Dict():
            return {value(key): value(element) for key, element in zip(node.keys, node.values, strict=True) if key}
        case ast.Call(keywords=[]):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            return _CALLS[function](*map(value, node.args))
    raise ValueError(f"no constant: {ast.unparse(node)}")


def _combined(left: Any, sign: ast.operator, right: Any) -> Any:
    if isinstance(left, PurePath) and isinstance(sign, ast.Div):
        return left / right
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not (isinstance(sign, ast.Add) and type(left) is type(right)):
        raise ValueError("no arithmetic")
    if isinstance(sign, ast.Pow) and abs(right) * math.log10(max(abs(left), 1)) > _MOST_DIGITS:
        raise ValueError("too large")  # before it is computed, which could take all the memory
    return _OPERATORS[type(sign)](left, right)


def as_plain(value: Any) -> Any:
    """Return a value as Python's own types: what comes from NumPy, or is a subclass of these, becomes one of them.

    Raises:
        TypeError: it is, or holds, something else.
    """
    if value is None or type(value) in (bool, int, float, str, bytes, Expression) or isinstance(value, PurePath):
        return value
    if hasattr(value, "tolist"):  # of NumPy, or a tensor
        return as_plain(value.tolist())
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {as_plain(key): as_plain(element) for key, element in value.items()}
    for kind in (int, float, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(as_plain(element) for element in value)
    raise TypeError(f"{value!r} is no plain value")


def code(value: Any) -> str:
    """Return a plain value as Python code, which is the same for equal values."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, PurePath):
        return f"pathlib.Path({str(value)!r})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{code(key)}: {code(element)}" for key, element in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(code, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(code, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, set) and value:
        return "{" + ", ".join(sorted(map(code, value))) + "}"
    return repr(value)


def assignments(values: Mapping[str, Any], comment: str) -> str:
    """Return a cell that sets names to values."""
    lines = [f"{name} = {code(value)}" for name, value in values.items()]
    head = ["import pathlib", ""] if any("pathlib." in line for line in lines) else []
    return "\n".join([*head, f"# {comment}", *lines]) + "\n"


def sort_key(value: Any) -> tuple[int, float, str]:
    """Return what sorts values of any kinds: None, numbers, what is not a number, texts, all others by their code."""
    if value is None:
        return (0, 0, "")
    if isinstance(value, bool | int | float):
        return (2, 0, "") if value != value else (1, value, "")
    return (3, 0, value) if isinstance(value, str) else (4, 0, code(value))


def to_json(value: Any) -> Any:
    """Return a plain value as `json.dumps` takes it; `from_json` gives it back, a tuple as a tuple."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list):
        return [to_json(element) for element in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value) and set(value) != {_PYTHON}:
        return {key: to_json(element) for key, element in value.items()}
    return {_PYTHON: code(value)}


def from_json(value: Any) -> Any:
    """Return the value that `to_json` was given."""
    if isinstance(value, list):
        return [from_json(element) for element in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {_PYTHON}:
        return {key: from_json(element) for key, element in value.items()}
    try:
        return constant(ast.parse(value[_PYTHON], mode="eval").body)
    except (ValueError, SyntaxError):
        return Expression(value[_PYTHON])


def parts(text: str, separator: str = ",") -> Sequence[str]:
    """Split a text at the commas that stand neither in quotes nor in brackets, and trim the parts.

    Quotes count where a part begins and inside brackets; `it's` has none.

    Raises:
        ValueError: a bracket or a quote is not closed.
    """
    found, start, depth, quote = [], 0, [], ""
    for place, sign in enumerate(text):
        if quote:
            escaped = depth and text[place - 1] == "\\"
            quote = "" if sign == quote and not escaped else quote
        elif sign in "\"'" and (depth or not text[start:place].strip()):
            quote = sign
        elif sign in "([{":
            depth.append({"(": ")", "[": "]", "{": "}"}[sign])
        elif sign in ")]}":
            if not depth or depth.pop() != sign:
                raise ValueError(f"{sign} closes nothing")
        elif sign == separator and not depth:
            found.append(text[start:place].strip())
            start = place + 1
    if depth or quote:
        raise ValueError(f"{(quote or depth[-1])} is missing")
    return [*found, text[start:].strip()]
