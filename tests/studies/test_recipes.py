"""A recipe, and one fit with it: what its results may depend on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from small_study import QUICK, SAMPLES, TASK, TEST, TRAIN

from mldrl_lite import sources
from mldrl_lite.messages import InputError
from mldrl_lite.metrics import evaluate
from mldrl_lite.studies import baselines, judging
from mldrl_lite.studies.recipes import PUBLISHED, Task, fit, make_task


def auroc(probabilities: np.ndarray) -> float:
    return roc_auc_score(SAMPLES.labels[TEST], probabilities[-1][:, 1])


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


@pytest.fixture(scope="module")
def real_task(rosmap: Path) -> tuple[Task, np.ndarray]:
    samples = sources.load("ROSMAP", str(rosmap))
    train, test = (np.flatnonzero(samples.published_test == part) for part in (False, True))
    return make_task(samples, train, test), samples.labels[test]


@pytest.mark.whole
@pytest.mark.slow
def test_the_published_protocol_gives_what_was_measured(real_task: tuple[Task, np.ndarray]):
    task, labels = real_task
    metrics = judging.score(labels, fit(PUBLISHED, 0, task)).iloc[0]
    assert metrics["accuracy"] == pytest.approx(0.816, abs=3 * 0.015)
    assert metrics["auroc"] == pytest.approx(0.900, abs=3 * 0.009)


@pytest.mark.parametrize(
    ("name", "accuracy", "auroc"), [("logistic regression", 0.821, 0.895), ("shrinkage LDA", 0.830, 0.902)]
)
def test_linear_models_give_what_was_measured(name: str, accuracy: float, auroc: float, real_task):
    task, labels = real_task
    metrics = evaluate(labels, baselines.fit_baseline(name, task)[0], binary=True)
    assert metrics["accuracy"] == pytest.approx(accuracy, abs=0.011)
    assert metrics["auroc"] == pytest.approx(auroc, abs=0.005)
