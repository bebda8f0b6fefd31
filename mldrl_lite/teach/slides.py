"""Slides for the agendas of the teacher's guide, made from the notebooks' cells that are tagged `slide`.

nbconvert writes them for reveal.js, which comes with the package sphinx-revealjs and is copied beside them: they need
no network. What the guide says of a section is in the speaker's notes (the key S).
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from mldrl_lite.messages import InputError, extras_named
from mldrl_lite.teach.markup import as_text

TAG = "slide"
_GUIDE = "TEACHING.md"
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| ?(.*?) ?\|$", re.M)
_LINK = re.compile(r"(without )?\[[^]]+\]\((\w+\.ipynb)#?([^)]*)\)")
_REVEAL = ("dist/reveal.js", "dist/reveal.css", "dist/reset.css", "dist/theme/white.css", "dist/theme/fonts")
_REVEAL_PLUGINS = ("plugin/notes",)


@dataclass(frozen=True)
class Row:
    """A row of an agenda: a part of the lesson."""

    minutes: int
    title: str
    happens: str
    sections: dict[str, set[str]]
    """The headings that it leads to in each notebook; "" stands for all of them."""
    without: set[str]
    """The headings that it leaves out."""


def agendas(guide: str) -> dict[str, list[Row]]:
    """Return the agendas of the teacher's guide: the rows by name, such as `90 minutes`."""
    [part] = re.findall(r"^## Agendas\n(.*?)^## ", guide, re.M | re.S)
    tables = re.split(r"^### (.+)\n", part, flags=re.M)[1:]
    return {
        name: [_row(*found) for found in _ROW.findall(table)] for name, table in zip(*[iter(tables)] * 2, strict=True)
    }


def _row(minutes: str, title: str, happens: str) -> Row:
    sections: dict[str, set[str]] = {}
    without = set()
    for left_out, notebook, heading in _LINK.findall(f"{title} {happens}"):
        (without if left_out else sections.setdefault(notebook, set())).add(heading)
    return Row(int(minutes), as_text(title), as_text(happens), sections, without)


def what_to_say(guide: str) -> dict[tuple[str, str], str]:
    """Return what the guide says at the surprise of each section."""
    lines = re.findall(r"^- \[[^]]+\]\((\w+\.ipynb)#([^)]+)\)\. (.+)$", guide, re.M)
    return {(notebook, section): as_text(words) for notebook, section, words in lines}


def deck(name: str, rows: Sequence[Row], notebooks: Path, notes: dict[tuple[str, str], str]) -> NotebookNode:
    """Return the slides of an agenda as a notebook whose cells say what they are to reveal.js.

    Raises:
        InputError: an agenda leads to a section that is not there.
    """
    cells = [
        _slide(
            new_markdown_cell(f"# mldrl-lite: {name.lower()}\n\n{sum(row.minutes for row in rows)} minutes"), "slide"
        )
    ]
    for row in rows:
        words = f"## {row.title}\n\n{row.happens}\n\n*{row.minutes} minutes*"
        cells.append(_slide(new_markdown_cell(words), "slide"))
        for notebook in row.sections:
            cells += _of_notebook(notebooks / notebook, row, notes)
    return new_notebook(cells=cells, metadata={"title": f"mldrl-lite: {name}"})


def _of_notebook(notebook: Path, row: Row, notes: dict[tuple[str, str], str]) -> Iterator[NotebookNode]:
    wanted, places = row.sections[notebook.name], [*in_sections(nbformat.read(notebook, as_version=4))]
    known = {"", *(heading for _, headings in places for heading in headings)}
    if missing := (wanted | row.without) - known:
        link = f"{notebook.name}#{min(missing)}"
        raise InputError(f"An agenda of {_GUIDE} leads to {link}, which is not there: mend the link.")
    for cell, headings in places:
        chosen = ("" in wanted or wanted & headings) and not row.without & headings
        if chosen and TAG in cell.metadata.get("tags", []):
            yield _slide(_short(cell), "subslide")
            said = [notes[notebook.name, heading] for heading in headings if (notebook.name, heading) in notes]
            yield from (_slide(new_markdown_cell(words), "notes") for words in said)


