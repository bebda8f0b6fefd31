"""Notebook A1 shows every argument of the installed Trainer, finds each by symptom, and does it in little time."""

import ast
import copy
import inspect
import re
from collections.abc import Iterator

import nbformat
import pytest
import torch
from conftest import ROOT
from nbformat import NotebookNode
from pytorch_lightning import Trainer
from pytorch_lightning.accelerators import AcceleratorRegistry
from pytorch_lightning.strategies import StrategyRegistry
from pytorch_lightning.trainer.connectors import accelerator_connector

from mldrl_lite.trainer import table

ATLAS = ROOT / "notebooks" / "A1_trainer_argument_atlas.ipynb"
ARGUMENTS = [name for name in inspect.signature(Trainer.__init__).parameters if name != "self"]


@pytest.fixture
def atlas() -> NotebookNode:
    return nbformat.read(ATLAS, as_version=4)


def prose(node: NotebookNode) -> str:
    return "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")


def tagged(node: NotebookNode, name: str) -> list[NotebookNode]:
    return [cell for cell in node.cells if f"argument-{name}" in cell.metadata.get("tags", [])]


# ---------------------------------------------------------------------------------------------------------------------
# Every argument has an experiment


def makers(node: NotebookNode) -> set[str]:
    """`Trainer`, and the functions of the notebook that hand their keywords on to it, at once or through another."""
    trees = [ast.parse(cell.source) for cell in node.cells if cell.cell_type == "code"]
    functions = [part for tree in trees for part in tree.body if isinstance(part, ast.FunctionDef) and part.args.kwarg]
    known = {"Trainer"}
    for _ in functions:
        known |= {function.name for function in functions if any(hands_on(function, known))}
    return known


def hands_on(function: ast.FunctionDef, known: set[str]) -> Iterator[bool]:
    keywords = function.args.kwarg.arg
    for call in calls_of(function, known):
        spread = [part.value for part in call.keywords if part.arg is None]
        yield any(isinstance(part, ast.Name) and part.id == keywords for value in spread for part in ast.walk(value))


def calls_of(tree: ast.AST, names: set[str]) -> list[ast.Call]:
    calls = [part for part in ast.walk(tree) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    return [call for call in calls if call.func.id in names]


def not_shown(node: NotebookNode, arguments: list[str]) -> list[str]:
    """Say, for each argument without an experiment, what is missing."""
    known = makers(node)
    return [f"{name}: {fault}" for name in arguments if (fault := what_is_missing(node, name, known))]


def what_is_missing(node: NotebookNode, name: str, known: set[str]) -> str:
    cells = tagged(node, name)
    if not cells:
        return f"no cell tagged argument-{name}"
    if not re.search(rf"^### {name}$", prose(node), re.M):
        return "no section"
    trees = [ast.parse(cell.source) for cell in cells]
    for tree in trees:
        used = any(part.arg == name for call in calls_of(tree, known) for part in call.keywords)
        if used and any(isinstance(part, ast.Assert) for part in ast.walk(tree)):
            return ""
    return f"no cell tagged argument-{name} both asserts something and calls Trainer({name}=...)"


def test_every_argument_of_the_installed_trainer_is_shown(atlas: NotebookNode):
    assert makers(atlas) == {"Trainer", "new_trainer", "tiny_fit", "refused"}
    assert not not_shown(atlas, ARGUMENTS)


def test_no_experiment_is_for_an_argument_that_is_gone(atlas: NotebookNode):
    tags = [tag for cell in atlas.cells for tag in cell.metadata.get("tags", []) if tag.startswith("argument-")]
    assert sorted(tags) == sorted(f"argument-{name}" for name in ARGUMENTS)


@pytest.mark.parametrize("name", ["max_epochs", "barebones", "limit_val_batches"])
def test_an_argument_without_its_section_is_named(atlas: NotebookNode, name: str):
    without = copy.deepcopy(atlas)
    without.cells = [cell for cell in without.cells if cell not in tagged(atlas, name)]
    assert not_shown(without, ARGUMENTS) == [f"{name}: no cell tagged argument-{name}"]


def test_an_argument_that_a_new_version_brings_is_named(atlas: NotebookNode):
    assert not_shown(atlas, [*ARGUMENTS, "brand_new"]) == ["brand_new: no cell tagged argument-brand_new"]


@pytest.mark.parametrize(
    "source",
    [
        "run = tiny_fit(max_epochs=2)",
        "assert True\nprint('max_epochs')",
        "assert dict(max_epochs=2)",
        "tiny_fit(max_steps=2)\nassert True",
    ],
)
def test_a_cell_that_asserts_nothing_or_does_not_use_the_argument_does_not_count(atlas: NotebookNode, source: str):
    [cell] = tagged(atlas, "max_epochs")
    cell.source = source
    [fault] = not_shown(atlas, ARGUMENTS)
    assert fault.startswith("max_epochs: ")


# ---------------------------------------------------------------------------------------------------------------------
# Every argument can be found


def symptoms(node: NotebookNode) -> list[tuple[str, str, str]]:
    """The lines of the index: what one sees, the anchor of a section, the address of a thread."""
    section = prose(node).split("## Find by symptom")[1].split("\n## ")[0]
    return re.findall(r"^\| (.+?) \| \[\w+\]\(#(\w+)\) \| \[[^]]+\]\((\S+)\) \|$", section, re.M)


def test_the_index_leads_from_thirty_symptoms_to_sections_and_threads(atlas: NotebookNode):
    rows = symptoms(atlas)
    lines = prose(atlas).split("## Find by symptom")[1].split("\n## ")[0].count("\n| ") - 1
    assert len(rows) == lines >= 30
    assert len({symptom for symptom, _, _ in rows}) == len(rows)
    assert {anchor for _, anchor, _ in rows} == set(ARGUMENTS)
    for _, anchor, thread in rows:
        assert re.search(rf"^### {anchor}$", prose(atlas), re.M), anchor
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/issues/\d+", thread), thread


def test_the_name_of_a_thread_is_that_of_its_address(atlas: NotebookNode):
    index = prose(atlas).split("## Find by symptom")[1].split("\n## ")[0]
    links = re.findall(r"\[([^]]*#\d+)\]\(https://github\.com/(\S+?)/issues/(\d+)\)", index)
    for text, repository, number in links:
        assert text.endswith(f"#{number}")
        assert (repository == "Lightning-AI/pytorch-lightning") == text.startswith("#")


def shown_as_markdown(node: NotebookNode) -> dict[str, str]:
    """The Markdown that each cell shows, by the source of the cell."""
    outputs = [(cell.source, output.get("data", {})) for cell in node.cells for output in cell.get("outputs", [])]
    return {source: data["text/markdown"] for source, data in outputs if "text/markdown" in data}


def test_the_table_lists_every_argument_in_order_and_its_links_work(atlas: NotebookNode):
    [listed] = [text for text in shown_as_markdown(atlas).values() if text.startswith("| name |")]
    assert re.findall(r"^\| \[(\w+)\]\(#\1\) \|", listed, re.M) == sorted(ARGUMENTS)
    defaults = inspect.signature(Trainer.__init__).parameters
    for name in ARGUMENTS:
        assert re.search(rf"^\| \[{name}\].* \| `{re.escape(repr(defaults[name].default))}` \| ", listed, re.M), name
    anchors = {heading.replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", prose(atlas), re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", listed)) <= anchors


