"""The course as a web site: whole, without a network, for everybody, on every screen."""

import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, Once
from windows import MISSING, visit

from mldrl_lite.runs import pictures

LACKS = MISSING or ("" if importlib.util.find_spec("sphinx") else "Sphinx is not installed: pip install .[site]")
if not LACKS:
    from axe_playwright_python.sync_playwright import Axe
    from playwright import sync_api as playwright

    from mldrl_lite.teach.site.build import build_site
    from mldrl_lite.teach.site.translate import NOTES
pytest_plugins = ["windows"]
pytestmark = [pytest.mark.skipif(bool(LACKS), reason=LACKS)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Small parts, so that at the end one worker does not have two of them before it while the other has none.
PARTS = [pytest.param(part, marks=pytest.mark.xdist_group(f"site-{part}")) for part in range(12)]


@pytest.fixture(scope="session")
def site(once: Once) -> Path:
    """The site; SITE names one that is there already."""
    if "SITE" in os.environ:
        return (ROOT / os.environ["SITE"]).resolve()
    return once("site", partial(build_site, ROOT))


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------------------
# Links


@cache
def ids(file: Path) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', text_of(file)))


def dead_links(folder: Path) -> list[str]:
    """Every link within a folder of pages that leads to no file, or to no place on its page."""
    dead = []
    for file in sorted(folder.rglob("*.html")):
        for link in sorted(set(re.findall(r'<a\b[^>]*\bhref="([^"]*)"', text_of(file)))):
            target, _, anchor = unquote(unescape(link)).partition("#")
            if re.match(r"\w+:", target):
                continue
            place = (file.parent / target).resolve() if target else file
            if not place.is_file() or (anchor and anchor not in ids(place)):
                dead.append(f"{file.relative_to(folder)}: {link}")
    return dead


def test_every_link_of_the_site_leads_somewhere(site: Path):
    assert len(list(site.rglob("*.html"))) > len(NOTEBOOKS) + 100
    assert dead_links(site) == []


def test_the_finder_of_dead_links_finds_a_planted_one(tmp_path: Path):
    (tmp_path / "a.html").write_text('<a href="a.html#here" id="here"></a><a class="x" href="gone.html"></a>')
    (tmp_path / "b.html").write_text('<a href="a.html#gone"></a><a href="#here"></a><a href="https://x.org"></a>')
    assert dead_links(tmp_path) == ["a.html: gone.html", "b.html: #here", "b.html: a.html#gone"]


def loads(text: str) -> list[str]:
    """What a page or a style sheet loads from the network."""
    tags = re.findall(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]*)"', text)
    return tags + re.findall(r"(?:@import\s+|url\()['\"]?((?:https?:)?//[^'\")]+)", text)


def test_nothing_is_loaded_from_the_network(site: Path):
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert {str(file): found for file in files if (found := loads(text_of(file)))} == {}
    assert loads('<script src="https://cdn.x.org/y.js"></script> <a href="https://x.org">') == [
        "https://cdn.x.org/y.js"
    ]
    assert loads("@font-face { src: url(//fonts.x.org/z.woff2) }") == ["//fonts.x.org/z.woff2"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_can_be_downloaded_as_it_is_stored(site: Path, path: Path):
    text = text_of(site / "notebooks" / f"{path.stem}.html")
    assert f'<a href="{path.name}" download>' in text
    assert (site / "notebooks" / path.name).read_bytes() == path.read_bytes()
    assert re.search(r'<a class="(?:left|right)-(?:prev|next)"', text)


def test_a_table_is_never_left_as_text(site: Path):
    """Neither of a text, nor of what a cell shows as Markdown."""
    assert [file.stem for file in site.rglob("*.html") if re.search(r"<p>\s*\|", text_of(file))] == []
    assert text_of(site / "notebooks" / "A2_from_1x_to_2x.html").count("<table") > 3


def test_notebooks_and_modules_lead_to_each_other(site: Path):
    notebook = text_of(site / "notebooks" / "01_datamodule.html")
    assert 'href="../api/mldrl_lite.datamodule.html"' in notebook.partition("The code behind this page")[2]
    module = text_of(site / "api" / "mldrl_lite.datamodule.html")
    used_in = re.search(r'<div class="used-in.*?</div>', module, re.S).group()
    assert 'href="../notebooks/01_datamodule.html"' in used_in
    assert "A2_from_1x_to_2x" not in used_in


def test_what_a_room_offers_leads_to_where_it_is_described(site: Path):
    offered = text_of(site / "api" / "mldrl_lite.trainer.html").partition("What it offers")[2]
    listed = [item for item in re.findall("<li>(.*?)</li>", offered, re.S) if "<code" in item]
    assert len(listed) >= 6
    assert all("<a " in item for item in listed)


def test_a_translated_page_names_its_language_and_who_has_reviewed_it(site: Path):
    korean = text_of(site / "ko" / "00_quickstart.html")
    assert '<html lang="ko"' in korean
    assert NOTES["ko"] in korean
    english = text_of(site / "notebooks" / "00_quickstart.html")
    assert '<html lang="en"' in english
    assert '<a href="../ko/00_quickstart.html" lang="ko">' in english


# ---------------------------------------------------------------------------------------------------------------------
# In the browser


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("gradient_clip_val", "notebooks/A1_trainer_argument_atlas.html#gradient-clip-val"),
        ("my curve is empty", "symptoms.html#my-curve-is-empty"),
    ],
)
def test_search_finds_it_in_a_folder_without_a_network(site: Path, page: "playwright.Page", words: str, wanted: str):
    page.context.set_offline(True)
    assert visit(page, site / "index.html") == []
    page.goto(f"{(site / 'search.html').as_uri()}?q={quote(words)}")
    found = page.locator('#search-results a[href*="' + wanted + '"]')
    playwright.expect(found.first).to_be_visible(timeout=30_000)
    found.first.click()
    heading = page.locator(f"#{wanted.partition('#')[2]}").first
    playwright.expect(heading).to_be_in_viewport(timeout=30_000)


