"""Repeated runs become one result, with an interval that is that of scipy or of the paper, and says which."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from test_table import leave_run

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.runs import read_table
from mldrl_lite.runs.results.repeats import average, mean_interval
from mldrl_lite.runs.results.table import Table

LR = (0.001, 0.01)


def table(**parameters: list) -> Table:
    """A table whose result `score` grows with lr, differs from fold to fold, and a little from seed to seed."""
    names, grids = list(parameters), np.meshgrid(*parameters.values(), indexing="ij")
    rows = []
    for values in zip(*(grid.ravel().tolist() for grid in grids), strict=True):
        row = dict(zip(names, values, strict=True))
        score = 10 * row.get("lr", 0) + math.sin(row.get("cv", 0)) + math.cos(7 * row.get("seed", 0)) / 10
        own = {"seconds": 1.0, "status": "ok", "error": "", "fingerprint": "", "run": str(values)}
        rows.append(row | {"score": score, "of": "text"} | own)
    return Table(names, ["score", "of"], rows)


def scores(runs: Table, **where: float) -> np.ndarray:
    return np.array([row["score"] for row in runs.rows if all(row[name] == value for name, value in where.items())])


def test_independent_runs_get_the_interval_of_scipy():
    runs = table(lr=LR, seed=list(range(5)))
    found = average(runs, by=["lr"])
    assert [row["lr"] for row in found.rows] == list(LR)
    for row in found.rows:
        values = scores(runs, lr=row["lr"])
        assert row["n"] == 5
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        expected = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
        assert (row["low"], row["high"]) == pytest.approx(expected)
    assert "mean over seed" in found.words
    assert "independent runs" in found.words


def test_folds_get_the_corrected_interval():
    runs = table(lr=LR, cv=list(range(10)))
    found = average(runs, over=["cv"])
    values = scores(runs, lr=0.001)
    half = stats.t.ppf(0.975, 9) * values.std(ddof=1) * math.sqrt(1 / 10 + 1 / 9)
    row = found.rows[0]
    assert (row["low"], row["high"]) == pytest.approx((values.mean() - half, values.mean() + half))
    assert "corrected for 10 folds" in found.words
    assert "Nadeau and Bengio 2003" in found.words


def test_the_interval_of_a_worked_example():
    # Five folds with mean 0.8 and deviation 0.1: t(0.975; 4) = 2.776445, sqrt(1/5 + 1/4) = 0.670820.
    values = [0.8 + 0.1 * math.sqrt(4 / 10) * x for x in (-2, -1, 0, 1, 2)]
    mean, sd, low, high = mean_interval(values, ratio=1 / 4)
    assert (mean, sd) == pytest.approx((0.8, 0.1))
    assert (low, high) == pytest.approx((0.8 - 0.186250, 0.8 + 0.186250), abs=1e-6)


def test_seeds_within_a_fold_count_as_one():
    both, single = table(lr=LR, cv=list(range(10)), seed=[0, 1, 2]), table(lr=LR, cv=list(range(10)))
    found, alone = (average(runs, by=["lr"]).rows[0] for runs in (both, single))
    assert (found["n"], alone["n"]) == (30, 10)
    assert found["sd"] == pytest.approx(alone["sd"])  # in this table a seed moves all folds alike
    assert found["high"] - found["low"] == pytest.approx(alone["high"] - alone["low"])
    assert "within each fold" in average(both, by=["lr"]).words


def test_folds_of_several_splits_are_all_counted():
    runs = table(lr=LR, cv=list(range(5)), split_seed=[0, 1])
    values = scores(runs, lr=0.001)
    half = stats.t.ppf(0.975, 9) * values.std(ddof=1) * math.sqrt(1 / 10 + 1 / 4)
    assert average(runs, by=["lr"]).rows[0]["high"] == pytest.approx(values.mean() + half)


def test_some_of_the_folds_of_a_split():
    runs = table(lr=LR, cv=[0, 1, 2])
    few, told = (average(runs, by=["lr"], folds=folds).rows[0] for folds in (None, 10))
    widths = [row["high"] - row["low"] for row in (few, told)]
    assert widths[0] / widths[1] == pytest.approx(math.sqrt((1 / 3 + 1 / 2) / (1 / 3 + 1 / 9)))
    with pytest.raises(InputError, match="2 folds cannot be: the table has 3"):
        average(runs, by=["lr"], folds=2)


def test_differences_are_paired_by_fold():
    runs = table(lr=LR, cv=list(range(10)))
    for place, row in enumerate(runs.rows):
        row["score"] += 0.01 * math.cos(place * place)
    base, other = average(runs, by=["lr"], baseline={"lr": "1e-3"}).rows
    pairs = scores(runs, lr=0.01) - scores(runs, lr=0.001)
    half = stats.t.ppf(0.975, 9) * pairs.std(ddof=1) * math.sqrt(1 / 10 + 1 / 9)
    assert other["difference"] == pytest.approx(pairs.mean())
    assert other["difference_low"] == pytest.approx(pairs.mean() - half)
    assert "difference" not in base
    assert other["high"] - other["low"] > 10 * (other["difference_high"] - other["difference_low"])


def test_pairs_are_those_that_both_have():
    runs = table(lr=LR, seed=[0, 1, 2])
    rows = [row for row in runs.rows if (row["lr"], row["seed"]) not in ((0.001, 0), (0.01, 2))]
    other = average(Table(runs.parameters, runs.metrics, rows), by=["lr"], baseline={"lr": "0.001"}).rows[1]
    assert other["difference"] == pytest.approx(0.09)
    assert other["difference_low"] is None  # one pair has no interval
    assert other["n"] == 2


def test_without_names_folds_and_seeds_are_averaged_over():
    found = average(table(lr=LR, cv=[0, 1], seed=[0, 1]), baseline={"lr": "0.001"})
    assert found.by == ["lr"]
    assert [row["n"] for row in found.rows] == [4, 4]


def test_failed_runs_are_left_out_and_one_run_has_no_interval():
    runs = table(lr=LR, seed=[0, 1])
    runs.rows[0]["status"] = "failed"
    one, two = average(runs, by=["lr"]).rows
    assert (one["n"], one["sd"], one["low"]) == (1, None, None)
    assert two["n"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["lrr"]}, "No parameter 'lrr' (did you mean 'lr'?): give lr, cv or seed."),
        ({"by": ["lr"], "over": ["lr"]}, "lr is in --by and in --over"),
        ({"by": ["lr"], "over": ["cv"]}, "seed varies, too: name it in --by or in --over."),
        ({"by": ["lr"], "baseline": {"cv": "1"}}, "The baseline needs lr: give --baseline NAME=VALUE."),
        ({"by": ["lr"], "baseline": {"lr": "3"}}, "No runs with lr=3: give lr=0.001 or lr=0.01."),
    ],
)
def test_what_cannot_be_averaged_gets_a_sentence(options: dict, message: str):
    with pytest.raises(InputError) as caught:
        average(table(lr=LR, cv=[0, 1], seed=[0, 1]), **options)
    assert message in str(caught.value)


def test_a_published_split_is_no_fold():
    runs = table(lr=LR, cv=[0, 1])
    runs.rows[0]["cv"] = None
    with pytest.raises(InputError, match="A run with cv = None is no fold"):
        average(runs, by=["lr"])


def test_the_command_prints_writes_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for row in table(lr=LR, cv=[0, 1, 2]).rows:
        leave_run(tmp_path, row["run"], {"lr": row["lr"], "cv": row["cv"]}, {"score": row["score"]})
    assert main(["collect", str(tmp_path), "--by", "lr", "--baseline", "lr=0.001", "--folds", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["lr", "result", "n", "mean"]
    assert lines[3].startswith("mean over cv; low to high: 95% interval of the mean, corrected for 10 folds")
    rows = read_table(tmp_path / "repeats.csv")
    assert rows["difference"].tolist() == [None, pytest.approx(0.09)]
    assert (tmp_path / "repeats.png").read_bytes().startswith(b"\x89PNG")
    assert main(["collect", str(tmp_path), "--over", "cv", "--format", "csv"]) == 0
    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "repeats.csv").read_text()
    assert "mean over cv" in printed.err
    assert main(["collect", str(tmp_path), "--by", "lr", "--baseline", "0.001"]) == 2
    assert "no baseline" in capsys.readouterr().err
