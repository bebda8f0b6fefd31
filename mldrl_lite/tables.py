"""One file of a data folder, read as the program that wrote it meant it: pandas, R, a spreadsheet, NumPy."""

import csv
import gzip
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from mldrl_lite.messages import InputError

_MISSING = {"", "na", "n/a", "nan", "null", "none"}
_ROW_NAMES = {"", "id", "index", "name", "sample", "sample_id", "patient", "patient_id", "subject", "subject_id"}


def read_table(path: Path, words: bool = False) -> pd.DataFrame:
    """Read a file of numbers, or of words, with a row per sample.

    Commas, semicolons, tabs and spaces separate, and beside the others a comma may be the decimal one. The text is
    UTF-8, UTF-16 or that of Windows, plain or packed by gzip. Parquet is read where pyarrow is installed.

    Returns:
        The cells, float64 or texts. Names of rows and columns, where the file has them, are its index and columns;
        `attrs["first_line"]` is the line of the first row.

    Raises:
        InputError: the file is empty, ragged or, without `words`, not numeric; the sentence names the line.
    """
    frame, header = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_text(path, words)
    frame = frame.dropna(axis=1, how="all")  # what a separator at the end of every line leaves
    frame = frame.iloc[: np.flatnonzero(frame.notna().any(axis=1)).max(initial=-1) + 1]  # no blank lines at the end
    if frame.empty:
        raise InputError(f"{path} is empty: give one row per sample.")
    if not named_rows(frame) and frame.shape[1] > 1 and _names_rows(frame.iloc[:, 0], header, words):
        frame = frame.set_index(frame.columns[0])
    if not words:
        _refuse_what_is_no_number(path, frame, 1 + header)
    frame = frame.astype(str if words else np.float64)
    frame.columns = frame.columns if header else pd.RangeIndex(frame.shape[1])
    frame.attrs["first_line"] = 1 + header
    return frame


def named_rows(frame: pd.DataFrame) -> bool:
    """Say whether the file had names of the rows."""
    return not isinstance(frame.index, pd.RangeIndex)


def is_number(cell: str) -> bool:
    """Say whether a text is a number, perhaps with a decimal comma; a word for a missing value is none."""
    try:
        return not np.isnan(float(cell.replace(",", ".")))
    except ValueError:
        return False


def _names_rows(column: "pd.Series[object]", header: bool, words: bool) -> bool:
    if header and str(column.name).removeprefix("Unnamed: 0").strip().lower() in _ROW_NAMES:
        return True
    if words:
        return column.is_unique
    return not is_numeric_dtype(column) and bool(pd.to_numeric(column, errors="coerce").isna().all())


def _refuse_what_is_no_number(path: Path, frame: pd.DataFrame, first_line: int) -> None:
    numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = ~(np.abs(numbers) <= np.finfo(np.float32).max)  # NaN compares false
    if not bad.any():
        return
    row, column = (int(i[0]) for i in np.nonzero(bad))
    cell, place = frame.iat[row, column], f"{path}, line {row + first_line}, column {column + 1}"
    if pd.isna(cell):
        raise InputError(f"{place}: the value is missing; fill in or remove missing values first.")
    if isinstance(cell, str) and not is_number(cell):
        raise InputError(f"{place}: {cell.strip()!r} is not a number; only a header and names of rows may be words.")
    raise InputError(f"{place}: {cell} is not a finite number of single precision; replace it first.")


def _read_parquet(path: Path) -> tuple[pd.DataFrame, bool]:
    try:
        return pd.read_parquet(path), True
    except ImportError:
        raise InputError(f"{path} needs pyarrow: pip install pyarrow, or give the table as CSV.") from None
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
        raise InputError(f"{path} is not a Parquet file that can be read ({error}): write it anew.") from None


def _read_text(path: Path, words: bool) -> tuple[pd.DataFrame, bool]:
    """Return the cells, and whether the first line is a header."""
    text = _text(path)
    lines = text.split("\n", 20)[:20]
    separator = _separator(lines)
    first, second = (_cells(line, separator) for line in (lines * 2)[:2])
    header = _is_header(first, second)
    named = header and len(first) == len(second) - 1 and second[-1] != ""  # R's header has no cell above the row names
    if header and not named and len(first) != len(second):
        raise InputError(
            f"{path}, line 2: {len(second)} columns where line 1 has {len(first)}; give each row the same."
        )
    comma = r'"[+-]?\d*,\d+"' if separator == "," else r"\d,\d"
    decimal = "," if re.search(comma, text[len(lines[0]) * header :]) else "."
    shape = {"header": 0 if header else None, "index_col": 0 if named else None, "dtype": str if words else None}
    exact = {"skip_blank_lines": False, "skipinitialspace": True, "low_memory": False}
    try:
        return pd.read_csv(io.StringIO(text), sep=separator, decimal=decimal, **shape, **exact), header
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        fault = f", line {found[2]}: {found[3]} columns where line 1 has {found[1]}" if found else f": {error}"
        raise InputError(f"{path}{fault}; give each row the same.") from None


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}): make it readable, or write it anew.") from None
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data[:1000]:
        raise InputError(f"{path} is not text: export the table as CSV.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # from a spreadsheet on Windows
    if not text.strip():
        raise InputError(f"{path} is empty: give one row per sample.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cells(line: str, separator: str) -> list[str]:
    delimiter = " " if separator == r"\s+" else separator
    cells = next(csv.reader([line.strip(" ")], delimiter=delimiter, skipinitialspace=True), [""])
    return [cell.strip() for cell in cells]


def _separator(lines: list[str]) -> str:
    """Return what cuts all lines into as many cells; a header may have another number of them."""
    body = [line for line in lines[1:] or lines if line.strip()]
    for separator in (";", "\t", ","):
        widths = {len(_cells(line, separator)) for line in body}
        if len(widths) == 1 and widths != {1}:
            return separator
    pieces = [line.split() for line in body]
    if len(pieces) and len({len(piece) for piece in pieces}) == 1 < len(pieces[0]) and is_number(pieces[0][-1]):
        return r"\s+"
    return max(",;\t", key="\n".join(body).count)  # none, or of a ragged file, whose line at fault will be named


def _is_header(first: list[str], second: list[str]) -> bool:
    """Say whether the first line names columns: mostly words above numbers, or numbers behind a corner that is none."""
    words, above = (
        sum(not is_number(cell) and cell.lower() not in _MISSING for cell in row[1:] or row) for row in (first, second)
    )
    if 2 * words > len(first[1:] or first) > 2 * above:
        return True
    if len(first) == 1 or is_number(first[0]):
        return False
    counted = first[1:] in ([str(i + start) for i in range(len(first) - 1)] for start in (0, 1))
    return counted or (first[0] == "" != second[0])
