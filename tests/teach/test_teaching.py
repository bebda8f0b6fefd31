"""The teacher's guide: its sums are right, its links lead to sections that exist, and no surprise is left out."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from links import broken_links

from mldrl_lite.__main__ import main

GUIDE = ROOT / "notebooks" / "TEACHING.md"
TEXT = GUIDE.read_text(encoding="utf-8")
AGENDAS = {"90 minutes": 90, "Half a day": 210, "A day": 450}
NAMES = {3.5: "Three and a half hours", 7.5: "Seven and a half hours"}


def section(title: str) -> str:
    return re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#|\Z)", TEXT, re.M | re.S).group(2)


def rows(title: str) -> list[tuple[int, str]]:
    return [(int(minutes), rest) for minutes, rest in re.findall(r"^\| (\d+) \| (.*)", section(title), re.M)]


@pytest.mark.parametrize(("title", "minutes"), AGENDAS.items())
def test_the_minutes_of_an_agenda_add_up(title: str, minutes: int):
    assert sum(number for number, _ in rows(title)) == minutes
    assert title == "90 minutes" or section(title).strip().startswith(NAMES[minutes / 60])
    for _, rest in rows(title):
        assert re.match(r"(\[[^]]+\]\(|break|lunch|an open exercise)", rest), rest


def test_an_agenda_gives_no_notebook_more_than_twice_its_minutes():
    stated = {path.stem: int(re.search(r"\*\*Time\*\* (\d+)", path.read_text()).group(1)) for path in NOTEBOOKS}
    for title in AGENDAS:
        for minutes, rest in rows(title):
            named = set(re.findall(r"\((\w+)\.ipynb", rest))
            assert not named or minutes <= 2 * sum(stated[name] for name in named), rest


def test_every_link_leads_to_a_section_that_exists():
    assert not list(broken_links(GUIDE, TEXT))


def surprises(path: Path) -> Iterator[set[str]]:
    """For each *Predict*, the anchors of the headings above it: any of them will do."""
    above: dict[int, str] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else []:
            if heading := re.match(r"(##+) (.+)", line):
                level = len(heading.group(1))
                above = {other: name for other, name in above.items() if other < level} | {level: heading.group(2)}
            if "**Predict:**" in line:
                yield {name.strip().replace(" ", "-") for name in above.values()}


@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem[:2] not in ("A1", "A3", "A4")], ids=lambda path: path.stem
)
def test_no_surprise_is_left_out(path: Path):
    said = section("What to say at each surprise")
    said = TEXT[TEXT.index("## What to say at each surprise") : TEXT.index("## Questions that learners ask")]
    told = set(re.findall(rf"^- \[[^]]+\]\({path.name}#([^)]+)\)", said, re.M))
    found = list(surprises(path))
    assert found
    assert [anchors for anchors in found if not anchors & told] == []


def test_every_answer_names_where_it_is_shown():
    questions = re.findall(r"^\*\*(.+?)\*\*(.*)$", section("Questions that learners ask"), re.M)
    assert len(questions) >= 10
    assert [question for question, answer in questions if "](" not in answer and "](" not in question] == []


def test_the_readme_leads_to_the_guide():
    assert "(notebooks/TEACHING.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_commands_exist(capsys: pytest.CaptureFixture[str]):
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", " ".join(re.findall(r"^make .*|`make [^`]*`", TEXT, re.M)))):
        assert re.search(rf"^{target}:", makefile, re.M), target
    with pytest.raises(SystemExit):
        main(["course", "--help"])
    assert "notebooks" in capsys.readouterr().out
    workshop = (ROOT / "mldrl_lite" / "teach" / "workshop_templates.py").read_text()
    for line in (
        'python -m pip install --constraint constraints-torch.txt "./package[course]"',
        "jupyter lab --ServerApp.root_dir=.",
    ):
        assert line in TEXT
        assert line in workshop
