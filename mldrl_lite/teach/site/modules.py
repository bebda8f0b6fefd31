"""The pages of the package's modules, and which notebook uses which module."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

ROOMS = {
    "mldrl_lite": "The core",
    "mldrl_lite.trainer": "trainer: anyone's Trainer",
    "mldrl_lite.runs": "runs: notebooks as experiments",
    "mldrl_lite.kernels": "kernels: warm kernels",
    "mldrl_lite.studies": "studies: what notebooks compare",
    "mldrl_lite.teach": "teach: exercises, self-tests, the site",
}


@cache
def modules(package: Path) -> tuple[str, ...]:
    """Return the names of all modules in a package's folder, in order; templates that are only copied are none."""
    files = [file for file in sorted(package.rglob("*.py")) if (file.parent / "__init__.py").is_file()]
    names = (".".join((package.name, *file.relative_to(package).with_suffix("").parts)) for file in files)
    return tuple(sorted({name.removesuffix(".__init__") for name in names}))


@cache
def offered(package: Path, name: str) -> dict[str, str]:
    """Return what a module offers under its own name and defines elsewhere: each name, and the module of its home."""
    stub = package.parent.joinpath(*name.split("."), "__init__.pyi")
    if not stub.is_file():
        return {}
    found = re.findall(r"^from (\.+)([\w.]*) import (\w+) as", stub.read_text(encoding="utf-8"), re.M)
    return {what: f"{name}.{inner}" if len(dots) == 1 else inner for dots, inner, what in found}


def home(package: Path, module: str, name: str) -> str:
    """Return the module in which what `from module import name` brings is defined."""
    inner = f"{module}.{name}"
    if inner in modules(package):
        return inner
    further = offered(package, module).get(name)
    return home(package, further, name) if further else module


def used(node: NotebookNode, package: Path) -> list[str]:
    """Return the modules of the package that the code of a notebook imports from, in order."""
    found = {home(package, module, name) for module, name in _imports(_code(node))}
    return sorted(found & set(modules(package)))


def _code(node: NotebookNode) -> Iterator[str]:
    for cell in node.cells:
        if cell.cell_type == "code" and not cell.source.startswith("%%"):
            yield "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines())


def _imports(cells: Iterable[str]) -> Iterator[tuple[str, str]]:
    for source in cells:
        try:
            tree = ast.parse(source)
        except SyntaxError:  # a cell that shows an error on purpose
            continue
        for statement in ast.walk(tree):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                yield from ((statement.module, alias.name) for alias in statement.names)


# ---------------------------------------------------------------------------------------------------------------------
# Pages


def api_pages(package: Path, uses: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the text of a page for each module, by its name.

    Args:
        package: the folder of the package.
        uses: by the name of a module, the notebooks that use it: file stem and title.
    """
    return {name: _page(package, name, uses.get(name, {})) for name in modules(package)}


def _page(package: Path, name: str, notebooks: dict[str, str]) -> str:
    inside = [module for module in modules(package) if module.rpartition(".")[0] == name]
    heading = f"``{name}``"
    parts = [heading, "=" * len(heading), ""]
    if notebooks:
        links = ", ".join(f":doc:`{title} </notebooks/{stem}>`" for stem, title in notebooks.items())
        parts += [".. container:: used-in", "", f"   Used in {links}.", ""]
    parts += [f".. automodule:: {name}", *_options(inside), ""]
    if given := offered(package, name):
        parts += [".. rubric:: What it offers", ""]
        parts += [f"- :py:obj:`{what} <{home(package, name, what)}.{what}>`" for what in given]
    return "\n".join([*parts, "", *_contents(name, inside)])


def _options(inside: list[str]) -> list[str]:
    return [] if inside else ["   :members:", "   :member-order: bysource", "   :show-inheritance:"]


def _contents(name: str, inside: list[str]) -> list[str]:
    if not inside:
        return []
    rooms = sorted(inside, key=lambda module: (module in ROOMS, list(ROOMS).index(module) if module in ROOMS else 0))
    entries = [f"   {ROOMS.get(module, module.removeprefix(f'{name}.'))} <{module}>" for module in rooms]
    return [".. rubric:: Modules", "", ".. toctree::", "   :maxdepth: 1", "", *entries, ""]
