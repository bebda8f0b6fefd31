"""Answers to the exercises of notebook 09."""

import math

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import resample

from answers import Answers, answers_to


def by_loop(validation, test):
    picked = [row.tolist().index(max(row)) for row in validation]
    return sum(row[epoch] for row, epoch in zip(test, picked, strict=True)) / len(test)


def by_take(validation, test):
    return np.take_along_axis(test, validation.argmax(axis=1, keepdims=True), axis=1).mean()


def by_mask(validation, test):
    return test[validation == validation.max(axis=1, keepdims=True)].mean()


def by_frame(validation, test):
    best = pd.DataFrame(validation).idxmax(axis=1)
    return np.mean([test[run, epoch] for run, epoch in best.items()])


@answers_to("check_honest_score")
def honest_score() -> Answers:
    rows = np.arange(6)
    wrong = [
        (lambda validation, test: test.max(axis=1).mean(), "the leak"),
        (lambda validation, test: validation.max(axis=1).mean(), "who judges"),
        (lambda validation, test: test[:, validation.mean(axis=0).argmax()].mean(), "one epoch for all"),
        (lambda validation, test: test[:, -1].mean(), "the last epoch"),
        (lambda validation, test: test[rows, validation.argmin(axis=1)].mean(), "worst epoch"),
        (lambda validation, test: test[:, validation.argmax(axis=1)].mean(), "pair them"),
        (lambda validation, test: test[rows, validation.argmax(axis=1)], "one number"),
        (lambda validation: validation.max(), "TypeError"),
    ]
    return Answers([by_loop, by_take, by_mask, by_frame, lambda *both: round(by_take(*both), 4)], wrong)


def paired(labels, first, second, seed=0):
    draws = np.random.default_rng(seed).integers(len(labels), size=(1000, len(labels)))
    difference = (first == labels).astype(float) - (second == labels)
    return np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])


def drawn_one_by_one(labels, first, second):
    random, found = np.random.default_rng(3), []
    for _ in range(600):
        who = random.choice(len(labels), len(labels))
        found.append(np.mean(first[who] == labels[who]) - np.mean(second[who] == labels[who]))
    found.sort()
    return found[15], found[-16]


def by_standard_deviation(labels, first, second):
    draws = np.random.default_rng(1).integers(len(labels), size=(2000, len(labels)))
    difference = ((first == labels).astype(float) - (second == labels))[draws].mean(axis=1)
    return difference.mean() - 1.96 * difference.std(), difference.mean() + 1.96 * difference.std()


def by_resampling(labels, first, second):
    gains = []
    for _ in range(400):
        truth, one, other = resample(labels, first, second)
        gains.append(accuracy_score(truth, one) - accuracy_score(truth, other))
    return tuple(np.percentile(gains, [2.5, 97.5]))


def by_formula(labels, first, second):
    difference = (first == labels).astype(float) - (second == labels)
    reach = 1.96 * difference.std() / math.sqrt(len(labels))
    return difference.mean() - reach, difference.mean() + reach


def unpaired(labels, first, second):
    random, n = np.random.default_rng(0), len(labels)
    ours, theirs = ((guess == labels)[random.integers(n, size=(1000, n))].mean(axis=1) for guess in (first, second))
    return np.quantile(ours - theirs, [0.025, 0.975])


def without_putting_back(labels, first, second):
    random, right = np.random.default_rng(0), (first == labels).astype(float) - (second == labels)
    return np.quantile([random.permutation(right).mean() for _ in range(200)], [0.025, 0.975])


def ninety(labels, first, second):
    draws = np.random.default_rng(0).integers(len(labels), size=(1000, len(labels)))
    difference = (first == labels).astype(float) - (second == labels)
    return np.quantile(difference[draws].mean(axis=1), [0.05, 0.95])


def by_scipy(labels, first, second):
    difference = (first == labels).astype(float) - (second == labels)
    limits = bootstrap((difference,), np.mean, n_resamples=1000, random_state=0).confidence_interval
    return limits.low, limits.high


def without_labels(labels, first, second):
    draws = np.random.default_rng(0).integers(len(labels), size=(1000, len(labels)))
    return np.quantile((first != second)[draws].mean(axis=1), [0.025, 0.975])


def without_sign(labels, first, second):
    return sorted(np.abs(paired(labels, first, second)))


def of_limits(labels, first, second):
    ours, theirs = (paired(labels, guess, 1 - labels) for guess in (first, second))
    return sorted(ours - theirs)


def small_percentiles(labels, first, second):
    draws = np.random.default_rng(0).integers(len(labels), size=(1000, len(labels)))
    difference = (first == labels).astype(float) - (second == labels)
    return np.percentile(difference[draws].mean(axis=1), [0.025, 0.975])


