"""Links of the course's texts, brought to the one form that the site knows."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from docutils.nodes import make_id

from mldrl_lite.teach.workshop import relink

TEXTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""The texts at the top of the project that are pages of the site."""

FILES = ("LICENSE", "NOTICE", "CITATION.cff")
"""What the site hands out as it is."""

PACKAGE = "mldrl_lite"


def anchor_of(words: str) -> str:
    """Return the anchor of a heading on the site, from its words or from a link in Jupyter's or GitHub's form.

    JupyterLab writes `#Verb-phrase`, a Markdown file on the web `#verb-phrase`, and docutils gives a heading that id.
    """
    return make_id(unquote(words))


@dataclass(frozen=True)
class Places:
    """Where the texts of a course may lead to."""

    root: Path
    """The folder of the course."""
    pages: frozenset[str]
    """What is a page, from `root`: "notebooks/00_quickstart.ipynb", "api/mldrl_lite.model.rst"."""
    address: str
    """Where the project lies on the web; "" where it lies nowhere."""

    def relinked(self, text: str, page: str) -> str:
        """Return the Markdown of a page with links as the site knows them.

        What is no page becomes a link to the web; without an address, such a link leaves its words alone. What does not
        exist stays as it is, for Sphinx to complain of.
        """
        return relink(text, lambda target: self._changed(target, PurePosixPath(page)))

    def _changed(self, target: str, page: PurePosixPath) -> str | None:
        file, mark, anchor = target.partition("#")
        if not file:
            return mark + anchor_of(anchor)
        place = (self.root / page.parent / file).resolve()
        if not place.exists() or not place.is_relative_to(self.root.resolve()):
            return target
        inside = PurePosixPath(place.relative_to(self.root.resolve()).as_posix())
        known = _api_page(inside) if inside.parts[0] == PACKAGE else str(inside)
        if known in self.pages or str(inside) in FILES or inside.suffix == ".png":
            return "../" * len(page.parent.parts) + known + (mark + anchor_of(anchor) if anchor else "")
        return f"{self.address}/blob/HEAD/{inside}" if self.address else None


def _api_page(inside: PurePosixPath) -> str:
    return f"api/{'.'.join(inside.with_suffix('').parts).removesuffix('.__init__')}.rst"