def test_under_each_heading_stand_type_default_effect_and_values_of_the_installed_version(atlas: NotebookNode):
    rows = table().set_index("name")
    facts = {source: text for source, text in shown_as_markdown(atlas).items() if source.startswith("facts(")}
    assert set(facts) == {f'facts("{name}")' for name in ARGUMENTS}
    for name in ARGUMENTS:
        row, line = rows.loc[name], facts[f'facts("{name}")']
        assert line.startswith(f"`{row['type']}` · default `{row['default']!r}`"), name
        assert f" · in effect: {row['in effect']}" in line, name
        place = next(k for k, cell in enumerate(atlas.cells) if cell.source == f'facts("{name}")')
        assert re.search(rf"^### {name}$", atlas.cells[place - 1].source, re.M), name
    assert facts['facts("barebones")'].endswith("accepted here: `True`, `False`")
    assert "whole numbers from -1" in facts['facts("max_epochs")']
    assert "shares from 0.0 to 1.0" in facts['facts("limit_train_batches")']


REGISTERED = {
    "accelerator": ["auto", "gpu", *AcceleratorRegistry.available_accelerators()],
    "strategy": ["auto", "ddp", "ddp_spawn", "ddp_notebook", "ddp_fork", "deepspeed", "fsdp", "xla", "single_device"],
    "profiler": ["simple", "advanced", "pytorch"],
    "precision": [64, 32, 16, "64", "32", "bf16-mixed", "16-true", "transformer-engine"],
    "devices": ["auto", "2"],
    "deterministic": ["warn"],
}


@pytest.mark.skipif(torch.cuda.is_available() or torch.mps.is_available(), reason="the page was stored on a CPU")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REGISTERED)
def test_what_is_accepted_and_refused_is_so_when_a_trainer_is_built(
    atlas: NotebookNode, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(accelerator_connector, "_IS_INTERACTIVE", True)  # as in the kernel of a notebook
    line = next(text for source, text in shown_as_markdown(atlas).items() if source == f'facts("{name}")')
    verdicts = re.search(r"accepted here: (.*?)(?: · refused here: (.*))?$", line)
    accepted, refused = (
        ast.literal_eval(f"[{', '.join(re.findall('`(.+?)`', part or ''))}]") for part in verdicts.groups()
    )
    assert set(REGISTERED[name]) <= {*accepted, *refused}
    assert [value for value in REGISTERED[name] if builds(name, value) != (value in accepted)] == []
    assert [value for value in accepted if value in refused] == []


@pytest.mark.filterwarnings("ignore")
def test_a_strategy_that_is_left_out_is_accepted_where_the_one_that_it_varies_is(
    atlas: NotebookNode, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(accelerator_connector, "_IS_INTERACTIVE", True)
    line = shown_as_markdown(atlas)['facts("strategy")']
    listed = re.findall(r"`'(\w+)'`", line.partition("accepted here: ")[2])
    variants = {name: [base for base in listed if name.startswith(f"{base}_")] for name in StrategyRegistry}
    variants = {name: max(bases, key=len) for name, bases in variants.items() if name not in listed}
    assert "ddp_find_unused_parameters_true" in variants
    assert [name for name, base in variants.items() if builds("strategy", name) != builds("strategy", base)] == []


def builds(name: str, value: object) -> bool:
    try:
        Trainer(**{"accelerator": "cpu", "devices": 1, "logger": False, name: value})
    except Exception:
        return False
    finally:
        torch.use_deterministic_algorithms(False)
    return True


def test_every_group_says_where_to_read_more(atlas: NotebookNode):
    groups = re.split(r"^## ", prose(atlas), flags=re.M)
    groups = [group for group in groups if re.search(r"^### (" + "|".join(ARGUMENTS) + ")$", group, re.M)]
    assert len(groups) == 8
    for group in groups:
        assert re.search(r"Read more: .*\(https://lightning\.ai/docs/", group), group[:40]
