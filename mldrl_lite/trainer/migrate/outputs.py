"""What steps return: kept for the end of the epoch, and logged, as 1.x did both by itself.

`training_epoch_end(outputs)` and its sisters were given all that the steps had returned. Today a hook at the end of
each batch is given the same, so that the list is kept there, whatever the step looks like.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.expressions import code, literal
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE, NOTE
from mldrl_lite.trainer.migrate.hooks import NUMBERS

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book

_EXAMPLE = "Replace hooks that raise"


class _Stage(NamedTuple):
    """A stage of the Trainer, and the names that hooks have there."""

    name: str
    short: str
    rows: str

    @property
    def old(self) -> str:
        return f"{self.name}_epoch_end"

    @property
    def kept(self) -> str:
        return f"{self.name}_step_outputs"

    def hook(self, when: str) -> str:
        return f"on_{self.short}_{when}"


_STAGES = (
    _Stage("training", "train", "1.9a3 1.7d29"),
    _Stage("validation", "validation", "1.9a4"),
    _Stage("test", "test", "1.9a5"),
)


def keep_outputs(book: "Book", old: cst.ClassDef, new: cst.ClassDef) -> cst.ClassDef:
    """Give a model of 1.x that has `…_epoch_end(outputs)` hooks that keep the outputs and use them."""
    methods = {item.name.value: item for item in old.body.body if isinstance(item, cst.FunctionDef)}
    for stage in _STAGES:
        if _is_called(book, stage):
            new = _with_calls_renamed(new, stage)
        if stage.old not in methods:
            continue
        why = _obstacle(methods, stage)
        if why:
            book.say(methods[stage.old].name, DECIDE, f"{stage.old} is gone: {why}.", stage.rows, _EXAMPLE)
            continue
        text = f"{stage.old}: now {stage.hook('epoch_end')}, with the outputs that {stage.hook('batch_end')} keeps."
        book.say(methods[stage.old].name, CHANGED, text, stage.rows, _EXAMPLE)
        if stage.name == "training":
            text = "Values of training_step other than the loss keep their gradients: detach what is kept."
            book.say(methods[stage.old].name, NOTE, text, "1.5a3")
        nested = len(methods[f"{stage.name}_step"].params.params) > 3 if f"{stage.name}_step" in methods else False
        new = _kept(new, stage, helper=_is_called(book, stage) or stage.hook("epoch_end") in methods, nested=nested)
    return new


def _is_called(book: "Book", stage: _Stage) -> bool:
    return any(book.reading.methods.get((owner, stage.old)) for owner in ("self", ""))


def _obstacle(methods: Mapping[str, cst.FunctionDef], stage: _Stage) -> str:
    """Return why outputs cannot be kept without thinking, "" if they can."""
    old, step = methods[stage.old], methods.get(f"{stage.name}_step")
    keeper = methods.get(stage.hook("batch_end"))
    if len(old.params.params) != 2 or isinstance(old.params.star_arg, cst.Param):
        return "keep what it needs of the outputs in the step"
    if step is not None and any(param.name.value in NUMBERS for param in step.params.params):
        return "with several optimizers, keep what it needs in training_step"
    if step is not None and len(step.params.params) > 3 and step.params.params[3].default is not None:
        return "with one loader it was given a list, with several a list of lists: keep what it needs in the step"
    if keeper is not None and len(keeper.params.params) < 2:
        return f"{stage.hook('batch_end')} does not name its outputs"
    return ""


def _with_calls_renamed(node: cst.ClassDef, stage: _Stage) -> cst.ClassDef:
    """Let calls of the old hook find its new name, which Lightning does not look for."""
    owner = m.Name("self") | m.Call(m.Name("super"))
    return m.replace(
        node, m.Attribute(owner, m.Name(stage.old)), lambda found, _: found.with_changes(attr=cst.Name(f"_{stage.old}"))
    )


def _kept(node: cst.ClassDef, stage: _Stage, *, helper: bool, nested: bool) -> cst.ClassDef:
    """Put the three hooks into a class in the place of the old one; `helper` leaves the old one, under a new name."""
    items = list(node.body.body)
    place = next(i for i, item in enumerate(items) if _is_method(item, stage.old))
    hooks = {item.name.value: i for i, item in enumerate(items) if isinstance(item, cst.FunctionDef)}
    old = items[place]
    after: list[cst.FunctionDef] = []
    start = cst.parse_statement(f"self.{stage.kept} = []")
    name, number = _parameters_of_keeper(items, hooks, stage)
    keep = _keeping(stage, name, number, nested=nested)
    for when, statements in (("epoch_start", [start]), ("batch_end", keep)):
        there = hooks.get(stage.hook(when))
        if there is None:
            after.append(_hook(stage, when, statements))
        else:
            items[there] = items[there].with_changes(body=_with_all_first(items[there].body, statements))
    if helper:
        items[place] = old.with_changes(name=cst.Name(f"_{stage.old}"))
        call = cst.parse_statement(f"self._{stage.old}(self.{stage.kept})")
        there = hooks.get(stage.hook("epoch_end"))
        if there is None:
            after.append(_hook(stage, "epoch_end", [call]))
        else:
            items[there] = items[there].with_changes(body=with_first(items[there].body, call))
        items[place + 1 : place + 1] = after
    else:
        items[place] = _taking(old, stage)
        items[place:place] = after
    return node.with_changes(body=node.body.with_changes(body=_spaced(items, after, old)))


def _is_method(item: cst.CSTNode, name: str) -> bool:
    return isinstance(item, cst.FunctionDef) and item.name.value == name


def _taking(old: cst.FunctionDef, stage: _Stage) -> cst.FunctionDef:
    """The old hook, by its new name: it takes the outputs from where they were kept, and leaves none behind."""
    name = old.params.params[1].name.value
    first = cst.parse_statement(f"{name}, self.{stage.kept} = self.{stage.kept}, []")
    params = [old.params.params[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
    return old.with_changes(
        name=cst.Name(stage.hook("epoch_end")),
        params=old.params.with_changes(params=params),
        body=with_first(old.body, first),
    )


def _parameters_of_keeper(items: list[cst.BaseStatement], hooks: Mapping[str, int], stage: _Stage) -> tuple[str, str]:
    """Return what the hook at a batch's end calls its outputs and the number of the loader."""
    there = hooks.get(stage.hook("batch_end"))
    if there is None:
        return "outputs", "dataloader_idx"
    params = [param.name.value for param in items[there].params.params]
    return params[1], params[4] if len(params) > 4 else "0"


