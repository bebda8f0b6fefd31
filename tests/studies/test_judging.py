"""How predictions are judged, and how wide the intervals are."""

import numpy as np
import pandas as pd
import pytest

from mldrl_lite.metrics import evaluate
from mldrl_lite.studies import judging


def test_ensembles_average_runs_that_follow_each_other():
    runs = np.arange(5.0)[:, None, None] * np.ones((5, 3, 2))
    np.testing.assert_array_equal(judging.ensembles(runs, 2)[:, 0, 0], [0.5, 2.5])


def made_up(n: int, right: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the probabilities of one run that answers `right` of `n` right."""
    labels = np.arange(n) % 2
    answers = np.where(np.arange(n) < right, labels, 1 - labels)
    return labels, np.stack([1 - answers, answers], axis=1)[None].astype(float)


def test_bootstrap_agrees_with_judging_the_drawn_samples_one_by_one():
    random = np.random.default_rng(1)
    labels, ones = random.integers(0, 2, 40), random.random((3, 40)).round(1)  # rounded: ties
    probabilities = np.stack([1 - ones, ones], axis=2)
    draws = np.random.default_rng(9).multinomial(40, np.full(40, 1 / 40), size=20)
    wanted = [
        pd.DataFrame(
            [evaluate(labels.repeat(draw), run.repeat(draw, axis=0), binary=True) for run in probabilities]
        ).mean()
        for draw in draws
    ]
    found = judging.bootstrap(labels, probabilities, resamples=20, seed=9)
    pd.testing.assert_frame_equal(found, pd.DataFrame(wanted))


def test_an_interval_is_as_wide_as_the_binomial_says():
    table = judging.summary(*made_up(400, 320))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    accuracy = table.loc["accuracy"]
    assert accuracy["mean"] == 0.8
    assert accuracy["low"] == pytest.approx(0.8 - half, abs=0.006)
    assert accuracy["high"] == pytest.approx(0.8 + half, abs=0.006)
    assert np.isnan(accuracy["sd"])
    assert accuracy["n"] == 1


def test_nothing_is_uncertain_about_a_model_that_is_always_right():
    table = judging.summary(*made_up(50, 50))
    assert (table[["mean", "low", "high"]] == 1).all(axis=None)


def test_the_difference_of_a_model_from_itself_is_zero():
    case = made_up(60, 40)
    assert ((judging.bootstrap(*case) - judging.bootstrap(*case)) == 0).all(axis=None)


def test_a_resample_without_one_class_has_no_area_and_spoils_no_interval():
    labels, probabilities = made_up(3, 2)
    resampled = judging.bootstrap(labels, probabilities)
    assert resampled["auroc"].isna().any()
    assert judging.interval(resampled).notna().all(axis=None)


def test_sd_and_n_are_over_the_runs():
    labels, good = made_up(100, 90)
    _, bad = made_up(100, 70)
    table = judging.summary(labels, np.concatenate([good, bad]))
    assert table.loc["accuracy", ["mean", "sd", "n"]].tolist() == pytest.approx([0.8, np.std([0.9, 0.7], ddof=1), 2])
