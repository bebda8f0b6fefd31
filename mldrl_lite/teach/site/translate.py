"""The course in other languages: notebooks and pages made from catalogs of its texts.

A catalog is a file `locale/LANGUAGE/LC_MESSAGES/PAGE.po`, as gettext has them. A text whose English has changed is
marked `fuzzy` there, and stands in English again until somebody has looked at it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from markdown_it import MarkdownIt
from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.teach.site import links
from mldrl_lite.teach.workshop import relink

LOCALE = Path(__file__).parent / "locale"
NAMES = {"ko": "한국어"}
NOTES = {"ko": "이 번역은 아직 원어민의 검토를 받지 않았습니다 (not yet reviewed by a native reader)."}
"""What stands at the top of each translated page."""


def catalogs(language: str, folder: Path = LOCALE) -> dict[str, Catalog]:
    """Return the catalogs of a language by page: "README", "notebooks/00_quickstart".

    Raises:
        InputError: there is none.
    """
    top = folder / language / "LC_MESSAGES"
    found = {
        file.relative_to(top).with_suffix("").as_posix(): read(file, language) for file in sorted(top.rglob("*.po"))
    }
    if not found:
        raise InputError(f"There is no catalog for the language {language!r} in {str(folder)!r}.")
    return found


def read(file: Path, language: str | None = None) -> Catalog:
    """Return the catalog in a file."""
    with file.open("rb") as opened:
        return read_po(opened, locale=language)


def translated(node: NotebookNode, catalog: Catalog, note: str) -> NotebookNode:
    """Return a prepared notebook with its text cells in another language; code and outputs stay as they are."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = translated_text(cell.source, catalog)
    heading, rest = node.cells[0].source.split("\n\n", 1)
    node.cells[0].source = f"{heading}\n\n*{note}*\n\n{rest}"
    return node


def translated_text(text: str, catalog: Catalog) -> str:
    """Return Markdown with each paragraph, heading, list item and cell of a table that the catalog knows translated.

    Before a translated heading stands an anchor with the name of the English one, so that links to it still work.
    """
    done, written = [], 0
    for kind, content, found in _pieces(text):
        new = _translation(catalog, content)
        if new is None:
            continue
        start = text.rfind("\n", 0, found) + 1
        if kind == "heading_open" and text[start:found] != "# ":
            done += [text[written:start], f'<a id="{links.anchor_of(content)}"></a>\n\n', text[start:found], new]
        else:
            done += [text[written:found], new]
        written = found + len(content)
    return "".join([*done, text[written:]])


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """Give what Sphinx takes for a message, in order: what kind of block it stands in, its words, where they begin."""
    lines = [0, *(found.end() for found in re.finditer("\n", text))]
    before, place = "", 0
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline" and token.content and token.map:
            found = text.find(token.content, max(place, lines[token.map[0]]))
            if found >= 0:
                yield before, token.content, found
                place = found + len(token.content)
        before = token.type


def _translation(catalog: Catalog, text: str) -> str | None:
    message = catalog.get(" ".join(text.split())) or catalog.get(text)
    return message.string if message and message.string and not message.fuzzy else None


# ---------------------------------------------------------------------------------------------------------------------
# Pages of the site


def languages(folder: Path = LOCALE) -> list[str]:
    """Return the languages that have catalogs."""
    return sorted(place.name for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []


def pages_in(language: str, folder: Path = LOCALE) -> list[str]:
    """Return the pages of the site that are in a language: "ko/README", "ko/00_quickstart"."""
    return [f"{language}/{page.rpartition('/')[2]}" for page in catalogs(language, folder)]


def site_notebook(node: NotebookNode) -> NotebookNode:
    """Return a translated notebook whose links within the page are HTML: Sphinx does not know its anchors."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^]]+)\]\(#([^)\s]+)\)", r'<a href="#\2">\1</a>', cell.source)
    return node


def site_text(text: str, catalog: Catalog, note: str) -> str:
    """Return a text from the top of the project translated, for a folder one below."""
    heading, rest = translated_text(text, catalog).split("\n\n", 1)
    moved = relink(rest, lambda target: target if target.startswith("#") else f"../{target}")
    return f"{heading}\n\n*{note}*\n\n{moved}"
