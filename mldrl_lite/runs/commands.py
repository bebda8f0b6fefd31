"""The subcommands of this room: `course`, `run`, `sweep`, `scheduler`, `worker`, `search`, `collect`, `store`.

What runs notebooks is imported when it is needed: a page of help should not wait for it.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mldrl_lite.messages import InputError
from mldrl_lite.runs.cluster.commands import (
    add_cluster,
    add_scheduler,
    add_worker,
    chosen_cluster,
    run_scheduler,
    run_worker,
)
from mldrl_lite.runs.options import add_jobs, add_kernel, add_limits, add_parameters, limits
from mldrl_lite.runs.process.limits import Limits
from mldrl_lite.runs.progress import STANDARD_ERROR
from mldrl_lite.runs.results.formats import FORMATS, as_table, check_format
from mldrl_lite.runs.search.command import add_search, run_search

if TYPE_CHECKING:
    from mldrl_lite.runs.notebook.parameters import Declared
    from mldrl_lite.runs.results.table import Table
    from mldrl_lite.runs.sweeps.engines import Engine

_INTERRUPTED = 128 + signal.SIGINT
_VALUES = (
    "0..9 is a range of whole numbers; commas separate values, but in quotes or brackets: '\"a,b\"', '[3, 4], [5]'"
)


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this room's subcommands to the command `mldrl-lite`."""
    _add_course(_command(commands, "course", _course, "run notebooks, with a table of results"))
    run = _command(commands, "run", _run, "run one notebook once with parameters and keep what it leaves")
    sweep = _command(commands, "sweep", _sweep, "run one notebook with every combination of parameters")
    add_jobs(sweep)
    for command, value in ((run, "VALUE"), (sweep, "VALUES")):
        command.add_argument("notebook", type=Path)
        add_parameters(command, value, _VALUES if command is sweep else "may be repeated")
        command.add_argument("-o", "--out", type=Path, help="folder for everything that is written (runs/sweep_NAME)")
        add_kernel(command)
        add_limits(command, several=command is sweep)
        command.add_argument("--again", action="store_true", help="run also what the folder holds already")
        _add_format(command)
    add_cluster(sweep)
    add_scheduler(
        _command(commands, "scheduler", run_scheduler, "share out the runs of sweeps to workers (dask.distributed)")
    )
    add_worker(_command(commands, "worker", run_worker, "run on this machine what a scheduler shares out"))
    add_search(_command(commands, "search", _search, "find good parameters by the mean of repeated runs (Optuna)"))
    collect = _command(commands, "collect", _collect, "write the table and the figure of all runs in a folder")
    collect.add_argument("out", type=Path)
    collect.add_argument("--why", action="store_true", help="tell what has changed since each outdated run")
    _add_format(collect)
    _add_repeats(collect)
    keep = _command(commands, "store", _store, "re-execute notebooks and store them with their outputs")
    keep.add_argument("notebooks", nargs="+", type=Path)
    keep.add_argument("--kernel", help="name of the Jupyter kernel")


