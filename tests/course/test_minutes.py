"""The minutes of a notebook: what the formula counts, and what it passes over."""

import json

import minutes
import pytest
from conftest import NOTEBOOKS


def text(source: str, **metadata: object) -> minutes.Cell:
    return {"cell_type": "markdown", "source": [source], "metadata": metadata}


def code(source: str, **metadata: object) -> minutes.Cell:
    return {"cell_type": "code", "source": source, "metadata": metadata}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([text("word " * 300)], 2),
        ([text("# A **word**\n\n- [two words](https://a.b/c-d-e)\n\n|---|---|\n| a | `b c` |")], 7 / 150),
        ([text("<details><summary>Solution</summary>\n\n```python\na = 1\n```\n\n</details>")], 0),
        ([code("a = 1\n\nb = 2\n" * 6)], 1),
        ([code("a = 1\n" * 12, tags=["hide-input"]), code("a = 1\n" * 12, jupyter={"source_hidden": True})], 0),
        ([code("answer = ...", tags=["exercise"])], 5 + 1 / 12),
    ],
)
def test_words_lines_and_exercises_count_and_what_is_folded_does_not(cells: list[minutes.Cell], expected: float):
    assert minutes.needed(cells) == pytest.approx(expected)


def test_a_wrong_promise_and_a_long_notebook_are_faults():
    assert minutes.faults(40, 44) == []
    assert minutes.faults(40, 47) == ["the opening says 47 minutes, and the formula 40"]
    assert minutes.faults(61, 60) == ["it takes 61 minutes, and 60 is the limit: split it"]


def test_the_report_has_a_line_for_each_notebook():
    cells = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))["cells"]
    assert minutes.stated(cells) > 0
    assert NOTEBOOKS[0].stem in minutes.report({NOTEBOOKS[0]: cells})