@answers_to("check_difference_interval")
def difference_interval() -> Answers:
    wrong = [
        (by_formula, "no draws"),
        (unpaired, "the same people for both"),
        (lambda labels, first, second: paired(labels, second, first), "which accuracy is taken from which"),
        (without_putting_back, "the same person twice"),
        (ninety, "too narrow"),
        (without_labels, "the sign get lost"),
        (without_sign, "the sign get lost"),
        (of_limits, "too narrow"),
        (small_percentiles, "np.percentile to 100"),
        (lambda *guesses: paired(*guesses)[::-1], "lower limit comes first"),
        (lambda *guesses: paired(*guesses).mean(), "two numbers"),
    ]
    return Answers([paired, drawn_one_by_one, by_standard_deviation, by_scipy, by_resampling], wrong)


@answers_to("check_test_size")
def test_size() -> Answers:
    needed = 0.83 * 0.17 * (1.96 / 0.02) ** 2
    wrong = [
        (0.83 * 0.17 / 0.02**2, "one standard deviation"),
        (4 * needed, "in all"),
        (math.sqrt(needed), "becomes of the root"),
        (1.96 * 0.83 * 0.17 / 0.02**2, "outside the root"),
        (0.25 * (1.96 / 0.02) ** 2, "worst case"),
        (100, "solve for n"),
        ("many", "give a number"),
    ]
    return Answers([needed, math.ceil(needed), 1400, np.float64(1355)], wrong, {"accuracy": 0.83, "reach": 0.02})


KS = [1, 3, 9, 27, 81]


def model_of(k):
    return KNeighborsClassifier(k)


def by_cross_validation(train_x, train_y, test_x, test_y):
    best = max(KS, key=lambda k: cross_val_score(model_of(k), train_x, train_y).mean())
    return model_of(best).fit(train_x, train_y).score(test_x, test_y)


def by_grid(train_x, train_y, test_x, test_y):
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": KS}).fit(train_x, train_y)
    return (search.predict(test_x) == test_y).mean()


def by_held_out(train_x, train_y, test_x, test_y):
    rest, part = slice(None, -120), slice(-120, None)
    scores = {k: model_of(k).fit(train_x[rest], train_y[rest]).score(train_x[part], train_y[part]) for k in KS}
    return model_of(max(scores, key=scores.get)).fit(train_x, train_y).score(test_x, test_y)


def by_random_part(train_x, train_y, test_x, test_y):
    learn_x, part_x, learn_y, part_y = train_test_split(train_x, train_y, test_size=0.3)
    fitted = [model_of(k).fit(learn_x, learn_y) for k in KS]
    return max(fitted, key=lambda model: model.score(part_x, part_y)).score(test_x, test_y)


def leaks(train_x, train_y, test_x, test_y):
    return max(model_of(k).fit(train_x, train_y).score(test_x, test_y) for k in KS)


def by_training_accuracy(train_x, train_y, test_x, test_y):
    best = max(KS, key=lambda k: model_of(k).fit(train_x, train_y).score(train_x, train_y))
    return model_of(best).fit(train_x, train_y).score(test_x, test_y)


def of_training(train_x, train_y, test_x, test_y):
    return cross_val_score(model_of(27), train_x, train_y).mean()


def always(k):
    return lambda train_x, train_y, test_x, test_y: model_of(k).fit(train_x, train_y).score(test_x, test_y)


def mean_over_all(train_x, train_y, test_x, test_y):
    return np.mean([model_of(k).fit(train_x, train_y).score(test_x, test_y) for k in KS])


def still_leaks(train_x, train_y, test_x, test_y):
    best = max(KS, key=lambda k: cross_val_score(model_of(k), test_x, test_y).mean())
    fitted = model_of(best).fit(np.concatenate([train_x, test_x]), np.concatenate([train_y, test_y]))
    return fitted.score(test_x, test_y)


@answers_to("check_mended_test")
def mended_test() -> Answers:
    wrong = [
        (leaks, "still profits"),
        (still_leaks, "still profits"),
        (by_training_accuracy, "one neighbour"),
        (of_training, "that of the test"),
        (lambda *parts: 0.5, "that of the test"),
        (always(1), "one neighbour"),
        (always(3), "many neighbours are wise"),
        *((always(k), "few neighbours are wise") for k in (9, 27, 81)),
        (mean_over_all, "choose one k"),
        (lambda *parts: model_of(27).fit(*parts[:2]), "one number"),
        (lambda train: 0.5, "TypeError"),
        (lambda *parts: 80.0, "between 0 and 1"),
    ]
    return Answers([by_cross_validation, by_grid, by_held_out, by_random_part], wrong)
