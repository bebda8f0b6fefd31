"""Parameters are checked, in one sentence each; the cell that declares them is read as Python reads it."""

import ast
import json
import math
import os
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError, did_you_mean, listing, require
from mldrl_lite.runs import launch, sweep
from mldrl_lite.runs.notebook.file import declared, glance, with_parameters
from mldrl_lite.runs.notebook.parameters import MISSING, declared_in
from mldrl_lite.runs.notebook.values import Expression, as_plain, assignments, code, from_json, parts, to_json
from mldrl_lite.runs.record.job import folder_name
from mldrl_lite.runs.record.record import read_record, same

GOOD = [
    (1, float, {"above": 0}),
    (0.5, float, {"above": 0, "at_most": 1}),
    (None, int, {"or_none": True}),
    ("a", str, {"one_of": ("a", "b")}),
    (False, bool, {}),
]


@pytest.mark.parametrize(("value", "kind", "limits"), GOOD)
def test_what_is_allowed_passes(value, kind, limits):
    require("x", value, kind, **limits)


BAD = [
    (0, float, {"above": 0}, "Parameter x = 0 cannot be used: give a number above 0."),
    ("1e-3", float, {"above": 0}, "Parameter x = '1e-3' cannot be used: give a number above 0."),
    (float("nan"), float, {"above": 0}, "Parameter x = nan cannot be used: give a number above 0."),
    (True, int, {}, "Parameter x = True cannot be used: give a whole number."),
    (1.5, int, {"at_least": 0}, "Parameter x = 1.5 cannot be used: give a whole number at least 0."),
    (11, int, {"at_least": 0, "at_most": 9, "or_none": True}, "give a whole number at least 0 and at most 9, or None."),
    (None, int, {}, "Parameter x = None cannot be used: give a whole number."),
    ("adm", str, {"one_of": ("adam", "sgd")}, "give 'adam' or 'sgd' (did you mean 'adam'?)."),
    (1, bool, {}, "give True or False."),
]


@pytest.mark.parametrize(("value", "kind", "limits", "message"), BAD)
def test_what_is_not_allowed_gets_a_sentence(value, kind, limits, message):
    with pytest.raises(InputError) as caught:
        require("x", value, kind, **limits)
    assert message in str(caught.value)


def test_words():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b or c"
    assert did_you_mean("rosmpa", ["WDBC", "ROSMAP"]) == " (did you mean 'ROSMAP'?)"
    assert did_you_mean("xyz", ["WDBC", "ROSMAP"]) == ""


# ---------------------------------------------------------------------------------------------------------------------
# The cell of parameters

CELLS = {
    "lr: float | None = None": {"lr": None},
    's = "a=b"': {"s": "a=b"},
    "a = 1; b = 2": {"a": 1, "b": 2},
    "c, d = 3, 4": {"c": 3, "d": 4},
    "(e, (f, g)) = 1, (2, 3)": {"e": 1, "f": 2, "g": 3},
    "a = b = 0.5": {"a": 0.5, "b": 0.5},
    "j: int": {"j": MISSING},
    "j: int\nj = 3": {"j": 3},
    'tag = "a # b"  # a name': {"tag": "a # b"},
    "rate = 10 ** -3": {"rate": 0.001},
    "epochs = 2\nsteps = epochs * 10": {"epochs": 2, "steps": 20},
    "n = 1\nn += 1": {"n": 2},
    "xs = [\n    1,  # one\n    2,\n]": {"xs": [1, 2]},
    "o = {'a': (1, 2), 'b': None}": {"o": {"a": (1, 2), "b": None}},
    "import math\nx = -math.inf": {"x": -math.inf},
    "x = float('inf')": {"x": math.inf},
    "from pathlib import Path\np = Path('a') / 'b'": {"p": Path("a/b")},
    "n = 1\n!echo n\n%matplotlib inline\nm = 2": {"n": 1, "m": 2},
    "%%time\nn = 1": {"n": 1},
    "files = !ls": {"files": Expression("get_ipython().getoutput('ls')")},
    "import os\nhome = os.environ['HOME']": {"home": Expression("os.environ['HOME']")},
    "text = 'a' \\\n    'b'": {"text": "ab"},
    "if True:\n    n = 1": {},
    "big = 10 ** 10 ** 10": {"big": Expression("10 ** 10 ** 10")},
    "long = 'x' * 10 ** 12": {"long": Expression("'x' * 10 ** 12")},
    "# nothing yet": {},
}


