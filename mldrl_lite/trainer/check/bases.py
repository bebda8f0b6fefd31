"""Classes that a file imports from other files beside it, found by their path. Nothing is imported or run."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mldrl_lite.trainer.rules.classes import full_name, imports_of

MOST_BYTES = 1_000_000
"""Of a file that is read for a base class."""
MOST_HOPS = 6
"""From a name to its class, through files that import it from one another."""
MOST_FOLDERS = 5
"""Upwards, in which a package may lie."""
_LIBRARIES = ("pytorch_lightning", "lightning", "torch", "torchmetrics")


class Known(NamedTuple):
    """A class of the user, and what the names in its file stand for."""

    node: ast.ClassDef
    file: str
    imports: dict[str, str]


class _File(NamedTuple):
    classes: dict[str, ast.ClassDef]
    imports: dict[str, str]


def base_elsewhere(base: ast.expr, of: Known) -> Known | None:
    """Return the class that a base stands for, if it is in another file that the path leads to."""
    name = full_name(base.value if isinstance(base, ast.Subscript) else base, of.imports)
    return _find(name, Path(of.file), MOST_HOPS)


def base_in_file(base: ast.expr, of: Known) -> Known | None:
    """Return the class that a base stands for, if it is in the same file, which is not the one that is checked."""
    file = _read(Path(of.file)) if isinstance(base, ast.Name) else None
    node = file.classes.get(base.id) if file else None
    return Known(node, of.file, of.imports) if node else None


def _find(name: str, importer: Path, hops: int) -> Known | None:
    module, _, last = name.rpartition(".")
    if not module or not hops or module.partition(".")[0] in _LIBRARIES:
        return None
    for path in _paths(module, importer.absolute()):
        if file := _read(path):
            if last in file.classes:
                return Known(file.classes[last], str(path), file.imports)
            return _find(file.imports.get(last, ""), path, hops - 1)
    return None


def _paths(module: str, importer: Path) -> Iterator[Path]:
    """Yield the files that a module may be, as seen from a file: `.base`, or `package.base` from a folder above."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    roots = [*importer.parents][level - 1 : level] if level else [*importer.parents][:MOST_FOLDERS]
    for root in roots:
        path = root.joinpath(*name.split(".")) if name else root
        yield from (path.with_name(f"{path.name}.py"), path / "__init__.py") if name else (path / "__init__.py",)


def _read(path: Path) -> _File | None:
    try:
        if not path.is_file():
            return None
        state = path.stat()
        return _parsed(path, state.st_mtime_ns, state.st_size) if state.st_size <= MOST_BYTES else None
    except (OSError, ValueError):  # a name of another world, say with a null in it
        return None


@lru_cache(maxsize=256)
def _parsed(path: Path, changed: int, size: int) -> _File | None:
    from mldrl_lite.trainer.check.reading import parsed

    try:
        tree = parsed(path.read_bytes())
    except (OSError, SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        return None
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return _File(classes, imports_of(tree))
