"""Calls: of the Trainer, of other classes of Lightning, and of methods of a Trainer or a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate import argparse_bridge, constructors
from mldrl_lite.trainer.migrate.arguments import LOADING, LOG, METHODS, Argument
from mldrl_lite.trainer.migrate.draft import Draft, spelled_out
from mldrl_lite.trainer.migrate.expressions import appended, build, code, dotted, keyword, literal, merged
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE, NOTE
from mldrl_lite.trainer.migrate.members import GETTERS
from mldrl_lite.trainer.migrate.trainer_call import EXAMPLES, ROWS, rewrite_call

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def rewrite(book: "Book", old: cst.Call, new: cst.Call) -> cst.BaseExpression:
    """Hand a call to the rules about what it calls."""
    reading = book.reading
    if reading.is_trainer_class(old.func):
        return trainer(book, old, new)
    if id(old) in book.plan.dictionaries:
        return dictionary(book, old, new)
    if reading.full_name(old.func).startswith("torchmetrics."):
        return constructors.metric(book, old, new)
    if isinstance(old.func, cst.Attribute):
        return _method(book, old, new, old.func.value, old.func.attr.value)
    if reading.is_lightning(old.func):
        return constructors.rewrite(book, old, new)
    return new


def _method(book: "Book", old: cst.Call, new: cst.Call, owner: cst.BaseExpression, name: str) -> cst.BaseExpression:
    if name == "from_argparse_args" and book.reading.is_trainer_class(owner):
        return argparse_bridge.from_args(book, old, new)
    if book.reading.is_trainer(owner):
        return _of_trainer(book, old, new, name)
    if book.reading.is_lightning(old.func):
        return constructors.rewrite(book, old, new)
    if name in ("log", "log_dict") and dotted(owner) in ("self", "pl_module"):
        return _log(book, old, new)
    if name == "load_from_checkpoint":
        return renamed(book, old, new, LOADING, name)
    if dotted(old.func) == "self.trainer.model.parameters" and book.kind() == "module":
        book.say(old, CHANGED, "self.trainer.model.parameters(): now self.parameters(), with FSDP too.", "2.0r2")
        return cst.parse_expression("self.parameters()")
    if dotted(owner) == "self":
        return _of_model(book, old, new, name)
    return new


# The Trainer itself.


def trainer(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    """Rewrite `Trainer(...)`; in a file, what is refused is left as it is, and a person has to decide."""
    try:
        call, draft = rewrite_call(new, book.around(old))
    except InputError as refusal:
        if book.reading.alone:
            raise
        names = [arg.keyword.value for arg in old.args if arg.keyword and arg.keyword.value in str(refusal)]
        book.say(old, DECIDE, f"Left as it is: {refusal}", " ".join(ROWS.get(name, "") for name in names))
        return new
    _report(book, old, {arg.keyword.value: arg for arg in old.args if arg.keyword}, draft)
    book.added |= draft.added
    return call


def _report(book: "Book", old: cst.CSTNode, places: Mapping[str, cst.CSTNode], draft: Draft) -> None:
    """Say what a draft says; what is only worth knowing is worth it where something else is said."""
    if not book.reading.alone and all(remark.kind == NOTE for remark in draft.remarks):
        return
    for i, remark in enumerate(draft.remarks):
        place = places.get(remark.name, old)
        rows, example = ROWS.get(remark.name, ""), "Replace the arguments" if remark.name in EXAMPLES else ""
        book.say(place, remark.kind, remark.text, rows, example if remark.kind == DECIDE else "", topic=f"{i:03}")


def rewrite_dictionary(book: "Book", old: cst.Dict, new: cst.Dict) -> cst.BaseExpression:
    """A dictionary that is unpacked into a Trainer; any other stays as it is."""
    return dictionary(book, old, new) if id(old) in book.plan.dictionaries else new


def dictionary(book: "Book", old: cst.Dict | cst.Call, new: cst.Dict | cst.Call) -> cst.BaseExpression:
    """Rewrite the arguments that a dictionary holds, if its readers and the rest of the calls allow it."""
    callers = book.plan.dictionaries[id(old)]
    call = _as_call(new)
    try:
        after, draft = rewrite_call(call, book.around(old, alone=False))
        _check_readers(book, callers, call, after)
    except InputError as refusal:
        book.say(old, DECIDE, f"The dictionary for the Trainer is left as it is: {refusal}")
        return new
    draft.remarks[:] = [remark for remark in draft.remarks if remark.name]
    _report(book, old, dict(spelled_out(old)), draft)
    book.added |= draft.added
    return new if after is call else _as_dictionary(new, after)


def _check_readers(book: "Book", callers: list[cst.Call], before: cst.Call, after: cst.Call) -> None:
    changed = {code(arg.keyword): code(arg.value) for arg in after.args if arg.keyword}
    was = {code(arg.keyword): code(arg.value) for arg in before.args if arg.keyword}
    if changed == was:
        return
    names = {arg.value.value for call in callers for arg in call.args if arg.star and isinstance(arg.value, cst.Name)}
    for name in names:
        if book.reading.loads[name] > 1 + book.reading.unpacked[name]:
            raise InputError(f"{name} is used in other places too: change its names there as well.")
    for call in callers:
        both = {arg.keyword.value for arg in call.args if arg.keyword} & (changed.keys() - was.keys())
        if both:
            raise InputError(f"the call that unpacks it has {', '.join(sorted(both))} already: put the two together.")


def _as_call(node: cst.Dict | cst.Call) -> cst.Call:
    """Return `Trainer(a=1)` for `{"a": 1}`, the layout kept."""
    if isinstance(node, cst.Call):
        return node
    args = [keyword(literal(item.key), item.value).with_changes(comma=item.comma) for item in node.elements]
    if args and not isinstance(args[-1].comma, cst.Comma):
        args[-1] = args[-1].with_changes(whitespace_after_arg=node.rbrace.whitespace_before)
    return cst.Call(cst.Name("Trainer"), args, whitespace_before_args=node.lbrace.whitespace_after)


def _as_dictionary(old: cst.Dict | cst.Call, call: cst.Call) -> cst.BaseExpression:
    if isinstance(old, cst.Call):
        return call
    quote = code(old.elements[0].key)[0]
    items = [
        cst.DictElement(cst.SimpleString(f"{quote}{arg.keyword.value}{quote}"), arg.value, comma=arg.comma)
        for arg in call.args
    ]
    left = old.lbrace.with_changes(whitespace_after=call.whitespace_before_args)
    open_end = bool(call.args) and not isinstance(call.args[-1].comma, cst.Comma)
    behind = call.args[-1].whitespace_after_arg if open_end else old.rbrace.whitespace_before
    return old.with_changes(elements=items, lbrace=left, rbrace=old.rbrace.with_changes(whitespace_before=behind))


# Methods.


def renamed(book: "Book", old: cst.Call, new: cst.Call, table: Mapping[str, Argument], name: str) -> cst.Call:
    """Rename the arguments of a call, or take them out, as a table says."""
    args = list(new.args)
    for arg in old.args:
        rule = table.get(arg.keyword.value) if arg.keyword else None
        if rule is None:
            continue
        i = next(i for i, other in enumerate(args) if other.keyword and other.keyword.value == arg.keyword.value)
        text = f"{arg.keyword.value} of {name}"
        why = f"; {rule.why}" if rule.why else ""
        if rule.today is None:
            book.say(arg, DECIDE, f"{text} is gone: {rule.why}.", rule.rows)
        elif rule.today:
            book.say(arg, CHANGED, f"{text}: now {rule.today}{why}.", rule.rows)
            args[i] = args[i].with_changes(keyword=cst.Name(rule.today))
        else:
            book.say(arg, CHANGED, f"{text}: left out{why}.", rule.rows)
            args = without(args, i)
    return new if args == list(new.args) else new.with_changes(args=args)


def without(args: list[cst.Arg], i: int) -> list[cst.Arg]:
    """Take out one argument, and the comma in front of it if it is the last."""
    rest = [*args[:i], *args[i + 1 :]]
    if i == len(args) - 1 and rest:
        last = args[i]
        rest[-1] = rest[-1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    elif rest and i and isinstance(args[i].comma, cst.Comma):
        comma = rest[i - 1].comma
        space = merged(comma.whitespace_after, args[i].comma.whitespace_after, last=False)
        rest[i - 1] = rest[i - 1].with_changes(comma=comma.with_changes(whitespace_after=space))
    return rest


def _of_trainer(book: "Book", old: cst.Call, new: cst.Call, name: str) -> cst.BaseExpression:
    if name in GETTERS and not old.args:
        after = build(GETTERS[name], o=new.func.value)
        book.say(old, CHANGED, f"{code(old)}: now {code(after)}.")
        return after
    if name in METHODS:
        new = renamed(book, old, new, METHODS[name], name)
    if id(old) in book.plan.resumed:
        path = book.plan.resumed[id(old)].deep_clone()
        return new.with_changes(args=appended(list(new.args), [keyword("ckpt_path", path)], new.whitespace_before_args))
    if name in ("lr_find", "scale_batch_size"):
        book.added.add("Tuner")
        book.say(old, CHANGED, f"{name}: now of Tuner(trainer).", "1.9r13")
        owner = new.func.value
        if isinstance(owner, cst.Attribute) and owner.attr.value == "tuner":
            owner = owner.value
        return new.with_changes(func=build("Tuner({o})." + name, o=owner))
    return new


def _log(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    if len(old.args) > 1 and isinstance(old.args[1].value, cst.Dict) and code(old.func).endswith(".log"):
        book.say(old, DECIDE, "self.log takes no dictionary: call self.log_dict, or self.log for each value.", "1.9a63")
    return renamed(book, old, new, LOG, "log")


def _of_model(book: "Book", old: cst.Call, new: cst.Call, name: str) -> cst.BaseExpression:
    if name == "manual_backward" and len(old.args) > 1:
        return _backward(book, old, new)
    if name == "summarize" and not book.reading.loads["summarize"] > 1:
        book.say(old, DECIDE, f"{code(old)} is gone: call ModelSummary(model, max_depth=…).", "1.6r10")
    return new


def _backward(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    """`manual_backward(loss, optimizer)`; what else it is given goes to `backward`, then as today."""
    second = old.args[1]
    if second.star or (second.keyword and second.keyword.value != "optimizer"):
        return new
    if second.keyword or "opt" in code(second.value).lower():
        book.say(old, CHANGED, "manual_backward: is not given the optimizer today.")
        return new.with_changes(args=without(list(new.args), 1))
    book.say(old, DECIDE, f"manual_backward: if {code(second.value)} is the optimizer, leave it out today.")
    return new
