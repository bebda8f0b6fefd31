"""A search finds what is good by means of repeats, goes on after an interrupt, and does not look at test results."""

import csv
import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.parameters import Declared
from mldrl_lite.runs.results.table import table_of_runs
from mldrl_lite.runs.search.folder import alone, hides_test_results, is_test, read_spec, reveal
from mldrl_lite.runs.search.report import draw_search, told, told_of_test, write_report
from mldrl_lite.runs.search.space import Range, Values, read_space
from mldrl_lite.runs.search.trials import Goal, Search, Spec, Trial
from mldrl_lite.runs.sweeps import sweep as sweeps
from mldrl_lite.runs.sweeps.plan import plan_jobs

pytest.importorskip("optuna")
SPACE = {"lr": Range(1e-4, 1e-1, log=True), "width": Range(16, 256), "kind": Values(("a", "b"))}
REPEATS = tuple({"cv": cv} for cv in range(6))


def spec(**changes: Any) -> Spec:
    given = {"notebook": "page", "goal": Goal("val_auroc", maximize=True), "space": SPACE, "repeats": REPEATS}
    return Spec(**{**given, **changes})


class Pretence:
    """Runs that take no time: the nearer `lr` is to 0.003, the better; each fold has a level of its own."""

    def __init__(self, interrupt_after: int = 10**9) -> None:
        self.points: list[Mapping[str, Any]] = []
        self.interrupt_after = interrupt_after
        self.options: Mapping[str, object] = {}

    def __call__(self, points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        if len(self.points) >= self.interrupt_after:
            raise KeyboardInterrupt
        self.points += points
        return [self.row(point) for point in points]

    def row(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        chance = random.Random(repr(sorted(point.items()))).gauss(0, 0.01)  # noqa: S311
        good = 0.9 - 0.1 * abs(math.log10(point["lr"] / 0.003)) + 0.01 * point.get("cv", 0) + chance
        return {"status": "ok", "error": "", "val_auroc": good, "test_auroc": good - 0.2}


def test_it_finds_the_best_and_ends_bad_trials_early(tmp_path: Path):
    search, run = Search(spec(), tmp_path), Pretence()
    search.go_on(25, run)
    best = search.best()
    assert best.status == "ok"
    assert 0.001 < best.parameters["lr"] < 0.01
    assert best.mean == max(trial.mean for trial in search.trials() if trial.status == "ok")
    ended_early = [trial for trial in search.trials() if trial.status == "pruned"]
    assert ended_early
    assert all(2 <= len(trial.values) < len(REPEATS) for trial in ended_early)
    assert len(run.points) < 25 * len(REPEATS)


def test_without_pruning_each_trial_has_all_repeats(tmp_path: Path):
    search, run = Search(spec(prune=False), tmp_path), Pretence()
    search.go_on(5, run)
    assert {len(trial.values) for trial in search.trials()} == {len(REPEATS)}
    assert len(run.points) == 5 * len(REPEATS)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_interrupted_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path, sampler: str):
    calm = Search(spec(sampler=sampler), tmp_path / "calm")
    calm.go_on(14, Pretence())
    for runs in (3, 8, 1, 30, 10**9):
        search = Search(spec(sampler=sampler), tmp_path / "disturbed")
        try:
            search.go_on(14, Pretence(interrupt_after=runs))
        except KeyboardInterrupt:
            assert runs < 10**9
    assert search.trials() == calm.trials()
    assert len(search.trials()) == 14


def test_it_goes_on_to_more_trials_and_refuses_another_question(tmp_path: Path):
    Search(spec(), tmp_path).go_on(2, Pretence())
    more = Search(spec(), tmp_path)
    more.go_on(4, Pretence())
    assert len(more.trials()) == 4
    with pytest.raises(InputError, match="holds a search with another space"):
        Search(spec(space=SPACE | {"width": Range(16, 512)}), tmp_path)
    with pytest.raises(InputError, match="another goal"):
        Search(spec(goal=Goal("val_auroc", maximize=False)), tmp_path)


def test_repeats_are_paired_and_no_fold_is_always_first(tmp_path: Path):
    search, run = Search(spec(prune=False), tmp_path), Pretence()
    search.go_on(6, run)
    firsts = {point["cv"] for point in run.points[:: len(REPEATS)]}
    assert firsts == set(range(6))
    first = search.trials()[2]
    assert first.values == tuple(run.row(first.parameters | repeat)["val_auroc"] for repeat in REPEATS)


def test_a_failing_run_costs_its_trial_and_three_of_them_the_search(tmp_path: Path):
    class Failing(Pretence):
        def row(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
            failed = {"status": "failed", "error": "cell In [2]: ValueError: too wide"}
            return failed if point["width"] > self.limit else super().row(point)

    run = Failing()
    run.limit = 130
    search = Search(spec(), tmp_path / "some")
    search.go_on(12, run)
    failed = [trial for trial in search.trials() if trial.status == "failed"]
    assert 0 < len(failed) < 12
    assert all(trial.parameters["width"] > 130 and trial.error.endswith("too wide") for trial in failed)
    assert "too wide" in told(search)
    run.limit = 0
    with pytest.raises(InputError, match="The first 3 trials have all failed; .* too wide"):
        Search(spec(), tmp_path / "all").go_on(12, run)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"accuracy": 0.5, "test_auroc": 1.0}, "no result 'val_auroc': give accuracy"),
        ({"val_auroc": float("nan")}, "val_auroc = nan cannot be compared"),
        ({"val_auroc": "good"}, "val_auroc = 'good' cannot be compared"),
    ],
)
def test_a_result_that_cannot_be_compared_is_refused(tmp_path: Path, row: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        Search(spec(), tmp_path).go_on(1, lambda points: [{"status": "ok", "error": "", **row} for _ in points])


# --- test results ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("test_auroc", True), ("ptl/test_acc", True), ("Test", True), ("latest_loss", False), ("val_auroc", False)],
)
def test_results_of_test_data_are_known_by_their_name(name: str, expected: bool):
    assert is_test(name) == expected


