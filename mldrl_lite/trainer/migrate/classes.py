"""Classes of models, data and callbacks: their hooks."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate import outputs
from mldrl_lite.trainer.migrate.expressions import Item, appended, code
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE
from mldrl_lite.trainer.migrate.hooks import BATCH_HOOKS, DECIDED, DROPPED, HOOKS, ITERATORS
from mldrl_lite.trainer.migrate.states import states

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def rewrite_class(book: "Book", old: cst.ClassDef, new: cst.ClassDef) -> cst.ClassDef:
    """Rewrite the hooks of a class of Lightning; any other class stays as it is."""
    kind = book.reading.kind_of(old)
    if not kind or not isinstance(new.body, cst.IndentedBlock):
        return new
    methods = {item.name.value: item for item in old.body.body if isinstance(item, cst.FunctionDef)}
    body = []
    for item in new.body.body:
        before = methods.get(item.name.value) if isinstance(item, cst.FunctionDef) else None
        body.append(_method(book, kind, methods, before, item) if before is not None else item)
    new = new.with_changes(body=new.body.with_changes(body=body))
    if kind == "module":
        new = outputs.keep_outputs(book, old, new)
    return states(book, old, new) if kind == "callback" else new


def _method(
    book: "Book", kind: str, methods: Iterable[str], old: cst.FunctionDef, new: cst.FunctionDef
) -> cst.FunctionDef:
    name = old.name.value
    hook = HOOKS[kind].get(name)
    if hook is not None:
        return _replaced(book, hook, methods, old, new)
    if name == "on_keyboard_interrupt" and kind == "callback":
        return _interrupt(book, methods, old, new)
    new = _without_dropped(book, kind, old, new)
    if kind in ("module", "callback") and name in BATCH_HOOKS:
        new = _with_default(book, BATCH_HOOKS[name] + (3 if kind == "callback" else 1), old, new)
    if name == "transfer_batch_to_device" and len(old.params.params) == 3 and not old.params.star_kwarg:
        new = _with_loader(book, old, new)
    if name == "on_predict_epoch_end":
        new = _predictions(book, kind, old, new)
    if kind == "module":
        _decide_about(book, old)
        new = outputs.log_what_is_returned(book, old, new)
    return new


def _replaced(
    book: "Book", hook: "HOOKS", methods: Iterable[str], old: cst.FunctionDef, new: cst.FunctionDef
) -> cst.FunctionDef:
    """Give a hook its name of today, unless the class has that one too."""
    name = old.name.value
    rivals = [other for other in methods if other != name and (other == hook.today or _leads_to(other, hook.today))]
    if not hook.today or rivals:
        why = hook.why or f"put what it does into {hook.today}"
        book.say(old.name, DECIDE, f"{name} is not called any more: {why}.", hook.rows, hook.example)
        return new
    book.say(old.name, CHANGED, f"{name}: now {hook.today}.", hook.rows)
    new = _renamed(new, name, hook.today)
    if not hook.parameters:
        return new
    return new.with_changes(params=_merged_parameters(new.params, hook.parameters))


def _leads_to(name: str, today: str) -> bool:
    return any(table[name].today == today for table in HOOKS.values() if name in table)


def _renamed(node: cst.FunctionDef, old: str, today: str) -> cst.FunctionDef:
    """Rename a method, and its calls of the parent's."""
    parent = m.Attribute(m.Call(m.Name("super")), m.Name(old))
    node = m.replace(node, parent, lambda found, _: found.with_changes(attr=cst.Name(today)))
    return node.with_changes(name=cst.Name(today))


def _merged_parameters(old: cst.Parameters, text: str) -> cst.Parameters:
    """Return today's parameters; those that were there keep their names and annotations."""
    new = cst.parse_expression(f"lambda {text}: 0").params.params
    kept = {min(i, len(new) - 1): param for i, param in enumerate(old.params)} if len(old.params) <= 3 else {}
    params = [kept.get(i, param).with_changes(comma=cst.MaybeSentinel.DEFAULT) for i, param in enumerate(new)]
    return old.with_changes(params=params)


