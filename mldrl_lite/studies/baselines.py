"""Plain classifiers of scikit-learn, tuned by cross-validation, to compare recipes with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.sources import Floats
from mldrl_lite.studies.recipes import Task


class Baseline(NamedTuple):
    """A classifier of scikit-learn, and the settings that cross-validation chooses from."""

    classifier: ClassifierMixin
    grid: Mapping[str, Sequence[Any]]


BASELINES = {
    "logistic regression": Baseline(LogisticRegression(max_iter=5000), {"C": np.logspace(-3, 0, 7).tolist()}),
    "shrinkage LDA": Baseline(LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [0.1, 0.3, 0.5, 0.7, 0.9]}),
    # Calibrated in one piece, which gives probabilities and keeps the order of the samples.
    "RBF SVM": Baseline(
        CalibratedClassifierCV(SVC(), ensemble=False), {"estimator__C": np.logspace(-1, 2, 7).tolist()}
    ),
    "random forest": Baseline(RandomForestClassifier(200, random_state=0), {"min_samples_leaf": [1, 3, 5]}),
}


def fit_baseline(name: str, task: Task, folds: int = 5) -> tuple[Floats, dict[str, Any]]:
    """Tune a baseline by cross-validation on the task's samples, fit it on all of them, and classify the new ones.

    The views stand side by side, each feature scaled to mean 0 and standard deviation 1. What is chosen has the best
    area under the ROC curve.

    Returns:
        Class probabilities, shape (N, C), and the settings that were chosen.

    Raises:
        InputError: no baseline has that name.
    """
    if name not in BASELINES:
        raise InputError(f"No baseline {name!r}{did_you_mean(name, BASELINES)}: give {listing(BASELINES)}.")
    classifier, grid = BASELINES[name]
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", classifier)])
    grid = {f"classify__{key}": values for key, values in grid.items()}
    search = GridSearchCV(
        pipeline, grid, scoring="roc_auc_ovr", cv=StratifiedKFold(folds, shuffle=True, random_state=0)
    )
    search.fit(np.concatenate(task.views, axis=1), task.labels)
    chosen = {key.rpartition("__")[2]: value for key, value in search.best_params_.items()}
    return search.predict_proba(np.concatenate(task.new_views, axis=1)), chosen
