"""Recipes: what a fit is, what its results may depend on, and how they are judged."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from sklearn.metrics import roc_auc_score

from mldrl_lite import sources
from mldrl_lite.messages import InputError
from mldrl_lite.metrics import evaluate
from mldrl_lite.studies import recipes
from mldrl_lite.studies.recipes import PUBLISHED, FitCall, Recipe, Task, fit, fit_all, make_task

QUICK = Recipe(hidden_dim=8, lr=3e-3, epochs=3)
SAMPLES = sources.simulated(n_samples=160, n_features=30, corrupted_share=0.0, wrong_share=0.0)
TRAIN, TEST = np.arange(120), np.arange(120, 160)
TASK = make_task(SAMPLES, TRAIN, TEST)


def auroc(probabilities: np.ndarray) -> float:
    return roc_auc_score(SAMPLES.labels[TEST], probabilities[-1][:, 1])


# ---------------------------------------------------------------------------------------------------------------------
# One fit


def test_a_recipe_learns_and_gives_probabilities():
    probabilities = fit(replace(QUICK, hidden_dim=32, epochs=15), 0, TASK)
    assert probabilities.shape == (1, len(TEST), 2)
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-5)
    assert auroc(probabilities) > 0.8


def test_the_seed_decides_and_nothing_else_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = fit(QUICK, 0, TASK)
    torch.rand(3)
    torch.set_rng_state(before[0])
    np.testing.assert_array_equal(first, fit(QUICK, 0, TASK))
    assert not np.array_equal(first, fit(QUICK, 1, TASK))
    assert np.abs(fit(QUICK, 0, TASK, at=(0,)) - fit(QUICK, 1, TASK, at=(0,))).max() > 0.01  # the first weights
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert not list(tmp_path.iterdir())
    assert "".join(capfd.readouterr()) == ""


def test_looking_on_the_way_does_not_change_the_end():
    looked = fit(QUICK, 0, TASK, at=(0, 1, 3))
    assert looked.shape == (3, len(TEST), 2)
    np.testing.assert_array_equal(looked[-1], fit(QUICK, 0, TASK)[0])
    np.testing.assert_array_equal(looked[1], fit(replace(QUICK, epochs=1), 0, TASK)[0])
    assert not np.array_equal(looked[0], looked[1])


def test_a_look_beyond_the_last_epoch_is_refused():
    with pytest.raises(InputError, match=r"at = 4 is outside .* 0\.\.3"):
        fit(QUICK, 0, TASK, at=(1, 4))


def test_the_learning_rate_falls_in_steps():
    still = replace(QUICK, epochs=4, lr_step=2, lr_gamma=1e-12)
    looked = fit(still, 0, TASK, at=(1, 2, 3, 4))
    assert np.abs(looked[1] - looked[0]).max() > 1e-4
    np.testing.assert_allclose(looked[2], looked[1], atol=1e-6)
    np.testing.assert_allclose(looked[3], looked[1], atol=1e-6)


def test_no_batch_size_is_the_whole_training_set():
    full, same = (fit(replace(QUICK, batch_size=size), 0, TASK) for size in (None, len(TRAIN)))
    np.testing.assert_array_equal(full, same)
    assert not np.array_equal(full, fit(QUICK, 0, TASK))


def test_mixup_makes_less_sure_and_noise_can_drown_everything():
    plain = replace(QUICK, hidden_dim=32, lr=2e-2, epochs=25)
    probabilities = {name: fit(recipe, 0, TASK) for name, recipe in {
        "plain": plain,
        "mixup": replace(plain, mixup=50.0),
        "noise": replace(plain, noise=200.0),
    }.items()}  # fmt: skip
    sure = {name: array[-1].max(axis=1).mean() for name, array in probabilities.items()}
    assert sure["mixup"] < sure["plain"] - 0.05
    assert auroc(probabilities["mixup"]) > 0.8
    assert auroc(probabilities["noise"]) < auroc(probabilities["plain"]) - 0.1


def test_weight_decay_shrinks():
    strong = fit(replace(QUICK, epochs=20, weight_decay=10.0), 0, TASK)
    assert strong[-1].max(axis=1).mean() < fit(replace(QUICK, epochs=20), 0, TASK)[-1].max(axis=1).mean()


@pytest.mark.parametrize("scaling", ["none", "min-max", "z-score"])
def test_a_new_sample_has_no_influence_on_another(scaling: str):
    recipe = replace(QUICK, scaling=scaling)
    views = tuple(view.copy() for view in TASK.new_views)
    views[0][-1] = 1000.0
    first, second = fit(recipe, 0, TASK), fit(recipe, 0, TASK._replace(new_views=views))
    np.testing.assert_allclose(first[:, :-1], second[:, :-1], rtol=1e-5)
    assert not np.allclose(first[:, -1], second[:, -1])


def test_scalings_differ_and_make_units_meaningless():
    results = [fit(replace(QUICK, scaling=scaling), 0, TASK) for scaling in ("none", "min-max", "z-score")]
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(results[1], results[2])
    grams = Task(tuple(v * 1024 for v in TASK.views), TASK.labels, tuple(v * 1024 for v in TASK.new_views))
    for scaling in ("min-max", "z-score"):
        recipe = replace(QUICK, scaling=scaling)
        np.testing.assert_allclose(fit(recipe, 0, grams), fit(recipe, 0, TASK), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("hidden_dim", 0), ("lr", 0), ("lr", float("nan")), ("weight_decay", -1e-9), ("batch_size", 0)],
        *[("epochs", 0), ("epochs", 2.5), ("lr_step", 0), ("lr_gamma", 0.0), ("lr_gamma", 1.1)],
        *[("mixup", -0.1), ("noise", "a lot"), ("scaling", "zscore")],
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: object):
    with pytest.raises(InputError, match=f"Parameter {name} = "):
        replace(QUICK, **{name: value})


def test_shortened_keeps_the_shape_of_the_schedule():
    assert PUBLISHED.shortened(0.1) == replace(PUBLISHED, epochs=100, lr_step=50)
    assert QUICK.shortened(0.001) == replace(QUICK, epochs=1, lr_step=1)


# ---------------------------------------------------------------------------------------------------------------------
# Many fits

FITS = [FitCall(QUICK, seed, TASK) for seed in range(3)]


def count_fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Recipe, int]]:
    done, real = [], recipes.fit

    def counted(recipe: Recipe, seed: int, task: Task, at: Sequence[int] = ()) -> np.ndarray:
        result = real(recipe, seed, task, at)
        done.append((recipe, seed))
        return result

    monkeypatch.setattr(recipes, "fit", counted)
    return done


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done = count_fits(monkeypatch)
    results = fit_all([*FITS, FITS[0]], tmp_path)
    assert len(done) == 3
    np.testing.assert_array_equal(results[3], results[0])
    np.testing.assert_array_equal(results[1], fit(QUICK, 1, TASK))
    again = fit_all([FITS[2], FITS[1]], tmp_path)
    assert len(done) == 3
    np.testing.assert_array_equal(again, [results[2], results[1]])


def test_an_interrupted_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done, real = [], recipes.fit

    def interrupted(recipe: Recipe, seed: int, *rest: object) -> np.ndarray:
        if seed == 1:
            raise KeyboardInterrupt
        done.append(seed)
        return real(recipe, seed, *rest)

    monkeypatch.setattr(recipes, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_all(FITS, tmp_path)
    monkeypatch.setattr(recipes, "fit", real)
    (tmp_path / "half.123.part").write_bytes(b"of a process that was killed")
    rest = count_fits(monkeypatch)
    fit_all(FITS, tmp_path)
    assert done == [0]
    assert [seed for _, seed in rest] == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        FITS[0]._replace(seed=7),
        FITS[0]._replace(recipe=replace(QUICK, mixup=0.2)),
        FITS[0]._replace(at=(1,)),
        FITS[0]._replace(task=TASK._replace(labels=1 - TASK.labels)),
        FITS[0]._replace(task=make_task(SAMPLES, TRAIN[1:], TEST)),
    ],
    ids=["seed", "recipe", "epochs", "labels", "split"],
)
def test_whatever_differs_is_another_fit(other: FitCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done = count_fits(monkeypatch)
    fit_all([FITS[0]], tmp_path)
    fit_all([other], tmp_path)
    assert len(done) == 2


def test_other_processes_give_the_same_numbers(tmp_path: Path):
    with recipes.process_pool(1) as pool:
        results = fit_all(FITS[:2], tmp_path, pool)
    np.testing.assert_array_equal(results, [fit(*one) for one in FITS[:2]])


ORPHANS = """
import os, sys
from mldrl_lite.studies.recipes import process_pool
if __name__ == "__main__":
    pool = process_pool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""


