"""The course in other languages: what is translated, what stays, and what is stale."""

import re
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from links import anchors
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install .[site]")
from babel.messages.catalog import Catalog
from markdown_it import MarkdownIt

from mldrl_lite.messages import InputError
from mldrl_lite.teach.site import catalogs, source, translate

OPENING = """# 00 · First

It trains a model.

- **read** a log;
- stop.

**Time** 5 minutes, see [below](#Stop-a-run)
"""
SECTION = "## Stop a run\n\n| argument | says |\n|---|---|\n| `devices` | where it runs |\n"
TRAINS = {"It trains a model.": "모델을 학습합니다."}
PO = """msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "It trains a model."
msgstr "모델을 학습합니다."
"""


def notebook(*cells: NotebookNode) -> NotebookNode:
    return new_notebook(cells=list(cells), metadata={"language_info": {"name": "python"}})


def known(**texts: str) -> Catalog:
    catalog = Catalog("ko")
    for english, korean in texts.items():
        catalog.add(english, korean)
    return catalog


def test_text_is_translated_piece_by_piece_and_everything_else_stays():
    catalog = known(**TRAINS, **{"**read** a log;": "로그를 **읽고**", "where it runs": "어디서"})
    korean = OPENING.replace("It trains a model.", "모델을 학습합니다.").replace("**read** a log;", "로그를 **읽고**")
    assert translate.translated_text(OPENING, catalog) == korean
    assert translate.translated_text(SECTION, catalog) == SECTION.replace("where it runs", "어디서")


def test_a_word_is_translated_where_it_stands_and_not_in_another_or_in_code():
    table = "| Python | on |\n|---|---|\n| 3.14 | Friday |\n"
    code = "```\nmake run on\n```\n\non\n"
    catalog = known(on="날짜")
    assert translate.translated_text(table, catalog) == table.replace(" on ", " 날짜 ")
    assert translate.translated_text(code, catalog) == code.replace("\non", "\n날짜")


def test_the_links_to_a_translated_heading_still_work():
    text = translate.translated_text(SECTION, known(**{"Stop a run": "실행 멈추기"}))
    assert text.startswith('<a id="stop-a-run"></a>\n\n## 실행 멈추기\n')


def test_a_fuzzy_text_stands_in_english():
    catalog = known(stop="멈춥니다")
    catalog["stop"].flags.add("fuzzy")
    assert translate.translated_text("stop\n", catalog) == "stop\n"


def test_code_and_outputs_stay_and_the_page_says_that_nobody_has_reviewed_it():
    node = notebook(new_markdown_cell(OPENING), new_code_cell("# It trains a model.\n1 + 1"))
    new = translate.translated(node, known(**TRAINS), translate.NOTES["ko"])
    assert new.cells[1] == node.cells[1]
    assert "모델을 학습합니다." in new.cells[0].source
    assert new.cells[0].source.startswith(f"# 00 · First\n\n*{translate.NOTES['ko']}*\n\n")
    assert "not yet reviewed by a native reader" in translate.NOTES["ko"]
    assert node.cells[0].source == OPENING


@pytest.fixture
def course(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook(new_markdown_cell(OPENING)), tmp_path / "notebooks" / "00_first.ipynb")
    file = tmp_path / "locale" / "ko" / "LC_MESSAGES" / "notebooks" / "00_first.po"
    file.parent.mkdir(parents=True)
    file.write_text(PO, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_changed_text_makes_its_translation_stale(course: Path):
    def stale() -> dict[str, int]:
        return catalogs.update(source.read_course(course, ""), "ko", course / "locale")

    assert stale() == {"notebooks/00_first": 0}
    catalog = translate.catalogs("ko", course / "locale")["notebooks/00_first"]
    assert {"00 · First", "It trains a model.", "**read** a log;"} <= {message.id for message in catalog}
    assert catalog["It trains a model."].string == "모델을 학습합니다."
    path = course / "notebooks" / "00_first.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("trains a model", "trains a good model"), encoding="utf-8")
    assert stale() == {"notebooks/00_first": 1}
    catalog = translate.catalogs("ko", course / "locale")["notebooks/00_first"]
    assert catalog["It trains a good model."].fuzzy
    assert "It trains a good model." in translate.translated_text(nbformat.read(path, 4).cells[0].source, catalog)


def test_the_korean_notebooks_are_whole(tmp_path: Path):
    course = source.read_course(ROOT, "")
    pages = catalogs.write_notebooks(course, "ko", tmp_path)
    assert pages == ["README", "notebooks/00_quickstart", "notebooks/03_callbacks"]
    for page in pages[1:]:
        path, stem = tmp_path / f"{page}.ipynb", page.removeprefix("notebooks/")
        node, english = nbformat.read(path, as_version=4), course.nodes[stem]
        assert "한" in translate.NAMES["ko"]
        assert re.search("[가-힣]", node.cells[0].source.splitlines()[0])
        assert translate.NOTES["ko"] in node.cells[0].source
        codes = [[cell.source for cell in one.cells if cell.cell_type == "code"] for one in (node, english)]
        assert codes[0] == codes[1]
        assert dead_links(path) == []


def dead_links(path: Path) -> list[str]:
    """What leads nowhere: to no file beside, or to no anchor of the page."""
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    here = set(re.findall(r'<a id="([^"]+)">', text)) | {name.lower() for name in anchors(path)}
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if (not file.startswith("http") and not (path.parent / file).exists()) or (not file and anchor not in here):
            dead.append(target)
    return dead


def marks(text: str) -> tuple[set[str], list[str], bool]:
    """The code and the targets of links in a text, and whether a star or a bracket in it is not Markdown but shown."""
    [inline] = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "inline"]
    tokens = inline.children or []
    codes = {token.content for token in tokens if token.type == "code_inline"}
    targets = [str(token.attrs.get("href") or token.attrs.get("src")) for token in tokens if token.attrs]
    return codes, sorted(targets), any(re.search(r"\*|\]\(", token.content) for token in tokens if token.type == "text")


@pytest.mark.parametrize("page", translate.catalogs("ko"))
def test_a_translation_keeps_the_code_the_links_and_the_emphasis_of_its_text(page: str):
    wrong = []
    for message in translate.catalogs("ko")[page]:
        if message.id and message.string and not message.fuzzy:
            (codes, targets, loose), (new_codes, new_targets, new_loose) = marks(message.id), marks(message.string)
            if not codes <= new_codes or targets != new_targets or new_loose > loose:
                wrong.append((message.id, message.string))
    assert wrong == []


def test_a_language_without_catalogs_is_one_sentence():
    with pytest.raises(InputError, match="There is no catalog for the language 'xx'"):
        translate.catalogs("xx")
