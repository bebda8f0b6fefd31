"""The arguments of a `Trainer(...)` call while they are being rewritten."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import libcst as cst

from mldrl_lite.messages import InputError, did_you_mean
from mldrl_lite.trainer.migrate.expressions import (
    appended,
    build,
    cases,
    code,
    constructs,
    each_case,
    elements,
    is_,
    is_text,
    keyword,
    last_name,
    literal,
    make,
    merged,
    short,
    tight,
    with_items,
)
from mldrl_lite.trainer.migrate.findings import CHANGED, NOTE
from mldrl_lite.trainer.names import GONE_BEFORE_1, GROUPS, REMOVED, RENAMED_BEFORE_1

KNOWN = frozenset(
    [*(name for names in GROUPS.values() for name in names.split()), *REMOVED, *RENAMED_BEFORE_1, *GONE_BEFORE_1]
)
"""Every argument that a Trainer has or had."""

_LONG = 100  # a longer call is laid out on several lines


@dataclass
class Around:
    """What is known around a call."""

    alone: bool = True
    """Whether the call came as a snippet: then what has moved out of it is told, because there is nowhere to put it."""
    moves: dict[str, str] = field(default_factory=dict)
    """Arguments whose work something else in the file does from now on, and the words for it."""
    dictionaries: frozenset[str] = frozenset()
    """Variables whose dictionaries are rewritten where they are made."""
    meanings: Callable[[str], list[cst.BaseExpression]] = lambda name: []
    """What a variable can hold, as the file says; empty if that is not known."""

    def cases(self, node: cst.BaseExpression) -> list[cst.BaseExpression]:
        """Return what an expression can be, variables looked up in the file."""
        found = []
        for case in cases(node):
            known = self.meanings(case.value) if isinstance(case, cst.Name) else []
            found += [inner for meaning in known for inner in cases(meaning)] or [case]
        return found


@dataclass(frozen=True)
class Remark:
    """A finding that has no line yet."""

    kind: str
    text: str
    name: str = ""
    """The argument that it is about."""


class Draft:
    """The arguments of a call, by name and in their order, and the space between them.

    Raises:
        InputError: an argument comes twice, is unknown, or has no name.
    """

    def __init__(self, args: Sequence[cst.Arg], space: cst.BaseParenthesizableWhitespace, around: Around) -> None:
        self.around = around
        self.arguments: dict[str, cst.BaseExpression] = {}
        self.unpacked: dict[int, cst.Arg] = {}
        self.remarks: list[Remark] = []
        self.added: set[str] = set()
        self._places: dict[str, float] = {}
        self._old = list(args)
        self._space = space
        for place, arg in enumerate(args):
            self._take(place, arg)
        self._taken = dict(self.arguments)

    def _take(self, place: int, arg: cst.Arg) -> None:
        if arg.star == "*" or (not arg.star and not arg.keyword and place):
            raise InputError(
                "Only the first argument of Trainer can be told without its name, because the 1.x versions disagree on "
                "the others: name them."
            )
        if arg.star:
            self._take_unpacked(place, arg)
        elif arg.keyword:
            self._add(arg.keyword.value, arg.value, place)
        elif is_text(arg.value) or code(arg.value) == "accelerator":
            raise InputError(f"Trainer({short(arg.value)}) gives an argument without its name: name it.")
        else:
            self._add("logger", arg.value, place)
            self.note(
                "logger", arg.value, "named: the first argument of 1.x was the logger, today's is the accelerator"
            )

    def _take_unpacked(self, place: int, arg: cst.Arg) -> None:
        """`**{"a": 1}` and `**dict(a=1)` are read as keywords, anything else stays as it is."""
        pairs = spelled_out(arg.value)
        for i, (name, node) in enumerate(pairs or []):
            self._add(name, node, place + i / 1000)
        if pairs is None:
            self.unpacked[place] = arg
            if self.around.alone and code(arg.value) not in self.around.dictionaries:
                self.remark(NOTE, f"**{short(arg.value)}: kept unread; what it holds may need translating too.")

    def _add(self, name: str, node: cst.BaseExpression, place: float) -> None:
        if name not in KNOWN:
            near = did_you_mean(name, KNOWN)
            raise InputError(
                f"The Trainer has no argument {name!r}, today or in 1.x{near}: table() lists those of today."
            )
        if name in self.arguments:
            raise InputError(f"The call has {name} twice: give it once.")
        self.arguments[name] = node
        self._places[name] = place

    # What the rules say.

    def remark(self, kind: str, text: str, name: str = "") -> None:
        """Add a remark."""
        self.remarks.append(Remark(kind, text, name))

    def note(self, name: str, node: cst.BaseExpression, after: str, kind: str = CHANGED) -> None:
        """Note that `name=node` became what `after` says."""
        self.remark(kind, f"{name}={short(node)}: {after}.", name)

    # What the rules do.

    def set(self, name: str, node: cst.BaseExpression, instead_of: str) -> None:
        """Set today's argument `name` in the place of an old one."""
        if name not in self.arguments:
            self._places[name] = self._places[instead_of]
        self.arguments[name] = node

    def put(self, name: str, node: cst.BaseExpression, instead_of: str, old: cst.BaseExpression, why: str = "") -> None:
        """Set today's argument `name` in the place of an old one, and note it."""
        self.set(name, node, instead_of)
        after = f"now {name}={short(node)}"
        self.note(instead_of, old, f"{after}; {why}" if why else after)

    def add_callback(
        self, name: str, instead_of: str, old: cst.BaseExpression, why: str = "", **arguments: cst.BaseExpression
    ) -> None:
        """Put a callback of Lightning into `callbacks`; one that is there already gets the arguments it lacks."""
        present = self.arguments.get("callbacks")
        for item in elements(present):
            if isinstance(item, cst.Call) and last_name(item.func) == name:
                self.arguments["callbacks"] = present.deep_replace(item, _completed(item, arguments))
                self.note(instead_of, old, f"now an argument of the {name} in callbacks")
                return
        self.added.add(name)
        self.append_callback(make(name, **arguments), instead_of, old, why)

    def append_callback(
        self, callback: cst.BaseExpression, instead_of: str, old: cst.BaseExpression, why: str = "", kind: str = CHANGED
    ) -> None:
        """Append to `callbacks`, whatever form it has."""
        present = self.arguments.get("callbacks")
        if present is None or isinstance(present, cst.List | cst.Tuple) or is_(present, None) or constructs(present):
            before = elements(present)
        else:  # a variable or an expression, most likely a list
            sure = all(isinstance(case, cst.List | cst.Tuple) for case in self.around.cases(present))
            before = [cst.StarredElement(tight(each_case(present, _as_list)))]
            why = why or ("" if sure else f"{short(present)} is taken for a list")
        self.set("callbacks", with_items(present, [*before, callback]), instead_of)
        text = short(cst.Arg(callback)) if not isinstance(callback, cst.StarredElement) else short(callback.value)
        after = f"now {text} in callbacks"
        self.note(instead_of, old, f"{after}; {why}" if why else after, kind)

    # The new call.

    @property
    def changed(self) -> bool:
        """Whether anything is to be rewritten."""
        same = self._taken.keys() == self.arguments.keys()
        kept = same and all(self._taken[name] is node for name, node in self.arguments.items())
        return not kept or any(remark.kind == CHANGED for remark in self.remarks)

    def call(self, old: cst.Call) -> cst.Call:
        """Return the call with the new arguments; those that stayed keep their layout and comments."""
        spaces = [self._space, *(_behind(arg) for arg in self._old)]
        new: list[cst.Arg] = []
        gaps = [spaces[0]]
        for place, arg in enumerate(self._old):
            items = self._at(place, arg)
            if not items:
                gaps[-1] = merged(gaps[-1], spaces[place + 1], last=place == len(self._old) - 1)
                continue
            new += items
            gaps += [cst.SimpleWhitespace(" ")] * (len(items) - 1) + [spaces[place + 1]]
        trailing = bool(self._old) and isinstance(self._old[-1].comma, cst.Comma)
        call = old.with_changes(args=_spaced(new, gaps[1:], trailing=trailing), whitespace_before_args=gaps[0])
        return call if len(code(call)) <= _LONG or "\n" in code(call) else _one_a_line(call)

    def _at(self, place: int, arg: cst.Arg) -> list[cst.Arg]:
        if place in self.unpacked:
            return [arg]
        names = [name for name in self.arguments if int(self._places[name]) == place]
        names.sort(key=lambda name: self._places[name])
        if len(names) == 1 and arg.keyword:
            return [arg.with_changes(keyword=cst.Name(names[0]), value=self.arguments[names[0]])]
        return [keyword(name, self.arguments[name]) for name in names]


