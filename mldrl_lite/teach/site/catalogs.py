"""Keep the catalogs of other languages, and write notebooks from them.

python -m mldrl_lite.teach.site.catalogs update      bring the catalogs to the English of today
python -m mldrl_lite.teach.site.catalogs notebooks   write the translated notebooks into build/ko
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from babel.messages.pofile import write_po

from mldrl_lite.messages import InputError
from mldrl_lite.teach.site import build, source
from mldrl_lite.teach.site.source import Course
from mldrl_lite.teach.site.translate import LOCALE, NOTES, catalogs, read, translated

_HARMLESS = "suppress_warnings=myst.xref_missing,image.not_readable"
"""Only pages that have a catalog are read, so links to others lead nowhere, and pictures are not there."""
_GETTEXT = ("--define", "gettext_compact=0", "--define", _HARMLESS)


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
            catalog.update(read(Path(place, "new", f"{page}.pot")))
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


def write_notebooks(course: Course, language: str, out: Path) -> list[str]:
    """Write the course with what is translated of it; return the pages that are."""
    known, places = catalogs(language), source.places_of(course, course.texts())
    for stem, node in course.nodes.items():
        new, catalog = source.prepared(node, stem, places), known.get(f"notebooks/{stem}")
        if catalog:
            new = translated(new, catalog, NOTES[language])
        source.write(out / "notebooks" / f"{stem}.ipynb", nbformat.writes(new))
    for page in course.texts():
        source.write(out / page, (course.root / page).read_text(encoding="utf-8"))
    source.copy_other_files(course.root, out)
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
