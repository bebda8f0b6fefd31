"""The engine of migrate: one source text in, the text of today and what is to be said of it out."""

import ast
import warnings
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.findings import DECIDE, Finding
from mldrl_lite.trainer.migrate.imports import with_imports
from mldrl_lite.trainer.migrate.reading import read
from mldrl_lite.trainer.migrate.rewriter import Rewriter
from mldrl_lite.trainer.rules.classes import PACKAGES, imports_of

METRICS = "torchmetrics"
"""Where the metrics of Lightning 1.x live today: a file that has been migrated may import nothing else."""
WORDS = ("lightning", METRICS)
"""A file without these is not looked at."""


@dataclass(frozen=True)
class Migration:
    """A source text, brought to today."""

    source: str
    """The text of today; the very same text if nothing is to be changed."""
    findings: tuple[Finding, ...]
    """What was changed, what to know, and what a person has to decide, in the order of the lines."""
    imports: tuple[str, ...] = ()
    """For a snippet: the import lines that it needs besides."""


def migrate_source(source: str, *, alone: bool = False) -> Migration:
    """Rewrite a Python source of Lightning 0.x or 1.x for Lightning 2.

    The text is parsed, never executed.

    Args:
        source: the text of a file.
        alone: whether it is a snippet, in which names such as `Trainer` are Lightning's though nothing imports them.

    Raises:
        InputError: the text cannot be read as Python.
    """
    try:
        return _migrated(source, alone)
    except InputError:
        raise
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise InputError(f"The text cannot be read as Python ({error}).") from None


def _migrated(source: str, alone: bool) -> Migration:
    if not alone and not any(word in source for word in WORDS):
        return Migration(source, ())
    imports = imports_of(_checked(source))
    packages = {name.split(".")[0] for name in imports.values()}
    if not alone and not packages & {*PACKAGES, METRICS}:
        return Migration(source, ())
    module = _parsed(source)
    reading = read(module, imports, alone=alone)
    rewriter = Rewriter(reading)
    new = module.visit(rewriter)
    book = rewriter.book
    # Positions cost as much as the rest together: most files need none.
    places = {} if book.silent else MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    findings = book.findings(places)
    if not alone and not packages & {*PACKAGES}:
        # Its metrics may have come from Lightning: what is left to decide is said, and nothing is changed.
        return Migration(source, tuple(finding for finding in findings if finding.kind == DECIDE))
    if new.code == source:
        return Migration(source, findings)
    new, lines = with_imports(new, reading, book.added, book.modules)
    if not _is_python(new.code):
        raise InputError("What it would become is no Python: it is left as it is; please report it.")
    return Migration(new.code, findings, lines)


def _is_python(source: str) -> bool:
    try:
        _checked(source)
    except InputError:
        return False
    return True


def _checked(source: str) -> ast.Module:
    """Return the text as Python itself reads it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's opinion of the text, such as "\d" being no escape
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"The text cannot be read as Python ({getattr(error, 'msg', None) or error}).") from None


def _parsed(source: str) -> cst.Module:
    """Return the text as LibCST reads it, with its layout."""
    try:
        module = cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        raise InputError(f"The text cannot be read as Python ({error.message}).") from None
    if module.code != source:  # a lone carriage return, for one
        raise InputError("The text cannot be written back as it is: look at its line ends.")
    return module
