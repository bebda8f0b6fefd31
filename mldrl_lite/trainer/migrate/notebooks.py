"""The code cells of a notebook as one Python text, and back into the notebook's JSON with its layout."""

import ast
import json
import re
import warnings
from dataclasses import replace
from itertools import product
from typing import Any

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.engine import migrate_source
from mldrl_lite.trainer.migrate.findings import Finding

_CELL = "__cell_{}__"
_BOUNDARY = re.compile(r"^__cell_(\d+)__\n", re.MULTILINE)
_OTHER = re.compile(r"\s*%%(?!(time|timeit|capture|prun|memit|writefile)\b)")
"""The beginning of a cell in another language than Python."""
_MAGIC = re.compile(r"^(\s*)((?:[%!?]|\w+\s*=\s*[%!]|[\w.]+\?{1,2}$).*)$", re.MULTILINE)


def migrate_notebook(text: str) -> tuple[str, str, str, tuple[Finding, ...]]:
    """Migrate the code cells of a notebook, all of them together, because they share their names.

    Cells that are no Python, such as those of `%%bash`, and lines that only IPython reads stay as they are; so do
    outputs and all else.

    Returns:
        The code before and after, as the difference shows it; the notebook's new text; the findings by cell.

    Raises:
        InputError: the text is no notebook.
    """
    notebook = _load(text)
    numbered = {i: cell for i, cell in enumerate(notebook["cells"], start=1) if _is_python(cell)}
    numbers, cells = list(numbered), list(numbered.values())
    sources = [_source(cell) for cell in cells]
    shielded, magics = _shield(sources)
    new = migrate_source(shielded)
    if new.source == shielded:
        return "", "", text, _placed(new.findings, shielded, numbers)
    after = _split(_unshield(new.source, magics), len(sources))
    changed = [(cell, source) for cell, old, source in zip(cells, sources, after, strict=True) if source != old]
    for cell, source in changed:
        cell["source"] = source.splitlines(keepends=True) if isinstance(cell["source"], list) else source
    placed = _placed(new.findings, shielded, numbers)
    return _shown(numbers, sources), _shown(numbers, after), _dump(notebook, text), placed


def _load(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            _source(cell)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"The file is no notebook of version 4 ({error}).") from None
    return notebook


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _is_python(cell: dict[str, Any]) -> bool:
    """Tell whether a cell can be read as Python, lines of IPython aside."""
    if cell.get("cell_type") != "code" or _OTHER.match(_source(cell)):
        return False
    source = _MAGIC.sub(r"\1pass", _source(cell))
    return _parses(source) and not _BOUNDARY.search(source)


def _shield(sources: list[str]) -> tuple[str, list[str]]:
    """Join the cells; a line of IPython becomes a name, which the rules leave alone."""
    magics: list[str] = []

    def hide(match: re.Match[str]) -> str:
        magics.append(match[2])
        return f"{match[1]}__magic_{len(magics) - 1}__"

    # An indented line that starts with % may be the rest of an expression: where a cell is Python as it is, it is.
    parts = [source if _parses(source) else _MAGIC.sub(hide, source) for source in sources]
    return "".join(f"{_CELL.format(i)}\n{part}\n" for i, part in enumerate(parts)), magics


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _unshield(source: str, magics: list[str]) -> str:
    return re.sub(r"__magic_(\d+)__", lambda match: magics[int(match[1])], source)


def _split(source: str, number: int) -> list[str]:
    parts = _BOUNDARY.split(source)
    found = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    return [found[i].removesuffix("\n") for i in range(number)]


def _shown(numbers: list[int], sources: list[str]) -> str:
    return "".join(f"# --- cell {i}\n{source}\n" for i, source in zip(numbers, sources, strict=True))


def _placed(findings: tuple[Finding, ...], shielded: str, numbers: list[int]) -> tuple[Finding, ...]:
    """Give each finding its cell, counted from 1 among all cells of the notebook, and its line there."""
    starts = [i for i, line in enumerate(shielded.split("\n"), start=1) if re.fullmatch(r"__cell_\d+__", line)]
    placed = []
    for finding in findings:
        cell = sum(start <= finding.line for start in starts)
        placed.append(replace(finding, cell=numbers[cell - 1], line=finding.line - starts[cell - 1]))
    return tuple(placed)


def _dump(notebook: dict[str, Any], text: str) -> str:
    """Write the notebook as it was laid out: with the settings that give the old text back, if there are any."""
    old = json.loads(text)
    end = "\n" if text.endswith("\n") else ""
    for indent, ascii_only in product((1, 2, 4, None, "\t"), (False, True)):
        settings = {"indent": indent, "ensure_ascii": ascii_only}
        if json.dumps(old, **settings) + end == text:
            return json.dumps(notebook, **settings) + end
    return json.dumps(notebook, indent=1, ensure_ascii=False) + end