def test_a_search_for_what_is_not_there_finds_nothing(site: Path, page: "playwright.Page"):
    page.goto(f"{(site / 'search.html').as_uri()}?q=xylophone")
    playwright.expect(page.locator("#search-results")).to_contain_text("did not match any documents", timeout=30_000)
    assert page.locator("#search-results li a").count() == 0


def test_formulas_and_figures_are_drawn_and_solutions_are_folded(site: Path, page: "playwright.Page"):
    assert visit(page, site / "notebooks" / "02_model.html") == []
    stored = nbformat.read(ROOT / "notebooks" / "02_model.ipynb", as_version=4)
    shown = "all => all.filter(i => i.naturalWidth > 0 && i.getBoundingClientRect().width > 50 && i.alt).length"
    assert page.locator(".cell_output img").evaluate_all(shown) == len(pictures(stored))
    formulas = page.locator("math")
    assert formulas.count() >= 5
    assert formulas.evaluate_all("all => all.every(formula => formula.getBoundingClientRect().width > 3)")
    solutions = page.locator("details", has=page.get_by_text("Solution", exact=True))
    assert solutions.count() >= 4
    assert not solutions.evaluate_all("all => all.some(one => one.open)")


@dataclass(frozen=True)
class Look:
    """What is wrong with a page, in the browser."""

    complaints: list[str]
    light: list[str]
    """Rules of WCAG 2.2 AA that it breaks, and where."""
    dark: list[str]
    """Contrasts that are too low in the dark."""
    phone: list[str]
    """What is wider than a phone, or cut there."""


WIDE = """() => {
    const found = document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
    const code = [...document.querySelectorAll("div.highlight pre")];
    const cut = code.filter(pre => pre.scrollWidth > pre.clientWidth + 1);
    return found.concat(cut.map(pre => "cut: " + pre.innerText.slice(0, 60)));
}"""


# A page of code has thousands of words in a dozen colours: of those that are alike, the first is looked at.
ALIKE = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll("div.highlight pre span[class]")) {
        const key = word.className + " in " + word.parentElement.closest("div[class*=cell_]")?.className;
        if (seen.has(key)) word.replaceWith(word.textContent);
        seen.add(key);
    }
}"""


def look(page: "playwright.Page", file: Path) -> Look:
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1300, "height": 900})
    complaints = visit(page, file)
    page.evaluate(ALIKE)
    light = violations(page, {"runOnly": RULES})
    page.emulate_media(color_scheme="dark")
    dark = violations(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    page.set_viewport_size({"width": 390, "height": 844})
    return Look(complaints, light, dark, page.evaluate(WIDE))


def violations(page: "playwright.Page", options: dict) -> list[str]:
    # The sidebar of two hundred modules' pages is one and the same; the page of a room stands for all.
    api = "/api/" in page.url and not page.url.endswith("/mldrl_lite.trainer.html")
    context = {"exclude": [[".bd-sidebar-primary"]]} if api else None
    options = options | {"resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, context, options).response["violations"]
    return [f"{rule['id']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]


@pytest.fixture(scope="session")
def window(browser: "playwright.Browser") -> Iterator["playwright.Page"]:
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


def pages(site: Path) -> list[Path]:
    """Every page; of those of the modules, which are made alike, one in twelve, and all once a week (EVERY_PAGE)."""
    files = sorted(site.rglob("*.html"))
    modules = [file for file in files if file.parent.name == "api"]
    left_out = set() if "EVERY_PAGE" in os.environ else set(modules) - set(modules[::12])
    return [file for file in files if file not in left_out]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_page_is_for_everybody_in_light_and_dark_and_on_a_phone(site: Path, window: "playwright.Page", part: int):
    files = pages(site)[part :: len(PARTS)]
    seen = {file.relative_to(site).as_posix(): look(window, file) for file in files}
    assert {file: what for file, what in seen.items() if what != Look([], [], [], [])} == {}


PLANTED = """<!DOCTYPE html><html lang="en"><head><title>A page</title><style>.c { color: #ddd }
@media (prefers-color-scheme: dark) { p { color: #222; background: #000 } }</style></head>
<body><main><h1>A page</h1><p>Words</p><img src="data:,">
<div class="highlight"><pre style="width: 9em; overflow: auto">a_line_of_code_that_is_longer_than_that</pre></div>
<div class="highlight"><pre><span class="c">pale</span> = <span class="c">pale</span></pre></div>
<div style="width: 600px">Wide</div></main></body></html>"""


def test_planted_faults_are_seen(tmp_path: Path, window: "playwright.Page"):
    file = tmp_path / "page.html"
    file.write_text(PLANTED)
    seen = look(window, file)
    assert {fault.partition(":")[0] for fault in seen.light} == {
        "color-contrast",
        "image-alt",
        "scrollable-region-focusable",
    }
    assert sum("color-contrast" in fault for fault in seen.light) == 1  # of two that are alike
    assert {fault.partition(":")[0] for fault in seen.dark} == {"color-contrast"}
    assert seen.phone == ["the page scrolls sideways", "cut: a_line_of_code_that_is_longer_than_that"]
