"""What of a page an answer needs: the code that makes, or changes, a name that it uses, and what that needs."""

import ast
import builtins
import symtable
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager


@dataclass(frozen=True)
class Names:
    """The names of a page that a cell has to do with."""

    binds: frozenset[str] = frozenset()
    """It gives these a value."""
    uses: frozenset[str] = frozenset()
    """It, or a function or class in it, looks these up."""
    later: frozenset[str] = frozenset()
    """Its functions and classes look these up, whenever they are called."""
    changes: frozenset[str] = frozenset()
    """It may change the objects behind these: by an attribute, an item, a method, or by handing them on."""
    imports: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    """It gives these a new value in any case: it is one plain assignment, import, function or class."""
    plain: frozenset[str] = frozenset()
    """It gives these a value that nothing changes: a number, a text, a folder."""


_PLAIN = (ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def names_in(source: str) -> Names:
    """Return the names in the code of a cell; none where it is no Python."""
    try:
        source = TransformerManager().transform_cell(source)
        tree = ast.parse(source)
        # Python 3.12 counts the variable of a comprehension among those around it, but not that of a generator.
        top = symtable.symtable(ast.unparse(_AsGenerators().visit(ast.parse(source))), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names()
    symbols = top.get_symbols()
    binds = frozenset(symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported())
    own = {part.id for node in ast.walk(tree) if isinstance(node, ast.comprehension) for part in _names(node.target)}
    return Names(
        binds=binds,
        uses=frozenset(_looked_up(top)),
        later=frozenset(name for inner in top.get_children() for name in _looked_up(inner)),
        changes=frozenset(name for node in _at_once(tree) for name in _changed_by(node)) - (own - binds),
        imports=frozenset(symbol.get_name() for symbol in symbols if symbol.is_imported()),
        plain=frozenset(name for node in tree.body for name in _plain(node)),
        replaces=binds if len(tree.body) == 1 and isinstance(tree.body[0], _PLAIN) else frozenset(),
    )


class _AsGenerators(ast.NodeTransformer):
    """Write each comprehension as a generator of the same names."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(ast.Tuple([node.key, node.value]), node.generators))


def _plain(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
        opens = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "open_page"
        if opens or isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (part.id for target in targets for part in _names(target))


def statements(source: str) -> list[str]:
    """Return the statements of a cell, each with the comments behind it; the whole where it is no plain Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return [source]
    lines = source.splitlines()
    starts = [min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))]) for node in tree.body]
    cuts = sorted({start - 1 for start in starts})
    return ["\n".join(lines[cut:end]) for cut, end in zip(cuts, [*cuts[1:], len(lines)], strict=True)]


def _looked_up(table: symtable.SymbolTable) -> Iterator[str]:
    at_top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (at_top or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _looked_up(inner)


def _at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when the cell does: not the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_once(node)


def _changed_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield from _root(node)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id):
            return  # such as print and len
        yield from _root(node.func) if isinstance(node.func, ast.Attribute) else ()
        for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
            yield from (part.id for part in _names(given))


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (part for part in ast.walk(node) if isinstance(part, ast.Name))


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def needed(cells: Sequence[Names], always: Iterable[int]) -> set[int]:
    """Return the positions of the code that must run for that at the positions `always` to find what it needs.

    A name that a function looks up when it is called may get its value behind the function, too.
    """
    always, late = set(always), frozenset()
    while True:
        chosen = _needed_before(cells, always, late)
        found = frozenset().union(*(cells[position].later for position in chosen))
        if found <= late:
            return chosen
        late |= found


def _needed_before(cells: Sequence[Names], always: set[int], late: frozenset[str]) -> set[int]:
    changeable = frozenset().union(*(cell.binds - cell.plain - cell.imports for cell in cells))
    chosen, wanted = set(always), set(late)
    for position in reversed(range(len(cells))):
        cell = cells[position]
        if position in chosen or wanted & (cell.binds | cell.changes & changeable):
            chosen.add(position)
            wanted = wanted - (cell.replaces - late) | cell.uses
    return chosen
