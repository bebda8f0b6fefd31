"""What runs the runs of a sweep: threads of this process, somebody's executor, or a cluster (`runs.cluster`)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mldrl_lite.runs.process.kernel import threads
from mldrl_lite.runs.record.job import Job


class EngineLostError(Exception):
    """What runs the runs is gone, for no fault of theirs: the sweep is interrupted."""


class Engine:
    """Somebody's executor. A subclass may know more of what it runs on."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def started(self, plan: Sequence[Job], todo: Sequence[Job], progress: bool) -> AbstractContextManager[Executor]:
        """Return what is entered for the time of the sweep, and gives the executor.

        Args:
            plan: all runs of the sweep.
            todo: those that are to be run.
            progress: whether it may tell of itself on standard error.
        """
        return nullcontext(self.executor)

    @property
    def at_once(self) -> int:
        """How many runs it is given at a time; how many it runs at once, an executor does not tell."""
        return 1_000

    def remark(self) -> str:
        """Return what the bar is to say of it."""
        return ""

    def told(self) -> Mapping[str, dict[str, Any]]:
        """Return records, by their folders' names, that are known here and may not be seen yet."""
        return {}


class Threads(Engine):
    """Threads of this process, each of which drives one kernel at a time."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def started(self, plan: Sequence[Job], todo: Sequence[Job], progress: bool) -> AbstractContextManager[Executor]:
        """Return the threads, no more than there are runs."""
        return threads(min(self.jobs, len(todo) or 1))

    @property
    def at_once(self) -> int:
        """Few, so that an end in their midst has little to undo."""
        return 2 * self.jobs
