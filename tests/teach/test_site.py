"""The site's own few pages: links, the index by symptom, who uses which module; and what is said when it cannot be."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from links import broken_links
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install .[site]")
from mldrl_lite.messages import InputError
from mldrl_lite.teach.site import build, modules, pages, translate
from mldrl_lite.teach.site.links import Places, anchor_of

PACKAGE = ROOT / "mldrl_lite"
TEXTS = ("README.md", "notebooks/00_quickstart.ipynb", "notebooks/GLOSSARY.md")
PAGES = frozenset([*TEXTS, "api/mldrl_lite.rst", "api/mldrl_lite.model.rst"])


@pytest.mark.parametrize("link", ["Say this, write this", "Say-this,-write-this", "say-this-write-this"])
def test_a_heading_has_one_anchor_however_a_link_writes_it(link: str):
    assert anchor_of(link) == "say-this-write-this"


@pytest.mark.parametrize(
    ("text", "there", "alone"),
    [
        ("[a](#Load-the-data)", "[a](#load-the-data)", None),
        ("[a](00_quickstart.ipynb#Load-the-data)", "[a](../notebooks/00_quickstart.ipynb#load-the-data)", None),
        ("[a](../README.md)", "[a](../README.md)", None),
        ("[a](../mldrl_lite/model.py)", "[a](../api/mldrl_lite.model.rst)", None),
        ("[a](../mldrl_lite)", "[a](../api/mldrl_lite.rst)", None),
        ("[a](../LICENSE)", "[a](../LICENSE)", None),
        ("[a](../Makefile)", "[a](https://github.com/o/p/blob/HEAD/Makefile)", "a"),
        ("[a](gone.ipynb#A)", "[a](gone.ipynb#A)", None),
        ("`[a](#A-B)` [w](https://w.org/#A-B)", "`[a](#A-B)` [w](https://w.org/#A-B)", None),
    ],
)
def test_a_link_leads_somewhere_from_the_site_or_is_only_words(text: str, there: str, alone: str | None):
    page = "notebooks/03_callbacks.ipynb"
    assert Places(ROOT, PAGES, "https://github.com/o/p").relinked(text, page) == there
    assert Places(ROOT, PAGES, "").relinked(text, page) == (there if alone is None else alone)


def test_a_notebook_can_be_opened_elsewhere_only_where_an_address_is_configured():
    assert re.findall('href="([^"]+)"', pages.ways_to_open("00_quickstart", "")) == ["00_quickstart.ipynb"]
    there = re.findall('href="([^"]+)"', pages.ways_to_open("00_quickstart", "https://github.com/o/p"))
    assert there[1:] == [
        "https://mybinder.org/v2/gh/o/p/HEAD?urlpath=lab/tree/notebooks/00_quickstart.ipynb",
        "https://colab.research.google.com/github/o/p/blob/HEAD/notebooks/00_quickstart.ipynb",
        "https://codespaces.new/o/p",
    ]
    assert pages.elsewhere("notebooks/x.ipynb", "https://git.example.org/o/p") == {}


def test_the_address_is_the_one_of_the_project(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert build.address_of(tmp_path) == ""
    (tmp_path / "pyproject.toml").write_text('[project]\n[project.urls]\nRepository = "https://github.com/o/p.git/"\n')
    assert build.address_of(tmp_path) == "https://github.com/o/p"


def test_the_symptoms_of_all_notebooks_stand_on_one_page():
    nodes = {path.stem: nbformat.read(path, as_version=4) for path in NOTEBOOKS}
    text = pages.symptoms(nodes)
    table = text.partition("## Everything that happened to somebody")[2]
    assert table.count("\n| ") - 1 >= 80
    assert "(notebooks/A1_trainer_argument_atlas.ipynb#log-every-n-steps)" in table
    assert "(notebooks/A2_from_1x_to_2x.ipynb#two-names-of-one-library)" in table  # A3 sends on to A2
    [row] = [row for row in table.splitlines() if "issues/20436" in row]
    assert {"issues/5631", "issues/1752"} <= set(re.findall(r"issues/\d+", row))  # three threads of one symptom
    assert text.index("## My curve is empty") < text.index(table)


def test_the_links_of_the_page_of_symptoms_lead_somewhere():
    text = (PACKAGE / "teach" / "site" / "symptoms.md").read_text(encoding="utf-8")
    assert text.count("](notebooks/") >= 20
    within = "#everything-that-happened-to-somebody"
    assert list(broken_links(ROOT / "README.md", text.replace(f"({within})", "(README.md)"))) == []


def test_what_a_notebook_uses_is_read_from_its_imports():
    cells = [
        "from mldrl_lite import MMDynamic, sweep\nfrom mldrl_lite.teach import check_tcp",
        "%%writefile x.py\nfrom mldrl_lite.figures import COLOURS",
        "!mldrl-lite run x.ipynb\nfrom mldrl_lite.__main__ import main",
        "print 'an error on purpose'",
    ]
    used = modules.used(new_notebook(cells=[new_code_cell(cell) for cell in cells]), PACKAGE)
    wanted = ["__main__", "model", "runs.sweeps.sweep", "teach.exercises.model"]
    assert used == [f"mldrl_lite.{name}" for name in wanted]


def test_each_module_has_a_page_and_templates_have_none():
    names = modules.modules(PACKAGE)
    assert {"mldrl_lite", "mldrl_lite.model", "mldrl_lite.trainer.check", "mldrl_lite.teach.site.links"} <= set(names)
    assert not [name for name in names if ".template" in name]
    page = modules.api_pages(PACKAGE, {"mldrl_lite.model": {"02_model": "02 · Model"}})["mldrl_lite.model"]
    assert ".. automodule:: mldrl_lite.model\n   :members:" in page
    assert "Used in :doc:`02 · Model </notebooks/02_model>`." in page


# ---------------------------------------------------------------------------------------------------------------------
# A small site


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    """A course of one notebook and one module."""
    root = tmp_path / "course"
    (root / "notebooks" / "pictures").mkdir(parents=True)
    (root / "mldrl_lite").mkdir()
    for name in ("__init__.py", "messages.py"):
        shutil.copy(PACKAGE / name, root / "mldrl_lite" / name)
    shutil.copy(ROOT / "notebooks" / "pictures" / "system.png", root / "notebooks" / "pictures")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\n')
    inner = (f"notebooks/{name}" for name in ("GLOSSARY", "RUNNING", "TEACHING"))
    for name in ("README", "CHANGELOG", "CONTRIBUTING", *inner):
        (root / f"{name}.md").write_text(f"# {name}\n\n## Run it\n")
    text = "# 00 · First\n\nA formula: $a^2$, **Time** 5 minutes, [below](#Look-at-it), [there](../README.md#run-it)\n"
    code = new_code_cell("from mldrl_lite.messages import require")
    cells = [new_markdown_cell(text), code, new_markdown_cell("## Look at it")]
    metadata = {"language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), root / "notebooks" / "00_first.ipynb")
    return root


@pytest.fixture(autouse=True)
def fewer_pages(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    if "small_course" in request.fixturenames:  # its notebooks are not those that these pages lead to
        monkeypatch.setattr(pages, "symptoms", lambda nodes: "# Find by symptom\n")
        monkeypatch.setattr(translate, "languages", list)


def break_a_link(root: Path) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("#Look-at-it", "#Look-away"), encoding="utf-8")


@pytest.mark.slow
def test_a_broken_link_stops_the_build_and_the_earlier_site_stays(small_course: Path, tmp_path: Path, capfd):
    out = tmp_path / "site"
    build.build_site(small_course, out)
    page = (out / "notebooks" / "00_first.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert 'href="#look-at-it"' in page
    assert 'href="../README.html#run-it"' in page
    assert 'href="../api/mldrl_lite.messages.html"' in page
    break_a_link(small_course)
    with pytest.raises(InputError, match="The site was not built"):
        build.build_site(small_course, out)
    assert "look-away" in capfd.readouterr().err
    assert (out / "notebooks" / "00_first.html").read_text(encoding="utf-8") == page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "site"]


def test_what_is_no_site_is_not_replaced(small_course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    assert build.main(["--root", str(small_course), "--out", str(tmp_path / "mine")]) == 2
    assert "holds something that is not a site: give --out a new folder." in capsys.readouterr().err
    assert build.main(["--root", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert "give --root the folder of the course." in capsys.readouterr().err


def test_without_chromium_there_is_no_pdf_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build.main(["--root", str(ROOT), "--pdf", str(tmp_path / "course.pdf")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("mldrl-lite: The PDF is printed by Chromium, which is not installed: install it, or name it")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
