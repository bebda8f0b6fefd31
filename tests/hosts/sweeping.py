"""A sweep over hosts: scheduler on host1, workers on others, and what is counted of its runs."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook
from net import Net
from waiting import wait_until

PARAMETERS = "n = 1\nout_dir = ''"
# Runs above 100 go on until there is a file `go`; all others end soon.
WORK = """
import pathlib, socket, time
with open("starts", "a") as file:
    file.write(f"{n}\\n")
time.sleep(0.3)
while n > 100 and not pathlib.Path("go").exists():
    time.sleep(0.1)
"""
MLDRL_LITE = [sys.executable, "-m", "mldrl_lite"]
# So long without an answer, and a connection is given up, where dask waits for thirty seconds; it allows no less.
HASTE = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s", "OMP_NUM_THREADS": "1"}


class Sweeping:
    """One cluster and one folder of runs, the notebook's own.

    Args:
        net: the hosts.
        folder: for the notebook; a process that works in it is a kernel.
    """

    def __init__(self, net: Net, folder: Path) -> None:
        self.net, self.folder, self.out = net, folder, folder / "out"
        self.address = f"tcp://{net.address(1)}:8786"
        cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell(WORK)]
        nbformat.write(new_notebook(cells=cells), folder / "page.ipynb")

    def log(self, name: str) -> str:
        """Return what a process has said so far."""
        file = self.net.folder / f"{name}.log"
        return file.read_text() if file.exists() else ""

    def _start(self, host: int, name: str, *words: str, before: str = "") -> subprocess.Popen:
        command = [*MLDRL_LITE, *words]
        if before:
            command = ["sh", "-c", f'{before} "$@"', "sh", *command]
        with (self.net.folder / f"{name}.log").open("a") as log:
            streams = {"stdout": log, "stderr": log, "cwd": self.net.folder}
            return self.net.start(host, command, env=HASTE, **streams)

    def scheduler(self) -> subprocess.Popen:
        """Start the scheduler on host1."""
        return self._start(1, "scheduler", "scheduler", "--host", self.net.address(1))

    def worker(self, host: int, jobs: int = 1, after: str = "") -> subprocess.Popen:
        """Start a worker; `after` keeps its host alive when it has ended."""
        words = ["worker", self.address, "--host", self.net.address(host), "-j", str(jobs)]
        if after:
            command = ["sh", "-c", f'"$@"; {after}', "sh", *MLDRL_LITE, *words]
            with (self.net.folder / f"worker{host}.log").open("a") as log:
                return self.net.start(host, command, env=HASTE, stdout=log, stderr=log, cwd=self.net.folder)
        return self._start(host, f"worker{host}", *words)

    def sweep(
        self, host: int, numbers: str, wait_for: int = 1, name: str = "sweep", before: str = ""
    ) -> subprocess.Popen:
        """Start the sweep on a host."""
        words = ["sweep", str(self.folder / "page.ipynb"), "-p", "n", numbers, "-o", str(self.out)]
        words += ["--kernel", "python3", "--scheduler", self.address, "--wait-for", str(wait_for)]
        return self._start(host, name, *words, before=before)

    def starts(self) -> Counter[int]:
        """Return how often each run was started."""
        file = self.folder / "starts"
        return Counter(map(int, file.read_text().split())) if file.exists() else Counter()

    def ended(self) -> dict[int, dict]:
        """Return the records of the runs that are there."""
        records = [json.loads(path.read_text()) for path in self.out.glob("n=*/run.json")]
        return {record["given"]["n"]: record for record in records}

    def left(self) -> list[int]:
        """Return the kernels that are at work, on whatever host."""
        at_work = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()) == self.folder and process.pid != os.getpid():
                    at_work.append(process.pid)
            except (psutil.Error, OSError):
                continue
        return at_work

    def check_whole(self, numbers: Iterable[int]) -> None:
        """Stop unless the table holds these runs, all well, and nothing else is in the folder."""
        ended, numbers = self.ended(), list(numbers)
        assert sorted(ended) == numbers
        assert {record["status"] for record in ended.values()} == {"ok"}
        assert len((self.out / "results.csv").read_text().splitlines()) == len(numbers) + 1
        assert [path.name for path in self.out.glob(".*")] == [".sweep"]
        wait_until(lambda: self.left() == [])

    def kill_worker(self, process: subprocess.Popen) -> None:
        """SIGKILL the worker alone; its kernels stay behind."""
        inside = psutil.Process(process.pid).children(recursive=True)
        [worker] = [one for one in inside if one.cmdline()[:3] == MLDRL_LITE]
        worker.send_signal(signal.SIGKILL)
