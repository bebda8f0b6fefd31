"""The source of live classes, where it is to be had."""

import ast
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

from mldrl_lite.trainer.rules.classes import Function

_LIBRARIES = {"pytorch_lightning", "lightning", "lightning_fabric", "torch", "torchmetrics"}


def own_functions(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the methods of a class and of its bases that are not Lightning's or PyTorch's, nearest class first."""
    for parent in cls.__mro__:
        if in_library(parent):
            continue
        for name, member in vars(parent).items():
            function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
            if inspect.isfunction(function) and (not name.startswith("__") or name in ("__init__", "__call__")):
                yield name, function


def in_library(cls: type) -> bool:
    """Tell whether a class is Lightning's or PyTorch's."""
    return cls.__module__.partition(".")[0] in _LIBRARIES


@functools.lru_cache(1000)
def parsed(function: Callable[..., Any]) -> Function | None:
    """Parse the source of a function, with the line numbers of its file; None where it is not to be had."""
    try:
        tree = ast.parse(dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    return ast.increment_lineno(tree, function.__code__.co_firstlineno - 1) if isinstance(tree, Function) else None


def place_of(code: Callable[..., Any] | type | None) -> str:
    """Return `file:line` of a function, or of the `__init__` or first method of a class."""
    if isinstance(code, type):
        methods = dict(own_functions(code))
        code = methods.get("__init__") or next(iter(methods.values()), None)
    if code is None:
        return "unknown"
    code = inspect.unwrap(code).__code__
    return f"{short_name(code.co_filename)}:{code.co_firstlineno}"


def short_name(name: str) -> str:
    """Name a file as short as can be: a notebook cell by its number, a file here by its relative path."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    compiler = getattr(get_ipython(), "compile", None)
    cell = compiler.format_code_name(name) if hasattr(compiler, "format_code_name") else None
    if cell:
        return " ".join(cell)
    near = os.path.relpath(name) if os.path.exists(name) else name
    return name if near.startswith("..") else near
