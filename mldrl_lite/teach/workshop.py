"""What a teacher hands out, made from the stored notebooks: student copies, solutions, web pages and one zip."""

import argparse
import base64
import io
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import nbformat
from jinja2 import Environment
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode

from mldrl_lite.messages import InputError, Scalar, listing
from mldrl_lite.runs.notebook.parameters import PROFILES
from mldrl_lite.teach import workshop_templates as templates

ZIP = "mldrl-lite-workshop.zip"
_LINK = re.compile(r"(!?)\[((?:[^\]`]|`[^`]*`)*)\]\(([^)\s]+)\)")
_MARK = '<meta name="generator" content="mldrl-lite workshop">'


@dataclass(frozen=True)
class Card:
    """What the index says of a notebook."""

    stem: str
    title: str
    sentence: str
    """What will have been built, as HTML."""
    minutes: int
    exercises: int


def make_workshop(root: Path, out: Path, profile: str = "full") -> list[Card]:
    """Write everything for a workshop into `out`; the same course gives the same bytes.

    It is made in a folder beside, which takes the place of an earlier workshop when all is there.

    Args:
        root: the folder of the course: it holds `notebooks/`, `mldrl_lite/`, `README.md` and so on.
        out: gets `notebooks/` (student copies), `solutions/`, `html/`, `package/`, `index.html`, the zip and so on.
        profile: `small` writes the values of the small profile into the student copies' parameters.

    Returns:
        One card for each notebook, in order.

    Raises:
        InputError: no notebooks in `root`, or one without the opening of the course; an unknown profile; or `out` holds
            files that are not an earlier workshop's.
    """
    if profile not in PROFILES:
        raise InputError(f"Unknown profile {profile!r}: give {listing(PROFILES)}.")
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    if not paths:
        raise InputError(f"No notebooks in {str(root / 'notebooks')!r}: give --root the folder of the course.")
    _refuse_other_files(out)
    nodes = {path: nbformat.read(path, as_version=4) for path in paths}
    cards = [card(node, path.stem) for path, node in nodes.items()]
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".workshop~", dir=out.absolute().parent) as place:
        new = Path(place, "new")
        for path, node in nodes.items():
            _write_notebook(student_copy(node, small=profile == "small"), new / "notebooks" / path.name)
            _write_notebook(node, new / "solutions" / path.name)
            _write(new / "html" / f"{path.stem}.html", web_page(node, path.stem))
            _copy_linked_files(node, path.parent, [new / part for part in ("notebooks", "solutions", "html")])
        copy_package(root, new)
        _write_pages(root, new, cards)
        _zip(new)
        if out.exists():
            out.rename(Path(place, "old"))
        new.rename(out)
    return cards


def _refuse_other_files(out: Path) -> None:
    index = out / "index.html"
    ours = index.is_file() and _MARK in index.read_text(encoding="utf-8", errors="replace")
    if out.exists() and not ours and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} holds something that is not a workshop: give --out a new folder.")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_notebook(node: NotebookNode, path: Path) -> None:
    _write(path, nbformat.writes(node) + "\n")


# ---------------------------------------------------------------------------------------------------------------------
# Notebooks


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def student_copy(node: NotebookNode, *, small: bool = False) -> NotebookNode:
    """Return a notebook without solutions and without outputs; the given one stays as it is.

    A text that speaks of the solutions carries the tag `about-solutions`, and goes with them.
    """
    node = nbformat.from_dict(node)
    remove = TagRemovePreprocessor(remove_cell_tags={"solution", "about-solutions"}, enabled=True)
    node, resources = remove.preprocess(node, {})
    node, _ = ClearOutputPreprocessor(enabled=True).preprocess(node, resources)
    for cell in node.cells:
        if small and "parameters" in tags(cell):
            cell.source = with_values(cell.source, cell.metadata.get("small", {}))
    return node


def with_values(source: str, values: dict[str, Scalar]) -> str:
    """Return a cell of parameters with other values; the comments stay.

    Raises:
        InputError: the cell has no such parameter.
    """
    for name, value in values.items():
        line = re.compile(rf"^({re.escape(name)}(?:: [^=#\n]+)?) = .*?(?=  #|$)", re.M)
        if not line.search(source):
            raise InputError(f"The small profile names {name!r}, which is no parameter of its notebook: rename one.")
        source = line.sub(lambda found, value=value: f"{found[1]} = {value!r}", source, count=1)
    return source


