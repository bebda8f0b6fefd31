"""What the folder of a search remembers: what is searched, who is at work, and when test results were looked at."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.places import cannot_write

SPEC, LOCK = "search.json", ".search"


def is_test(name: str) -> bool:
    """Say whether a result is one of test data, by its name: `test_loss`, `ptl/test_acc`, but not `latest`."""
    return "test" in re.split(r"[^a-z]+", name.lower())


def is_fold(name: str) -> bool:
    """Say whether a parameter deals samples out to parts, by its name: `cv`, `fold`, `test_fold`, `split`."""
    return not {"cv", "fold", "folds", "split"}.isdisjoint(re.split(r"[^a-z]+", name.lower()))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make the folder, and hold it for this search.

    Raises:
        InputError: another search is going on there, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"Another search is writing into {str(folder)!r}: wait for its end, or give --out another folder."
        ) from None
    except OSError as failure:
        raise cannot_write(folder, failure) from None
    try:
        yield
    finally:
        lock.release()


def refuse_another(search: Mapping[str, Any], folder: Path) -> None:
    """Stop when the folder holds another search.

    Raises:
        InputError: it does; the sentence says what differs.
    """
    held = read_spec(folder)
    for part, value in (search if held else {}).items():
        if held.get(part) != value:
            raise InputError(
                f"{str(folder)!r} holds a search with another {part} ({held.get(part)}, not {value}): give "
                "--out another folder."
            )


def remember(search: Mapping[str, Any], folder: Path) -> None:
    """Write what is searched into the folder, unless it stands there."""
    if read_spec(folder) is None:
        _write(folder, dict(search) | {"revealed": []})


def reveal(folder: Path, trials: int) -> None:
    """Record that test results are looked at now, after so many trials.

    Raises:
        InputError: the folder holds no search.
    """
    held = read_spec(folder)
    if held is None:
        raise InputError(f"No search in {str(folder)!r}: there is nothing to reveal.")
    seen = [*held["revealed"], {"at": time.strftime("%Y-%m-%d %H:%M:%S"), "trials": trials}]
    _write(folder, held | {"revealed": seen})


def hides_test_results(folder: Path) -> bool:
    """Say whether the folder belongs to a search whose test results nobody has asked for yet."""
    held = read_spec(folder)
    return held is not None and not held["revealed"]


def read_spec(folder: Path) -> dict[str, Any] | None:
    """Return what the folder's search is about; None without one."""
    try:
        return json.loads((folder / SPEC).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _write(folder: Path, text: Mapping[str, Any]) -> None:
    part = folder / f".{SPEC}.part"
    part.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / SPEC)
