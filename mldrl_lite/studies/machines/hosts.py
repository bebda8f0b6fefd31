"""Several machines on one: namespaces of Linux, each with a network, a host name and a process table of its own.

A switch lies between them. They share the disk, as hosts of a cluster share a folder, and the cores and the clock.

    with Net(2) as net:
        server = net.start(1, [sys.executable, "-m", "http.server", "--bind", net.address(1)])
        net.cut(1)  # pull the cable; net.mend(1) plugs it in again
        net.power_off(1)  # nobody on the other hosts is told
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from mldrl_lite.messages import InputError

_TOOLS = ("ip", "nsenter", "unshare", "setpriv", "mount", "hostname")


def why_not() -> str:
    """Return why there can be no hosts here, or ""."""
    if sys.platform != "linux":
        return "needs network namespaces, which only Linux has"
    if absent := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"needs network namespaces, and {', '.join(absent)} (iproute2, util-linux, hostname) for them"
    try:
        with Net(1) as net:
            works = net.run(1, ["true"]).returncode == 0
    except InputError:
        works = False
    return "" if works else "needs network namespaces: root on Linux, or a system that lets others make them"


class Net:
    """Hosts 1 … `count` behind a switch, with no way to anywhere else; use it in a `with`.

    Whoever is not root becomes the root of a namespace of users, where the system lets that happen. When the block is
    left, or this process ends in whatever way, everything on the hosts ends too.

    Attributes:
        folder: a folder for this network's small files, removed at the end.
        network: the name of each host's network card.
        port: one that is free on each host.

    Raises:
        InputError: on entry; the system allows no hosts.
    """

    network, port = "eth0", 29400

    def __init__(self, count: int) -> None:
        self.count = count
        self.started: list[tuple[int, subprocess.Popen[Any]]] = []
        self._spaces: list[int] = []
        self._leave = ExitStack()

    def __enter__(self) -> "Net":
        with ExitStack() as leave:
            self.folder = Path(leave.enter_context(TemporaryDirectory(prefix="hosts-")))
            self._leave = leave
            self._build()
            self._leave = leave.pop_all()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for host in self.numbers:
            self.kill(host)
        self._leave.close()

    @property
    def numbers(self) -> range:
        """The numbers of the hosts, from 1."""
        return range(1, self.count + 1)

    def address(self, host: int) -> str:
        """Return a host's address; its name is `host1`, and so on."""
        return f"10.77.0.{host}"

    def _build(self) -> None:
        names = ["127.0.0.1 localhost", *(f"{self.address(host)} host{host}" for host in self.numbers)]
        (self.folder / "hosts").write_text("\n".join(names) + "\n")
        as_root = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
        self._spaces.append(self._hold([*as_root, "unshare", "--net"]))
        self._inside(0, "ip link add switch type bridge; ip link set switch up")
        for host in self.numbers:
            self._spaces.append(self._hold([*self._enter(0, "--user"), "unshare", "--net"]))
            (self.folder / str(host)).mkdir()
            cable = f"ip link add port{host} type veth peer name eth0 netns {self._spaces[host]}"
            self._inside(0, f"{cable}; ip link set port{host} master switch up")
            self._inside(host, f"ip addr add {self.address(host)}/24 dev eth0; ip link set lo up; ip link set eth0 up")

    def _hold(self, apart: Sequence[str]) -> int:
        """Start a process that holds a new namespace for as long as this one lives, and return its number."""
        command = ["setpriv", "--pdeathsig", "KILL", *apart, "sh", "-c", "echo there; exec sleep infinity"]
        holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        self._leave.callback(_end, holder)
        if not holder.stdout.readline():
            raise InputError(f"No hosts here: {holder.stderr.read().decode().strip()}.")
        return holder.pid

    def _enter(self, space: int, *kinds: str) -> list[str]:
        """Return what to write before a command that is to run in a namespace; 0 is that of the switch."""
        kinds = kinds if os.geteuid() else tuple(kind for kind in kinds if kind != "--user")
        more = ["--preserve-credentials"] if "--user" in kinds else []
        return ["nsenter", f"--target={self._spaces[space]}", *more, *kinds] if kinds else []

    def _inside(self, space: int, script: str) -> None:
        command = [*self._enter(space, "--user", "--net"), "sh", "-ec", script]
        done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise InputError(f"No hosts here: {done.stderr.strip()}.")

    def start(
        self,
        host: int,
        command: Sequence[object],
        env: Mapping[str, str] | None = None,
        hosts: Path | None = None,
        **more: Any,
    ) -> subprocess.Popen[Any]:
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
        line = shlex.join(map(str, command))
        inside = f"hostname host{host}; mount --bind {names} /etc/hosts; {line}; exit $?"
        table = ["unshare", "-u", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", inside]
        own = {"TMPDIR": str(self.folder / str(host)), "XDG_RUNTIME_DIR": "", "HOSTNAME": f"host{host}"}
        place = ["setpriv", "--pdeathsig", "KILL", *self._enter(host, "--user", "--net")]
        process = subprocess.Popen([*place, *table], env={**os.environ, **own, **(env or {})}, **more)  # noqa: S603
        self.started.append((host, process))
        return process

    def run(self, host: int, command: Sequence[object], **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on a host to its end and return its status and its words; see `start`."""
        with self.start(host, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def signal(self, process: subprocess.Popen[Any], number: int) -> None:
        """Send a signal to the command itself; what `start` returns is only the parent of its process table."""
        [shell] = _children(process.pid)
        for child in _children(shell):
            os.kill(child, number)

    def cut(self, host: int) -> None:
        """Pull the cable: nothing arrives any more, and nobody is told."""
        self._inside(0, f"ip link set port{host} down")

    def mend(self, host: int) -> None:
        """Plug the cable in again."""
        self._inside(0, f"ip link set port{host} up")

    def kill(self, host: int) -> None:
        """End all that was started on a host; its sockets are closed, so that others hear of it at once."""
        for process in [process for where, process in self.started if where == host]:
            _end(process)

    def power_off(self, host: int) -> None:
        """End all on a host as a power cut does: no last word leaves it. `mend` plugs the cable in again."""
        self.cut(host)
        self.kill(host)


def _end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()
    for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
        stream.close()


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
