"""Short hashes of tensors, batches and random states. Nothing here draws a random number."""

import array
import dataclasses
import functools
import hashlib
import random
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_BLOCK = 1 << 15  # fits in a processor's cache
_WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}
_LEAVES = 32
_DEPTH = 6
_FACTORS = (np.random.PCG64(0).random_raw(_BLOCK) | np.uint64(1)).view(np.int64)


_ODD = 6364136223846793005


@functools.cache
def _powers(n: int) -> np.ndarray:
    """Return the powers n-1 to 0 of an odd number modulo 2^64, shape (n,)."""
    return np.multiply.accumulate(np.array([1] + [_ODD] * (n - 1)))[::-1].copy()


def bit_sums(tensors: Iterable[Tensor]) -> list[int]:
    """Return a whole number for each tensor that follows from every bit and its place.

    It is the sum of the elements' bits, each times an odd number of its own, modulo 2^64. Whole numbers add up to the
    same in any order, so neither the device nor the number of threads changes it; one element that differs always does.
    A GPU is waited for once.
    """
    with torch.no_grad():
        sums = [_bit_sum(tensor.detach()) for tensor in tensors]
        waiting = [number for number in sums if isinstance(number, Tensor)]
        come = iter(torch.stack(waiting).tolist() if len({n.device for n in waiting}) == 1 else map(int, waiting))
        return [next(come) if isinstance(number, Tensor) else number for number in sums]


def _bit_sum(tensor: Tensor) -> int | Tensor:
    if hasattr(tensor, "to_local"):  # of a model that is shared out: what this process holds
        tensor = tensor.to_local()
    if tensor.layout == torch.sparse_coo:
        tensor = tensor.coalesce()
        return _bit_sum(tensor.indices()) * 31 + _bit_sum(tensor.values())
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    flat = tensor.resolve_conj().resolve_neg().contiguous().reshape(-1)
    bits = flat.view(_WHOLE[flat.element_size()])
    return int(_sum_in_numpy(bits.numpy())) if bits.device.type == "cpu" else _sum_on_device(bits)


def _sum_in_numpy(bits: np.ndarray) -> np.int64:
    starts = range(0, len(bits), _BLOCK)
    blocks = [bits[start : start + _BLOCK] for start in starts]
    sums = [np.multiply(block, _FACTORS[: len(block)], dtype=np.int64).sum() for block in blocks]
    return sums[0] if len(sums) == 1 else (np.array(sums, np.int64) * _powers(len(sums))).sum()


def _sum_on_device(bits: Tensor) -> Tensor:
    """Return what `_sum_in_numpy` does, shape (), on the tensor's device."""
    factors, whole = torch.from_numpy(_FACTORS).to(bits.device), len(bits) // _BLOCK * _BLOCK
    sums = (bits[:whole].reshape(-1, _BLOCK) * factors).sum(dim=1)
    if len(bits) > whole:
        last = (bits[whole:] * factors[: len(bits) - whole]).sum()
        sums = torch.cat([sums, last[None]])
    return (sums * torch.from_numpy(_powers(len(sums))).to(bits.device)).sum()


def row_sums(batch: Any) -> tuple[int, list[int | Tensor]]:
    """Return the number of samples in a batch, and for each of its tensors a sum that follows from them in any order.

    Samples are the rows of the first tensor, and of each other tensor that has as many; without rows there are none.
    """
    tensors = [leaf.detach() for _, leaf in _leaves(batch, "", _DEPTH) if isinstance(leaf, Tensor)]
    rows = len(tensors[0]) if tensors and tensors[0].ndim and tensors[0].layout == torch.strided else 0
    alike = [t for t in tensors if t.ndim and len(t) == rows and t.layout == torch.strided and t.numel()]
    return (rows, [_row_sum(tensor) for tensor in alike]) if rows else (0, [])


def _row_sum(tensor: Tensor) -> int | Tensor:
    """Return the sum over rows of a hash of each; of a tensor on a GPU, which is not waited for, shape ()."""
    rows = tensor.resolve_conj().resolve_neg().contiguous().reshape(len(tensor), -1)
    bits = rows.view(_WHOLE[rows.element_size()])
    on_cpu, sums = bits.device.type == "cpu", 0
    for block in bits.split(_BLOCK, dim=1):
        sums = sums * _ODD + (_dot_in_numpy(block.numpy()) if on_cpu else _dot_on_device(block))
    # Without this, values that move from one row to another would leave the sum as it is.
    total = ((sums ^ (sums >> 29)) * _ODD ^ (sums >> 32)).sum()
    return int(total) if on_cpu else total


