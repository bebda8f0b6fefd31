"""What several subcommands take, in the same words."""

import argparse
from pathlib import Path
from typing import Any

from mldrl_lite.runs.process.limits import Limits

_LIMITS = ("fail_fast", "retries", "timeout", "memory")


def add_parameters(command: argparse.ArgumentParser, value: str, text: str) -> None:
    """Add `-p NAME VALUE`, which may be repeated."""
    command.add_argument(
        "-p", nargs=2, action="append", default=[], dest="parameters", metavar=("NAME", value), help=text
    )


def add_jobs(command: argparse.ArgumentParser) -> None:
    """Add `-j`."""
    command.add_argument("-j", "--jobs", type=int, default=1, help="how many run at once (1)")


def add_kernel(command: argparse.ArgumentParser) -> None:
    """Add `--kernel` and `--cwd`."""
    command.add_argument("--kernel", help="name of the Jupyter kernel")
    command.add_argument("--cwd", type=Path, help="folder that a notebook runs in (its own)")


def add_limits(command: argparse.ArgumentParser, several: bool = True) -> None:
    """Add the limits of a run, and `--fail-fast` where there are several."""
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="end a run that takes longer")
    command.add_argument("--memory", type=float, metavar="MB", help="end a run that takes more main memory")
    command.add_argument("--retries", type=int, default=0, help="try again so often when the kernel died (0)")
    if several:
        command.add_argument("--fail-fast", action="store_true", help="start no more runs after one has failed")
    else:
        command.set_defaults(fail_fast=False)


def limits(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_limits` has read, by the names that `sweep` and `run_course` give it.

    Raises:
        InputError: a limit cannot be meant.
    """
    Limits(options.timeout, options.memory, options.retries).check()
    return {name: getattr(options, name) for name in _LIMITS}
