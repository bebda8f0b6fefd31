"""The checks of notebook 01."""

import random
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral

import numpy as np
import torch
from pytorch_lightning import LightningDataModule

from mldrl_lite.sources import Samples
from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    in_steps,
    not_a_class,
    not_a_function,
    not_answered,
    not_yet,
    right,
)
from mldrl_lite.teach.exercises.trial import apart, elsewhere


@in_steps
def check_call_counts(answer: object, n_processes: int) -> Feedback:
    """Check how often one fit calls `prepare_data` and `setup` on one machine with `n_processes` processes."""
    if nudge := not_answered(answer, "two numbers"):
        return nudge
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return not_yet("give two numbers in parentheses: first for prepare_data, then for setup.")
    if not all(isinstance(count, Integral) for count in answer):
        return not_yet("give two whole numbers: first for prepare_data, then for setup.")
    counts = tuple(map(int, answer))
    if counts == (1, n_processes):
        return right("one process prepares the files; then each process sets up its own objects.")
    nudges = {
        (n_processes, 1): "the other way round? Think of which one puts objects on self, and of who needs them there.",
        (n_processes, n_processes): f"would you want {n_processes} processes to download the same file at once?",
        (1, 1): "no process can see the objects of another; how does each get its own?",
    }
    return not_yet(nudges.get(counts, "in the diary of the run with two processes, how often does each method appear?"))


Make = Callable[[], LightningDataModule]
"""Makes the answer's module anew: the same one in each session, and in each process."""


@in_steps
def check_mended_module(answer: object, n_samples: int = 50) -> Feedback:
    """Check a datamodule class, made as `answer(samples, batch_size)`: any process, new batches, one split for ever."""
    if nudge := not_a_class(answer, LightningDataModule, "LightningDataModule"):
        return nudge
    return _tried(lambda: _judge_module(lambda: answer(_numbers(n_samples), 8), n_samples))


@in_steps
def check_table_module(answer: object, n_samples: int = 50) -> Feedback:
    """Check a datamodule class, made as `answer(table, labels, batch_size)`: pairs in batches, one split for ever."""
    if nudge := not_a_class(answer, LightningDataModule, "LightningDataModule"):
        return nudge

    def make() -> LightningDataModule:
        numbers = _numbers(n_samples)
        return answer(numbers.views[0], numbers.labels, 8)

    return _tried(lambda: _judge_pairs(make, n_samples) or _judge_module(make, n_samples))


def _tried(judge: Callable[[], Feedback]) -> Feedback:
    try:
        with elsewhere(), apart():
            return judge()
    except Exception as error:
        return not_yet(
            "a new module that was set up for one stage, and asked for the loaders of that stage, raised "
            f"{type(error).__name__}: {error}. Note that a test may come first, in a session without a fit; and that "
            "prepare_data runs in one process alone: others see its files, but not what it puts on self."
        )


def _judge_pairs(make: Make, n_samples: int) -> Feedback | None:
    """Nudge when the batches of training are no pairs of rows and their labels, or are not as many as was asked for."""
    module = make()
    make().prepare_data()
    module.setup("fit")
    sizes = []
    for batch in module.train_dataloader():
        if nudge := _fault_of_batch(batch):
            return nudge
        sizes.append(len(batch[1]))
    if max(sizes) != 8:
        return not_yet(f"asked for batches of 8, the training loader gives {max(sizes)} samples at once.")
    if not 0.7 <= sum(sizes) / n_samples <= 0.9:
        return not_yet(f"{sum(sizes)} of {n_samples} samples are for training; the exercise says eight tenths.")
    return None


def _fault_of_batch(batch: object) -> Feedback | None:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        return not_yet("a batch of the training loader is no pair; it should be the rows, and their labels.")
    rows, labels = batch
    if rows.ndim != 2 or labels.shape != rows.shape[:1]:
        return not_yet(
            f"a batch has rows of shape {tuple(rows.shape)} and labels of shape {tuple(labels.shape)}; it should "
            "have a row of the table and one number for each sample."
        )
    if not torch.equal(rows[:, 0] % 2, labels.to(rows.dtype)):
        return not_yet("in a batch, some rows stand beside the labels of others.")
    return None


def _judge_module(make: Make, n_samples: int) -> Feedback:
    return _judge_split(make, n_samples) or _judge_seeds(make) or _judge_order(make)


def _judge_split(make: Make, n_samples: int) -> Feedback | None:
    module, new_module, other = make(), make(), make()
    train, val = _members(module, other, "fit", ("train", "val"), seed=1)
    (test,) = _members(module, other, "test", ("test",), seed=2)
    (test_anew,) = _members(new_module, other, "test", ("test",), seed=3)
    train_anew, _ = _members(new_module, other, "fit", ("train", "val"), seed=4)
    if leaked := len(set(train) & set(test)):
        return not_yet(f"after fit and then test, {leaked} of {len(test)} test samples had been in train.")
    if sorted(train + val + test) != list(range(n_samples)) or not (train and val and test):
        return not_yet("taken over fit and test, each sample has to be in exactly one part, and no part may be empty.")
    if test_anew != test or train_anew != train:
        return not_yet(
            "within one session it holds. But a module made anew, such as for tomorrow's test of today's model, "
            "cuts differently; what does the cut still depend on?"
        )
    return None


