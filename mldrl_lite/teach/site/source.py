"""The folder that Sphinx reads: the course's own texts and notebooks, and the pages made from them."""

import re
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.teach.site import links, modules, pages, translate
from mldrl_lite.teach.site.links import Places
from mldrl_lite.teach.workshop import Card, card

_BOOK = ("README.md", "notebooks/GLOSSARY.md", "notebooks/RUNNING.md")
"""The texts that are in the book too."""


@dataclass(frozen=True)
class Course:
    """What the site shows: a course in its folder, and where it lies on the web."""

    root: Path
    address: str
    """`Repository` of pyproject.toml; "" while there is none."""
    nodes: dict[str, NotebookNode]
    """The stored notebooks by the stem of their file's name, in order."""

    def cards(self) -> list[Card]:
        """Return title, sentence, minutes and exercises of each notebook."""
        return [card(node, stem) for stem, node in self.nodes.items()]

    def texts(self) -> list[str]:
        """Return the Markdown files that are pages, from the course's folder."""
        files = [*(self.root / name for name in links.TEXTS), *sorted((self.root / "notebooks").glob("*.md"))]
        return [file.relative_to(self.root).as_posix() for file in files if file.is_file()]


def read_course(root: Path, address: str) -> Course:
    """Read the notebooks of a course.

    Raises:
        InputError: there is none.
    """
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    if not paths:
        raise InputError(f"No notebooks in {str(root / 'notebooks')!r}: give --root the folder of the course.")
    return Course(root, address, {path.stem: nbformat.read(path, as_version=4) for path in paths})


def write_site(course: Course, folder: Path) -> None:
    """Write all that Sphinx reads for the site into a new folder."""
    package, cards = course.root / links.PACKAGE, course.cards()
    uses = {stem: modules.used(node, package) for stem, node in course.nodes.items()}
    api = {f"api/{name}.rst": text for name, text in modules.api_pages(package, _users(uses, cards)).items()}
    _write_texts(course, course.texts(), api, folder, uses)
    write(folder / "index.md", pages.home(cards, _in_other_languages()))
    for page, text in api.items():
        write(folder / page, text)
    for language in translate.languages():
        _write_translations(course, language, places_of(course, course.texts(), api), folder)


def _write_translations(course: Course, language: str, places: Places, folder: Path) -> None:
    """Write a page for each catalog of a language, in a folder with the language's name."""
    note = translate.NOTES[language]
    for page, catalog in translate.catalogs(language).items():
        stem = page.rpartition("/")[2]
        if stem in course.nodes:
            node = translate.translated(prepared(course.nodes[stem], stem, places), catalog, note)
            write(folder / language / f"{stem}.ipynb", nbformat.writes(translate.site_notebook(node)))
        elif f"{page}.md" in course.texts():
            text = places.relinked((course.root / f"{page}.md").read_text(encoding="utf-8"), f"{page}.md")
            write(folder / language / f"{stem}.md", translate.site_text(text, catalog, note))


def write_book(course: Course, folder: Path) -> None:
    """Write what Sphinx reads for one long page, without what only a site needs: modules, changes, ways to open."""
    texts = [text for text in course.texts() if text in _BOOK]
    _write_texts(course, texts, (), folder, {})
    write(folder / "index.md", pages.book(course.cards(), texts))


def _write_texts(
    course: Course, texts: list[str], api: Iterable[str], folder: Path, uses: dict[str, list[str]]
) -> None:
    places = places_of(course, texts, api)
    for stem, node in course.nodes.items():
        new = prepared(node, stem, places)
        if stem in uses:
            add_ways(new, stem, places.address, uses[stem])
        write(folder / "notebooks" / f"{stem}.ipynb", nbformat.writes(new))
    for page in texts:
        write(folder / page, places.relinked((course.root / page).read_text(encoding="utf-8"), page))
    write(folder / "symptoms.md", pages.symptoms(course.nodes))
    copy_other_files(course.root, folder)


def places_of(course: Course, texts: Iterable[str], api: Iterable[str] = ()) -> Places:
    """Return where links may lead to: the notebooks, and these pages."""
    notebooks = [f"notebooks/{stem}.ipynb" for stem in course.nodes]
    return Places(course.root, frozenset([*notebooks, *texts, *api]), course.address)


def write(path: Path, text: str) -> None:
    """Write a text file, in a folder that may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def copy_other_files(root: Path, folder: Path) -> None:
    """Copy what texts show or link to and is no page: pictures, the licence and so on."""
    if (root / "notebooks" / "pictures").is_dir():
        shutil.copytree(root / "notebooks" / "pictures", folder / "notebooks" / "pictures", dirs_exist_ok=True)
    for name in links.FILES:
        if (root / name).is_file():
            shutil.copyfile(root / name, folder / name)


def _users(uses: dict[str, list[str]], cards: list[Card]) -> dict[str, dict[str, str]]:
    """Turn "this notebook uses these modules" round: by module, the notebooks' stems and titles."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for item in cards:
        for module in uses[item.stem]:
            found[module][item.stem] = item.title
    return found


# ---------------------------------------------------------------------------------------------------------------------
# A notebook


def prepared(node: NotebookNode, stem: str, places: Places) -> NotebookNode:
    """Return a notebook as Sphinx reads it: its links changed, its pictures described."""
    node, page = nbformat.from_dict(node), f"notebooks/{stem}.ipynb"
    node.metadata.language_info.pygments_lexer = "ipython3"
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = places.relinked(cell.source, page)
        elif "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata.alt}}
        for output in cell.get("outputs", []):
            _prepare(output.get("data", {}), page, places)
    return node


def _prepare(data: NotebookNode, page: str, places: Places) -> None:
    data.pop(RESULT_TYPE, None)  # for the table of a run, not for a reader
    if "text/html" in data:
        data["text/html"] = re.sub(
            r'(?<=href=")#([^"]+)', lambda found: f"#{links.anchor_of(found[1])}", data["text/html"]
        )
    if "text/markdown" in data:
        data["text/markdown"] = places.relinked(data["text/markdown"], page)


def _in_other_languages() -> dict[str, list[str]]:
    return {translate.NAMES[language]: translate.pages_in(language) for language in translate.languages()}


def add_ways(node: NotebookNode, stem: str, address: str, used: list[str]) -> None:
    """Add to a prepared notebook where to get and open it, and which modules it uses."""
    codes = [code for code in translate.languages() if f"{code}/{stem}" in translate.pages_in(code)]
    ways = pages.ways_to_open(stem, address, {code: translate.NAMES[code] for code in codes})
    heading, rest = node.cells[0].source.split("\n", 1)
    node.cells[0].source = f"{heading}\n\n{ways}\n{rest}"
    if used:
        node.cells.append(nbformat.v4.new_markdown_cell(pages.modules_used(used)))
