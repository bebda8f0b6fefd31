"""The checks of notebook 09."""

import math

import numpy as np

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_function, not_yet, number, numeric, right
from mldrl_lite.teach.exercises.trial import apart, numbers_from


@in_steps
def check_honest_score(answer: object) -> Feedback:
    """Check a function that picks, for each run, the epoch that is best on validation, and scores it on test."""
    validation, test = np.random.default_rng(0).uniform(size=(2, 6, 9))
    calls = [(validation.copy(), test.copy())]
    given = numbers_from(answer, calls, "two arrays of 6 runs and 9 epochs", "the mean over the runs")
    return given if isinstance(given, Feedback) else _judge_honest_score(*given, validation, test)


def _judge_honest_score(given: float, validation: np.ndarray, test: np.ndarray) -> Feedback:
    runs = np.arange(len(test))
    feedback = [
        (test[runs, validation.argmax(axis=1)].mean(), ""),
        (test.max(axis=1).mean(), "that is the best of each run on test: the leak. Which array may choose?"),
        (validation.max(axis=1).mean(), "that is what the picked epochs give where they were picked; who judges?"),
        (test[:, validation.mean(axis=0).argmax()].mean(), "that is one epoch for all; each run may pick its own."),
        (
            test[:, validation.argmax(axis=1)].mean(),
            "that takes the epochs of all runs for each run; pair them up.",
        ),
        (test[:, -1].mean(), "that is the last epoch, honest too, but nothing has been picked."),
        (test[runs, validation.argmin(axis=1)].mean(), "that is the worst epoch on validation; here more is better."),
        (validation.argmax(axis=1).mean(), "that is the mean number of the epoch; what does test give there?"),
    ]
    nearest, nudge = min(feedback, key=lambda pair: abs(given - pair[0]))
    if not math.isclose(given, nearest, abs_tol=6e-5):  # somebody may have rounded
        return not_yet("for a single run: where is its row of validation largest, and what is in test there?")
    if nudge:
        return not_yet(nudge)
    return right("the validation set picks, the test set judges, and neither does the other's work.")


@in_steps
def check_difference_interval(answer: object) -> Feedback:
    """Check a function that returns the 95 % bootstrap interval of the difference of two accuracies, paired."""
    if nudge := not_a_function(answer):
        return nudge
    labels, first, second = _two_models()
    # In several orders, so that the luck of the draws evens out.
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(len(labels)), (4, 1)), axis=1)
    try:
        with apart():
            limits = [_two_limits(answer(labels[order], first[order], second[order])) for order in orders]
            turned = _two_limits(answer(labels.copy(), second.copy(), first.copy()))
            of_equals = _two_limits(answer(labels.copy(), second.copy(), second.copy()))
    except Exception as error:
        return not_yet(f"called with three arrays of 2000 classes, it stops with {type(error).__name__}: {error}")
    if None in (*limits, turned, of_equals):
        return not_yet("it should return two numbers, the lower and the upper limit.")
    if _drew_nothing(limits):
        return not_yet("whatever the order of the people, the limits are the same: a formula made them, and no draws.")
    low, high = np.mean(limits, axis=0)
    if low <= high and high > 0 and turned[1] > 0:
        return not_yet("a model that knows less has no negative difference; does the sign get lost?")
    return _judge_difference_interval(low, high, of_equals)


_DIFFERENCE, _SD = 0.2, 0.6  # of being right, first minus second: in the mean, and from person to person


