"""The course as a whole: run its notebooks one after the other, and store them with their outputs."""

import base64
import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from papermill.translators import translate_parameters
from PIL import Image

from mldrl_lite import launch
from mldrl_lite.launch import NotebookRun, declared, open_notebook
from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.parameters import PROFILES, Declared, Scalar


def run_course(
    notebooks: Iterable[Path],
    out_dir: Path,
    parameters: Mapping[str, Scalar],
    *,
    profile: str = "full",
    kernel: str | None = None,
) -> list[NotebookRun]:
    """Run notebooks one after the other; with `parameters`, those that declare all of them.

    An interrupt (Ctrl-C) ends the run and keeps what is done.

    Args:
        notebooks: the files.
        out_dir: the folder for everything that is written.
        parameters: for every notebook; a text is read as each notebook declares the parameter.
        profile: `small` runs each notebook with the values that its parameters cell names so, `full` with its defaults.
        kernel: the name of the Jupyter kernel.

    Raises:
        InputError: no notebook declares these parameters, a value of another type, an unknown profile, two notebooks
            of the same name, or a folder that cannot be used; nothing has been started then.
    """
    notebooks = [Path(notebook) for notebook in notebooks]
    _refuse_twins(notebooks)
    chosen = _choices({path: open_notebook(path) for path in notebooks}, parameters, profile)
    for path in notebooks:
        launch.check_place(path, Path(out_dir))
    runs = []
    try:
        with launch.threads(1) as pool:
            for notebook, values in chosen.items():
                if isinstance(values, str):
                    runs.append(NotebookRun(notebook.stem, "skipped", error=values))
                else:
                    runs.append(pool.submit(launch.run_notebook, notebook, Path(out_dir), values, kernel).result())
    except KeyboardInterrupt:
        runs += [NotebookRun(waiting.stem, "interrupted") for waiting in notebooks[len(runs) :]]
    return runs


def _refuse_twins(notebooks: Iterable[Path]) -> None:
    stems = [notebook.stem for notebook in notebooks]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise InputError(f"Two notebooks are named {min(twice)}: their copies would overwrite each other; rename one.")


def _choices(
    nodes: Mapping[Path, NotebookNode], parameters: Mapping[str, Scalar], profile: str
) -> dict[Path, dict[str, Scalar] | str]:
    """Return the values that each notebook runs with, or why it does not run."""
    if profile not in PROFILES:
        raise InputError(f"No profile {profile!r}{did_you_mean(profile, PROFILES)}: give {listing(PROFILES)}.")
    names = {path: declared(node) for path, node in nodes.items()}
    _refuse_strangers(parameters, names.values())
    chosen = {}
    for path, node in nodes.items():
        missing = [name for name in parameters if name not in names[path]]
        base = launch.profile(node, profile)
        chosen[path] = f"takes no {listing(missing)}" if missing else base | _typed(parameters, names[path])
    return chosen


def _refuse_strangers(parameters: Mapping[str, Scalar], names: Iterable[Mapping[str, Declared]]) -> None:
    """Stop unless some notebook takes all the parameters."""
    known = sorted({name for declared in names for name in declared} - {"out_dir"})
    for name in parameters:
        if name == "out_dir":
            raise InputError("out_dir is a folder in --out for each notebook: give --out.")
        if not known:
            raise InputError(f"No notebook takes {name}, or any parameter: tag a first code cell 'parameters'.")
        if name not in known:
            raise InputError(f"No notebook takes {name}{did_you_mean(name, known)}: give {listing(known)}.")
    if not any(set(parameters) <= set(declared) for declared in names):
        raise InputError(f"No notebook takes all of {', '.join(parameters)}: give them in separate calls.")


def _typed(parameters: Mapping[str, Scalar], names: Mapping[str, Declared]) -> dict[str, Scalar]:
    return {
        name: names[name].read(value) if isinstance(value, str) else names[name].check(value)
        for name, value in parameters.items()
    }


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


# ---------------------------------------------------------------------------------------------------------------------
# Store


def store(notebook: Path, kernel: str | None = None) -> None:
    """Execute a notebook in a fresh kernel and store it with its outputs, tidied.

    It runs in an empty folder that is thrown away. One whose parameters cell has the metadata `stored`, values for a
    study of hours, say, runs with those in `build/store/NAME`, which stays, so that the study resumes; the cell is
    stored as it was. What changes from run to run is left out (times, progress bars), so that an unchanged notebook
    stays unchanged. The file is replaced only when every cell has run.

    Raises:
        InputError: the file is not there, or a stored value is not one that the notebook takes.
        nbclient.exceptions.CellExecutionError: a cell failed; the stored notebook is as before.
    """
    node = open_notebook(notebook)
    values = _stored_values(notebook, node)
    cell = launch.parameters_cell(node)
    source = cell.source if cell else ""
    kernel = launch.kernel_for(node, kernel)
    with _workplace(notebook, values) as folder, launch.threads(1) as pool:
        if values:  # in the same cell, so that the numbers of the cells stay those of a reader's run
            cell.source += "\n\n" + translate_parameters(kernel, "python", values, "Stored with")
        pool.submit(_execute_all, node, str(folder), kernel).result()
    if values:
        cell.source = source
    tidy(node)
    part = notebook.with_suffix(".part")
    nbformat.write(node, part)
    os.replace(part, notebook)


def _stored_values(notebook: Path, node: NotebookNode) -> dict[str, Any]:
    values, names = launch.profile(node, "stored"), declared(node)
    if unknown := [name for name in values if name not in names]:
        raise InputError(f"{notebook} is to be stored with {unknown[0]}, which it does not declare: mend its metadata.")
    return {name: names[name].check(value) for name, value in values.items()}


def _workplace(notebook: Path, values: Mapping[str, Any]) -> AbstractContextManager[str | Path]:
    if not values:
        return tempfile.TemporaryDirectory()
    folder = Path("build", "store", notebook.stem).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return nullcontext(folder)


def _execute_all(node: NotebookNode, folder: str, kernel: str) -> None:
    place = {"metadata": {"path": folder}}
    with tempfile.TemporaryFile() as words, launch.driving(words) as options:
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
