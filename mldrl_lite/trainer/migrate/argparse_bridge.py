"""`Trainer.from_argparse_args` and `Trainer.add_argparse_args`, the bridge from a command line that is gone."""

from typing import TYPE_CHECKING

import libcst as cst

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.expressions import build, code, keyword
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE, NOTE
from mldrl_lite.trainer.migrate.trainer_call import rewrite_call
from mldrl_lite.trainer.names import GONE_BEFORE_1, REMOVED, RENAMED_BEFORE_1

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book

_OLD = frozenset([*REMOVED, *RENAMED_BEFORE_1, *GONE_BEFORE_1])
_PICKED = "{{n: v for n, v in vars({args}).items() if n in inspect.signature({trainer}).parameters}}"


def from_args(book: "Book", old: cst.Call, new: cst.Call) -> cst.BaseExpression:
    """Rewrite `Trainer.from_argparse_args(args, a=1)`: today's arguments among `args`, and over them the keywords.

    Options of 1.x that the file itself adds to its parser are passed on as keywords are.
    """
    if not new.args or new.args[0].keyword or new.args[0].star:
        book.say(old, DECIDE, f"{code(old.func)} is gone: give Trainer(**dictionary).", "1.9d34", "Replace calls")
        return new
    args, *rest = new.args
    given = {arg.keyword.value for arg in rest if arg.keyword}
    options = [name for name in sorted(book.reading.options & _OLD) if name not in given]
    more = [keyword(name, build("{args}." + name, args=args.value)) for name in options]
    call = cst.Call(new.func.value, [*rest, *more])
    try:
        call, draft = rewrite_call(call, book.around(old))
    except InputError as refusal:
        if book.reading.alone:
            raise
        book.say(old, DECIDE, f"Left as it is: {refusal}", "1.9d34", "Replace calls")
        return new
    book.added |= draft.added
    book.modules.add("inspect")
    book.say(
        old, CHANGED, f"{code(old.func)}: now Trainer(**…), with what {code(args.value)} has of today's.", "1.9d34"
    )
    for i, remark in enumerate(draft.remarks):
        if remark.name:
            book.say(old, remark.kind, remark.text, topic=f"{i:03}")
    if not book.reading.options:
        book.say(old, NOTE, f"Arguments of 1.x in {code(args.value)}, such as gpus, are left out.", topic="left out")
    return _unpacked(call, args.value)


def _unpacked(call: cst.Call, args: cst.BaseExpression) -> cst.Call:
    picked = _PICKED.format(args=code(args), trainer=code(call.func))
    if not call.args:
        return call.with_changes(args=[cst.Arg(cst.parse_expression(picked), star="**")])
    over = cst.Call(cst.Name("dict"), call.args, whitespace_before_args=call.whitespace_before_args)
    both = cst.BinaryOperation(cst.parse_expression(picked), cst.BitOr(), over)
    return cst.Call(call.func, [cst.Arg(both, star="**")])


_ADDED = """\
for name, parameter in inspect.signature({trainer}).parameters.items():
    {parser}.add_argument(f"--{{name}}", default=parameter.default, type=yaml.safe_load, nargs="?", const=True)
"""


def add_args(book: "Book", node: cst.SimpleStatementLine) -> list[cst.BaseStatement] | None:
    """Return the statements for `parser = Trainer.add_argparse_args(parser)`, None if it is no such statement."""
    call = _adding(book, node)
    if call is None:
        return None
    book.modules |= {"inspect", "yaml"}
    text = (
        "now one option for each of today's arguments; a command line with --gpus 2 needs --accelerator gpu --devices 2"
    )
    book.say(call, CHANGED, f"{code(call.func)}: {text}.", "1.9d37")
    parser = call.args[0].value
    loop = cst.parse_statement(_ADDED.format(trainer=code(call.func.value), parser=code(parser)))
    statements = [loop.with_changes(leading_lines=node.leading_lines)]
    target = node.body[0].targets[0].target if isinstance(node.body[0], cst.Assign) else None
    if target is not None and code(target) != code(parser):
        statements.append(cst.SimpleStatementLine([node.body[0].with_changes(value=parser)]))
    return statements


def _adding(book: "Book", node: cst.SimpleStatementLine) -> cst.Call | None:
    small = node.body[0]
    if len(node.body) != 1 or not isinstance(small, cst.Expr | cst.Assign) or not isinstance(small.value, cst.Call):
        return None
    call = small.value
    is_it = isinstance(call.func, cst.Attribute) and call.func.attr.value == "add_argparse_args"
    simple = len(call.args) == 1 and isinstance(call.args[0].value, cst.Name)
    return call if is_it and simple and book.reading.is_trainer_class(call.func.value) else None
