"""Repeated runs become one result: mean, standard deviation, an interval, and differences to a baseline.

Runs over *folds* test on different samples, but train on much the same ones, so that they vary less than runs on fresh
data would. The interval of their mean is the corrected resampled t interval of C. Nadeau and Y. Bengio, "Inference for
the generalization error", Machine Learning 52 (2003), 239-281:

    mean ± t(n - 1) * sd * sqrt(1/n + n_test/n_train),   n_test/n_train = 1/(k - 1) for k folds

Runs over *seeds* share their data; what varies is the chance in training, and the interval is the usual one,
mean ± t(n - 1) * sd / sqrt(n), which says nothing of other data. Where both vary, the runs of one fold are averaged
first, because they share their test samples, and the folds are what is counted. Folds of several splits
(`split_seed`) are counted all, with the same correction: R. R. Bouckaert and E. Frank, "Evaluating the replicability of
significance tests for comparing learning algorithms", PAKDD 2004.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.notebook.parameters import literal
from mldrl_lite.runs.notebook.values import code, sort_key
from mldrl_lite.runs.results.formats import Row, as_csv
from mldrl_lite.runs.results.table import REPLICATES, Table, are_numbers, replacing, told_unless_written, varied

FOLDS, SPLITS = ("cv", "fold"), ("split_seed",)
LEVEL = 0.95
_SUMMARY = ("mean", "sd", "low", "high")
_DIFFERENCE = ("difference", "difference_low", "difference_high")
Key = tuple[str, ...]
"""Values of parameters, as code, to look up runs by."""


@dataclass(frozen=True)
class Repeats:
    """What repeated runs say together: a row for each setting and result."""

    by: Sequence[str]
    """The parameters that tell the settings apart."""
    columns: Sequence[str]
    rows: Sequence[Row]
    means: Mapping[tuple[Key, str], Mapping[Key, float]]
    """By setting and result: the mean of each unit that is counted (a fold, a seed)."""
    words: str
    """What was averaged over, and what the interval is."""


def average(
    table: Table,
    by: Sequence[str] = (),
    over: Sequence[str] = (),
    baseline: Mapping[str, str] | None = None,
    folds: int | None = None,
) -> Repeats:
    """Average the runs of a table that ended well.

    Args:
        table: the runs.
        by: parameters that tell settings apart; by default, all that vary and are not in `over`.
        over: parameters to average over; by default, all that vary and are not in `by`. With neither, folds and seeds.
        baseline: the values, as texts, of the setting that the others are compared with, unit by unit.
        folds: the number of folds that each split has; by default, of those that are in the table.

    Returns:
        For each setting and result: n (runs), mean, sd, low and high (95 % interval of the mean), and, with a baseline,
        difference, difference_low and difference_high (setting minus baseline, over the units that both have). sd is
        that of the units; it and the interval are None for a single one.

    Raises:
        InputError: an unknown parameter or baseline, one that varies and is in neither list, or folds that are none.
    """
    good = Table(table.parameters, table.metrics, [row for row in table.rows if row["status"] == "ok"])
    by, over = _sides(good, by, over)
    fold = next((name for name in over if name in FOLDS), None)
    ratio = _test_share(good, fold, folds)
    units = [name for name in over if name in (fold, *SPLITS)] if fold else list(over)
    values = _units(good, by, units)
    means = {where: {unit: fmean(some) for unit, some in found.items()} for where, found in values.items()}
    base = _baseline(good, by, baseline) if baseline else None
    columns = [*by, "result", "n", *_SUMMARY, *(_DIFFERENCE if baseline else [])]
    rows = [
        setting
        | {"result": metric, "n": sum(map(len, values[key, metric].values()))}
        | dict(zip(_SUMMARY, mean_interval(list(means[key, metric].values()), ratio), strict=True))
        | _compared(means, key, metric, base, ratio)
        for key, setting in _settings(good, by)
        for metric in good.metrics
        if (key, metric) in means
    ]
    return Repeats(by, columns, rows, means, _words(over, fold, ratio, baseline))


def _sides(table: Table, by: Sequence[str], over: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the parameters that tell settings apart, and those to average over."""
    if not table.rows:
        raise InputError("No run has ended well: there is nothing to average.")
    for name in (*by, *over):
        if name not in table.parameters:
            known = listing(table.parameters) if table.parameters else "none, the runs have no parameters"
            raise InputError(f"No parameter {name!r}{did_you_mean(name, table.parameters)}: give {known}.")
    if both := [name for name in by if name in over]:
        raise InputError(f"{both[0]} is in --by and in --over: leave it out of one.")
    over = over if by or over else [name for name in varied(table) if name in REPLICATES]
    rest = [name for name in varied(table) if name not in (*by, *over)]
    if by and over and rest:
        raise InputError(f"{rest[0]} varies, too: name it in --by or in --over.")
    return ([*by], [*over] or rest) if by else (rest, [*over])


