"""Make a project of one's own from the files in `template/`."""

import ast
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from mldrl_lite.messages import InputError, did_you_mean, listing

KINDS = ("images", "table", "text")
PACKAGES = ("pytorch_lightning", "lightning")
_TEMPLATE = Path(__file__).parent / "template"
# The two packages hold the same code, and a project that mixes them fails in odd ways.
_OF_LIGHTNING = {
    "import pytorch_lightning as": "import lightning.pytorch as",
    "from pytorch_lightning": "from lightning.pytorch",
    'getLogger("pytorch_lightning")': 'getLogger("lightning.pytorch")',
    "pytorch-lightning>=": "lightning>=",
}


def make_project(folder: Path, kind: str = KINDS[0], package: str = PACKAGES[0]) -> None:
    """Make a project that trains, tests itself and can be changed, in a new or an empty folder.

    The folder appears with all its files, or not at all.

    Args:
        folder: where; the folder above it is there.
        kind: what its samples are: `images`, `table` or `text`.
        package: what it imports: `pytorch_lightning` or `lightning`.

    Raises:
        InputError: the folder holds something or cannot have this name, or the kind or package is unknown.
    """
    _require_known("--kind", kind, KINDS)
    _require_known("--package", package, PACKAGES)
    _require_free(folder)
    with TemporaryDirectory(dir=folder.parent, prefix=".new-") as beside:
        made = Path(beside) / "project"
        made.mkdir()
        for name, text in _files(folder.name, kind, package):
            (made / name).write_text(text, encoding="utf-8")
        os.replace(made, folder)  # over an empty folder, too; one that is filled by now stays as it is


def shipped(folder: Path) -> dict[str, str]:
    """Return the texts of the tests, and of what they need, as a project of this package was made with, by file."""
    model = folder / "model.py"
    imports = model.read_text(encoding="utf-8") if model.is_file() else ""
    package = PACKAGES["lightning.pytorch" in imports]
    names = ("test_project.py", "checks.py", "pyproject.toml")
    return {name: text for name, text in _files(folder.name, KINDS[0], package) if name in names}


def has_own_samples(folder: Path) -> bool:
    """Return whether a project loads other samples than those that it was made with; comments do not count."""
    try:
        loading = _loading(folder / "samples.py")
    except SyntaxError:  # no longer what was copied; its tests say what is wrong
        return True
    return all(loading != _loading(_TEMPLATE / kind / "samples.py") for kind in KINDS)


def has_own_readme(folder: Path) -> bool:
    """Return whether a project has a README that tells nothing of the samples that it was made with."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    abouts = "".join((_TEMPLATE / kind / "about.md").read_text(encoding="utf-8") for kind in KINDS)
    told = [line for line in abouts.splitlines() if len(line) > 40]  # shorter ones are the heads of its table
    return bool(text.strip()) and not any(line in text for line in told)


def _loading(path: Path) -> list[str]:
    """Return the code, without docstrings, of the functions that make the samples: `load()` and its helpers."""
    nodes = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    makers = [node for node in nodes if node.name not in ("augment", "counts", "groups")]
    return [ast.dump(line) for node in makers for line in node.body[bool(ast.get_docstring(node)) :]]


def _files(name: str, kind: str, package: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    about = (_TEMPLATE / kind / "about.md").read_text(encoding="utf-8")
    for path in sorted([*_TEMPLATE.glob("[!.]*.*"), *(_TEMPLATE / kind).glob("[!.]*.*")]):
        text = path.read_text(encoding="utf-8")
        if path.name == "about.md":  # it is in README.md
            continue
        if path.name == "README.md":
            text = Template(text).substitute(name=name, about=about)
        for old, new in _OF_LIGHTNING.items() if package == "lightning" else ():
            text = text.replace(old, new)
        yield path.name, text


def _require_known(option: str, given: str, allowed: Collection[str]) -> None:
    if given not in allowed:
        raise InputError(f"{option} {given} is not known{did_you_mean(given, allowed)}: give {listing(allowed)}.")


def _require_free(folder: Path) -> None:
    if not re.fullmatch(r"\w[\w .+-]*", folder.name) or folder.name.endswith((" ", ".")):
        raise InputError(f"{str(folder)!r} does not end in a name for a new folder: give letters, digits, - and _.")
    if not folder.parent.is_dir():
        raise InputError(f"The folder {folder.parent} is not there: make it first, or give another place.")
    if os.path.lexists(folder) and not (folder.is_dir() and not folder.is_symlink()):
        raise InputError(f"{folder} is there already, and is no folder: give another name.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"The folder {folder} is not empty: give another name, or empty it first.")
