"""What a study has found: judged, rounded, and in plain values, so that it fits into a small file.

`rosmap_study.json` beside this module holds the full study on ROSMAP with its origin; `python -m
mldrl_lite.studies.full_study` makes it anew.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mldrl_lite.runs.search.trials import Search
from mldrl_lite.sources import Floats, Ints
from mldrl_lite.studies.judging import bootstrap, interval, score, summary
from mldrl_lite.studies.study import CHOSEN, ENSEMBLES

Findings = dict[str, Any]
BEST_LOOK = "best of the looks"
REFERENCE = "published protocol"
RIVALS = ("logistic regression", "shrinkage LDA", CHOSEN, ENSEMBLES)
SURE = ("logistic regression", REFERENCE, CHOSEN)
"""Of these, `sureness` and `reliability` are asked."""
METRICS = ("accuracy", "f1", "auroc")

CLAIM = pd.DataFrame({"accuracy": [0.842, 0.013], "f1": [0.846, 0.007], "auroc": [0.912, 0.007]}, index=["mean", "sd"])
"""What the authors of MMDynamic report for ROSMAP: Han et al., CVPR 2022, table 1; mean and sd of several runs."""


def look_scores(labels: Ints, watched: Floats) -> dict[str, Floats]:
    """Return, for each metric, the results of all runs at all looks.

    Args:
        labels: of the test samples, shape (N,).
        watched: class probabilities, shape (R, L, N, 2).

    Returns:
        Arrays of shape (R, L), by metric.
    """
    by_look = [score(labels, watched[:, i]) for i in range(watched.shape[1])]
    return {metric: np.stack([scores[metric] for scores in by_look], axis=1) for metric in METRICS}


def rises(labels: Ints, watched: Floats, cuts: int = 200) -> pd.DataFrame:
    """Pick each run's best look on one half of the test samples, and see what it gives on the other half.

    Returns:
        A row per random cut, and two columns: the mean rise in accuracy over the last look, on either half.
    """
    right = watched.argmax(axis=3) == labels
    random, rows = np.random.default_rng(0), []
    for _ in range(cuts):
        half = random.permutation(len(labels)) < len(labels) // 2
        here, there = right[:, :, half].mean(axis=2), right[:, :, ~half].mean(axis=2)
        pick = np.arange(len(here)), here.argmax(axis=1)
        rows.append([(part[pick] - part[:, -1]).mean() for part in (here, there)])
    return pd.DataFrame(rows, columns=["where it was picked", "on other samples"])


def rows_of_rises(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Return, for each half, the mean rise and the limits of the middle 90 % of the cuts, in plain values."""
    return _rows(found.describe(percentiles=[0.05, 0.95]).T[["mean", "5%", "95%"]].rename_axis("half"))


def summarise(labels: Ints, results: Mapping[str, Floats], watched: Floats | None = None) -> pd.DataFrame:
    """Return a row per model and metric: `n` runs, `mean`, `sd`, and `low` and `high` of the bootstrap.

    Args:
        labels: of the test samples, shape (N,).
        results: class probabilities, shape (R, N, 2), by model.
        watched: those of the reference at all looks, shape (R, L, N, 2); picking each metric's best adds a row.
    """
    tables = {name: summary(labels, p) for name, p in results.items() if name not in (CHOSEN, ENSEMBLES)}
    if watched is not None:
        curves, runs = look_scores(labels, watched), np.arange(len(watched))
        picked = {m: summary(labels, watched[runs, curves[m].argmax(axis=1)]).loc[m] for m in METRICS}
        tables[BEST_LOOK] = pd.DataFrame(picked).T
    tables |= {name: summary(labels, results[name]) for name in (CHOSEN, ENSEMBLES) if name in results}
    return pd.concat(tables, names=["model", "metric"])


def differences(labels: Ints, results: Mapping[str, Floats]) -> pd.DataFrame:
    """Return, for each rival and metric, its mean minus that of the published protocol, with `low` and `high`.

    Both are judged on the same draws of the bootstrap.
    """
    reference, mean = bootstrap(labels, results[REFERENCE]), score(labels, results[REFERENCE]).mean()
    tables = {}
    for name in RIVALS:
        limits = interval(bootstrap(labels, results[name]) - reference)
        tables[name] = pd.DataFrame({"difference": score(labels, results[name]).mean() - mean, **limits.T})
    return pd.concat(tables, names=["model", "metric"])


