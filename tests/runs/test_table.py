"""The table of runs: no two values look alike in it, one odd run costs one row, and it is there at once."""

import csv
import io
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mldrl_lite import notebook as page
from mldrl_lite.__main__ import main
from mldrl_lite.runs import collect, read_table
from mldrl_lite.runs.notebook.file import read_result
from mldrl_lite.runs.notebook.values import to_json
from mldrl_lite.runs.results.table import FIGURE, TABLE

ORIGIN = {"cells": [], "notebook": "page.ipynb", "kernel": "python3", "cwd": "", "data": ""}
ORIGIN |= {"files": {}, "packages": {}, "site": [], "watched": True, "at": 0}


def leave_run(out: Path, name: str, parameters: Mapping[str, Any], values: Any, **more: Any) -> None:
    """Leave what a run leaves."""
    record = {"stem": "page", "given": to_json(parameters), "parameters": to_json(parameters), "origin": ORIGIN}
    record |= {"ended": 1.0, "fingerprint": "", "status": "ok", "error": "", "seconds": 0.5, "headline": "h"}
    shown = new_output("display_data", {page.RESULT_TYPE: {"headline": "h", "values": values}})
    record |= read_result(new_notebook(cells=[new_code_cell(outputs=[shown])])) | more
    (out / name).mkdir(parents=True)
    (out / name / "run.json").write_text(json.dumps(record))


ODD = [
    None,
    "",
    math.nan,
    math.inf,
    1,
    "1",
    1.0,
    True,
    "True",
    "None",
    "nan",
    [1, "a"],
    "[1, 'a']",
    (1,),
    {"a": (1, 2)},
    "'quoted'",
    '""',
    'a "word", and\nanother line',
    "a,b",
    10**400,
    "ä",
]


def test_what_is_written_is_read_back(tmp_path: Path):
    for i, value in enumerate(ODD):
        leave_run(tmp_path, f"i={i}", {"i": i, "x": value}, {"score, of all": to_json(value)})
    rows = collect(tmp_path)
    back = read_table(tmp_path / TABLE)
    assert list(back) == list(rows) == ["i", "x", "score, of all", "seconds", "status", "error", "fingerprint", "run"]
    for name in back:
        for one, other in zip(back[name], rows[name], strict=True):
            assert repr(one) == repr(other), name
    assert [repr(value) for value in back["x"]] == [repr(value) for value in ODD]


def test_a_reader_that_knows_quotes_tells_none_from_an_empty_text(tmp_path: Path):
    for i, value in enumerate([None, "", 1, "1", math.nan]):
        leave_run(tmp_path, f"i={i}", {"i": i, "x": value}, {})
    collect(tmp_path)
    fields = [line.split(",")[1] for line in (tmp_path / TABLE).read_text().splitlines()[1:]]
    assert fields == ["", '""', "1", '"1"', "nan"]


def test_values_of_any_kind_and_size_are_sorted(tmp_path: Path):
    for i, value in enumerate(reversed(ODD)):
        leave_run(tmp_path, f"run{i}", {"x": value}, {"score": 10**400})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Matplotlib places no such number
        order = collect(tmp_path)["x"].tolist()
    assert order[0] is None
    assert order[1:4] in ([1, 1.0, True], [True, 1.0, 1])
    assert order[4:7][0] == 10**400
    assert math.isnan(order[6])
    assert order[7] == ""


@pytest.mark.parametrize("values", [[1, 2], "good", 3, None, {"score": {"nested": [1]}}])
def test_a_result_of_another_shape_is_one_row(tmp_path: Path, values: Any):
    leave_run(tmp_path, "x=1", {"x": 1}, {"score": 1.0})
    leave_run(tmp_path, "x=2", {"x": 2}, values)
    rows = collect(tmp_path)
    assert rows["x"].tolist() == [1, 2]
    assert rows["score"].tolist()[0] == 1.0


def test_a_headline_that_is_no_text_becomes_one():
    for result in ({"headline": 3, "values": {}}, {"headline": None}, "text", [1]):
        shown = new_output("display_data", {page.RESULT_TYPE: result})
        found = read_result(new_notebook(cells=[new_code_cell(outputs=[shown])]))
        assert isinstance(found["headline"], str)
        assert isinstance(found["values"], dict)


def test_a_result_that_is_no_number_is_none_in_the_table_either(monkeypatch: pytest.MonkeyPatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: sent.append(json.dumps(data, allow_nan=False)))
    page.show_result("h", {"loss": math.nan, "best": -math.inf, "name": "nan"})
    executed = new_notebook(cells=[new_code_cell(outputs=[new_output("display_data", json.loads(sent[0]))])])
    values = read_result(executed)["values"]
    assert math.isnan(values["loss"])
    assert (values["best"], values["name"]) == (-math.inf, "nan")


# ---------------------------------------------------------------------------------------------------------------------
# Printed


def test_what_was_doubtful_in_the_data_is_a_column(tmp_path: Path):
    leave_run(tmp_path, "cv=0", {"cv": 0}, {"auroc": 0.5})
    assert "warnings" not in collect(tmp_path)
    leave_run(tmp_path, "cv=1", {"cv": 1}, {"auroc": 0.9, "warnings": 3}, warnings=["A column tells.", "Rows count."])
    table = collect(tmp_path)
    assert table["warnings"].tolist()[1] == "A column tells. Rows count."
    assert table["result_warnings"].tolist()[1] == 3


