"""Run notebooks through papermill, say how it went, and keep what came out."""

import base64
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from PIL import Image
from traitlets.config import Config

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.parameters import Scalar
from mldrl_lite.results import read_result

# What travels between a kernel and us may be read by others on the same machine, unless it is encrypted.
_KERNEL_CONFIG = Config(KernelManager={"transport_encryption": "auto"})


@dataclass(frozen=True)
class NotebookRun:
    """How one notebook went."""

    notebook: str
    status: str
    """`ok`, `failed`, `skipped` or `interrupted`."""
    seconds: float = 0.0
    headline: str = ""
    fingerprint: str = ""
    """The first digits of the fingerprint in the ledger that the notebook left, if it left one."""
    pictures: str = ""
    """The folder of its figures."""
    error: str = ""
    """The cell and the error of a failed run, or why it was skipped."""


def declared_parameters(notebook: Path) -> list[str]:
    """Return the names in the notebook's `parameters` cell.

    Raises:
        InputError: the file is not there.
    """
    if not Path(notebook).is_file():
        raise InputError(f"No notebook {str(notebook)!r}: give the path of an .ipynb file.")
    try:
        return list(papermill.inspect_notebook(str(notebook)))
    except nbformat.reader.NotJSONError:
        raise InputError(f"{str(notebook)!r} is not a notebook: its text is not JSON.") from None


def run_notebook(notebook: Path, out_dir: Path, parameters: Mapping[str, Scalar]) -> NotebookRun:
    """Execute a notebook into `out_dir/NAME.ipynb`, its files into `out_dir/NAME/`, its figures into `…/pictures/`.

    An error in a cell is part of the returned `NotebookRun`; it does not stop the caller.
    """
    folder = out_dir / notebook.stem
    copy = out_dir / notebook.name
    if copy.resolve() == notebook.resolve():
        raise InputError(f"{str(notebook)!r} would be overwritten by its own copy: give --out another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise InputError(
            f"Cannot write in {str(folder)!r} ({failure.strerror}): give --out a folder of yours."
        ) from None
    # What an earlier run left must not pass for this one's.
    shutil.rmtree(folder / "pictures", ignore_errors=True)
    (folder / "ledger.json").unlink(missing_ok=True)
    own = {"out_dir": str(folder)} if "out_dir" in declared_parameters(notebook) else {}
    start = time.perf_counter()
    error = ""
    try:
        papermill.execute_notebook(
            notebook,
            copy,
            {**own, **parameters},
            progress_bar={"desc": notebook.stem, "leave": False},
            config=_KERNEL_CONFIG,
        )
    except PapermillExecutionError as failure:
        error = f"cell In [{failure.exec_count}]: {failure.ename}: {failure.evalue}"
    except DeadKernelError as failure:
        error = f"the kernel died: {failure}"
    except NoSuchKernel as failure:
        return NotebookRun(notebook.stem, "failed", error=str(failure))
    seconds = time.perf_counter() - start
    executed = nbformat.read(copy, as_version=4)
    return NotebookRun(
        notebook=notebook.stem,
        status="failed" if error else "ok",
        seconds=seconds,
        headline=read_result(executed)["headline"],
        fingerprint=_fingerprint(folder / "ledger.json"),
        pictures=save_pictures(executed, folder / "pictures"),
        error=error,
    )


def _fingerprint(ledger: Path) -> str:
    # Read as plain JSON: `reproducibility.read_ledger` would import torch, which takes longer than the whole command.
    return json.loads(ledger.read_text(encoding="utf-8"))["fingerprint"][:8] if ledger.is_file() else ""


def pictures(notebook: nbformat.NotebookNode) -> list[bytes]:
    """Return the figures of an executed notebook, in order, as PNG files."""
    return [
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def save_pictures(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Write the figures of an executed notebook as `1.png`, `2.png`, …; return the folder, or "" without figures."""
    images = pictures(notebook)
    for number, image in enumerate(images, start=1):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image)
    return str(folder) if images else ""


def run_course(notebooks: Iterable[Path], out_dir: Path, parameters: Mapping[str, Scalar]) -> list[NotebookRun]:
    """Run notebooks one after the other; with `parameters`, those that declare all of them.

    An interrupt (Ctrl-C) ends the run and keeps what is done.

    Raises:
        InputError: no notebook declares these parameters, or two notebooks have the same name.
    """
    notebooks = [Path(notebook) for notebook in notebooks]
    stems = [notebook.stem for notebook in notebooks]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise InputError(f"Two notebooks are named {min(twice)}: their copies would overwrite each other; rename one.")
    declared = {notebook: declared_parameters(notebook) for notebook in notebooks}
    if not any(set(parameters) <= set(names) for names in declared.values()):
        known = sorted({name for names in declared.values() for name in names})
        unknown = next((name for name in parameters if name not in known), listing(parameters))
        raise InputError(f"No notebook takes {unknown}{did_you_mean(unknown, known)}: give {listing(known)}.")
    runs = []
    for notebook in notebooks:
        missing = [name for name in parameters if name not in declared[notebook]]
        if missing:
            runs.append(NotebookRun(notebook.stem, "skipped", error=f"takes no {listing(missing)}"))
            continue
        try:
            runs.append(run_notebook(notebook, out_dir, parameters))
        except KeyboardInterrupt:
            rest = notebooks[notebooks.index(notebook) :]
            runs += [NotebookRun(waiting.stem, "interrupted") for waiting in rest]
            break
    return runs


def report(runs: Iterable[NotebookRun]) -> str:
    """Return the closing table: notebook, status, seconds, result, weights, figures; then the errors."""
    rows = [("notebook", "status", "seconds", "result", "weights", "pictures")]
    rows += [
        (run.notebook, run.status, f"{run.seconds:.0f}", run.headline, run.fingerprint, run.pictures) for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{run.notebook} {run.status}: {run.error}" for run in runs if run.error]
    return "\n".join(lines)


def store(notebook: Path) -> None:
    """Execute a notebook from a fresh kernel in an empty folder and store it with its outputs, tidied.

    What changes from run to run is left out (times, progress bars), so that an unchanged notebook stays unchanged. The
    file is replaced only when every cell has run.

    Raises:
        InputError: the file is not there.
        nbclient.exceptions.CellExecutionError: a cell failed; the stored notebook is as before.
    """
    declared_parameters(notebook)
    node = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            node,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
            config=_KERNEL_CONFIG,
        )
        client.execute()
    tidy(node)
    part = notebook.with_suffix(".part")
    nbformat.write(node, part)
    os.replace(part, notebook)


WIDGET = "application/vnd.jupyter.widget-view+json"


def tidy(node: nbformat.NotebookNode) -> None:
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
