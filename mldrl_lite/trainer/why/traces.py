"""Read the files that `StepTrace` has written. PyTorch is not needed for it."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mldrl_lite.messages import InputError

Line = dict[str, Any]
_NAME = re.compile(r"(trace(?:-v\d+)?)(?:\.rank(\d+))?\.jsonl")


@dataclass
class Trace:
    """One run, as one process saw it. A step that was taken again after a resume counts as it was taken last."""

    path: Path
    starts: list[Line] = field(default_factory=list)
    steps: dict[int, Line] = field(default_factory=dict)
    """By the number of optimizer steps taken, ascending."""
    validations: dict[int, Line] = field(default_factory=dict)

    def weights_at(self, step: int) -> Line | None:
        """Return the line that holds the weights after so many steps, or None."""
        starts = [line for line in self.starts if line["start"] == step]
        return self.steps.get(step) or (starts[0] if starts else None)

    def last_start(self, step: int) -> Line:
        """Return the start line of the fit that took this step."""
        return max((line for line in self.starts if line["start"] < step), key=lambda line: line["start"])


def find_traces(run: Path) -> dict[int, Path]:
    """Return the trace of each process of a run, by rank.

    Args:
        run: the folder of a run, one that holds a single traced run somewhere inside, or the file of the first process.

    Raises:
        InputError: there is no trace, or there are several.
    """
    if not run.exists():
        raise InputError(f"There is no {str(run)!r}: give the folder of a run, or its trace.jsonl.")
    found = [run] if run.is_file() else sorted(run.glob("trace*.jsonl")) or sorted(run.rglob("trace*.jsonl"))
    first = [path for path in found if run.is_file() or ((name := _NAME.fullmatch(path.name)) and not name[2])]
    if not first:
        raise InputError(
            f"No trace in {str(run)!r}: train with Trainer(callbacks=[StepTrace()]), from mldrl_lite.trainer."
        )
    if len(first) > 1:
        names = ", ".join(str(path.relative_to(run)) for path in first[:5])
        raise InputError(f"{str(run)!r} holds {len(first)} traces ({names}): give one of the files.")
    name = _NAME.fullmatch(first[0].name)
    ranks = {0: first[0]}
    for path in first[0].parent.glob("trace*.jsonl") if name else ():
        other = _NAME.fullmatch(path.name)
        if other and other[1] == name[1] and other[2] and not name[2]:
            ranks[int(other[2])] = path
    return ranks


def read_trace(path: Path) -> Trace:
    """Return a trace. The last line may be half a line, as a killed run leaves it; so may one before a resume.

    Raises:
        InputError: the file is not a trace, or has not even its first line.
    """
    lines = path.read_bytes().split(b"\n")
    trace = Trace(path)
    for number, raw in enumerate(lines, start=1):
        line = _parsed(raw)
        if line is None:
            following = next((later for later in lines[number:] if later), None)
            if not raw or following is None or b'"start"' in following[:9]:
                continue
            raise InputError(
                f"Line {number} of {str(path)!r} is not of a trace: give a file that StepTrace has written."
            )
        _add(trace, line)
    if not trace.starts:
        raise InputError(f"{str(path)!r} holds no trace: give a file that StepTrace has written.")
    return trace


def _parsed(raw: bytes) -> Line | None:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and _is_whole(line) else None


_START = {"start": int, "tensors": dict, "random": dict, "weights": str, "each weight": str, "circumstances": dict}
_STEP = {"step": int, "epoch": int, "batch_idx": int, "random": dict, "batch": dict, "loss": list, "gradients": str}
_STEP |= {"each gradient": str, "weights": str, "each weight": str, "lr": list}
_VALIDATION = {"validation": int, "batch": str}


def _is_whole(line: Line) -> bool:
    kind = next((kind for kind in (_START, _STEP, _VALIDATION) if next(iter(kind)) in line), None)
    return kind is not None and all(isinstance(line.get(name), kind[name]) for name in kind)


def _add(trace: Trace, line: Line) -> None:
    if "start" in line:
        trace.starts.append(line)
        for kept in (trace.steps, trace.validations):  # what the resumed run takes again
            for step in [step for step in kept if step > line["start"]]:
                del kept[step]
    elif "step" in line:
        trace.steps[line["step"]] = line
    else:
        trace.validations[line["validation"]] = line