def test_what_was_doubtful_is_told_once_below_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for cv, told in enumerate(("Rows count.", "Rows count.", "A column tells.")):
        leave_run(tmp_path, f"cv={cv}", {"cv": cv}, {"auroc": 0.5}, warnings=[told])
    assert main(["collect", str(tmp_path)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["cv", "auroc", "seconds", "status"]
    assert lines[3:5] == ["cv=0 and 1 more warned: Rows count.", "cv=2 warned: A column tells."]


def test_the_result_of_a_notebook_carries_what_was_doubtful():
    result = {page.RESULT_TYPE: {"headline": "", "values": {}, "warnings": ["Rows count."]}}
    node = new_notebook(cells=[new_code_cell(outputs=[new_output("display_data", result)])])
    assert read_result(node)["warnings"] == ["Rows count."]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for lr, kind in ((0.1, "a|b"), (0.001, "100%"), (0.01, None)):
        leave_run(tmp_path, f"lr={lr}", {"lr": lr, "kind": kind, "n": 1}, {"score": 1 / 3})
    leave_run(tmp_path, "bad", {"lr": 1.0, "kind": "a", "n": 1}, {}, status="failed", error="cell In [2]: oh")
    return tmp_path


def test_the_default_shows_what_varies_then_the_rest(runs: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["collect", str(runs)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["lr", "kind", "score", "seconds", "status"]
    assert lines[1].split() == ["0.001", "100%", "0.3333", "0.5", "ok"]
    assert lines[5] == "in all: n = 1"
    assert lines[6] == "bad failed: cell In [2]: oh"
    assert lines[7].startswith("3 ok, 1 failed in ")


def test_markdown_and_latex_hold_the_same_cells(runs: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["collect", str(runs), "--format", "md"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == ["lr", "kind", "score", "seconds", "status"]
    assert "a\\|b" in lines[4]
    assert len(lines) == 6
    main(["collect", str(runs), "--format", "latex"])
    printed = capsys.readouterr()
    assert "\\begin{tabular}" in printed.out
    assert "100\\%" in printed.out
    assert "bad failed" in printed.err


def test_json_and_csv_hold_every_column(runs: Path, capsys: pytest.CaptureFixture[str]):
    main(["collect", str(runs), "--format", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["score"] for row in rows] == [1 / 3, 1 / 3, 1 / 3, None]
    assert rows[1]["kind"] is None
    main(["collect", str(runs), "--format", "csv"])
    printed = capsys.readouterr().out
    assert printed == (runs / TABLE).read_text()
    assert [row["run"] for row in csv.DictReader(io.StringIO(printed))] == ["lr=0.001", "lr=0.01", "lr=0.1", "bad"]


def test_an_unknown_format_is_refused_before_anything_is_read(runs: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["collect", str(runs / "none"), "--format", "markdown"]) == 2
    assert "No format 'markdown': give text, md, latex, json or csv." in capsys.readouterr().err


def test_the_picture_is_drawn_anew_when_the_table_changes_or_it_is_gone(runs: Path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "mldrl_lite.runs.results.picture.draw_sweep", lambda *_: drawn.append(1) or _[-1].write_bytes(b"")
    )
    collect(runs)
    collect(runs)
    assert len(drawn) == 1
    (runs / FIGURE).unlink()
    collect(runs)
    assert len(drawn) == 2
    leave_run(runs, "lr=2", {"lr": 2.0, "kind": "a", "n": 1}, {"score": 1.0})
    collect(runs)
    assert len(drawn) == 3


# ---------------------------------------------------------------------------------------------------------------------
# Quick on its feet

HEAVY = {"torch", "pytorch_lightning", "nbformat", "jsonschema", "papermill", "jupyter_client", "IPython"}
HEAVY |= {"numpy", "pandas", "matplotlib", "sklearn", "optuna"}
SEES = """import sys
from mldrl_lite.__main__ import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(status, *sys.modules, file=sys.stderr)"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["collect", "--help"], 0),
        (["run", "PAGE", "-p", "n", "one"], 2),
        (["sweep", "PAGE", "-p", "m", "1"], 2),
        (["collect", "RUNS"], 1),
        (["collect", "RUNS", "--format", "md"], 1),
        (["collect", "NONE"], 2),
    ],
)
def test_what_needs_no_kernel_starts_without_heavy_packages(runs: Path, arguments: list[str], status: int):
    collect(runs)  # draws the picture, as the sweep has done
    cell = new_code_cell("n = 1", metadata={"tags": ["parameters"]})
    (runs / "page.ipynb").write_text(json.dumps(new_notebook(cells=[cell])))
    places = {"PAGE": runs / "page.ipynb", "RUNS": runs, "NONE": runs / "none"}
    command = [sys.executable, "-c", SEES, *(str(places.get(word, word)) for word in arguments)]
    words = subprocess.run(command, capture_output=True, text=True, timeout=120).stderr.splitlines()[-1].split()
    assert words[0] == str(status)
    assert not HEAVY & set(words)
