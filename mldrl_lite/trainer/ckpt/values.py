"""Values of a checkpoint as plain data that can be printed: bounded in depth, length and number."""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from mldrl_lite.trainer.ckpt.pickles import Mark
from mldrl_lite.trainer.ckpt.tensors import Numbers, Tensor, few, tensor_of

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_DEEPEST, _LONGEST_TEXT, _MOST_ITEMS = 12, 1000, 200


@dataclass
class Shower:
    """Turns values into plain data, up to so many of them."""

    numbers: Numbers
    left: int = 5000

    def show(self, value: object, depth: int = 0) -> Plain:
        """Return the value as plain data; what is too deep, too long or too much is an ellipsis."""
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return "…"
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return text(value)
        if isinstance(value, bytes):
            return f"bytes of length {len(value)}"
        if isinstance(value, dict):
            return self._pairs(value, depth)
        if isinstance(value, list | tuple):
            return self._items(value, depth)
        return self._tensor(value) if isinstance(value, Tensor) else self._mark(value, depth)

    def _pairs(self, pairs: dict[object, object], depth: int) -> dict[str, Plain]:
        shown: dict[str, Plain] = {}
        for key, value in pairs.items():
            if len(shown) == _MOST_ITEMS or self.left < 0:
                shown["…"] = f"{len(pairs):,} in all"
                break
            shown[str(self.show(key, depth + 1))] = self.show(value, depth + 1)
        return shown

    def _items(self, items: list[object] | tuple[object, ...], depth: int) -> list[Plain]:
        shown = [self.show(item, depth + 1) for item in items[:_MOST_ITEMS] if self.left >= 0]
        return [*shown, f"… {len(items):,} in all"] if len(shown) < len(items) else shown

    def _tensor(self, tensor: Tensor) -> Plain:
        values = few(tensor, self.numbers) if tensor.count == 1 else None
        if values:
            return self.show(values[0])
        return f"tensor of {tensor.dtype}, shape {list(tensor.shape)}"

    def _mark(self, mark: object, depth: int) -> Plain:
        if not isinstance(mark, Mark):
            return type(mark).__name__
        if tensor := tensor_of(mark):
            return self._tensor(tensor)
        name = mark.name.rpartition(".")[2]
        if mark.how == "named":
            return self.show(mark.args[0], depth + 1) if mark.args else text(mark.name)
        if mark.how == "stored":
            return text(mark.name)
        if special := _SPECIAL.get(name):
            shown = special(mark)
            if shown is not None:
                return shown if isinstance(shown, str | int | float) else self.show(shown, depth + 1)
        return self._call(name, mark, depth)

    def _call(self, name: str, mark: Mark, depth: int) -> str:
        parts = [self.show(part, depth + 1) for part in mark.args]
        parts += [self.show(part, depth + 1) for part in (mark.state, mark.items, mark.pairs) if part]
        return text(f"{name}({', '.join(map(repr, parts))})", 300)


def text(words: str, longest: int = _LONGEST_TEXT) -> str:
    """Return the words, cut, and with what a terminal might obey written out."""
    cut = words if len(words) <= longest else f"{words[:longest]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in cut)


def _path(mark: Mark) -> str | None:
    texts = all(isinstance(part, str) for part in mark.args)
    return f"{mark.name.rpartition('.')[2]}({str(PurePosixPath(*mark.args))!r})" if texts else None


def _scalar(mark: Mark) -> object:
    """Return the value of a NumPy number, which is stored as a type and its bytes."""
    if len(mark.args) != 2 or not isinstance(mark.args[0], Mark):
        return None
    kind, data = mark.args[0].args[:1], _raw(mark.args[1])
    if not kind or kind[0] not in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1") or not data:
        return None
    dtype = np.dtype(kind[0])
    return np.frombuffer(data, dtype)[0].item() if len(data) == dtype.itemsize else None


def _raw(value: object) -> bytes | None:
    """Return bytes, which protocol 2 writes as text of Latin-1 that is to be encoded."""
    if isinstance(value, Mark) and value.name == "_codecs.encode" and value.args and isinstance(value.args[0], str):
        return value.args[0][:_LONGEST_TEXT].encode("latin-1", "replace")
    return value if isinstance(value, bytes) else None


def _encoded(mark: Mark) -> str | None:
    is_text = mark.args and isinstance(mark.args[0], str)
    return f"bytes of length {len(mark.args[0])}" if is_text else None


def _array(mark: Mark) -> str | None:
    shape = mark.state[1] if isinstance(mark.state, tuple) and len(mark.state) > 1 else None
    plain = isinstance(shape, tuple) and all(isinstance(length, int) for length in shape)
    return f"NumPy array, shape {list(shape)}" if plain else None


def _wrapped(mark: Mark) -> object:
    """Return the value in a box of OmegaConf."""
    state = mark.state if isinstance(mark.state, dict) else {}
    return state.get("_content", state.get("_val"))


_SPECIAL = {
    "scalar": _scalar,
    "encode": _encoded,
    "_reconstruct": _array,
    **dict.fromkeys(("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path"), _path),
    **dict.fromkeys(
        ("Namespace", "SimpleNamespace"), lambda mark: mark.state if isinstance(mark.state, dict) else None
    ),
    **dict.fromkeys(("AttributeDict", "defaultdict"), lambda mark: mark.pairs or None),
    **dict.fromkeys(("DictConfig", "ListConfig", "AnyNode", "IntegerNode", "FloatNode", "StringNode"), _wrapped),
    "set": lambda mark: mark.items or (mark.args[0] if mark.args else None),
    "complex": lambda mark: "complex" + str(mark.args) if all(isinstance(n, float) for n in mark.args) else None,
}
"""How to show what is made by a few names, by the last part of the name."""