def in_sections(node: NotebookNode) -> Iterator[tuple[NotebookNode, set[str]]]:
    """Yield each cell with the headings that it stands below, named as links name them: `Judge-a-learning-rate`."""
    path: dict[int, str] = {}
    for cell in node.cells:
        for marks, words in re.findall(r"^(#+) (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else ():
            path = {level: name for level, name in path.items() if level < len(marks)}
            path[len(marks)] = words.replace(" ", "-")
        yield cell, set(path.values())


def _slide(cell: NotebookNode, kind: str) -> NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def _short(cell: NotebookNode) -> NotebookNode:
    """Return a cell as a slide shows it: of a text, the heading and the question; of folded code, what comes out."""
    cell = nbformat.from_dict(cell)
    if cell.cell_type == "markdown":
        parts = cell.source.split("\n\n")
        asked = [part for part in parts if "**Predict:**" in part]
        headings = [part for part in parts if part.startswith("#")]
        cell.source = as_text("\n\n".join([*headings, *(asked or parts)]))
    return cell


_VIEW = """{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
.reveal .slides { text-align: left }
.reveal .slides section { font-size: 32px; max-height: 100%; overflow-y: auto }
.reveal .slides p, .reveal .slides li { font-size: 32px; line-height: 1.4 }
.reveal .slides h1, .reveal .slides h2, .reveal .slides h3 { text-transform: none; font-size: 1.5em }
.reveal .slides h1 { font-size: 2.2em } .reveal table { font-size: 22px }
.reveal .jp-Cell { padding: 0 } .reveal .jp-InputPrompt, .reveal .jp-OutputPrompt { display: none }
.reveal .highlight pre, .reveal .jp-OutputArea-output pre { font-size: 20px; line-height: 1.3; box-shadow: none;
  width: 100%; margin: 0.2em 0; max-height: none }
.reveal .jp-RenderedImage img { height: 430px; width: auto; max-width: 100%; object-fit: contain; margin: 0 }
</style>
{%- endblock -%}
{%- block input -%}
{%- if "hide-input" not in cell.metadata.get("tags", []) -%}{{ super() }}{%- endif -%}
{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
  alt="{{ cell.metadata.alt | escape_html }}"></div>
{%- endblock -%}
{%- block footer_js -%}
<script src="{{ resources.reveal.url_prefix }}/dist/reveal.js"></script>
<script src="{{ resources.reveal.url_prefix }}/plugin/notes/notes.js"></script>
<script>
function shrink({currentSlide}) {
  const height = currentSlide.scrollHeight;
  if (height > 700) currentSlide.style.zoom = 700 / height;
}
Reveal.on("ready", shrink);
Reveal.on("slidechanged", shrink);
Reveal.initialize({hash: true, slideNumber: "c/t", transition: "none", width: 1280, height: 720, margin: 0.06,
  center: false, plugins: [RevealNotes]});
</script>
{%- endblock -%}
"""


def write_slides(root: Path, out: Path) -> list[Path]:
    """Write one page for each agenda, and reveal.js beside them; an earlier one is replaced.

    Args:
        root: the folder of the course, which holds `notebooks/`.
        out: the folder of the pages.

    Raises:
        MissingExtra: the package that holds reveal.js is not installed.
        InputError: an agenda leads nowhere.
    """
    guide = (root / "notebooks" / _GUIDE).read_text(encoding="utf-8")
    notes = what_to_say(guide)
    decks = {name: deck(name, rows, root / "notebooks", notes) for name, rows in agendas(guide).items()}
    out.mkdir(parents=True, exist_ok=True)
    _copy_reveal(out / "reveal")
    exporter = SlidesExporter(
        raw_template=_VIEW, template_name="reveal", reveal_url_prefix="reveal", reveal_theme="white"
    )
    pages = []
    for name, node in decks.items():
        html, _ = exporter.from_notebook_node(node, {"metadata": {"name": name}})
        pages.append(out / f"{name.lower().replace(' ', '-')}.html")
        pages[-1].write_text(html, encoding="utf-8")
    return pages


def _copy_reveal(place: Path) -> None:
    with extras_named():
        import sphinx_revealjs
    with as_file(files(sphinx_revealjs) / "_static" / "revealjs") as source:
        for part in (*_REVEAL, *_REVEAL_PLUGINS, "LICENSE"):
            if (source / part).is_dir():
                shutil.copytree(source / part, place / part, dirs_exist_ok=True)
            elif (source / part).is_file():
                (place / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / part, place / part)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the slides, and say where they are; the exit status is 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.slides", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of the course")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/slides"), help="folder of the pages")
    options = parser.parse_args(arguments)
    try:
        pages = write_slides(options.root, options.out)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    print("Open in a browser:", *pages, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
