"""What a pickle would build, found out without building it.

A pickle is a program for a small machine with a stack. `Machine` runs it on plain values only: where Python would
import a name, call it or fill in an object, a `Mark` is put down instead. Nothing of the file is imported or called.
Memory and time grow with the number of steps, which is limited: shared references are never copied, and nothing is
hashed but plain keys, so that neither deep nesting nor references to references cost more than they weigh.
"""

import io
import pickletools
from _compat_pickle import (
    IMPORT_MAPPING,
    NAME_MAPPING,
)  # protocol 2 writes the names of Python 2, and pickle reads them
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MOST_STEPS = 4_000_000
MOST_BITS = 64
"""Of a whole number; longer ones are named, not kept."""

How = Literal["named", "built", "called", "stored"]


class BrokenError(ValueError):
    """The bytes are no whole pickle; the message says why, for the end of a sentence."""


@dataclass(eq=False, slots=True)
class Mark:
    """Stands for what only unpickling would make. Two marks are never equal."""

    name: str
    """Of the class or the function, in full."""
    how: How
    """It is only named; it is a class of which an object is built; it is called; or it is a storage of torch."""
    args: tuple[object, ...] = ()
    state: object = None
    """What would fill the object."""
    items: list[object] | None = None
    """What would be appended."""
    pairs: dict[object, object] | None = None
    """What would be set by key."""


@dataclass
class Pickle:
    """What one pickle holds."""

    value: object
    names: dict[str, How]
    """Every class and function in it, with the most that is done with it."""
    steps: set[str]
    """The kinds of step that it is made of."""


def read_pickle(stream: io.BytesIO) -> Pickle:
    """Read the next pickle of a stream, and leave the stream behind it.

    Raises:
        BrokenError: the bytes are no pickle, or one too long to be looked into.
    """
    machine = Machine()
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if step > MOST_STEPS:
                raise BrokenError(f"it takes more than {MOST_STEPS:,} steps to build")
            machine.do(opcode.name, argument)
        return Pickle(machine.pop(), machine.names, machine.steps)
    except (ValueError, LookupError, OverflowError, TypeError) as error:
        if isinstance(error, BrokenError):
            raise
        cut = not stream.read(1)
        raise BrokenError("it was cut off" if cut else "its bytes make no sense as a pickle") from None


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_KEYS = (str, bytes, int, float, bool, type(None), Mark)
_RANK = {"named": 0, "built": 1, "called": 2, "stored": 0}