def test_a_pool_ends_with_its_parent(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS)
    parent = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    assert worker.is_running()
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 20
    while time.monotonic() < end and worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.1)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


# ---------------------------------------------------------------------------------------------------------------------
# Baselines and the choice


def test_the_choice_does_not_see_the_test_samples(tmp_path: Path):
    candidates = {"slow": replace(QUICK, lr=1e-6), "quick": replace(QUICK, hidden_dim=32, epochs=8)}
    trials = recipes.cross_validate(candidates, SAMPLES, TRAIN, tmp_path / "a", folds=2, seeds=1)
    views = tuple(view.copy() for view in SAMPLES.views)
    for view in views:
        view[TEST] = np.nan
    spoiled = replace(SAMPLES, views=views, labels=np.where(np.arange(160) < 120, SAMPLES.labels, 7))
    pd.testing.assert_frame_equal(
        recipes.cross_validate(candidates, spoiled, TRAIN, tmp_path / "b", folds=2, seeds=1), trials
    )
    assert trials.groupby("recipe")["auroc"].mean().idxmax() == "quick"
    assert list(trials.columns) == ["recipe", "fold", "seed", "accuracy", "f1", "auroc"]
    assert len(trials) == 4


@pytest.mark.parametrize("name", recipes.BASELINES)
def test_baselines_are_tuned_and_give_probabilities(name: str):
    probabilities, chosen = recipes.fit_baseline(name, TASK, folds=2)
    assert probabilities.shape == (len(TEST), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert roc_auc_score(SAMPLES.labels[TEST], probabilities[:, 1]) > 0.75
    grid = recipes.BASELINES[name].grid
    assert {key.rpartition("__")[2] for key in grid} == set(chosen)
    assert all(value in grid[next(key for key in grid if key.endswith(short))] for short, value in chosen.items())


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="did you mean 'random forest'"):
        recipes.fit_baseline("randomforest", TASK)


