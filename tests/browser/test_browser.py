"""The course as a person sees it: JupyterLab, TensorBoard and the workshop's pages in a real browser.

`make test-browser` runs these; they are skipped, with the reason, where there is no Chromium or no Playwright.
"""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS, ROOT
from nbformat import NotebookNode
from PIL import Image
from solved import code_of
from windows import MISSING, visit

from mldrl_lite.figures import COLOURS
from mldrl_lite.runs import pictures
from mldrl_lite.teach.workshop import student_copy, tags, with_values

pytest_plugins = ["windows"]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
if not MISSING:
    import lab
    from playwright import sync_api as playwright


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def place(node: NotebookNode, tag: str) -> list[int]:
    return [position for position, cell in enumerate(node.cells) if tag in tags(cell)]


def emptied(node: NotebookNode) -> NotebookNode:
    """A notebook with its solutions, without outputs, in the small profile."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "parameters" in tags(cell):
            cell.source = with_values(cell.source, cell.metadata.get("small", {}))
    return node


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course, so that nothing is written into the notebooks of this one."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("pyproject.toml", "constraints.txt", "constraints-torch.txt", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "notebooks").mkdir()
    for path in NOTEBOOKS:
        nbformat.write(emptied(read(path)), folder / "notebooks" / path.name)
    return folder


@pytest.fixture(scope="session")
def jupyter(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["lab.Lab"]:
    """The JupyterLab of `make lab`."""
    with lab.make_lab(ROOT / "Makefile", course, tmp_path_factory.mktemp("jupyter"), free_port()) as started:
        yield started


@pytest.fixture
def hand_out(course: Path) -> Callable[[str, NotebookNode], str]:
    """Put a notebook into the course's folder; return where JupyterLab finds it."""

    def write(name: str, node: NotebookNode) -> str:
        nbformat.write(node, course / "notebooks" / name)
        return f"notebooks/{name}"

    return write


# ---------------------------------------------------------------------------------------------------------------------
# JupyterLab


def test_make_lab_opens_on_the_first_notebook(jupyter: "lab.Lab", page: "playwright.Page"):
    page.goto(jupyter.opened)
    playwright.expect(page.locator(".jp-Notebook h1")).to_contain_text("00 · Quickstart", timeout=60_000)
    assert "/lab/tree/notebooks/00_quickstart.ipynb" in page.url
    # The README lies above the notebooks, and they link to it.
    page.locator(".jp-Notebook").get_by_role("link", name="README").click()
    playwright.expect(page.locator(".jp-MarkdownViewer h1")).to_be_visible(timeout=30_000)


def test_without_the_token_jupyterlab_is_closed(jupyter: "lab.Lab", page: "playwright.Page"):
    assert jupyter.url.startswith(("http://127.0.0.1:", "http://localhost:"))
    assert len(jupyter.token) >= 32
    page.goto(f"{jupyter.url}lab")
    assert "/login" in page.url
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{jupyter.url}api/contents", timeout=30)  # noqa: S310


