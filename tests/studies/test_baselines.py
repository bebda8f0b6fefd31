"""Baselines are tuned, and give probabilities."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from small_study import SAMPLES, TASK, TEST

from mldrl_lite.messages import InputError
from mldrl_lite.studies import baselines


@pytest.mark.parametrize("name", baselines.BASELINES)
def test_baselines_are_tuned_and_give_probabilities(name: str):
    probabilities, chosen = baselines.fit_baseline(name, TASK, folds=2)
    assert probabilities.shape == (len(TEST), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert roc_auc_score(SAMPLES.labels[TEST], probabilities[:, 1]) > 0.75
    grid = baselines.BASELINES[name].grid
    assert {key.rpartition("__")[2] for key in grid} == set(chosen)
    assert all(value in grid[next(key for key in grid if key.endswith(short))] for short, value in chosen.items())


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="did you mean 'random forest'"):
        baselines.fit_baseline("randomforest", TASK)
