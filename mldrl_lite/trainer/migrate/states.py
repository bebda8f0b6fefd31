"""What callbacks keep in a checkpoint: `state_dict` and `load_state_dict` today."""

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def states(book: "Book", old: cst.ClassDef, new: cst.ClassDef) -> cst.ClassDef:
    """Rename the hooks with which a callback of 1.x kept a state of its own: what it returned, it got back."""
    methods = {item.name.value: item for item in old.body.body if isinstance(item, cst.FunctionDef)}
    saves, loads = methods.get("on_save_checkpoint"), methods.get("on_load_checkpoint")
    renames = {}
    if saves is not None and m.findall(saves.body, m.Return(value=m.DoNotCare())) and _returns(saves):
        renames["on_save_checkpoint"] = ("state_dict", 1, "1.7a28")
    if loads is not None and (len(loads.params.params) == 2 or (renames and "checkpoint" not in _names(loads))):
        renames["on_load_checkpoint"] = ("load_state_dict", 2, "1.4r8")
    body = []
    for item in new.body.body:
        rename = renames.get(item.name.value) if isinstance(item, cst.FunctionDef) else None
        body.append(_renamed(book, methods[item.name.value], item, *rename) if rename else item)
    return new.with_changes(body=new.body.with_changes(body=body))


def _returns(node: cst.FunctionDef) -> bool:
    return any(found.value is not None for found in m.findall(node.body, m.Return()))


def _names(node: cst.FunctionDef) -> list[str]:
    return [param.name.value for param in node.params.params]


def _renamed(
    book: "Book", old: cst.FunctionDef, new: cst.FunctionDef, today: str, number: int, rows: str
) -> cst.FunctionDef:
    """Rename one hook and keep its first and last parameters, if the others are not used."""
    params = list(new.params.params)
    kept = [params[0], *(params[-1:] if number == 2 else [])]
    gone = {param.name.value for param in params} - {param.name.value for param in kept}
    if any(name.value in gone for name in m.findall(new.body, m.Name())):
        why = f"what it returned is {today} today, which is not given {', '.join(sorted(gone))}"
        book.say(old.name, DECIDE, f"{old.name.value}: {why}.", rows)
        return new
    book.say(old.name, CHANGED, f"{old.name.value}: now {today}.", rows)
    kept = [param.with_changes(comma=cst.MaybeSentinel.DEFAULT) for param in kept]
    return new.with_changes(name=cst.Name(today), params=new.params.with_changes(params=kept))
