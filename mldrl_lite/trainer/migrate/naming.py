"""Names: imports, attributes and variables of Lightning that have moved, or are gone."""

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.expressions import build, code, dotted
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE, NOTE
from mldrl_lite.trainer.migrate.gone import ENVIRONMENT
from mldrl_lite.trainer.migrate.imports import gone, in_package, today
from mldrl_lite.trainer.migrate.members import ANYWHERE, COLLECTIVES, DATAMODULE, MODULE, SUMMED, TRAINER, Member
from mldrl_lite.trainer.migrate.reading import ROOT, Reading, canonical

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def import_from(book: "Book", old: cst.ImportFrom, new: cst.ImportFrom) -> list[cst.BaseSmallStatement]:
    """Return the imports of today for one `from … import …`: the same object where nothing moved."""
    if old.module is not None and dotted(old.module).split(".")[0] == "torchdistx":
        book.say(old, DECIDE, "torchdistx is not used any more: trainer.init_module() makes a model.", "2.0a1")
    if old.relative or old.module is None or canonical(dotted(old.module)).split(".")[0] != ROOT:
        return [new]
    if isinstance(old.names, cst.ImportStar):
        return [_star(book, old, new)]
    homes: dict[str, list[cst.ImportAlias]] = {}
    for alias, kept in zip(old.names, new.names, strict=True):
        module, item = _new_alias(book, old, alias, kept)
        homes.setdefault(module, []).append(item)
    own = dotted(old.module)
    if list(homes) == [own] and all(a is b for a, b in zip(homes[own], new.names, strict=True)):
        return [new]
    if len(homes) == 1:
        return [_from(new, next(iter(homes)), homes.popitem()[1])]
    plain = new.with_changes(lpar=None, rpar=None)
    return [_from(plain, module, _separated(items)) for module, items in homes.items()]


def _star(book: "Book", old: cst.ImportFrom, new: cst.ImportFrom) -> cst.ImportFrom:
    full = canonical(dotted(old.module))
    found = today(full)
    if found is None:
        if lost := gone(full):
            book.say(old, DECIDE, f"{full} is gone: {lost.why}.", lost.rows, lost.example)
        return new
    home = in_package(found[0], book.reading.package)
    book.say(old, CHANGED, f"{full} is {home} today.", found[1])
    return new.with_changes(module=cst.parse_expression(home))


def _new_alias(
    book: "Book", old: cst.ImportFrom, alias: cst.ImportAlias, kept: cst.ImportAlias
) -> tuple[str, cst.ImportAlias]:
    """Return the module of today and the name to import from it."""
    own, name = dotted(old.module), alias.name.value
    full = f"{canonical(own)}.{name}"
    found = today(full)
    if found is None:
        if lost := gone(full):
            book.say(alias, DECIDE, f"{name} is gone: {lost.why}.", lost.rows, lost.example)
        return own, kept
    home, _, last = in_package(found[0], book.reading.package).rpartition(".")
    book.say(alias, CHANGED, f"{full} is {found[0]} today.", found[1])
    if not home:  # a whole package, such as torchmetrics
        book.modules.add(last)
        return own, kept
    if last == name:
        return home, kept
    local = alias.evaluated_alias or name
    if (
        alias.asname is None
        and all(_free(book.reading, item) for item in (last, name))
        and last not in book.reading.aliases
    ):
        book.renames[name] = last
        return home, kept.with_changes(name=cst.Name(last))
    spaces = {"whitespace_before_as": cst.SimpleWhitespace(" "), "whitespace_after_as": cst.SimpleWhitespace(" ")}
    return home, kept.with_changes(name=cst.Name(last), asname=cst.AsName(cst.Name(local), **spaces))


def _free(reading: Reading, name: str) -> bool:
    return name not in reading.bindings and name not in reading.classes


def _from(node: cst.ImportFrom, module: str, names: list[cst.ImportAlias]) -> cst.ImportFrom:
    unique = list({code(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)): alias for alias in names}.values())
    return node.with_changes(module=cst.parse_expression(module), names=unique)


