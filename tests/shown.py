"""What the code of the reference notebooks uses at work, section by section: names, not words of prose."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nbformat import NotebookNode
from pytorch_lightning import Callback, LightningDataModule, LightningModule, callbacks

from mldrl_lite.trainer.surface import Part

LOGS = {"argument of self.log": "log", "argument of self.log_dict": "log_dict"}
OWNERS = {"Callback": Callback, "LightningModule": LightningModule, "LightningDataModule": LightningDataModule}
BASES = {"BoringModel": "LightningModule", "BoringDataModule": "LightningDataModule"}
BASES |= dict.fromkeys(callbacks.__all__, "Callback")


@dataclass
class Section:
    """The code cells between two headings."""

    heading: str
    cells: list[NotebookNode] = field(default_factory=list)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [node for cell in self.cells for node in ast.walk(ast.parse(cell.source))]

    @property
    def proves_something(self) -> bool:
        return any(isinstance(node, ast.Assert) for node in self.nodes)

    @cached_property
    def strings(self) -> set[str]:
        """Strings as they stand, and the words of `"a b c".split()`."""
        found = {node.value for node in self.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and node.attr == "split" and isinstance(node.value, ast.Constant):
                found |= set(str(node.value.value).split())
        return found

    @cached_property
    def names(self) -> set[str]:
        return {node.id for node in self.nodes if isinstance(node, ast.Name)}

    @cached_property
    def attributes(self) -> set[tuple[bool, str]]:
        """Attributes by name, and whether they are a Trainer's."""
        found = (node for node in self.nodes if isinstance(node, ast.Attribute))
        return {(bool(re.search(r"[tT]rainer(\(.*\))?$", ast.unparse(node.value))), node.attr) for node in found}

    @cached_property
    def logged_with(self) -> dict[str, set[str]]:
        """The arguments that calls of `log` and of `log_dict` are given."""
        found: dict[str, set[str]] = {"log": set(), "log_dict": set()}
        for node in self.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in found:
                places = list(inspect.signature(getattr(LightningModule, node.func.attr)).parameters)[1:]
                found[node.func.attr] |= {word.arg for word in node.keywords if word.arg} | set(
                    places[: len(node.args)]
                )
        return found

    @cached_property
    def methods(self) -> set[tuple[str, str]]:
        """The methods that classes define, each with the names of its class's bases."""
        classes = [node for node in self.nodes if isinstance(node, ast.ClassDef)]
        return {(ast.unparse(base).split(".")[-1], name) for cls in classes for base in cls.bases for name in _own(cls)}


def _own(cls: ast.ClassDef) -> Iterator[str]:
    for part in cls.body:
        if isinstance(part, ast.FunctionDef):
            yield part.name
        elif isinstance(part, ast.Assign):  # one method under two names
            yield from (target.id for target in part.targets if isinstance(target, ast.Name))


def sections(notebooks: Iterable[NotebookNode]) -> list[Section]:
    """Cut notebooks at their headings."""
    found = [Section("")]
    for cell in (cell for node in notebooks for cell in node.cells):
        if cell.cell_type == "markdown":
            found += [Section(heading) for heading in re.findall(r"^##+ (.+)$", cell.source, re.M)]
        else:
            found[-1].cells.append(cell)
    return found


def users(part: Part, found: Sequence[Section], roots: dict[str, str] | None = None) -> list[Section]:
    """Return the sections that use a name at work: its code is there, and an assert beside it.

    Who asks for many parts gives what `ancestors` returns, which takes longer than all else.
    """
    roots = ancestors(found) if roots is None else roots
    return [section for section in found if section.proves_something and uses(part, section, roots)]


def ancestors(found: Sequence[Section]) -> dict[str, str]:
    """Say of each class that the notebooks define which class of Lightning it descends from."""
    roots = dict(BASES) | {name: name for name in OWNERS}
    classes = [node for section in found for node in section.nodes if isinstance(node, ast.ClassDef)]
    for _ in range(4):  # as deep as they are nested, and more
        for cls in classes:
            bases = [roots.get(ast.unparse(base).split(".")[-1], "") for base in cls.bases]
            roots[cls.name] = next(filter(None, bases), "")
    return roots


def uses(part: Part, section: Section, roots: dict[str, str]) -> bool:
    """Say whether a section's code uses a part, in a way that fits its kind."""
    what, _, owner = part.kind.partition(" of ")
    if part.kind in LOGS:
        return part.name in section.logged_with[LOGS[part.kind]]
    if owner == "Trainer":
        return (True, part.name) in section.attributes or part.name in section.strings
    if owner in OWNERS:
        defined = any(name == part.name and roots.get(base) == owner for base, name in section.methods)
        return (
            defined or part.name in section.strings or (what == "member" and (False, part.name) in section.attributes)
        )
    if part.kind.startswith(("name of", "mode of", "precision")):
        return part.name in section.strings
    return part.name in section.names | section.strings or (False, part.name) in section.attributes


def not_shown(wanted: Iterable[Part], notebooks: Iterable[NotebookNode]) -> list[Part]:
    """Return the parts that no section uses at work."""
    found = sections(notebooks)
    roots = ancestors(found)
    return [part for part in wanted if not users(part, found, roots)]


def counts(wanted: Sequence[Part], missing: Sequence[Part]) -> str:
    """Return a line for each kind: how many are shown of how many, and which are not."""
    lines = []
    for kind, number in Counter(part.kind for part in wanted).items():
        names = [part.name for part in missing if part.kind == kind]
        lines.append(f"{number - len(names):3} of {number:3} {kind}{': without ' if names else ''}{', '.join(names)}")
    return "\n".join(lines)
