"""Files and notebooks as source: their code, what their names stand for, and their classes."""

import ast
import json
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.check.bases import Known, base_elsewhere, base_in_file
from mldrl_lite.trainer.rules.classes import (
    CALLBACK,
    DATAMODULE,
    MODULE,
    PACKAGES,
    TORCH,
    Class,
    Method,
    called_by_others,
    full_name,
    imports_of,
    mentioned,
)

_MOST_PARENTS = 20


@dataclass(frozen=True)
class Source:
    """The code of one file; of a notebook, of all its code cells one after the other."""

    path: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()
    """Of a notebook: the number of each code cell, from 1, and the line of `text` before its first."""
    broken: tuple[tuple[int, str], ...] = ()
    """Lines at which code could not be read, and why."""
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))

    @cached_property
    def imports(self) -> dict[str, str]:
        """What the names that are imported stand for: `{"pl": "pytorch_lightning"}`."""
        return imports_of(self.tree)

    @cached_property
    def mentions(self) -> Counter[str]:
        """How often each attribute name appears in the file."""
        return mentioned(self.tree)

    @cached_property
    def called(self) -> frozenset[str]:
        """The attribute names through which the file may call a method, other than its parent's of the same name."""
        return frozenset(called_by_others(self.tree))

    @cached_property
    def texts(self) -> frozenset[str]:
        """All texts in the file, which could name an attribute."""
        found = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        return frozenset(text for text in found if isinstance(text, str))

    @cached_property
    def classes(self) -> list[Class]:
        """The classes of Lightning's kinds, and plain modules of PyTorch."""
        return _Classes(self).all()

    @property
    def classes_that_log(self) -> list[Class]:
        """The modules and callbacks."""
        return [cls for cls in self.classes if cls.kind in (MODULE, CALLBACK)]

    def place(self, line: int) -> tuple[int | None, int]:
        """Return the cell and the line in it; the cell is None in a plain file."""
        cell, before = next(((cell, before) for cell, before in reversed(self.cells) if before < line), (None, 0))
        return cell, line - before


def read(path: Path) -> Source | None:
    """Return the source of a file; None if it has nothing to do with Lightning.

    Raises:
        InputError: the file cannot be opened.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}.") from None
    if b"lightning" not in raw:
        return None
    if path.suffix == ".ipynb":
        return _notebook(str(path), raw)
    try:
        text = _decoded(raw)
        return Source(str(path), text, tree=_parse(text))
    except SyntaxError as error:
        return Source(str(path), "", broken=((error.lineno or 1, error.msg),))
    except (ValueError, LookupError, RecursionError, MemoryError) as error:
        return Source(str(path), "", broken=((1, str(error)),))


def parsed(raw: bytes) -> ast.Module:
    """Parse the bytes of a Python file.

    Raises:
        SyntaxError: or ValueError, LookupError, RecursionError, MemoryError: it is none.
    """
    return _parse(_decoded(raw))


def _decoded(raw: bytes) -> str:
    encoding = re.match(rb"(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)", raw)
    return raw.decode(encoding[1].decode() if encoding else "utf-8-sig").removeprefix("\ufeff")


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes such as "\d" in the user's texts
        return ast.parse(text)


def _notebook(path: str, raw: bytes) -> Source:
    try:
        cells = json.loads(raw)["cells"]
        texts = [(i, "".join(cell["source"])) for i, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return Source(path, "", broken=((1, f"it is no notebook: {error}"),))
    kept, broken = [], []
    for number, text in texts:
        text = _without_magics(text)
        try:
            _parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            broken.append((number, getattr(error, "msg", str(error))))
            text = ""
        kept.append((number, text))
    starts = list(accumulate((text.count("\n") + 1 for _, text in kept), initial=0))
    text = "\n".join(text for _, text in kept)
    at = {number: start for (number, _), start in zip(kept, starts, strict=False)}
    errors = tuple((at[number] + 1, message) for number, message in broken)
    return Source(path, text, tuple(at.items()), errors, _parse(text))


def _without_magics(text: str) -> str:
    """Put `pass` in place of Jupyter's own lines, so that line numbers stay."""
    if re.match(r"\s*%%(?!(time|timeit|capture|prun|memit)\b)", text):
        return ""  # another language
    lines = (re.sub(r"^(\s*)[%!?].*|^(\s*)[\w.]+\?+\s*$", r"\1\2pass", line) for line in text.split("\n"))
    return "\n".join(re.sub(r"^(\s*\w+\s*=\s*)[%!].*", r"\1None", line) for line in lines)


class _Classes:
    """Finds out which classes of a file are Lightning's or PyTorch's, by their bases, in other files too."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes = {node.name: node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)}

    def all(self) -> list[Class]:
        found = [self._class(self._known(node)) for node in self._nodes.values()]
        return [cls for cls in found if cls is not None]

    def _known(self, node: ast.ClassDef) -> Known:
        return Known(node, self._source.path, self._source.imports)

    def _class(self, known: Known) -> Class | None:
        line = self._line(known, ())
        bases = [self._kind_of(base, one) for one in line for base in one.node.bases if self._own(base, one) is None]
        kinds = [kind for kind, _ in bases if kind]
        if not kinds:
            return None
        kind = next((kind for kind in kinds if kind != TORCH), TORCH)
        complete = all(is_known for _, is_known in bases)
        complete = complete and not any(keyword.arg is None for keyword in known.node.keywords)
        methods = [
            Method(body.name, body, one.file, one.node.name)
            for one in line
            for body in one.node.body
            if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        imports = {name: full for one in reversed(line) for name, full in one.imports.items()}
        cls = Class(known.node.name, kind, known.file, known.node, tuple(methods), complete, imports)
        held = (name for name, values in cls.assigned.items() if _is_metric(values[0][1], cls.imports))
        return replace(cls, metrics=frozenset(held))

    def _line(self, known: Known, seen: tuple[ast.ClassDef, ...]) -> list[Known]:
        """Return a class and those of the user that it inherits from, nearest first."""
        if known.node in seen or len(seen) > _MOST_PARENTS:
            return []
        bases = [self._own(base, known) for base in known.node.bases]
        further = [one for base in bases if base is not None for one in self._line(base, (*seen, known.node))]
        return list({one.node: one for one in [known, *further]}.values())

    def _own(self, base: ast.expr, of: Known) -> Known | None:
        if of.file != self._source.path:
            return base_in_file(base, of) or base_elsewhere(base, of)
        node = self._nodes.get(base.id) if isinstance(base, ast.Name) else None
        return self._known(node) if node else base_elsewhere(base, of)

    def _kind_of(self, base: ast.expr, of: Known) -> tuple[str, bool]:
        """Return the kind that a base of elsewhere gives, "" if none, and whether all is known of it."""
        if isinstance(base, ast.Subscript):
            base = base.value  # Generic[T]
        name = full_name(base, of.imports)
        package, _, last = name.partition(".")[0], *name.rpartition(".")[1:]
        if package in PACKAGES and last in (MODULE, DATAMODULE, CALLBACK):
            return last, True
        if package in PACKAGES and ".callbacks." in name:
            return CALLBACK, False
        if name in ("torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module"):
            return TORCH, True
        return "", name in ("object", "abc.ABC", "typing.Generic", "typing.Protocol")


def _is_metric(value: ast.expr, imports: dict[str, str]) -> bool:
    name = full_name(value.func, imports) if isinstance(value, ast.Call) else ""
    return name.startswith("torchmetrics.") and ".functional." not in name and name.rpartition(".")[2][:1].isupper()
