"""What a notebook declares in its cell of parameters, and what a value or a text of the command line means there."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.notebook.kinds import ANY, Kinds, MisfitError, fitted, has, of_text, of_value, what_is_allowed
from mldrl_lite.runs.notebook.values import Expression, as_plain, code, constant, parts

PROFILES = ("full", "small")
"""How long a notebook runs: with its own values, or with the small ones that its parameters cell keeps."""


class _Default(Enum):
    MISSING = "no default"


MISSING = _Default.MISSING
"""The default of a parameter that has to be given: `j: int`."""


@dataclass(frozen=True)
class Declared:
    """A parameter as a notebook declares it in its cell of parameters."""

    name: str
    default: Any = MISSING
    """A plain value, an `Expression` that only the kernel can evaluate, or `MISSING`."""
    annotation: str = ""

    @property
    def kinds(self) -> Kinds:
        """The types that it takes: those of the annotation, or else that of the default; `None` takes anything."""
        if self.annotation:
            return of_text(self.annotation)
        return (ANY,) if self.default is None or self.default is MISSING else of_value(self.default)

    @property
    def takes_text(self) -> bool:
        """Whether a text of the command line may be meant as a text."""
        return has(self.kinds, "str", "Path", "Literal")

    def check(self, value: object) -> Any:
        """Return the value as the notebook will see it: a whole number becomes a float where a float is declared.

        Raises:
            InputError: the value is of another type.
        """
        try:
            return fitted(as_plain(value), self.kinds)
        except (MisfitError, TypeError):
            raise InputError(
                f"Parameter {self.name} = {_shortened(value)} cannot be used: give {self._wanted(value)}."
            ) from None

    def read(self, text: str) -> Any:
        """Return what a text of the command line means for this parameter: for a text parameter, 2024 is a text.

        Quotes inside keep a text as it stands: `"None"` is a text, `None` is None where that is allowed.

        Raises:
            InputError: it is of another type.
        """
        value = literal(text, numbers=has(self.kinds, "float"))
        if not self.takes_text:
            return self.check(value)
        try:
            return fitted(value, tuple(kind for kind in self.kinds if kind.name not in ("str", "Path")))
        except MisfitError:
            return self.check(_unquoted(text))

    def read_several(self, text: str) -> list[Any]:
        """Return the values of a list: parts between commas, `0..9` for whole numbers from 0 to 9.

        Commas in brackets or quotes separate nothing: `[3, 4], [5]` are two lists. A text parameter has no ranges.

        Raises:
            InputError: a value is of another type, or a bracket or quote is not closed.
        """
        try:
            found = parts(text)
        except ValueError as error:
            raise InputError(
                f"Parameter {self.name} = {text!r} cannot be used: {error}; put texts in quotes."
            ) from None
        values = []
        for part in found:
            ends = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", part) if not self.takes_text else None
            values += [self.check(n) for n in self._range(*map(int, ends.groups()))] if ends else [self.read(part)]
        return values

    def _range(self, first: int, last: int) -> Iterable[int]:
        if not 0 <= last - first < _LONGEST_RANGE:
            raise InputError(
                f"Parameter {self.name} = {first}..{last} cannot be used: give a range that goes up, such as 0..9."
            )
        return range(first, last + 1)

    def _wanted(self, value: object) -> str:
        """Return what is allowed, and what may have been meant instead of `value`."""
        example = "" if isinstance(self.default, _Default | Expression | None) else code(self.default)
        wanted = what_is_allowed(self.kinds, self.annotation, example)
        several = has(self.kinds, "list", "tuple", "set")
        if isinstance(value, list | tuple | set) and not several:
            return f"{wanted}; to sweep over several, write them with commas and no brackets"
        if several and not isinstance(value, list | tuple | set):
            return f"{wanted}; one list is one value"
        wider = {(int, float): "float", (type(self.default), type(None)): f"{self.kinds[0].name} | None"}
        annotation = wider.get((type(self.default), type(value)))
        if annotation and example and not self.annotation:
            return f"{wanted}, or declare it as {self.name}: {annotation} = {example}"
        return wanted


_LONGEST_RANGE = 10_000


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def literal(text: str, *, numbers: bool = False) -> Any:
    """Return what a text is in Python, or the text itself; `inf` and `nan` are numbers where those are wanted."""
    if numbers and text.strip().lower().lstrip("+-") in ("inf", "nan"):
        return float(text)
    try:
        return as_plain(ast.literal_eval(text.strip()))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


# ---------------------------------------------------------------------------------------------------------------------
# Reading the cell


def declared_in(source: str) -> dict[str, Declared]:
    """Return the parameters that a cell declares by assignments, in their order; the last assignment counts.

    Args:
        source: Python as in a notebook; lines of IPython, such as `!pip list` or `%matplotlib inline`, declare nothing.

    Raises:
        SyntaxError: it is no Python.
    """
    tree, source = _parsed_cell(source)
    comments = _comments(source)
    found: dict[str, Declared] = {}
    values: dict[str, Any] = {}
    for statement in tree.body:
        for name, annotation, node in _assigned(statement):
            default = _default(node, values)
            before = found.get(name, Declared(name))
            comment = comments.get(statement.end_lineno or 0, "")
            typed = re.fullmatch(r"type:\s*([^#]+?)\s*(#.*)?", comment)  # PEP 484, of before annotations
            if typed and not annotation and of_text(typed[1]) != (ANY,):
                annotation = typed[1]
            found[name] = replace(before, default=default, annotation=annotation or before.annotation)
            values = {known: value for known, value in values.items() if known != name}
            if not isinstance(default, Expression | _Default):
                values[name] = default
    return found


def _parsed_cell(source: str) -> tuple[ast.Module, str]:
    try:
        return ast.parse(source), source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(re.sub(r"\A\s*%%(time|capture)\b.*", "", source))
        return ast.parse(source), source


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Yield the names that a statement assigns, each with its annotation and its value."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name, ast.unparse(statement.annotation), statement.value
        case ast.Assign():
            for target in statement.targets:
                yield from ((name, "", node) for name, node in _pairs(target, statement.value))
        case ast.AugAssign(target=ast.Name(id=name)):
            load = ast.Name(id=name, ctx=ast.Load())
            yield name, "", ast.BinOp(left=load, op=statement.op, right=statement.value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        whole = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for place, part in enumerate(target.elts):
            index = ast.Subscript(value=value, slice=ast.Constant(value=place), ctx=ast.Load())
            yield from _pairs(part, value.elts[place] if whole else index)


def _default(node: ast.expr | None, values: Mapping[str, Any]) -> Any:
    if node is None:
        return MISSING
    try:
        return constant(node, values)
    except ValueError:
        return Expression(ast.unparse(ast.fix_missing_locations(node)))


def _comments(source: str) -> dict[int, str]:
    """Return the comments of a cell by their line, without the `#`."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").rstrip() for token in tokens if token.type == tokenize.COMMENT}


