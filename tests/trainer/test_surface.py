"""All that a Trainer reaches is shown at work in A1, A3 and A4, can be explained, and can be found by symptom."""

import copy
import re

import nbformat
import pytest
from conftest import ROOT
from links import anchors
from nbformat import NotebookNode
from shown import ancestors, counts, not_shown, sections, users

from mldrl_lite.messages import InputError
from mldrl_lite.trainer import explain
from mldrl_lite.trainer.surface import PLACES, Part, named, parts

PAGES = {number: next((ROOT / "notebooks").glob(f"{number}_*.ipynb")) for number in ("A1", "A3", "A4")}


@pytest.fixture(scope="module")
def pages() -> list[NotebookNode]:
    return [nbformat.read(path, as_version=4) for path in PAGES.values()]


def test_every_name_that_a_trainer_reaches_is_shown_at_work(pages: list[NotebookNode]):
    missing = not_shown(parts(), pages)
    print(counts(parts(), missing))  # shown where the test fails, and with pytest -s
    assert missing == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SpikeDetection", "callback"),
        ("estimated_stepping_batches", "property of Trainer"),
        ("reduce_fx", "argument of self.log"),
        ("on_before_zero_grad", "hook of Callback"),
        ("toggle_optimizer", "member of LightningModule"),
        ("max_size_cycle", "mode of CombinedLoader"),
        ("rank_zero_only", "helper for the first process"),
    ],
)
def test_an_experiment_that_is_removed_is_missed_by_name(pages: list[NotebookNode], name: str, kind: str):
    [part] = [part for part in parts() if (part.name, part.kind) == (name, kind)]
    removed = [cell for section in users(part, sections(pages)) for cell in section.cells]
    without = copy.copy(pages)
    for place, page in enumerate(pages):
        cells = [cell for cell in page.cells if cell not in removed]
        without[place] = nbformat.from_dict({**page, "cells": cells})
    missing = not_shown(parts(), without)
    assert part in missing
    assert f"{kind}: without " in counts(parts(), missing)


def test_what_a_new_version_brings_is_missed_by_name(pages: list[NotebookNode]):
    new = Part("BrandNew", "callback")
    assert not_shown([*parts(), new], pages) == [new]
    assert counts([new], [new]) == "  0 of   1 callback: without BrandNew"


PROVED = "class Mine(Callback):\n    def on_fit_end(self, trainer, pl_module): ...\nassert Mine()"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (PROVED, True),
        (PROVED.replace("Callback", "LightningModule"), False),
        (PROVED.replace("assert ", ""), False),
        ("# on_fit_end\nassert True", False),
        ("'''It calls on_fit_end.'''\nassert True", False),
        ("from somewhere import on_fit_end\nassert True", False),
        ("assert calls == 'on_fit_start on_fit_end'.split()", True),
    ],
)
def test_a_mention_is_no_use(source: str, shown: bool):
    page = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("## A\n\n`on_fit_end`"), nbformat.v4.new_code_cell(source)]
    )
    [part] = [part for part in named("on_fit_end") if part.kind == "hook of Callback"]
    assert (not_shown([part], [page]) == []) == shown


def test_each_kind_has_a_section_in_its_notebook():
    for kind, (number, section) in PLACES.items():
        assert section.replace(" ", "-") in anchors(PAGES[number]), kind
    assert {part.kind for part in parts()} == set(PLACES)


@pytest.mark.parametrize("number", ["A3", "A4"])
def test_a_name_is_shown_in_the_notebook_that_explain_says(number: str):
    page = nbformat.read(PAGES[number], as_version=4)
    assert not_shown([part for part in parts() if part.notebook == number], [page]) == []


def test_each_callback_and_plugin_has_a_subsection():
    several = [part for part in parts() if part.kind in ("callback", "plugin")]
    assert [part.name for part in several if part.section == PLACES[part.kind][1]] == []


def test_a_name_is_shown_in_the_subsection_that_explain_says(pages: list[NotebookNode]):
    found = sections(pages)
    roots = ancestors(found)
    finer = [part for part in parts() if part.section != PLACES[part.kind][1]]
    assert len(finer) > 130
    shown = {part: {section.heading for section in users(part, found, roots)} for part in finer}
    assert [part for part, headings in shown.items() if part.section not in headings] == []


