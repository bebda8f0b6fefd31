"""Answers to the exercises of notebook 10."""

import math

import torch

from answers import Answers, answers_to


@answers_to("check_shared_steps")
def shared_steps() -> Answers:
    given = {"n_samples": 1000, "processes": 4, "batch_size": 16}
    wrong = [
        (63, "one process takes alone"),
        (15, "left over"),
        (250 / 16, "left over"),
        (250, "in batches"),
        (4, "first share the samples out"),
        (64, "or together"),
        (62.5, "one process takes alone"),
        (None, "give a number"),
    ]
    return Answers([16, 16.0, math.ceil(250 / 16)], wrong, given)


def by_slices(order, batch_size, rank, world):
    full = len(order) // batch_size
    return [order[k * batch_size : (k + 1) * batch_size][rank::world] for k in range(full)]


def whole(order, batch_size):
    return [order[k : k + batch_size] for k in range(0, len(order) - batch_size + 1, batch_size)]


def by_blocks(order, batch_size, rank, world):
    """A stretch of each global batch, found by where it begins in the whole order."""
    each = batch_size // world
    starts = range(rank * each, len(order) // batch_size * batch_size, batch_size)
    return [order[start : start + each] for start in starts]


def from_the_end(order, batch_size, rank, world):
    """The last piece for the first rank."""
    return [piece[batch_size // world * -(rank + 1) :][: batch_size // world] for piece in whole(order, batch_size)]


def by_chunks(order, batch_size, rank, world):
    return [torch.tensor(piece).chunk(world)[rank] for piece in whole(order, batch_size)]


def backwards(order, batch_size, rank, world):
    return [piece[::-1] for piece in by_blocks(order, batch_size, rank, world)]


def by_positions(order, batch_size, rank, world):
    full = len(order) // batch_size * batch_size
    mine = [order[i] for i in range(full) if i % batch_size % world == rank]
    each = batch_size // world
    return [tuple(mine[i : i + each]) for i in range(0, len(mine), each)]


def first_halves(order, batch_size, rank, world):
    """Each rank a stretch of the whole order, as if the samples were handed out beforehand."""
    each, full = batch_size // world, len(order) // batch_size
    mine = order[rank * full * each : (rank + 1) * full * each]
    return [mine[i : i + each] for i in range(0, len(mine), each)]


def all_of_it(order, batch_size, rank, world):
    return [order[k * batch_size : (k + 1) * batch_size] for k in range(len(order) // batch_size)]


def with_the_rest(order, batch_size, rank, world):
    each = batch_size // world
    return [order[k : k + batch_size][rank * each :][:each] for k in range(0, len(order), batch_size)]


def whole_batches(order, batch_size, rank, world):
    """Lightning's way: batch_size for each process."""
    mine = order[rank::world]
    return [mine[i : i + batch_size] for i in range(0, len(mine), batch_size)]


def to_the_first(order, batch_size, rank, world):
    if rank:
        return []
    return all_of_it(order, batch_size, rank, world)


@answers_to("check_share")
def share() -> Answers:
    wrong = [
        (all_of_it, "two ranks take the same sample"),
        (first_halves, "together the ranks take"),
        (with_the_rest, "the last global batch is not full"),
        (whole_batches, "full global batches"),
        (to_the_first, "would wait for ever"),
        (by_slices, "no connected piece"),
        (by_positions, "no connected piece"),
        (backwards, "no connected piece"),
        (lambda order: order, "ends in TypeError"),
        (by_slices([1], 1, 0, 1), "give a function"),
    ]
    return Answers([by_blocks, from_the_end, by_chunks], wrong)


ONCE = {"strategy": "ddp", "use_distributed_sampler": False}


def mended(environ):
    return {
        "num_nodes": int(environ["GROUP_WORLD_SIZE"]),
        "devices": int(environ["LOCAL_WORLD_SIZE"]),
        "strategy": "ddp",
        "use_distributed_sampler": False,
    }


def by_division(environ):
    processes = int(environ["LOCAL_WORLD_SIZE"])
    return ONCE | {"devices": processes, "num_nodes": int(environ["WORLD_SIZE"]) // processes}


def with_defaults(environ):
    machines = int(environ.get("GROUP_WORLD_SIZE", 1))
    return dict(ONCE, num_nodes=machines, devices=int(environ["WORLD_SIZE"]) // machines)


@answers_to("check_mended_arguments")
def mended_arguments() -> Answers:
    wrong = [
        (lambda environ: ONCE | {"devices": int(environ["WORLD_SIZE"]), "num_nodes": 2}, "is not 2"),
        (
            lambda environ: ONCE | {"devices": int(environ["LOCAL_WORLD_SIZE"]), "num_nodes": 2},
            "one of two machines left",
        ),
        (lambda environ: ONCE | {"devices": int(environ["WORLD_SIZE"]), "num_nodes": 1}, "of *one* machine"),
        (lambda environ: mended(environ) | {"use_distributed_sampler": True}, "deals out again"),
        (lambda environ: mended(environ) | {"strategy": "auto"}, "keep strategy"),
        (lambda environ: ONCE | {"devices": environ["LOCAL_WORLD_SIZE"], "num_nodes": 2}, "whole numbers"),
        (lambda environ: ONCE | {"devices": int(environ["SLURM_NTASKS"])}, "ends in KeyError"),
        (lambda environ: None, "return a dictionary"),
        ({"devices": 1}, "a function of the environment"),
    ]
    return Answers([mended, by_division, with_defaults], wrong)