@pytest.mark.parametrize("source", CELLS)
def test_a_cell_is_read_as_python_reads_it(source: str):
    found = {name: entry.default for name, entry in declared_in(source).items()}
    assert found == CELLS[source]
    assert list(map(type, found.values())) == list(map(type, CELLS[source].values()))


def test_whatever_is_constant_is_what_python_makes_of_it():
    for source in [source for source, names in CELLS.items() if not {"!", "%"} & set(source) and "HOME" not in source]:
        names = {name: entry.default for name, entry in declared_in(source).items()}
        if not any(isinstance(value, Expression) or value is MISSING for value in names.values()):
            there: dict[str, Any] = {}
            exec(source, there)  # noqa: S102
            assert {name: there[name] for name in names} == names


@pytest.mark.parametrize(
    ("source", "good", "bad"),
    [
        ("x: float = 1", {"0.5": 0.5, "2": 2.0, "inf": math.inf, "-1e-3": -0.001}, ["None", "True", "a", "[1]"]),
        ("x = 1", {"2": 2}, ["0.5", "None", "True", "1_a", "2024-1-2"]),
        ("x = 1  # type: float", {"0.5": 0.5}, ["a"]),
        ("x = 1  # type: of learning rate, or None", {"2": 2}, ["0.5", "None"]),
        ("x: int | None = 0", {"None": None, "3": 3}, ["0.5", "none"]),
        ("x: Optional[int] = 0", {"None": None}, ["0.5"]),
        ("x: 'float | None' = None", {"1": 1.0, "None": None}, ["a"]),
        ("x: Union[int, str] = 0", {"3": 3, "a": "a", "0.5": "0.5"}, []),
        ("x: str | None = None", {"None": None, "'None'": "None", "3": "3", "": ""}, []),
        ("x: bool = False", {"True": True}, ["1", "true", "None"]),
        ("x: Literal['a', 'b', 1] = 'a'", {"b": "b", "1": 1}, ["c", "2"]),
        ("x: list[int] = []", {"[3, 4]": [3, 4], "(3, 4)": [3, 4], "[]": []}, ["3", "3, a", "['a']", "[0.5]", "3..5"]),
        ("x: list[float] = []", {"[3, 4]": [3.0, 4.0]}, ["[None]"]),
        ("x: typing.List[int | None] = []", {"[3, None]": [3, None]}, ["['a']"]),
        ("x = [1]", {"['a', 2]": ["a", 2]}, ["1", "None", "{'a': 1}"]),
        ("x: tuple[int, str] = (1, 'a')", {"(2, 'b')": (2, "b"), "[2, 'b']": (2, "b")}, ["(2,)", "('b', 2)"]),
        ("x: tuple[int, ...] = ()", {"(1, 2, 3)": (1, 2, 3), "()": ()}, ["(1, 'a')", "1"]),
        ("x: dict[str, float] = {}", {"{'a': 1}": {"a": 1.0}}, ["{1: 1}", "[]", "{'a': 'b'}"]),
        ("x: Sequence[int] = ()", {"[1]": [1], "(1,)": (1,)}, ["1"]),
        ("x = Path('a')", {"b/c": Path("b/c"), "3": Path("3")}, []),
        ("x: Path | None = None", {"None": None, "b": Path("b")}, []),
        ("x: Whatever = 1", {"[1]": [1], "a": "a", "1j": "1j", "None": None}, []),
        ("x = None", {"[1]": [1], "3": 3, "3-5": "3-5"}, []),
    ],
)
def test_type_and_none_come_from_annotation_and_default(source: str, good: dict[str, Any], bad: list[str]):
    entry = declared_in(source)["x"]
    for text, value in good.items():
        assert entry.read(text) == value
        assert type(entry.read(text)) is type(value)
    for text in bad:
        with pytest.raises(InputError, match="Parameter x = .* cannot be used: give "):
            entry.read(text)