def _as_list(case: cst.BaseExpression) -> cst.BaseExpression:
    """Return callbacks as a list: None is none, and an object is one."""
    if is_(case, None):
        return build("[]")
    return with_items(None, [case]) if constructs(case) else case


def spelled_out(node: cst.BaseExpression) -> list[tuple[str, cst.BaseExpression]] | None:
    """Return the names and values of `{"a": 1}` or `dict(a=1)`; None if it is neither, or holds other keys."""
    if isinstance(node, cst.Dict):
        if all(isinstance(item, cst.DictElement) and is_text(item.key) for item in node.elements):
            return [(literal(item.key), item.value) for item in node.elements]
    elif isinstance(node, cst.Call) and code(node.func) == "dict" and all(arg.keyword for arg in node.args):
        return [(arg.keyword.value, arg.value) for arg in node.args]
    return None


def _completed(call: cst.Call, arguments: dict[str, cst.BaseExpression]) -> cst.Call:
    has = {arg.keyword.value for arg in call.args if arg.keyword}
    new = [keyword(name, node) for name, node in arguments.items() if name not in has]
    return call.with_changes(args=appended(list(call.args), new, call.whitespace_before_args))


def _one_a_line(call: cst.Call) -> cst.Call:
    """Lay a long call out with one argument a line."""
    line = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("    "))
    gaps = [line] * (len(call.args) - 1) + [cst.ParenthesizedWhitespace(indent=True)]
    return call.with_changes(args=_spaced(list(call.args), gaps, trailing=True), whitespace_before_args=line)


def _behind(arg: cst.Arg) -> cst.BaseParenthesizableWhitespace:
    return arg.comma.whitespace_after if isinstance(arg.comma, cst.Comma) else arg.whitespace_after_arg


def _spaced(args: list[cst.Arg], gaps: list[cst.BaseParenthesizableWhitespace], *, trailing: bool) -> list[cst.Arg]:
    """Put a space behind each argument, and a comma; behind the last one only where there was one."""
    none = cst.SimpleWhitespace("")
    spaced = []
    for i, (arg, gap) in enumerate(zip(args, gaps, strict=True)):
        if i < len(args) - 1 or trailing:
            old = arg.comma.whitespace_before if isinstance(arg.comma, cst.Comma) else none
            arg = arg.with_changes(comma=cst.Comma(old, gap), whitespace_after_arg=none)
        else:
            arg = arg.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=gap)
        spaced.append(arg)
    return spaced
