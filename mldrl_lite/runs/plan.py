"""What a sweep is to run: a grid checked against a notebook, and what each run is made from."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode

from mldrl_lite.messages import InputError, Scalar, did_you_mean, listing
from mldrl_lite.runs.notebooks import declared, kernel_for, open_notebook
from mldrl_lite.runs.parameters import Declared
from mldrl_lite.runs.record import OWN, RECORD, Job, folder_name, read_record, records, same
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
    defaults = {name: entry.default for name, entry in names.items() if isinstance(entry.default, Scalar)}
    source = {"notebook": _code_sha(node), "package": _package_sha()}
    text = nbformat.writes(_without_outputs(node))
    data = cache(lambda data_type, data_dir: data_sha(data_type, data_dir, out))
    jobs = {}
    for given in _points(grid, names, stem):
        every = defaults | given
        jobs[json.dumps(given)] = Job(
            name=folder_name(given),
            out=str(out),
            stem=stem,
            notebook=text,
            given=given,
            every=every | ({"out_dir": None} if "out_dir" in names else {}),
            origin=source | {"data": data(every.get("data_type"), every.get("data_dir"))},
            kernel=kernel_for(node, kernel),
            cwd=os.getcwd(),
        )
    _refuse_strangers(list(jobs.values()))
    return list(jobs.values())


def _checked(grid: Mapping[str, Any], names: Mapping[str, Declared], stem: str) -> dict[str, list[Scalar]]:
    checked = {}
    for name, values in grid.items():
        if name not in names:
            known = [known for known in names if known != "out_dir"]
            takes = f"give {listing(known)}" if known else "tag its first code cell 'parameters'"
            raise InputError(f"{stem} takes no parameter {name!r}{did_you_mean(name, known)}: {takes}.")
        if name in OWN:
            raise InputError(f"Parameter {name} cannot be swept: the table has a column of that name; rename it.")
        if name == "out_dir":
            raise InputError("out_dir cannot be swept: each run gets a folder of its own in --out (out=).")
        several = isinstance(values, Iterable) and not isinstance(values, str)
        checked[name] = [names[name].check(value) for value in (values if several else [values])]
        if not checked[name]:
            raise InputError(f"Parameter {name} has no value: give one or more.")
    return checked


def _points(
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]], names: Mapping[str, Declared], stem: str
) -> Iterator[dict[str, Scalar]]:
    """Yield the points of a grid, or of several grids one after the other."""
    for one in [grid] if isinstance(grid, Mapping) else grid:
        checked = _checked(one, names, stem)
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


def data_sha(data_type: Scalar, data_dir: Scalar, out: Path) -> str:
    """Return the sha256 of the files that these parameters name; "" when they name none, or a built-in source.

    A folder that cannot be used is the notebook's to complain about.
    """
    if data_type in ("SIMULATED", "WDBC"):
        return ""
    folder = Path(data_dir).expanduser() if data_dir and isinstance(data_dir, str) else None
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
