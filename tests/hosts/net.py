"""Hosts on one machine: each has a network, a host name and a process table of its own; a switch lies between them.

They are Linux's namespaces and share the disk, as hosts of a cluster share a folder. Root and iproute2 are needed.

    with Net(2) as net:
        server = net.start(1, [sys.executable, "-m", "http.server", "--bind", net.address(1)])
        net.cut(1)  # pull the cable; net.mend(1) plugs it in again
        net.power_off(1)  # nobody on the other hosts is told
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil

_TOOLS = ("ip", "nsenter", "unshare", "mount", "hostname")


def why_not() -> str:
    """Return why there can be no hosts here, or ""."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs network namespaces: root on Linux"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"needs network namespaces, and {', '.join(missing)} (iproute2, util-linux, hostname) for them"
    name = f"try{uuid.uuid4().hex[:6]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode != 0:
        return "needs network namespaces, and this system allows none"
    _ip("netns", "del", name)
    return ""


class Net:
    """Hosts 1 … `count` behind a switch, with no way to anywhere else; use it in a `with`.

    Attributes:
        folder: a folder for this network's small files, removed at the end.
    """

    def __init__(self, count: int) -> None:
        self.count, self.name = count, f"m{uuid.uuid4().hex[:6]}"
        self.folder = Path(mkdtemp(prefix="hosts-"))
        self.started: list[tuple[int, subprocess.Popen]] = []

    def __enter__(self) -> "Net":
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in range(1, self.count + 1):
            self.kill(host)
        for place in [self.name, *map(self._space, range(1, self.count + 1))]:
            subprocess.run(["ip", "netns", "del", place], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _build(self) -> None:
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "add", "switch", "type", "bridge")
        _ip("-n", self.name, "link", "set", "switch", "up")
        names = ["127.0.0.1 localhost", *(f"{self.address(i)} host{i}" for i in range(1, self.count + 1))]
        (self.folder / "hosts").write_text("\n".join(names) + "\n")
        for host in range(1, self.count + 1):
            self._add(host)

    def _add(self, host: int) -> None:
        space, port = self._space(host), f"port{host}"
        _ip("netns", "add", space)
        _ip("-n", self.name, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self.name, "link", "set", port, "master", "switch", "up")
        _ip("-n", space, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", space, "link", "set", device, "up")
        (self.folder / str(host)).mkdir()

    def _space(self, host: int) -> str:
        return f"{self.name}h{host}"

    def address(self, host: int) -> str:
        """Return a host's address; its name is `host1`, and so on."""
        return f"10.77.0.{host}"

    def start(
        self,
        host: int,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        hosts: Path | None = None,
        **more: Any,
    ) -> subprocess.Popen:
        """Start a command on a host, in a process table of its own: SIGKILL of what is returned ends all of it.

        Args:
            host: its number.
            command: the words.
            env: variables beside those of this process. What belongs to one machine (TMPDIR) is the host's own.
            hosts: the file in the place of /etc/hosts; by default it names all hosts.
            more: for `subprocess.Popen`.
        """
        names = shlex.quote(str(hosts or self.folder / "hosts"))
        # The shell stays: the first process of a table ignores every signal that it does not handle.
        inside = f"hostname host{host}; mount --bind {names} /etc/hosts; {shlex.join(command)}; exit $?"
        table = ["unshare", "-u", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", inside]
        own = {"TMPDIR": str(self.folder / str(host)), "XDG_RUNTIME_DIR": ""}
        place = ["nsenter", f"--net=/run/netns/{self._space(host)}"]
        process = subprocess.Popen([*place, *table], env={**os.environ, **own, **(env or {})}, **more)
        self.started.append((host, process))
        return process

    def run(self, host: int, command: Sequence[str], **more: Any) -> subprocess.CompletedProcess:
        """Run a command on a host to its end and return its status and its words; see `start`."""
        with self.start(host, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def signal(self, process: subprocess.Popen, number: int) -> None:
        """Send a signal to the command itself; what `start` returns is only the parent of its process table."""
        [shell] = psutil.Process(process.pid).children()
        for child in shell.children():
            child.send_signal(number)

    def cut(self, host: int) -> None:
        """Pull the cable: nothing arrives any more, and nobody is told."""
        _ip("-n", self.name, "link", "set", f"port{host}", "down")

    def mend(self, host: int) -> None:
        """Plug the cable in again."""
        _ip("-n", self.name, "link", "set", f"port{host}", "up")

    def kill(self, host: int) -> None:
        """End all that was started on a host; its sockets are closed, so that others hear of it at once."""
        for where, process in self.started:
            if where == host:
                with suppress(OSError):
                    process.send_signal(signal.SIGKILL)
                process.wait()
                for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                    stream.close()

    def power_off(self, host: int) -> None:
        """End all on a host as a power cut does: no last word leaves it."""
        self.cut(host)
        self.kill(host)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
