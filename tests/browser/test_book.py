"""A teacher's book in a real browser: read on a phone and in the dark, led through by its links, for everybody."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from windows import MISSING, visit

from mldrl_lite.teach.grade.book import Book, Graded, write_csv
from mldrl_lite.teach.grade.exercises import references
from mldrl_lite.teach.grade.grading import VERDICTS, Verdict
from mldrl_lite.teach.grade.pages import write_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WITHOUT = "" if importlib.util.find_spec("axe_playwright_python") else "axe is not installed: pip install .[browser]"
pytest_plugins = ["windows"]
pytestmark = pytest.mark.skipif(bool(MISSING or WITHOUT), reason=MISSING or WITHOUT)


def write_book(out: Path) -> None:
    known = {one.stem: one for one in references(ROOT / "notebooks")}
    copies = []
    for number, learner in enumerate(("ada", "ben", "Čeněk Ω")):
        for stem, reference in list(known.items())[:6]:
            verdicts = [
                Verdict(
                    one.number, one.answer, VERDICTS[(number + one.number) % 5], "look <again> " * 9, "2", "x = 1\n" * 9
                )
                for one in reference.exercises
            ]
            copies.append(Graded(learner, f"{learner}/{stem}.ipynb", stem, verdicts, ["No cell for exercise 2."]))
    book = Book([*copies, Graded("dan", "dan.ipynb", remarks=["Not graded: it is broken."])], known)
    write_csv(book, out / "gradebook.csv")
    write_pages(book, out)


def test_the_book_is_read_on_any_screen_and_by_everybody(tmp_path: Path, browser: "Browser"):
    from axe_playwright_python.sync_playwright import Axe

    write_book(tmp_path)
    for width, scheme in ((1280, "light"), (375, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        for path in [tmp_path / "index.html", *sorted((tmp_path / "learners").iterdir())]:
            page = context.new_page()
            assert visit(page, path) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        page.goto((tmp_path / "index.html").as_uri())
        page.locator("table.grid tbody a").filter(has_text="✗").first.click()
        assert page.locator("h3:target .mark").inner_text().split() == ["✗", "wrong"]
        context.close()