def test_test_results_are_no_goal():
    with pytest.raises(InputError, match="test_auroc cannot be the goal"):
        Goal("test_auroc", maximize=True)


def test_test_results_stay_hidden_until_asked_for_and_that_is_recorded(tmp_path: Path):
    search, run = Search(spec(), tmp_path), Pretence()
    search.go_on(3, run)
    write_report(search)
    assert "test" not in (tmp_path / "search.csv").read_text() + told(search)
    assert hides_test_results(tmp_path)
    reveal(tmp_path, 3)
    assert not hides_test_results(tmp_path)
    assert [look["trials"] for look in read_spec(tmp_path)["revealed"]] == [3]
    rows = run([search.best().parameters | repeat for repeat in REPEATS])
    mean = sum(row["test_auroc"] for row in rows) / len(rows)
    assert f"test_auroc: {mean:.4g} (mean of 6 repeats)" in told_of_test(rows, tmp_path)
    Search(spec(), tmp_path)  # to go on forgets nothing
    assert not hides_test_results(tmp_path)


def test_the_table_of_a_searchs_runs_hides_them_too(tmp_path: Path):
    record = {"stem": "page", "given": {"lr": 0.1}, "parameters": {"lr": 0.1}, "origin": {}, "ended": 0.0}
    record |= {"fingerprint": "", "status": "ok", "error": "", "seconds": 1.0, "headline": ""}
    record |= {"values": {"val_auroc": 0.8, "test_auroc": 0.7}}
    (tmp_path / "lr=0.1").mkdir()
    (tmp_path / "lr=0.1" / "run.json").write_text(json.dumps(record))
    assert table_of_runs(tmp_path).metrics == ["val_auroc", "test_auroc"]
    Search(spec(), tmp_path)
    assert table_of_runs(tmp_path).metrics == ["val_auroc"]
    reveal(tmp_path, 1)
    assert table_of_runs(tmp_path).metrics == ["val_auroc", "test_auroc"]


def test_two_searches_cannot_share_a_folder(tmp_path: Path):
    with alone(tmp_path), pytest.raises(InputError, match="Another search is writing into"), alone(tmp_path):
        pass


# --- what is written ------------------------------------------------------------------------------------------------


def test_the_table_and_the_picture(tmp_path: Path):
    search = Search(spec(), tmp_path)
    search.go_on(8, Pretence())
    write_report(search)
    head, *rows = csv.reader((tmp_path / "search.csv").read_text(encoding="utf-8").splitlines())
    assert head == ["trial", "lr", "width", "kind", "mean val_auroc", "sd", "repeats", "status", "error"]
    assert [float(row[4]) for row in rows] == pytest.approx([trial.mean for trial in search.trials()])
    assert (tmp_path / "search.png").read_bytes()[:4] == b"\x89PNG"
    best = search.best()
    assert f"val_auroc {best.mean:.4g} ± {best.sd:.4g} (mean and standard deviation of 6 repeats over cv)" in told(
        search
    )


