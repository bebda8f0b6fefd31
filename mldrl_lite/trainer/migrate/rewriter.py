"""One walk through a file that applies all rules; what is inside is rewritten before what is around it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import libcst as cst
from libcst.metadata import CodeRange

from mldrl_lite.trainer.migrate import calls, naming, statements
from mldrl_lite.trainer.migrate.classes import rewrite_class
from mldrl_lite.trainer.migrate.draft import Around
from mldrl_lite.trainer.migrate.findings import Finding
from mldrl_lite.trainer.migrate.plan import plan
from mldrl_lite.trainer.migrate.reading import Reading


class Book:
    """What the rules find, and what the file needs when they are done."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.plan = plan(reading)
        self.added: set[str] = set()
        """Names of Lightning to import."""
        self.modules: set[str] = set()
        """Modules to import."""
        self.renames: dict[str, str] = {}
        """Imported names that have another name today, and it."""
        self._said: list[tuple[cst.CSTNode, str, Finding]] = []
        self.inside: list[cst.ClassDef] = []
        """The classes around the node that is being rewritten."""

    def kind(self) -> str:
        """Return what the class around the node is: module, datamodule, callback or ""."""
        return self.reading.kind_of(self.inside[-1]) if self.inside else ""

    def around(self, node: cst.CSTNode, *, alone: bool | None = None) -> Around:
        """Return what is known around a call of the Trainer, or around a dictionary for it."""
        alone = self.reading.alone if alone is None else alone
        known = frozenset(name for name in self.reading.unpacked if self.plan.is_known(self.reading, name))
        return Around(alone, self.plan.moves.get(id(node), {}), known, self.reading.meanings)

    def say(
        self,
        node: cst.CSTNode,
        kind: str,
        text: str,
        rows: str | Sequence[str] = (),
        example: str = "",
        topic: str = "",
    ) -> None:
        """Add a finding about a node of the old text; a later one on the same topic at the same place replaces it."""
        rows = tuple(rows.split()) if isinstance(rows, str) else tuple(rows)
        self._said.append((node, topic or text, Finding(0, kind, text, rows, example)))

    @property
    def silent(self) -> bool:
        """Whether nothing was said."""
        return not self._said

    def findings(self, places: Mapping[cst.CSTNode, CodeRange]) -> tuple[Finding, ...]:
        """Return the findings in the order of the lines; `places` tells where the nodes of the old text stand."""
        found: dict[tuple[int, int, str], Finding] = {}
        for node, topic, finding in self._said:
            start = places[node].start
            found[start.line, start.column, topic] = replace(finding, line=start.line)
        return tuple(found[key] for key in sorted(found, key=lambda key: key[:2]))


class Rewriter(cst.CSTTransformer):
    """Hands each node to the rules about its kind."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.book = Book(reading)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.book.inside.append(node)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.book.inside.pop()
        return rewrite_class(self.book, original_node, updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel:
        return statements.rewrite(self.book, original_node, updated_node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False  # the names in it are rewritten together, with the statement

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        return naming.plain_import(self.book, original_node, updated_node)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        return calls.rewrite(self.book, original_node, updated_node)

    def leave_Dict(self, original_node: cst.Dict, updated_node: cst.Dict) -> cst.BaseExpression:
        return calls.rewrite_dictionary(self.book, original_node, updated_node)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        owner = self.book.inside[-1] if self.book.inside else None
        return naming.attribute(self.book, original_node, updated_node, owner)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return naming.name(self.book, original_node, updated_node)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        naming.text(self.book, original_node)
        return updated_node