def _keeping(stage: _Stage, name: str, number: str, *, nested: bool) -> list[cst.BaseStatement]:
    """Return the statements that keep one output; a skipped step has none."""
    test = name if stage.name == "training" else f"{name} is not None"
    kept = f"self.{stage.kept}"
    if not nested:
        return [cst.parse_statement(f"if {test}:\n    {kept}.append({name})\n")]
    more = f"while len({kept}) <= {number}:\n    {kept}.append([])\n"
    return [cst.parse_statement(more), cst.parse_statement(f"if {test}:\n    {kept}[{number}].append({name})\n")]


def _hook(stage: _Stage, when: str, statements: list[cst.BaseStatement]) -> cst.FunctionDef:
    loader = "" if stage.name == "training" else ", dataloader_idx=0"
    params = {"batch_end": f"self, outputs, batch, batch_idx{loader}"}.get(when, "self")
    node = cst.parse_statement(f"def {stage.hook(when)}({params}):\n    pass\n")
    return node.with_changes(body=node.body.with_changes(body=statements))


def _spaced(
    items: list[cst.BaseStatement], new: list[cst.FunctionDef], old: cst.FunctionDef
) -> list[cst.BaseStatement]:
    """Put a blank line before each new hook; comments above the old one stay above it."""
    blank = [cst.EmptyLine(indent=False)]
    first = items[0]
    spaced = [item.with_changes(leading_lines=blank) if any(item is hook for hook in new) else item for item in items]
    if spaced and any(first is hook for hook in new):
        spaced[0] = spaced[0].with_changes(leading_lines=[])
    after_new = False
    for i, item in enumerate(spaced):
        is_new = any(items[i] is hook for hook in new)
        if after_new and not is_new and all(line.comment for line in item.leading_lines):
            spaced[i] = item.with_changes(leading_lines=[*blank, *item.leading_lines])
        after_new = is_new
    return spaced


def with_first(body: cst.BaseSuite, statement: cst.BaseStatement) -> cst.IndentedBlock:
    """Put a statement first in a body, behind its docstring."""
    return _with_all_first(body, [statement])