@pytest.mark.parametrize(
    ("source", "text", "hint"),
    [
        ("x = 1", "0.5", "give a whole number, or declare it as x: float = 1."),
        ("x = 'a'", "None", None),
        ("x = 1", "None", "give a whole number, or declare it as x: int | None = 1."),
        ("x: float = 1", "[3, 4]", "give a number; to sweep over several, write them with commas and no brackets."),
        ("x: list[int] = [1]", "3", "give list[int], written as in Python, such as [1]; one list is one value."),
        ("x: dict = {}", "3", "give dict, written as in Python, such as {}."),
        ("x: int | None = 1", "a", "give a whole number, or None."),
    ],
)
def test_a_refusal_says_what_to_do(source: str, text: str, hint: str | None):
    entry = declared_in(source)["x"]
    if hint is None:
        assert entry.read(text) == text
        return
    with pytest.raises(InputError) as caught:
        entry.read(text)
    assert str(caught.value).endswith(hint)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,2", ["1", "2"]),
        ("[3, 4], [5]", ["[3, 4]", "[5]"]),
        ("(1, [2, 3]), (4, [])", ["(1, [2, 3])", "(4, [])"]),
        ("{'a': ','}, {'b': \"]\"}", ["{'a': ','}", "{'b': \"]\"}"]),
        ("'a,b', c", ["'a,b'", "c"]),
        ("it's,that's", ["it's", "that's"]),
        ("['it\\'s', 2],3", ["['it\\'s', 2]", "3"]),
        ("f(a,b),c", ["f(a,b)", "c"]),
        ("", [""]),
        (",", ["", ""]),
    ],
)
def test_a_list_splits_at_its_top_level_only(text: str, found: list[str]):
    assert parts(text) == found


@pytest.mark.parametrize("text", ["[3, 4", "3, 4]", "'a, b", "(1, 2], 3", ")"])
def test_a_bracket_that_is_not_closed_is_refused(text: str):
    with pytest.raises(InputError, match="cannot be used"):
        declared_in("x = [1]")["x"].read_several(text)


def test_a_sweep_over_lists():
    assert declared_in("xs = [1]")["xs"].read_several("[3, 4], [5]") == [[3, 4], [5]]
    with pytest.raises(InputError, match="one list is one value"):
        declared_in("xs = [1]")["xs"].read_several("3, 4")


# ---------------------------------------------------------------------------------------------------------------------
# Values, written and read

VALUES = [
    1,
    -0.5,
    math.inf,
    True,
    None,
    "a",
    'it\'s "quoted"\n',
    10**400,
    [1, [2.0, "b"]],
    (1,),
    (),
    {"a": (1, 2)},
    {1: "one"},
    {"python": "1"},
    {2, 3},
    set(),
    Path("a/b"),
    [Path("c"), None],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_json_and_code_give_a_value_back(value: object):
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert back == value
    assert type(back) is type(value)
    there: dict[str, Any] = {}
    exec(assignments({"x": value}, "Parameters"), there)  # noqa: S102
    assert there["x"] == value
    assert type(there["x"]) is type(value)


def test_no_number_and_code_of_the_kernel_keep_their_shape():
    assert math.isnan(from_json(json.loads(json.dumps(to_json({"x": (math.nan, 1)}))))["x"][0])
    assert from_json(to_json(Expression("os.environ['HOME']"))) == Expression("os.environ['HOME']")


def test_values_of_numpy_become_plain():
    np = pytest.importorskip("numpy")
    given = {"a": np.float64(0.5), "b": np.arange(2), "c": (np.int64(1), np.str_("x")), "d": np.bool_(True)}
    assert code(as_plain(given)) == "{'a': 0.5, 'b': [0, 1], 'c': (1, 'x'), 'd': True}"
    with pytest.raises(TypeError):
        as_plain(object())


def test_names_of_folders_and_records_tell_kinds_apart():
    values = [[1, 2], (1, 2), "[1, 2]", {"a": 1}, Path("a"), "a", 1, "1", 1.0, True, "True"]
    assert len({folder_name({"x": value}) for value in values}) == len(values)
    assert not same({"x": [1]}, {"x": (1,)})
    assert same({"x": math.nan}, {"x": math.nan})


# ---------------------------------------------------------------------------------------------------------------------
# From the command line into the notebook


def make(path: Path, parameters: str, *cells: str) -> Path:
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, *map(new_code_cell, cells)]), path)
    return path


EVERY_KIND = """from pathlib import Path
n: int | None = 1  # how many
xs, pair = [1], (1, 'a')
options = {}
place = Path('data')
name = 'x'
j: float
out_dir = Path('runs')"""


def test_a_notebook_sees_every_kind_as_it_was_meant(tmp_path: Path):
    show = "print([n, xs, pair, options, place, name, j]); assert isinstance(out_dir, Path) and out_dir.is_dir()"
    notebook, out = make(tmp_path / "page.ipynb", EVERY_KIND, show), tmp_path / "out"
    given = {"n": "None", "xs": "[3, 4]", "pair": "[2, 'b']", "options": "{'a': 1}", "place": "a/b", "name": "3"}
    pairs = [word for name, text in (given | {"j": "1"}).items() for word in ("-p", name, text)]
    assert main(["run", str(notebook), *pairs, "-o", str(out), "--kernel", "python3"]) == 0
    [folder] = [path for path in out.iterdir() if path.is_dir()]
    printed = nbformat.read(folder / "page.ipynb", as_version=4).cells[-1].outputs[0].text
    place = os.path.abspath("a/b")  # a path is meant from where the command was given
    assert ast.literal_eval(printed.replace("PosixPath", "")) == [None, [3, 4], (2, "b"), {"a": 1}, place, "3", 1.0]
    assert read_record(folder)["parameters"]["pair"] == (2, "b")
    assert read_record(folder)["given"]["place"] == Path("a/b")


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    seen = []

    def run(node: nbformat.NotebookNode, copy: Path, parameters: dict[str, Any], **_: object) -> str:
        seen.append(dict(parameters))
        nbformat.write(with_parameters(node, parameters), copy)
        return ""

    monkeypatch.setattr(launch, "execute_notebook", run)
    return seen


