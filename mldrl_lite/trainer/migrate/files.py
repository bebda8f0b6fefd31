"""Files for migrate: Python files and notebooks as they lie on the disk, with their encoding and line ends."""

import io
import os
import shutil
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate import notebooks
from mldrl_lite.trainer.migrate.engine import WORDS, migrate_source
from mldrl_lite.trainer.migrate.findings import Finding


@dataclass(frozen=True)
class Migrated:
    """A file, and what it is after the migration."""

    path: Path
    before: str
    after: str
    findings: tuple[Finding, ...]
    data: bytes
    """The bytes to write."""


def migrate_file(path: Path) -> Migrated:
    """Read a file and migrate it; nothing is written.

    Raises:
        InputError: it cannot be read, as text or as Python.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if not any(word.encode() in data for word in WORDS):
        return Migrated(path, "", "", (), data)
    try:
        if path.suffix == ".ipynb":
            return _migrate_notebook(path, data)
        return _migrate_python(path, data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _migrate_python(path: Path, data: bytes) -> Migrated:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise InputError(f"The text cannot be decoded ({error}).") from None
    new = migrate_source(text)
    changed = new.source != text
    return Migrated(path, text, new.source, new.findings, new.source.encode(encoding) if changed else data)


def _migrate_notebook(path: Path, data: bytes) -> Migrated:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"The text cannot be decoded ({error}).") from None
    before, after, new, findings = notebooks.migrate_notebook(text)
    return Migrated(path, before, after, findings, new.encode() if after != before else data)


def write(file: Migrated) -> None:
    """Write a migrated file in one step, so that it is the old one or the new one at any moment; its mode stays.

    Raises:
        InputError: it cannot be written; the old file is as it was.
    """
    target = file.path.resolve()  # of a link, what it leads to
    scratch = None
    try:
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.data)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copymode(target, scratch)
        Path(scratch).replace(target)
    except OSError as error:
        if scratch is not None:
            Path(scratch).unlink(missing_ok=True)
        raise InputError(f"{file.path} cannot be written: {error.strerror}; it is as it was.") from None