def _separated(names: list[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """Let LibCST put the commas anew, because the names were taken apart."""
    return [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in names]


def plain_import(book: "Book", old: cst.Import, new: cst.Import) -> cst.Import:
    """`import pytorch_lightning.x as y` of a module that has moved."""
    names = []
    for alias, kept in zip(old.names, new.names, strict=True):
        full = canonical(dotted(alias.name))
        found = today(full) if full.startswith(f"{ROOT}.") else None
        if found:
            home = in_package(found[0], book.reading.package)
            book.say(alias, CHANGED, f"{full} is {home} today.", found[1])
            kept = kept.with_changes(name=cst.parse_expression(home))
        elif full.startswith(f"{ROOT}.") and (lost := gone(full)):
            book.say(alias, DECIDE, f"{full} is gone: {lost.why}.", lost.rows, lost.example)
        names.append(kept)
    return new if all(a is b for a, b in zip(names, new.names, strict=True)) else new.with_changes(names=names)


_BRIDGE = ("from_argparse_args", "add_argparse_args")  # a call of these is rewritten as a whole


def name(book: "Book", old: cst.Name, new: cst.Name) -> cst.Name:
    """A name whose import was renamed."""
    return new.with_changes(value=book.renames[old.value]) if old.value in book.renames else new


def attribute(book: "Book", old: cst.Attribute, new: cst.Attribute, owner: cst.ClassDef | None) -> cst.BaseExpression:
    """`pl.a.b` whose name has moved, or an attribute of an object that has changed."""
    new = new.with_changes(attr=old.attr)
    full = book.reading.full_name(old)
    if book.reading.is_trainer_class(old.value):
        return new if old.attr.value in _BRIDGE else _member(book, old, new, owner)
    if full.startswith(f"{ROOT}."):
        return _moved(book, old, new, full)
    return _member(book, old, new, owner)


def _moved(book: "Book", old: cst.Attribute, new: cst.Attribute, full: str) -> cst.BaseExpression:
    found = today(full)
    if found is None:
        if lost := gone(full):
            book.say(old, DECIDE, f"{code(old)} is gone: {lost.why}.", lost.rows, lost.example, topic="name")
        return new
    after = _spelled(book, dotted(old), in_package(found[0], book.reading.package))
    if after == dotted(old):
        return new
    book.say(old, CHANGED, f"{dotted(old)} is {after} today.", found[1], topic="name")
    return cst.parse_expression(after)


def _spelled(book: "Book", old: str, full: str) -> str:
    """Return a full name as this file can write it, by the name that `old` starts with."""
    first = old.split(".")[0]
    known = book.reading.aliases.get(first, ROOT)
    moved = today(canonical(known))
    known = in_package(moved[0], book.reading.package) if moved else known
    if full.startswith(f"{known}."):
        return first + full.removeprefix(known)
    book.modules.add(full.split(".")[0])
    return full


def _member(book: "Book", old: cst.Attribute, new: cst.Attribute, owner: cst.ClassDef | None) -> cst.BaseExpression:
    attr, above = old.attr.value, old.value
    if m.matches(above, m.Attribute()) and book.reading.is_trainer(above.value):
        if attr in COLLECTIVES and above.attr.value == "accelerator":
            book.say(old, CHANGED, f"{code(old)}: now of trainer.strategy.", "1.6a8", topic="member")
            return new.with_changes(value=new.value.with_changes(attr=cst.Name("strategy")))
        if attr == "setup_environment" and above.attr.value == "accelerator":
            book.say(old, DECIDE, f"{code(old)} is gone: setup_device(device).", "1.9d49", topic="member")
        if attr == "is_distributed" and above.attr.value == "strategy":
            book.say(old, DECIDE, f"{code(old)} is gone: on TPUs it was always the same.", "2.0d1 2.0d2")
    if book.reading.is_trainer(old.value) or book.reading.is_trainer_class(old.value):
        member = TRAINER.get(attr)
        if attr in SUMMED:
            book.say(old, NOTE, f"{code(old)} is a list, one number for each loader.", SUMMED[attr])
    elif dotted(old.value) == "self" and owner is not None:
        member = _own(book, owner, attr)
    else:
        member = None
    if member is None and attr in ANYWHERE and book.reading.may_be_lightnings(old):
        member = ANYWHERE[attr]
    if member is None:
        return new
    if not member.today:
        book.say(old, DECIDE, f"{code(old)} is gone: {member.why}.", member.rows, member.example, topic="member")
        return new
    if owner is not None and dotted(old.value) == "self" and not book.reading.is_whole(owner):
        why = f"{member.today} of it today, unless a class in another file sets it"
        book.say(old, DECIDE, f"{code(old)}: {why}.", member.rows, member.example, topic="member")
        return new
    template = member.today if "{o}" in member.today else "{o}." + member.today
    after = build(template, o=new.value)
    why = f"; {member.why}" if member.why else ""
    book.say(old, CHANGED, f"{code(old)}: now {code(after)}{why}.", member.rows, topic="member")
    return after


def _own(book: "Book", owner: cst.ClassDef, attr: str) -> Member | None:
    """Return what to know of `self.attr`, unless the class has an attribute of its own by that name."""
    table = {"module": MODULE, "datamodule": DATAMODULE}.get(book.reading.kind_of(owner), {})
    return None if attr not in table or book.reading.owns(owner, attr) else table[attr]


def text(book: "Book", node: cst.SimpleString) -> None:
    """An environment variable that nothing reads any more."""
    lost = ENVIRONMENT.get(node.raw_value)
    if lost:
        book.say(node, DECIDE, f"{node.raw_value} is not read any more: {lost.why}.", lost.rows)
