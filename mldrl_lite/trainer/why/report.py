"""Compare two runs and say it: all processes, the ledgers and hyperparameters beside the traces."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mldrl_lite.trainer.why.causes import Cause, likely_cause, link
from mldrl_lite.trainer.why.comparing import (
    INITIAL,
    MODEL,
    RANDOM,
    WEIGHTS_BEFORE,
    Compared,
    Difference,
    compare,
    shared_generators,
)
from mldrl_lite.trainer.why.traces import Trace, find_traces, read_trace

_ORDER = (MODEL, INITIAL, WEIGHTS_BEFORE, RANDOM, "batch", "loss", "gradients", "weights")
_SHOWN = 4


@dataclass(frozen=True)
class Verdict:
    """What `first_difference` found; `print` it."""

    difference: Difference | None
    """Where the runs part; None: they do not."""
    cause: Cause | None
    steps: int
    """How many steps were compared and found the same."""
    around: tuple[str, ...]
    """What else differs: circumstances, ledgers, hyperparameters, a line each."""
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing that was trained differs."""
        return self.difference is None

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    __repr__ = __str__


def first_difference(run_a: str | Path, run_b: str | Path) -> Verdict:
    """Say in which step and quantity two runs first differ, and why that is likely.

    Args:
        run_a: the folder of a run that was trained with `StepTrace`, or its `trace.jsonl`.
        run_b: the other one.

    Raises:
        InputError: there is no trace, or the two cannot be compared.
    """
    paths = find_traces(Path(run_a)), find_traces(Path(run_b))
    traces = [{rank: read_trace(path) for rank, path in ranks.items()} for ranks in paths]
    ranks = sorted(traces[0].keys() & traces[1].keys())
    compared = {rank: compare(traces[0][rank], traces[1][rank]) for rank in ranks}
    rank = min(ranks, key=lambda rank: _when(compared[rank]))
    a, b, found = traces[0][rank], traces[1][rank], compared[rank]
    notes = [*_notes(a, b, found)]
    if rank:
        notes.append(f"This was seen in process {rank}.")
    around = [*_circumstances(a, b, found), *_beside(a.path.parent, b.path.parent)]
    cause = likely_cause(found) if found.difference else None
    return Verdict(found.difference, cause, found.steps, tuple(around), tuple(notes))


def _when(compared: Compared) -> tuple[float, int]:
    found = compared.difference
    return (found.step, _ORDER.index(found.quantity)) if found else (float("inf"), 0)


# ---------------------------------------------------------------------------------------------------------------------
# What else differs


def _circumstances(a: Trace, b: Trace, compared: Compared) -> Iterator[str]:
    step = compared.difference.step if compared.difference else max(a.steps)
    first, second = (_start(trace, step)["circumstances"] for trace in (a, b))
    for group in ("train loader", "val loader"):  # a loader that is not there differs in a single line
        kept = [any(name.startswith(group) for name in facts) for facts in (first, second)]
        if kept[0] != kept[1]:
            first, second = ({n: v for n, v in facts.items() if not n.startswith(group)} for facts in (first, second))
            yield f"{group}: {' | '.join('there' if there else 'absent' for there in kept)}"
    yield from _unlike("", first, second)


def _start(trace: Trace, step: int) -> Mapping[str, Any]:
    return trace.last_start(step) if any(line["start"] < step for line in trace.starts) else trace.starts[0]


def _beside(a: Path, b: Path) -> Iterator[str]:
    """Compare the ledgers and the hyperparameters that lie beside the traces."""
    for name, read in (("ledger.json", json.loads), ("hparams.yaml", _yaml)):
        kept = [_read(folder, name, read) for folder in (a, b)]
        if None not in kept:
            yield from _unlike(f"{name} ", *map(_flat, kept))


def _read(folder: Path, name: str, read: Any) -> Any:
    """Return what the file holds that lies with the trace or up to two folders above it; None without one."""
    for place in (folder, *list(folder.resolve().parents)[:2]):
        if (place / name).is_file():
            try:
                return read((place / name).read_text(encoding="utf-8"))
            except (ValueError, yaml.YAMLError):
                return {"": "cannot be read"}
    return None


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, lists and dicts, and no objects


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {place: value}
    return {
        name: leaf for key, part in value.items() for name, leaf in _flat(part, f"{place}.{key}".strip(".")).items()
    }


def _unlike(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(first.keys() | second.keys()):
        ours, theirs = first.get(name, "absent"), second.get(name, "absent")
        if ours != theirs:
            yield f"{kind}{name}: {ours} | {theirs}"


def _notes(a: Trace, b: Trace, compared: Compared) -> Iterator[str]:
    begins = [trace.starts[0]["start"] for trace in (a, b)]
    if begins[0] != begins[1]:
        yield f"Compared from step {max(begins)} on, where the trace of the {_which(begins)} begins."
    ends = [max(trace.steps, default=trace.starts[-1]["start"]) for trace in (a, b)]
    if ends[0] != ends[1]:
        yield f"The {_which(ends)} goes on to step {max(ends)}, the other ends at step {min(ends)}."
    if compared.difference is None:
        yield from _without_effect(a, b)


def _which(numbers: list[int]) -> str:
    return "first run" if numbers[0] > numbers[1] else "second run"


def _without_effect(a: Trace, b: Trace) -> Iterator[str]:
    common = [step for step in a.steps if step in b.steps]
    for name in shared_generators(a, b):
        other = [step for step in common if a.steps[step]["random"].get(name) != b.steps[step]["random"].get(name)]
        if other:
            yield f"The random state of {name} differs from step {other[0]} on, without an effect."
    checked = [step for step in a.validations if step in b.validations]
    other = [step for step in checked if a.validations[step]["batch"] != b.validations[step]["batch"]]
    if other:
        yield f"The validation batches differ, first after step {other[0]}; so will what is validated."


# ---------------------------------------------------------------------------------------------------------------------
# In words


def _lines(verdict: Verdict) -> Iterator[str]:
    found = verdict.difference
    if found is None:
        steps = "1 step" if verdict.steps == 1 else f"{verdict.steps} steps"
        yield f"The same: {steps} with the same batches, losses, gradients and weights."
    else:
        yield from _parting(verdict, found)
    yield from verdict.notes
    if verdict.around:
        yield "What else differs (first run | second run):"
        yield from (f"  {line}" for line in verdict.around)


def _parting(verdict: Verdict, found: Difference) -> Iterator[str]:
    if found.quantity in (MODEL, INITIAL):
        yield f"The runs differ before step {found.step + 1}, in the {found.quantity}{_named(found)}."
    else:
        yield f"The runs part at {_place(found)}, in the {found.quantity}{_named(found)}."
        if verdict.steps:
            yield f"Steps before it that are the same: {verdict.steps}."
    if found.seen:
        yield f"The first effect: {_place(found.seen)}, in the {found.seen.quantity}{_named(found.seen)}."
    yield f"Likely: {verdict.cause.sentence}"
    yield f"  See {link(verdict.cause.section)}"


def _place(found: Difference) -> str:
    return f"step {found.step} (epoch {found.epoch}, batch {found.batch_idx})"


def _named(found: Difference) -> str:
    if found.values:
        kind = "learning rate " if found.quantity == "weights" else ""
        return f": {kind}{found.values[0]} | {found.values[1]}"
    if not found.names:
        return ""
    shown = ", ".join(found.names[:_SHOWN]) + (", …" if len(found.names) > _SHOWN else "")
    return f" of {shown}" if found.quantity == RANDOM else f": {shown} ({len(found.names)} of {found.of})"