def _interrupt(book: "Book", methods: Iterable[str], old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """`on_keyboard_interrupt` is `on_exception` for one kind of exception."""
    if "on_exception" in methods or not isinstance(new.body, cst.IndentedBlock):
        book.say(old.name, DECIDE, "on_keyboard_interrupt is not called any more: use on_exception.", "1.6r16")
        return new
    book.say(old.name, CHANGED, "on_keyboard_interrupt: now on_exception, for KeyboardInterrupt.", "1.6r16")
    test = cst.parse_expression("isinstance(exception, KeyboardInterrupt)")
    guarded = cst.IndentedBlock([cst.If(test, new.body)])
    new = _renamed(new, "on_keyboard_interrupt", "on_exception").with_changes(body=guarded)
    return new.with_changes(params=_merged_parameters(new.params, "self, trainer, pl_module, exception"))


# Parameters.


def _without_dropped(book: "Book", kind: str, old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """Take out the parameters that a hook is not given any more, if its body does not need them."""
    rules = DROPPED.get((kind, old.name.value), {})
    gone = [param.name.value for param in old.params.params if param.name.value in rules]
    if not gone or (gone == ["optimizer"] and len(old.params.params) < 4):
        return new
    rows = " ".join(rules[name] for name in gone)
    hook = old.name.value
    freed = _free_of(new, hook, gone)
    if "second_order_closure" in gone:
        freed = None
    if freed is None:
        text = f"{hook} is not given {', '.join(gone)} any more, and needs it."
        book.say(old.name, DECIDE, text, rows, "Hooks that lost an argument", topic="dropped")
        return new
    book.say(old.name, CHANGED, f"{hook} is not given {', '.join(gone)} any more: left out.", rows, topic="dropped")
    return freed


def _free_of(node: cst.FunctionDef, hook: str, gone: list[str]) -> cst.FunctionDef | None:
    """Return a method without parameters, its call of the parent's too; None if it uses one of them otherwise."""
    parent = m.Call(func=m.Attribute(m.Call(m.Name("super")), m.Name(hook)))

    def shorter(call: cst.Call, _: object) -> cst.Call:
        args = [arg for arg in call.args if code(arg.value) not in gone]
        return call.with_changes(args=_closed(args, call.args)) if len(args) < len(call.args) else call

    body = m.replace(node.body, parent, shorter)
    if any(name.value in gone for name in m.findall(body, m.Name())):
        return None
    kept = [param for param in node.params.params if param.name.value not in gone]
    params = _closed(kept, node.params.params)
    return node.with_changes(body=body, params=node.params.with_changes(params=params))


def _closed(kept: list[Item], old: Sequence[Item]) -> list[Item]:
    """Let the last of what is kept end as the last of all did: with its comma, or none, and its line's end."""
    if not kept or kept[-1] is old[-1]:
        return kept
    space = "whitespace_after_arg" if isinstance(old[-1], cst.Arg) else "whitespace_after_param"
    ending = {"comma": old[-1].comma, space: getattr(old[-1], space)}
    return [*kept[:-1], kept[-1].with_changes(**ending)]


def _with_default(book: "Book", sure: int, old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """Give `dataloader_idx` a default: with one loader, hooks are called without it."""
    params = list(new.params.params)
    if len(params) != sure + 1 or params[-1].default is not None:
        return new
    name = params[-1].name.value
    book.say(old.name, CHANGED, f"{old.name.value} may be called without {name}: now {name}=0.", topic="default")
    bare = params[-1].annotation is None
    space = cst.SimpleWhitespace("" if bare else " ")
    params[-1] = params[-1].with_changes(default=cst.Integer("0"), equal=cst.AssignEqual(space, space))
    return new.with_changes(params=new.params.with_changes(params=params))


def _with_loader(book: "Book", old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """`transfer_batch_to_device` gets the number of the loader since 1.4."""
    book.say(old.name, CHANGED, "transfer_batch_to_device is given dataloader_idx too.")
    parent = m.Call(func=m.Attribute(m.Call(m.Name("super")), m.Name("transfer_batch_to_device")))
    more = cst.Arg(cst.Name("dataloader_idx"))
    new = m.replace(
        new,
        parent,
        lambda call, _: call.with_changes(args=appended(list(call.args), [more], call.whitespace_before_args)),
    )
    params = [*new.params.params[:-1], new.params.params[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
    return new.with_changes(params=new.params.with_changes(params=[*params, cst.Param(cst.Name("dataloader_idx"))]))


def _predictions(book: "Book", kind: str, old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """`on_predict_epoch_end(outputs)` finds them in the Trainer."""
    sure = 3 if kind == "callback" else 1
    if len(old.params.params) != sure + 1 or not isinstance(new.body, cst.IndentedBlock):
        return new
    name = old.params.params[-1].name.value
    trainer = "trainer" if kind == "callback" else "self.trainer"
    book.say(old.name, CHANGED, f"on_predict_epoch_end is not given {name} any more: the Trainer has them.", "1.9a62")
    first = cst.parse_statement(f"{name} = {trainer}.predict_loop.predictions")
    params = new.params.with_changes(params=_closed(list(new.params.params[:-1]), new.params.params))
    return new.with_changes(params=params, body=outputs.with_first(new.body, first))


def _decide_about(book: "Book", old: cst.FunctionDef) -> None:
    """What a person has to do about steps and optimizers."""
    name = old.name.value
    params = list(old.params.params)
    if name in ("training_step", "on_train_batch_end", "training_epoch_end"):
        for param in params:
            if param.name.value in DECIDED:
                rows, why, example = DECIDED[param.name.value]
                book.say(param, DECIDE, f"{name} is not given {param.name.value}: {why}.", rows, example)
    if name in ITERATORS and len(params) > 2 and params[1].name.value == "dataloader_iter":
        why = "next(dataloader_iter) gives batch, batch_idx and dataloader_idx; take batch_idx out of the parameters"
        book.say(params[1], DECIDE, f"{name}: {why}.", f"{ITERATORS[name]} 2.0a6")
    if name == "configure_optimizers" and m.findall(
        old, m.DictElement(m.SimpleString('"frequency"')) | m.DictElement(m.SimpleString("'frequency'"))
    ):
        scheduled = m.findall(old, m.DictElement(m.SimpleString('"scheduler"') | m.SimpleString("'scheduler'")))
        if not scheduled:
            why = "frequencies of optimizers are gone: step them by hand"
            book.say(old.name, DECIDE, f"{why}.", "1.9a44", "Two optimizers", topic="frequency")
