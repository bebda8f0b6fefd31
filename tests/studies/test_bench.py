"""The benchmark measures what it says; the targets themselves are for `make bench` to check."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from mldrl_lite.__main__ import main
from mldrl_lite.runs import launch
from mldrl_lite.studies import bench, bench_cluster, bench_runs, measuring
from mldrl_lite.studies.light import cpu_seconds, light_commands


def test_ratios_are_paired_and_their_median_has_an_interval():
    finding = measuring.ratio("a / b", [2.0, 30.0, 4.0], [1.0, 10.0, 4.0], "<= 1.5")
    assert (finding.value, finding.low, finding.high) == (2.0, 1.0, 3.0)  # of so few, all that was measured
    many = measuring.ratio("a / b", [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 9.0], [1.0] * 9, "<= 2")
    assert (many.low, many.high) == (1.1, 1.7)  # the second and the second last of nine: Conover's table
    assert many.verdict == "holds"  # one slow moment of the machine turns no verdict


@pytest.mark.parametrize(
    ("low", "high", "target", "verdict"),
    [
        *[(1.0, 1.4, "<= 1.5", "holds"), (1.4, 1.6, "<= 1.5", "unclear"), (1.6, 2.0, "<= 1.5", "missed")],
        *[(16.0, 20.0, ">= 15", "holds"), (14.0, 16.0, ">= 15", "unclear"), (10.0, 14.0, ">= 15", "missed")],
        *[(0.0, 0.0, "<= 0", "holds"), (1.0, 1.0, "<= 0", "missed"), (1.0, 1.0, "", "")],
    ],
)
def test_a_target_is_missed_only_where_the_whole_interval_is(low: float, high: float, target: str, verdict: str):
    assert measuring.Comparison("x", (low + high) / 2, low, high, target).verdict == verdict


def test_growth_that_was_not_measured_in_pairs_allows_for_the_worst():
    finding = measuring.growth("x10 / x1", [10.0, 12.0, 11.0], [1.0, 2.0, 1.1], "<= 13")
    assert (finding.value, finding.low, finding.high) == (10.0, 5.0, 12.0)


def test_cases_take_turns_in_both_directions():
    calls = []
    cases = {name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}
    assert measuring.in_turn(cases, 2, "turns") == {"a": [1, 4], "b": [2, 3]}
    assert calls == ["a", "b", "b", "a"]


def test_a_process_of_its_own_reports_seconds_and_its_own_peak():
    seconds, small = measuring.in_a_process(float, "3")
    assert seconds == 3.0
    _, large = measuring.in_a_process(_hold_200_mib)
    assert large - small > 150


def _hold_200_mib() -> float:
    return float(len(bytearray(200 * measuring.MIB)) > 0)


def test_fits_are_timed_in_a_kernel_side_by_side(tmp_path: Path):
    report = bench.fits(tmp_path, repeats=1, max_epochs=1)
    script, recommended, bare, slow_recommended, slow_bare = report.seconds.values()
    assert (len(script), len(recommended), len(bare), len(slow_bare)) == (1, 7, 7, 1)
    assert min(script) > min(recommended)
    assert min(slow_bare) > 10 * 0.02  # it waits in each of its steps
    assert min(slow_recommended) > 10 * 0.02
    assert [finding.target for finding in report.findings] == ["<= 1.5", "<= 1.2", ">= 5"]
    assert all(seconds > 0 for seconds in bare)


def test_the_cells_own_time_is_what_papermill_noted(tmp_path: Path):
    cells = [new_code_cell("1", metadata={"papermill": {"duration": seconds}}) for seconds in (1.5, 2.0, None)]
    nbformat.write(new_notebook(cells=[*cells, new_code_cell("2")]), tmp_path / "a.ipynb")
    assert bench.cells_seconds(tmp_path / "a.ipynb") == 3.5


def test_a_part_is_measured_written_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    found = measuring.Report([measuring.plain("x", 3.0, "<= 2")], {"case": [1.0, 5.0, 2.0]}, {"case": 64.0})
    monkeypatch.setattr(bench, "fits", lambda folder, repeats: found)
    status = bench.main([str(tmp_path / "00.ipynb"), "-o", str(tmp_path), "--parts", "fits"])
    assert status == 1
    text = (tmp_path / "bench.txt").read_text()
    assert "missed" in text
    assert "load before: " in text
    assert "2.00 s  (n=3)" in text
    assert text in capsys.readouterr().out
    with Image.open(tmp_path / "bench.png") as picture:
        assert picture.width > 500


def test_a_sweep_that_fails_is_no_measurement(tmp_path: Path):
    with pytest.raises(RuntimeError, match="Of 1 runs, 1 failed"):
        bench_runs.sweep_empty(tmp_path, 1, 1, "1 / 0")


def test_light_commands_do_what_they_are_timed_for(tmp_path: Path):
    page = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("seed = 1", metadata={"tags": ["parameters"]})]), page)
    statuses = [main(words) for words in light_commands(tmp_path / "runs", page).values() if words != ["--help"]]
    assert statuses == [2, 0]


def test_the_processor_time_is_that_of_the_command():
    assert 0 < cpu_seconds(["--help"]) < 60


def test_the_cost_of_a_run_is_that_of_its_part_of_the_sweep():
    seen = [(0, 1.0), (50, 6.0), (100, 16.0)]  # 0.1 s a run, then 0.2 s
    assert bench_runs._cost_of_a_run(seen, 0, 40, parts=2) == pytest.approx([0.1, 0.1])
    assert bench_runs._cost_of_a_run(seen, 60, 100, parts=2) == pytest.approx([0.2, 0.2])


def test_many_runs_are_measured_one_by_one_and_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(node: nbformat.NotebookNode, copy: Path, *_: object, **__: object) -> str:
        nbformat.write(node, copy)
        return ""

    monkeypatch.setattr(launch, "execute_notebook", run)
    many = bench_runs.measure_runs(tmp_path, 20, first=2)
    assert many.seconds > many.collecting > 0
    assert min(*many.early, *many.late) > 0


def test_runs_over_workers_are_measured_with_all_their_files(tmp_path: Path):
    report = bench_cluster.over_workers(tmp_path, (2, 4))
    assert sorted(path.name for path in (tmp_path / "4" / "runs").glob("n=*")) == ["n=0", "n=1", "n=2", "n=3"]
    assert (tmp_path / "4" / "runs" / "n=3" / "empty.ipynb").is_file()
    assert all(finding.value > 0 for finding in report.findings)
    assert min(report.peak_mib.values()) > 10
