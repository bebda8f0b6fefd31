"""Start the script of a training on hosts, and wait for it."""

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mldrl_lite.studies.machines.hosts import Net

TRAIN = Path(__file__).with_name("train.py")
PORT = 29400


def torchrun(first: str, *script: object, nodes: str = "2", restarts: int = 0) -> list[str]:
    """Return the command that is to be given on each machine.

    Args:
        first: the machine where all meet; the others have to reach it under this name or address.
        script: the script and its arguments.
        nodes: how many machines: `"2"`, or `"1:2"` for as many as are there.
        restarts: how often the processes are started anew after one of them, or of the machines, was lost.
    """
    meeting = ["--rdzv-backend=c10d", "--rdzv-id=training", f"--rdzv-endpoint={first}:{PORT}"]
    # A machine that is silent for three seconds is given up; one that may still come is waited for five.
    meeting += ["--rdzv-conf=keep_alive_interval=1,keep_alive_max_attempt=3,last_call_timeout=5"]
    size = [f"--nnodes={nodes}", "--nproc-per-node=1", f"--max-restarts={restarts}"]
    return [sys.executable, "-m", "torch.distributed.run", *size, *meeting, *map(str, script)]


def slurm(hosts: Iterable[int], task: int) -> dict[str, str]:
    """Return the variables that `srun` sets for a task, one on each of the hosts."""
    names = [f"host{host}" for host in hosts]
    numbers = {"PROCID": task, "LOCALID": 0, "NODEID": task, "NTASKS": len(names), "NNODES": len(names)}
    words = {"JOB_ID": "77", "JOB_NAME": "train", "JOB_NODELIST": ",".join(names), "NTASKS_PER_NODE": "1"}
    return {f"SLURM_{name}": str(value) for name, value in (numbers | words).items()}


ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "eth0",
    # Without it, torch 2.13 gives up when a machine comes back.
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    "PYTHONWARNINGS": "ignore",
}


NOTHING: Mapping[str, str] = {}


class Machine:
    """A command on a host, with what it prints in a file."""

    def __init__(
        self, net: Net, host: int, command: list[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.host, self.log = host, log
        with log.open("a") as file:
            more: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT}
            self.process = net.start(host, command, env={**ENVIRONMENT, **env}, **more)

    @property
    def lines(self) -> list[str]:
        """What the script itself has said so far on this host."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"host{self.host} rank")]

    def wait_for(self, words: str, seconds: float = 120) -> None:
        """Wait until the script says some words.

        Raises:
            RuntimeError: it ended before, or the time is up.
        """
        end = time.monotonic() + seconds
        while not any(words in line for line in self.lines):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"host{self.host} never said {words!r}:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def end(self, seconds: float = 120) -> list[str]:
        """Wait for the end of the command, and return what the script said.

        Raises:
            RuntimeError: it failed.
        """
        if self.process.wait(seconds):
            raise RuntimeError(f"host{self.host} ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
        return self.lines
