"""Where a notebook runs, and where the paths that it is given lie; and a folder that cannot be written.

A notebook runs in its own folder, as JupyterLab and nbconvert run it, so its own modules and the files beside it are
found. A relative path given from outside is relative to where it is given: the shell's folder.
"""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from mldrl_lite.messages import InputError

_PLACES = re.compile(r"(?:^|_)(?:dir|directory|file|filename|folder|path|root)s?$")


def working_folder(notebook: str | Path, cwd: str | Path | None = None) -> str:
    """Return the folder that a notebook runs in: `cwd`, or its own.

    Raises:
        InputError: `cwd` is no folder.
    """
    if cwd is None:
        return str(Path(os.path.abspath(notebook)).parent)
    if not Path(cwd).is_dir():
        raise InputError(f"{str(cwd)!r} is no folder: give --cwd (cwd=) the folder that the notebook is to run in.")
    return os.path.abspath(cwd)


def anchored(values: Mapping[str, Any], caller: str, folder: str) -> dict[str, Any]:
    """Return the values with the relative paths among them made absolute, as they are meant in the folder `caller`.

    A text is such a path when it names something there, and its parameter ends in `dir`, `file`, `path` or the like,
    or the text has a slash or a suffix. With such a parameter, or if it is a `Path`, it may also name something that is
    still to be made.

    Args:
        values: parameters by name.
        caller: the folder in which they were given.
        folder: the folder in which the notebook runs.
    """
    if caller == folder:
        return dict(values)
    return {name: _anchored(name, value, caller, folder) for name, value in values.items()}


def _anchored(name: str, value: object, caller: str, folder: str) -> object:
    text = place_of(value)
    if not text or os.path.isabs(text) or text.startswith("~"):
        return value
    here, a_place = os.path.join(caller, text), isinstance(value, PurePath) or bool(_PLACES.search(name))
    if os.path.exists(here):
        meant = a_place or "/" in text or os.sep in text or os.path.splitext(text)[1]
    else:
        meant = a_place and not os.path.exists(os.path.join(folder, text))
    return type(value)(os.path.abspath(here)) if meant else value


def cannot_write(folder: str | Path, failure: OSError) -> InputError:
    """Return what to say when a folder for runs cannot be made or written."""
    reason, remedy = failure.strerror or failure, "give --out (out=) a folder of yours"
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "free some space there, or give --out (out=) a folder on another disk"
    elif failure.errno == errno.ENOENT:
        reason, remedy = "it is gone", "start again"
    elif os.path.lexists(folder) and not os.path.isdir(folder):
        reason, remedy = "it is there and is no folder", "give --out (out=) another name"
    return InputError(f"Cannot write in {str(folder)!r} ({reason}): {remedy}.")


def place_of(value: object) -> str:
    """Return a text or a path as a text; "" for anything else."""
    return str(value) if isinstance(value, str | PurePath) else ""


_MISSING = re.compile(
    r"ModuleNotFoundError: No module named '(?P<module>\w+)|No such file or directory: '(?P<file>[^/'][^']*)'"
)


def hint(error: str, notebook_folder: str, caller: str, folder: str) -> str:
    """Return where the module or file that a cell did not find lies, to be put behind the error; "" elsewhere.

    Args:
        error: the error of a run.
        notebook_folder: the notebook's folder.
        caller: the folder of the command.
        folder: the folder that the notebook ran in.
    """
    found = _MISSING.search(error)
    if not found:
        return ""
    names = [found["file"]] if found["file"] else [f"{found['module']}.py", found["module"]]
    for place, words in ((notebook_folder, "beside the notebook"), (caller, "in the folder of the command")):
        for name in names:
            if place != folder and os.path.exists(os.path.join(place, name)):
                return f" ({name} lies {words}, but the notebook ran in {folder!r}: give --cwd {place!r})"
    return ""
