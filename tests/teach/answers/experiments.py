"""Answers to the exercises of notebook 07."""

from answers import Answers, answers_to


@answers_to("check_runs_that_start")
def runs_that_start() -> Answers:
    wrong = [
        (12, "all of them"),
        (2, "is not done, either"),
        (3, "combinations are new"),
        (7, "left of all"),
        (4, "each of the seeds"),
        (10, "take away those"),
        ([5], "this is a list; give a number"),
    ]
    return Answers([5, 5.0, 12 - 10 + 3], wrong, {"folds": (5, 6), "seeds": 2, "failed": 3})


def by_pivot(table, first, second):
    ok = table[table["status"] == "ok"].pivot(index="cv", columns="lr", values="accuracy")
    return (ok[second] - ok[first]).mean()


def by_merge(table, first, second):
    ok = table[table["status"] == "ok"]
    both = ok[ok["lr"] == first].merge(ok[ok["lr"] == second], on="cv")
    return (both["accuracy_y"] - both["accuracy_x"]).mean()


def by_loop(table, first, second):
    gains = []
    for _, fold in table.dropna().groupby("cv"):
        by_rate = dict(zip(fold["lr"], fold["accuracy"], strict=True))
        if first in by_rate and second in by_rate:
            gains.append(by_rate[second] - by_rate[first])
    return sum(gains) / len(gains)


def by_sorting(table, first, second):
    ordered = table[table["status"] == "ok"].set_index(["cv", "lr"])["accuracy"].unstack()[[first, second]].dropna()
    return ordered[second].mean() - ordered[first].mean()


def on_folds_of_all(table, first, second):
    complete = table[table["status"] == "ok"].pivot(index="cv", columns="lr", values="accuracy").dropna()
    return (complete[second] - complete[first]).mean()


def on_common_folds(table, first, second):
    ok = table[table["status"] == "ok"]
    one, other = (ok[ok["lr"] == lr].set_index("cv")["accuracy"] for lr in (first, second))
    common = one.index.intersection(other.index)
    return float((other[common] - one[common]).mean())


def median_gain(table, first, second):
    wide = table.pivot_table(index="cv", columns="lr", values="accuracy")
    return (wide[second] - wide[first]).median()


def of_means(table, first, second):
    means = table[table["status"] == "ok"].groupby("lr")["accuracy"].mean()
    return means[second] - means[first]


def by_place(table, first, second):
    one, other = (table[table["lr"] == lr].reset_index()["accuracy"] for lr in (first, second))
    return (other - one).mean()


def failed_is_even(table, first, second):
    wide = table.pivot(index="cv", columns="lr", values="accuracy")
    return (wide[second] - wide[first]).fillna(0).mean()


def keeps_nan(table, first, second):
    wide = table.pivot(index="cv", columns="lr", values="accuracy")
    return (wide[second] - wide[first]).to_numpy().mean()


@answers_to("check_fair_difference")
def fair_difference() -> Answers:
    wrong = [
        (of_means, "of the same folds"),
        (by_place, "another order"),
        (lambda table, first, second: by_pivot(table, second, first), "sign is turned"),
        (failed_is_even, "counts as no gain"),
        (keeps_nan, "NaN"),
        (median_gain, "the mean is asked for"),
        (on_folds_of_all, "a third rate"),
        (lambda table, first, second: -abs(by_pivot(table, first, second)), "change its sign"),
        (lambda table, first, second: table, "one number"),
        (lambda table: 0.0, "TypeError"),
    ]
    return Answers([by_pivot, by_merge, by_loop, by_sorting, on_common_folds], wrong)


@answers_to("check_sweep_command")
def sweep_command() -> Answers:
    right = [
        "mldrl-lite sweep train.ipynb -p cv 0..9 -p lr 1e-4,1e-3 -j 2 -o runs/mine",
        "!mldrl-lite sweep train.ipynb -p lr 0.001,0.01,0.1 -p cv 0..4,5,6,7,8..9 --jobs 4 --out runs/mine",
        "mldrl-lite sweep -j 3 -o runs/mine -p cv 0..9 -p lr '1e-4, 1e-2' -p data_type WDBC train.ipynb",
        "!mldrl-lite sweep train.ipynb -p cv 0..9 -p lr 1e-3,1e-2 -j2 -o runs/mine/ 2> bar.txt",
        "python -m mldrl_lite sweep ./train.ipynb -p cv 0..9 -p lr 1e-3,1e-2 --jobs=2 --out=runs/mine > told.txt 2>&1",
        "mldrl-lite sweep train.ipynb \\\n    -p cv 0,1,2,3,4,5,6,7,8,9 -p lr 0.001,0.01 \\\n    -j 2 -o runs/mine",
    ]
    wrong = [
        ("mldrl-lite run train.ipynb -p cv 0 -p lr 1e-3 -o runs/mine", "begins with two words"),
        ("mldrl-lite sweep train.ipynb -p cv 0..8 -p lr 1e-4,1e-3 -j 2 -o runs/mine", "there are ten"),
        ("mldrl-lite sweep train.ipynb -p cv 0..10 -p lr 1e-4,1e-3 -j 2 -o runs/mine", "there are ten"),
        ("mldrl-lite sweep train.ipynb -p cv 0..9 -p lr 1e-3 -j 2 -o runs/mine", "no learning rates"),
        ("mldrl-lite sweep train.ipynb -p cv 0..9 -p lr 1e-4,1e-3 -o runs/mine", "one after the other"),
        ("mldrl-lite sweep train.ipynb -p cv 0..9 -p lr 1e-4,1e-3 -j 2", "names the folder"),
        ("mldrl-lite sweep train.ipynb -p folds 0..9 -p lr 1e-4,1e-3 -j 2 -o runs/mine", "would be refused"),
        ("mldrl-lite sweep train.ipynb -p cv 0..9 -p lr fast,slow -j 2 -o runs/mine", "would be refused"),
        ("mldrl-lite sweep train.ipynb -p cv 0..9 --jbs 2", "would be refused"),
        ("mldrl-lite sweep other.ipynb -p cv 0..9 -p lr 1e-4,1e-3 -j 2 -o runs/mine", "notebook of this page"),
        ("mldrl-lite sweep train.ipynb -p lr '1e-4", "would be refused"),
        (["mldrl-lite", "sweep"], "as a text"),
    ]
    return Answers(right, wrong)
