"""What a sweep is to run: a grid checked against a notebook, and what each run is made from."""

import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.notebook.file import declared, kernel_for, open_notebook
from mldrl_lite.runs.notebook.parameters import MISSING, Declared, check_grid
from mldrl_lite.runs.notebook.places import anchored, place_of, working_folder
from mldrl_lite.runs.notebook.values import to_json
from mldrl_lite.runs.record.job import Job, folder_name
from mldrl_lite.runs.record.origin import data_folder, of_notebook
from mldrl_lite.runs.record.record import OWN, RECORD, read_record, records, same

_DATA = ("data_type", "data_dir")
"""The parameters that name a folder of data, all of whose files count."""


def plan_jobs(
    notebook: str | Path,
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    out: str | Path,
    kernel: str | None = None,
    cwd: str | Path | None = None,
) -> list[Job]:
    """Check a grid against the notebook and return its runs, in the grid's order; see `sweep`."""
    node = open_notebook(notebook)
    names = declared(node)
    source, out = os.path.abspath(notebook), os.path.abspath(out)
    folder, chosen = working_folder(notebook, cwd), kernel_for(node, kernel)
    defaults = {name: entry.default for name, entry in names.items() if entry.default is not MISSING}
    text, made_from = nbformat.writes(_without_outputs(node)), of_notebook(node, source, out, chosen, folder)
    caller, data = os.getcwd(), cache(data_folder)
    jobs = {}
    for given in _points(grid, names, Path(source).stem):
        where = anchored({name: given[name] for name in _DATA if name in given}, caller, folder)
        named = [place_of(where.get(name, defaults.get(name))) for name in _DATA]
        jobs[json.dumps(to_json(given))] = Job(
            name=folder_name(given),
            out=out,
            source=source,
            notebook=text,
            given=given,
            defaults=defaults,
            origin=made_from,
            data=data(*named, folder),
            kernel=chosen,
            cwd=folder,
            caller=caller,
        )
    planned = list(jobs.values())
    _refuse_another_notebook(planned[0])
    _refuse_names_in_use(planned)
    return planned


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


def _without_outputs(node: NotebookNode) -> NotebookNode:
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


_REMEDY = "give --out (out=) another folder"


def _refuse_another_notebook(job: Job) -> None:
    """Stop when the folder holds the runs of another notebook."""
    others = {record["stem"] for _, record in records(Path(job.out))} - {job.stem}
    if others:
        raise InputError(f"{job.out!r} holds runs of {min(others)}: {_REMEDY}.")


def _refuse_names_in_use(jobs: Sequence[Job]) -> None:
    """Stop when something that is no run has a run's name, or when two runs would share one on some file systems."""
    folder = Path(jobs[0].out)
    there = {name.casefold() for name in os.listdir(folder)} if folder.is_dir() else set()
    names: dict[str, Mapping[str, Any]] = {}
    for job in jobs:
        if job.name.casefold() in there and os.path.lexists(job.place) and not (job.place / RECORD).is_file():
            raise InputError(f"{str(job.place)!r} is there and is no run: remove it, or {_REMEDY}.")
        twin = names.setdefault(job.name.casefold(), job.given)
        others = [*_held(job, there), *([twin] if twin is not job.given else [])]
        if not all(same(given, job.given) for given in others):
            raise InputError(
                f"Two runs would be named {job.name}, up to upper and lower case: sweep them into two folders (--out)."
            )


def _held(job: Job, there: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the parameters of the runs that are under this job's names."""
    places = [place for place in (job.place, job.failed_place) if place.name.casefold() in there] if there else []
    return [record["given"] for place in places if (record := read_record(place))]


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