def _test_share(table: Table, fold: str | None, folds: int | None) -> float:
    """Return n_test / n_train for folds; 0 where there are none."""
    if fold is None:
        return 0.0
    there = {code(value) for value in table.values(fold)}
    if "None" in there:
        raise InputError(f"A run with {fold} = None is no fold: collect such runs in a folder of their own.")
    folds = folds or len(there)
    if folds < max(len(there), 2):
        raise InputError(
            f"{folds} folds cannot be: the table has {len(there)}; give --folds 2 or more, and all of them."
        )
    return 1 / (folds - 1)


def _key(row: Row, names: Iterable[str]) -> Key:
    return tuple(code(row[name]) for name in names)


def _settings(table: Table, by: Sequence[str]) -> list[tuple[Key, dict[str, Any]]]:
    """Return each setting once: its key and its parameters, in order."""
    found = {_key(row, by): {name: row[name] for name in by} for row in table.rows}
    return sorted(found.items(), key=lambda item: [sort_key(value) for value in item[1].values()])


def _units(table: Table, by: Sequence[str], names: Sequence[str]) -> dict[tuple[Key, str], dict[Key, list[float]]]:
    """Return, by setting and result, the values of each unit that is counted."""
    found: dict[tuple[Key, str], dict[Key, list[float]]] = {}
    for metric in (metric for metric in table.metrics if are_numbers(table.values(metric))):
        for row in (row for row in table.rows if row.get(metric) is not None):
            units = found.setdefault((_key(row, by), metric), {})
            units.setdefault(_key(row, names), []).append(float(row[metric]))
    return found


def mean_interval(
    values: Sequence[float], ratio: float = 0.0, level: float = LEVEL
) -> tuple[float, float | None, float | None, float | None]:
    """Return mean, standard deviation, and the interval of the mean, low and high.

    Args:
        values: one number for each unit; of a single one there is no deviation and no interval.
        ratio: n_test / n_train of units that share training samples; 0 for independent ones.
        level: how often such an interval holds the mean.
    """
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    n = len(values)
    mean = fmean(values)
    if n < 2:
        return mean, None, None, None
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd * math.sqrt(1 / n + ratio)
    return mean, sd, mean - half, mean + half


def _baseline(table: Table, by: Sequence[str], given: Mapping[str, str]) -> Key:
    """Return the key of the setting that these texts name."""
    if set(given) != set(by):
        raise InputError(f"The baseline needs {' and '.join(by) or 'a parameter in --by'}: give --baseline NAME=VALUE.")
    settings = _settings(table, by)
    for key, setting in settings:
        if all(_is_meant(given[name], value) for name, value in setting.items()):
            return key
    known = listing(_named(setting) for _, setting in settings)
    raise InputError(f"No runs with {_named(given)}: give {known}.")


def _named(setting: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in setting.items())


def _is_meant(text: str, value: object) -> bool:
    return text == str(value) or (not isinstance(value, str) and literal(text) == value)


def _compared(
    means: Mapping[tuple[Key, str], Mapping[Key, float]], key: Key, metric: str, base: Key | None, ratio: float
) -> dict[str, Any]:
    if base is None or key == base:
        return {}
    mine, other = means[key, metric], means.get((base, metric), {})
    pairs = [mine[unit] - other[unit] for unit in mine if unit in other]
    if not pairs:
        return {}
    mean, _, low, high = mean_interval(pairs, ratio)
    return dict(zip(_DIFFERENCE, (mean, low, high), strict=True))


def _words(over: Sequence[str], fold: str | None, ratio: float, baseline: Mapping[str, str] | None) -> str:
    if not over:
        return "nothing varies to average over: each row is one run"
    seeds = [name for name in over if name not in (fold, *SPLITS)]
    text = f"mean over {', '.join(over)}; low to high: {LEVEL:.0%} "
    if fold is None:
        text += "t interval of the mean, for independent runs on the same data"
    else:
        text += f"interval of the mean, corrected for {1 + round(1 / ratio)} folds that share training data "
        text += "(Nadeau and Bengio 2003)"
        text += f", after the mean over {', '.join(seeds)} within each fold" if seeds else ""
    if baseline:
        text += f"; differences to {_named(baseline)}, pair by pair"
    return text


def write_repeats(repeats: Repeats, folder: Path) -> str:
    """Write the table and the picture into a folder, as `repeats.csv` and `repeats.png`; return what was written."""
    names = ("repeats.csv", "repeats.png")
    from mldrl_lite.runs.results.repeats_picture import draw_repeats

    with told_unless_written(" and ".join(names), folder):
        with replacing(folder / names[0]) as part:
            part.write_text(as_csv(repeats.columns, repeats.rows), encoding="utf-8")
        with replacing(folder / names[1]) as part:
            draw_repeats(repeats, part)
    return f"in {folder}: {', '.join(name for name in names if (folder / name).is_file()) or 'nothing'}"
