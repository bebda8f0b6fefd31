"""The lint of notebooks finds each fault that it is there for, and none in a good notebook."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lint_notebooks
import pytest
from conftest import NOTEBOOKS
from lint_notebooks import defined_twice, of_kind, problems

Node = dict[str, Any]


def first_code(node: Node) -> dict[str, Any]:
    return of_kind(node["cells"], "code")[0]


def show(node: Node, data: dict[str, Any]) -> None:
    first_code(node)["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]


def tagged(node: Node, tag: str) -> dict[str, Any]:
    return next(cell for cell in node["cells"] if tag in cell["metadata"].get("tags", []))


def praise(node: Node) -> None:
    tagged(node, "check")["outputs"][0]["data"]["text/plain"] = ["Right: it is."]


FAULTS: dict[str, Callable[[Node], object]] = {
    "the title is not '# 00": lambda node: node["cells"][0].update(source=["# Quickstart\n"]),
    "the opening does not promise": lambda node: node["cells"][0].update(source=["# 00 · A\n"]),
    "the opening has no '**You need**'": lambda node: node["cells"][0].update(source=["# 00 · A\n"]),
    "no '## Recap'": lambda node: node["cells"].pop(),
    "links to fewer sections": lambda node: node["cells"][-1].update(source=["## Recap\n", "*Next*: [a](b)"]),
    "'## Test yourself'": lambda node: node["cells"].pop(-3),
    "which tells what is solved": lambda node: node["cells"].pop(-2),
    "a cell of over 25 lines": lambda node: first_code(node).update(source=["a = 1\n"] * 26),
    "half of the code cells": lambda node: [c.update(source=["a = 1\n"] * 7) for c in of_kind(node["cells"], "code")],
    "a text of over 120 words": lambda node: node["cells"][3].update(cell_type="markdown", source=["word " * 121]),
    "one level at a time": lambda node: node["cells"][0].update(source=["# 00 · A\n", "### B\n"]),
    "not stored as one run": lambda node: first_code(node).update(execution_count=7),
    "two cells have one id": lambda node: node["cells"][1].update(id=node["cells"][0]["id"]),
    "a widget is stored": lambda node: show(node, {lint_notebooks.WIDGET: {}}),
    "'/tmp' is stored": lambda node: show(node, {"text/plain": ["in /tmp/x"]}),
    "not one result": lambda node: show(node, {lint_notebooks.RESULT: {}}),
    "are compared by nbval": lambda node: [cell["metadata"].pop("tags", None) for cell in node["cells"]],
    "that checks the parameters is not hidden": lambda node: node["cells"][2]["metadata"].pop("jupyter"),
    "do not come as exercise, check, solution": lambda node: node["cells"].remove(tagged(node, "check")),
    "stands more than a check": lambda node: node["cells"].insert(
        node["cells"].index(tagged(node, "solution")), node["cells"][1] | {"metadata": {}}
    ),
    "a cell tagged solution is not markdown": lambda node: tagged(node, "solution").update(cell_type="raw"),
    "a solution is not folded": lambda node: tagged(node, "solution").update(source=["```python\n", "a = 1\n", "```"]),
    "a check is stored that says Right": praise,
    "the opening says 9 minutes": lambda node: node["cells"][0].update(source=["# 00 · A\n", "**Time** 9 minutes"]),
    "60 is the limit": lambda node: node["cells"][0].update(source=["word " * 9_000]),
    "larger than 300 kB": lambda node: node["cells"].append(node["cells"][0] | {"source": ["x" * 300_000]}),
    "its metadata has more": lambda node: node["metadata"].update(widgets={}),
}


def test_the_first_notebook_is_good():
    assert problems(NOTEBOOKS[0]) == []


@pytest.mark.parametrize("message", FAULTS)
def test_a_fault_is_named(message: str, tmp_path: Path):
    node = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    FAULTS[message](node)
    copy = tmp_path / NOTEBOOKS[0].name
    copy.write_text(json.dumps(node), encoding="utf-8")
    assert any(message in line for line in problems(copy))


def test_the_text_of_another_file_counts_as_one_line():
    assert lint_notebooks.lines_of_code('%time\nscript = """\n' + "a = 1\n" * 40 + '"""\nprint(script)') == 3


def test_a_name_that_two_define_is_named(tmp_path: Path):
    module = tmp_path / "module.py"
    module.write_text("def fit_twice(): ...\ndef _own(): ...\n")
    notebook = tmp_path / "a.ipynb"
    cell = {"cell_type": "code", "source": ["%time\n", "class fit_twice: ...\n", "def _own(): ...\n"]}
    notebook.write_text(json.dumps({"cells": [cell]}))
    assert defined_twice([module, notebook]) == ["fit_twice"]


def test_its_exit_status_says_whether_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint_notebooks.main([str(NOTEBOOKS[0])]) == 0
    other = tmp_path / "00_other.ipynb"
    other.write_text(NOTEBOOKS[1].read_text(encoding="utf-8"), encoding="utf-8")
    assert lint_notebooks.main([str(other)]) == 1
    assert f"{other}: the title is not '# 00 · …'" in capsys.readouterr().out
