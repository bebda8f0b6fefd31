"""The table of the runs in a folder, and its picture."""

import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError
from mldrl_lite.runs.origin import look_anew
from mldrl_lite.runs.record import OWN, outdated, records
from mldrl_lite.runs.values import sort_key

if TYPE_CHECKING:
    import pandas as pd

TABLE = "results.csv"
FIGURE = "results.png"
SUMMARY = (TABLE, FIGURE)


def collect(out: str | Path) -> "pd.DataFrame":
    """Return a table of all runs in a folder, and write it there as `results.csv` and `results.png`.

    A run is marked `outdated` when something that it was made from has changed since. Without numbers to draw there is
    no picture.

    Raises:
        InputError: the folder holds no run.
    """
    folder = Path(out)
    look_anew()
    rows = table_of_runs(folder)
    if rows.empty:
        raise InputError(f"No run in {str(out)!r}: give the folder that a sweep has written.")
    write_table(rows, folder)
    _draw(rows, folder)
    return rows


def table_of_runs(folder: str | Path) -> "pd.DataFrame":
    """Return the runs in a folder as they are, without writing anything; see `collect`."""
    import pandas as pd

    found = records(Path(folder))
    all_records = [record for _, record in found]
    names = [name for record in all_records for name in record["given"]]
    order = [name for record in all_records for name in record["parameters"]]
    names = [name for name in dict.fromkeys(order) if name in names]
    rows = [_row(record, names, folder) | {"run": path.name} for path, record in found]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in (*names, *OWN))
    rows.sort(key=lambda row: [sort_key(row[name]) for name in names])
    columns = [*names, *metrics, *OWN]
    # As objects first: of whole numbers and None, pandas would make floating-point numbers.
    frame = pd.DataFrame([[row.get(column) for column in columns] for row in rows], columns=columns, dtype=object)
    mixed = [name for name in names if frame[name].isna().any()]
    frame = frame.astype({name: frame[name].infer_objects().dtype for name in columns if name not in mixed})
    frame.attrs["parameters"], frame.attrs["metrics"] = names, list(metrics)
    return frame


def _row(record: Mapping[str, Any], names: Sequence[str], folder: str | Path) -> dict[str, Any]:
    values = dict(record["values"])
    fingerprint = record["fingerprint"] or values.get("fingerprint", "")
    values.pop("fingerprint", None)
    taken = {*record["parameters"], *OWN}
    return {
        **{name: record["parameters"].get(name) for name in names},
        **{f"result_{name}" if name in taken else name: value for name, value in values.items()},
        "seconds": record["seconds"],
        "status": "outdated" if record["status"] == "ok" and outdated(record, folder) else record["status"],
        "error": record["error"],
        "fingerprint": fingerprint,
    }


def write_table(rows: "pd.DataFrame", folder: Path) -> None:
    """Write the table of a folder's runs into it, whole or not at all."""
    part = folder / f".{TABLE}.{uuid.uuid4().hex[:8]}"
    rows.to_csv(part, index=False)
    part.replace(folder / TABLE)


def _draw(rows: "pd.DataFrame", folder: Path) -> None:
    from mldrl_lite.runs.picture import draw_sweep

    part = folder / f".{FIGURE}.{uuid.uuid4().hex[:8]}.png"
    try:
        drawn = draw_sweep(rows, rows.attrs["parameters"], part)
    except Exception as error:  # values that Matplotlib cannot place or write; the table matters more
        warnings.warn(f"There is no picture of these runs ({type(error).__name__}: {error}).", stacklevel=2)
        part.unlink(missing_ok=True)
        drawn = False
    if drawn:
        part.replace(folder / FIGURE)
    else:
        (folder / FIGURE).unlink(missing_ok=True)
