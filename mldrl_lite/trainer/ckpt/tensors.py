"""The tensors of a checkpoint: where they stand, their shapes, and their bytes."""

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from mldrl_lite.trainer.ckpt.pickles import BrokenError, Mark

DEEPEST = 500
"""Of values in values. A pickled model needs three levels for each module in a module."""
MOST_GATHERED = 1 << 30
"""Bytes of one tensor that is not stored in a row, as it is gathered in memory."""
_MOST_NAMED = 1000

_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint64": 8,
    "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1, "complex64": 8, "complex128": 16, "complex32": 4, "bcomplex32": 4,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "Untyped": "uint8",
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Where the bytes of a storage lie in the file."""

    start: int
    length: int
    checksum: int | None = None
    """CRC-32, where the file gives one."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor, without its numbers."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """Elements from one index to the next, as torch counts them."""
    offset: int
    """Elements of the storage before the first."""
    storage: str
    """The key of the storage that holds the numbers."""

    @property
    def item_size(self) -> int:
        """Return the bytes of an element."""
        return _SIZES[self.dtype]

    @property
    def count(self) -> int:
        """Return how many elements there are."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Return how many bytes the elements fill."""
        return self.count * self.item_size

    @property
    def reach(self) -> int:
        """Return how many elements of the storage lie between the first and the last, both included."""
        steps = ((length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True))
        return sum(steps) + 1 if self.count else 0

    @property
    def in_a_row(self) -> bool:
        """Say whether the elements are stored one after the other."""
        pairs = [(length, stride) for length, stride in zip(self.shape, self.strides, strict=True) if length != 1]
        return self.count == 0 or [stride for _, stride in pairs] == row_strides([length for length, _ in pairs])


def row_strides(shape: Iterable[int]) -> list[int]:
    """Return the strides of elements that are stored one after the other."""
    strides, step = [], 1
    for length in reversed(list(shape)):
        strides.append(step)
        step *= max(length, 1)
    return strides[::-1]


