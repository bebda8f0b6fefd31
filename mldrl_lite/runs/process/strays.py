"""Processes that a notebook has started: they end with its run, those in sessions of their own included."""

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress

import psutil

MARK = "MLDRL_LITE_RUN"
"""The environment variable by which the processes of a kernel are found, whoever their parent is by then."""


def new_mark() -> str:
    """Return a mark for the environment of one kernel; all those of this process begin alike."""
    return f"{_OURS}{uuid.uuid4().hex}"


_FORKS = "mldrl_lite.kernels.forking"
"""In the command of the process that forks warm kernels, which it shares with these: it serves others too."""
_OURS = f"{os.getpid()}-{uuid.uuid4().hex}-"


def descendants(pid: int) -> list[psutil.Process]:
    """Return a process's children and theirs; they are to be listed before it ends, and their parents change."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes whose environment holds this mark, or one that begins so."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            ours = process.environ().get(MARK, "").startswith(mark) and process.pid != os.getpid()
            if ours and _FORKS not in " ".join(process.cmdline()):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes; those that are gone already, or have given their number to another, are left alone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def end_all() -> None:
    """Kill whatever the kernels of this process have started."""
    end(marked(_OURS))
