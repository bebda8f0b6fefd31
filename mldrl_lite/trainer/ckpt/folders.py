"""Checkpoints in a folder, the best first; and folders that are one checkpoint in pieces."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.ckpt.files import opened
from mldrl_lite.trainer.ckpt.summary import Checkpoint, Score, look

ENDINGS = (".ckpt", ".pt", ".pth", ".safetensors")
MOST_FILES = 10_000


@dataclass
class Entry:
    """A file of a folder."""

    path: Path
    found: Checkpoint | None
    score: Score | None
    fault: str = ""
    """Why it cannot be read."""


@dataclass
class Group:
    """Files that one monitor has judged, the best first; or those that none has, the latest first."""

    monitor: str | None
    mode: str | None
    guessed: bool
    """The mode is told by the scores, not by the file."""
    entries: list[Entry]


def files_in(folder: Path) -> list[Path]:
    """Return the files of weights in a folder and the folders in it; sharded checkpoints are left out.

    Raises:
        InputError: there are too many.
    """
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not sharded(Path(root, name)))
        found += [Path(root, name) for name in sorted(names) if name.endswith(ENDINGS)]
        if len(found) > MOST_FILES:
            raise InputError(
                f"{folder} holds more than {MOST_FILES:,} files of weights: give one of the folders in it."
            )
    return found


def shards_in(folder: Path) -> list[Path]:
    """Return the sharded checkpoints in a folder."""
    walked = os.walk(folder)
    return [Path(root, name) for root, folders, _ in walked for name in sorted(folders) if sharded(Path(root, name))]


def groups(paths: list[Path]) -> list[Group]:
    """Return the files by what judged them."""
    by: dict[tuple[str | None, str | None], list[Entry]] = defaultdict(list)
    for path in paths:
        for entry in _entries(path):
            by[(entry.score.monitor, entry.score.mode) if entry.score else (None, None)].append(entry)
    return [
        _group(monitor, mode, entries)
        for (monitor, mode), entries in sorted(by.items(), key=lambda item: item[0][0] is None)
    ]


def _entries(path: Path) -> Iterator[Entry]:
    try:
        with opened(path) as contents:
            found = look(contents)
    except InputError as error:
        yield Entry(path, None, None, str(error))
        return
    judged = [score for score in found.scores if score.score is not None]
    yield from (Entry(path, found, score) for score in judged or [None])


def _group(monitor: str | None, mode: str | None, entries: list[Entry]) -> Group:
    guessed = mode is None and monitor is not None
    mode = _told_by(entries) if guessed else mode
    if monitor is None or mode is None:
        return Group(monitor, mode, False, sorted(entries, key=_step, reverse=True))
    sign = 1 if mode == "min" else -1
    return Group(monitor, mode, guessed, sorted(entries, key=lambda entry: (sign * entry.score.score, -_step(entry))))


def _told_by(entries: list[Entry]) -> str | None:
    """Return the mode that the scores allow: no score of a run is better than the best of that run at that time."""
    pairs = [(entry.score.best, entry.score.score) for entry in entries if entry.score.best is not None]
    low = all(best <= score for best, score in pairs)
    high = all(best >= score for best, score in pairs)
    return ("min" if low else "max") if low != high else None


def _step(entry: Entry) -> int:
    step = entry.found.facts.get("step") if entry.found else None
    return step if isinstance(step, int) else -1


# ---------------------------------------------------------------------------------------------------------------------
# One checkpoint in many files


@dataclass(frozen=True)
class Sharded:
    """A folder that is one checkpoint."""

    kind: str
    rest: Path | None
    """The file with epoch, step and the rest, if it is there."""
    join: str
    """How to make one file of it."""


def sharded(folder: Path) -> Sharded | None:
    """Say what a folder is that a distributed strategy has written, or None."""
    if (folder / ".metadata").is_file() and any(folder.glob("*.distcp")):
        rest = folder / "meta.pt"
        join = f"python -m lightning_fabric.utilities.consolidate_checkpoint {folder}"
        return Sharded("sharded checkpoint (FSDP or ModelParallelStrategy)", rest if rest.is_file() else None, join)
    states = sorted([*folder.glob("checkpoint/*_model_states.pt"), *folder.glob("global_step*/*_model_states.pt")])
    if states and ((folder / "latest").is_file() or (folder / "zero_to_fp32.py").is_file()):
        join = (
            "pytorch_lightning.utilities.deepspeed.convert_zero_checkpoint_to_fp32_state_dict"
            f"({str(folder)!r}, 'one_file.pt')"
        )
        return Sharded("sharded checkpoint of DeepSpeed", states[0], join)
    return None