def card(node: NotebookNode, stem: str) -> Card:
    """Read title, first sentence, minutes and number of exercises from a notebook.

    Raises:
        InputError: its first cell does not tell them.
    """
    opening = re.match(r"# (.+)\n+(.+)[\s\S]*\*\*Time\*\* (\d+) minutes", node.cells[0].source if node.cells else "")
    if not opening:
        raise InputError(f"{stem} does not begin with '# Title', a sentence and '**Time** N minutes': add them.")
    title, sentence, minutes = opening.groups()
    exercises = sum("exercise" in tags(cell) for cell in node.cells)
    html = re.sub(r"</?p>\s*", "", markdown2html(relink(sentence, lambda target: None)))
    return Card(stem, title, html.strip(), int(minutes), exercises)


def relink(text: str, change: Callable[[str], str | None]) -> str:
    """Change the targets of Markdown's relative links; a target that becomes None leaves its words alone."""

    def replace(link: re.Match[str]) -> str:
        picture, label, target = link.groups()
        if target.startswith(("http://", "https://")):
            return link.group()
        new = change(target)
        return label if new is None else f"{picture}[{label}]({new})"

    # Code between backquotes is left as it is.
    pattern = re.compile(rf"(?P<code>(?P<fence>`+)(?!`).*?(?<!`)(?P=fence)(?!`))|{_LINK.pattern}", re.S)
    return pattern.sub(lambda found: found.group() if found["code"] else replace(_LINK.match(found.group())), text)


def _copy_linked_files(node: NotebookNode, folder: Path, places: Iterable[Path]) -> None:
    texts = [cell.source for cell in node.cells if cell.cell_type == "markdown"]
    for target in (link.group(3) for text in texts for link in _LINK.finditer(text)):
        file = folder / target
        inside = not target.startswith(("http", "#", "..")) and not target.partition("#")[0].endswith((".ipynb", ".md"))
        if inside and file.is_file():
            for place in places:
                (place / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place / target)


# ---------------------------------------------------------------------------------------------------------------------
# Web pages