def _command(
    commands: argparse._SubParsersAction, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(command=function)
    return command


def _add_course(command: argparse.ArgumentParser) -> None:
    command.add_argument("notebooks", nargs="+", type=Path)
    command.add_argument("-o", "--out", type=Path, default=Path("runs"), help="folder for everything that is written")
    add_parameters(command, "VALUE", "for the notebooks that take it; may be repeated")
    command.add_argument("--profile", default="full", help="full, or small: the small values that each notebook keeps")
    add_jobs(command)
    add_kernel(command)
    add_limits(command)


def _add_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", default="text", help=f"how the table is printed: {', '.join(FORMATS)} (text)")


def _add_repeats(command: argparse.ArgumentParser) -> None:
    command.add_argument("--by", default="", metavar="NAMES", help="average the runs for each value of these")
    command.add_argument("--over", default="", metavar="NAMES", help="average over these, such as seed,cv")
    command.add_argument("--baseline", default="", metavar="NAME=VALUE", help="what the others are compared with")
    command.add_argument("--folds", type=int, help="how many folds a split has, if not all are in the table")


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

    chosen = {"profile": options.profile, "jobs": options.jobs, "kernel": options.kernel, "cwd": options.cwd}
    runs = course.run_course(options.notebooks, options.out, _pairs(options), **chosen, **limits(options))
    print(course.report(runs))
    statuses = {run.status for run in runs}
    return _INTERRUPTED if "interrupted" in statuses else int("failed" in statuses)


def _run(options: argparse.Namespace) -> int:
    options.jobs = 1
    return _grid(options, _read(options, lambda entry, text: [entry.read(text)]), None)


def _sweep(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.notebook.parameters import Declared

    return _grid(options, _read(options, Declared.read_several), chosen_cluster(options))


def _search(options: argparse.Namespace) -> int:
    return run_search(options, _pairs(options))


def _read(options: argparse.Namespace, read: "Callable[[Declared, str], list[Any]]") -> dict[str, list[Any]]:
    """Read the texts of the command line as the notebook declares them."""
    from mldrl_lite.runs.notebook.file import declared, glance
    from mldrl_lite.runs.notebook.parameters import check_grid, check_names

    names, stem, texts = declared(glance(options.notebook)), options.notebook.stem, _pairs(options)
    check_names(texts, names, stem)
    return check_grid({name: read(names[name], text) for name, text in texts.items()}, names, stem)


def _grid(options: argparse.Namespace, grid: Mapping[str, Any], engine: "Engine | None") -> int:
    from mldrl_lite.runs.sweeps.sweep import Interrupted, sweep_table

    check_format(options.format)
    out = options.out or Path("runs", f"sweep_{options.notebook.stem}")
    taken = Limits(options.timeout, options.memory, options.retries)
    chosen = {"kernel": options.kernel, "cwd": options.cwd, "again": options.again, "fail_fast": options.fail_fast}
    try:
        table = sweep_table(options.notebook, grid, out, options.jobs, engine, taken, **chosen)
    except Interrupted as interrupted:
        if interrupted.table:
            _show(interrupted.table, out, options.format)
        else:
            print(f"{out} holds very many runs: mldrl-lite collect shows them", file=STANDARD_ERROR)
        if interrupted.why:
            print(f"mldrl-lite: {interrupted.why}", file=STANDARD_ERROR)
        print("interrupted: the same command does the rest", file=STANDARD_ERROR)
        return _INTERRUPTED
    return _show(table, out, options.format)


def _collect(options: argparse.Namespace) -> int:
    from mldrl_lite.runs.results.table import summarise

    check_format(options.format)
    table = summarise(options.out)
    if options.by or options.over or options.baseline:
        return _show_repeats(options, table)
    status = _show(table, options.out, options.format)
    if options.why:
        _explain(options.out, _stream(options.format))
    return status


def _stream(layout: str) -> TextIO:
    """Return where words for people go: not between the lines of a table that a program reads."""
    return sys.stdout if layout == "text" else sys.stderr


def _explain(out: Path, stream: TextIO) -> None:
    """Print what has changed since each run that ended well."""
    from mldrl_lite.runs.record.record import outdated, records

    for path, record in records(out):
        for line in outdated(record, out) if record["status"] == "ok" else ():
            print(f"{path.name} outdated: {line}", file=stream)


def _show_repeats(options: argparse.Namespace, table: "Table") -> int:
    from mldrl_lite.runs.results.repeats import average, write_repeats

    names = {side: [name.strip() for name in getattr(options, side).split(",") if name] for side in ("by", "over")}
    repeats = average(table, **names, baseline=_baseline(options.baseline), folds=options.folds)
    written = write_repeats(repeats, options.out)
    print(as_table(repeats.columns, repeats.rows, options.format))
    print(f"{repeats.words}\n{written}", file=_stream(options.format))
    return 0


def _baseline(text: str) -> dict[str, str]:
    from mldrl_lite.runs.notebook.values import parts

    pairs = [part.partition("=") for part in parts(text)] if text else []
    if not all(sign for _, sign, _ in pairs):
        raise InputError(f"{text!r} is no baseline: give a value for each parameter, such as --baseline lr=0.001.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _show(table: "Table", out: Path, layout: str) -> int:
    """Print a table, then what is the same in all runs, and what failed; return 1 if a run failed."""
    if not table.rows:
        print(f"no run in {out} is done", file=_stream(layout))
        return 0
    print(_printed(table, layout))
    for line in _remarks(table, out):
        print(line, file=_stream(layout))
    return int("failed" in table.values("status"))


def _printed(table: "Table", layout: str) -> str:
    if layout in ("json", "csv"):
        return as_table(table.columns, table.rows, layout)
    hidden = (
        {*_fixed(table), "error", "run", "versions"}
        | ({"warnings"} if _warnings(table) else set())
        | ({"fingerprint"} if not any(table.values("fingerprint")) else set())
    )
    return as_table([name for name in table.columns if name not in hidden], table.rows, layout)


def _fixed(table: "Table") -> list[str]:
    from mldrl_lite.runs.results.table import varied

    return [name for name in table.parameters if len(table.rows) > 1 and name not in varied(table)]


def _remarks(table: "Table", out: Path) -> Iterator[str]:
    from mldrl_lite.runs.notebook.values import code
    from mldrl_lite.runs.results.table import SUMMARY
    from mldrl_lite.runs.search.folder import hides_test_results

    if hides_test_results(out):
        yield "test results of a search stay hidden until it is called with --reveal, which is recorded"
    if fixed := _fixed(table):
        yield "in all: " + ", ".join(f"{name} = {code(table.rows[0][name])}" for name in fixed)
    yield from (f"{row['run']} failed: {row['error']}" for row in table.rows if row["status"] == "failed")
    yield from _of_machines(table)
    for text, runs in _warnings(table).items():
        yield f"{runs[0]}{f' and {len(runs) - 1} more' if runs[1:] else ''} warned: {text}"
    counts = ", ".join(f"{count} {status}" for status, count in Counter(table.values("status")).most_common())
    yield f"{counts} in {out}: {', '.join(name for name in SUMMARY if (out / name).is_file())}"


def _of_machines(table: "Table") -> Iterator[str]:
    """Say which versions the runs on a cluster had, once if they were the same on all hosts."""
    if "versions" not in table.columns:
        return
    hosts: dict[str, set[str]] = {}
    for row in table.rows:
        if text := row.get("versions"):
            hosts.setdefault(text, set()).add(row.get("host", ""))
    for text, names in hosts.items():
        yield f"{'on ' + ', '.join(sorted(names)) if len(hosts) > 1 else 'on all hosts'}: {text}"


def _warnings(table: "Table") -> dict[str, list[str]]:
    """Return what was doubtful in the data, each with the runs that say so: too long for a column that people read."""
    runs: dict[str, list[str]] = {}
    for row in table.rows:
        if isinstance(text := row.get("warnings"), str):
            runs.setdefault(text, []).append(row["run"])
    return runs


def _store(options: argparse.Namespace) -> int:
    from nbclient.exceptions import CellExecutionError

    from mldrl_lite.runs.storing import store

    failures = 0
    for notebook in options.notebooks:
        print(notebook, flush=True)
        try:
            store(notebook, options.kernel)
        except CellExecutionError as failure:
            failures += 1
            print(f"{notebook} is not stored: {failure.ename}: {' '.join(failure.evalue.split())}", file=STANDARD_ERROR)
    return int(failures > 0)
