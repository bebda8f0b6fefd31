"""Open a file of weights without trusting anything that it says of itself."""

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.ckpt.pickles import BrokenError, Pickle, read_pickle
from mldrl_lite.trainer.ckpt.tensors import Numbers, Span, Tensor, row_strides, walk

MOST_BYTES = 64 << 20
"""Of a pickle: what a checkpoint says, without its tensors."""
MOST_LISTED = 16 << 20
"""Of the table of contents of an archive."""


@dataclass
class Contents:
    """A file, opened: what its pickle would build, and where the numbers lie."""

    path: Path
    file: BinaryIO
    size: int
    form: str
    """How it was written, in words."""
    pickle: Pickle
    spans: dict[str, Span] = field(default_factory=dict)
    """Of each storage, by its key."""

    def __post_init__(self) -> None:
        self.numbers = Numbers(self.file, self.spans, self.size)
        """Reads the bytes of tensors."""


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """Open a checkpoint, a state_dict, a pickled model or a file of safetensors.

    Raises:
        InputError: it is none of these, or damaged; in one sentence.
    """
    with _regular(path) as file:
        try:
            yield _read(path, file)
        except BrokenError as error:
            raise InputError(f"{path} cannot be read as a checkpoint: {error}.") from None


def _regular(path: Path) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path} is no regular file: give a checkpoint, or a folder of checkpoints.")
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give an existing file.") from None


_OTHERS = (
    (b"version https://git-lfs", "it is a pointer of Git LFS, not the file itself: run git lfs pull"),
    (b"<", "it is a page of the web or XML, probably an error page that was saved in place of the file"),
    (b"\x1f\x8b", "it is packed with gzip: unpack it first"),
    (b"\x89HDF", "it is HDF5, as Keras writes it"),
    (b"GGUF", "it is GGUF, the format of llama.cpp"),
)


def _read(path: Path, file: BinaryIO) -> Contents:
    size = os.fstat(file.fileno()).st_size
    head = file.read(64)
    if not head:
        raise BrokenError("it is empty, so writing it never got under way")
    for start, what in _OTHERS:
        if head.startswith(start):
            raise BrokenError(what)
    if head.startswith(b"PK"):
        return _read_zip(path, file, size)
    if head.startswith(b"\x80"):
        return _read_pickles(path, file, size)
    if head[8:9] == b"{":
        return _read_safetensors(path, file, size)
    if not head.strip(b"\0"):
        raise BrokenError("it begins with zeros only, so the disk has lost it or it was never written")
    raise BrokenError("it is neither what torch.save writes nor safetensors")


# ---------------------------------------------------------------------------------------------------------------------
# torch.save since torch 1.6: a zip, uncompressed


def _read_zip(path: Path, file: BinaryIO, size: int) -> Contents:
    entries = _entries(file, size)
    pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
    if any(name.endswith("/constants.pkl") for name in entries):
        raise BrokenError("it is a TorchScript program (torch.jit.save), which holds code by design")
    if len(pickles) != 1:
        raise BrokenError("it is a zip file, but none of torch: the part data.pkl is missing")
    root = pickles[0].removesuffix("data.pkl")
    span = entries[pickles[0]]
    if span.length > MOST_BYTES:
        raise BrokenError(f"its part data.pkl is larger than {MOST_BYTES >> 20} MiB")
    pickle = read_pickle(io.BytesIO(_bytes(file, span)))
    data = f"{root}data/"
    spans = {name.removeprefix(data): span for name, span in entries.items() if name.startswith(data)}
    _refuse_other_order(file, entries.get(f"{root}byteorder"))
    return Contents(path, file, size, "torch.save (zip)", pickle, spans)


def _entries(file: BinaryIO, size: int) -> dict[str, Span]:
    """Return where each part lies. All lie apart and uncompressed, so together they are no larger than the file."""
    try:
        with zipfile.ZipFile(_Guarded(file)) as archive:  # type: ignore[arg-type]
            infos = archive.infolist()
    except BrokenError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError, EOFError):
        raise BrokenError(
            "it begins as a zip file but has no table of contents at its end, so it was cut off"
        ) from None
    if len({info.filename for info in infos}) < len(infos):
        raise BrokenError("it has two parts of the same name, so that two readers may see two files")
    if any(info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size for info in infos):
        raise BrokenError("its parts are compressed, which torch never does, and could unpack to any size")
    entries = {info.filename: Span(_start(file, info), info.file_size, info.CRC) for info in infos}
    spans = sorted(entries.values(), key=lambda span: (span.start, span.length))
    ends = [0, *(span.start + span.length for span in spans)]
    if ends[-1] > size or any(span.start < end for span, end in zip(spans, ends, strict=False)):
        raise BrokenError("its parts overlap or reach beyond its end, so it lies about its size")
    return entries


