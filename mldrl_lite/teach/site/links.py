"""Links of the course's texts, brought to the one form that the site knows."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from docutils.nodes import make_id

from mldrl_lite.teach.workshop import relink

TEXTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""The texts at the top of the project that are pages of the site."""


def anchor_of(words: str) -> str:
    """Return the anchor of a heading on the site, from its words or from a link in Jupyter's or GitHub's form.

    JupyterLab writes `#Verb-phrase`, a Markdown file on the web `#verb-phrase`, and docutils gives a heading that id.
    """
    return make_id(unquote(words))


def to_site(root: Path, page: PurePosixPath, address: str) -> Callable[[str], str | None]:
    """Return what turns the target of a link on `page` into one that leads somewhere from the site.

    Args:
        root: the folder of the course.
        page: the page, from `root`: "notebooks/00_quickstart.ipynb".
        address: where the project lies on the web; "" where it lies nowhere.

    Returns:
        A function that gives None for a target that is neither on the site nor, without an address, on the web.
    """

    def change(target: str) -> str | None:
        file, mark, anchor = target.partition("#")
        if not file:
            return mark + anchor_of(anchor)
        place = (root / page.parent / file).resolve()
        if not place.is_relative_to(root.resolve()):
            return None
        inside = place.relative_to(root.resolve())
        up = "../" * len(page.parent.parts)
        if inside.parts[0] == "mldrl_lite":
            return up + _api_page(inside, place)
        if _is_page(inside) or (place.is_file() and inside.suffix not in (".py", ".ipynb")):
            return file + (mark + anchor_of(anchor) if anchor else "")
        return f"{address}/blob/HEAD/{inside.as_posix()}" if address else None

    return change


def _is_page(inside: Path) -> bool:
    return str(inside) in TEXTS or (inside.parent.name == "notebooks" and inside.suffix in (".ipynb", ".md"))


def _api_page(inside: Path, place: Path) -> str:
    parts = [part for part in inside.with_suffix("").parts if part != "__init__"]
    known = place.suffix == ".py" or (place / "__init__.py").is_file()
    return f"api/{'.'.join(parts)}.rst" if known else "api/mldrl_lite.rst"


def relinked(text: str, root: Path, page: PurePosixPath, address: str) -> str:
    """Return Markdown whose links lead somewhere from the site; a link that cannot leaves its words alone."""
    return relink(text, to_site(root, page, address))
