"""Search for good parameters by the mean of repeated runs, without a look at test results.

A *trial* is one choice of parameters; it is run once for each *repeat* (a seed, a fold), and judged by the mean of its
goal over them. Optuna proposes the choices (https://optuna.org): at random, or by a tree-structured Parzen estimator,
which prefers what is near to good trials. A trial that is surely worse than the best so far ends before its last
repeat: a Wilcoxon signed-rank test compares the two repeat by repeat (`optuna.pruners.WilcoxonPruner`).

    runs/x/search.json     what is searched, and when test results were looked at
    runs/x/search.journal  Optuna's journal of all trials
    runs/x/search.csv      the table of all trials, and search.png, its picture
    runs/x/lr=0.01,cv=3/   the runs, as in a sweep

Interrupted at any moment, the same call goes on where it was: runs that are there are not run again, and what is
proposed next depends only on the trials that have ended.
"""

import hashlib
import math
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError, did_you_mean, extras_named, listing, require
from mldrl_lite.runs.notebook.values import from_json, to_json
from mldrl_lite.runs.search.folder import is_test, refuse_another, remember
from mldrl_lite.runs.search.space import Range, Values

if TYPE_CHECKING:
    import optuna

JOURNAL = "search.journal"
SAMPLERS = ("tpe", "random")
Point = dict[str, Any]
Run = Callable[[Sequence[Point]], list[Mapping[str, Any]]]
"""Runs points and returns, for each, its row of the table: `status`, `error` and the values of its result."""
_ALL_FAIL = 3
"""So many trials may fail before the first that does not; then something is wrong with more than one choice."""


@dataclass(frozen=True)
class Goal:
    """The result that a search makes large, or small."""

    metric: str
    maximize: bool

    def __post_init__(self) -> None:
        if is_test(self.metric):
            raise InputError(
                f"{self.metric} cannot be the goal: a choice made on test data makes the test say too much; give a "
                "metric of validation."
            )