class _Guarded:
    """A file that does not let the reader of zip files take a table of any length into memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.file = file

    def read(self, length: int = -1) -> bytes:
        data = self.file.read(MOST_LISTED + 1 if length < 0 else min(length, MOST_LISTED + 1))
        if len(data) > MOST_LISTED:
            raise BrokenError("its table of contents is too long to be one of torch")
        return data


def _start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a part begin: its own header says how long the header is."""
    file.seek(max(info.header_offset, 0))
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise BrokenError("its table of contents points to where no part begins, so it is damaged")
    name, extra = struct.unpack("<HH", header[26:])
    return info.header_offset + 30 + name + extra


def _bytes(file: BinaryIO, span: Span) -> bytes:
    file.seek(span.start)
    return file.read(span.length)


def _refuse_other_order(file: BinaryIO, span: Span | None) -> None:
    if span and _bytes(file, Span(span.start, min(span.length, 16))).strip() not in (b"", b"little"):
        raise BrokenError("it was written on a machine that stores numbers the other way round (big-endian)")


# ---------------------------------------------------------------------------------------------------------------------
# torch.save before: pickles in a row, then the storages

_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def _read_pickles(path: Path, file: BinaryIO, size: int) -> Contents:
    file.seek(0)
    stream = io.BytesIO(file.read(min(size, MOST_BYTES)))
    first = read_pickle(stream)
    if stream.getbuffer()[: len(_MAGIC)] != _MAGIC:
        return Contents(path, file, size, "pickle, not written by torch", first)
    for _ in ("the number of the protocol", "the machine"):
        read_pickle(stream)
    main, keys = read_pickle(stream), read_pickle(stream)
    spans = _spans_in_a_row(file, stream.tell(), size, keys.value, main.value)
    return Contents(path, file, size, "torch.save (the form before torch 1.6)", main, spans)


def _spans_in_a_row(file: BinaryIO, start: int, size: int, keys: object, value: object) -> dict[str, Span]:
    sizes = {found.storage: found.item_size for found, _ in walk(value) if isinstance(found, Tensor)}
    spans: dict[str, Span] = {}
    for key in keys if isinstance(keys, list) else []:
        if str(key) not in sizes:  # how long it is, and so where the next one lies, nobody says
            break
        file.seek(start)
        head = file.read(8)
        length = int.from_bytes(head, "little") * sizes[str(key)]
        if len(head) < 8 or start + 8 + length > size:
            raise BrokenError("it ends in the middle of its numbers, so it was cut off")
        spans[str(key)] = Span(start + 8, length)
        start += 8 + length
    return spans


# ---------------------------------------------------------------------------------------------------------------------
# safetensors: the length of a JSON header, the header, the numbers

_SAFE_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
}  # fmt: skip


def _read_safetensors(path: Path, file: BinaryIO, size: int) -> Contents:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(MOST_LISTED, size - 8):
        raise BrokenError("its header is said to be longer than the file, so it is no safetensors or was cut off")
    try:
        header = json.loads(file.read(length))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        spans = {name: _safe_span(entry, 8 + length) for name, entry in entries.items()}
        tensors = {name: _safe_tensor(name, entry) for name, entry in entries.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise (
            error if isinstance(error, BrokenError) else BrokenError("its header is no header of safetensors")
        ) from None
    if any(span.start + span.length > size for span in spans.values()):
        raise BrokenError("it ends in the middle of its numbers, so it was cut off")
    return Contents(path, file, size, "safetensors (numbers only, no pickle)", Pickle(tensors, {}, set()), spans)


def _safe_span(entry: dict, start: int) -> Span:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end:
        raise BrokenError("its header has a part that ends before it begins")
    return Span(start + begin, end - begin)


def _safe_tensor(name: str, entry: dict) -> Tensor:
    shape = tuple(entry["shape"])
    if not all(type(length) is int and length >= 0 for length in shape):
        raise BrokenError("it has a tensor of an impossible shape")
    return Tensor(_SAFE_TYPES[entry["dtype"]], shape, tuple(row_strides(shape)), 0, name)
