"""What a notebook reads, noted from inside its kernel.

The text of this file is sent to the kernel before the first cell, so it needs nothing but Python. An audit hook (PEP
578) sees what Python itself opens and imports. It notes each file once, in a journal of one JSON list a line, and never
stops the notebook, whatever happens to the journal.
"""

import contextlib
import json
import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/run", "/var", "/usr", "/lib", "/lib64", "/bin", "/sbin")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_MOST_LINES = 20_000


class Watcher:
    """An audit hook that keeps a journal of files read and written, packages imported, and processes started.

    Args:
        journal: the file to write to.
        roots: folders in which every file counts.
        ignored: folders in which none does; those of Python and its packages are added.
    """

    def __init__(self, journal: str, roots: Sequence[str], ignored: Sequence[str]) -> None:
        self.journal, self.began, self.lines = journal, time.time_ns(), 0
        self.seen: set[tuple[str, str]] = set()
        self.roots = _folders(roots)
        self.ignored = _folders([*ignored, sys.prefix, sys.base_prefix, sys.exec_prefix, *packages()])
        self.system = _folders([*_SYSTEM, tempfile.gettempdir()])
        self.lock = threading.Lock()
        self.events = {
            "open": self.opened,
            "os.rename": self.renamed,
            "sqlite3.connect": self.connected,
            "import": self.imported,
            "subprocess.Popen": self.started,
            "os.system": self.started,
            "os.exec": self.started,
            "socket.getaddrinfo": self.asked,
        }

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note an event of the interpreter; the others cost one look-up."""
        if event in self.events:
            with contextlib.suppress(Exception):  # whatever it is, the notebook goes on
                self.events[event](*arguments)

    def opened(self, path: object, mode: str | None, flags: int) -> None:
        """Note a file that is read or written."""
        if path is self.journal or not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.path.abspath(os.fsdecode(path))
        if flags & _WRITES if mode is None else set(mode) & set("wxa+"):
            self.note("written", name)
        else:
            self.read(name)

    def renamed(self, _: object, target: object, *__: object) -> None:
        """Note a file that takes its name by being renamed."""
        self.note("written", os.path.abspath(os.fsdecode(target)))

    def connected(self, database: object) -> None:
        """Note a database; SQLite opens its file itself."""
        self.read(os.path.abspath(os.fsdecode(database)))

    def read(self, name: str) -> None:
        """Note a file as it is when it is read first."""
        folder, file = os.path.split(name)
        if os.path.basename(folder) == "__pycache__":  # compiled from the file that matters
            name = os.path.join(os.path.dirname(folder), file.split(".")[0] + ".py")
        if ("written", name) in self.seen or ("read", name) in self.seen or not self.counts(name):
            return
        found = os.stat(name)
        if not stat.S_ISREG(found.st_mode):
            return
        made = max(found.st_mtime_ns, found.st_ctime_ns) > self.began and not name.endswith(".py")
        stamp = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
        self.note("made" if made else "read", name, *([] if made else stamp))

    def counts(self, name: str) -> bool:
        """Say whether a file is the notebook's business: not Python's, and in no hidden folder."""
        if name.startswith(self.ignored) or f"{os.sep}__pycache__{os.sep}" in name:
            return False
        for root in self.roots:
            if name.startswith(root):
                return "/." not in os.path.dirname("/" + name[len(root) :].replace(os.sep, "/"))
        return not name.startswith(self.system) and "/." not in name

    def imported(self, module: str, *_: object) -> None:
        """Note a package; its version counts."""
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "__main__":
            self.note("import", top)

    def started(self, program: object, *rest: object) -> None:
        """Note a process; what it reads is not seen."""
        words = program or (rest and rest[0])
        first = words[0] if isinstance(words, list | tuple) else words
        self.note("process", os.path.basename(os.fsdecode(first).split()[0]))

    def asked(self, host: object, *_: object) -> None:
        """Note a host that is looked up."""
        host = host.decode() if isinstance(host, bytes) else host
        if host and not str(host).startswith(("localhost", "127.", "::1", "0.0.0.0")):  # noqa: S104
            self.note("network", str(host))

    def note(self, kind: str, name: str, *more: object) -> None:
        """Write a line, once for each kind and name."""
        if (kind, name) in self.seen or (kind == "written" and not self.counts(name)):
            return
        self.seen.add((kind, name))
        self.lines += 1
        if self.lines <= _MOST_LINES:
            self.write([kind, name, *more] if self.lines < _MOST_LINES else ["full", str(_MOST_LINES)])

    def write(self, line: list[object]) -> None:
        """Append a line. The journal is opened each time: a notebook may close descriptors that are not its own."""
        with self.lock:
            descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, (json.dumps(line) + "\n").encode())
            finally:
                os.close(descriptor)


def _folders(names: Iterable[str]) -> tuple[str, ...]:
    absolute = {place for name in names if name for place in (os.path.abspath(name), os.path.realpath(name))}
    return tuple(sorted(place.rstrip(os.sep) + os.sep for place in absolute))


def packages() -> list[str]:
    """Return the folders in which packages are installed."""
    return [place for place in sys.path if os.path.basename(place) in ("site-packages", "dist-packages")]


def start(journal: str, roots: Sequence[str], ignored: Sequence[str]) -> None:
    """Watch this process from now on; forked ones too."""
    watcher = Watcher(journal, roots, ignored)
    loaded = {name.partition(".")[0] for name in list(sys.modules)} - sys.stdlib_module_names
    about = {"pid": os.getpid(), "python": sys.version.split()[0], "site": packages(), "loaded": sorted(loaded)}
    watcher.write(["kernel", about])
    sys.addaudithook(watcher)