# ---------------------------------------------------------------------------------------------------------------------
# Explained


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("trainer.estimated_stepping_batches", ["property of Trainer   [A3 · How far it is]", "estimated number"]),
        ("on_epoch", ["argument of self.log = None   [A3 · When a value is logged]", "logs epoch accumulated metrics"]),
        ("SpikeDetection", ["window=10", "callback   [A4 · Stop]", "Spike Detection"]),
        ("AsyncCheckpointIO", ["plugin   [A4 · Write checkpoints]"]),
        ("on_train_batch_end", ["hook of Callback", "hook of LightningModule", "(outputs, batch, batch_idx)"]),
        ("ddp_notebook", ["name of a strategy = DDPStrategy   [A4 · Strategies]"]),
        ("self.print", ["member of LightningModule"]),
    ],
)
def test_any_name_is_explained_and_says_where_it_is_shown(name: str, lines: list[str]):
    text = str(explain(name))
    assert [line for line in lines if line not in text] == []


def test_one_word_for_two_things_is_told_apart_by_its_owner():
    assert "property of Trainer" in explain("trainer.global_step")
    assert "property of Trainer" not in explain("self.global_step")
    assert len(explain("global_step").split("\n")) > len(explain("self.global_step").split("\n"))


def test_an_argument_tells_what_else_has_its_name():
    assert "Also: argument of self.log   [A3 · Where a value goes]" in explain("logger").splitlines()
    assert "Also" not in explain("log_every_n_steps")


@pytest.mark.parametrize(
    ("name", "near"),
    [("SpikeDetecton", "SpikeDetection"), ("on_epoc", "on_epoch"), ("trainer.fitt", "fit"), ("estimated_steps", None)],
)
def test_an_unknown_name_is_refused_and_a_near_one_named(name: str, near: str | None):
    with pytest.raises(InputError) as refusal:
        explain(name)
    assert near is None or f"did you mean '{near}'" in str(refusal.value)


def test_each_part_is_told_in_two_lines():
    for part in parts():
        assert len(part.heading) < 1200, part.heading
        assert "\n" not in part.heading + part.summary
        assert ":class:" not in part.summary
    assert sum(not part.summary for part in parts()) < 0.2 * len(parts())


# ---------------------------------------------------------------------------------------------------------------------
# Found by symptom


def symptoms(page: NotebookNode) -> list[tuple[str, str, str, str]]:
    """The lines of an index: what one sees, the target of the link, the text and the address of each thread."""
    text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
    section = text.split("## Find by symptom")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| \[.+?\]\((\S+)\) \| (\[.+?\]\(\S+\)) \|$", section, re.M)
    assert section.count("\n| ") - 1 == len(rows)
    threads = r"\[([^]]+)\]\((\S+?)\)"
    return [(seen, target, *thread) for seen, target, told in rows for thread in re.findall(threads, told)]


def test_eighty_symptoms_lead_to_sections_and_threads(pages: list[NotebookNode]):
    rows = [(page, *row) for page, node in zip(PAGES.values(), pages, strict=True) for row in symptoms(node)]
    assert len({(symptom, thread) for _, symptom, *_, thread in rows}) == len(rows)
    assert len({symptom for _, symptom, *_ in rows}) >= 80
    for page, _, target, text, thread in rows:
        file, _, anchor = target.partition("#")
        assert anchor in anchors(page.parent / file if file else page), target
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/issues/\d+", thread), thread
        assert thread.endswith("/" + re.search(r"#(\d+)$", text)[1])


ASKED = (17167, 17281, 11979, 20436, 19252, 269, 15283, 20619, 7451, 93, 1995)
"""Threads about silent behaviour that the course once left unanswered."""


def test_what_was_once_left_unanswered_is_in_the_index(pages: list[NotebookNode]):
    threads = {int(thread.rsplit("/")[-1]) for node in pages for *_, thread in symptoms(node)}
    assert set(ASKED) <= threads
