"""Store notebooks with their outputs, tidied, so that an unchanged notebook stays unchanged."""

import base64
import io
import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.file import kernel_for, open_notebook, parameters_cell, profile
from mldrl_lite.runs.notebook.values import assignments
from mldrl_lite.runs.process.kernel import driving, threads
from mldrl_lite.runs.process.limits import allow_files


def store(notebook: Path, kernel: str | None = None) -> None:
    """Execute a notebook in a fresh kernel and store it with its outputs, tidied.

    It runs in an empty folder that is thrown away. One whose parameters cell has the metadata `stored`, values for a
    study of hours, say, runs with those in `build/store/NAME`, which stays, so that the study resumes; the cell is
    stored as it was. What changes from run to run is left out (times, progress bars), so that an unchanged notebook
    stays unchanged. The file is replaced only when every cell has run.

    Raises:
        InputError: the file is not there, its folder cannot be written, or a stored value is not one that the notebook
            takes.
        nbclient.exceptions.CellExecutionError: a cell failed; the stored notebook is as before.
    """
    allow_files(1)
    node, part = open_notebook(notebook), notebook.with_suffix(".part")
    _check_place(part)
    values = profile(node, "stored", notebook)
    cell = parameters_cell(node)
    source = cell.source if cell else ""
    kernel = kernel_for(node, kernel)
    with _workplace(notebook, values) as folder, threads(1) as pool:
        if values:  # in the same cell, so that the numbers of the cells stay those of a reader's run
            cell.source += "\n\n" + assignments(values, "Stored with")
        pool.submit(_execute_all, node, str(folder), kernel).result()
    if values:
        cell.source = source
    tidy(node)
    nbformat.write(node, part)
    os.replace(part, notebook)


def _check_place(part: Path) -> None:
    try:
        part.touch()
        part.unlink()
    except OSError as failure:
        reason = failure.strerror or failure
        raise InputError(
            f"Cannot write in {str(part.parent)!r} ({reason}): store a notebook in a folder of yours."
        ) from None


def _workplace(notebook: Path, values: Mapping[str, Any]) -> AbstractContextManager[str | Path]:
    if not values:
        return tempfile.TemporaryDirectory()
    folder = Path("build", "store", notebook.stem).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return nullcontext(folder)


def _execute_all(node: NotebookNode, folder: str, kernel: str) -> None:
    place = {"metadata": {"path": folder}}
    with tempfile.TemporaryFile() as words, driving(words) as options:
        client = NotebookClient(
            node, record_timing=False, coalesce_streams=True, resources=place, kernel_name=kernel, **options
        )
        client.execute()


WIDGET = "application/vnd.jupyter.widget-view+json"


def tidy(node: NotebookNode) -> None:
    """Drop progress bars and what depends on the machine from an executed notebook; shrink its figures; in place."""
    node.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = _small_png(output.data["image/png"])


def _small_png(image: str) -> str:
    """Store a figure with a palette of 256 colours, which is a third of the size and looks the same."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB").quantize(256).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
