"""The subcommands of this room: `course`, `run`, `sweep`, `search`, `collect`, `store`, `picture`.

What runs notebooks is imported when it is needed: a page of help should not wait for it.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError, require
from mldrl_lite.runs.search_command import add_search, run_search

if TYPE_CHECKING:
    import pandas as pd

    from mldrl_lite.runs.parameters import Declared

_INTERRUPTED = 128 + signal.SIGINT
_VALUES = (
    "0..9 is a range of whole numbers; commas separate values, but in quotes or brackets: '\"a,b\"', '[3, 4], [5]'"
)


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `course`, `run`, `sweep`, `search`, `collect`, `store` and `picture` to the command `mldrl-lite`."""
    _add_course(_command(commands, "course", _course, "run notebooks one after the other, with a table of results"))
    run = _command(commands, "run", _run, "run one notebook once with parameters and keep what it leaves")
    sweep = _command(commands, "sweep", _sweep, "run one notebook with every combination of parameters")
    sweep.add_argument("-j", "--jobs", type=int, default=1, help="how many run at once (1)")
    for command, value in ((run, "VALUE"), (sweep, "VALUES")):
        command.add_argument("notebook", type=Path)
        _add_parameters(command, value, _VALUES if command is sweep else "may be repeated")
        command.add_argument("-o", "--out", type=Path, help="folder for everything that is written (runs/sweep_NAME)")
        command.add_argument("--kernel", help="name of the Jupyter kernel")
        command.add_argument("--cwd", type=Path, help="folder that the notebook runs in (its own)")
        command.add_argument("--again", action="store_true", help="run also what the folder holds already")
    add_search(_command(commands, "search", _search, "find good parameters by the mean of repeated runs (Optuna)"))
    collect = _command(commands, "collect", _collect, "write the table and the figure of all runs in a folder")
    collect.add_argument("out", type=Path)
    collect.add_argument("--why", action="store_true", help="tell what has changed since each outdated run")
    keep = _command(commands, "store", _store, "re-execute notebooks and store them with their outputs")
    keep.add_argument("notebooks", nargs="+", type=Path)
    keep.add_argument("--kernel", help="name of the Jupyter kernel")
    picture = _command(commands, "picture", _picture, "write one figure of a stored notebook to a file")
    picture.add_argument("notebook", type=Path)
    picture.add_argument("number", type=int, help="1 for the first figure")
    picture.add_argument("file", type=Path)


def _command(
    commands: argparse._SubParsersAction, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(command=function)
    return command


def _add_course(command: argparse.ArgumentParser) -> None:
    command.add_argument("notebooks", nargs="+", type=Path)
    command.add_argument("-o", "--out", type=Path, default=Path("runs"), help="folder for everything that is written")
    _add_parameters(command, "VALUE", "for the notebooks that take it; may be repeated")
    command.add_argument("--profile", default="full", help="full, or small: the small values that each notebook keeps")
    command.add_argument("--kernel", help="name of the Jupyter kernel")
    command.add_argument("--cwd", type=Path, help="folder that the notebooks run in (their own)")


def _add_parameters(command: argparse.ArgumentParser, value: str, text: str) -> None:
    command.add_argument(
        "-p", nargs=2, action="append", default=[], dest="parameters", metavar=("NAME", value), help=text
    )


def _pairs(options: argparse.Namespace) -> dict[str, str]:
    pairs = {}
    for name, value in options.parameters:
        if name in pairs:
            raise InputError(f"Parameter {name} is given twice: give it once; sweep takes several values with commas.")
        pairs[name] = value[1:] if value.startswith(" -") else value
    return pairs


# ---------------------------------------------------------------------------------------------------------------------
# The commands


def _course(options: argparse.Namespace) -> int:
    from mldrl_lite.runs import course

    chosen = {"profile": options.profile, "kernel": options.kernel, "cwd": options.cwd}
    runs = course.run_course(options.notebooks, options.out, _pairs(options), **chosen)
    print(course.report(runs))
    statuses = {run.status for run in runs}
    return _INTERRUPTED if "interrupted" in statuses else int("failed" in statuses)


def _run(options: argparse.Namespace) -> int:
    options.jobs = 1
    return _grid(options, _read(options, lambda entry, text: [entry.read(text)]))


def _sweep(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.parameters import Declared

    return _grid(options, _read(options, Declared.read_several))


def _search(options: argparse.Namespace) -> int:
    return run_search(options, _pairs(options))


def _read(options: argparse.Namespace, read: "Callable[[Declared, str], list[Any]]") -> dict[str, list[Any]]:
    """Read the texts of the command line as the notebook declares them."""
    from mldrl_lite.runs.notebooks import declared, glance
    from mldrl_lite.runs.parameters import check_grid, check_names

    names, stem, texts = declared(glance(options.notebook)), options.notebook.stem, _pairs(options)
    check_names(texts, names, stem)
    return check_grid({name: read(names[name], text) for name, text in texts.items()}, names, stem)


def _grid(options: argparse.Namespace, grid: Mapping[str, Any]) -> int:
    from mldrl_lite.runs.sweeps import sweep
    from mldrl_lite.runs.table import table_of_runs

    out = options.out or Path("runs", f"sweep_{options.notebook.stem}")
    chosen = {"jobs": options.jobs, "kernel": options.kernel, "cwd": options.cwd, "again": options.again}
    try:
        rows = sweep(options.notebook, grid, out, **chosen)
    except KeyboardInterrupt:
        _show(table_of_runs(out), out)
        print("interrupted: the same command does the rest", file=sys.stderr)
        return _INTERRUPTED
    _show(rows, out)
    return int((rows["status"] == "failed").any())


def _collect(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.table import collect

    rows = collect(options.out)
    _show(rows, options.out)
    if options.why:
        _explain(options.out)
    return int((rows["status"] == "failed").any())


def _explain(out: Path) -> None:
    """Print what has changed since each run that ended well."""
    from mldrl_lite.runs.record import outdated, records

    for path, record in records(out):
        for line in outdated(record, out) if record["status"] == "ok" else ():
            print(f"{path.name} outdated: {line}")


def _show(rows: "pd.DataFrame", out: Path) -> None:
    """Print what varies from run to run as a table, then what is the same in all, and what failed."""
    from mldrl_lite.runs.table import SUMMARY

    if rows.empty:
        print(f"no run in {out} is done")
        return
    fixed = [name for name in rows.attrs["parameters"] if len(rows) > 1 and rows[name].map(repr).nunique() == 1]
    hidden = [*fixed, "error", "run"] + ["fingerprint"] * (not rows["fingerprint"].any())
    print(rows.drop(columns=hidden).to_string(index=False, float_format="{:.4g}".format, na_rep=""))
    if fixed:
        print("in all:", ", ".join(f"{name} = {rows[name].tolist()[0]!r}" for name in fixed))
    for run, error in rows.loc[rows["status"] == "failed", ["run", "error"]].to_numpy():
        print(f"{run} failed: {error}")
    print(f"{_counts(rows)} in {out}: {', '.join(name for name in SUMMARY if (out / name).is_file())}")


def _counts(rows: "pd.DataFrame") -> str:
    return ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items())


def _store(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.storing import store

    for notebook in options.notebooks:
        print(notebook, flush=True)
        store(notebook, options.kernel)
    return 0


def _picture(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.notebooks import glance, pictures

    images = pictures(glance(options.notebook))
    if not images:
        raise InputError(f"{str(options.notebook)!r} has no figure: store it with its outputs first.")
    require("number", options.number, int, at_least=1, at_most=len(images))
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_bytes(images[options.number - 1])
    return 0
