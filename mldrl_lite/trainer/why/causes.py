"""What is likely when two runs part at a certain quantity, and where notebook 06 shows it."""

from dataclasses import dataclass

from mldrl_lite.trainer.why.comparing import (
    BATCH,
    GRADIENTS,
    INITIAL,
    LOSS,
    MODEL,
    RANDOM,
    UNSEEDED,
    WEIGHTS,
    WEIGHTS_BEFORE,
    Compared,
)

NOTEBOOK = "notebooks/06_reproducibility.ipynb"
SEED, DATA, BESIDE = "Vary the seed", "Vary the data", "Vary what happens beside the training"
RUN, MACHINE, WORKERS = "Vary how it is run", "Measure what depends on the machine", "Seed everything"
OPERATIONS, LEDGER = "Ask for deterministic operations", "Leave a ledger"


@dataclass(frozen=True)
class Cause:
    """A likely cause, for a quantity and one of these signs; no signs: when nothing else fits."""

    quantity: str
    signs: tuple[str, ...]
    """Names of circumstances, or of groups of them, or what `compare` has seen."""
    sentence: str
    section: str
    """The heading in notebook 06."""
    also: str = ""
    """A sign that must be there beside one of `signs`."""


_VALIDATION = (
    "limit_val_batches",
    "check_val_every_n_epoch",
    "val_check_interval",
    "num_sanity_val_steps",
    "val loader",
)
_PROCESSES = ("world_size", "num_nodes", "strategy")
_ROUNDING = ("precision", "device", "threads", "machine", "version.torch")
_ROUNDED = "Numbers are rounded in another way: another precision, device, number of threads, machine or PyTorch."
_OTHER_SEED = "The seeds differ."
_NO_SEED = "The seeds differ: seed_everything was called in neither run."
_SHARED = "The runs share the work among another number of processes, and so deal the samples out in another way."

