"""A browser, its windows, and what is missing where there is none.

Tests import this module and name it as a plugin, for its fixtures; so pytest need not rewrite it: PYTEST_DONT_REWRITE.
"""

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = ROOT / "build" / "screenshots"

if importlib.util.find_spec("playwright") is None:
    MISSING = "Playwright is not installed: pip install .[browser]"
elif CHROMIUM is None:
    MISSING = "no chromium is installed, and the variable CHROMIUM names none"
else:
    MISSING = ""
    import lab
    from playwright import sync_api as playwright


@pytest.fixture(scope="session")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=lab.CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "playwright.Browser", request: pytest.FixtureRequest) -> Iterator["playwright.Page"]:
    """A window of the browser that is told of nobody's cookies; its last view is kept as a screenshot."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    context.close()


def visit(page: "playwright.Page", file: Path) -> list[str]:
    """Open a page from the disk; return what the browser complains of."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url[:200]}"))
    page.goto(file.as_uri())
    return complaints
