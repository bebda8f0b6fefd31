"""One run of a sweep: its name, its folder, its record; whole or not there at all.

While it is under way, a run lives in a folder whose name begins with a dot. Its record, `run.json`, is written last,
and one rename makes it visible. (A checkpoint of the run may still name that other folder, where it was written first.)
"""

import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import nbformat

from mldrl_lite.runs import launch
from mldrl_lite.runs.notebooks import own_folder, read_fingerprint, read_result, save_pictures
from mldrl_lite.runs.parameters import literal
from mldrl_lite.runs.values import from_json, to_json

RECORD = "run.json"
OWN = ("seconds", "status", "error", "fingerprint", "run")
"""What the table says of each run besides its parameters and its result."""
_TEXTS, _NUMBERS = ("stem", "fingerprint", "status", "error"), ("ended", "seconds")
_KINDS = dict.fromkeys(("given", "parameters", "origin", "values"), dict)
_KINDS |= dict.fromkeys(_TEXTS, str) | dict.fromkeys(_NUMBERS, (int, float))
LOCK = ".sweep"
"""The lock file in a sweep's folder. Its text is the token of the sweep that is going on."""


@dataclass(frozen=True)
class Job:
    """One run, told in plain values, so that it can be sent to another process or machine."""

    name: str
    """The name of its folder."""
    out: str
    """The folder of the sweep, as an absolute path."""
    stem: str
    """The notebook's file name without `.ipynb`."""
    notebook: str
    """The notebook as text, so that an edit on the way does not split the sweep."""
    given: Mapping[str, Any]
    """The parameters that the sweep sets."""
    every: Mapping[str, Any]
    """All parameters, defaults included."""
    origin: Mapping[str, str]
    """What the run depends on besides its parameters: sha256 of code cells, of data and of this package."""
    kernel: str
    cwd: str
    token: str = ""
    """The sweep that this job belongs to."""


_LONGEST_NAME = 100


def folder_name(given: Mapping[str, Any]) -> str:
    """Return a name such as `cv=3,lr=0.001`, which any file system can hold.

    Where a value cannot be shown as it is, or the name would be too long, the name ends in eight digits of a hash, so
    that other parameters have another name.
    """
    parts = {f"{name}={value}": f"{_plain(name)}={_plain(value)}" for name, value in given.items()}
    name = ",".join(parts.values()) or "defaults"
    if name == (",".join(parts) or "defaults") and len(name) <= _LONGEST_NAME and not _looks_otherwise(given):
        return name
    digest = hashlib.sha256(json.dumps(to_json(dict(given))).encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}-{digest}"


def _plain(value: Any) -> str:
    text = str(value)
    text = text if len(text) <= 40 else text[-40:]  # the end of a path says more than its start
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", text)


def _looks_otherwise(given: Mapping[str, Any]) -> bool:
    """Say whether a text ends in a dot, which Windows drops, or would mean another value than the text in Python."""
    texts = [value for value in given.values() if isinstance(value, str | PurePath)]
    return any(isinstance(text, PurePath) or text.endswith(".") or literal(text) != text for text in texts)


def execute(job: Job) -> str:
    """Run one job and leave its folder; return `ok`, `failed`, or `dropped` when its sweep is no longer the one.

    The run is written into a temporary folder beside, and renamed when all is there.
    """
    if not _is_current(job):
        return "dropped"
    folder = new_folder(job)
    try:
        node = nbformat.reads(job.notebook, as_version=4)
        start = time.perf_counter()
        error = launch.execute_notebook(
            node,
            folder / f"{job.stem}.ipynb",
            job.given | own_folder(node, folder),
            kernel=job.kernel,
            cwd=job.cwd,
        )
        return keep(job, folder, error, time.perf_counter() - start)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def new_folder(job: Job) -> Path:
    """Make the folder in which a run is under way."""
    folder = Path(job.out, f".{job.name}~{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    return folder


def keep(job: Job, folder: Path, error: str, seconds: float) -> str:
    """Complete a run's folder, write its record and make it visible; return its status."""
    copy = folder / f"{job.stem}.ipynb"
    result = {"headline": "", "values": {}}
    if copy.is_file():
        text = copy.read_text(encoding="utf-8").replace(folder.name, job.name)
        copy.write_text(text, encoding="utf-8")
        executed = nbformat.reads(text, as_version=4)
        save_pictures(executed, folder / "pictures")
        result = read_result(executed)
    if not _is_current(job):
        shutil.rmtree(folder, ignore_errors=True)
        return "dropped"
    status = "failed" if error else "ok"
    _write_record(job, folder, {"status": status, "error": error, "seconds": round(seconds, 3), **result})
    _publish(folder, Path(job.out, job.name))
    return status


def _write_record(job: Job, folder: Path, outcome: Mapping[str, Any]) -> None:
    record = {
        "stem": job.stem,
        "given": to_json(dict(job.given)),
        "parameters": to_json({name: value for name, value in job.every.items() if name != "out_dir"}),
        "origin": dict(job.origin),
        "ended": time.time(),
        "fingerprint": read_fingerprint(folder / "ledger.json"),
        **outcome,
    }
    part = folder / f"{RECORD}.part"
    part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    # The record is the last thing that is written, also after a power cut: where it is, the run is whole.
    for path in folder.rglob("*"):
        _to_disk(path)
    part.replace(folder / RECORD)
    _to_disk(folder)


def _publish(folder: Path, place: Path) -> None:
    old = folder.with_name(f"{folder.name}~old")
    if place.exists():
        place.rename(old)
    folder.rename(place)
    _to_disk(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the list of a folder, is on the disk; where the system cannot tell, go on."""
    if not (path.is_file() or path.is_dir()):
        return  # to open a pipe could take for ever
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_done(job: Job) -> bool:
    """Say whether this run is there, ended well, and was made from the same notebook, data and parameters."""
    held = read_record(Path(job.out, job.name))
    return bool(held and same(held["given"], job.given) and held["origin"] == job.origin and held["status"] == "ok")


def same(given: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two sets of parameters are the same; not a number is the same as itself here."""
    return _canonical(given) == _canonical(other)


def _canonical(given: Mapping[str, Any]) -> str:
    return json.dumps(to_json(dict(given)), sort_keys=True)


def records(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs in a folder, with their records."""
    if not folder.is_dir():
        return []
    paths = sorted(path.parent for path in folder.glob(f"*/{RECORD}") if not path.parent.name.startswith("."))
    return [(path, record) for path in paths if (record := read_record(path))]


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of the run in a folder, or None when there is no whole run."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and all(isinstance(record.get(key), kind) for key, kind in _KINDS.items())
    if not whole:
        return None
    return record | {key: from_json(record[key]) for key in ("given", "parameters")}


def _is_current(job: Job) -> bool:
    try:
        return Path(job.out, LOCK).read_text(encoding="utf-8") == job.token
    except OSError:
        return False


def clear_leftovers(folder: Path) -> None:
    """Keep the runs that were whole but not yet renamed when their sweep was killed; remove what is not whole."""
    for path in folder.glob(".*~*"):
        found = re.fullmatch(r"\.(.+)~[0-9a-f]{8}(~old)?", path.name)
        if found and read_record(path) and not found[2]:
            _publish(path, folder / found[1])
        elif found:
            shutil.rmtree(path, ignore_errors=True)
