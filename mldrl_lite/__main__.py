"""The command `mldrl-lite`."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite import course, experiments, kernels, launch
from mldrl_lite.messages import InputError
from mldrl_lite.parameters import Declared, require

if TYPE_CHECKING:
    import pandas as pd

_VALUES = "0..9 is a range of whole numbers, commas separate values, and a value in quotes may hold commas: '\"a,b\"'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        Its exit status: 0 done, 1 a notebook failed, 2 the input cannot be used, 130 interrupted, 143 terminated.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(_shielded(arguments))
    with _sigterm_interrupts() as caught:
        try:
            status = options.command(options)
        except InputError as error:
            print(f"mldrl-lite: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("mldrl-lite: interrupted", file=sys.stderr)
            status = _INTERRUPTED
    return 128 + caught[0] if caught and status == _INTERRUPTED else status


_INTERRUPTED = 128 + signal.SIGINT


@contextmanager
def _sigterm_interrupts() -> Iterator[list[int]]:
    """Let SIGTERM end what is under way as Ctrl-C does; the list tells whether it came."""
    caught = []

    def stop(number: int, _: object) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, where no signal arrives anyway
        yield caught
        return
    try:
        yield caught
    finally:
        signal.signal(signal.SIGTERM, before)


# ---------------------------------------------------------------------------------------------------------------------
# What can be said on the command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mldrl-lite", description="Run the notebooks of the course.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_course(_command(commands, "course", _course, "run notebooks one after the other, with a table of results"))
    run = _command(commands, "run", _run, "run one notebook once with parameters and keep what it leaves")
    sweep = _command(commands, "sweep", _sweep, "run one notebook with every combination of parameters")
    sweep.add_argument("-j", "--jobs", type=int, default=1, help="how many run at once (1)")
    for command, value in ((run, "VALUE"), (sweep, "VALUES")):
        command.add_argument("notebook", type=Path)
        _add_parameters(command, value, _VALUES if command is sweep else "may be repeated")
        command.add_argument("-o", "--out", type=Path, help="folder for everything that is written (runs/sweep_NAME)")
        command.add_argument("--kernel", help="name of the Jupyter kernel")
        command.add_argument("--again", action="store_true", help="run also what the folder holds already")
    collect = _command(commands, "collect", _collect, "write the table and the figure of all runs in a folder")
    collect.add_argument("out", type=Path)
    _command(commands, "kernel", _kernel, "install the warm kernel, which has torch and Lightning loaded, for Jupyter")
    keep = _command(commands, "store", _store, "re-execute notebooks and store them with their outputs")
    keep.add_argument("notebooks", nargs="+", type=Path)
    keep.add_argument("--kernel", help="name of the Jupyter kernel")
    picture = _command(commands, "picture", _picture, "write one figure of a stored notebook to a file")
    picture.add_argument("notebook", type=Path)
    picture.add_argument("number", type=int, help="1 for the first figure")
    picture.add_argument("file", type=Path)
    return parser


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


def _add_parameters(command: argparse.ArgumentParser, value: str, text: str) -> None:
    command.add_argument(
        "-p", nargs=2, action="append", default=[], dest="parameters", metavar=("NAME", value), help=text
    )


def _shielded(arguments: Iterable[str]) -> list[str]:
    """Put a space before the value after `-p NAME`: argparse would take `-1e-3` for an option."""
    shielded = list(arguments)
    for i, argument in enumerate(shielded[:-2]):
        if argument == "-p" and shielded[i + 2].startswith("-"):
            shielded[i + 2] = " " + shielded[i + 2]
    return shielded


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
    chosen = {"profile": options.profile, "kernel": options.kernel}
    runs = course.run_course(options.notebooks, options.out, _pairs(options), **chosen)
    print(course.report(runs))
    statuses = {run.status for run in runs}
    return _INTERRUPTED if "interrupted" in statuses else int("failed" in statuses)


def _run(options: argparse.Namespace) -> int:
    options.jobs = 1
    return _grid(options, {name: [value] for name, value in _read(options, Declared.read).items()})


def _sweep(options: argparse.Namespace) -> int:
    return _grid(options, _read(options, Declared.read_several))


def _read(options: argparse.Namespace, read: Callable[[Declared, str], Any]) -> dict[str, Any]:
    """Read the texts of the command line as the notebook declares them; `sweep` will refuse the others."""
    names = launch.declared(launch.open_notebook(options.notebook))
    return {name: read(names[name], text) if name in names else text for name, text in _pairs(options).items()}


def _grid(options: argparse.Namespace, grid: Mapping[str, Any]) -> int:
    out = options.out or Path("runs", f"sweep_{options.notebook.stem}")
    chosen = {"jobs": options.jobs, "kernel": options.kernel, "again": options.again}
    try:
        rows = experiments.sweep(options.notebook, grid, out, **chosen)
    except KeyboardInterrupt:
        _show(experiments.table_of_runs(out), out)
        print("interrupted: the same command does the rest", file=sys.stderr)
        return _INTERRUPTED
    _show(rows, out)
    return int((rows["status"] == "failed").any())


def _collect(options: argparse.Namespace) -> int:
    rows = experiments.collect(options.out)
    _show(rows, options.out)
    return int((rows["status"] == "failed").any())


def _show(rows: "pd.DataFrame", out: Path) -> None:
    """Print what varies from run to run as a table, then what is the same in all, and what failed."""
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
    print(f"{_counts(rows)} in {out}: {', '.join(name for name in experiments.SUMMARY if (out / name).is_file())}")


def _counts(rows: "pd.DataFrame") -> str:
    return ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items())


def _kernel(options: argparse.Namespace) -> int:
    print(f"The kernel {kernels.NAME} is in {kernels.install()}.")
    return 0


def _store(options: argparse.Namespace) -> int:
    for notebook in options.notebooks:
        print(notebook, flush=True)
        course.store(notebook, options.kernel)
    return 0


def _picture(options: argparse.Namespace) -> int:
    images = launch.pictures(launch.open_notebook(options.notebook))
    if not images:
        raise InputError(f"{str(options.notebook)!r} has no figure: store it with its outputs first.")
    require("number", options.number, int, at_least=1, at_most=len(images))
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_bytes(images[options.number - 1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
