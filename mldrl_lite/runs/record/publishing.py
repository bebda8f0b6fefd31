"""Make a folder visible under its name in one step, so that there is a whole one under it at every moment."""

import ctypes
import errno
import os
import shutil
import sys
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux, see renameat2(2)
_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST}  # by a folder that another process may have moved since
_REFUSED = {errno.EACCES, errno.EPERM}  # for the folder there, or whatever is there


def publish(folder: Path, place: Path) -> None:
    """Rename `folder` to `place`; what is there is removed afterwards. Several processes may do this at once.

    Where the system can, the two folders change names in one step. Elsewhere the old one is moved aside first.
    """
    while True:
        with suppress(FileNotFoundError):
            if os.path.lexists(place):
                _replace(folder, place)
                return
        try:
            folder.rename(place)
        except OSError as failure:
            there = failure.errno in _TAKEN or (failure.errno in _REFUSED and os.path.lexists(place))
            if not there:
                raise
        else:
            return


def _replace(folder: Path, place: Path) -> None:
    if not exchange(folder, place):
        old = place.with_name(f".{place.name}~{uuid.uuid4().hex[:8]}~old")
        place.rename(old)
        publish(folder, place)
        folder = old
    shutil.rmtree(folder, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change names in one step; say whether this system, and this disk, can.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@cache
def _renameat2() -> Any:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