# The longest, and the four reference pages, which show nothing in a browser that the others do not.
# `make test-notebooks` runs them on this kernel; in JupyterLab they run once a week, with EVERY_PAGE set.
LONG = (
    "06_reproducibility",
    "07_experiments",
    "08_speed_and_scale",
    "09_honest_comparison",
    "10_many_machines",
    "11_your_own_project",
)
REFERENCE = (
    "A1_trainer_argument_atlas",
    "A2_from_1x_to_2x",
    "A3_beyond_the_arguments",
    "A4_parts_for_the_trainer",
)
PAGES = [path for path in NOTEBOOKS if path.stem not in LONG + REFERENCE or "EVERY_PAGE" in os.environ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_run_all_ends_without_an_error_and_shows_the_figures(path: Path, jupyter: "lab.Lab", page: "playwright.Page"):
    lab.open_notebook(page, jupyter, f"notebooks/{path.name}")
    assert lab.figures(page) == 0
    lab.run_all(page)
    assert lab.problems(page, len(pictures(read(path)))) == []
    page.locator(".jp-RenderedImage img").first.scroll_into_view_if_needed()


def test_a_progress_bar_is_drawn_while_a_fit_runs(jupyter: "lab.Lab", page: "playwright.Page", hand_out: Callable):
    node = emptied(read(NOTEBOOKS[0]))
    lab.open_notebook(page, jupyter, hand_out("bar.ipynb", node))
    # Without its library a bar would be a line of text.
    bars = page.locator(".jp-OutputArea .jupyter-widgets.widget-hbox").filter(
        has_text=re.compile(r"Epoch\s\d+:[\s\S]*it/s")
    )
    assert bars.count() == 0
    lab.start_all(page)
    playwright.expect(bars.first).to_be_visible(timeout=180_000)
    bar = bars.first.locator(".widget-hprogress")
    playwright.expect(bar).to_be_visible()
    assert bar.bounding_box()["width"] > 20
    bar.scroll_into_view_if_needed()


# ---------------------------------------------------------------------------------------------------------------------
# An exercise


def colour(name: str) -> str:
    """A colour of the course as a browser names it."""
    parts = [int(COLOURS[name].lstrip("#")[at : at + 2], 16) for at in (0, 2, 4)]
    return f"rgb({', '.join(map(str, parts))})"


def try_exercises(page: "playwright.Page", stored: NotebookNode, student: NotebookNode) -> list[str]:
    """Type a wrong and then the right answer into each exercise; return what the checks get wrong."""
    wrong: list[str] = []
    places = zip(place(student, "exercise"), place(student, "check"), place(stored, "solution"), strict=True)
    for exercise, check, solution in places:
        name = student.cells[exercise].source.partition(" = ")[0]
        answers = {
            f"{name} = 0": ("Not yet", "orange"),
            code_of(stored.cells[solution]): ("Right", "green"),
        }
        for text, (word, hue) in answers.items():
            lab.answer(page, exercise, text)
            lab.run_cell(page, check)
            if lab.verdict(page, check) != (word, colour(hue)):
                wrong.append(f"{text!r} gets {lab.verdict(page, check)}")
    return wrong


def short_copy(node: NotebookNode) -> NotebookNode:
    """A student's copy of the quickstart that takes no time."""
    student = student_copy(node)
    [parameters] = place(student, "parameters")
    student.cells[parameters].source = with_values(student.cells[parameters].source, {"max_epochs": 1})
    return student


def test_an_answer_is_typed_and_the_check_turns_green(jupyter: "lab.Lab", page: "playwright.Page", hand_out: Callable):
    stored = read(NOTEBOOKS[0])
    student = short_copy(stored)
    lab.open_notebook(page, jupyter, hand_out("student.ipynb", student))
    lab.run_all(page)
    assert lab.problems(page, len(pictures(stored))) == []
    assert [lab.verdict(page, check)[0] for check in place(student, "check")] == ["Not yet"] * len(
        place(student, "check")
    )
    assert not list(jupyter.private.rglob("progress.jsonl"))
    assert try_exercises(page, stored, student) == []
    [record] = jupyter.private.rglob("progress.jsonl")
    assert len(record.read_text().splitlines()) == len(place(student, "check"))
    option = page.locator(".jp-OutputArea details").last
    playwright.expect(option.locator("p")).to_be_hidden()
    option.locator("summary").click()
    playwright.expect(option.locator("p")).to_contain_text(re.compile(r"^(Right|Not this one)\. "))


def test_what_is_broken_is_noticed(jupyter: "lab.Lab", page: "playwright.Page", hand_out: Callable):
    stored = read(NOTEBOOKS[0])
    student = short_copy(stored)
    n_figures = len(pictures(stored))
    last = [cell.id for cell in stored.cells if "image/png" in str(cell.get("outputs", ""))][-1]
    [drawing] = [position for position, cell in enumerate(student.cells) if cell.id == last]
    student.cells[drawing].source = "pass"
    first, *others = place(student, "check")
    student.cells[first].source += "\nfrom mldrl_lite.teach import right\n\nright('whatever you say')"
    for other in others:
        student.cells[other].source = "from mldrl_lite.teach import not_yet\n\nnot_yet('never')"
    student.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    lab.open_notebook(page, jupyter, hand_out("broken.ipynb", student))
    lab.run_all(page)
    found = lab.problems(page, n_figures)
    assert f"{n_figures - 1} figures instead of {n_figures}" in found
    assert any("ZeroDivisionError" in problem for problem in found)
    wrong = try_exercises(page, stored, student)
    assert len(wrong) == len(place(student, "check"))


# ---------------------------------------------------------------------------------------------------------------------
# TensorBoard


@pytest.fixture
def event_files(tmp_path: Path) -> Path:
    """The log of a run: the validation loss of 20 epochs, written as Lightning's logger writes it."""
    from pytorch_lightning.loggers import TensorBoardLogger

    logger = TensorBoardLogger(tmp_path / "runs", name="exp")
    for epoch in range(20):
        logger.log_metrics({"ptl/val_loss": 1 / (1 + epoch)}, step=epoch)
    logger.finalize("success")
    return tmp_path / "runs"


@pytest.fixture
def tensorboard(event_files: Path) -> Iterator[str]:
    """The address of a TensorBoard that shows the run."""
    command = [Path(sys.executable).with_name("tensorboard"), "--logdir", event_files, "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        lines: list[str] = []
        while not lines or "http://" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)
        yield re.search(r"http://127\.0\.0\.1:\d+/", lines[-1]).group()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_tensorboard_shows_the_validation_loss(tensorboard: str, page: "playwright.Page"):
    page.goto(tensorboard)
    card = page.locator("scalar-card").filter(has_text="ptl/val_loss")
    playwright.expect(card).to_be_visible(timeout=60_000)
    table = card.locator("scalar-card-data-table")
    playwright.expect(table).to_contain_text("exp/version_0", timeout=60_000)
    playwright.expect(table).to_contain_text("0.05")
    # The curve lies on a canvas, so it is looked for by its colour, a bluish one; all else in the chart is grey.
    chart = card.locator("line-chart").first
    for _ in range(20):
        pixels = np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("RGB")).astype(int)
        if ((pixels[..., 2] - pixels[..., 0]) > 15).sum() > 200:
            return
        page.wait_for_timeout(1000)
    pytest.fail("the chart has no curve")