def test_defaults_are_recorded_as_values(tmp_path: Path, no_kernel: list[dict[str, Any]]):
    notebook = make(tmp_path / "page.ipynb", "rate = 10 ** -3\npair = 1, 2\nhome = os.environ['HOME']\nn = 1")
    rows = sweep(notebook, {"n": [1, 2]}, tmp_path / "out", progress=False)
    record = read_record(tmp_path / "out" / rows["run"][0])
    home = Expression("os.environ['HOME']")
    assert record["parameters"] == {"rate": 0.001, "pair": (1, 2), "home": home, "n": 1}
    assert no_kernel == [{"n": 1}, {"n": 2}]


def test_a_sweep_over_lists_tuples_and_texts_like_lists(tmp_path: Path, no_kernel: list[dict[str, Any]]):
    notebook = make(tmp_path / "page.ipynb", "x = None\nlayers: tuple[int, ...] = (1,)")
    out = tmp_path / "out"
    rows = sweep(notebook, {"x": [[1], (1,), "[1]", {"a": 1}], "layers": [(2, 3)]}, out, progress=False)
    assert rows["x"].tolist() == [[1], (1,), "[1]", {"a": 1}]
    assert len(set(rows["run"])) == 4
    sweep(notebook, {"x": [[1], (1,), "[1]", {"a": 1}], "layers": [(2, 3)]}, out, progress=False)
    assert len(no_kernel) == 4  # all are known again


def test_plain_papermill_takes_a_cell_with_annotations(tmp_path: Path):
    notebook = make(tmp_path / "page.ipynb", "cv: int | None = 0\nlr: float = 1")
    node = nbformat.read(notebook, as_version=4)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    copy = papermill.execute_notebook(node, str(tmp_path / "copy.ipynb"), {"cv": None}, prepare_only=True)
    assert [cell.source for cell in copy.cells] == ["cv: int | None = 0\nlr: float = 1", "# Parameters\ncv = None\n"]


def test_a_parameter_without_a_default_must_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notebook = make(tmp_path / "page.ipynb", "j: int\nk = 1")
    for command in ("run", "sweep"):
        assert main([command, str(notebook), "-p", "k", "2", "-o", str(tmp_path / "out")]) == 2
        assert "Parameter j of page has no default: give -p j and a value." in capsys.readouterr().err
    with pytest.raises(InputError, match="Parameter j of page has no default"):
        sweep(notebook, {"k": 1}, tmp_path / "out")
    assert main(["course", str(notebook), "-o", str(tmp_path / "runs")]) == 0
    assert "page skipped: needs j, which has no default" in capsys.readouterr().out


def test_a_cell_that_is_no_python_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"The cell tagged 'parameters' is no Python \(.*line 2\): mend it."):
        declared(glance(make(tmp_path / "page.ipynb", "n = 1\nm = = 2")))


def test_a_notebook_of_another_language_declares_nothing(tmp_path: Path):
    node = nbformat.read(make(tmp_path / "page.ipynb", "n <- 1"), as_version=4)
    node.metadata["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    assert declared(node) == {}


def test_a_notebook_of_an_older_format_is_read(tmp_path: Path):
    cell = {"cell_type": "code", "input": ["n = 1\n"], "language": "python", "metadata": {"tags": ["parameters"]}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell | {"outputs": []}]}]}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert declared(glance(tmp_path / "old.ipynb"))["n"].default == 1


def test_the_cell_of_values_follows_the_cell_of_parameters_and_replaces_an_earlier_one(tmp_path: Path):
    node = nbformat.read(make(tmp_path / "page.ipynb", "n = 1", "n"), as_version=4)
    once = with_parameters(with_parameters(node, {"n": 2}), {"n": 3})
    assert [cell.source for cell in once.cells] == ["n = 1", "# Parameters\nn = 3\n", "n"]
