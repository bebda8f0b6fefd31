"""What a teacher hands out is whole, leads nowhere wrong, gives no solution away, and runs."""

import html.parser
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import nbformat
import papermill
import pytest
from conftest import NOTEBOOKS, ROOT
from nbformat import NotebookNode
from solved import code_of

from mldrl_lite.messages import InputError
from mldrl_lite.teach import workshop as workshop_module
from mldrl_lite.teach.workshop import (
    ZIP,
    copy_package,
    draw_formulas,
    main,
    make_workshop,
    relink,
    student_copy,
    tags,
    web_page,
    with_values,
)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def tagged(node: NotebookNode, tag: str) -> list[str]:
    return [cell.source for cell in node.cells if tag in tags(cell)]


@pytest.fixture(scope="module")
def small_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course that has two notebooks only, which takes less time."""
    root = tmp_path_factory.mktemp("root")
    copy_package(ROOT, root)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.move(root / "package" / name, root / name)
    shutil.move(root / "package" / "mldrl_lite", root / "mldrl_lite")
    (root / "notebooks").mkdir()
    for name in ("00_quickstart.ipynb", "02_model.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, root / "notebooks" / name)
    return root


# ---------------------------------------------------------------------------------------------------------------------
# The notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_copy_has_the_exercises_but_no_solution_and_no_output(path: Path):
    stored = read(path)
    student = student_copy(stored)
    assert tagged(student, "solution") == []
    for tag in ("exercise", "check", "parameters"):
        assert tagged(student, tag) == tagged(stored, tag)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in student.cells)
    text = "\n".join(cell.source for cell in student.cells)
    assert not [cell for cell in stored.cells if "solution" in tags(cell) and code_of(cell) in text]
    assert not re.search(r"solution (stands|is) folded|<summary>Solution", text)
    assert stored == read(path)  # the given notebook is as it was


def test_all_notebooks_are_handed_out(workshop: Path):
    names = [path.name for path in NOTEBOOKS]
    assert sorted(path.name for path in (workshop / "notebooks").glob("*.ipynb")) == names
    for path in NOTEBOOKS:
        assert read(workshop / "solutions" / path.name) == read(path)
        assert read(workshop / "notebooks" / path.name) == student_copy(read(path))
    with zipfile.ZipFile(workshop / ZIP) as archive:
        zipped = {name.partition("/")[2] for name in archive.namelist()}
    assert zipped | {ZIP} == {path.relative_to(workshop).as_posix() for path in workshop.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_copy_runs_what_the_notebook_runs(path: Path):
    stored, student = ([cell.source for cell in node.cells if cell.cell_type == "code"] for node in copies(path))
    assert student == stored


def copies(path: Path) -> tuple[NotebookNode, NotebookNode]:
    return read(path), student_copy(read(path))


def test_the_package_that_is_handed_out_is_all_that_a_copy_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy_package(ROOT, tmp_path)
    # The kernel takes this package, and sees nothing else of the project's folder.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "package"))
    executed = run_student_copy(NOTEBOOKS[1], tmp_path, "python3")
    checks = [cell for cell in executed.cells if "check" in tags(cell)]
    assert all(cell.outputs[-1].data["text/plain"].startswith("Not yet: ") for cell in checks)
    assert executed.cells[-1].outputs[0].text.startswith(str(tmp_path / "package"))


def run_student_copy(path: Path, folder: Path, kernel: str) -> NotebookNode:
    node = student_copy(read(path), small=True)
    node.cells.append(nbformat.v4.new_code_cell("import mldrl_lite\nprint(mldrl_lite.__file__)"))
    (folder / "notebooks").mkdir()
    options = {"cwd": str(folder / "notebooks"), "kernel_name": kernel, "progress_bar": False, "execution_timeout": 300}
    return papermill.execute_notebook(node, str(folder / "notebooks" / path.name), **options)


# ---------------------------------------------------------------------------------------------------------------------
# The small profile


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_small_profile_changes_the_values_it_names_and_nothing_else(path: Path):
    [before], [after] = (tagged(student_copy(read(path), small=small), "parameters") for small in (False, True))
    [cell] = [cell for cell in read(path).cells if "parameters" in tags(cell)]
    values: list[dict[str, object]] = [{}, {}]
    for text, found in zip((before, after), values, strict=True):
        exec(text, found)  # noqa: S102
        found.pop("__annotate__", None)  # from Python 3.14 on, a function that makes the annotations
    assert values[1] == values[0] | cell.metadata.get("small", {})
    assert re.findall("  #.*", before) == re.findall("  #.*", after)


def test_a_value_of_the_small_profile_must_be_a_parameter():
    cell = 'name = "a # b"  # a name: any\nepochs = 30  # passes: 1 or more'
    assert with_values(cell, {"epochs": 2, "name": "c"}) == "name = 'c'  # a name: any\nepochs = 2  # passes: 1 or more"
    with pytest.raises(InputError, match="names 'epoch', which is no parameter of its notebook"):
        with_values(cell, {"epoch": 2})


# ---------------------------------------------------------------------------------------------------------------------
# Pages and links


class Page(html.parser.HTMLParser):
    """Collect where a page leads to, what it loads, and its anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.without_alt = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" or "src" in found:
            self.loads.append(found.get("href") or found.get("src") or "")
        self.without_alt += tag == "img" and not found.get("alt")


