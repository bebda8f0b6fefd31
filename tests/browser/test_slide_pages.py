"""The slides in a real browser: each fits on its page, and nothing is fetched from elsewhere."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from windows import MISSING, visit

from mldrl_lite.teach.slides import write_slides

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WITHOUT = (
    "" if importlib.util.find_spec("sphinx_revealjs") else "sphinx-revealjs is not installed: pip install .[slides]"
)
pytest_plugins = ["windows"]
pytestmark = pytest.mark.skipif(bool(MISSING or WITHOUT), reason=MISSING or WITHOUT)


def test_each_slide_fits_on_its_page_without_a_network(tmp_path: Path, browser: "Browser"):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    for path in write_slides(ROOT, tmp_path):
        page = context.new_page()
        complaints = visit(page, path)
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        assert page.evaluate("Reveal.getTotalSlides()") > 10
        while not page.evaluate("Reveal.isLastSlide() && Reveal.isLastVerticalSlide()"):
            page.evaluate("Reveal.next()")
            box = page.evaluate("Reveal.getCurrentSlide().getBoundingClientRect().toJSON()")
            assert box["bottom"] <= 720, page.url
            assert box["right"] <= 1280, page.url
            assert page.evaluate("Reveal.getCurrentSlide().scrollHeight - Reveal.getCurrentSlide().clientHeight") <= 1
        assert complaints == []
    context.close()