def web_page(node: NotebookNode, stem: str) -> str:
    """Return a stored notebook as one web page that needs no network: formulas drawn, what is hidden folded."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = draw_formulas(relink(cell.source, lambda target: _to_page(target, "", "../")))
    html, _ = _exporter().from_notebook_node(node, {"metadata": {"name": stem}})
    return "\n".join(line.rstrip() for line in html.splitlines()) + "\n"


@cache
def _exporter() -> HTMLExporter:
    # Pygments has escaped the code; to clean it once more takes a quarter of the time.
    as_it_is = {"clean_html": lambda html: html}
    return HTMLExporter(raw_template=templates.VIEW, template_name="lab", filters=as_it_is)


def _to_page(target: str, pages: str, top: str) -> str | None:
    """Return where a link of the course leads to on the web pages; None: nowhere."""
    file, mark, anchor = target.partition("#")
    name = Path(file).name
    if not file:
        return target
    if name.endswith(".ipynb"):
        return f"{pages}{name.removesuffix('.ipynb')}.html{mark}{anchor}"
    if name == "README.md":
        return f"{top}index.html" + (mark + anchor if anchor == "the-course" else "")
    if name in _TEXTS:
        return f"{top}{_TEXTS[name][0]}{mark}{anchor}"
    return None if file.startswith("../") else f"{pages}{target}"


def draw_formulas(text: str) -> str:
    """Return Markdown with its `$formulas$` as pictures; one that cannot be drawn stays as it is."""

    def draw(found: re.Match[str]) -> str:
        return found.group() if found["code"] else _picture_of(found["formula"].strip()) or found.group()

    return re.sub(
        r"(?P<code>(?P<fence>`+).*?(?P=fence))|(?P<mark>\$\$?)(?P<formula>[^$]+)(?P=mark)", draw, text, flags=re.S
    )


def _picture_of(formula: str, points: float = 11) -> str | None:
    # Imported here: only this needs it, and it takes a while.
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    font = FontProperties(size=points)
    with mpl.rc_context({"mathtext.fontset": "stix"}):
        try:
            width, height, depth, *_ = MathTextParser("path").parse(f"${formula}$", dpi=72, prop=font)
        except ValueError:
            return None
        figure = Figure(figsize=(width / 72, height / 72))
        figure.text(0, depth / height, f"${formula}$", fontproperties=font)
        file = io.BytesIO()
        # Without a date, the same formula gives the same bytes.
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    data = base64.b64encode(file.getvalue()).decode()
    style = f"height: {height / points:.2f}em; vertical-align: {-depth / points:.2f}em; display: inline"
    alt = formula.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("|", "&#124;")
    return f'<img alt="{alt}" style="{style}" src="data:image/svg+xml;base64,{data}">'


_TEXTS = {
    "TEACHING.md": ("teaching.html", "teacher's guide"),
    "RUNNING.md": ("running.html", "guide to runs without a screen"),
    "GLOSSARY.md": ("glossary.html", "glossary"),
}
"""The texts beside the notebooks that become a page, and what the page is called."""


def _render(template: str, **values: object) -> str:
    return Environment(autoescape=True, keep_trailing_newline=True).from_string(template).render(**values)


def _page(title: str, body: str) -> str:
    return _render(templates.PAGE, mark=_MARK, title=title, style=templates.STYLE, body=body)


def _write_pages(root: Path, out: Path, cards: list[Card]) -> None:
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    python = re.search(r'requires-python = ">=([\d.]+)"', project).group(1)
    _write(out / "README.md", _render(templates.README, python=python, cards=cards))
    texts = {name: root / "notebooks" / name for name in _TEXTS if (root / "notebooks" / name).is_file()}
    pages = [_TEXTS[name] for name in texts]
    _write(out / "index.html", _page("mldrl-lite: the workshop", _render(templates.INDEX, cards=cards, texts=pages)))
    for name, path in texts.items():
        page, title = _TEXTS[name]
        _write(out / page, _page(f"mldrl-lite: {title}", _text_page(path.read_text(encoding="utf-8"))))
    for name in sorted({"GLOSSARY.md", "RUNNING.md"} & texts.keys()):  # the notebooks link to them
        for folder in ("notebooks", "solutions"):
            shutil.copyfile(texts[name], out / folder / name)


def _text_page(text: str) -> str:
    html = markdown2html(relink(text, lambda target: _to_page(target, "html/", "")))
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)
    return re.sub(r'(?<=<h\d id=")[^"]+', _as_anchor, html)


def _as_anchor(heading: re.Match[str]) -> str:
    """Name a heading as links in a Markdown file do: in small letters, without marks."""
    return re.sub(r"[^\w-]", "", unquote(heading.group())).lower()


# ---------------------------------------------------------------------------------------------------------------------
# The package and the zip


def copy_package(root: Path, out: Path) -> None:
    """Copy what pip needs to install the package into `out/package`, and the versions into `out`."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.orig", "*.rej", ".*")
    shutil.copytree(root / "mldrl_lite", out / "package" / "mldrl_lite", ignore=unwanted, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(root / name, out / "package" / name)
    for name in ("constraints.txt", "constraints-torch.txt"):
        shutil.copyfile(root / name, out / name)


def _zip(out: Path) -> None:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    with zipfile.ZipFile(out / ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            name = f"{Path(ZIP).stem}/{path.relative_to(out).as_posix()}"
            # A fixed date and fixed rights, so that the same files give the same bytes.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


# ---------------------------------------------------------------------------------------------------------------------
# The command


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the workshop, and say where it is; the exit status is 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.workshop", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of the course")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/workshop"), help="folder that is made anew")
    parser.add_argument("--profile", default="full", help="full, or small: short runs in the student copies")
    options = parser.parse_args(arguments)
    try:
        cards = make_workshop(options.root, options.out, options.profile)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    minutes = sum(card.minutes for card in cards)
    print(f"{len(cards)} notebooks, {minutes} minutes: open {options.out / 'index.html'}, hand out {options.out / ZIP}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