@cache
def anchors(path: Path) -> set[str]:
    if path.suffix == ".html":
        return {unquote(anchor) for anchor in Page(path.read_text(encoding="utf-8")).anchors}
    cells = read(path).cells if path.suffix == ".ipynb" else []
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown") or path.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    plain = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    return {heading.strip().replace(" ", "-") for heading in headings} | plain


def dead_links(path: Path, links: list[str]) -> list[str]:
    dead = []
    for link in links:
        if link.startswith(("http://", "https://", "data:")):
            continue
        file, _, anchor = unquote(link).partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            dead.append(link)
    return dead


def test_every_link_leads_somewhere_within_the_workshop(workshop: Path):
    pages = sorted(workshop.glob("*.html")) + sorted((workshop / "html").glob("*.html"))
    assert len(pages) >= len(NOTEBOOKS) + 1
    dead = {page.name: dead_links(page, Page(page.read_text(encoding="utf-8")).links) for page in pages}
    for notebook in [*(workshop / "notebooks").glob("*.ipynb"), *(workshop / "solutions").glob("*.ipynb")]:
        prose = [cell.source for cell in read(notebook).cells if cell.cell_type == "markdown"]
        dead[str(notebook)] = dead_links(notebook, re.findall(r"\]\(([^)\s]+)\)", "\n".join(prose)))
    readme = workshop / "README.md"
    dead["README.md"] = dead_links(readme, re.findall(r"\]\(([^)\s]+)\)", readme.read_text(encoding="utf-8")))
    assert {name: links for name, links in dead.items() if links} == {}