class Machine:
    """The machine that pickles are programs for, with marks in place of imports, calls and objects."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self.names: dict[str, How] = {}
        self.steps: set[str] = set()

    def do(self, name: str, argument: object) -> None:
        """Do one step."""
        self.steps.add(name)
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif step := getattr(self, f"_{name.lower()}", None):
            step(argument)
        elif argument is not None:  # a number, a text or bytes
            self.stack.append(_kept(argument))
        else:
            raise BrokenError(f"it has a step {name} that checkpoints do not use")

    def pop(self) -> object:
        """Take the topmost value.

        Raises:
            BrokenError: there is none.
        """
        if not self.stack:
            raise BrokenError("it takes more values than it has put down")
        return self.stack.pop()

    def _top(self) -> object:
        if not self.stack:
            raise BrokenError("it takes more values than it has put down")
        return self.stack[-1]

    # -- marks on the stack, and the memo -----------------------------------------------------------------------------

    def _mark(self, _: object) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[object]:
        if not self.below:
            raise BrokenError("it closes more groups than it has opened")
        values, self.stack = self.stack, self.below.pop()
        return values

    def _pop_mark(self, _: object) -> None:
        self._since_mark()

    def _pop(self, _: object) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._since_mark()

    def _dup(self, _: object) -> None:
        self.stack.append(self._top())

    def _put(self, index: int) -> None:
        self.memo[index] = self._top()

    _binput = _long_binput = _put

    def _memoize(self, _: object) -> None:
        self.memo[len(self.memo)] = self._top()

    def _get(self, index: int) -> None:
        if index not in self.memo:
            raise BrokenError("it asks for a value that it has not put away")
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _proto(self, _: object) -> None:
        pass

    _frame = _stop = _readonly_buffer = _proto

    # -- containers ---------------------------------------------------------------------------------------------------

    def _list(self, _: object) -> None:
        values = self._since_mark()  # which puts another stack in place
        self.stack.append(values)

    def _tuple(self, _: object) -> None:
        values = tuple(self._since_mark())
        self.stack.append(values)

    def _tuple1(self, _: object) -> None:
        self._tuple_of(1)

    def _tuple2(self, _: object) -> None:
        self._tuple_of(2)

    def _tuple3(self, _: object) -> None:
        self._tuple_of(3)

    def _tuple_of(self, length: int) -> None:
        values = tuple(self.pop() for _ in range(length))
        self.stack.append(values[::-1])

    def _dict(self, _: object) -> None:
        made: dict[object, object] = {}
        _set_pairs(made, self._since_mark())
        self.stack.append(made)

    def _empty_set(self, _: object) -> None:
        self.stack.append(Mark("builtins.set", "called"))

    def _frozenset(self, _: object) -> None:
        values = self._since_mark()
        self.stack.append(Mark("builtins.frozenset", "called", (values,)))

    def _append(self, _: object) -> None:
        value = self.pop()
        self._extend([value])

    def _appends(self, _: object) -> None:
        self._extend(self._since_mark())

    _additems = _appends

    def _extend(self, values: list[object]) -> None:
        target = self._top()
        if not isinstance(target, list | Mark):
            raise BrokenError("it appends to what is no list")
        if isinstance(target, Mark):
            target.items = target = target.items or []
        target.extend(values)

    def _setitem(self, _: object) -> None:
        value, key = self.pop(), self.pop()
        self._set_in_top([key, value])

    def _setitems(self, _: object) -> None:
        self._set_in_top(self._since_mark())

    def _set_in_top(self, flat: list[object]) -> None:
        target = self._top()
        if not isinstance(target, dict | Mark):
            raise BrokenError("it sets a key of what is no dictionary")
        if isinstance(target, Mark):
            target.pairs = target = target.pairs or {}
        _set_pairs(target, flat)

    # -- what Python would import, call or fill in --------------------------------------------------------------------

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(*NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name)))

    def _stack_global(self, _: object) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise BrokenError("it names a class by what is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        self.names.setdefault(f"{module}.{name}", "named")
        self.stack.append(Mark(f"{module}.{name}", "named"))

    def _ext1(self, code: int) -> None:
        self._name("copyreg", f"extension {code}")

    _ext2 = _ext4 = _ext1

    def _reduce(self, _: object) -> None:
        args, callee = self.pop(), self.pop()
        self._make(callee, args, "called")

    def _newobj(self, _: object) -> None:
        args, made = self.pop(), self.pop()
        self._make(made, args, "built")

    def _newobj_ex(self, _: object) -> None:
        named, args, made = self.pop(), self.pop(), self.pop()
        self._make(made, (args, named), "built")

    def _inst(self, argument: str) -> None:
        args = tuple(self._since_mark())
        self._global(argument)
        self._make(self.pop(), args, "called")

    def _obj(self, _: object) -> None:
        callee, *args = self._since_mark() or [None]
        self._make(callee, tuple(args), "called")

    def _make(self, callee: object, args: object, how: How) -> None:
        known = isinstance(callee, Mark) and callee.how == "named"
        name = callee.name if known else "the result of another call"
        if _RANK[how] >= _RANK[self.names.get(name, "named")]:
            self.names[name] = how
        args = args if isinstance(args, tuple) else (args,)
        if name == "collections.OrderedDict" and args == ():
            self.stack.append({})
        else:
            self.stack.append(Mark(name, how, args if known else (callee, *args)))

    def _build(self, _: object) -> None:
        state, target = self.pop(), self._top()
        if isinstance(target, Mark):
            target.state = state  # of a dictionary: attributes such as `_metadata`, which nobody looks for

    def _binpersid(self, _: object) -> None:
        self._persid(self.pop())

    def _persid(self, key: object) -> None:
        self.stack.append(Mark("storage", "stored", key if isinstance(key, tuple) else (key,)))

    def _next_buffer(self, _: object) -> None:
        self.stack.append(Mark("buffer outside of the pickle", "stored"))


def _set_pairs(target: dict[object, object], flat: list[object]) -> None:
    if len(flat) % 2:
        raise BrokenError("it has a key without a value")
    pairs: Iterable[tuple[object, object]] = zip(flat[::2], flat[1::2], strict=True)
    target.update((key if isinstance(key, _KEYS) else Mark("key", "named", (key,)), value) for key, value in pairs)


def _kept(argument: object) -> object:
    """Return the argument; of a whole number that fills more than a register, its length only."""
    if isinstance(argument, int) and argument.bit_length() > MOST_BITS:
        return Mark(f"whole number of {argument.bit_length():,} bits", "stored")
    return bytes(argument) if isinstance(argument, bytearray) else argument