@dataclass(frozen=True)
class Spec:
    """What a search is about. A folder holds one search; only the number of trials may change when it goes on."""

    notebook: str
    """The notebook's name."""
    goal: Goal
    space: Mapping[str, Range | Values]
    repeats: tuple[Point, ...]
    sampler: str = "tpe"
    prune: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise InputError(
                f"No sampler {self.sampler!r}{did_you_mean(self.sampler, SAMPLERS)}: give {listing(SAMPLERS)}."
            )
        require("seed", self.seed, int, at_least=0)
        if all(isinstance(allowed, Values) and len(allowed.values) == 1 for allowed in self.space.values()):
            raise InputError("There is nothing to search: give a parameter a range, such as -p lr 1e-4..1e-1:log.")

    def as_json(self) -> dict[str, Any]:
        """Return the search in plain values."""
        return {
            "notebook": self.notebook,
            "goal": {"metric": self.goal.metric, "maximize": self.goal.maximize},
            "space": {name: str(allowed) for name, allowed in self.space.items()},
            "repeats": [to_json(dict(repeat)) for repeat in self.repeats],
            "sampler": self.sampler,
            "prune": self.prune,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Trial:
    """One choice of parameters and how it went."""

    number: int
    parameters: Point
    values: tuple[float, ...]
    """The goal of each repeat that was run."""
    status: str
    """`ok`, `pruned` (it was surely worse than the best before its last repeat) or `failed`."""
    error: str = ""

    @property
    def mean(self) -> float:
        """The mean of the goal over the repeats."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def sd(self) -> float:
        """The standard deviation of the goal over the repeats; not a number for fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


class Search:
    """A search in a folder: a new one, or one that goes on."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        """Open the search.

        Raises:
            InputError: the folder holds another search, or Optuna is not installed.
        """
        self.spec, self.folder = spec, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.study = _study(spec, folder)
        remember(spec.as_json(), folder)
        self._put_unfinished_first()

    def _put_unfinished_first(self) -> None:
        """Ask again for what an interrupt left open: its runs that ended are there, and are not run twice."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
            self.study.enqueue_trial(trial.params)

    def trials(self) -> list[Trial]:
        """Return the trials that have ended, in order; an interrupted one is not among them."""
        from optuna.trial import TrialState

        known = {TrialState.COMPLETE: "ok", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
        ended = [trial for trial in self.study.get_trials(deepcopy=False) if "parameters" in trial.user_attrs]
        return [
            Trial(
                number=number,
                parameters=from_json(trial.user_attrs["parameters"]),
                values=tuple(trial.user_attrs["values"]),
                status=known[trial.state],
                error=trial.user_attrs.get("error", ""),
            )
            for number, trial in enumerate(ended)
            if trial.state in known
        ]

    def best(self) -> Trial | None:
        """Return the trial with the best mean over all repeats; None when none has been run to its end."""
        whole = [trial for trial in self.trials() if trial.status == "ok"]
        choose = max if self.spec.goal.maximize else min
        return choose(whole, key=lambda trial: trial.mean, default=None)

    def go_on(
        self,
        trials: int,
        run: Run,
        at_once: int = 1,
        ended: Callable[[Trial], None] = lambda _: None,
        *,
        fail_fast: bool = False,
    ) -> None:
        """Run trials until so many have ended, those of earlier calls included.

        Args:
            trials: how many in all.
            run: what runs points; it may raise KeyboardInterrupt.
            at_once: so many repeats are run together before the trial is judged.
            ended: told of each trial.
            fail_fast: stop after a trial that failed.

        Raises:
            InputError: the first trials have all failed, or the runs have no such result.
        """
        while len(done := self.trials()) < trials:
            if len(done) >= _ALL_FAIL and all(trial.status == "failed" for trial in done):
                raise InputError(f"The first {len(done)} trials have all failed; the last one: {done[-1].error}")
            self._run_next(len(done), run, at_once)
            ended(trial := self.trials()[-1])
            if fail_fast and trial.status == "failed":
                return

    def _run_next(self, number: int, run: Run, at_once: int) -> None:
        from optuna.trial import TrialState

        # A sampler anew for each trial: what it proposes depends on the trials before, and not on how often the
        # search was interrupted.
        self.study.sampler = _sampler(self.spec.sampler, self.spec.seed, number)
        asked = self.study.ask()
        chosen = {name: allowed.suggest(name, asked) for name, allowed in self.spec.space.items()}
        values, error, pruned = {}, "", False
        for batch in _batches(self._order(number), at_once):
            rows = run([chosen | self.spec.repeats[repeat] for repeat in batch])
            if error := next((row["error"] for row in rows if row["status"] == "failed"), ""):
                break
            for repeat, row in zip(batch, rows, strict=True):
                values[repeat] = goal_of(row, self.spec.goal.metric)
                asked.report(values[repeat], step=repeat)
            if pruned := self.spec.prune and len(values) < len(self.spec.repeats) and asked.should_prune():
                break
        asked.set_user_attr("values", [values[repeat] for repeat in sorted(values)])
        asked.set_user_attr("error", error)
        asked.set_user_attr("parameters", to_json(chosen))
        if error or pruned:
            self.study.tell(asked, state=TrialState.FAIL if error else TrialState.PRUNED)
        else:
            self.study.tell(asked, statistics.fmean(values.values()))

    def _order(self, number: int) -> list[int]:
        """Return the repeats in an order of this trial's own, so that no fold decides first every time."""
        return [(number + i) % len(self.spec.repeats) for i in range(len(self.spec.repeats))]


def goal_of(row: Mapping[str, Any], metric: str) -> float:
    """Return a result of a run as a number.

    Raises:
        InputError: the run has no such result, or it is no finite number.
    """
    if metric not in row:
        known = [name for name, value in row.items() if _is_number(value) and not is_test(name)]
        raise InputError(f"The runs have no result {metric!r}{did_you_mean(metric, known)}: give {listing(known)}.")
    if not _is_number(row[metric]) or not math.isfinite(row[metric]):
        raise InputError(f"{metric} = {row[metric]!r} cannot be compared: give a goal that is a finite number.")
    return float(row[metric])


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _batches(repeats: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (repeats[start : start + size] for start in range(0, len(repeats), size))


# ---------------------------------------------------------------------------------------------------------------------
# Optuna


def _study(spec: Spec, folder: Path) -> "optuna.Study":
    with extras_named():
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalStorage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    refuse_another(spec.as_json(), folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the arguments of the pruner may change
        pruner = optuna.pruners.WilcoxonPruner()
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        study_name=spec.notebook,
        direction="maximize" if spec.goal.maximize else "minimize",
        pruner=pruner,
        load_if_exists=True,
    )


def _sampler(name: str, seed: int, number: int) -> "optuna.samplers.BaseSampler":
    from optuna.samplers import RandomSampler, TPESampler

    own_seed = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4])
    return RandomSampler(own_seed) if name == "random" else TPESampler(seed=own_seed)