@pytest.mark.parametrize(
    ("repeats", "warned"), [([{"cv": 0}, {"cv": 1}], True), ([{"seed": 0}, {"seed": 1}], False), ([{"cv": 3}], False)]
)
def test_who_searches_over_folds_is_told_that_their_test_parts_took_part(
    repeats: list[dict[str, int]], warned: bool, tmp_path: Path
):
    search = Search(spec(repeats=tuple(repeats)), tmp_path)
    search.go_on(2, lambda points: [{"status": "ok", "val_auroc": 0.8} for _ in points])
    assert ("Over cv, " in told(search)) == warned


def test_the_first_ten_trials_are_drawn_at_random_and_later_ones_lie_near_to_what_was_good(tmp_path: Path):
    tried = {}
    for sampler in ("tpe", "random"):
        search = Search(spec(sampler=sampler, prune=False), tmp_path / sampler)
        search.go_on(30, Pretence())
        tried[sampler] = [trial.parameters for trial in search.trials()]
    assert tried["tpe"][:10] == tried["random"][:10]
    far = {sampler: [abs(math.log10(p["lr"] / 0.003)) for p in points[10:]] for sampler, points in tried.items()}
    assert sum(far["tpe"]) < sum(far["random"])


def test_a_picture_speaks_of_rings_where_it_has_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from matplotlib.figure import Figure

    titles, titled = [], Figure.suptitle
    monkeypatch.setattr(
        Figure, "suptitle", lambda self, text, **more: titles.append(text) or titled(self, text, **more)
    )
    for name, status in (("a", "ok"), ("b", "pruned")):
        trials = [Trial(0, {"lr": 0.1}, (0.5,), "ok"), Trial(1, {"lr": 0.2}, (0.4,), status)]
        draw_search(spec(space={"lr": Range(0.01, 1.0)}), trials, tmp_path / f"{name}.png")
    assert ["rings" in title for title in titles] == [False, True]


def test_trials_without_a_value_have_no_mean():
    assert math.isnan(Trial(0, {}, (), "failed").mean)
    assert math.isnan(Trial(0, {}, (1.0,), "ok").sd)


# --- what may be tried ----------------------------------------------------------------------------------------------

LR, WIDTH, KIND = Declared("lr", 0.01), Declared("width", 32), Declared("kind", "a")


@pytest.mark.parametrize(
    ("parameter", "text", "expected"),
    [
        (LR, "1e-4..1e-1:log", Range(1e-4, 1e-1, log=True)),
        (LR, "0..1", Range(0.0, 1.0)),
        (WIDTH, "16..256", Range(16, 256)),
        (WIDTH, "16,32", Values((16, 32))),
        (KIND, "a,b", Values(("a", "b"))),
    ],
)
def test_ranges_and_values_are_read(parameter: Declared, text: str, expected: Range | Values):
    assert read_space({parameter.name: text}, {parameter.name: parameter}) == {parameter.name: expected}


@pytest.mark.parametrize("text", ["1..0.1", "0..1:log", "-1..1:log", "0.5..0.5"])
def test_ranges_that_cannot_be_searched_are_refused(text: str):
    with pytest.raises(InputError, match=r"cannot be searched: give a range"):
        read_space({"lr": text}, {"lr": LR})


def test_a_range_of_whole_numbers_takes_no_fractions():
    with pytest.raises(InputError, match="width = 0.5"):
        read_space({"width": "0.5..2"}, {"width": WIDTH})


def test_numbers_have_four_digits_and_stay_within_the_ends(tmp_path: Path):
    narrow = {"lr": Range(0.123456, 0.1234567)}
    search = Search(spec(space=narrow, prune=False), tmp_path)
    search.go_on(1, Pretence())
    assert 0.123456 <= search.trials()[0].parameters["lr"] <= 0.1234567
    assert all(len(f"{trial.parameters['lr']:g}") <= 10 for trial in search.trials())


def test_nothing_to_search_and_an_unknown_sampler_are_refused():
    with pytest.raises(InputError, match="nothing to search"):
        spec(space={"kind": Values(("a",))})
    with pytest.raises(InputError, match=r"No sampler 'tpi' \(did you mean 'tpe'\?\)"):
        spec(sampler="tpi")


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    import nbformat

    source = "from pathlib import Path\nlr = 0.01\nwidth = 32\ncv = 0\nkind = 'a'\n"
    source += "sizes: list[int] = [8]\npair: tuple[int, int] = (1, 2)\nplace: Path = Path('a')"
    cell = new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    return tmp_path / "page.ipynb"


