"""One sweep at a time in a folder: a lock that dies with its process, and a token that its jobs carry."""

import errno
import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.places import cannot_write
from mldrl_lite.runs.record.record import LOCK


class Lock:
    """The lock file of a sweep. Its text is a token: jobs that carry another one belong to a sweep that is over."""

    def __init__(self, file: Path) -> None:
        self.file, self.token = file, uuid.uuid4().hex
        self.write(self.token)

    def write(self, text: str) -> None:
        """Write the token, and wait until it is on the disk: the workers of a cluster are to see it."""
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def renew(self) -> None:
        """Write the token again when somebody has deleted the file."""
        if not self.file.exists():
            with suppress(OSError):
                self.write(self.token)

    def drop(self) -> None:
        """Take back the token: what is still under way in some executor will not be kept."""
        with suppress(OSError):
            self.write("")


@contextmanager
def sweep_lock(folder: Path) -> Iterator[Lock]:
    """Hold the folder for this process; the lock dies with the process, however that ends.

    Both the lock file and the folder itself are locked: somebody may delete the file.

    Raises:
        InputError: another process holds it, or it cannot be written to.
    """
    held: list[int] = []
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.name == "posix":
                held.append(os.open(folder, os.O_RDONLY))
                _take(held[-1], folder)
            held.append(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666))
            _take(held[-1], folder)
            lock = Lock(folder / LOCK)
        except OSError as failure:
            raise cannot_write(folder, failure) from None
        _held.update(held)
        try:
            yield lock
        finally:
            lock.drop()
    finally:
        _held.difference_update(held)
        for descriptor in held:
            os.close(descriptor)


_held: set[int] = set()


def _let_go() -> None:
    """In a process that this one has forked: let go of its locks, which would outlive this one there."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        warnings.warn(f"This system has no file locks: run one sweep at a time into {str(folder)!r}.", stacklevel=5)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        if failure.errno not in (errno.EAGAIN, errno.EACCES):
            return  # a network's disk may lock no folders; the file is locked there
        raise InputError(
            f"Another sweep is writing into {str(folder)!r}: wait for its end, or give --out (out=) another folder."
        ) from None