def _dot_in_numpy(block: np.ndarray) -> np.ndarray:
    """Return the sum of each row's elements, each times an odd number of its own, shape (n rows,)."""
    sums, width = np.zeros(len(block), np.int64), max(1, _BLOCK // len(block))
    for start in range(0, block.shape[1], width):
        part = block[:, start : start + width]
        sums += np.multiply(part, _FACTORS[start : start + part.shape[1]], dtype=np.int64).sum(axis=1)
    return sums


def _dot_on_device(block: Tensor) -> Tensor:
    return (block * torch.from_numpy(_FACTORS[: block.shape[1]]).to(block.device)).sum(dim=1)


def joined(numbers: Iterable[int]) -> str:
    """Return one hash, 12 hexadecimal digits, of whole numbers in their order."""
    packed = b"".join(struct.pack("<Q", number & (1 << 64) - 1) for number in numbers)
    return hashlib.blake2b(packed, digest_size=6).hexdigest()


def short(number: int) -> str:
    """Fold 64 bits into 4 hexadecimal digits."""
    number &= (1 << 64) - 1
    return f"{(number ^ number >> 16 ^ number >> 32 ^ number >> 48) & 0xFFFF:04x}"


def batch_sums(batch: Any) -> dict[str, int]:
    """Return a whole number for each part of a batch by its place in it, such as `0`, `image` or `1.boxes`.

    Lists, tuples, dictionaries, dataclasses and objects with attributes are looked into. Shapes and types count.
    """
    leaves = dict(_leaves(batch, "", _DEPTH))
    tensors = {name: leaf for name, leaf in leaves.items() if isinstance(leaf, Tensor)}
    sums = dict(zip(tensors, bit_sums(tensors.values()), strict=True))
    texts = {name: f"{leaf.dtype} {tuple(leaf.shape)}" for name, leaf in tensors.items()}
    texts |= {name: leaf for name, leaf in leaves.items() if name not in tensors}
    named = {name: sums.get(name, 0) ^ zlib.crc32(text.encode(errors="replace")) for name, text in texts.items()}
    if len(named) <= _LEAVES:
        return named
    return {f"{len(named)} parts": int(joined(named.values()), 16)}


def _leaves(value: Any, place: str, depth: int) -> Iterator[tuple[str, Tensor | str]]:
    inside = _inside(value) if depth else None
    if inside is not None:
        for name, part in inside.items():
            yield from _leaves(part, f"{place}.{name}".strip("."), depth - 1)
    elif isinstance(value, Tensor):
        yield place or "batch", value
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield place or "batch", torch.from_numpy(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    else:
        plain = isinstance(value, str | bytes | int | float | complex | None | list | tuple | np.generic)
        yield place or "batch", repr(value) if plain else type(value).__name__  # a repr may hold an address


def _inside(value: Any) -> Mapping[Any, Any] | None:
    """Return what lies in a container, or None where there is nothing to look into."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        plain = all(isinstance(part, str | bytes | int | float | None) for part in value)
        return None if plain else getattr(value, "_asdict", lambda: dict(enumerate(value)))()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Tensor | np.ndarray | type) or callable(value):
        return None
    return getattr(value, "__dict__", None)


def random_states(device: torch.device) -> dict[str, str]:
    """Return a hash of the state of each generator: Python's, NumPy's, PyTorch's, and the device's if it has one."""
    version, numbers, left = random.getstate()
    states = {
        "Python": array.array("Q", numbers).tobytes() + repr((version, left)).encode(),
        "NumPy": b"".join(
            part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode() for part in np.random.get_state()
        ),
        "PyTorch": torch.get_rng_state().numpy().tobytes(),
    }
    if device.type == "cuda" and torch.cuda.is_initialized():
        states["CUDA"] = torch.cuda.get_rng_state(device).numpy().tobytes()
    if device.type == "mps":
        states["MPS"] = torch.mps.get_rng_state().numpy().tobytes()
    return {name: hashlib.blake2b(state, digest_size=4).hexdigest() for name, state in states.items()}
