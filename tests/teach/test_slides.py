"""Slides show what an agenda of the teacher's guide names, say the rest to the speaker, and need no network."""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mldrl_lite.messages import InputError
from mldrl_lite.teach import slides
from mldrl_lite.teach.slides import agendas, deck, main, what_to_say

GUIDE = """# Guide

## Agendas

### An hour

| minutes | section | what happens |
|---|---|---|
| 40 | [01: all](01_a.ipynb) | without [the end](01_a.ipynb#The-end) |
| 10 | break | |
| 10 | [02: one part](02_b.ipynb#The-end) and more | you talk |

### Short

| 5 | [the start](01_a.ipynb#A-start) | |

## What to say at each surprise

- [A start](01_a.ipynb#A-start). Let them guess.
"""
SLIDE = {"tags": ["slide"]}


def write_course(root: Path, guide: str = GUIDE) -> Path:
    (root / "notebooks").mkdir()
    (root / "notebooks" / "TEACHING.md").write_text(guide, encoding="utf-8")
    for name in ("01_a", "02_b"):
        text = f"## A start\n\nLong words of {name}.\n\nThink. **Predict:** what [comes](x.ipynb)?"
        cells = [
            new_markdown_cell(f"# {name}"),
            new_markdown_cell(text, metadata=SLIDE),
            new_code_cell(f"hidden_{name} = 1", metadata={"tags": ["slide", "hide-input"]}),
            new_code_cell(f"untagged_{name} = 1"),
            new_markdown_cell("### Deeper"),
            new_code_cell(f"deeper_{name} = 1", metadata=SLIDE),
            new_markdown_cell("## The end"),
            new_code_cell(f"end_{name} = 1", metadata=SLIDE),
        ]
        nbformat.write(new_notebook(cells=cells), root / "notebooks" / f"{name}.ipynb")
    return root


def sources(root: Path, name: str) -> list[tuple[str, str]]:
    guide = (root / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    node = deck(name, agendas(guide)[name], root / "notebooks", what_to_say(guide))
    return [(cell.metadata.slideshow.slide_type, cell.source) for cell in node.cells]


def test_a_deck_follows_its_agenda(tmp_path: Path):
    root = write_course(tmp_path)
    assert sources(root, "An hour") == [
        ("slide", "# mldrl-lite: an hour\n\n60 minutes"),
        ("slide", "## 01: all\n\nwithout the end\n\n*40 minutes*"),
        ("subslide", "## A start\n\nThink. **Predict:** what comes?"),
        ("notes", "Let them guess."),
        ("subslide", "hidden_01_a = 1"),
        ("notes", "Let them guess."),
        ("subslide", "deeper_01_a = 1"),
        ("notes", "Let them guess."),
        ("slide", "## break\n\n\n\n*10 minutes*"),
        ("slide", "## 02: one part and more\n\nyou talk\n\n*10 minutes*"),
        ("subslide", "end_02_b = 1"),
    ]
    assert [source for _, source in sources(root, "Short")][2:] == [
        "## A start\n\nThink. **Predict:** what comes?",
        "Let them guess.",
        "hidden_01_a = 1",
        "Let them guess.",
        "deeper_01_a = 1",
        "Let them guess.",
    ]


def test_a_section_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = write_course(tmp_path, GUIDE.replace("#The-end", "#No-end"))
    assert main(["--root", str(root), "-o", str(tmp_path / "out")]) == 2
    assert "leads to 01_a.ipynb#No-end, which is not there: mend the link" in capsys.readouterr().err
    with pytest.raises(InputError):
        sources(root, "An hour")


def test_the_course_s_own_agendas_have_slides_for_their_parts():
    guide = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    found = agendas(guide)
    assert [sum(row.minutes for row in rows) for rows in found.values()] == [90, 210, 450]
    for rows in found.values():
        for row in rows:
            node = deck("x", [row], ROOT / "notebooks", what_to_say(guide))
            sections = {part for headings in row.sections.values() for part in headings}
            if sections - {"", "Exercises", "Test-yourself", "Recap"}:
                assert any(cell.metadata.slideshow.slide_type == "subslide" for cell in node.cells), row


def test_the_pages_load_nothing_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    revealjs = tmp_path / "site" / "sphinx_revealjs" / "_static" / "revealjs"
    for part in ("dist/reveal.js", "dist/reveal.css", "dist/theme/white.css", "plugin/notes/notes.js", "LICENSE"):
        (revealjs / part).parent.mkdir(parents=True, exist_ok=True)
        (revealjs / part).write_text("")
    (tmp_path / "site" / "sphinx_revealjs" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "sphinx_revealjs", raising=False)
    assert main(["--root", str(write_course(tmp_path)), "-o", str(tmp_path / "out")]) == 0
    for page in ("an-hour.html", "short.html"):
        text = (tmp_path / "out" / page).read_text(encoding="utf-8")
        loaded = re.findall(r'(?:<script[^>]*src|<link[^>]*href|<img[^>]*src)="([^"]*)"', text)
        assert {target for target in loaded if not target.startswith("data:")} == {
            "reveal/dist/reveal.js",
            "reveal/dist/reveal.css",
            "reveal/dist/theme/white.css",
            "reveal/plugin/notes/notes.js",
        }
        assert all((tmp_path / "out" / target).is_file() for target in loaded if not target.startswith("data:"))
        assert not re.search(r"(?:import|url)\(?\s*['\"]?(?:https?:)?//", text)
        assert "hidden_" not in text  # the code is folded in the notebook, too
    assert "deeper_" in text


def test_without_the_package_that_holds_reveal_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    lines = [f"{line}; extra == '{name}'" for name, needed in extras.items() for line in needed]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: lines)
    monkeypatch.setitem(sys.modules, "sphinx_revealjs", None)
    with pytest.raises(InputError, match="sphinx_revealjs is not installed; the extra 'slides' brings it"):
        slides.write_slides(write_course(tmp_path), tmp_path / "out")
