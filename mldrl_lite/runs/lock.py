"""One sweep at a time in a folder: a lock that dies with its process, and a token that its jobs carry."""

import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mldrl_lite.messages import InputError
from mldrl_lite.runs.record import LOCK


class Lock:
    """The lock file of a sweep. Its text is a token: jobs that carry another one belong to a sweep that is over."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.token = file, uuid.uuid4().hex
        self.drop()
        file.write(self.token)
        file.flush()
        os.fsync(file.fileno())  # on a shared disk, the workers of a cluster are to see it

    def drop(self) -> None:
        """Take back the token: what is still under way in some executor will not be kept."""
        self.file.truncate(0)


@contextmanager
def sweep_lock(folder: Path) -> Iterator[Lock]:
    """Hold the folder for this process; the lock dies with the process, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as failure:
        raise InputError(
            f"Cannot write in {str(folder)!r} ({failure.strerror}): give --out (out=) a folder of yours."
        ) from None
    with file:
        _take(file, folder)
        _held.add(file)
        lock = Lock(file)
        try:
            yield lock
        finally:
            lock.drop()
            _held.discard(file)


_held: set[IO[str]] = set()


def _let_go() -> None:
    """In a process that this one has forked: let go of its locks, which would outlive this one there."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        warnings.warn(f"This system has no file locks: run one sweep at a time into {str(folder)!r}.", stacklevel=5)
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(
            f"Another sweep is writing into {str(folder)!r}: wait for its end, or give --out (out=) another folder."
        ) from None