# ---------------------------------------------------------------------------------------------------------------------
# Values for a notebook


def check_names(given: Iterable[str], names: Mapping[str, Declared], stem: str) -> None:
    """Stop unless a notebook declares all of these parameters, and no other has to be given.

    Raises:
        InputError: it does not declare one of them, or one that has no default is not among them.
    """
    given, known = list(given), [name for name in names if name != "out_dir"]
    for name in given:
        if name not in names:
            takes = f"give {listing(known)}" if known else "assign it in the first code cell, tagged 'parameters'"
            raise InputError(f"{stem} takes no parameter {name!r}{did_you_mean(name, known)}: {takes}.")
    for name in without_default(names):
        if name not in given:
            raise InputError(f"Parameter {name} of {stem} has no default: give -p {name} and a value.")


def without_default(names: Mapping[str, Declared]) -> list[str]:
    """Return the parameters that have to be given."""
    return [name for name, entry in names.items() if entry.default is MISSING and name != "out_dir"]


def check_grid(grid: Mapping[str, Any], names: Mapping[str, Declared], stem: str) -> dict[str, list[Any]]:
    """Return the values of a sweep, as the notebook will see them.

    Args:
        grid: one value or several for each parameter; a mapping is one value.
        names: what the notebook declares.
        stem: the notebook's name, for the message.

    Raises:
        InputError: it takes no such parameter, or not such a value, or one without a default is missing.
    """
    check_names(grid, names, stem)
    if "out_dir" in grid:
        raise InputError("out_dir cannot be swept: each run gets a folder of its own in --out (out=).")
    checked = {}
    for name, values in grid.items():
        several = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
        checked[name] = [names[name].check(value) for value in (values if several else [values])]
        if not checked[name]:
            raise InputError(f"Parameter {name} has no value: give one or more.")
    return checked
