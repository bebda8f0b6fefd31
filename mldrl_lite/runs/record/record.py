"""One run of a sweep: its name, its folder, its record; whole or not there at all.

While it is under way, a run lives in a folder whose name begins with a dot. Its record, `run.json`, is written last,
and one step makes it visible: a run that ended well as `NAME`, one that failed as `NAME~failed`, so that it never
takes the place of a good one. The next good run removes the failed one. (A checkpoint of the run may still name that
other folder, where it was written first.)
"""

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mldrl_lite.runs.notebook.file import glance_at_text, own_folder, read_fingerprint, read_result, save_pictures
from mldrl_lite.runs.notebook.places import hint, place_of
from mldrl_lite.runs.notebook.values import from_json, to_json
from mldrl_lite.runs.process.limits import retried
from mldrl_lite.runs.record import origin
from mldrl_lite.runs.record.job import FAILED, Job
from mldrl_lite.runs.record.publishing import publish

RECORD = "run.json"
OWN = ("seconds", "status", "error", "fingerprint", "run")
"""What the table says of each run besides its parameters and its result."""
ON_A_CLUSTER = ("host", "versions")
"""What the table says besides of runs on other machines."""
_TEXTS, _NUMBERS = ("stem", "fingerprint", "status", "error"), ("ended", "seconds")
_KINDS = dict.fromkeys(("given", "parameters", "origin", "values"), dict)
_KINDS |= dict.fromkeys(_TEXTS, str) | dict.fromkeys(_NUMBERS, (int, float))
LOCK = ".sweep"
"""The lock file in a sweep's folder. Its text is the token of the sweep that is going on."""


# ---------------------------------------------------------------------------------------------------------------------
# Run and keep


def execute(job: Job, wanted: Callable[[], bool] = lambda: True) -> str:
    """Run one job and leave its folder; return `ok`, `failed`, or `dropped` when its sweep is no longer the one.

    The run is written into a temporary folder beside, and renamed when all is there. What the same sweep holds already
    is not run again: an engine that has lost an answer asks a second time.

    Args:
        job: the run.
        wanted: says whether anybody still waits for it; asked before something is kept or tried again.
    """
    if not _is_current(job):
        return "dropped"
    if held := held_by_sweep(job):
        return held["status"]
    folder = new_folder(job)
    start = time.perf_counter()
    try:
        error = retried(partial(_run_cells, job, folder), job.limits, partial(_emptied, job, folder, wanted))
    except Exception as failure:
        gone = "a cell has deleted the folder of the run" if not folder.is_dir() else ""
        error = gone or f"the worker failed: {_words(failure)}"
    if not wanted():
        shutil.rmtree(folder, ignore_errors=True)
        return "dropped"
    return keep(job, folder, error, time.perf_counter() - start)


def _emptied(job: Job, folder: Path, wanted: Callable[[], bool]) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return wanted() and _is_current(job)


def _run_cells(job: Job, folder: Path) -> str:
    import nbformat  # here: who only reads records should not wait for these

    from mldrl_lite.runs import launch

    node, sent = nbformat.reads(job.notebook, as_version=4), job.sent()
    values = {**job.all_parameters, **sent}
    named = [*origin.named_files(values, job.cwd), *origin.files_below(job.data, job.out)]
    origin.begin_journal(folder / origin.JOURNAL, named)
    places = [os.path.join(job.cwd, place) for value in values.values() if (place := place_of(value))]
    roots = [os.path.dirname(job.source), job.cwd, job.data, *filter(os.path.isdir, places)]
    error = launch.execute_notebook(
        node,
        folder / f"{job.stem}.ipynb",
        sent | own_folder(node, folder),
        kernel=job.kernel,
        cwd=job.cwd,
        watch=launch.Watch(folder / origin.JOURNAL, roots, [job.out]),
        limits=job.limits,
    )
    return error + hint(error, os.path.dirname(job.source), job.caller, job.cwd)


