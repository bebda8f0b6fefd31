"""One sweep on several hosts, started with the commands that a user types on each of them."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mldrl_lite.studies.machines.hosts import Net

COMMAND = [sys.executable, "-m", "mldrl_lite"]


def start_sweep(net: Net, workers: Sequence[int], *words: object) -> "subprocess.Popen[Any]":
    """Start a scheduler on host 1, a worker on some hosts, and on host 1 the sweep, which is returned.

    Args:
        net: the hosts.
        workers: their numbers.
        words: of `mldrl-lite sweep`: notebook, parameters and options.
    """
    meeting = f"tcp://{net.address(1)}:{net.port}"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = {"OMP_NUM_THREADS": "1"}
    net.start(1, [*COMMAND, "scheduler", "--host", net.address(1), "--port", net.port], env, **quiet)
    for host in workers:
        net.start(host, [*COMMAND, "worker", meeting, "--host", net.address(host), "-j", 1], env, **quiet)
    sweep = [*COMMAND, "sweep", *words, "--scheduler", meeting, "--wait-for", len(workers)]
    return net.start(
        1, sweep, env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def lines_in(path: Path) -> list[list[str]]:
    """Return the words of each line of a file; none where the file is not there yet."""
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(happens: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something has happened.

    Raises:
        TimeoutError: the time is up.
    """
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            raise TimeoutError(f"It did not happen within {seconds:.0f} s.")
        time.sleep(0.05)
