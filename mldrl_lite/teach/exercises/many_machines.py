"""The checks of notebook 10."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_function, not_yet, numeric, right
from mldrl_lite.teach.exercises.trial import apart


@in_steps
def check_shared_steps(answer: object, n_samples: int, processes: int, batch_size: int) -> Feedback:
    """Check the number of optimizer steps of an epoch that processes share under `ddp`."""
    given, each = numeric(answer), math.ceil(n_samples / processes)
    if isinstance(given, Feedback):
        return given
    if given == math.ceil(each / batch_size):
        return right(f"each process has {each} samples in batches of {batch_size}, and all step together.")
    if given in (n_samples / batch_size, math.ceil(n_samples / batch_size)):
        return not_yet("that is what one process takes alone; how many of the samples does each process see?")
    if math.floor(each / batch_size) <= given < math.ceil(each / batch_size):
        return not_yet("some samples of each process are left over after the full batches; what happens to them?")
    if given == each:
        return not_yet("that is the number of samples of one process; it takes them in batches.")
    if given == processes * math.ceil(each / batch_size):
        return not_yet("that adds up the steps of all processes; do they step one after the other, or together?")
    return not_yet("first share the samples out, then cut the share of one process into batches.")


@in_steps
def check_share(answer: object) -> Feedback:
    """Check a function that returns one rank's batches, each a connected piece of a global batch."""
    if nudge := not_a_function(answer, "a function of order, batch_size, rank and world"):
        return nudge
    for order, batch_size, world in ((list(range(12)), 4, 2), ([5, 3, 8, 1, 9, 0, 7, 2, 6, 4, 11], 6, 3)):
        try:
            with apart():
                shares = [[list(map(int, each)) for each in answer(order, batch_size, r, world)] for r in range(world)]
        except Exception as error:
            return not_yet(f"for {len(order)} samples and {world} ranks it ends in {type(error).__name__}: {error}")
        if nudge := _judge_shares(shares, order, batch_size):
            return nudge
    return right("all ranks together take the global batches of one process, each its piece of equal size.")


def _judge_shares(shares: Sequence[Sequence[Sequence[int]]], order: list[int], batch_size: int) -> Feedback | None:
    full = len(order) // batch_size
    counts = {len(share) for share in shares}
    if len(counts) > 1:
        return not_yet(f"the ranks have {sorted(counts)} batches: one would wait for ever for a step of another.")
    if counts == {full + 1}:
        return not_yet("the last global batch is not full: its shares differ in size. Leave it out.")
    if counts != {full}:
        return not_yet(
            f"{len(order)} samples make {full} full global batches of {batch_size}; each rank has a part of each."
        )
    for number in range(full):
        parts = [share[number] for share in shares]
        wanted = order[number * batch_size : (number + 1) * batch_size]
        taken = [sample for part in parts for sample in part]
        if len(taken) > len(set(taken)):
            return not_yet(f"in batch {number}, counted from 0, two ranks take the same sample.")
        if sorted(taken) != sorted(wanted):
            return not_yet(
                f"together the ranks take {sorted(taken)} in batch {number}; one process takes {sorted(wanted)}."
            )
        if len({len(part) for part in parts}) > 1:
            return not_yet("the shares of a batch differ in size: then the mean of the means is not the mean of all.")
        for part in parts:
            begin = wanted.index(part[0])
            if part != wanted[begin : begin + len(part)]:
                return not_yet(f"{part} is no connected piece of the global batch {wanted}.")
    return None


_MACHINES: dict[str, tuple[dict[str, str], int, int]] = {
    "torchrun on two machines, a process on each": ({"GROUP_WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}, 2, 1),
    "torchrun with one of two machines left": ({"GROUP_WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, 1, 1),
    "torchrun on two machines, four processes on each": ({"GROUP_WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "4"}, 2, 4),
}
"""What torchrun says of the machines, how many there are, and the processes of each."""


@in_steps
def check_mended_arguments(answer: object) -> Feedback:
    """Check a function of the environment that returns Trainer arguments, by the environments of several launches."""
    if nudge := not_a_function(answer, "a function of the environment"):
        return nudge
    for where, (environ, nodes, processes) in _MACHINES.items():
        given = _arguments(answer, environ | {"WORLD_SIZE": str(nodes * processes), "RANK": "0"})
        nudge = given if isinstance(given, Feedback) else _judge_arguments(given, where, nodes, processes)
        if nudge:
            return nudge
    return right("machines and processes are counted anew in each start, and the samples are dealt out once.")


def _arguments(answer: Callable[..., Any], environ: Mapping[str, str]) -> dict[str, Any] | Feedback:
    try:
        with apart():
            given = answer(dict(environ))
    except Exception as error:
        return not_yet(f"with {dict(environ)} it ends in {type(error).__name__}: {error}")
    return given if isinstance(given, dict) else not_yet("return a dictionary of Trainer arguments.")


def _judge_arguments(given: Mapping[str, Any], where: str, nodes: int, processes: int) -> Feedback | None:
    counts = given.get("num_nodes", 1), given.get("devices", "auto")
    if not all(isinstance(count, int) for count in counts):
        return not_yet(
            f"num_nodes and devices are {counts}: the environment holds texts, the Trainer wants whole numbers."
        )
    if counts[0] * counts[1] != nodes * processes:
        return not_yet(
            f"{where}: num_nodes={counts[0]} times devices={counts[1]} is not {nodes * processes}, the number of all "
            "processes."
        )
    if counts != (nodes, processes):
        return not_yet(f"{where}: the product is right, but devices counts the processes of *one* machine.")
    if given.get("use_distributed_sampler", True):
        return not_yet("the counts are right; but the script's sampler deals out, and then Lightning deals out again.")
    if given.get("strategy") != "ddp":
        return not_yet("the counts are right; keep strategy='ddp'.")
    return None