@pytest.fixture
def pretence(monkeypatch: pytest.MonkeyPatch) -> Pretence:
    import pandas as pd

    run = Pretence()

    def sweep(notebook: object, points: Sequence[Mapping[str, Any]], out: object, **options: object) -> pd.DataFrame:
        run.options = options
        return pd.DataFrame(run([job.given for job in plan_jobs(notebook, points, out, "python3")]))

    monkeypatch.setattr(sweeps, "sweep", sweep)
    return run


def test_the_command_searches_reports_and_reveals(
    notebook: Path, pretence: Pretence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["search", str(notebook), "-p", "lr", "1e-4..1e-1:log", "--over", "cv", "--maximize", "val_auroc"]
    command += ["--trials", "4", "-o", str(tmp_path / "out")]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "4 ok of 4 trials" in said.out
    assert "best: lr = " in said.out
    assert "test_auroc" not in said.out
    assert {point["cv"] for point in pretence.points} == {0, 1, 2}  # the default, and the two after it
    assert main([*command, "--reveal"]) == 0
    assert "test_auroc: " in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "search.json").read_text())["revealed"][0]["trials"] == 4


def test_the_limits_of_a_run_hold_in_a_search(notebook: Path, pretence: Pretence, tmp_path: Path):
    command = ["search", str(notebook), "-p", "lr", "0.001..1:log", "--maximize", "val_auroc", "--trials", "1"]
    command += ["-p", "cv", "0", "--over", "cv", "--timeout", "60", "--memory", "900", "--retries", "2"]
    assert main([*command, "--cwd", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    chosen = {"timeout": 60, "memory": 900, "retries": 2, "fail_fast": False, "cwd": tmp_path}
    assert chosen.items() <= pretence.options.items()


def test_lists_tuples_and_paths_are_searched_and_repeated_over(notebook: Path, pretence: Pretence, tmp_path: Path):
    words = ["-p", "lr", "0.001..1:log", "-p", "sizes", "[8, 16],[]", "-p", "pair", "(1, 2),(3, 4)"]
    words += ["-p", "place", "a.csv,b.csv", "--over", "place", "--maximize", "val_auroc", "-o", str(tmp_path / "out")]
    for trials in ("4", "6"):  # the second call reads what the first has written
        assert main(["search", str(notebook), *words, "--trials", trials, "--no-prune"]) == 0
    assert len(pretence.points) == 12
    assert {tuple(point["sizes"]) for point in pretence.points} == {(8, 16), ()}
    assert {point["pair"] for point in pretence.points} == {(1, 2), (3, 4)}
    assert {point["place"] for point in pretence.points} == {Path("a.csv"), Path("b.csv")}


def test_fail_fast_ends_a_search_with_the_first_trial_that_fails(
    notebook: Path, pretence: Pretence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pretence.row = lambda point: {"status": "failed", "error": "cell In [2]: ValueError: unlucky"}
    command = ["search", str(notebook), "-p", "lr", "0.001..1:log", "--maximize", "val_auroc", "--fail-fast"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    assert "1 failed of 1 trials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "lr", "0..1", "--maximize", "test_auroc"], "test_auroc cannot be the goal"),
        (["-p", "lrr", "0..1", "--maximize", "x"], "takes no 'lrr' (did you mean 'lr'?)"),
        (["-p", "lr", "0..1", "--over", "kind", "--maximize", "x"], "--over kind needs its values"),
        (["--over", "cv", "--maximize", "x"], "nothing to search"),
        (["-p", "lr", "0..1", "--trials", "0", "--maximize", "x"], "trials = 0"),
        (["-p", "lr", "0..1", "--timeout", "0", "--maximize", "x"], "timeout = 0"),
        (["-p", "lr", "0..1", "--retries", "-1", "--maximize", "x"], "retries = -1"),
        (["-p", "lr", "0..1", "--cwd", "nowhere", "--maximize", "x"], "'nowhere' is no folder"),
        (["-p", "lr", "0..1", "--kernel", "python2", "--maximize", "x"], "No kernel 'python2'"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(
    notebook: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["search", str(notebook), *words, "-o", str(notebook.parent / "out")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (notebook.parent / "out").exists()