def test_the_finder_of_dead_links_finds_one(tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text('<a href="page.html#here" id="here"></a><a href="gone.html"></a><a href="#gone"></a>')
    assert dead_links(page, Page(page.read_text()).links) == ["gone.html", "#gone"]


def test_no_page_needs_the_network(workshop: Path):
    for page in [*workshop.glob("*.html"), *(workshop / "html").glob("*.html")]:
        text = page.read_text(encoding="utf-8")
        assert not [load for load in Page(text).loads if load.startswith(("http", "//"))], page.name
        assert not re.search(r"@import|url\(['\"]?(https?:)?//|import .* from ['\"]http|fetch\(", text), page.name


def test_the_index_tells_of_every_notebook(workshop: Path):
    index = (workshop / "index.html").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        opening = read(path).cells[0].source
        title, minutes = re.match("# (.+)", opening).group(1), re.search(r"(\d+) minutes", opening).group(1)
        [article] = re.findall(rf'<article id="{path.stem}">.*?</article>', index, re.S)
        assert f"<h3>{title}</h3>" in article
        assert f"{minutes} minutes, {len(tagged(read(path), 'exercise'))} exercises" in article
        open_links, hidden = article.split("<details>")
        assert Page(open_links).links == [f"notebooks/{path.name}", f"html/{path.stem}.html"]
        assert Page(hidden).links == [f"solutions/{path.name}"]


def test_solutions_are_folded_on_the_web_pages(workshop: Path):
    page = (workshop / "html" / "00_quickstart.html").read_text(encoding="utf-8")
    outside = re.sub(r"<details>.*?</details>", "", page, flags=re.S)
    assert page.count("<summary>Solution</summary>") == len(tagged(read(NOTEBOOKS[0]), "solution"))
    assert "short_trainer" in outside
    assert "logger=False" not in re.sub("<[^>]*>", "", outside).replace(" ", "").partition("write no log")[2]
    assert "<b>Right.</b>" not in outside.partition("Test-yourself")[0]


def test_code_with_html_in_it_is_shown_and_not_run():
    code = nbformat.v4.new_code_cell("print('<script>alert(1)</script>')")
    page = web_page(nbformat.v4.new_notebook(cells=[code]), "page")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


def test_formulas_are_drawn_and_code_is_not():
    drawn = draw_formulas("so $a_b + \\sigma$, `$HOME` and\n```\n$x$\n```\n")
    assert drawn.count("<img") == 1
    assert 'alt="a_b + \\sigma"' in drawn
    assert "`$HOME`" in drawn
    assert "$x$" in drawn
    assert draw_formulas("$\\nonsense{$") == "$\\nonsense{$"


def test_links_are_changed_where_they_are_links():
    text = "[a](x.ipynb#A), `d[0](x)`, [b `[c]`](gone), ![p](p.png), [w](https://w), [s](#s)"
    changed = relink(text, lambda target: None if target == "gone" else target.replace(".ipynb", ".html"))
    assert changed == "[a](x.html#A), `d[0](x)`, b `[c]`, ![p](p.png), [w](https://w), [s](#s)"


# ---------------------------------------------------------------------------------------------------------------------
# The command


@pytest.mark.slow
def test_the_same_course_gives_the_same_bytes(small_course: Path, tmp_path: Path):
    make_workshop(small_course, tmp_path / "first")
    command = [sys.executable, "-m", "mldrl_lite.teach.workshop", "--root", small_course, "--out", tmp_path / "second"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    first, second = (sorted(path for path in (tmp_path / name).rglob("*")) for name in ("first", "second"))
    assert [path.name for path in first] == [path.name for path in second]
    different = [a.name for a, b in zip(first, second, strict=True) if a.is_file() and a.read_bytes() != b.read_bytes()]
    assert different == []
    assert (tmp_path / "first" / ZIP).stat().st_size > 100_000


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_made_anew_nothing_old_is_left_and_pictures_travel(small_course: Path, tmp_path: Path):
    out = tmp_path / "out"
    notebook = small_course / "notebooks" / "00_quickstart.ipynb"
    before = notebook.read_text(encoding="utf-8")
    node = read(notebook)
    node.cells[0].source += "\n![a picture](pictures/one.png)"
    nbformat.write(node, notebook)
    (notebook.parent / "pictures").mkdir()
    (notebook.parent / "pictures" / "one.png").write_bytes(b"png")
    make_workshop(small_course, out)
    (out / "notebooks" / "old.ipynb").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop_module, "web_page", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_workshop(small_course, out)
    assert (out / "notebooks" / "old.ipynb").exists()  # the earlier workshop is as it was
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    cards = make_workshop(small_course, out, "small")
    notebook.write_text(before, encoding="utf-8")
    assert [card.stem for card in cards] == ["00_quickstart", "02_model"]
    assert not (out / "notebooks" / "old.ipynb").exists()
    assert (out / "notebooks" / "pictures" / "one.png").read_bytes() == b"png"
    assert (out / "html" / "pictures" / "one.png").is_file()
    [parameters] = tagged(read(out / "notebooks" / "00_quickstart.ipynb"), "parameters")
    assert "max_epochs = 5  #" in parameters


def test_a_notebook_without_the_opening_is_named(small_course: Path, tmp_path: Path):
    notebook = small_course / "notebooks" / "02_model.ipynb"
    before = notebook.read_text(encoding="utf-8")
    node = read(notebook)
    node.cells[0].source = "Model"
    nbformat.write(node, notebook)
    with pytest.raises(InputError, match="02_model does not begin with '# Title'"):
        make_workshop(small_course, tmp_path / "out")
    notebook.write_text(before, encoding="utf-8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "tiny"], "Unknown profile 'tiny': give full or small."),
        (["--root", "nowhere"], "No notebooks in 'nowhere/notebooks': give --root the folder of the course."),
        (["--out", "{mine}"], "holds something that is not a workshop: give --out a new folder."),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    (tmp_path / "letter.txt").write_text("mine")
    arguments = [argument.replace("{mine}", str(tmp_path)) for argument in arguments]
    assert main(["--root", str(ROOT), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_the_package_in_the_workshop_is_whole(workshop: Path):
    theirs = {path.relative_to(workshop / "package").as_posix() for path in (workshop / "package").rglob("*.*")}
    found = [path.relative_to(ROOT) for path in (ROOT / "mldrl_lite").rglob("*.*") if path.is_file()]
    ours = {path.as_posix() for path in found if path.suffix != ".pyc" and "/." not in path.as_posix()}
    assert {path for path in theirs if (workshop / "package" / path).is_file()} == ours | {
        "pyproject.toml",
        "README.md",
    }
    for name in ("constraints.txt", "constraints-torch.txt"):
        assert (workshop / name).read_bytes() == (ROOT / name).read_bytes()
    command = 'pip install --constraint constraints-torch.txt "./package[course]"\n'
    assert command in (workshop / "README.md").read_text(encoding="utf-8")