def _judge_seeds(make: Make) -> Feedback | None:
    """Nudge when the random numbers of the whole run start anew, at a number that is not the run's."""
    if any(one == another for one, another in zip(*(_drawn_after(make, seed) for seed in (1, 2)), strict=True)):
        return not_yet(
            "each sample keeps its part. But the random numbers of the whole run start anew here, so that dropout "
            "and the order of the batches no longer depend on the run's seed; give the cut a source of its own."
        )
    return None


def _drawn_after(make: Make, seed: int) -> tuple[object, ...]:
    """Return where each global source of random numbers stands once a run of that seed has made its loader."""
    _start_random_numbers(seed)
    module = make()
    make().prepare_data()
    module.setup("fit")
    module.train_dataloader()
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def _start_random_numbers(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _judge_order(make: Make) -> Feedback:
    module = make()
    make().prepare_data()
    module.setup("fit")
    loader = module.train_dataloader()
    one_epoch, another = (_numbers_in(loader) for _ in range(2))
    if one_epoch == another:
        return not_yet("each sample keeps its part. But every epoch has the same batches, in the same order.")
    return right("it works in any process; each sample keeps its part, and the batches of training are new each epoch.")


def _numbers(n_samples: int) -> Samples:
    """Make samples whose first feature is their number, so that the loaders tell who is where."""
    view = np.repeat(np.arange(n_samples, dtype=np.float32)[:, None], 2, axis=1)
    return Samples((view,), np.arange(n_samples) % 2, ("numbers",), ("even", "odd"))


def _members(
    module: LightningDataModule, another_process: LightningDataModule, stage: str, parts: tuple[str, ...], seed: int
) -> list[list[int]]:
    """Set a module up as if it were another moment of the run; return the sample numbers in each part, sorted."""
    _start_random_numbers(seed)
    another_process.prepare_data()
    module.setup(stage)
    loaders = [getattr(module, f"{part}_dataloader")() for part in parts]
    return [sorted(_numbers_in(loader)) for loader in loaders]


def _numbers_in(loader: Iterable[object]) -> list[int]:
    """Return who is in the batches of a loader, in order: a batch has a list of views, or the rows of one table."""
    tables = (first[0] if isinstance(first, tuple | list) else first for first, _ in loader)
    return [int(number) for table in tables for number in table[:, 0]]


@in_steps
def check_scaling(answer: object) -> Feedback:
    """Check a function of `view` (N, D) and `train` (positions) that scales by the training rows alone."""
    if nudge := not_a_function(answer):
        return nudge
    draw = np.random.default_rng(0)
    view, train = draw.normal(size=(30, 4)) * [1, 10, 100, 0.1] + 5, draw.permutation(30)[:20]
    test = np.setdiff1d(np.arange(30), train)
    spread = view.copy()
    spread[test] = 3 * view[test] - 2 * view.mean(axis=0)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = view.copy(), spread.copy()
            scaled, other = (np.asarray(answer(v, train.copy()), dtype=float) for v in given)
    except Exception as error:
        return not_yet(f"called with an array of 30 rows and 20 positions, it raised {type(error).__name__}: {error}.")
    if scaled.shape != view.shape or other.shape != view.shape:
        return not_yet(f"30 rows of 4 features went in, and shape {scaled.shape} came out; return all rows, scaled.")
    if not all(map(np.array_equal, given, (view, spread))):
        return not_yet("it changes the array that it is given, and others use that array, too; make a new one.")
    return _judge_scaling(spread, train, test, scaled, other)


def _judge_scaling(spread: np.ndarray, train: np.ndarray, test: np.ndarray, *results: np.ndarray) -> Feedback:
    scaled, other = results
    low, high = spread[train].min(axis=0), spread[train].max(axis=0)
    wanted = (spread - low) / (high - low)
    if np.allclose(other, wanted):
        return right("the limits come from the training rows; other values may lie outside 0..1, as new samples do.")
    if np.allclose(np.sort(other, axis=0), np.sort(wanted, axis=0)):
        return not_yet("the values are right, but the rows have changed their order.")
    if not np.allclose(scaled[train], other[train]):
        return not_yet("when only test samples change, the scaled training samples change with them: that is the leak.")
    if not (np.allclose(other[train].min(axis=0), 0) and np.allclose(other[train].max(axis=0), 1)):
        return not_yet("in the training rows, the values of each single feature have to reach from 0 to 1.")
    if np.allclose(other, wanted.clip(0, 1)):
        return not_yet("test values were cut off at 0 and 1; that hides how unusual these samples are.")
    if np.allclose(other[test].min(axis=0), 0):
        return not_yet("test rows have limits of their own here, so one value means two things; whose limits count?")
    if not np.allclose(other[train], wanted[train]):
        return not_yet(
            "the training rows reach from 0 to 1, but otherwise; each feature has its own limits, of all rows."
        )
    return not_yet("the training rows are right; the other rows need the very same formula, with the same limits.")