# The first that fits is told.
CAUSES = (
    Cause(MODEL, (), "The models are not the same: other code, or other hyperparameters.", LEDGER),
    Cause(INITIAL, ("begins later",), "The later run goes on from a checkpoint that is not of this step, or run.", RUN),
    Cause(INITIAL, ("precision",), "The weights are kept in another precision.", MACHINE),
    Cause(INITIAL, ("seed",), _NO_SEED, SEED, also=UNSEEDED),
    Cause(INITIAL, ("seed",), _OTHER_SEED, SEED),
    Cause(
        INITIAL,
        ("random state of PyTorch",),
        "One seed, but in one run something draws between the seed and the model: an earlier fit, say, or other code.",
        SEED,
    ),
    Cause(INITIAL, ("version.torch", "machine"), "Another PyTorch or machine makes other first weights.", MACHINE),
    Cause(
        INITIAL,
        (),
        "The generators agree when the training begins, so the weights were made before the seed was set, or were read "
        "from different files.",
        SEED,
    ),
    Cause(WEIGHTS_BEFORE, (), "They have parted between two traced steps. Trace each: every_n_steps=1.", RUN),
    Cause(
        RANDOM,
        ("resumed",),
        "The resumed run goes on with generators that stand elsewhere: a checkpoint of Lightning does not hold them.",
        RUN,
    ),
    Cause(RANDOM, _PROCESSES, _SHARED, RUN),
    Cause(RANDOM, ("seed",), _NO_SEED, SEED, also=UNSEEDED),
    Cause(RANDOM, ("seed",), _OTHER_SEED, SEED),
    Cause(
        RANDOM,
        ("train loader.num_workers",),
        "With workers, what a dataset draws comes from generators of the workers; without, from those of the training.",
        DATA,
    ),
    Cause(RANDOM, ("train loader",), "Another loader or sampler draws in another way as it starts.", DATA),
    Cause(
        RANDOM,
        _VALIDATION,
        "One run validates and the other does not, or not alike; a loader that starts draws from PyTorch's generator.",
        DATA,
    ),
    Cause(RANDOM, ("callbacks",), "A callback of one run draws from the common generator.", BESIDE),
    Cause(RANDOM, ("first step",), "In one run something draws between the seed and the first batch.", SEED),
    Cause(RANDOM, ("new epoch",), "In one run something draws between two epochs: a loader, a hook, a callback.", DATA),
    Cause(RANDOM, (), "In one run something draws during a step that does not in the other: a hook, a layer.", BESIDE),
    Cause(
        BATCH,
        ("resumed",),
        "The resumed run sees other batches: its loader begins its order anew, or the checkpoint is of mid-epoch.",
        RUN,
    ),
    Cause(BATCH, _PROCESSES, _SHARED, RUN),
    Cause(BATCH, ("accumulate_grad_batches",), "One step takes another number of batches.", DATA),
    Cause(BATCH, ("train loader.batch_size",), "The batch sizes differ.", DATA),
    Cause(
        BATCH,
        ("train loader.num_workers",),
        "With workers a sampler is read to its end, where PyTorch's RandomSampler draws once more: if its generator is "
        "kept, the next epoch has another order.",
        DATA,
        also="new epoch",
    ),
    Cause(
        BATCH,
        ("train loader.num_workers", "seed_everything(workers=True)"),
        "A dataset that draws (to augment, say) draws in the workers, and each of them has generators of its own.",
        WORKERS,
    ),
    Cause(BATCH, ("train loader.samples", "train loader.dataset"), "The data are not the same.", LEDGER),
    Cause(BATCH, ("train loader",), "Another loader or sampler deals the samples out in another order.", DATA),
    Cause(
        BATCH,
        ("part of the batch",),
        "The same samples, changed in another way: by a generator that was not seeded, or by other code.",
        DATA,
    ),
    Cause(
        BATCH,
        ("same samples",),
        "The same samples in another order, which no common generator decides: a sampler or loader whose own generator "
        "has no seed or goes on from an earlier fit, or files in the order of a set or a folder.",
        DATA,
    ),
    Cause(
        BATCH,
        ("other samples",),
        "The samples are not the same, whatever their order: other files, values that a generator without a seed has "
        "changed (NumPy's default_rng, say), or a sampler that may draw one twice.",
        DATA,
    ),
    Cause(
        BATCH,
        (),
        "Other samples, or another order, that no common generator decides: other files, files or classes in the order "
        "of a set or a folder, a sampler with a seed of its own.",
        RUN,
    ),
    Cause(LOSS, ("device",), "Another device: it rounds in another way, and a GPU draws for dropout itself.", MACHINE),
    Cause(LOSS, _ROUNDING, _ROUNDED, MACHINE),
    Cause(
        LOSS, ("callbacks",), "A callback changes how the model computes: dropout switched off, for instance.", BESIDE
    ),
    Cause(
        LOSS,
        (),
        "From the same weights, batch and random state: other code, a hyperparameter of the loss or of dropout, or an "
        "operation that is not deterministic.",
        OPERATIONS,
    ),
    Cause(GRADIENTS, _PROCESSES, "The processes average their gradients.", RUN),
    Cause(GRADIENTS, _ROUNDING, _ROUNDED, MACHINE),
    Cause(
        GRADIENTS,
        (),
        "From the same loss: an operation that is not deterministic adds up in another order, or gradients were not "
        "cleared alike.",
        OPERATIONS,
    ),
    Cause(WEIGHTS, ("running statistics",), "Only running statistics differ, of batches that carry no gradient.", RUN),
    Cause(WEIGHTS, ("learning rate",), "The learning rates differ.", LEDGER),
    Cause(WEIGHTS, ("optimizer",), "The optimizers are not set alike.", LEDGER),
    Cause(
        WEIGHTS, ("gradient_clip_val", "gradient_clip_algorithm"), "The gradients are clipped in another way.", LEDGER
    ),
    Cause(WEIGHTS, ("resumed",), "The resumed run has not the optimizer's state of the other.", RUN),
    Cause(WEIGHTS, _ROUNDING, _ROUNDED, MACHINE),
    Cause(WEIGHTS, ("callbacks",), "A callback of one run changes gradients or weights.", BESIDE),
    Cause(
        WEIGHTS, (), "From the same gradients: other settings of the optimizer, or a hook that changes weights.", BESIDE
    ),
)


def likely_cause(compared: Compared) -> Cause:
    """Return what is likely, given where two runs part and what else differs."""
    of_it = (cause for cause in CAUSES if cause.quantity == compared.difference.quantity)
    return next(cause for cause in of_it if _fits(cause, compared.signs))


def _fits(cause: Cause, signs: frozenset[str]) -> bool:
    groups = tuple(f"{name}{end}" for name in cause.signs for end in (".", " "))  # `optimizer.lr`, `optimizer 1.lr`
    some = not cause.signs or any(sign in cause.signs or sign.startswith(groups) for sign in signs)
    return some and (not cause.also or cause.also in signs)


def link(section: str) -> str:
    """Return where notebook 06 shows it."""
    return f"{NOTEBOOK}#{section.replace(' ', '-')}"
