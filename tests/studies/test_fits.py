"""Many fits, and the choice among recipes: nothing is done twice, and no test sample is looked at."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from small_study import QUICK, SAMPLES, TASK, TEST, TRAIN
from waiting import wait_until

from mldrl_lite.studies import fits
from mldrl_lite.studies.fits import FitCall, fit_all
from mldrl_lite.studies.recipes import Recipe, Task, fit, make_task

FITS = [FitCall(QUICK, seed, TASK) for seed in range(3)]


def count_fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Recipe, int]]:
    done, real = [], fits.fit

    def counted(recipe: Recipe, seed: int, task: Task, at: Sequence[int] = ()) -> np.ndarray:
        result = real(recipe, seed, task, at)
        done.append((recipe, seed))
        return result

    monkeypatch.setattr(fits, "fit", counted)
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
    done, real = [], fits.fit

    def interrupted(recipe: Recipe, seed: int, *rest: object) -> np.ndarray:
        if seed == 1:
            raise KeyboardInterrupt
        done.append(seed)
        return real(recipe, seed, *rest)

    monkeypatch.setattr(fits, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_all(FITS, tmp_path)
    monkeypatch.setattr(fits, "fit", real)
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
    with fits.process_pool(1) as pool:
        results = fit_all(FITS[:2], tmp_path, pool)
    np.testing.assert_array_equal(results, [fit(*one) for one in FITS[:2]])


ORPHANS = """
import os, sys
from mldrl_lite.studies.fits import process_pool
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
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_a_part_is_scored_by_a_model_that_has_not_learned_from_it(tmp_path: Path):
    quick = replace(QUICK, hidden_dim=32, epochs=8)
    areas = fits.score_parts([(quick, 0), (quick, 1), (replace(quick, lr=1e-6), 0)], SAMPLES, TRAIN, tmp_path, folds=2)
    assert areas[0] > areas[2]
    spoiled = replace(
        SAMPLES, views=tuple(np.where(np.isin(np.arange(160), TEST)[:, None], np.nan, v) for v in SAMPLES.views)
    )
    assert fits.score_parts([(quick, 0), (quick, 1)], spoiled, TRAIN, tmp_path / "b", folds=2) == areas[:2]
    turned = replace(SAMPLES, labels=1 - SAMPLES.labels)  # what is held out is judged by its own labels
    assert fits.score_parts([(quick, 0)], turned, TRAIN, tmp_path / "c", folds=2) != areas[:1]
