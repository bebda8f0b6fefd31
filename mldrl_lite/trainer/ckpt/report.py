"""A checkpoint, a folder and a difference as text, and as data for JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from mldrl_lite.trainer.ckpt.difference import Difference, described
from mldrl_lite.trainer.ckpt.folders import Entry, Group, Sharded
from mldrl_lite.trainer.ckpt.refusals import recipe
from mldrl_lite.trainer.ckpt.summary import Checkpoint, Score
from mldrl_lite.trainer.ckpt.values import Plain, text

_MOST_LINES = 20


def as_dict(found: Checkpoint, digest: str | None) -> dict[str, object]:
    """Return all that is known of a checkpoint, for JSON."""
    return {
        "file": str(found.path),
        "bytes": found.size,
        "format": found.form,
        "kind": found.kind,
        **found.facts,
        "hyperparameters": found.hparams,
        "scores": [asdict(score) for score in found.scores],
        "tensors": {
            name: {"dtype": t.dtype, "shape": list(t.shape), "bytes": t.bytes} for name, t in found.tensors.items()
        },
        "fingerprint": digest,
        "weights_only": {
            "loads": found.loads,
            "refused": [refusal.as_dict() for refusal in found.refused],
            "steps": found.steps,
        },
        "warnings": found.warnings,
        "notes": found.notes,
    }


def as_text(found: Checkpoint, digest: str, every: bool) -> str:
    """Return a page about a checkpoint; `every` lists all tensors, however many."""
    lines = [f"{text(str(found.path))}: {found.kind}", *found.warnings, *found.notes]
    rows = [("file", f"{amount(found.size)}, {found.form}"), *_rows(found)]
    rows += [("hyperparameters", line) for line in _pairs(found.hparams)]
    rows += [("weights", _weights(found)), ("fingerprint", digest)]
    rows += [(f"in {text(name, 60)}", amount(size)) for name, size in parts(found).items()]
    lines += _table(rows)
    lines += ["", *_tensors(found, every), "", *_safety(found)]
    return "\n".join(lines)


def _rows(found: Checkpoint) -> list[tuple[str, str]]:
    facts = found.facts
    rows = [("version", f"pytorch-lightning {facts['version']}")] if "version" in facts else []
    if "epoch" in facts:
        middle = f", in the middle of an epoch, after {facts['batch']} of its batches" if "batch" in facts else ""
        rows.append(("counters", f"epoch {facts['epoch']}, {facts.get('step')} steps{middle}"))
    rows += [("score", _score(score)) for score in found.scores]
    if "callbacks" in facts:
        rows.append(("callbacks", _classes(facts["callbacks"])))
    rows += [("optimizer", _optimizer(state)) for state in facts.get("optimizers", [])]
    rows += [
        ("scheduler", ", ".join(part for part in _pairs(state)[:9] if part[0] != "_"))
        for state in facts.get("schedulers", [])
    ]
    rows += [("data", line) for line in _pairs(facts.get("datamodule hyperparameters"))]
    if "more" in facts:
        rows.append(("also holds", ", ".join(facts["more"][:_MOST_LINES])))
    return rows


def _classes(names: Plain) -> str:
    """Return the classes of callbacks, without what tells one of a class from another."""
    return ", ".join(str(name).partition("{")[0] for name in names) if isinstance(names, list) else "none"


def _score(score: Score) -> str:
    if score.monitor is None and score.best is None:
        return "none: ModelCheckpoint had no monitor, so its best is the latest"
    mode = f" ({score.mode})" if score.mode else ""
    best = f"; best so far {score.best:g}" if score.best is not None else ""
    where = f" ({Path(score.best_path).name})" if score.best_path and score.best is not None else ""
    here = f"{score.score:g}" if score.score is not None else "not stored"
    return f"{score.monitor or 'monitor not stored'}{mode}: {here}{best}{where}"


def _optimizer(state: Plain) -> str:
    groups = state["groups"] if isinstance(state, dict) else []
    told = [
        ", ".join(f"{key} {_short(group[key])}" for key in ("lr", "betas", "momentum", "weight_decay") if key in group)
        for group in groups
    ]
    kept = ", ".join(state["state"]) if isinstance(state, dict) else ""
    return "; ".join([*told[:4], f"keeps {kept}" if kept else "keeps nothing"])


def _pairs(values: Plain) -> list[str]:
    if not isinstance(values, dict):
        return [] if values is None else [str(values)]
    return [f"{key}: {_short(value)}" if key else _short(value) for key, value in values.items()]


def _short(value: Plain) -> str:
    words = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value)
    return words if len(words) <= 100 else f"{words[:100]}…"


def _weights(found: Checkpoint) -> str:
    weights = found.weights.values()
    kinds = sorted({tensor.dtype for tensor in weights})
    numbers = sum(tensor.count for tensor in weights)
    return f"{numbers:,} numbers in {len(weights):,} tensors of {', '.join(kinds)}" if kinds else "none"


def parts(found: Checkpoint) -> dict[str, int]:
    """Return the bytes of tensors in each part of a checkpoint, the largest first."""
    if found.weights is found.tensors:
        return {}
    sizes: dict[str, int] = {}
    for name, tensor in found.tensors.items():
        top = name.partition(".")[0]
        sizes[top] = sizes.get(top, 0) + tensor.bytes
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _tensors(found: Checkpoint, every: bool) -> list[str]:
    weights = list(found.weights.items())
    shown = weights if every or len(weights) <= _MOST_LINES + 10 else weights[:_MOST_LINES]
    rows = [(text(name, 200), described(tensor)) for name, tensor in shown]
    left = len(weights) - len(shown)
    return [*_table(rows), *([f"… and {left:,} more: --all lists them"] if left else [])]


def _safety(found: Checkpoint) -> list[str]:
    if found.loads:
        return ["torch.load and Lightning load it from the disk with their defaults (weights_only=True)."]
    lines = ["With weights_only=True, the default, torch.load refuses it:"]
    if found.steps:
        lines.append(f"  its pickle is of another protocol than 2 (it uses {', '.join(found.steps)})")
    for refusal in found.refused:
        where = f", in {', '.join(refusal.places)}" if any(refusal.places) else ""
        lines.append(f"  {text(refusal.name)}{where}: {_WORDS[refusal.verdict]}")
    steps = [] if found.steps else recipe(found.refused, str(found.path), found.kind.startswith("whole"))
    if steps:
        return [
            *lines,
            "All of it only builds values. To save it anew, in a file that loads everywhere:",
            *_indented(steps),
        ]
    return [
        *lines,
        "Save it anew where it was made, with plain values: numbers, texts, tensors, lists and dictionaries of them.",
    ]


_WORDS = {
    "harmless": "harmless, it only builds a value",
    "unknown": "belongs to a package that only you can judge",
    "code": "code that would run while loading",
}


def _indented(lines: list[str]) -> list[str]:
    return [f"    {text(line)}" for line in lines]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def amount(size: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


# ---------------------------------------------------------------------------------------------------------------------
# Folders and differences


def folder_text(groups: list[Group], shards: list[tuple[Path, Sharded]]) -> str:
    """Return a table for each monitor, the best first."""
    lines = []
    for group in groups:
        lines += [
            _heading(group),
            *_table([_COLUMNS, *(_row(entry, group) for entry in group.entries if entry.found)]),
            "",
        ]
    faults = dict.fromkeys(entry.fault for group in groups for entry in group.entries if entry.fault)
    lines += map(text, faults)
    lines += [f"{text(str(path))}: {shard.kind}; to make one file of it: {text(shard.join)}" for path, shard in shards]
    return "\n".join(lines).rstrip("\n")


_COLUMNS = ("", "score", "epoch", "step", "size", "loads", "file")


def _heading(group: Group) -> str:
    if group.monitor is None:
        return "Without a score, the latest first"
    if group.mode is None:
        return f"{group.monitor}, the latest first: the files do not tell whether small or large is good"
    told = ", as the scores tell; the files do not say so" if group.guessed else ""
    return f"{group.monitor}, the best ({group.mode}) first{told}"


def _row(entry: Entry, group: Group) -> tuple[str, ...]:
    best = "best" if group.mode and entry is group.entries[0] else ""
    score = f"{entry.score.score:g}" if entry.score else ""
    facts = entry.found.facts
    numbers = (str(facts.get("epoch", "")), str(facts.get("step", "")), amount(entry.found.size))
    return (best, score, *numbers, "yes" if entry.found.loads else "no", text(str(entry.path)))


def folder_dict(groups: list[Group], shards: list[tuple[Path, Sharded]]) -> dict[str, object]:
    """Return the same for JSON."""
    return {
        "groups": [
            {"monitor": group.monitor, "mode": group.mode, "files": [_entry_dict(entry) for entry in group.entries]}
            for group in groups
        ],
        "sharded": [{"folder": str(path), "kind": shard.kind, "join": shard.join} for path, shard in shards],
    }


def _entry_dict(entry: Entry) -> dict[str, object]:
    if entry.found is None:
        return {"file": str(entry.path), "fault": entry.fault}
    facts = {name: entry.found.facts.get(name) for name in ("epoch", "step")}
    score = entry.score.score if entry.score else None
    return {"file": str(entry.path), "score": score, **facts, "bytes": entry.found.size, "loads": entry.found.loads}


def difference_text(found: Difference) -> str:
    """Return how two checkpoints differ, as text."""
    if found.none:
        return f"No difference: all {len(found.equal):,} tensors of weights, and the rest, are equal in every byte."
    rows = [(name, *_apart(a, b)) for name, (a, b) in (found.hparams | found.facts).items() if name != "callbacks"]
    if "callbacks" in found.facts:
        rows.append(("callbacks", *_apart(*(_classes(names) for names in found.facts["callbacks"]))))
    lines = [*_table(rows), ""] if rows else []
    if found.prefix:
        lines.append(f"The names of weights are the same but for {text(found.prefix)!r} before those of one.")
    lines += _named("weights only in the first", found.only_first)
    lines += _named("weights only in the second", found.only_second)
    shapes = [f"{name}: {a} -> {b}" for name, (a, b) in found.other_shape.items()]
    lines += _named("weights of another type or shape", shapes)
    lines += _named("weights that are unequal", found.unequal)
    lines.append(f"{len(found.equal):,} weights that are equal in every byte")
    lines += [f"{count:,} unequal tensors in {text(part)}" for part, count in found.others.items()]
    return "\n".join(lines)


def _apart(a: Plain, b: Plain) -> tuple[str, str, str]:
    """Return two values, with all their digits where fewer would make them look alike."""
    short = (_short(a), _short(b))
    ours, theirs = short if short[0] != short[1] else (repr(a), repr(b))
    return ours, "->", theirs


def _named(words: str, names: list[str]) -> list[str]:
    if not names:
        return []
    shown = [f"    {text(name)}" for name in names[:_MOST_LINES]]
    left = len(names) - len(shown)
    return [f"{len(names):,} {words}:", *shown, *([f"    … and {left:,} more"] if left else [])]


def as_json(data: object) -> str:
    """Return the data as JSON."""
    return json.dumps(data, indent=2)