def _two_models() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, and what two models say: 55 % both right, 30 % only the first, 10 % only the second, 5 % none."""
    labels, person = np.arange(2000) % 2, np.arange(2000) // 2 % 20
    first_right, second_right = person < 17, (person < 11) | (person == 17) | (person == 18)
    return labels, np.where(first_right, labels, 1 - labels), np.where(second_right, labels, 1 - labels)


def _two_limits(given: object) -> tuple[float, float] | None:
    try:
        low, high = given
    except (TypeError, ValueError):
        return None
    limits = number(low), number(high)
    return None if None in limits else limits


def _drew_nothing(limits: list[tuple[float, float]]) -> bool:
    """Say whether the limits are alike in every order, and none of the values that a mean over 2000 people can have."""
    people = np.array(limits) * 2000
    return np.ptp(people, axis=0).max() < 1e-6 and not np.allclose(people, people.round(), atol=1e-6)


def _judge_difference_interval(low: float, high: float, of_equals: tuple[float, float]) -> Feedback:
    expected = 2 * 1.96 * _SD / math.sqrt(2000)
    if low > high:
        return not_yet("the lower limit comes first.")
    if high < 0:
        return not_yet("a model that knows more gets a negative difference; which accuracy is taken from which?")
    if any(limit != 0 for limit in of_equals if not math.isnan(limit)):  # some methods know no interval of a constant
        return not_yet("a model differs from itself: each draw has to be of the same people for both models.")
    if high - low < 0.1 * expected:
        return not_yet("the interval has hardly any width; may a draw hold the same person twice?")
    if high < _DIFFERENCE and high - low < 0.6 * expected:
        return not_yet("both limits lie at the lower end of the draws; np.quantile counts to 1, np.percentile to 100.")
    if not low < _DIFFERENCE < high:
        return not_yet(
            "it misses the difference in the samples themselves; is it the two accuracies that you subtract?"
        )
    if not 0.92 < (high - low) / expected < 1.12:
        wide = "wide" if high - low > expected else "narrow"
        return not_yet(
            f"it is too {wide} for 95 %: how much is cut off at each end, and how many people are in a draw?"
        )
    return right("the same people for both, so what is hard for both does not count as a difference.")


@in_steps
def check_test_size(answer: object, accuracy: float, reach: float) -> Feedback:
    """Check the number of test samples for which the 95 % interval of an accuracy reaches `reach` to each side."""
    given, variance = numeric(answer), accuracy * (1 - accuracy)
    if isinstance(given, Feedback):
        return given
    needed = variance * (1.96 / reach) ** 2
    if 0.95 * needed < given < 1.1 * needed:
        return right(f"about {needed:.0f}. Four times as many people halve it.")
    nudges = {
        variance / reach**2: "that is for one standard deviation; a 95 % interval reaches 1.96 of them.",
        variance
        * (2 * 1.96 / reach) ** 2: "that is for an interval of this width in all; it reaches so far to each side.",
        math.sqrt(needed): "the number of samples stands below a root; what becomes of the root?",
        variance * 1.96 / reach**2: "1.96 stands outside the root: what happens to it when you square?",
        (1.96 / reach) ** 2: "that leaves out how much the answers vary: p (1 - p).",
        (1.96 / reach) ** 2 / 4: "that is for an accuracy of one half, the worst case; this one is known better.",
    }
    near = [nudge for value, nudge in nudges.items() if abs(given / value - 1) < 0.03]
    return not_yet(near[0] if near else f"set 1.96 √(p (1 - p) / n) equal to {reach}, and solve for n.")


@in_steps
def check_mended_test(answer: object) -> Feedback:
    """Check a function that chooses how many neighbours vote, and returns the accuracy on test samples.

    If the choice has not seen the test labels, then with all of them turned the accuracy is one minus what it was. And
    a function that chooses is good both where many votes are wise and where few are.
    """
    *train, views, labels = _many_are_wise()
    calls = [(*(part.copy() for part in train), views.copy(), truth) for truth in (labels, 1 - labels)]
    given = numbers_from(answer, [*calls, _few_are_wise()], "four arrays", "the accuracy on the test samples")
    return given if isinstance(given, Feedback) else _judge_mended_test(*given)


_Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _many_are_wise() -> _Arrays:
    """Return features and labels to learn from, and to test on: two far groups, a quarter of the first labels wrong.

    One neighbour is right on three of four, 3 on 84 %, 9 on 95 %, 27 and 81 on nearly all.
    """
    random, labels = np.random.default_rng(2), np.arange(1200) % 2
    features = random.normal(size=(1200, 2)) + 20 * labels[:, None]
    wrong = np.where(random.random(1000) < 0.25, 1 - labels[:1000], labels[:1000])
    return features[:1000], wrong, features[1000:], labels[1000:]


def _few_are_wise() -> _Arrays:
    """Return features and labels as above: at each of 40 places, 4 samples of class 1 beside 6 of class 0.

    One or three neighbours are right, more of them vote for class 0 nearly everywhere.
    """
    random, labels = np.random.default_rng(3), np.tile(np.repeat([0, 1], [6, 4]), 40)
    places = 100 * np.repeat(np.arange(40), 10) + labels
    first, second = (np.stack([places, 0 * places], axis=1) + random.normal(scale=0.05, size=(400, 2)) for _ in "ab")
    order = random.permutation(400)
    return first[order], labels[order], second, labels


def _judge_mended_test(many: float, turned: float, few: float) -> Feedback:
    if not all(0 <= value <= 1 for value in (many, turned, few)):
        return not_yet("an accuracy lies between 0 and 1.")
    if many == turned < 1:
        return not_yet("turned test labels change nothing; is the accuracy that of the test?")
    if many + turned > 1.001:
        return not_yet(
            "with every test label turned into its opposite, the model should be right where it was wrong, and no "
            "more; this one still profits. Where do test labels take part in a choice?"
        )
    if many + turned < 0.999:
        return not_yet("it does not judge the same predictions by all of the test labels.")
    if math.isclose(many, _accuracy_of_one_neighbour()):
        return not_yet(
            "it ends with one neighbour: of a training sample, that is the sample itself, which is always right. On "
            "which samples may a model be judged that was made from these?"
        )
    if min(many, few) < 0.9:
        samples = "many neighbours are wise" if many < 0.9 else "few neighbours are wise"
        return not_yet(
            f"on samples where {samples}, it returns {min(many, few):.2f}, and a good k gives over 0.95: do the "
            "training samples choose one k, anew in each call?"
        )
    return right("the training samples choose, and the test labels are looked at once, at the end.")


def _accuracy_of_one_neighbour() -> float:
    """Return what comes out where a choice is made by the training samples that the models have seen."""
    from sklearn.neighbors import KNeighborsClassifier

    train, labels, views, truth = _many_are_wise()
    return KNeighborsClassifier(1).fit(train, labels).score(views, truth)
