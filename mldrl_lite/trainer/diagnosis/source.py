"""The source of live classes, where it is to be had."""

import ast
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

_LIBRARIES = {"pytorch_lightning", "lightning", "lightning_fabric", "torch", "torchmetrics"}


def own_methods(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods of a class and of its bases that are not Lightning's or PyTorch's."""
    for name, function in own_functions(cls):
        if not name.startswith("_"):
            yield name, function


def own_functions(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what `own_methods` does and the private methods and `__init__`, nearest class first."""
    for parent in cls.__mro__:
        if parent.__module__.partition(".")[0] in _LIBRARIES:
            continue
        for name, member in vars(parent).items():
            function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
            if inspect.isfunction(function) and (not name.startswith("__") or name in ("__init__", "__call__")):
                yield name, function


@functools.lru_cache(1000)
def parsed(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Parse the source of a function; None where it is not to be had (at a bare prompt, say)."""
    try:
        tree = ast.parse(dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    return tree if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) else None


def names_used(cls: type) -> set[str]:
    """Return every attribute name that the methods of a class mention: what they may call, they call."""
    trees = [parsed(function) for _, function in own_functions(cls)]
    return {node.attr for tree in trees if tree for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def place_of(code: Callable[..., Any] | type | None) -> str:
    """Return `file:line` of a function, or of the `__init__` or first method of a class."""
    if isinstance(code, type):
        methods = dict(own_functions(code))
        code = methods.get("__init__") or next(iter(methods.values()), None)
    if code is None:
        return "unknown"
    code = inspect.unwrap(code).__code__
    return f"{_file(code.co_filename)}:{code.co_firstlineno}"


def _file(name: str) -> str:
    """Name a file as short as can be: a notebook cell by its number, a file here by its relative path."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    compiler = getattr(get_ipython(), "compile", None)
    cell = compiler.format_code_name(name) if hasattr(compiler, "format_code_name") else None
    if cell:
        return " ".join(cell)
    near = os.path.relpath(name) if os.path.exists(name) else name
    return name if near.startswith("..") else near
