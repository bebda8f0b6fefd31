"""Statements: imports, the tuning of a Trainer, hyperparameters that are assigned, and the parser's options."""

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate import argparse_bridge, naming
from mldrl_lite.trainer.migrate.expressions import appended, code, is_, keyword
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE
from mldrl_lite.trainer.migrate.members import LOOPS

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def rewrite(
    book: "Book", old: cst.SimpleStatementLine, new: cst.SimpleStatementLine
) -> cst.BaseStatement | cst.FlattenSentinel:
    """Rewrite one line of statements, into several lines if need be."""
    added = argparse_bridge.add_args(book, old)
    if added is not None:
        return cst.FlattenSentinel(added)
    small, now = old.body[0], new.body[0]
    if isinstance(small, cst.ImportFrom):
        return _lines(new, [*naming.import_from(book, small, now), *new.body[1:]])
    if isinstance(small, cst.Expr) and id(small.value) in book.plan.tuned:
        return _lines(new, _tuning(book, small.value, now.value))
    if isinstance(small, cst.Assign):
        return _assignment(book, old, new)
    return new


def _lines(
    line: cst.SimpleStatementLine, small: list[cst.BaseSmallStatement]
) -> cst.SimpleStatementLine | cst.FlattenSentinel:
    """Put each statement on a line of its own; comments in front stay in front, one behind stays behind."""
    if len(small) == 1 and small[0] is line.body[0]:
        return line
    if len(small) == 1:
        return line.with_changes(body=small)
    plain = [
        cst.SimpleStatementLine([statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)]) for statement in small
    ]
    plain[0] = plain[0].with_changes(leading_lines=line.leading_lines)
    plain[-1] = plain[-1].with_changes(trailing_whitespace=line.trailing_whitespace)
    return cst.FlattenSentinel(plain)


_TUNERS = {"auto_scale_batch_size": ("scale_batch_size", "mode"), "auto_lr_find": ("lr_find", "attr_name")}


def _tuning(book: "Book", old: cst.Call, new: cst.Call) -> list[cst.BaseSmallStatement]:
    """`trainer.tune(model)`: first the batch size, then the learning rate, as 1.x did it."""
    book.added.add("Tuner")
    book.say(old, CHANGED, f"{code(old.func)}: now the methods of Tuner.", "1.9r13 1.9r14 1.9r15", topic="member")
    calls = []
    for name, (method, option) in _TUNERS.items():
        value = book.plan.tuned[id(old)].get(name)
        if value is None:
            continue
        more = [] if is_(value, True) else [keyword(option, value.deep_clone())]
        func = cst.parse_expression(f"Tuner({code(new.func.value)}).{method}")
        calls.append(new.with_changes(func=func, args=appended(list(new.args), more, new.whitespace_before_args)))
    return [cst.Expr(call) for call in calls]


def _assignment(book: "Book", old: cst.SimpleStatementLine, new: cst.SimpleStatementLine) -> cst.SimpleStatementLine:
    small, now = old.body[0], new.body[0]
    for target in (target.target for target in small.targets):
        if not isinstance(target, cst.Attribute):
            continue
        name, owner = target.attr.value, target.value
        if name in LOOPS and book.reading.is_trainer(owner):
            book.say(target, DECIDE, f"{code(target)} is not to be replaced: write the loop with Fabric.", LOOPS[name])
        if name in ("max_steps", "min_steps") and code(owner).endswith("fit_loop"):
            row = {"min_steps": "1.9d8", "max_steps": "1.9d9"}[name]
            book.say(target, DECIDE, f"{code(target)} is not to be set any more: give it to the Trainer.", row)
        if name == "model" and book.reading.is_trainer(owner):
            book.say(target, DECIDE, f"{code(target)} is not to be set: give the model to fit or test.", "1.9d57")
    if m.matches(small, m.Assign([m.AssignTarget(m.Attribute(m.Name("self"), m.Name("hparams")))])):
        return _hparams(book, old, new, now)
    return new


def _hparams(
    book: "Book", old: cst.SimpleStatementLine, new: cst.SimpleStatementLine, now: cst.Assign
) -> cst.SimpleStatementLine:
    """`self.hparams = hparams` of a model; what `save_hyperparameters` keeps is in the checkpoint too, as it was."""
    if book.kind() != "module":
        return new
    book.say(old, CHANGED, "self.hparams = …: now self.save_hyperparameters(…).", example="Replace calls")
    call = cst.Call(cst.parse_expression("self.save_hyperparameters"), [cst.Arg(now.value)])
    return new.with_changes(body=[cst.Expr(call), *new.body[1:]])
