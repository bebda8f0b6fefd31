"""The folder that Sphinx reads: the course's own texts and notebooks, and the pages made from them."""

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.teach.site import links, modules, pages
from mldrl_lite.teach.workshop import Card, card


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


def read_course(root: Path, address: str) -> Course:
    """Read the notebooks of a course.

    Raises:
        InputError: there is none.
    """
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    if not paths:
        raise InputError(f"No notebooks in {str(root / 'notebooks')!r}: give --root the folder of the course.")
    return Course(root, address, {path.stem: nbformat.read(path, as_version=4) for path in paths})


def write_source(course: Course, folder: Path) -> None:
    """Write all that Sphinx reads into a new folder."""
    package = course.root / "mldrl_lite"
    uses = {stem: modules.used(node, package) for stem, node in course.nodes.items()}
    for stem, node in course.nodes.items():
        write(folder / "notebooks" / f"{stem}.ipynb", nbformat.writes(prepared(course, stem, node, uses[stem])))
    for page in _texts(course.root):
        text = (course.root / page).read_text(encoding="utf-8")
        write(folder / page, links.relinked(text, course.root, page, course.address))
    _copy_other_files(course.root, folder)
    cards = course.cards()
    write(folder / "index.md", pages.home(cards))
    write(folder / "symptoms.md", pages.symptoms(course.nodes))
    for name, text in modules.api_pages(package, _users(uses, cards)).items():
        write(folder / "api" / f"{name}.rst", text)


def write(path: Path, text: str) -> None:
    """Write a text file, in a folder that may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _texts(root: Path) -> Iterator[PurePosixPath]:
    for file in [*(root / name for name in links.TEXTS), *sorted((root / "notebooks").glob("*.md"))]:
        if file.is_file():
            yield PurePosixPath(file.relative_to(root).as_posix())


def _copy_other_files(root: Path, folder: Path) -> None:
    """Copy what texts show or link to: pictures, the licence and so on."""
    if (root / "notebooks" / "pictures").is_dir():
        shutil.copytree(root / "notebooks" / "pictures", folder / "notebooks" / "pictures")
    for name in ("LICENSE", "NOTICE", "CITATION.cff"):
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


def prepared(course: Course, stem: str, node: NotebookNode, used: list[str]) -> NotebookNode:
    """Return a notebook as Sphinx reads it: links changed, pictures described, where to get it, what it uses."""
    node = nbformat.from_dict(node)
    page = PurePosixPath("notebooks", f"{stem}.ipynb")
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = links.relinked(cell.source, course.root, page, course.address)
        elif "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata.alt}}
        for output in cell.get("outputs", []):
            _prepare_output(output, course, page)
    node.metadata.language_info.pygments_lexer = "ipython3"
    heading, rest = node.cells[0].source.split("\n", 1)
    node.cells[0].source = f"{heading}\n\n{pages.ways_to_open(stem, course.address)}\n{rest}"
    if used:
        node.cells.append(nbformat.v4.new_markdown_cell(pages.modules_used(used)))
    return node


def _prepare_output(output: NotebookNode, course: Course, page: PurePosixPath) -> None:
    data = output.get("data", {})
    data.pop(RESULT_TYPE, None)  # for the table of a run, not for a reader
    if "text/html" in data:
        data["text/html"] = re.sub(
            r'(?<=href=")#([^"]+)', lambda found: f"#{links.anchor_of(found[1])}", data["text/html"]
        )
    if "text/markdown" in data:
        data["text/markdown"] = links.relinked(data["text/markdown"], course.root, page, course.address)
