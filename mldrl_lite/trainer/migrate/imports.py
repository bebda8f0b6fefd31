"""The imports of a file: names that moved, and names that the rewritten code needs besides."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.expressions import dotted
from mldrl_lite.trainer.migrate.gone import GONE
from mldrl_lite.trainer.migrate.moved import METRICS, MOVED, Gone
from mldrl_lite.trainer.migrate.reading import ROOT, Reading, canonical
from mldrl_lite.trainer.names import import_lines

Entry = TypeVar("Entry")


def entry(name: str, table: Mapping[str, Entry]) -> tuple[str, Entry] | None:
    """Return the entry of a table for a full name, or for the longest module above it, with its key."""
    while name:
        if name in table:
            return name, table[name]
        name = name.rpartition(".")[0]
    return None


def today(name: str) -> tuple[str, str] | None:
    """Return the full name that a name of 1.x has today, and the rows that say so; None if it has not moved."""
    found, gone = entry(name, MOVED), entry(name, GONE)
    if found is None or (gone is not None and len(gone[0]) >= len(found[0])):
        return None
    old, moved = found
    new = moved.today + name.removeprefix(old)
    if new.startswith("torchmetrics."):
        new = _metric(new)
    return new, moved.rows


def _metric(name: str) -> str:
    """Return the name of a metric in torchmetrics, which has all of them at its top."""
    last = name.rpartition(".")[2]
    if not last[:1].isupper():
        return name
    return f"torchmetrics.{METRICS.get(last, last)}"


def gone(name: str) -> Gone | None:
    """Return what to know of a name that nothing replaces, None if it is not one."""
    found, moved = entry(name, GONE), entry(name, MOVED)
    if found is None or (moved is not None and len(moved[0]) > len(found[0])):
        return None
    return found[1]


def in_package(name: str, package: str) -> str:
    """Return a full name as the file's own package has it: `pytorch_lightning.…` or `lightning.pytorch.…`."""
    return package + name.removeprefix(ROOT) if name == ROOT or name.startswith(f"{ROOT}.") else name


def with_imports(
    module: cst.Module, reading: Reading, names: Iterable[str], modules: Iterable[str]
) -> tuple[cst.Module, tuple[str, ...]]:
    """Import names of Lightning, and modules, that the new code needs and the file does not have.

    Returns:
        The module and the lines; a snippet gets the lines only.
    """
    missing = {name for name in names if name not in reading.aliases and name not in reading.classes}
    lines = [line.replace(ROOT, reading.package) for line in import_lines(missing)]
    whole = [f"import {name}" for name in sorted(modules) if reading.aliases.get(name) != name]
    if reading.alone or not (lines or whole):
        return module, (*whole, *lines)
    own, place = _places(module)
    body = list(module.body)
    body[place:place] = _statements(module, lines)
    body[own:own] = _statements(module, whole)
    return module.with_changes(body=body), (*whole, *lines)


def _statements(module: cst.Module, lines: Iterable[str]) -> list[cst.BaseStatement]:
    return [cst.parse_statement(line, config=module.config_for_parsing) for line in lines]


def _places(module: cst.Module) -> tuple[int, int]:
    """Return where imports go: of modules before the first import of Lightning, of Lightning behind it.

    Without such an import at the top level, both go behind the imports that the file begins with.
    """
    own = [i for i, statement in enumerate(module.body) if _imports(statement, lightning=True)]
    if own:
        return own[0], own[0] + 1
    place = 0
    for i, statement in enumerate(module.body):
        if _imports(statement, lightning=False):
            place = i + 1
        elif not m.matches(statement, m.SimpleStatementLine(body=[m.Expr(m.SimpleString())])):
            break
        elif i == 0:
            place = 1
    return place, place


def _imports(statement: cst.CSTNode, *, lightning: bool) -> bool:
    if not m.matches(statement, m.SimpleStatementLine(body=[m.Import() | m.ImportFrom()])):
        return False
    node = statement.body[0]
    if isinstance(node, cst.ImportFrom):
        full = dotted(node.module) if node.module else ""
    else:
        full = dotted(node.names[0].name)
    return not lightning or canonical(full).split(".")[0] in (ROOT, "lightning")
