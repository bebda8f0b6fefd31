"""The contract of a notebook, checked on every notebook of the course without running it."""

import ast
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from links import broken_links
from nbformat import NotebookNode
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from solved import code_of, tags

from mldrl_lite.runs.notebook.file import declared, glance
from mldrl_lite.runs.notebook.parameters import declared_in
from mldrl_lite.trainer import HookRecorder, hook_names
from mldrl_lite.trainer.names import REMOVED

BASES = {"Callback": Callback, "LightningModule": LightningModule, "LightningDataModule": LightningDataModule}
TRAINER_ARGUMENTS = set(Trainer.__init__.__wrapped__.__code__.co_varnames)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(node: NotebookNode, without: str = "") -> list[NotebookNode]:
    return [cell for cell in node.cells if cell.cell_type == "code" and without not in tags(cell)]


def with_solutions(node: NotebookNode) -> list[NotebookNode]:
    """The code cells, and the code of the solutions as cells."""
    solutions = [cell for cell in node.cells if "solution" in tags(cell)]
    return code_cells(node, without="dead-hook") + [nbformat.v4.new_code_cell(code_of(cell)) for cell in solutions]


def tree(cell: NotebookNode) -> ast.Module:
    lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines()]
    return ast.parse("\n".join(lines))


def prose(node: NotebookNode) -> list[str]:
    return [cell.source for cell in node.cells if cell.cell_type == "markdown"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def node(notebook: Path) -> NotebookNode:
    return read(notebook)


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS][:4] == ["00_quickstart", "01_datamodule", "02_model", "03_callbacks"]


def test_parameters_are_plain_commented_checked_and_used(node: NotebookNode):
    marked = [cell for cell in code_cells(node) if "parameters" in tags(cell)]
    assert len(marked) == 1
    assert node.cells.index(marked[0]) == 1
    assignments = tree(marked[0]).body
    assert 1 <= len(assignments) <= 8
    for statement, line in zip(assignments, marked[0].source.splitlines(), strict=True):
        assert isinstance(statement, ast.Assign | ast.AnnAssign)
        assert isinstance(ast.literal_eval(statement.value), str | int | float | bool | None)
        assert "  # " in line
    names = list(declared_in(marked[0].source))
    assert len(names) == len(assignments)
    checked = re.findall(r'require\("(\w+)", (\w+)', node.cells[2].source)
    assert checked == [(name, name) for name in names]
    rest = [name.id for cell in code_cells(node)[2:] for name in ast.walk(tree(cell)) if isinstance(name, ast.Name)]
    assert set(names) <= set(rest)


def test_an_exercise_is_one_name_to_fill_in_and_its_check_is_of_the_course(node: NotebookNode):
    for cell in code_cells(node):
        if "exercise" in tags(cell):
            [starter] = tree(cell).body
            assert starter.value.value is ...
        if "check" in tags(cell):
            assert "check_" in cell.source


def test_links_lead_somewhere(notebook: Path, node: NotebookNode):
    assert not list(broken_links(notebook, "\n".join(prose(node))))


def test_links_of_the_readme_lead_somewhere():
    readme = ROOT / "README.md"
    assert not list(broken_links(readme, readme.read_text(encoding="utf-8")))


# ---------------------------------------------------------------------------------------------------------------------
# Code


def hooks_of(base: type) -> set[str]:
    names = set(hook_names(Callback)) if base is Callback else set(dir(base))
    return names | {"__init__", "state_dict", "load_state_dict", "state_key"}


def hooks_never_called(module: ast.Module) -> Iterator[str]:
    for cls in (part for part in ast.walk(module) if isinstance(part, ast.ClassDef)):
        bases = [BASES[base.id] for base in cls.bases if isinstance(base, ast.Name) and base.id in BASES]
        for base in bases:
            known = hooks_of(base)
            for method in (part for part in cls.body if isinstance(part, ast.FunctionDef)):
                looks_like_a_hook = re.match(
                    r"on_|setup|teardown|prepare|\w+_(step|dataloader|end|start)$", method.name
                )
                if looks_like_a_hook and method.name not in known:
                    yield f"{cls.name}.{method.name}"


def test_the_finder_of_dead_hooks_finds_one():
    methods = "".join(f"    def {name}(self): ...\n" for name in ("on_train_ends", "on_epoch_end", "on_fit_end"))
    source = f"class A(Callback):\n{methods}"
    assert list(hooks_never_called(ast.parse(source))) == ["A.on_train_ends", "A.on_epoch_end"]


def test_every_hook_that_is_defined_exists(node: NotebookNode):
    assert not [name for cell in with_solutions(node) for name in hooks_never_called(tree(cell))]


def test_every_hook_of_the_package_exists():
    assert not [
        name for path in (ROOT / "mldrl_lite").glob("*.py") for name in hooks_never_called(ast.parse(path.read_text()))
    ]
    assert set(hook_names(Callback)) <= set(vars(HookRecorder))


def variables(cells: list[NotebookNode]) -> set[str]:
    stored = (
        name
        for cell in cells
        for statement in tree(cell).body
        if not isinstance(statement, ast.ClassDef | ast.FunctionDef)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    )
    return {name.id for name in stored}


def globals_in_classes(table: symtable.SymbolTable, inside: bool = False) -> Iterator[str]:
    inside = inside or table.get_type() in (
        "class",
        symtable.SymbolTableType.CLASS if hasattr(symtable, "SymbolTableType") else "class",
    )
    if inside:
        yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    for child in table.get_children():
        yield from globals_in_classes(child, inside)


def test_classes_use_no_globals_of_the_notebook(node: NotebookNode):
    names = variables(code_cells(node))
    for cell in with_solutions(node):
        used = set(globals_in_classes(symtable.symtable(ast.unparse(tree(cell)), "cell", "exec")))
        assert not used & names, cell.source


def named_arguments(text: str) -> set[str]:
    """The arguments of every `Trainer(…)` between backquotes."""
    names: set[str] = set()
    for span in re.findall(r"`([^`]*Trainer\([^`]*)`", re.sub("^```.*?^```", "", text, flags=re.M | re.S)):
        try:
            calls = [part for part in ast.walk(ast.parse(span.replace("…", "..."))) if isinstance(part, ast.Call)]
        except SyntaxError:
            names |= set(re.findall(r"(\w+)=", span))
        else:
            trainers = [call for call in calls if ast.unparse(call.func).endswith("Trainer")]
            names |= {keyword.arg for call in trainers for keyword in call.keywords if keyword.arg}
    return names


def test_every_trainer_argument_in_prose_exists(node: NotebookNode):
    assert named_arguments("a `Trainer(max_epoch=1, logger=CSVLogger(name=2), **more)`") == {"max_epoch", "logger"}
    named = {name for text in prose(node) for name in named_arguments(text)}
    assert named <= TRAINER_ARGUMENTS | set(REMOVED)  # the appendix on 1.x names what is gone


# ---------------------------------------------------------------------------------------------------------------------
# What is stored


def test_the_runner_sees_every_parameter_and_may_leave_a_fold_out(notebook: Path, node: NotebookNode):
    names = declared(glance(notebook))
    assert list(names) == list(declared_in(node.cells[1].source))
    assert "cv" not in names or names["cv"].read_several("3,None") == [3, None]
