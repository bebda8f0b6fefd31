"""The course in other languages: catalogs of its texts by Sphinx's gettext builder, and notebooks made from them.

python -m mldrl_lite.teach.site.translate update      bring the catalogs to the English of today
python -m mldrl_lite.teach.site.translate notebooks   write the translated notebooks into build/ko

A catalog is a file `locale/LANGUAGE/LC_MESSAGES/PAGE.po`. A sentence whose English has changed is marked `fuzzy` there,
and stands in English again until somebody has looked at it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from markdown_it import MarkdownIt
from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.teach.site import build, links, source
from mldrl_lite.teach.site.source import Course

LOCALE = Path(__file__).parent / "locale"
NOTES = {"ko": "이 번역은 아직 원어민의 검토를 받지 않았습니다 (not yet reviewed by a native reader)."}
"""What stands at the top of each translated page."""

_GETTEXT = ("--define", "gettext_compact=0", "--define", "suppress_warnings=myst.xref_missing,image.not_readable")
"""A catalog for each page; pages without a catalog are not read, so links to them lead nowhere here, and pictures are not there."""


def catalogs(language: str, folder: Path = LOCALE) -> dict[str, Catalog]:
    """Return the catalogs of a language by page: "README", "notebooks/00_quickstart".

    Raises:
        InputError: there is none.
    """
    top = folder / language / "LC_MESSAGES"
    found = {
        file.relative_to(top).with_suffix("").as_posix(): _read(file, language) for file in sorted(top.rglob("*.po"))
    }
    if not found:
        raise InputError(f"There is no catalog for the language {language!r} in {str(folder)!r}.")
    return found


def _read(file: Path, language: str | None = None) -> Catalog:
    with file.open("rb") as opened:
        return read_po(opened, locale=language)


def update(course: Course, language: str, folder: Path = LOCALE) -> dict[str, int]:
    """Bring the catalogs of a language to the English of today; return how many texts of each page are stale.

    Args:
        course: the course in English.
        language: "ko".
        folder: holds the catalogs, which are changed.
    """
    known = catalogs(language, folder)
    with tempfile.TemporaryDirectory(prefix="mldrl-lite-") as place:
        _write_texts(course, list(known), Path(place, "source"))
        build.run_sphinx("gettext", Path(place, "source"), Path(place, "new"), *_GETTEXT)
        for page, catalog in known.items():
            catalog.update(_read(Path(place, "new", f"{page}.pot")))
            with (folder / language / "LC_MESSAGES" / f"{page}.po").open("wb") as opened:
                write_po(opened, catalog, width=0, omit_header=False, ignore_obsolete=True, no_location=True)
    return {page: sum(message.fuzzy for message in catalog if message.id) for page, catalog in known.items()}


def _write_texts(course: Course, pages: list[str], folder: Path) -> None:
    """Write the text cells of these pages, as the site shows them, for Sphinx to read."""
    places = source.places_of(course, course.texts())
    for page in pages:
        if page.startswith("notebooks/"):
            stem = page.removeprefix("notebooks/")
            node = source.prepared(course.nodes[stem], stem, places)
            node.cells = [cell for cell in node.cells if cell.cell_type == "markdown"]
            source.write(folder / f"{page}.ipynb", nbformat.writes(node))
        else:
            text = (course.root / f"{page}.md").read_text(encoding="utf-8")
            source.write(folder / f"{page}.md", places.relinked(text, f"{page}.md"))
    source.write(folder / "index.md", "# Texts\n\n```{toctree}\n" + "\n".join(pages) + "\n```\n")


# ---------------------------------------------------------------------------------------------------------------------
# Notebooks


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
    done, place = [], 0
    for kind, content in _pieces(text):
        found = text.find(content, place)
        new = _translation(catalog, content)
        if found < 0 or new is None:
            continue
        start = text.rfind("\n", 0, found) + 1
        if kind == "heading_open":
            done += [text[place:start], f'<a id="{links.anchor_of(content)}"></a>\n\n', text[start:found], new]
        else:
            done += [text[place:found], new]
        place = found + len(content)
    return "".join([*done, text[place:]])


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Give what Sphinx takes for a message, in order: what kind of block it stands in, and its words."""
    before = ""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline" and token.content:
            yield before, token.content
        before = token.type


def _translation(catalog: Catalog, text: str) -> str | None:
    message = catalog.get(" ".join(text.split())) or catalog.get(text)
    return message.string if message and message.string and not message.fuzzy else None


def write_notebooks(course: Course, language: str, out: Path) -> list[str]:
    """Write the course with what is translated of it; return the pages that are."""
    known, places = catalogs(language), source.places_of(course, course.texts())
    for stem, node in course.nodes.items():
        new, catalog = source.prepared(node, stem, places), known.get(f"notebooks/{stem}")
        if catalog:
            new = translated(new, catalog, NOTES[language])
        source.write(out / "notebooks" / f"{stem}.ipynb", nbformat.writes(new))
    return list(known)


def main(arguments: Sequence[str] | None = None) -> int:
    """Update the catalogs or write notebooks; the exit status is 0, or 2 for what cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.site.translate", description=__doc__)
    parser.add_argument("what", choices=["update", "notebooks"])
    parser.add_argument("--language", default="ko")
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of the course")
    parser.add_argument("-o", "--out", type=Path, help="for notebooks: the folder (default: build/LANGUAGE)")
    options = parser.parse_args(arguments)
    try:
        course = source.read_course(options.root, "")
        if options.what == "update":
            for page, stale in update(course, options.language).items():
                print(f"{page}: {stale} texts are stale")
        else:
            out = options.out or Path("build", options.language)
            print(f"{', '.join(write_notebooks(course, options.language, out))}: in {out}")
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
