"""What stands in for hosts where there can be none: processes of this machine, on its own network."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from mldrl_lite.studies.machines.hosts import Net, why_not


class Here(Net):
    """`count` names for this machine, in the place of a `Net`: a process can be killed, a cable cannot be pulled."""

    network = "lo0" if sys.platform == "darwin" else "lo"

    def __enter__(self) -> "Here":
        self.port = free_port()
        self.folder = Path(self._leave.enter_context(TemporaryDirectory(prefix="hosts-")))
        return self

    def address(self, host: int) -> str:
        """Return this machine's own address."""
        return "127.0.0.1"

    def start(
        self,
        host: int,
        command: Sequence[object],
        env: Mapping[str, str] | None = None,
        hosts: Path | None = None,
        **more: Any,
    ) -> subprocess.Popen[Any]:
        """Start a command; see `Net.start`."""
        words, own = [str(word) for word in command], {"HOSTNAME": f"host{host}"}
        process = subprocess.Popen(words, env={**os.environ, **own, **(env or {})}, **more)  # noqa: S603
        self.started.append((host, process))
        return process

    def kill(self, host: int) -> None:
        """End what was started under a number, and all that this has started."""
        for process in [process for where, process in self.started if where == host and process.poll() is None]:
            for below in psutil.Process(process.pid).children(recursive=True):
                below.kill()
        super().kill(host)

    def cut(self, host: int) -> None:
        """Do nothing: there is no cable."""

    def mend(self, host: int) -> None:
        """Do nothing: there is no cable."""


def machines(count: int) -> Net:
    """Return hosts where there can be any, else what stands in for them."""
    return Here(count) if why_not() else Net(count)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
