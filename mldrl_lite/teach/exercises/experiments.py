"""The checks of notebook 07."""

import argparse
import contextlib
import io
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd

from mldrl_lite.messages import InputError
from mldrl_lite.teach.exercises.feedback import Feedback, described, in_steps, not_answered, not_yet, numeric, right
from mldrl_lite.teach.exercises.trial import numbers_from


@in_steps
def check_runs_that_start(answer: object, folds: tuple[int, int], seeds: int, failed: int) -> Feedback:
    """Check how many runs of a sweep start where its folder holds those of fewer folds, a few of which have failed."""
    held, wanted = (number * seeds for number in folds)
    given = numeric(answer)
    if isinstance(given, Feedback):
        return given
    if given == wanted - (held - failed):
        return right("what ended well is not run again; what failed is, and so is what is new.")
    nudges = {
        wanted: "that is all of them; what becomes of the runs that ended well?",
        wanted - held: "those are the new ones; a run that failed is not done, either.",
        failed: "those are the ones that failed; and which combinations are new?",
        held - failed: "so many are done; how many are left of all that are wanted?",
        (wanted - held) // 2 + failed: "the new fold is run with each of the seeds.",
    }
    return not_yet(nudges.get(given, "count all combinations, and take away those that ended well."))


@in_steps
def check_fair_difference(answer: object) -> Feedback:
    """Check a function that compares two settings on the folds that both have."""
    calls = [(_sweep(), 0.001, 0.01), (_sweep(shuffled=True), 0.001, 0.01), (_sweep(), 0.01, 0.001)]
    given = numbers_from(answer, calls, "a table of a sweep", "the mean gain")
    return given if isinstance(given, Feedback) else _judge_fair_difference(*given)


_GAINS = (-0.03, -0.01, -0.02, -0.06)
"""Of 0.01 over 0.001, on the folds that both have; on the fifth, a hard one, the run of 0.01 failed."""
_SPOILED = 1
"""The fold on which the run of a third rate failed, which is not compared."""


def _sweep(shuffled: bool = False) -> pd.DataFrame:
    folds, easy = np.arange(5), np.array([0.8, 0.9, 0.85, 0.82, 0.4])
    gains = np.array([*_GAINS, np.nan])
    parts = [
        pd.DataFrame({"cv": folds, "lr": lr, "accuracy": accuracy, "status": "ok"})
        for lr, accuracy in ((0.001, easy), (0.01, easy + gains), (0.1, np.where(folds == _SPOILED, np.nan, 0.6)))
    ]
    table = pd.concat(parts, ignore_index=True)
    table.loc[table["accuracy"].isna(), "status"] = "failed"
    return table.sample(frac=1, random_state=2).reset_index(drop=True) if shuffled else table


def _judge_fair_difference(gain: float, shuffled: float, back: float) -> Feedback:
    fair = float(np.mean(_GAINS))
    if math.isnan(gain):
        return not_yet("it returns NaN: what stands in the table for the run that failed?")
    if math.isclose(gain, -fair, abs_tol=1e-9):
        return not_yet("the sign is turned: a second setting that is worse has a negative gain.")
    if math.isclose(gain, 4 * fair / 5, abs_tol=1e-9):
        return not_yet("the fold with the failed run counts as no gain; it says nothing either way.")
    if gain > 0:
        return not_yet("it still finds a gain, where each fold shows a loss: are the two means of the same folds?")
    if math.isclose(gain, float(np.mean(np.delete(_GAINS, _SPOILED))), abs_tol=1e-9):
        return not_yet("it leaves out a fold that both have, because a third rate in the table lacks it.")
    if math.isclose(gain, float(np.median(_GAINS)), abs_tol=1e-9):
        return not_yet("it is the median of the gains; the mean is asked for.")
    if not math.isclose(gain, shuffled, abs_tol=1e-9):
        return not_yet("with the rows in another order it returns another number; by what are two rows a pair?")
    if not math.isclose(gain, fair, abs_tol=1e-9):
        return not_yet("it is another number than the mean of the gains of the folds that both settings have.")
    if not math.isclose(back, -fair, abs_tol=1e-9):
        return not_yet("with the two rates exchanged, the gain should change its sign.")
    return right("pairs on the same fold: a hard fold is hard for both, and a failed run drops its pair.")


@in_steps
def check_sweep_command(answer: object) -> Feedback:
    """Check a command that sweeps `train.ipynb` over ten folds and some learning rates, two or more runs at once."""
    if nudge := not_answered(answer, "a text"):
        return nudge
    if not isinstance(answer, str):
        return not_yet(f"{described(answer)}; give the command as a text, between quotes.")
    try:
        words = _command_in(answer)
        if words[:2] != ["mldrl-lite", "sweep"]:
            return not_yet("the command that runs all combinations begins with two words; which?")
        options = _parsed(words[1:])
        values = _values(options)
    except (ValueError, InputError) as error:
        return not_yet(f"the command would be refused: {error}")
    return _judge_sweep_command(options, values)


def _command_in(text: str) -> list[str]:
    """Return the words of a command, without what the page writes around it: `!`, and where output goes."""
    words = shlex.split(text.strip().removeprefix("!").replace("\\\n", " "))
    if words[1:3] == ["-m", "mldrl_lite"]:
        words[:3] = ["mldrl-lite"]
    redirected = [place for place, word in enumerate(words) if re.match(r"[12&]?>", word)]
    return words[: redirected[0]] if redirected else words


def _parsed(words: list[str]) -> argparse.Namespace:
    from mldrl_lite.runs.commands import add_commands

    parser, said = argparse.ArgumentParser(prog="mldrl-lite"), io.StringIO()
    add_commands(parser.add_subparsers(required=True))
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return parser.parse_args(words)
    except SystemExit:
        raise ValueError((said.getvalue().strip().splitlines() or ["it only shows help."])[-1]) from None


_PARAMETERS = """
data_type = "SIMULATED"  # the samples
cv = 0  # which of ten folds is the test part: 0..9
seed = 0  # where the random numbers start: 0 or more
lr = 1e-3  # learning rate: above 0
max_epochs = 5  # passes over the training data: 1 or more
"""


def _values(options: argparse.Namespace) -> dict[str, list[object]]:
    from mldrl_lite.runs.notebook.parameters import check_names, declared_in

    names, texts = declared_in(_PARAMETERS), dict(options.parameters)
    check_names(texts, names, "train")
    return {name: names[name].read_several(text) for name, text in texts.items()}


def _judge_sweep_command(options: argparse.Namespace, values: dict[str, list[object]]) -> Feedback:
    if options.notebook != Path("train.ipynb"):
        return not_yet(f"it runs {options.notebook}; the notebook of this page is asked for.")
    if sorted(values.get("cv", [])) != list(range(10)):
        return not_yet(f"its folds are {values.get('cv', [0])}; there are ten, counted from 0.")
    if len(set(values.get("lr", []))) < 2:
        return not_yet("it compares no learning rates: give two values or more, with commas.")
    if options.jobs < 2:
        return not_yet("it runs one after the other; which option says how many at once?")
    if options.out != Path("runs/mine"):
        return not_yet(f"it writes into {options.out or 'a folder of its own choice'}; which option names the folder?")
    count = math.prod(len(several) for several in values.values())
    return right(f"{count} runs, {options.jobs} at a time.")
