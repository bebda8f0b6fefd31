"""The first step and quantity in which two traces differ. PyTorch is not needed for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.why.traces import Line, Trace

WEIGHTS_BEFORE, MODEL, INITIAL = "weights before the step", "model", "initial weights"
RANDOM, BATCH, LOSS, GRADIENTS, WEIGHTS = "random state", "batch", "loss", "gradients", "weights"
UNSEEDED = "no seed in either run"
SAMPLES = "samples of the epoch"
"""What a line has after which all samples of a data set have been seen."""


@dataclass(frozen=True)
class Difference:
    """Where two runs part."""

    step: int
    """The first optimizer step that differs, from 1; 0 or the step of a resume: before it."""
    quantity: str
    """One of the names above."""
    names: tuple[str, ...] = ()
    """Which tensors, parts of the batch or generators differ, where that is known."""
    of: int = 0
    """How many there are of them."""
    epoch: int = 0
    batch_idx: int | None = None
    values: tuple[str, str] | None = None
    """The two losses, or learning rates."""
    seen: "Difference | None" = None
    """The first difference in what is trained, where `quantity` is a random state."""


@dataclass(frozen=True)
class Compared:
    """What two traces have in common, and where they part."""

    difference: Difference | None
    steps: int
    """How many steps were compared and found the same."""
    signs: frozenset[str] = frozenset()
    """What was seen beside the difference, and the circumstances that differ: keys of `causes.CAUSES`."""


def compare(a: Trace, b: Trace) -> Compared:
    """Find where two runs part, in the order of cause and effect.

    Raises:
        InputError: the traces have no step in common.
    """
    begin = max(a.starts[0]["start"], b.starts[0]["start"])
    if before := _at_begin(a, b, begin):
        return Compared(before, 0, _signs_at_begin(a, b))
    common = [step for step in a.steps if step in b.steps and step > begin]
    if not common:
        raise InputError(
            f"{str(a.path)!r} ({_extent(a)}) and {str(b.path)!r} ({_extent(b)}) have no step in common: train further, "
            "or trace both with the same every_n_steps."
        )
    names = list(a.starts[0]["tensors"])
    for count, step in enumerate(common, start=1):
        if seen := _in_training(a.steps[step], b.steps[step], names):
            found = _random_before(a, b, common[:count], seen)
            return Compared(found, common.index(found.step), _signs(a, b, found, common))
    return Compared(None, len(common))


def _extent(trace: Trace) -> str:
    return f"steps {min(trace.steps)} to {max(trace.steps)}" if trace.steps else "no step"


def _at_begin(a: Trace, b: Trace, begin: int) -> Difference | None:
    """Compare the models, and the weights that the training compared here starts from."""
    ours, theirs = a.starts[0]["tensors"], b.starts[0]["tensors"]
    shapes = {name: kind.split(" ", 1)[-1] for name, kind in ours.items()}
    if shapes != {name: kind.split(" ", 1)[-1] for name, kind in theirs.items()}:
        names = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
        return Difference(begin, MODEL, tuple(names), len(ours | theirs))
    x, y = a.weights_at(begin), b.weights_at(begin)
    if x is None or y is None or x["weights"] == y["weights"]:
        return None
    names = _unequal(x["each weight"], y["each weight"], list(ours))
    return Difference(begin, INITIAL, names, len(ours), epoch=b.starts[0]["epoch"])


def _in_training(x: Line, y: Line, names: list[str]) -> Difference | None:
    """Return the first difference of two lines of one step, random states aside."""
    place = {"step": x["step"], "epoch": x["epoch"], "batch_idx": x["batch_idx"]}
    if x.get("weights before", 0) != y.get("weights before", 0):
        return Difference(quantity=WEIGHTS_BEFORE, **place)
    if x["batch"] != y["batch"]:
        parts = x["batch"] | y["batch"]
        unequal = tuple(part for part in parts if x["batch"].get(part) != y["batch"].get(part))
        return Difference(quantity=BATCH, names=unequal, of=len(parts), **place)
    if repr(x["loss"]) != repr(y["loss"]):  # nan equals nan here
        return Difference(quantity=LOSS, values=(_shown(x["loss"]), _shown(y["loss"])), **place)
    for quantity, each in ((GRADIENTS, "each gradient"), (WEIGHTS, "each weight")):
        if x[quantity] != y[quantity]:
            unequal = _unequal(x[each], y[each], names)
            rates = (_shown(x["lr"]), _shown(y["lr"])) if quantity == WEIGHTS and x["lr"] != y["lr"] else None
            return Difference(quantity=quantity, names=unequal, of=len(names), values=rates, **place)
    return None


def _shown(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.9g}" for number in numbers)


def _unequal(ours: str, theirs: str, names: list[str]) -> tuple[str, ...]:
    pairs = zip(names, range(0, len(ours), 4), strict=False)
    return tuple(name for name, at in pairs if ours[at : at + 4] != theirs[at : at + 4])


def _random_before(a: Trace, b: Trace, steps: list[int], seen: Difference) -> Difference:
    """Return the random state that differed first, if one did before what was seen; else what was seen.

    A generator that has differed for long without an effect is not the cause when another has just followed.
    """
    if seen.quantity == WEIGHTS_BEFORE:
        return seen
    since = {}
    for name in shared_generators(a, b):
        unequal = [a.steps[step]["random"].get(name) != b.steps[step]["random"].get(name) for step in steps]
        if unequal[-1]:
            since[name] = len(unequal) - unequal[::-1].index(False) if False in unequal else 0
    if not since:
        return seen
    newest = max(since.values())
    line = a.steps[steps[newest]]
    names = tuple(name for name in since if since[name] == newest)
    place = {"step": line["step"], "epoch": line["epoch"], "batch_idx": line["batch_idx"]}
    return Difference(quantity=RANDOM, names=names, of=len(line["random"]), seen=seen, **place)


def shared_generators(a: Trace, b: Trace) -> list[str]:
    """Return the names of the generators that both runs have; that of a GPU is of no use to a CPU."""
    return [name for name in a.starts[0]["random"] if name in b.starts[0]["random"]]


def _signs_at_begin(a: Trace, b: Trace) -> frozenset[str]:
    x, y = a.starts[0], b.starts[0]
    facts = x["circumstances"], y["circumstances"]
    signs = _unlike(*facts) | _unseeded(*facts)
    if x["start"] != y["start"]:
        return signs | {"begins later"}
    return signs | {f"random state of {name}" for name in _unlike(x["random"], y["random"])}


def _signs(a: Trace, b: Trace, found: Difference, common: list[int]) -> frozenset[str]:
    seen, signs = found.seen or found, set()
    if _fits_before(a, found.step) != _fits_before(b, found.step):
        signs.add("resumed")
    if found.batch_idx == 0 and found.epoch > 0:
        signs.add("new epoch")
    if found.step == common[0]:
        signs.add("first step")
    if seen.quantity == BATCH and len(seen.names) < seen.of:
        signs.add("part of the batch")
    if seen.quantity == BATCH and (sign := _samples(a, b, seen.epoch)):
        signs.add(sign)
    if seen.quantity == WEIGHTS and seen.values:
        signs.add("learning rate")
    if seen.quantity == WEIGHTS and seen.names and all(_is_statistic(name) for name in seen.names):
        signs.add("running statistics")
    facts = [trace.last_start(found.step)["circumstances"] for trace in (a, b)]
    return frozenset(signs) | _unlike(*facts) | _unseeded(*facts)


def _samples(a: Trace, b: Trace, epoch: int) -> str:
    """Tell whether a whole epoch had the same samples in both runs; "" where one has not seen all of it."""
    lines = [(line for line in trace.steps.values() if line["epoch"] == epoch) for trace in (a, b)]
    ours, theirs = (next((line[SAMPLES] for line in epoch if SAMPLES in line), None) for epoch in lines)
    if ours is None or theirs is None:
        return ""
    return "same samples" if ours == theirs else "other samples"


def _is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def _unlike(x: dict, y: dict) -> frozenset[str]:
    return frozenset(name for name in x.keys() | y.keys() if x.get(name) != y.get(name))


def _unseeded(x: dict, y: dict) -> frozenset[str]:
    neither = all(facts.get("seed_everything") == "not called" for facts in (x, y))
    return frozenset({UNSEEDED} if neither else ())


def _fits_before(trace: Trace, step: int) -> int:
    """Return how many fits that went on from an earlier one began before this step."""
    return sum(0 < line["start"] < step for line in trace.starts)