def new_folder(job: Job) -> Path:
    """Make the folder in which a run is under way."""
    folder = Path(job.out, f".{job.name}~{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    return folder


@dataclass
class _Left:
    """What a run has left in its folder."""

    origin: Mapping[str, Any]
    result: Mapping[str, Any] = field(default_factory=lambda: {"headline": "", "values": {}})
    error: str = ""
    """What went wrong with the notebook's copy."""
    notes: list[str] = field(default_factory=list)
    """What else could not be kept, one line each."""


def keep(job: Job, folder: Path, error: str, seconds: float) -> str:
    """Complete a run's folder, write its record and make it visible; return its status.

    Where two machines run one run of a sweep, since one of them was taken for lost, the first that ends well counts.

    What goes wrong here is noted in the record; it takes away nothing of what the cells have left.

    Raises:
        OSError: the record cannot be written. What the run left is under the name of a failed run then.
    """
    held = held_by_sweep(job)
    if (twin := held is not None and held["status"] == "ok") or not _is_current(job):
        shutil.rmtree(folder, ignore_errors=True)
        return "ok" if twin else "dropped"
    folder.mkdir(exist_ok=True)  # a cell may have deleted it
    left = _complete(job, folder, job.failed_place.name if error else job.name)
    error = error or left.error
    status = "failed" if error else "ok"
    outcome = {"status": status, "error": error, "seconds": round(seconds, 3), "notes": left.notes, **left.result}
    try:
        _write_record(job, folder, outcome, left.origin)
    except OSError:
        if any(path.name != f"{RECORD}.part" for path in folder.iterdir()):
            publish(folder, job.failed_place)
        raise
    _show(job, folder, status)
    return status


def _complete(job: Job, folder: Path, name: str) -> _Left:
    """Save the figures, and tell the notebook's copy the name that its folder will have."""
    left = _Left(origin=_read_origin(job, folder))
    copy = folder / f"{job.stem}.ipynb"
    try:
        text = copy.read_text(encoding="utf-8").replace(folder.name, name)
        executed = glance_at_text(text)
        left.result = read_result(executed)
        _rewrite(copy, text)
    except FileNotFoundError:
        left.notes += ["its copy of the notebook is not there"]
        return left
    except Exception as failure:
        left.error = f"the cells ran, but the copy of the notebook could not be completed: {_words(failure)}"
        return left
    try:
        save_pictures(executed, folder / "pictures")
    except Exception as failure:
        left.notes += [f"a picture could not be kept: {_words(failure)}"]
    return left


def _read_origin(job: Job, folder: Path) -> dict[str, Any]:
    journal = folder / origin.JOURNAL
    node = glance_at_text(job.notebook)
    found = origin.of_run(journal, node, os.path.dirname(job.source), job.data)
    journal.unlink(missing_ok=True)
    return {**job.origin, **found}


def _rewrite(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _words(failure: Exception) -> str:
    return f"{type(failure).__name__}: {' '.join(str(failure).split())[:200]}"


def _write_record(job: Job, folder: Path, outcome: Mapping[str, Any], made_from: Mapping[str, Any]) -> None:
    record = {
        "stem": job.stem,
        "sweep": job.token,
        **({"machine": dict(job.machine)} if job.machine else {}),
        "given": to_json(dict(job.given)),
        "parameters": to_json(job.all_parameters),
        "origin": made_from,
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


def _show(job: Job, folder: Path, status: str) -> None:
    publish(folder, job.place if status == "ok" else job.failed_place)
    if status == "ok":
        shutil.rmtree(job.failed_place, ignore_errors=True)
    elif (read_record(job.place) or {}).get("status") == "failed":  # as earlier versions kept it
        shutil.rmtree(job.place, ignore_errors=True)
    _to_disk(Path(job.out))


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


# ---------------------------------------------------------------------------------------------------------------------
# What is there


def is_done(job: Job) -> bool:
    """Say whether this run is there, ended well, and nothing that it was made from has changed."""
    held = read_record(job.place)
    if not held or held["status"] != "ok" or not same(held["given"], job.given):
        return False
    return not origin.differences(held["origin"], job.origin, job.data, job.out)


def held_by_sweep(job: Job) -> dict[str, Any] | None:
    """Return the record of this run that the same sweep has left, whether it ended well or failed; None without one."""
    found = (read_record(place) for place in (job.place, job.failed_place))
    return next((held for held in found if job.token and held and held.get("sweep") == job.token), None)


def same(given: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two sets of parameters are the same; not a number is the same as itself here."""
    return _canonical(given) == _canonical(other)


def _canonical(given: Mapping[str, Any]) -> str:
    return json.dumps(to_json(dict(given)), sort_keys=True)


def records(folder: Path, told: Mapping[str, dict[str, Any]] | None = None) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs in a folder, with their records; a failed one beside a good one says so.

    Args:
        folder: the folder of a sweep.
        told: records by name that other machines have told of, and that this one may not see yet.
    """
    names = {name for name in os.listdir(folder) if not name.startswith(".")} if folder.is_dir() else set()
    found = {
        path: record
        for name in sorted(names | set(told or ()))
        if (record := _newer(read_record(path := folder / name), (told or {}).get(name)))
    }
    for path, record in found.items():
        good = path.with_name(path.name.removesuffix(FAILED))
        if good != path and good in found:
            record["error"] += f" (an earlier run that ended well is in {good.name})"
    return list(found.items())


def _newer(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    return max((record for record in (one, other) if record), key=lambda record: record["ended"], default=None)


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of the run in a folder, or None when there is no whole run."""
    try:
        return parse_record((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def parse_record(text: str) -> dict[str, Any] | None:
    """Return a record from its text, or None when it is not whole.

    Raises:
        ValueError: it is no JSON.
    """
    record = json.loads(text)
    whole = isinstance(record, dict) and all(isinstance(record.get(key), kind) for key, kind in _KINDS.items())
    if not whole:
        return None
    return record | {key: from_json(record[key]) for key in ("given", "parameters")}


def outdated(record: Mapping[str, Any], out: str | Path) -> list[str]:
    """Return what has changed since a run was made, one line each; see `origin.changes`."""
    return origin.changes(record["origin"], os.path.abspath(out))


def _is_current(job: Job) -> bool:
    """Say whether the job's sweep is still the one; without a lock file there is no other one that would mind."""
    try:
        return Path(job.out, LOCK).read_text(encoding="utf-8") == job.token
    except FileNotFoundError:
        return Path(job.out).is_dir()
    except OSError:
        return False


def clear_leftovers(folder: Path) -> None:
    """Keep the runs that were whole but not yet renamed when their sweep was killed; remove what is not whole."""
    for path in folder.glob(".*~*"):
        found = re.fullmatch(r"\.(.+?)~[0-9a-f]{8}(~old)?", path.name)
        if found and (record := read_record(path)):
            _keep_newest(path, record, folder / found[1].removesuffix(FAILED))
        elif found:
            shutil.rmtree(path, ignore_errors=True)


def _keep_newest(path: Path, record: Mapping[str, Any], good: Path) -> None:
    """Make a left-over run visible, unless what is there is newer: of two that change names, either may be left."""
    place = good if record["status"] == "ok" else good.with_name(good.name + FAILED)
    there = read_record(place)
    if there and there["ended"] >= record["ended"]:
        shutil.rmtree(path, ignore_errors=True)
    else:
        publish(path, place)
