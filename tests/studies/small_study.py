"""Samples and a recipe that are quick to fit."""

import numpy as np

from mldrl_lite import sources
from mldrl_lite.studies.recipes import Recipe, make_task

QUICK = Recipe(hidden_dim=8, lr=3e-3, epochs=3)
SAMPLES = sources.simulated(n_samples=160, n_features=30, corrupted_share=0.0, wrong_share=0.0)
TRAIN, TEST = np.arange(120), np.arange(120, 160)
TASK = make_task(SAMPLES, TRAIN, TEST)