def sureness(labels: Ints, results: Mapping[str, Floats], resamples: int = 2000) -> pd.DataFrame:
    """Return, for each model, how sure it is of its answers on average, the share that is right, and the `gap` of both.

    `low` and `high` are the limits of the gap's 95 % bootstrap interval, over the people, as in `bootstrap`.
    """
    draws, rows = np.random.default_rng(0).integers(len(labels), size=(resamples, len(labels))), {}
    for name in SURE:
        sure, right = _sure_and_right(labels, results[name])
        gaps = (sure - right).mean(axis=0)  # of each person, over the runs
        limits = np.quantile(gaps[draws].mean(axis=1), [0.025, 0.975])
        rows[name] = (sure.mean(), right.mean(), gaps.mean(), *limits)
    return pd.DataFrame(rows, index=["how sure", "share right", "gap", "low", "high"]).T.rename_axis("model")


def reliability(labels: Ints, results: Mapping[str, Floats], parts: int = 4) -> pd.DataFrame:
    """Sort each model's answers by how sure it is, cut them into equal parts, and say how many of each are right.

    Returns:
        A row per model and part: how sure on average, and the share that is right; all runs together.
    """
    rows = []
    for name in SURE:
        sure, right = (values.ravel() for values in _sure_and_right(labels, results[name]))
        for number, part in enumerate(np.array_split(sure.argsort(kind="stable"), parts)):
            rows.append((name, number, sure[part].mean(), right[part].mean()))
    return pd.DataFrame(rows, columns=["model", "part", "how sure", "share right"]).set_index(["model", "part"])


def _sure_and_right(labels: Ints, probabilities: Floats) -> tuple[Floats, Floats]:
    """Return the probability of the class that each of R runs names for each of N people, and whether it is right."""
    return probabilities.max(axis=2).astype(float), (probabilities.argmax(axis=2) == labels).astype(float)


def searched(search: Search) -> dict[str, Any]:
    """Return what a search tried and chose, in plain values."""
    trials, best = search.trials(), search.best()
    return {
        "goal": search.spec.goal.metric,
        "trials": len(trials),
        "pruned": sum(trial.status == "pruned" for trial in trials),
        "means": sorted((round(trial.mean, 4) for trial in trials if trial.status == "ok"), reverse=True),
        "best": best.parameters,
        "mean": best.mean,
        "sd": best.sd,
    }


def looked_at(labels: Ints, watched: Floats, looks: tuple[int, ...]) -> Findings:
    """Return what looks at the test samples show, in plain values: `looks`, `curves` and `rises`."""
    return {
        "looks": list(looks),
        "curves": {name: curve.round(4).tolist() for name, curve in look_scores(labels, watched).items()},
        "rises": rows_of_rises(rises(labels, watched)),
    }


def find(labels: Ints, results: Mapping[str, Floats], search: Search, watched: Floats | None = None) -> Findings:
    """Judge a study, and return what the pictures and sentences of notebook 09 need, in plain values.

    Args:
        labels: of the test samples, shape (N,).
        results: class probabilities, shape (R, N, 2), by model.
        search: the one that chose.
        watched: that of `summarise`.
    """
    return {
        "search": searched(search),
        "summary": _rows(summarise(labels, results, watched)),
        "differences": _rows(differences(labels, results)),
        "sureness": _rows(sureness(labels, results)),
        "reliability": _rows(reliability(labels, results)),
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain dictionaries; what is not a number, the sd of a single run, is None."""
    rows = table.round(4).reset_index().to_dict("records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]


def table_of(findings: Findings, part: str) -> pd.DataFrame:
    """Return `summary`, `differences`, `sureness`, `reliability` or `rises` of some findings as a table."""
    rows = pd.DataFrame(findings[part])
    return rows.set_index([name for name in ("model", "metric", "part", "half") if name in rows])


def write_findings(findings: Findings, file: Path) -> None:
    """Write findings as JSON, a line for each part."""
    lines = ",\n".join(f"{json.dumps(part)}: {json.dumps(value)}" for part, value in findings.items())
    file.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


def read_rosmap_study() -> Findings:
    """Return the findings of the full study on ROSMAP, and under `origin` when and by what they were made."""
    text = files("mldrl_lite.studies").joinpath("rosmap_study.json").read_text(encoding="utf-8")
    return json.loads(text)
