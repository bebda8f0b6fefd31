"""Start the script of a training on machines, hear what it says, and wait for its end."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from mldrl_lite.studies.machines.hosts import Net

TRAIN = Path(__file__).with_name("train.py")


def torchrun(
    first: str, *script: object, nodes: str = "2", restarts: int = 0, is_first: bool | None = None
) -> list[str]:
    """Return the command that is to be given on each machine.

    Args:
        first: where all meet, a name or an address, with a port or without: `"host2"`, `"host2:29400"`.
        script: the script and its arguments.
        nodes: how many machines: `"2"`, or `"1:2"` for as many as are there.
        restarts: how often the processes are started anew after one of them, or of the machines, was lost.
        is_first: whether this machine is the one where all meet; by default torchrun asks the name and the address.
    """
    meeting = ["--rdzv-backend=c10d", "--rdzv-id=training", f"--rdzv-endpoint={first}"]
    # A machine that is silent for three seconds is given up; one that may still come is waited for five.
    settings = "keep_alive_interval=1,keep_alive_max_attempt=3,last_call_timeout=5"
    settings += "" if is_first is None else f",is_host={is_first}"
    meeting += [f"--rdzv-conf={settings}"]
    size = [f"--nnodes={nodes}", "--nproc-per-node=1", f"--max-restarts={restarts}"]
    return [sys.executable, "-m", "torch.distributed.run", *size, *meeting, *map(str, script)]


def start_training(
    net: Net, hosts: Sequence[int], *script: object, first: int | None = None, **more: Any
) -> list["Machine"]:
    """Start a script on hosts by torchrun.

    Args:
        net: all hosts.
        hosts: the numbers of those that take part.
        script: the script and its arguments.
        first: the host where they meet, by default the first of `hosts`.
        more: `nodes` and `restarts`; see `torchrun`.
    """
    first = first or hosts[0]
    meeting = f"{net.address(first)}:{net.port}"
    # Said to each, because where processes stand in for hosts any of them might take itself for the first.
    return [Machine(net, host, torchrun(meeting, *script, is_first=host == first, **more)) for host in hosts]


def slurm(hosts: Iterable[int], task: int) -> dict[str, str]:
    """Return the variables that `srun` sets for a task, one on each of the hosts."""
    names = [f"host{host}" for host in hosts]
    numbers = {"PROCID": task, "LOCALID": 0, "NODEID": task, "NTASKS": len(names), "NNODES": len(names)}
    words = {
        "JOB_ID": "77",
        "JOB_NAME": "train",
        "NODELIST": ",".join(names),
        "JOB_NODELIST": ",".join(names),
        "NTASKS_PER_NODE": "1",
    }
    return {f"SLURM_{name}": str(value) for name, value in (numbers | words).items()}


class Said(NamedTuple):
    """A line of the script."""

    seconds: float
    """When: of `time.monotonic()`."""
    words: str


class Machine:
    """A command on a host, and what it says.

    Attributes:
        process: `kill()` ends it.
        said: the lines of the script itself, those with a rank in them.
        printed: everything.
    """

    def __init__(self, net: Net, host: int, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.host = host
        self.said: list[Said] = []
        self.printed: list[str] = []
        own = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": net.network, "PYTHONWARNINGS": "ignore"}
        own["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # without it, torch 2.13 gives up when a machine comes back
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = net.start(host, command, env={**own, **(env or {})}, **streams)
        self._listener = threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._listener.start()

    def _listen(self, stream: IO[str]) -> None:
        with suppress(ValueError), stream:  # it is closed when the host dies
            for line in stream:
                self.printed.append(line)
                if " rank " in line:
                    self.said.append(Said(time.monotonic(), line.strip()))

    def wait_for(self, words: str, seconds: float = 120) -> None:
        """Wait until the script says some words.

        Raises:
            RuntimeError: it ended before, or the time is up.
        """
        end = time.monotonic() + seconds
        while not any(words in line.words for line in self.said):
            if time.monotonic() > end or not self._listener.is_alive():
                raise RuntimeError(f"host{self.host} never said {words!r}:\n{self._last()}")
            time.sleep(0.02)

    def end(self, seconds: float = 120) -> list[Said]:
        """Wait for the end of the command, and return what the script said.

        Raises:
            RuntimeError: it failed.
        """
        status = self.process.wait(seconds)
        self._listener.join(seconds)
        if status:
            raise RuntimeError(f"host{self.host} ended with {status}:\n{self._last()}")
        return self.said

    def _last(self) -> str:
        """The last words, and before them each error that is named: the first of a chain says what was wrong."""
        errors = dict.fromkeys(line for line in self.printed if re.search(r"(Error|Exception|Timeout)\b.*: ", line))
        return "".join([*errors, "…\n", "".join(self.printed)[-3000:]])
