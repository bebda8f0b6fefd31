"""Remarks as text, JSON, SARIF 2.1.0 and annotations of GitHub's workflows."""

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from mldrl_lite.trainer.check.entry import Remark
from mldrl_lite.trainer.rules.catalogue import RULES


def text(remarks: Sequence[Remark]) -> str:
    """Return two lines for each remark, and how many there are."""
    lines = [f"{_place(r)}: {r.code} {r.what} {r.why}\n    {r.fix}" for r in remarks]
    count = f"{len(remarks)} thing{'s' * (len(remarks) != 1)} to look at." if remarks else "Nothing found."
    return "\n".join([*lines, count])


def _place(remark: Remark) -> str:
    cell = f"cell {remark.cell}:" if remark.cell else ""
    return f"{remark.file}:{cell}{remark.line}:{remark.column}"


def as_json(remarks: Sequence[Remark]) -> str:
    """Return a list of objects with the fields of `Remark`."""
    return json.dumps([remark.as_dict() for remark in remarks], indent=2)


def sarif(remarks: Sequence[Remark]) -> str:
    """Return a log in SARIF 2.1.0 (OASIS), which GitHub's code scanning and editors read."""
    rules = [{"id": rule.code, "shortDescription": {"text": rule.name}} for rule in RULES]
    driver = {"name": "mldrl-lite", "version": version("mldrl-lite"), "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(remark) for remark in remarks]}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _result(remark: Remark) -> dict[str, object]:
    message = f"{remark.what} {remark.why} {remark.fix}"
    if remark.cell:
        message = f"Cell {remark.cell}, line {remark.line}: {message}"
    place = {"artifactLocation": {"uri": Path(remark.file).as_posix()}}
    # A line of a cell is no line of the notebook's file.
    if not remark.cell:
        place["region"] = {"startLine": remark.line, "startColumn": remark.column}
    return {
        "ruleId": remark.code,
        "level": "warning",
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


def github(remarks: Sequence[Remark]) -> str:
    """Return a workflow command for each remark, which GitHub shows beside the changed lines."""
    return "\n".join(_annotation(remark) for remark in remarks)


def _annotation(remark: Remark) -> str:
    where = {"file": remark.file, "title": f"{remark.code} {remark.rule}"}
    if not remark.cell:
        where |= {"line": str(remark.line), "col": str(remark.column)}
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in where.items())
    cell = f"Cell {remark.cell}, line {remark.line}: " if remark.cell else ""
    return f"::warning {properties}::{_escaped(f'{cell}{remark.what} {remark.why} {remark.fix}')}"


def _escaped(words: str, more: Iterable[str] = "") -> str:
    for character in ("%", "\r", "\n", *more):
        words = words.replace(character, f"%{ord(character):02X}")
    return words


FORMATS = {"text": text, "json": as_json, "sarif": sarif, "github": github}
