"""The command `mldrl-lite`. What each subcommand takes stands beside what it runs, in the rooms' `commands.py`."""

import argparse
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from mldrl_lite.kernels import commands as kernels
from mldrl_lite.messages import InputError, extras_named
from mldrl_lite.runs import commands as runs
from mldrl_lite.trainer import commands as trainer

INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        Its exit status: 0 done, 1 a notebook failed, 2 the input cannot be used, 130 interrupted, 143 terminated.
    """
    parser = argparse.ArgumentParser(prog="mldrl-lite", description="Run the notebooks of the course.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for room in (runs, kernels, trainer):
        room.add_commands(commands)
    options = parser.parse_args(_shielded(sys.argv[1:] if arguments is None else arguments))
    with _sigterm_interrupts() as caught:
        try:
            with extras_named():
                status = options.command(options)
        except InputError as error:
            print(f"mldrl-lite: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("mldrl-lite: interrupted", file=sys.stderr)
            status = INTERRUPTED
    return 128 + caught[0] if caught and status == INTERRUPTED else status


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


def _shielded(arguments: Iterable[str]) -> list[str]:
    """Put a space before the value after `-p NAME`: argparse would take `-1e-3` for an option."""
    shielded = list(arguments)
    for i, argument in enumerate(shielded[:-2]):
        if argument == "-p" and shielded[i + 2].startswith("-"):
            shielded[i + 2] = " " + shielded[i + 2]
    return shielded


if __name__ == "__main__":
    sys.exit(main())
