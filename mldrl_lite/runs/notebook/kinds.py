"""The types that a parameter may have, from its annotation or its default, and how values are fitted to them."""

import ast
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from mldrl_lite.messages import TYPE_NAMES, listing

_TYPES = {kind.__name__: kind for kind in (bool, int, float, str, bytes, list, tuple, dict, set, Path)} | {
    "None": type(None)
}
_OTHER_NAMES = {
    "List": ("list",),
    "Tuple": ("tuple",),
    "Dict": ("dict",),
    "Set": ("set",),
    "Mapping": ("dict",),
    "Sequence": ("list", "tuple"),
    "Iterable": ("list", "tuple"),
    "Collection": ("list", "tuple"),
    "PurePath": ("Path",),
    "PathLike": ("Path", "str"),
    "NoneType": ("None",),
    "Number": ("int", "float"),
    "Real": ("int", "float"),
}
_WORDS = {kind.__name__: words for kind, words in TYPE_NAMES.items()} | {"None": "None", "Path": "a path"}


class MisfitError(ValueError):
    """A value is not of the type."""


@dataclass(frozen=True)
class Kind:
    """One type. A parameter has a tuple of them: the value is of any one."""

    name: str
    """That of Python's type; `None`, `Path`, `Literal`, or `Any`."""
    items: tuple[tuple["Kind", ...], ...] = ()
    """The types of the elements of a list, of the keys and values of a dict, of each place in a tuple; () for any."""
    any_length: bool = True
    """Whether a tuple has any number of elements, all of the one type in `items`."""
    options: tuple[Any, ...] = ()
    """The values of a `Literal`."""


Kinds = tuple[Kind, ...]
ANY = Kind("Any")
NONE = Kind("None")


def of_value(value: Any) -> Kinds:
    """Return the type of a default without an annotation: that of the value, with elements of any type."""
    name = "Path" if isinstance(value, PurePath) else type(value).__name__
    return (Kind(name),) if name in _TYPES else (ANY,)


def of_annotation(node: ast.expr) -> Kinds:
    """Return the types that an annotation names; what is not known here is `Any`."""
    match node:
        case ast.Constant(value=None):
            return (NONE,)
        case ast.Constant(value=str(text)):
            return of_text(text)
        case ast.BinOp(op=ast.BitOr()):
            return of_annotation(node.left) + of_annotation(node.right)
        case ast.Subscript():
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return _subscripted(_last_name(node.value), inside)
    name = _last_name(node)
    return tuple(Kind(known) for known in _OTHER_NAMES.get(name, (name if name in _TYPES else "Any",)))


def of_text(text: str) -> Kinds:
    """Return the types that the text of an annotation names."""
    try:
        return of_annotation(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        return (ANY,)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _subscripted(name: str, inside: list[ast.expr]) -> Kinds:
    if name == "Literal":
        options = tuple(part.value for part in inside if isinstance(part, ast.Constant))
        return (Kind("Literal", options=options),) if len(options) == len(inside) else (ANY,)
    if name in ("Annotated", "Final", "ClassVar"):
        return of_annotation(inside[0])
    if name in ("Optional", "Union"):
        kinds = tuple(kind for part in inside for kind in of_annotation(part))
        return kinds + (NONE,) * (name == "Optional")
    any_length = not (name in ("tuple", "Tuple") and not _is_ellipsis(inside[-1]))
    items = tuple(of_annotation(part) for part in inside if not _is_ellipsis(part))
    names = _OTHER_NAMES.get(name, (name if name in _TYPES else "Any",))
    return tuple(Kind(known, () if known == "Any" else items, any_length) for known in names)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def fitted(value: Any, kinds: Kinds, *, convert: bool = True) -> Any:
    """Return a plain value as it is, if it is of one of these types, or else converted without loss.

    A whole number becomes a float, a list a tuple, a text a path, and the other way round for the last two.

    Raises:
        MisfitError: it is of none.
    """
    for how in (False, True)[: 1 + convert]:
        for kind in kinds:
            try:
                return _fit(value, kind, how)
            except MisfitError:
                continue
    raise MisfitError


def _fit(value: Any, kind: Kind, convert: bool) -> Any:
    if kind.name == "Any":
        return value
    if kind.name == "Literal":
        if any(value == option and type(value) is type(option) for option in kind.options):
            return value
        raise MisfitError
    value = _converted(value, kind.name) if convert else value
    wanted = PurePath if kind.name == "Path" else _TYPES[kind.name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise MisfitError
    return _with_elements(value, kind, convert) if kind.items else value


def _converted(value: Any, name: str) -> Any:
    match "Path" if isinstance(value, PurePath) else type(value).__name__, name:
        case ("int", "float") | ("Path", "str") | ("str", "Path") | ("list", "tuple") | ("tuple", "list"):
            try:
                return _TYPES[name](value)
            except OverflowError:  # a whole number that no float can hold
                raise MisfitError from None
    return value


def _with_elements(value: Any, kind: Kind, convert: bool) -> Any:
    if kind.name == "dict":
        keys, elements = (*kind.items, (ANY,))[:2]
        pairs = ((fitted(key, keys, convert=convert), element) for key, element in value.items())
        return {key: fitted(element, elements, convert=convert) for key, element in pairs}
    if not kind.any_length and len(value) != len(kind.items):
        raise MisfitError
    items = kind.items * len(value) if kind.any_length else kind.items
    return type(value)(fitted(element, kinds, convert=convert) for element, kinds in zip(value, items, strict=False))


def has(kinds: Kinds, *names: str) -> bool:
    """Say whether one of the types has one of these names."""
    return any(kind.name in names for kind in kinds)


def what_is_allowed(kinds: Kinds, written: str, example: str) -> str:
    """Return what is allowed, for a sentence: `a whole number, or None`.

    Args:
        kinds: the types.
        written: the annotation as it stands in the notebook, or "".
        example: the default as Python code, or "".
    """
    if has(kinds, "Any"):
        return "a plain value: a number, a text, None, or a list, tuple or dict of these"
    simple = [option for kind in kinds if kind.name != "None" for option in _simple(kind)]
    if all(simple) and simple:
        return listing(dict.fromkeys(simple)) + (", or None" if has(kinds, "None") else "")
    what = written or f"a {kinds[0].name}"
    return f"{what}, written as in Python" + (f", such as {example}" if 0 < len(example) <= 60 else "")


def _simple(kind: Kind) -> list[str]:
    return [repr(option) for option in kind.options] if kind.name == "Literal" else [_WORDS.get(kind.name, "")]
