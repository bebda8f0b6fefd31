"""The study of notebook 09: it sees no test label where it chooses, and the file of ROSMAP holds what is said of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from small_study import SAMPLES, TEST

from mldrl_lite.messages import InputError
from mldrl_lite.studies import comparing, findings, full_study, study
from mldrl_lite.studies.findings import BEST_LOOK, CLAIM, read_rosmap_study, table_of
from mldrl_lite.studies.study import CHOSEN, ENSEMBLES, Settings

SMALL = Settings(folds=2, seeds=2, share=0.02, trials=2)
TWO = ("logistic regression", "shrinkage LDA")  # the baselines that are quick to tune


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[findings.Findings]:
    """The findings of a study of small recipes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "BASELINES", {name: study.BASELINES[name] for name in TWO})
        small = {name: replace(recipe, hidden_dim=8) for name, recipe in study.RECIPES.items()}
        patch.setattr(full_study, "RECIPES", small)
        yield full_study.run_study(SAMPLES, SMALL, tmp_path_factory.mktemp("study"))


def test_a_study_fits_into_a_file_and_comes_back(found: findings.Findings, tmp_path: Path):
    findings.write_findings(found, tmp_path / "found.json")
    assert json.loads((tmp_path / "found.json").read_text()) == json.loads(json.dumps(found))
    summary = table_of(found, "summary")
    names = [*TWO, "script of 2023", "lr 1e-3, longer", "published protocol", BEST_LOOK, CHOSEN, ENSEMBLES]
    assert list(summary.index.unique("model")) == names
    assert (summary["low"] <= summary["mean"]).all()
    assert (summary["mean"] <= summary["high"]).all()
    best = np.array(found["curves"]["accuracy"]).max(axis=1).mean()
    assert summary.loc[(BEST_LOOK, "accuracy"), "mean"] == pytest.approx(best, abs=1e-4)


def test_the_search_sees_no_test_label_and_goes_on_where_it_was(found: findings.Findings, tmp_path: Path):
    labels, views = SAMPLES.labels.copy(), tuple(view.copy() for view in SAMPLES.views)
    labels[TEST] = 1 - labels[TEST]
    for view in views:
        view[TEST] = np.nan
    spoiled, train = replace(SAMPLES, labels=labels, views=views), np.setdiff1d(np.arange(160), TEST)
    first, second = (
        study.search_recipe(samples, train, SMALL, tmp_path / name) for name, samples in
        (("a/search", SAMPLES), ("b/search", spoiled))
    )  # fmt: skip
    assert first.trials() == second.trials()
    fits = list((tmp_path / "a" / "fits").iterdir())
    more = study.search_recipe(SAMPLES, train, replace(SMALL, trials=3), tmp_path / "a" / "search")
    assert len(more.trials()) == 3
    assert len(list((tmp_path / "a" / "fits").iterdir())) == len(fits) + SMALL.folds
    assert found["search"]["trials"] == 2


def test_the_two_largest_classes_are_compared():
    labels = np.repeat([0, 1, 2], [20, 10, 30])
    views = tuple(np.arange(60, dtype=np.float32)[:, None] for _ in range(2))
    three = replace(SAMPLES, labels=labels, views=views, class_names=("a", "b", "c"), corrupted=None)
    two = study.two_classes(three)
    assert two.class_names == ("a", "c")
    assert np.bincount(two.labels).tolist() == [20, 30]
    assert two.views[0].ravel().tolist() == [*range(20), *range(30, 60)]
    assert study.two_classes(two).labels.tolist() == two.labels.tolist()
    with pytest.raises(InputError, match="20 and 3 samples"):
        study.two_classes(replace(three, labels=np.repeat([0, 1, 2], [20, 3, 3]), views=views))


def test_looks_are_at_the_start_the_end_and_between():
    assert study.look_epochs(study.RECIPES["published protocol"])[:3] == (0, 50, 100)
    assert study.look_epochs(replace(study.RECIPES["script of 2023"], epochs=2)) == (0, 1, 2)


