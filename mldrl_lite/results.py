"""The result of a notebook: a table that people see and a record that a machine can read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # its import takes a second, which every notebook would pay
    from nbformat import NotebookNode

RESULT_TYPE = "application/vnd.mldrl-lite.result+json"


def show_result(headline: str, values: Mapping[str, float | int | str | bool | None]) -> None:
    """Display the result of a notebook.

    Args:
        headline: one short line, for the table that `make run` closes with.
        values: plain values by name; numbers are shown with four significant digits and stored in full.
    """
    import pandas as pd
    from IPython.display import display

    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in values.items()}
    table = pd.DataFrame({"value": shown})
    data = {
        "text/plain": f"{headline}\n{table.to_string()}",
        "text/html": table.to_html(border=0),
        RESULT_TYPE: {"headline": headline, "values": dict(values)},
    }
    display(data, raw=True)


def read_result(notebook: "NotebookNode") -> dict[str, Any]:
    """Return the last result that an executed notebook shows, or `{"headline": "", "values": {}}`."""
    found = [
        output["data"][RESULT_TYPE]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if RESULT_TYPE in output.get("data", {})
    ]
    return found[-1] if found else {"headline": "", "values": {}}