# ---------------------------------------------------------------------------------------------------------------------
# Found among the values


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a value stands: a key in a place."""

    above: "Place | None" = None
    key: object = ""
    depth: int = 0

    @property
    def keys(self) -> list[object]:
        """Return the keys of the way, from the outermost."""
        keys, place = [], self
        while place.above is not None:
            keys.append(place.key)
            place = place.above
        return keys[::-1]

    def __str__(self) -> str:
        words = [str(key)[:_MOST_NAMED] if isinstance(key, str | int) else "…" for key in self.keys]
        # What is left out is how a pickled module keeps its state_dict.
        return ".".join(word for word in words if word not in ("", "_modules", "_parameters", "_buffers"))[:_MOST_NAMED]


def walk(value: object) -> Iterator[tuple["Tensor | Mark", Place]]:
    """Yield each tensor at each of its places, and each mark that is no tensor once, in the order of the file.

    Raises:
        BrokenError: values lie too deep in one another, or a tensor is impossible.
    """
    seen: set[int] = set()
    todo = [(value, Place())]
    while todo:
        value, place = todo.pop()
        tensor = value if isinstance(value, Tensor) else tensor_of(value) if isinstance(value, Mark) else None
        if tensor is not None:
            yield tensor, place
        elif isinstance(value, dict | list | tuple | Mark) and id(value) not in seen:
            if place.depth > DEEPEST:
                raise BrokenError(f"its values lie more than {DEEPEST} deep in one another")
            seen.add(id(value))
            if isinstance(value, Mark):
                yield value, place
            todo.extend(reversed(list(_inside(value, place))))


def _inside(value: object, place: Place) -> Iterator[tuple[object, Place]]:
    if isinstance(value, Mark):  # what it is made of stands where it stands
        parts = (*value.args, value.state, value.items, value.pairs)
        yield from ((part, Place(place.above, place.key, place.depth + 1)) for part in parts if part)
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in pairs:
        yield part, Place(place, key, place.depth + 1)
        if isinstance(key, Mark):
            yield key, Place(place, "", place.depth + 1)


def tensor_of(mark: Mark) -> Tensor | None:
    """Return the tensor that a call would rebuild, or None where it rebuilds none, or one of a rare kind.

    Raises:
        BrokenError: its shape or its place in the storage is impossible.
    """
    for _ in range(4):  # a Parameter of a subclass of a tensor
        name = mark.name.rpartition("._rebuild_")[2]
        if name in ("parameter", "parameter_with_state") and mark.args and isinstance(mark.args[0], Mark):
            mark = mark.args[0]
        elif name == "from_type_v2" and len(mark.args) > 2 and isinstance(mark.args[0], Mark):
            args = mark.args[2]
            mark = Mark(mark.args[0].name, "called", args if isinstance(args, tuple) else ())
        elif name in ("tensor", "tensor_v2", "tensor_v3") and mark.how == "called":
            return _rebuilt(mark.args, mark.args[6] if name == "tensor_v3" and len(mark.args) > 6 else None)
        else:
            return None
    return None


def _rebuilt(args: tuple[object, ...], kind: object) -> Tensor | None:
    if len(args) < 4 or not isinstance(args[0], Mark) or args[0].name != "storage" or len(args[0].args) < 5:
        raise BrokenError("it has a tensor without a storage")
    _, stored, key, *_ = args[0].args
    dtype = _dtype(kind if kind is not None else stored)
    shape, strides = _numbers(args[2]), _numbers(args[3])
    offset = args[1]
    if len(shape) != len(strides) or len(shape) > 60 or not isinstance(offset, int) or offset < 0:
        raise BrokenError("it has a tensor of an impossible shape")
    return Tensor(dtype, shape, strides, offset, str(key)) if dtype in _SIZES else None


def _dtype(mark: object) -> str:
    name = mark.name.rpartition(".")[2] if isinstance(mark, Mark) else ""
    return _STORAGES.get(name.removesuffix("Storage"), name)


def _numbers(value: object) -> tuple[int, ...]:
    if isinstance(value, Mark) and value.args:  # torch.Size
        value = value.args[0]
    if not isinstance(value, tuple | list) or not all(type(n) is int and n >= 0 for n in value):
        raise BrokenError("it has a tensor of an impossible shape")
    return tuple(value)


# ---------------------------------------------------------------------------------------------------------------------
# Their bytes

_CHUNK = 1 << 20


class Numbers:
    """The bytes of the tensors of an opened file."""

    def __init__(self, file: BinaryIO, spans: dict[str, Span], size: int) -> None:
        self.file, self.spans, self.size = file, spans, size
        self.watch: Callable[[int], object] = lambda _: None
        """Told of the bytes that are read."""

    def check(self, tensors: Iterable[Tensor]) -> None:
        """See that every tensor lies within its storage, and that all of them are about as large as the file.

        Raises:
            BrokenError: they do not.
        """
        total = 0
        for tensor in tensors:
            span = self.spans.get(tensor.storage)
            if span is None:
                raise BrokenError("the numbers of a tensor are missing")
            if (tensor.offset + tensor.reach) * tensor.item_size > span.length:
                raise BrokenError("a tensor is larger than the numbers that are there, so it lies about its size")
            total += tensor.bytes
        if total > 64 * self.size + _CHUNK:
            raise BrokenError("its tensors fill far more bytes than the file has, so it lies about its size")

    def chunks(self, tensor: Tensor) -> Iterator[bytes]:
        """Yield the bytes of the elements, in the order of their indices."""
        span = self.spans[tensor.storage]
        start, length = span.start + tensor.offset * tensor.item_size, tensor.reach * tensor.item_size
        if tensor.in_a_row:
            yield from self.between(start, length)
        elif max(length, tensor.bytes) > MOST_GATHERED:
            raise BrokenError("it has a tensor that is too large to be put in a row")
        else:
            yield _gathered(b"".join(self.between(start, length)), tensor)

    def between(self, start: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of the file, in pieces."""
        while length > 0:
            self.file.seek(start)
            chunk = self.file.read(min(length, _CHUNK))
            if not chunk:
                raise BrokenError("it has become shorter while it was read")
            self.watch(len(chunk))
            yield chunk
            start, length = start + len(chunk), length - len(chunk)

    def damaged(self) -> set[str]:
        """Return the storages whose bytes do not fit the checksum that the file gives."""
        bad = set()
        for key, span in self.spans.items():
            checksum = 0
            for chunk in self.between(span.start, span.length):
                checksum = zlib.crc32(chunk, checksum)
            if span.checksum not in (None, checksum):
                bad.add(key)
        return bad


def _gathered(data: bytes, tensor: Tensor) -> bytes:
    size = tensor.item_size
    strides = [stride * size for stride in tensor.strides]
    flat = np.frombuffer(data, np.uint8)
    return np.lib.stride_tricks.as_strided(flat, (*tensor.shape, size), (*strides, 1)).tobytes()


def fingerprint(tensors: dict[str, Tensor], numbers: Numbers) -> str:
    """Return what `mldrl_lite.fingerprint` returns of the same tensors: 64 hexadecimal digits.

    Names, types, shapes and every bit count; the order and the device do not.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, f"torch.{tensor.dtype}", list(tensor.shape)]).encode())
        for chunk in numbers.chunks(tensor):
            digest.update(chunk)
    return digest.hexdigest()


def few(tensor: Tensor, numbers: Numbers) -> list[float | int | bool] | None:
    """Return the values of a tensor of up to eight elements, where NumPy knows their type."""
    if tensor.count > 8 or tensor.dtype not in np.sctypeDict or tensor.dtype.startswith("complex"):
        return None
    numbers.check([tensor])
    return np.frombuffer(b"".join(numbers.chunks(tensor)), np.dtype(tensor.dtype).newbyteorder("<")).tolist()