def test_the_pictures_show_every_model(found: findings.Findings):
    for draw in (comparing.draw_looks, comparing.draw_intervals, comparing.draw_reliability):
        panels = draw({"here": found, "there": found}).axes
        assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == ["here", "there"]
    shown = [label.get_text() for label in comparing.draw_intervals({"here": found}).axes[0].get_yticklabels()]
    assert shown == [name for name in table_of(found, "summary").index.unique("model") if name != "script of 2023"]
    unwatched = found | {"summary": [row for row in found["summary"] if row["model"] != BEST_LOOK]}
    panel = comparing.draw_intervals({"here": unwatched, "there": found}).axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == shown
    assert len(comparing.draw_rises({"here": found["rises"]}).axes) == 1
    plt.close("all")


def runs_of(sure: list[float], right: list[bool]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels, and for each model two equal runs that are so sure of their answers, and so often right."""
    labels, answers = np.zeros(len(sure), int), np.array([sure, 1 - np.array(sure)]).T
    answers[~np.array(right)] = answers[~np.array(right)][:, ::-1]
    return labels, dict.fromkeys(findings.SURE, np.stack([answers, answers]))


def test_a_gap_between_sureness_and_right_answers_has_an_interval_of_people():
    table = findings.sureness(*runs_of([0.9] * 100, [True] * 80 + [False] * 20)).loc[CHOSEN]
    assert table[["how sure", "share right", "gap"]].tolist() == pytest.approx([0.9, 0.8, 0.1])
    half = 1.96 * np.sqrt(0.8 * 0.2 / 100)  # two equal runs are no more people than one
    assert table[["low", "high"]].tolist() == pytest.approx([0.1 - half, 0.1 + half], abs=0.012)


def test_opposite_errors_cancel_in_the_mean_and_not_in_the_parts():
    labels, results = runs_of([0.6] * 50 + [0.9] * 50, [True] * 40 + [False] * 10 + [True] * 35 + [False] * 15)
    assert findings.sureness(labels, results).loc[CHOSEN, "gap"] == pytest.approx(0)
    parts = findings.reliability(labels, results, parts=2).loc[CHOSEN]
    assert parts["how sure"].tolist() == pytest.approx([0.6, 0.9])
    assert parts["share right"].tolist() == pytest.approx([0.8, 0.7])


# ---------------------------------------------------------------------------------------------------------------------
# The file


def test_the_file_of_the_full_study_tells_its_origin():
    found = read_rosmap_study()
    origin = found["origin"]
    assert origin["settings"]["share"] == 1.0
    assert {"data", "date", "commit", "versions", "command"} <= set(origin)
    assert "dirty" not in origin["commit"]
    assert (found["train"], found["test"]) == (245, 106)
    assert np.array(found["curves"]["accuracy"]).shape == (origin["settings"]["seeds"], 21)
    assert origin["settings"]["seeds"] >= 5


def test_what_the_page_says_of_the_full_study_stands_in_its_file():
    found = read_rosmap_study()
    mean = table_of(found, "summary")["mean"].unstack()
    distance = (CLAIM.loc["mean"] - mean) / CLAIM.loc["sd"]
    assert (distance.loc["published protocol"] > 1).all()
    assert (distance.loc[BEST_LOOK].abs() < 1).all()
    assert (distance.loc[ENSEMBLES, ["accuracy", "auroc"]].abs() < 1).all()
    limits = table_of(found, "differences").loc[list(TWO)]
    assert ((limits["low"] < 0) & (limits["high"] > 0)).all()


def test_the_file_agrees_with_what_was_measured_before():
    mean = table_of(read_rosmap_study(), "summary")["mean"]
    for model, accuracy, auroc in (("published protocol", 0.816, 0.900), ("shrinkage LDA", 0.830, 0.902)):
        assert mean[model, "accuracy"] == pytest.approx(accuracy, abs=0.015)
        assert mean[model, "auroc"] == pytest.approx(auroc, abs=0.009)
