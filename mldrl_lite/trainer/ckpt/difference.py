"""How two checkpoints differ: what they say, and their tensors, byte by byte."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from mldrl_lite.trainer.ckpt.summary import Checkpoint
from mldrl_lite.trainer.ckpt.tensors import Numbers, Tensor
from mldrl_lite.trainer.ckpt.values import Plain

_NONE = "—"


@dataclass
class Difference:
    """How a second checkpoint differs from the first. A weight is a tensor of the state_dict."""

    facts: dict[str, tuple[Plain, Plain]]
    hparams: dict[str, tuple[Plain, Plain]]
    only_first: list[str]
    """Names of weights that the second does not have."""
    only_second: list[str]
    other_shape: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Same name, another type or shape."""
    unequal: list[str] = field(default_factory=list)
    """Same name, type and shape, other bytes."""
    equal: list[str] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    """Of each other part of a checkpoint, how many tensors are not the same in both."""
    prefix: str = ""
    """What has to be put before the names of one to have those of the other."""

    @property
    def none(self) -> bool:
        """Say whether there is no difference."""
        lists = (self.facts, self.hparams, self.only_first, self.only_second, self.other_shape, self.unequal)
        return not any(lists) and not self.others


def difference(first: Checkpoint, second: Checkpoint, numbers: tuple[Numbers, Numbers]) -> Difference:
    """Compare what two checkpoints say, and all their tensors."""
    ours, theirs = first.weights, second.weights
    found = Difference(
        *_said(first, second),
        [name for name in ours if name not in theirs],
        [name for name in theirs if name not in ours],
        prefix=_prefix(list(ours), list(theirs)),
    )
    for name, tensor in ours.items():
        if name in theirs and described(tensor) != described(theirs[name]):
            found.other_shape[name] = (described(tensor), described(theirs[name]))
        elif name in theirs:
            same = _same(tensor, theirs[name], numbers)
            (found.equal if same else found.unequal).append(name)
    found.others = _others(first, second, numbers)
    return found


def _said(first: Checkpoint, second: Checkpoint) -> tuple[dict[str, tuple[Plain, Plain]], ...]:
    if bool(first.facts) != bool(second.facts):  # a checkpoint and a state_dict alone: all would be a difference
        return {"kind": (first.kind, second.kind)}, {}
    return _unlike(first.facts, second.facts), _unlike(first.hparams, second.hparams)


def _others(first: Checkpoint, second: Checkpoint, numbers: tuple[Numbers, Numbers]) -> dict[str, int]:
    ours, theirs = first.others, second.others
    unequal = [
        name
        for name in {**ours, **theirs}
        if name not in ours or name not in theirs or not _same(ours[name], theirs[name], numbers)
    ]
    return dict(Counter(name.partition(".")[0] for name in unequal))


def _same(ours: Tensor, theirs: Tensor, numbers: tuple[Numbers, Numbers]) -> bool:
    return described(ours) == described(theirs) and _digest(ours, numbers[0]) == _digest(theirs, numbers[1])


def described(tensor: Tensor) -> str:
    """Return the type and the shape."""
    return f"{tensor.dtype} {list(tensor.shape)}"


def _digest(tensor: Tensor, numbers: Numbers) -> bytes:
    digest = hashlib.sha256()
    for chunk in numbers.chunks(tensor):
        digest.update(chunk)
    return digest.digest()


def _unlike(ours: dict[str, Plain], theirs: dict[str, Plain]) -> dict[str, tuple[Plain, Plain]]:
    first, second = dict(_flat(ours)), dict(_flat(theirs))
    names = [*first, *(name for name in second if name not in first)]
    pairs = {name: (first.get(name, _NONE), second.get(name, _NONE)) for name in names}
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b or type(a) is not type(b)}


def _flat(value: Plain, name: str = "") -> Iterator[tuple[str, Plain]]:
    """Yield the leaves of dictionaries, and of lists that hold dictionaries, with their full names."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for i, part in enumerate(value):
            yield from _flat(part, f"{name}.{i}" if name else str(i))
    else:
        yield name, value


def _prefix(ours: list[str], theirs: list[str]) -> str:
    if not ours or not theirs or set(ours) == set(theirs):
        return ""
    short, long = sorted((ours, theirs), key=lambda names: len(names[0]))
    if not long[0].endswith(short[0]):
        return ""
    prefix = long[0].removesuffix(short[0])
    return prefix if {f"{prefix}{name}" for name in short} == set(long) else ""
