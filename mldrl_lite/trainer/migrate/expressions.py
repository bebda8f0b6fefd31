"""Small questions about expressions, and new expressions, as LibCST holds them: with their layout."""

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import libcst as cst
from libcst.helpers import parse_template_expression

Item = TypeVar("Item", cst.Arg, cst.Element, cst.DictElement, cst.Param)


class Unknown:
    """What an expression that is no literal is worth here."""


def code(node: cst.CSTNode) -> str:
    """Return the text of a node."""
    return cst.Module([]).code_for_node(node)


def short(node: cst.CSTNode) -> str:
    """Return the text of an expression as a sentence can quote it: on one line, quotes as Python writes them."""
    try:
        return ast.unparse(ast.parse(code(node).strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError):
        return " ".join(code(node).split())


def literal(node: cst.BaseExpression | None) -> Any:
    """Return what a literal is worth, `Unknown` for any other expression."""
    try:
        return ast.literal_eval(code(node).strip()) if node is not None else Unknown
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Unknown


def is_(node: cst.BaseExpression | None, *values: object) -> bool:
    """Tell whether an expression is one of these literals; 0 is not False here."""
    value = literal(node)
    return any(type(value) is type(other) and value == other for other in values)


def is_text(node: cst.BaseExpression | None) -> bool:
    """Tell whether an expression is a text that stands in the source."""
    return isinstance(literal(node), str)


def last_name(node: cst.CSTNode) -> str:
    """Return `c` for `c` and for `a.b.c`, "" for anything else."""
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


def dotted(node: cst.CSTNode) -> str:
    """Return `a.b.c` for names joined by dots, "" for anything else."""
    if isinstance(node, cst.Attribute):
        front = dotted(node.value)
        return f"{front}.{node.attr.value}" if front else ""
    return node.value if isinstance(node, cst.Name) else ""


def constructs(node: cst.BaseExpression) -> bool:
    """Tell whether an expression makes an object, going by the capital letter of what it calls."""
    return isinstance(node, cst.Call) and last_name(node.func)[:1].isupper()


def elements(node: cst.BaseExpression | None) -> list[cst.BaseExpression]:
    """Return what a list or tuple holds; one that is no list is its own only element, and None has none."""
    if isinstance(node, cst.List | cst.Tuple):
        return [cst.StarredElement(e.value) if isinstance(e, cst.StarredElement) else e.value for e in node.elements]
    return [] if node is None or is_(node, None) else [node]


def cases(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return what an expression can be: both sides of `a if c else b`, else the expression itself."""
    return [*cases(node.body), *cases(node.orelse)] if isinstance(node, cst.IfExp) else [node]


def each_case(
    node: cst.BaseExpression, change: Callable[[cst.BaseExpression], cst.BaseExpression]
) -> cst.BaseExpression:
    """Apply `change` to both sides of `a if c else b`, however deep; what does not change stays the same object."""
    if not isinstance(node, cst.IfExp):
        return change(node)
    body, orelse = each_case(node.body, change), each_case(node.orelse, change)
    return node if body is node.body and orelse is node.orelse else node.with_changes(body=body, orelse=orelse)


def argument(call: cst.Call, name: str) -> cst.BaseExpression | None:
    """Return the value of a keyword of a call, None where it has no such keyword."""
    return next((arg.value for arg in call.args if arg.keyword and arg.keyword.value == name), None)


# New expressions.

_LOOSE = (cst.IfExp, cst.Lambda, cst.BooleanOperation, cst.Comparison, cst.UnaryOperation, cst.NamedExpr, cst.Yield)


def tight(node: cst.BaseExpression) -> cst.BaseExpression:
    """Put parentheses around what would fall apart inside another expression."""
    if isinstance(literal(node), int | float):
        return node
    if isinstance(node, (*_LOOSE, cst.BinaryOperation, cst.Await)) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def build(template: str, **nodes: cst.BaseExpression) -> cst.BaseExpression:
    """Return the expression of a template, such as `{a} or 1`, with nodes in its places."""
    if not nodes:
        return cst.parse_expression(template)
    return parse_template_expression(template, **{name: tight(node) for name, node in nodes.items()})


def value(constant: object) -> cst.BaseExpression:
    """Return a constant, its text in double quotes."""
    text = f'"{constant}"' if isinstance(constant, str) and constant.isidentifier() else repr(constant)
    return cst.parse_expression(text.replace("'", '"') if isinstance(constant, str) else text)


def keyword(name: str, node: cst.BaseExpression) -> cst.Arg:
    """Return `name=node`."""
    tight_equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(node, keyword=cst.Name(name), equal=tight_equal)


def make(name: str, **arguments: cst.BaseExpression) -> cst.Call:
    """Return `name(a=…, b=…)`; the name may have dots."""
    return cst.Call(cst.parse_expression(name), [keyword(key, node) for key, node in arguments.items()])


def with_items(node: cst.BaseExpression | None, items: Sequence[cst.BaseExpression]) -> cst.List:
    """Return a list of `items`; the ones that `node`, a list, has already keep their layout."""
    if isinstance(node, cst.List | cst.Tuple):
        new = items[len(node.elements) :]
        brackets = {} if isinstance(node, cst.Tuple) else {"lbracket": node.lbracket, "rbracket": node.rbracket}
        opening = node.lbracket.whitespace_after if brackets else cst.SimpleWhitespace("")
        return cst.List(appended(list(node.elements), [_element(item) for item in new], opening), **brackets)
    return cst.List([_element(item) for item in items])


def _element(item: cst.BaseExpression) -> cst.BaseElement:
    return item if isinstance(item, cst.BaseElement) else cst.Element(item)


def appended(items: list[Item], new: Sequence[Item], opening: cst.BaseParenthesizableWhitespace) -> list[Item]:
    """Append to items that commas separate, laid out as they are; `opening` is what follows the opening bracket."""
    for item in new:
        if not items:
            items = [item]
            continue
        last = items[-1]
        closing = last.comma
        if not isinstance(closing, cst.Comma):
            last = last.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
            if isinstance(last, cst.Arg):
                item = item.with_changes(whitespace_after_arg=last.whitespace_after_arg)
                last = last.with_changes(whitespace_after_arg=cst.SimpleWhitespace(""))
            items = [*items[:-1], last, item]
            continue
        pattern = items[-2].comma.whitespace_after if len(items) > 1 else opening
        between, ending = _divided(closing.whitespace_after, pattern)
        items[-1] = last.with_changes(comma=closing.with_changes(whitespace_after=between))
        items.append(item.with_changes(comma=closing.with_changes(whitespace_after=ending)))
    return items


def _divided(
    closing: cst.BaseParenthesizableWhitespace, pattern: cst.BaseParenthesizableWhitespace
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    """Return what stands behind the old last item, its comment with it, and what stands behind the new one."""
    if not isinstance(closing, cst.ParenthesizedWhitespace) or not isinstance(pattern, cst.ParenthesizedWhitespace):
        return cst.SimpleWhitespace(" "), closing
    newline = closing.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
    between = pattern.with_changes(first_line=closing.first_line, empty_lines=closing.empty_lines)
    return between, closing.with_changes(first_line=newline, empty_lines=[])


def merged(
    before: cst.BaseParenthesizableWhitespace, after: cst.BaseParenthesizableWhitespace, *, last: bool
) -> cst.BaseParenthesizableWhitespace:
    """Return the space that stays where an item is taken out between two spaces; no comment is lost."""
    keep, other = (after, before) if last else (before, after)
    if not isinstance(other, cst.ParenthesizedWhitespace):
        return keep
    comments = _comments(other)
    if not isinstance(keep, cst.ParenthesizedWhitespace):
        return other if comments or not last else keep
    return keep.with_changes(empty_lines=[*keep.empty_lines, *comments])


def _comments(space: cst.ParenthesizedWhitespace) -> list[cst.EmptyLine]:
    first = space.first_line.comment
    lines = [line for line in space.empty_lines if line.comment]
    return [*([cst.EmptyLine(indent=space.indent, whitespace=space.last_line, comment=first)] if first else []), *lines]
