"""A table as text: to read, for Markdown, LaTeX or JSON, and as CSV that is read back without loss."""

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.notebook.values import code, constant, to_json

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "latex", "json", "csv")
Row = Mapping[str, Any]
_LAYOUTS = {"text": "plain", "md": "github", "latex": "latex_booktabs"}


def check_format(name: str) -> None:
    """Stop unless there is such a format.

    Raises:
        InputError: there is none.
    """
    if name not in FORMATS:
        raise InputError(f"No format {name!r}{did_you_mean(name, FORMATS)}: give {listing(FORMATS)}.")


def as_table(columns: Sequence[str], rows: Sequence[Row], layout: str) -> str:
    """Return a table in one of `FORMATS`; numbers have four digits where a person reads them."""
    if layout in ("json", "csv"):
        return {"json": as_json, "csv": as_csv}[layout](columns, rows).rstrip("\n")
    from tabulate import tabulate

    cells = [[readable(row.get(name)) for name in columns] for row in rows]
    if layout == "md":
        cells = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    sides = ["right" if all(_is_number(row.get(name)) for row in rows) else "left" for name in columns]
    return tabulate(cells, columns, _LAYOUTS[layout], colalign=sides if rows else None, disable_numparse=True)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def readable(value: object) -> str:
    """Return a value in a few characters, in one line; None is nothing."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value) if isinstance(value, str | PurePath) else code(value)
    return " ".join(text.split()).encode("utf-8", "backslashreplace").decode()


def as_json(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a table as a JSON list of objects; what JSON does not know, NaN too, is `{"python": code}`."""
    return json.dumps([{name: to_json(row.get(name)) for name in columns} for row in rows], indent=2)


# ---------------------------------------------------------------------------------------------------------------------
# CSV


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a table as CSV in which no two values look the same, as PostgreSQL, DuckDB and Polars read it.

    A text stands in quotes, `"1"`, `""`; numbers, True and False do not; None is an empty field without quotes, and
    `nan` is no number. A list, tuple or dict is in quotes and as in Python, `"[1, 2]"`; a text that begins with a
    bracket or a quote is written as in Python too, so that it is told apart. A path is written as a text.
    """
    lines = [[_quoted(name) if re.search(r'[",\r\n]', name) else name for name in columns]]
    lines += [[_field(row.get(name)) for name in columns] for row in rows]
    return "".join(",".join(line) + "\n" for line in lines)


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | PurePath):
        text = str(value)
        return _quoted(repr(text) if text[:1] in _MARKS else text)
    return _quoted(code(value))


_MARKS = tuple("[({'\"")


def _quoted(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair is in no file
    return '"' + text.replace('"', '""') + '"'


def read_table(file: str | Path) -> "pd.DataFrame":
    """Return the table in a `results.csv` with the values that it was written from.

    Raises:
        InputError: there is no such file.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read {str(file)!r} ({error.strerror}): give the results.csv of a sweep.") from None
    columns, *rows = _fields(text)
    names = [bare if quoted is None else quoted.replace('""', '"') for quoted, bare in columns]
    return frame(names, [dict(zip(names, [_value(*field) for field in row], strict=True)) for row in rows])


_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\Z)')


def _fields(text: str) -> list[list[tuple[str | None, str]]]:
    lines: list[list[tuple[str | None, str]]] = [[]]
    for found in _FIELD.finditer(text.rstrip("\r\n")):
        lines[-1].append((found[1], found[2]))
        if found[3] == "":
            break
        if found[3] != ",":
            lines.append([])
    return lines


def _value(quoted: str | None, bare: str) -> Any:
    if quoted is None:
        return {"": None, "True": True, "False": False}.get(bare, _number(bare))
    text = quoted.replace('""', '"')
    try:
        return constant(ast.parse(text, mode="eval").body) if text.startswith(_MARKS) else text
    except (ValueError, SyntaxError):
        return text


def _number(text: str) -> int | float | None:
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        return None


def frame(columns: Sequence[str], rows: Sequence[Row]) -> "pd.DataFrame":
    """Return a table as a DataFrame; a column in which a value is None keeps it, and whole numbers stay whole."""
    import pandas as pd

    # As objects first: of whole numbers and None, pandas would make floating-point numbers.
    table = pd.DataFrame([[row.get(name) for name in columns] for row in rows], columns=columns, dtype=object)
    whole = [name for name in columns if not any(row.get(name) is None for row in rows)]
    return table.astype({name: _type_of(table[name]) for name in whole})


def _type_of(column: "pd.Series") -> object:
    try:
        return column.infer_objects().dtype
    except OverflowError:  # some versions of pandas meet a whole number that is too large for float64
        return column.dtype
