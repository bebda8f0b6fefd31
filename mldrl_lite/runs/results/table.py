"""The table of the runs in a folder, and its picture.

It is made without pandas, whose import takes longer than all the rest, for those who only look at it.
"""

import sys
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.values import code, sort_key
from mldrl_lite.runs.record.origin import look_anew
from mldrl_lite.runs.record.record import ON_A_CLUSTER, OWN, outdated, records
from mldrl_lite.runs.results.formats import as_csv, frame
from mldrl_lite.runs.search.folder import hides_test_results, is_test

if TYPE_CHECKING:
    import pandas as pd

TABLE = "results.csv"
FIGURE = "results.png"
SUMMARY = (TABLE, FIGURE)
REPLICATES = ("cv", "fold", "seed", "split_seed", "repeat")
"""Varied to see the scatter, not an effect."""


@dataclass(frozen=True)
class Table:
    """Runs, one a row: parameters that a sweep has set, results, and what is said of each run in `OWN`."""

    parameters: Sequence[str]
    metrics: Sequence[str]
    rows: Sequence[Mapping[str, Any]]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""
        machines = [name for name in ON_A_CLUSTER if any(name in row for row in self.rows)]
        return list(dict.fromkeys([*self.parameters, *self.metrics, *machines, *OWN]))

    def only(self, runs: Collection[str]) -> "Table":
        """Return the rows of these runs, in this order."""
        rows = {row["run"]: row for row in self.rows}
        return Table(self.parameters, self.metrics, [rows[run] for run in runs if run in rows])

    def values(self, column: str) -> list[Any]:
        """Return a column."""
        return [row.get(column) for row in self.rows]

    def frame(self) -> "pd.DataFrame":
        """Return it as a DataFrame, whose `attrs` name the `parameters` and the `metrics`."""
        table = frame(self.columns, self.rows)
        table.attrs["parameters"], table.attrs["metrics"] = list(self.parameters), list(self.metrics)
        return table


def collect(out: str | Path) -> "pd.DataFrame":
    """Return a table of all runs in a folder, and write it there as `results.csv` and `results.png`; see `summarise`.

    Raises:
        InputError: the folder holds no run.
    """
    return summarise(out).frame()


def summarise(out: str | Path, told: Mapping[str, dict[str, Any]] | None = None) -> Table:
    """Return the table of all runs in a folder, and write it there as `results.csv` and `results.png`.

    A run is marked `outdated` when something that it was made from has changed since. Without numbers to draw there is
    no picture, and while the table stays as it was, the picture does, too.

    Args:
        out: the folder.
        told: see `records`.

    Raises:
        InputError: the folder holds no run.
    """
    folder = Path(out)
    look_anew()
    table = table_of_runs(folder, told)
    if not table.rows:
        raise InputError(f"No run in {str(out)!r}: give the folder that a sweep has written.")
    with told_unless_written(f"{TABLE} and {FIGURE}", folder):
        _write(table, folder)
    return table


@contextmanager
def told_unless_written(names: str, folder: Path) -> Iterator[None]:
    """Warn, and go on, when the block cannot write these files: the table on the screen matters more."""
    try:
        yield
    except OSError as failure:
        warnings.warn(f"{names} cannot be written in {str(folder)!r} ({failure.strerror or failure}).", stacklevel=4)


def _write(table: Table, folder: Path) -> None:
    changed = write_table(table, folder)
    shown = _to_draw(table)
    if not shown.metrics:
        (folder / FIGURE).unlink(missing_ok=True)
    elif changed or not (folder / FIGURE).is_file():
        _draw(shown, folder)


def table_of_runs(folder: str | Path, told: Mapping[str, dict[str, Any]] | None = None) -> Table:
    """Return the runs in a folder as they are, without writing anything; see `summarise`.

    In the folder of a search, results of test data are left out until they have been asked for.
    """
    found = records(Path(folder), told)
    all_records = [record for _, record in found]
    names = {name for record in all_records for name in record["given"]}
    order = dict.fromkeys(name for record in all_records for name in record["parameters"])
    names = [name for name in order if name in names]
    rows = [_row(record, names, folder) | {"run": path.name} for path, record in found]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in (*names, *ON_A_CLUSTER, *OWN))
    if hides_test_results(Path(folder)):
        metrics = [name for name in metrics if not is_test(name)]
    rows.sort(key=lambda row: [sort_key(row[name]) for name in names])
    return Table(names, list(metrics), rows)


def _row(record: Mapping[str, Any], names: Sequence[str], folder: str | Path) -> dict[str, Any]:
    values = dict(record["values"])
    fingerprint = record["fingerprint"] or values.get("fingerprint", "")
    values.pop("fingerprint", None)
    doubts = {"warnings": " ".join(map(str, record["warnings"]))} if isinstance(record.get("warnings"), list) else {}
    machine = _machine(record)
    taken = {*record["parameters"], *machine, *OWN, *doubts}
    return {
        **{name: record["parameters"].get(name) for name in names},
        **{f"result_{name}" if name in taken else name: value for name, value in values.items()},
        **doubts,
        **{name: text for name, text in machine.items() if name not in record["parameters"]},
        "seconds": record["seconds"],
        "status": "outdated" if record["status"] == "ok" and outdated(record, folder) else record["status"],
        "error": record["error"],
        "fingerprint": fingerprint,
    }


def _machine(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the host of a run on a cluster, and the versions there in one text."""
    if not (known := record.get("machine")):
        return {}
    versions = ", ".join(f"{name} {number}" for name, number in known.items() if name != "host")
    return {"host": known.get("host", ""), "versions": versions}


def write_table(table: Table, folder: Path) -> bool:
    """Write the table of a folder's runs into it, whole or not at all; say whether it has changed."""
    text, place = as_csv(table.columns, table.rows).encode(errors="backslashreplace"), folder / TABLE
    if place.is_file() and place.read_bytes() == text:
        return False
    with replacing(place) as part:
        part.write_bytes(text)
    return True


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of another one when it is whole."""
    part = place.with_name(f".{place.stem}.{uuid.uuid4().hex[:8]}{place.suffix}")
    try:
        yield part
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def varied(table: Table) -> list[str]:
    """Return the parameters that are not the same in all runs."""
    return [name for name in table.parameters if len(set(map(code, table.values(name)))) > 1]


def _to_draw(table: Table) -> Table:
    """Return the runs that ended well, the parameters that vary in them, and the results in numbers, if there are."""
    good = Table(table.parameters, table.metrics, [row for row in table.rows if row["status"] == "ok"])
    parameters = varied(good)
    metrics = [name for name in good.metrics if are_numbers(good.values(name))] if parameters else []
    return Table(parameters, metrics, good.rows)


def are_numbers(values: Iterable[Any]) -> bool:
    """Say whether these are numbers, at least one, and None."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, int | float) and _fits_a_float(value) for value in there)


def _fits_a_float(value: float) -> bool:
    return not isinstance(value, int) or abs(value) <= sys.float_info.max


def _draw(shown: Table, folder: Path) -> None:
    from mldrl_lite.runs.results.picture import draw_sweep

    try:
        with replacing(folder / FIGURE) as part:
            draw_sweep(shown.frame(), shown.metrics, shown.parameters, part)
    except Exception as error:  # values that Matplotlib cannot place or write; the table matters more
        warnings.warn(f"There is no picture of these runs ({type(error).__name__}: {error}).", stacklevel=2)
        (folder / FIGURE).unlink(missing_ok=True)
