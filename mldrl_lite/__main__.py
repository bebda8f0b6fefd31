"""The command `mldrl-lite`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from mldrl_lite.experiments import declared_parameters, pictures, report, run_course, store
from mldrl_lite.messages import InputError
from mldrl_lite.parameters import parse_scalar, require


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        Its exit status: 0 done, 1 a notebook failed, 2 the input cannot be used, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mldrl-lite: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mldrl-lite", description="Run the notebooks of the course.")
    commands = parser.add_subparsers(required=True)
    course = commands.add_parser("course", help="run notebooks one after the other and show a table of the results")
    course.add_argument("notebooks", nargs="+", type=Path)
    course.add_argument("-o", "--out", type=Path, default=Path("runs"), help="folder for everything that is written")
    course.add_argument("-p", nargs=2, action="append", default=[], dest="parameters", metavar=("NAME", "VALUE"))
    course.set_defaults(command=_course)
    keep = commands.add_parser("store", help="re-execute notebooks and store them with their outputs")
    keep.add_argument("notebooks", nargs="+", type=Path)
    keep.set_defaults(command=_store)
    picture = commands.add_parser("picture", help="write one figure of a stored notebook to a file")
    picture.add_argument("notebook", type=Path)
    picture.add_argument("number", type=int, help="1 for the first figure")
    picture.add_argument("file", type=Path)
    picture.set_defaults(command=_picture)
    return parser


def _course(options: argparse.Namespace) -> int:
    parameters = {name: parse_scalar(value) for name, value in options.parameters}
    runs = run_course(options.notebooks, options.out, parameters)
    print(report(runs))
    statuses = {run.status for run in runs}
    return 130 if "interrupted" in statuses else int("failed" in statuses)


def _store(options: argparse.Namespace) -> int:
    for notebook in options.notebooks:
        print(notebook, flush=True)
        store(notebook)
    return 0


def _picture(options: argparse.Namespace) -> int:
    declared_parameters(options.notebook)
    images = pictures(nbformat.read(options.notebook, as_version=4))
    if not images:
        raise InputError(f"{str(options.notebook)!r} has no figure: store it with its outputs first.")
    require("number", options.number, int, at_least=1, at_most=len(images))
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_bytes(images[options.number - 1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
