"""A folder of data: which files belong together, whether they fit, and what in them is doubtful."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mldrl_lite.messages import InputError
from mldrl_lite.samples import Floats, Ints, Samples
from mldrl_lite.tables import is_number, named_rows, read_table

_Pair = list[pd.DataFrame]  # of the training and of the test samples
_Files = Mapping[tuple[str, str], Path]


def read_folder(folder: Path, files: _Files) -> Samples:
    """Read `{view}_tr.csv`, `{view}_te.csv`, `labels_tr.csv` and `labels_te.csv`: one row a sample.

    The names of the views are those before `_tr`, in natural order. Labels are whole numbers or words; the classes are
    numbered in their order.

    Args:
        folder: to name in messages.
        files: by view (or `labels`) and part (`tr`, `te`); what `read_table` reads.

    Raises:
        InputError: a file is missing, cannot be read or does not fit the others; names the file and the line.
    """
    doubts: list[str] = []
    names = sorted({name for name, _ in files} - {"labels"}, key=_natural)
    _check_names(folder, names, files)
    views = {name: _read_view(files[name, "tr"], files[name, "te"], doubts) for name in names}
    parts = [_read_labels(files["labels", part], part, views, doubts) for part in ("tr", "te")]
    labels, classes = _number_classes(folder, parts, doubts)
    titles = tuple(_title(folder, name) for name in names)
    arrays = tuple(pd.concat(pair, ignore_index=True).to_numpy(np.float32) for pair in views.values())
    for title, view, pair in zip(titles, arrays, views.values(), strict=True):
        doubts += _telling(title, view, labels, pair[0].columns)
    published_test = np.repeat([False, True], [len(part) for part in parts])
    return Samples(arrays, labels, titles, classes, published_test, warnings=tuple(doubts))


def _check_names(folder: Path, names: list[str], files: _Files) -> None:
    if not names:
        raise InputError(f"No {{view}}_tr.csv in {str(folder)!r}: give one CSV file per view, such as 1_tr.csv.")
    for name in names:
        if "label" in name.lower():
            raise InputError(f"{folder}: {name}_tr would be a view, but is named like labels: rename or move it.")
    for name, part in ((name, part) for name in (*names, "labels") for part in ("tr", "te")):
        if (name, part) not in files:
            path = folder / f"{name}_{part}.csv"
            raise InputError(f"Missing file {path}: each view needs a _tr.csv and a _te.csv, and so do the labels.")


def _title(folder: Path, name: str) -> str:
    known = {"1": "mRNA", "2": "methylation", "3": "miRNA"} if folder.name == "ROSMAP" else {}
    return known.get(name, f"view {name}" if name.isdigit() else name)


def _natural(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


# ---------------------------------------------------------------------------------------------------------------------
# A view


def _read_view(train: Path, test: Path, doubts: list[str]) -> _Pair:
    """Read the two files of a view; leave out a header and names of rows that are numbers, and say so."""
    pair, both = [read_table(train), read_table(test)], f"{train.name} and {test.name}"
    widths = [table.shape[1] for table in pair]
    if widths[0] != widths[1]:
        raise InputError(
            f"{train} has {widths[0]} columns but {test.name} has {widths[1]}: "
            "give the same features, in the same order, in both."
        )
    if _is_header_of_numbers(pair):
        doubts.append(f"{both} begin with one and the same row of whole numbers: it was taken for a header.")
        pair = [table.iloc[1:].reset_index(drop=True).set_axis(table.iloc[0], axis=1) for table in pair]
    if _counts_rows(pair):
        doubts.append(f"The first column of {both} counts the rows: it was taken for their names, not for a feature.")
        pair = [table.set_index(table.columns[0]) for table in pair]
    for mine, other in zip(*(table.columns for table in pair), strict=True):
        if mine != other:
            raise InputError(f"{train} has the column {mine!r} where {test.name} has {other!r}: give the same order.")
    return pair


def _is_header_of_numbers(pair: _Pair) -> bool:
    if not all(len(table) > 1 and isinstance(table.columns, pd.RangeIndex) for table in pair):
        return False
    first, other = (table.iloc[0] for table in pair)
    return len(first) >= 3 and first.is_unique and first.equals(other) and first.equals(first.round())


def _counts_rows(pair: _Pair) -> bool:
    """Say whether the first column holds each of N whole numbers in a row once: in either file, or in both together."""
    if any(named_rows(table) or table.shape[1] < 2 or len(table) < 3 for table in pair):
        return False
    parts = [table.iloc[:, 0].to_numpy() for table in pair]
    return _consecutive(np.concatenate(parts)) or all(map(_consecutive, parts))


def _consecutive(values: NDArray[np.float64]) -> bool:
    return np.array_equal(np.sort(values), np.arange(len(values)) + values.min())


def _telling(title: str, view: Floats, labels: Ints, names: pd.Index) -> Iterator[str]:
    """Say of each column that by itself tells the class of every sample.

    It has few values, each of one class; or a threshold between every two classes. By chance, one of D columns has that
    with a probability of about D * C! * n_1! … n_C! / N!; where this is 1 in 1000 or more, nothing is said.
    """
    sizes = np.bincount(labels)
    log_chance = math.lgamma(len(sizes) + 1) + sum(math.lgamma(n + 1) for n in sizes) - math.lgamma(len(labels) + 1)
    of_class = [view[labels == c] for c in range(len(sizes))]
    low, high = (np.sort([limit(rows, axis=0) for rows in of_class], axis=0) for limit in (np.min, np.max))
    apart = (high[:-1] < low[1:]).all(axis=0) & (log_chance + math.log(view.shape[1]) < math.log(1e-3))
    for column, name in enumerate(names):
        values = len(np.unique(view[:, column]))
        few = values <= len(labels) / 10 and values == len(np.unique(view[:, column] + 1j * labels))
        if few or apart[column]:
            named = column + 1 if isinstance(names, pd.RangeIndex) else repr(name)
            yield f"Column {named} of {title} tells the class of every sample by itself: is it a label, or an index?"


# ---------------------------------------------------------------------------------------------------------------------
# The labels


def _read_labels(path: Path, part: str, views: dict[str, _Pair], doubts: list[str]) -> "pd.Series[str]":
    """Return the label of each sample, as text; whether the first line is a header, the number of rows decides."""
    tables = {name: pair[part == "te"] for name, pair in views.items()}
    frame = read_table(path, words=True)
    if frame.shape[1] != 1:
        raise InputError(f"{path} has {frame.shape[1]} columns: give one column, the class.")
    labels, line = frame.iloc[:, 0].str.strip(), frame.attrs["first_line"]
    if len(labels) == len(next(iter(tables.values()))) + 1 and (
        labels.iloc[0] == "0" or labels.iloc[0] not in set(labels[1:])
    ):
        if is_number(labels.iloc[0]):
            doubts.append(f"{path.name} has a row more than the views: its first, {labels.iloc[0]}, was left out.")
        labels, line = labels.iloc[1:], line + 1
    for row in np.flatnonzero(labels.isna() | labels.isin(["", "nan"])):
        raise InputError(f"{path}, line {row + line}: the label is missing; give every sample its class.")
    for name, table in tables.items():
        if len(table) != len(labels):
            raise InputError(
                f"{name}_{part} has {len(table)} rows but {path} has {len(labels)}: "
                "give one row per sample, in the same order, in each."
            )
        other = frame if named_rows(frame) else next(iter(tables.values()))
        if named_rows(table) and named_rows(other):
            _refuse_other_order(f"{name}_{part}", table, other.index[-len(labels) :])
    return labels


def _refuse_other_order(name: str, table: pd.DataFrame, wanted: pd.Index) -> None:
    for row, (mine, theirs) in enumerate(zip(_as_text(table.index), _as_text(wanted), strict=True), start=1):
        if mine != theirs:
            raise InputError(
                f"{name} has sample {mine!r} in row {row} where another file has {theirs!r}: "
                "give the same samples, in the same order, in each."
            )


def _as_text(names: pd.Index) -> list[str]:
    return [f"{float(name):g}" if is_number(str(name)) else str(name) for name in names]


def _number_classes(folder: Path, parts: "list[pd.Series[str]]", doubts: list[str]) -> tuple[Ints, tuple[str, ...]]:
    """Return the classes' numbers, 0..C-1 in the order of the labels, and their names."""
    every = pd.concat(parts).to_numpy(str)
    numeric = all(map(is_number, every))
    if numeric:
        every = np.array([float(word.replace(",", ".")) for word in every])
        if not (whole := every == np.round(every)).all():
            raise InputError(f"{folder}: the label {every[~whole][0]:g} is not whole; number the classes 0, 1, 2, …")
    found, labels = np.unique(every, return_inverse=True)
    classes = tuple(f"class {name:g}" if numeric else str(name) for name in found)
    if len(found) < 2:
        raise InputError(f"{folder} has one class only, {found[0]}: a classifier needs samples of two or more.")
    if missing := set(range(len(found))) - set(labels[: len(parts[0])]):
        name = classes[min(missing)].removeprefix("class ")
        raise InputError(f"{folder / 'labels_tr.csv'} has no sample of class {name}: train needs every class.")
    if numeric and found[-1] - found[0] >= len(found) and list(found) != [-1, 1]:
        doubts.append(f"The labels skip numbers ({', '.join(map('{:g}'.format, found))}): is each of them a class?")
    if len({name.casefold() for name in classes}) < len(classes):
        doubts.append(f"Some classes differ in upper and lower case only: {', '.join(classes)}.")
    return labels.astype(np.int64), classes
