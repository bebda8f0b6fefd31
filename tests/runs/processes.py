"""Commands in processes of their own, and what they leave running."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def started(folder: Path, *command: str) -> Iterator[subprocess.Popen]:
    """Start Python with these words in a folder and in a session of its own, so that a signal reaches it alone."""
    with (folder / "log").open("a") as log:
        streams = {"stdout": subprocess.PIPE, "stderr": log, "text": True, "start_new_session": True}
        with subprocess.Popen([sys.executable, *command], cwd=folder, **streams) as process:
            try:
                yield process
            finally:
                process.kill()


def at_work_in(folder: Path) -> list[int]:
    """Return the processes whose working folder this is, but this one: it tells whose the kernels are."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = Path(process.cwd()) == folder and process.pid != os.getpid()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
