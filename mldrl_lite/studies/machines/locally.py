"""What stands in for hosts where there can be none: processes of this machine, on its own network."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from mldrl_lite.studies.machines.hosts import Net, why_not


class Here:
    """`count` names for this machine, in the place of a `Net`: a process can be killed, a cable cannot be pulled."""

    network = "lo0" if os.uname().sysname == "Darwin" else "lo"

    def __init__(self, count: int) -> None:
        self.count = count
        self.started: list[tuple[int, subprocess.Popen[Any]]] = []

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None:
        for host in range(1, self.count + 1):
            self.kill(host)

    def address(self, host: int) -> str:
        """Return this machine's own address."""
        return "127.0.0.1"

    def start(
        self, host: int, command: Sequence[object], env: Mapping[str, str] | None = None, **more: Any
    ) -> subprocess.Popen[Any]:
        """Start a command; see `Net.start`."""
        words = [str(word) for word in command]
        process = subprocess.Popen(words, env={**os.environ, **(env or {})}, **more)  # noqa: S603
        self.started.append((host, process))
        return process

    def kill(self, host: int) -> None:
        """End what was started under a number, and all that this has started."""
        for process in [process for where, process in self.started if where == host and process.poll() is None]:
            below = psutil.Process(process.pid).children(recursive=True)
            for each in [process, *below]:
                each.kill()
            process.wait()

    power_off = kill

    def mend(self, host: int) -> None:
        """Do nothing: there is no cable."""


def machines(count: int) -> Net | Here:
    """Return hosts where there can be any, else what stands in for them."""
    return Here(count) if why_not() else Net(count)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