def _with_all_first(body: cst.BaseSuite, statements: list[cst.BaseStatement]) -> cst.IndentedBlock:
    if isinstance(body, cst.SimpleStatementSuite):
        body = cst.IndentedBlock([cst.SimpleStatementLine(body.body)])
    docstring = m.SimpleStatementLine([m.Expr(m.SimpleString() | m.ConcatenatedString())])
    place = 1 if body.body and m.matches(body.body[0], docstring) else 0
    return body.with_changes(body=[*body.body[:place], *statements, *body.body[place:]])


# What is returned to be logged.


def log_what_is_returned(book: "Book", old: cst.FunctionDef, new: cst.FunctionDef) -> cst.FunctionDef:
    """In 0.x, `return {"loss": loss, "log": values}` logged the values."""
    name = old.name.value
    if name not in ("training_step", *(hook for stage in _STAGES for hook in (stage.old, stage.hook("epoch_end")))):
        return new
    returned = [node for node in m.findall(old, m.Return(m.Dict())) if _asks(node.value)]
    if not returned:
        _decide_about_variables(book, old)
        return new
    book.say(returned[0], CHANGED, f"{name} returned values to be logged: now self.log_dict does it.")
    logging = _Logging(ends=name != "training_step")
    return new.with_changes(body=_without_return(new.body.visit(logging)))


def _without_return(body: cst.BaseSuite) -> cst.BaseSuite:
    """Take away a `return` at the end that returns nothing."""
    if len(body.body) > 1 and m.matches(body.body[-1], m.SimpleStatementLine([m.Return(None)])):
        return body.with_changes(body=body.body[:-1])
    return body


def _asks(node: cst.Dict) -> bool:
    keys = [literal(item.key) for item in node.elements if isinstance(item, cst.DictElement)]
    return len(keys) == len(node.elements) and bool({"log", "progress_bar"} & set(map(str, keys)))


def _decide_about_variables(book: "Book", old: cst.FunctionDef) -> None:
    returned = {node.value.value for node in m.findall(old, m.Return(m.Name()))}
    for node in m.findall(old, m.Assign(value=m.Dict())):
        names = {code(target.target) for target in node.targets}
        if names & returned and _asks(node.value):
            why = "what it returns under 'log' and 'progress_bar' is not logged any more: call self.log_dict"
            book.say(node, DECIDE, f"{old.name.value}: {why}.", "", "Find what fails in silence")


class _Logging(cst.CSTTransformer):
    """Turns `return {..., "log": values}` into calls of self.log_dict."""

    def __init__(self, *, ends: bool) -> None:
        super().__init__()
        self.ends = ends

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel:
        small = updated_node.body[0]
        if not m.matches(small, m.Return(m.Dict())) or not _asks(small.value):
            return updated_node
        items = {literal(item.key): item for item in small.value.elements}
        log, shown = items.pop("log", None), items.pop("progress_bar", None)
        lines = _log_calls(list(items.values()) if self.ends else [], log, shown)
        value = None if self.ends else _dictionary(list(items.values()))
        space = cst.SimpleWhitespace("" if value is None else " ")
        last = small.with_changes(value=value, whitespace_after_return=space)
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([*lines, updated_node.with_changes(body=[last], leading_lines=[])])


def _log_calls(
    more: list[cst.DictElement], log: cst.DictElement | None, shown: cst.DictElement | None
) -> list[cst.SimpleStatementLine]:
    """Return the calls that log what a dictionary held; the same values are logged once."""
    both = log is not None and shown is not None and code(log.value) == code(shown.value)
    first = log or shown
    values = code(first.value)
    if more:
        rest = first.value.elements if isinstance(first.value, cst.Dict) else [cst.StarredDictElement(first.value)]
        logged = {code(item.key) for item in rest if isinstance(item, cst.DictElement)}
        values = code(_dictionary([*(item for item in more if code(item.key) not in logged), *rest]))
    option = ", prog_bar=True" if both or log is None else ""
    option += ", logger=False" if log is None and not more else ""
    lines = [f"self.log_dict({values}{option})"]
    if log is not None and shown is not None and not both:
        lines.append(f"self.log_dict({code(shown.value)}, prog_bar=True, logger=False)")
    return [cst.parse_statement(line) for line in lines]


def _dictionary(items: list[cst.BaseDictElement]) -> cst.Dict:
    return cst.Dict([item.with_changes(comma=cst.MaybeSentinel.DEFAULT) for item in items])
