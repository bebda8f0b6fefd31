"""The command `mldrl-lite`. What each subcommand takes stands beside what it runs, in the rooms' `commands.py`."""

import argparse
import errno
import os
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from mldrl_lite.kernels import commands as kernels
from mldrl_lite.messages import InputError, extras_named
from mldrl_lite.runs import commands as runs
from mldrl_lite.runs.process.interrupts import ENDING, handled
from mldrl_lite.runs.progress import STANDARD_ERROR
from mldrl_lite.teach import commands as teach
from mldrl_lite.trainer import commands as trainer

INTERRUPTED = 128 + signal.SIGINT
UNHEARD = 128 + 13
"""As of a program that SIGPIPE has ended: nobody reads what it prints."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        Its exit status: 0 done, 1 a notebook failed, 2 the input cannot be used, 130 interrupted, 143 terminated,
        129 its terminal closed, 141 nobody reads what it prints.
    """
    parser = argparse.ArgumentParser(prog="mldrl-lite", description="Run the notebooks of the course.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for room in (runs, kernels, trainer, teach):
        room.add_commands(commands)
    options = parser.parse_args(_shielded(sys.argv[1:] if arguments is None else arguments))
    with _signals_interrupt() as caught:
        status = _status_of(options)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        _let_go(stream)
    return 128 + caught[0] if caught and status in (INTERRUPTED, UNHEARD) else status


def _status_of(options: argparse.Namespace) -> int:
    for stream in filter(None, (sys.stdout, sys.stderr)):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # half a pair of surrogates is no text
    try:
        with extras_named(), _one_line_warnings():
            status = options.command(options)
        sys.stdout.flush()
        return status
    except InputError as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        print("mldrl-lite: interrupted", file=STANDARD_ERROR)
        return INTERRUPTED
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO):  # whoever read us is gone, or the terminal is
            return UNHEARD
        if error.errno == errno.ENOSPC:  # which of the files it was, the system seldom says
            return _refused("The disk is full: free some space where this command writes, and give it again.")
        return _refused(f"{error.filename or 'A file'} cannot be read or written ({error.strerror or error}).")


def _let_go(stream: TextIO) -> None:
    """Turn a stream that nobody reads any more to nothing: Python's last flush would make the exit status 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _refused(why: str) -> int:
    print(f"mldrl-lite: {why}", file=STANDARD_ERROR)
    return 2


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Show a warning of this package as a sentence, without the place in its code."""
    before, here = warnings.formatwarning, os.path.dirname(__file__)

    def one_line(message: Warning | str, category: type[Warning], filename: str, *place: Any, **line: Any) -> str:
        ours = category is UserWarning and filename.startswith(here)
        return f"mldrl-lite: {message}\n" if ours else before(message, category, filename, *place, **line)

    warnings.formatwarning = one_line
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextmanager
def _signals_interrupt() -> Iterator[list[int]]:
    """Let SIGTERM, and a terminal that is closed, end what is under way as Ctrl-C does; the list tells which came."""
    caught = []

    def stop(number: int, _: object) -> None:
        caught.append(number)
        if len(caught) == 1:  # a terminal may say so twice, in the middle of the end
            raise KeyboardInterrupt

    asked = [number for number in ENDING if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN]
    with handled(asked, stop):
        yield caught


def _shielded(arguments: Iterable[str]) -> list[str]:
    """Put a space before the value after `-p NAME`: argparse would take `-1e-3` for an option."""
    shielded = list(arguments)
    for i, argument in enumerate(shielded[:-2]):
        if argument == "-p" and shielded[i + 2].startswith("-"):
            shielded[i + 2] = " " + shielded[i + 2]
    return shielded


if __name__ == "__main__":
    sys.exit(main())
