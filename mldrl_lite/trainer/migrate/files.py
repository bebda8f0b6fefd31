"""Files for migrate: Python files as they lie on the disk, with their encoding and line ends, and folders of them."""

import io
import os
import shutil
import tempfile
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate import notebooks
from mldrl_lite.trainer.migrate.engine import migrate_source
from mldrl_lite.trainer.migrate.findings import Finding

_SKIPPED = ("node_modules", "__pycache__", "site-packages", "venv", "build", "dist")


@dataclass(frozen=True)
class Migrated:
    """A file, and what it is after the migration."""

    path: Path
    before: str
    after: str
    findings: tuple[Finding, ...]
    data: bytes
    """The bytes to write."""


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and the Python files and notebooks in the folders, each once, in the order of their names.

    Hidden folders and those of installed packages are left out.

    Raises:
        InputError: there is no such file or folder, or a file is neither Python nor a notebook.
    """
    seen = set()
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist: give a Python file, a notebook or a folder.")
        if not path.is_dir() and (path.suffix not in (".py", ".pyi", ".ipynb") or not path.is_file()):
            raise InputError(f"{path} is neither a Python file nor a notebook: give .py, .ipynb or a folder.")
        for file in _inside(path) if path.is_dir() else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _inside(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            file = Path(root, name)
            if file.suffix in (".py", ".ipynb") and file.is_file():
                yield file


def migrate_file(path: Path) -> Migrated:
    """Read a file and migrate it; nothing is written.

    Raises:
        InputError: it cannot be read, as text or as Python.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if b"lightning" not in data:
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
