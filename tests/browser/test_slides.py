"""The slides in a real browser: each fits on its page, and nothing is fetched from elsewhere."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from mldrl_lite.teach.slides import write_slides

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name in ("playwright", "sphinx_revealjs") if importlib.util.find_spec(name) is None]
MISSING += [] if CHROMIUM else ["chromium"]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}; pip install .[browser,slides]")


def test_each_slide_fits_on_its_page_without_a_network(tmp_path: Path):
    import lab
    from playwright.sync_api import sync_playwright

    pages = write_slides(ROOT, tmp_path)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=lab.CHROMIUM_OPTIONS)
        page = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda request: said.append(request.url))
        for path in pages:
            page.goto(path.as_uri())
            page.wait_for_function("window.Reveal && Reveal.isReady()")
            assert page.evaluate("Reveal.getTotalSlides()") > 10
            while True:
                page.evaluate("Reveal.getCurrentSlide().offsetHeight")
                size = page.evaluate("[Reveal.getCurrentSlide().scrollHeight, Reveal.getCurrentSlide().scrollWidth]")
                assert size[0] <= 720, page.url
                assert size[1] <= 1280, page.url
                if page.evaluate("Reveal.isLastSlide() && Reveal.isLastVerticalSlide()"):
                    break
                page.evaluate("Reveal.next()")
        browser.close()
    assert said == []
