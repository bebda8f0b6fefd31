"""Limits of a run: time, memory, how often it is tried; and what the machine must allow before a sweep starts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mldrl_lite.messages import InputError, require
from mldrl_lite.runs.process.endings import DIED

_LOOK_EVERY = 0.25  # seconds
_FILES_OF_A_KERNEL, _FILES_BESIDE, _FILES_IN_A_KERNEL = 16, 40, 96
"""What a kernel takes in this process, what this process needs besides, and what a kernel opens itself (67 at rest)."""
_MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a run may take."""

    timeout: float | None = None
    """Seconds."""
    memory: float | None = None
    """MB of main memory, of the kernel and what it has started. It is looked at a few times a second, and not limited
    by the system: a limit of addresses (RLIMIT_AS) would stop torch, which reserves many times what it uses."""
    retries: int = 0
    """How often a run is tried again when its kernel died; a cell that failed would fail again."""

    def check(self) -> None:
        """Stop unless the limits can be meant.

        Raises:
            InputError: one is not above 0.
        """
        require("timeout", self.timeout, float, above=0, or_none=True)
        require("memory", self.memory, float, above=0, or_none=True)
        require("retries", self.retries, int, at_least=0)


def retried(run: Callable[[], str], limits: Limits, prepare: Callable[[], bool]) -> str:
    """Return the error of a run, which is tried again when its kernel died.

    Args:
        run: runs the cells and returns the error.
        limits: how often it is tried again.
        prepare: clears up after a kernel that died, and says whether the run may be tried again.
    """
    error = run()
    for _ in range(limits.retries):
        if not error.startswith(DIED) or not prepare():
            break
        error = run()
    return error


@contextmanager
def held_to(limits: Limits, pid: Callable[[], int | None], end: Callable[[], None]) -> Iterator[list[str]]:
    """Watch a run; end it when it takes too much, and say why in the list.

    Args:
        limits: what it may take.
        pid: tells the kernel's process; None as long as it is not known.
        end: ends the run.
    """
    broken: list[str] = []
    if limits.timeout is None and limits.memory is None:
        yield broken
        return
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(limits, pid, end, over, broken), daemon=True)
    watcher.start()
    try:
        yield broken
    finally:
        over.set()
        watcher.join()


def _watch(
    limits: Limits, pid: Callable[[], int | None], end: Callable[[], None], over: threading.Event, broken: list[str]
) -> None:
    start = time.monotonic()
    while not over.wait(_LOOK_EVERY):
        if limits.timeout is not None and time.monotonic() - start > limits.timeout:
            broken.append(f"it took more than --timeout {limits.timeout:g} seconds")
        elif limits.memory is not None and (used := _above(limits.memory, pid())):
            broken.append(f"it took {used:.0f} MB of memory, more than --memory {limits.memory:g}")
        if broken:
            end()
            return


def _above(limit: float, pid: int | None) -> float:
    """Return the memory of a process and what it has started if it is above a limit, in MB; else 0."""
    if memory_of(pid) <= limit:  # quick, and never too little
        return 0.0
    used = memory_of(pid, once=True)
    return used if used > limit else 0.0


def memory_of(pid: int | None, *, once: bool = False) -> float:
    """Return the main memory of a process and what it has started, in MB; 0 when it is gone.

    Args:
        pid: the process.
        once: whether what several processes share, as forked ones do, counts once, and not for each: it takes longer.
    """
    import psutil  # here: who only reads records should not need it

    from mldrl_lite.runs.process.strays import descendants

    if pid is None:
        return 0.0
    total = 0
    for process in [pid, *descendants(pid)]:
        try:
            one = psutil.Process(process) if isinstance(process, int) else process
            total += _once(one.memory_full_info()) if once else one.memory_info().rss
        except psutil.Error:
            continue
    return total / _MB


def _once(info: Any) -> int:
    """Return a process's share of its memory; where the system does not tell it, what is its own."""
    return getattr(info, "pss", info.uss)


def allow_files(jobs: int) -> None:
    """See that this process may open the files that so many kernels take; raise its soft limit where that helps.

    Raises:
        InputError: the system does not allow them.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    import psutil

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max(psutil.Process().num_fds() + _FILES_BESIDE + jobs * _FILES_OF_A_KERNEL, _FILES_IN_A_KERNEL)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        what, remedy = (f"-j {jobs} (jobs=)", "give a smaller number, or raise") if jobs > 1 else ("A run", "raise")
        raise InputError(
            f"{what} takes some {needed} open files, and this system allows {hard} (ulimit -n): {remedy} that limit."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
