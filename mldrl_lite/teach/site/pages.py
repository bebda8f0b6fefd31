"""Pages and parts of pages that are made, not written: the home page, the index by symptom, the line of links."""

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from nbformat import NotebookNode

from mldrl_lite.teach.site import links
from mldrl_lite.teach.workshop import Card

_HERE = Path(__file__).parent
_INDEX = re.compile(
    r"^\| (?P<seen>.+?) \| \[(?P<words>.+?)\]\((?P<target>\S+)\) \| (?P<thread>\[.+?\]\(\S+\)) \|$", re.M
)


def home(cards: list[Card], others: dict[str, list[str]]) -> str:
    """Return the home page: what the course is, a map of it, and the contents of the site.

    Args:
        cards: what is said of each notebook.
        others: by the name of another language, the pages in it.
    """
    template = (_HERE / "home.md").read_text(encoding="utf-8")
    course, reference = _parted(cards)
    texts = {"course": _grid(course), "reference": _grid(reference), "minutes": sum(item.minutes for item in cards)}
    lists = {"course_list": _entries(course), "reference_list": _entries(reference)}
    lists["others"] = "\n".join(_contents_of(name, listed) for name, listed in others.items())
    return template.format(**texts, **lists, n=len(cards), first=cards[0].stem)


def _contents_of(name: str, listed: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {name}", *listed, "```", ""])


def book(cards: list[Card], texts: list[str]) -> str:
    """Return the first page of the course as one book, and its contents."""
    chapters = [f"notebooks/{item.stem}" for item in cards]
    first, *others = [text.removesuffix(".md") for text in texts]
    contents = "\n".join(["```{toctree}", first, *chapters, "symptoms", *others, "```", ""])
    return f"# What Lightning's Trainer really does\n\nA course in {len(cards)} notebooks.\n\n{contents}"


def _parted(cards: list[Card]) -> tuple[list[Card], list[Card]]:
    """Part what is read from beginning to end from what is looked up."""
    return [item for item in cards if item.stem[0].isdigit()], [item for item in cards if not item.stem[0].isdigit()]


def _entries(cards: list[Card]) -> str:
    return "\n".join(f"notebooks/{item.stem}" for item in cards)


def _grid(cards: list[Card]) -> str:
    if not cards:
        return ""
    return "\n".join(["::::{grid} 1 2 2 2", ":gutter: 3", "", *map(_box, cards), "::::"])


def _box(item: Card) -> str:
    exercises = f"{item.exercises} exercise{'s' if item.exercises != 1 else ''}"
    head = [f":::{{grid-item-card}} {item.title}", f":link: notebooks/{item.stem}", ":link-type: doc", ""]
    return "\n".join([*head, item.sentence, "", f"[{item.minutes} minutes · {exercises}]{{.minutes}}", ":::", ""])


def symptoms(nodes: dict[str, NotebookNode]) -> str:
    """Return the page of symptoms: what is heard most, and the indexes of all notebooks in one table."""
    text = (_HERE / "symptoms.md").read_text(encoding="utf-8")
    text = re.sub(r"(?<=\.ipynb)#([^)\s]+)", lambda found: f"#{links.anchor_of(found[1])}", text)
    rows = [row for stem, node in nodes.items() for row in _rows(stem, node)]
    return text + "\n".join(["| What you see | Look at | Thread |", "|---|---|---|", *rows, ""])


def _rows(stem: str, node: NotebookNode) -> Iterable[str]:
    text = "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    section = text.partition("\n## Find by symptom\n")[2].split("\n## ")[0]
    for row in _INDEX.finditer(section):
        file, _, anchor = row["target"].partition("#")
        target = f"notebooks/{file or f'{stem}.ipynb'}#{links.anchor_of(anchor)}"
        yield f"| {row['seen']} | [{row['words']}]({target}) | {row['thread']} |"


# ---------------------------------------------------------------------------------------------------------------------
# What is added to a notebook


def ways_to_open(stem: str, address: str, others: dict[str, str] | None = None) -> str:
    """Return a line of links: the notebook itself, where the project's address lets it be opened, other languages.

    Args:
        stem: of the notebook's file.
        address: where the project lies on the web, or "".
        others: by language, its name, where the page is there in that language.
    """
    ways = elsewhere(f"notebooks/{stem}.ipynb", address)
    items = [f'<a href="{stem}.ipynb" download>Download the notebook</a>']
    items += [f'<a href="{escape(target)}">{name}</a>' for name, target in ways.items()]
    items += [f'<a href="../{code}/{stem}.html" lang="{code}">{name}</a>' for code, name in (others or {}).items()]
    return f'<p class="open-in">{" ".join(items)}</p>'


def elsewhere(file: str, address: str) -> dict[str, str]:
    """Return where a file of the project can be opened without installing anything, by the name of the service.

    These services find a project on GitHub by its owner and name; with another address, or none, there are none.
    """
    found = re.match(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", address)
    if not found:
        return {}
    return {
        "Open in Binder": f"https://mybinder.org/v2/gh/{found[1]}/HEAD?urlpath=lab/tree/{file}",
        "Open in Colab": f"https://colab.research.google.com/github/{found[1]}/blob/HEAD/{file}",
        "Open in Codespaces": f"https://codespaces.new/{found[1]}",
    }


def modules_used(names: list[str]) -> str:
    """Return the text that leads from the end of a notebook to the pages of the modules that it uses."""
    listed = ", ".join(f"[`{name}`](../api/{name}.rst)" for name in names)
    return f"**The code behind this page**: {listed}."
