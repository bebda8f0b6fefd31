"""What a sweep is to run: a grid checked against a notebook, and what each run is made from."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.notebooks import declared, kernel_for, open_notebook
from mldrl_lite.runs.parameters import MISSING, Declared, check_grid
from mldrl_lite.runs.record import OWN, RECORD, Job, folder_name, read_record, records, same
from mldrl_lite.runs.values import to_json
from mldrl_lite.sources import DATA_VARIABLE, find_folder

_PACKAGE = Path(__file__).parents[1]


def plan_jobs(
    notebook: str | Path,
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    out: str | Path,
    kernel: str | None = None,
) -> list[Job]:
    """Check a grid against the notebook and return its runs, in the grid's order; see `sweep`."""
    node = open_notebook(notebook)
    names = declared(node)
    out = Path(os.path.abspath(out))
    stem = Path(notebook).stem
    defaults = {name: entry.default for name, entry in names.items() if entry.default is not MISSING}
    source = {"notebook": _code_sha(node), "package": _package_sha()}
    text = nbformat.writes(_without_outputs(node))
    data = cache(lambda data_type, data_dir: data_sha(data_type, data_dir, out))
    jobs = {}
    for given in _points(grid, names, stem):
        every = defaults | given
        jobs[json.dumps(to_json(given))] = Job(
            name=folder_name(given),
            out=str(out),
            stem=stem,
            notebook=text,
            given=given,
            every=every | ({"out_dir": None} if "out_dir" in names else {}),
            origin=source | {"data": data(*(_as_text(every.get(name)) for name in ("data_type", "data_dir")))},
            kernel=kernel_for(node, kernel),
            cwd=os.getcwd(),
        )
    _refuse_strangers(list(jobs.values()))
    return list(jobs.values())


def _refuse_columns(grid: Mapping[str, Any]) -> None:
    if taken := [name for name in grid if name in OWN]:
        raise InputError(f"Parameter {taken[0]} cannot be swept: the table has a column of that name; rename it.")


def _points(
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]], names: Mapping[str, Declared], stem: str
) -> Iterator[dict[str, Any]]:
    """Yield the points of a grid, or of several grids one after the other."""
    for one in [grid] if isinstance(grid, Mapping) else grid:
        _refuse_columns(one)
        checked = check_grid(one, names, stem)
        # In the grid's order of values, but in the notebook's order of names: that of -p on a command line is chance.
        for values in itertools.product(*checked.values()):
            given = dict(zip(checked, values, strict=True))
            yield {name: given[name] for name in names if name in given}


def _package_sha() -> str:
    """Return the sha256 of this package's code and of the versions of what trains."""
    digest = hashlib.sha256()
    for name in ("torch", "pytorch-lightning"):
        with suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}\n".encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _code_sha(node: NotebookNode) -> str:
    sources = [cell.source for cell in node.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _without_outputs(node: NotebookNode) -> NotebookNode:
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


def _as_text(value: object) -> str | None:
    return str(value) if isinstance(value, str | PurePath) else None


def data_sha(data_type: str | None, data_dir: str | None, out: Path) -> str:
    """Return the sha256 of the files that these parameters name; "" when they name none, or a built-in source.

    A folder that cannot be used is the notebook's to complain about.
    """
    if data_type in ("SIMULATED", "WDBC"):
        return ""
    folder = Path(data_dir).expanduser() if data_dir else None
    if isinstance(data_type, str) and (folder or os.environ.get(DATA_VARIABLE)):
        with suppress(InputError):
            folder = find_folder(data_type, data_dir) or folder
    return _folder_sha(folder, out) if folder and folder.is_dir() else ""


def _folder_sha(folder: Path, out: Path) -> str:
    digest, out = hashlib.sha256(), out.resolve()
    try:
        for path in sorted(folder.rglob("[!.]*")):  # a file manager may leave hidden files
            if path.is_file() and out not in path.resolve().parents:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(json.dumps([path.relative_to(folder).as_posix(), content]).encode())
    except OSError as failure:
        raise InputError(f"Cannot read {str(failure.filename)!r} ({failure.strerror}): make it readable.") from None
    return digest.hexdigest()


def _refuse_strangers(jobs: Sequence[Job]) -> None:
    """Stop when `out` holds something else under these names, or when two runs would share one on some file systems."""
    folder, remedy = Path(jobs[0].out), "give --out (out=) another folder"
    others = {record["stem"] for _, record in records(folder)} - {jobs[0].stem}
    if others:
        raise InputError(f"{str(folder)!r} holds runs of {min(others)}: {remedy}.")
    names = {}
    for job in jobs:
        place = folder / job.name
        if place.exists() and not (place / RECORD).is_file():
            raise InputError(f"{str(place)!r} is there and is no run: remove it, or {remedy}.")
        twins = [names.setdefault(job.name.casefold(), job.given), (read_record(place) or {}).get("given")]
        if not all(given is None or same(given, job.given) for given in twins):
            raise InputError(
                f"Two runs would be named {job.name}, up to upper and lower case: sweep them into two folders (--out)."
            )


def installed_kernel(notebook: str | Path, kernel: str | None) -> str:
    """Return the name of the kernel that will run a notebook.

    Raises:
        InputError: no kernel of that name is installed.
    """
    name = kernel_for(open_notebook(notebook), kernel)
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        known = sorted(KernelSpecManager().find_kernel_specs())
        raise InputError(f"No kernel {name!r}{did_you_mean(name, known)}: give {listing(known)}.") from None
    return name