# ---------------------------------------------------------------------------------------------------------------------
# The workshop's pages


def test_the_links_of_the_index_lead_somewhere(workshop: Path, page: "playwright.Page"):
    complaints = visit(page, workshop / "index.html")
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    assert len(links) >= 3 * len(NOTEBOOKS)
    for link in sorted(set(links)):
        assert link.startswith(workshop.as_uri())
        assert Path(urllib.request.url2pathname(urllib.parse.urlsplit(link).path)).is_file(), link
        if link.endswith(".html"):
            page.goto(link)
            playwright.expect(page.locator("h1").first).to_be_visible()
    assert complaints == []


def test_solutions_on_the_index_are_hidden_until_asked_for(workshop: Path, page: "playwright.Page"):
    assert visit(page, workshop / "index.html") == []
    solution = page.locator('a[href^="solutions/"]').first
    playwright.expect(solution).to_be_hidden()
    page.get_by_text("Solutions").first.click()
    playwright.expect(solution).to_be_visible()


def test_a_web_page_shows_figures_and_formulas_without_the_network(workshop: Path, page: "playwright.Page"):
    assert visit(page, workshop / "html" / "02_model.html") == []
    assert lab.figures(page) == len(pictures(read(ROOT / "notebooks" / "02_model.ipynb")))
    formulas = page.locator('img[src^="data:image/svg"]')
    assert formulas.count() >= 5
    assert formulas.evaluate_all("all => all.every(image => image.naturalWidth > 0)")
    assert "$" not in page.locator(".jp-RenderedMarkdown").first.inner_text()
    code = page.locator(".jp-InputArea .highlight pre")
    assert code.count() >= 10
    assert code.evaluate_all("all => all.filter(code => code.scrollWidth > code.clientWidth).length") == 0  # cut off