def test_ensembles_average_runs_that_follow_each_other():
    runs = np.arange(5.0)[:, None, None] * np.ones((5, 3, 2))
    np.testing.assert_array_equal(recipes.ensembles(runs, 2)[:, 0, 0], [0.5, 2.5])


# ---------------------------------------------------------------------------------------------------------------------
# Judging


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
    found = recipes.bootstrap(labels, probabilities, resamples=20, seed=9)
    pd.testing.assert_frame_equal(found, pd.DataFrame(wanted))


def test_an_interval_is_as_wide_as_the_binomial_says():
    table = recipes.summary(*made_up(400, 320))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    accuracy = table.loc["accuracy"]
    assert accuracy["mean"] == 0.8
    assert accuracy["low"] == pytest.approx(0.8 - half, abs=0.006)
    assert accuracy["high"] == pytest.approx(0.8 + half, abs=0.006)
    assert np.isnan(accuracy["sd"])
    assert accuracy["n"] == 1


def test_nothing_is_uncertain_about_a_model_that_is_always_right():
    table = recipes.summary(*made_up(50, 50))
    assert (table[["mean", "low", "high"]] == 1).all(axis=None)


def test_the_difference_of_a_model_from_itself_is_zero():
    case = made_up(60, 40)
    assert ((recipes.bootstrap(*case) - recipes.bootstrap(*case)) == 0).all(axis=None)


def test_a_resample_without_one_class_has_no_area_and_spoils_no_interval():
    labels, probabilities = made_up(3, 2)
    resampled = recipes.bootstrap(labels, probabilities)
    assert resampled["auroc"].isna().any()
    assert recipes.interval(resampled).notna().all(axis=None)


def test_sd_and_n_are_over_the_runs():
    labels, good = made_up(100, 90)
    _, bad = made_up(100, 70)
    table = recipes.summary(labels, np.concatenate([good, bad]))
    assert table.loc["accuracy", ["mean", "sd", "n"]].tolist() == pytest.approx([0.8, np.std([0.9, 0.7], ddof=1), 2])


# ---------------------------------------------------------------------------------------------------------------------
# The real study, as far as a test can afford it


@pytest.fixture(scope="module")
def real_task(rosmap: Path) -> tuple[Task, np.ndarray]:
    samples = sources.load("ROSMAP", str(rosmap))
    train, test = (np.flatnonzero(samples.published_test == part) for part in (False, True))
    return make_task(samples, train, test), samples.labels[test]


def test_the_published_protocol_gives_what_was_measured(real_task: tuple[Task, np.ndarray]):
    task, labels = real_task
    metrics = recipes.score(labels, fit(PUBLISHED, 0, task)).iloc[0]
    assert metrics["accuracy"] == pytest.approx(0.816, abs=3 * 0.015)
    assert metrics["auroc"] == pytest.approx(0.900, abs=3 * 0.009)


@pytest.mark.parametrize(
    ("name", "accuracy", "auroc"), [("logistic regression", 0.821, 0.895), ("shrinkage LDA", 0.830, 0.902)]
)
def test_linear_models_give_what_was_measured(name: str, accuracy: float, auroc: float, real_task):
    task, labels = real_task
    metrics = evaluate(labels, recipes.fit_baseline(name, task)[0], binary=True)
    assert metrics["accuracy"] == pytest.approx(accuracy, abs=0.011)
    assert metrics["auroc"] == pytest.approx(auroc, abs=0.005)
