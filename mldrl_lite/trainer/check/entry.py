"""All rules over all files."""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mldrl_lite.trainer.check import file_rules
from mldrl_lite.trainer.check.reading import Source, read
from mldrl_lite.trainer.paths import sources_in
from mldrl_lite.trainer.rules import hooks, layers, losses, metrics, optimizing
from mldrl_lite.trainer.rules.catalogue import CODES, RULES, chosen
from mldrl_lite.trainer.rules.classes import Problem


@dataclass(frozen=True, order=True)
class Remark:
    """One thing that is wrong in a file."""

    file: str
    cell: int | None
    """Of a notebook, the number of the cell, from 1."""
    line: int
    """From 1; of a notebook, the line in the cell."""
    column: int
    """From 1."""
    code: str
    rule: str
    what: str
    why: str
    fix: str

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


def check(
    paths: Iterable[str | Path],
    select: Iterable[str] | None = None,
    ignore: Iterable[str] = (),
    watch: Callable[[Iterable[Any], str], Iterator[Any]] = lambda items, doing: iter(items),
) -> Iterator[Remark]:
    """Look for mistakes that raise no error in files, folders and notebooks, without running anything.

    A remark is left out where its line has the comment `# noqa`, or `# noqa: MLT101` with its code.

    Args:
        paths: files `*.py` and `*.ipynb`, and folders with such files.
        select: codes, starts of codes or names of rules to look for; without it, all that are on by default.
        ignore: those not to look for.
        watch: is given what is gone through, and a word for it, and yields it again; it may show how far that is.

    Raises:
        InputError: a path or a rule does not exist.
    """
    wanted = chosen(select, "select") if select else {rule.name for rule in RULES if rule.default}
    wanted -= chosen(ignore, "ignore")
    sources = [source for source in map(read, watch(sources_in(paths), "read")) if source is not None]
    # A helper that another file calls is no misspelled hook; what begins with on_ can hardly be a helper.
    called = {name for source in sources for name in source.called if not name.startswith("on_")}
    return (remark for source in watch(sources, "check") for remark in _remarks(source, called, wanted))


def _remarks(source: Source, called: set[str], wanted: Collection[str]) -> list[Remark]:
    try:
        # What a parent in another file has, is said of that file, if it is looked at.
        found = (problem for problem in _problems(source, called) if problem.file == source.path)
        problems = [problem for problem in found if problem.rule in wanted]
    except RecursionError:
        problems = [_unreadable(source, 1, "its expressions are nested too deep")]
    lines = source.text.split("\n")
    return sorted(_remark(problem, source) for problem in problems if not _is_excused(problem, lines))


def _problems(source: Source, called: set[str]) -> Iterator[Problem]:
    for line, message in source.broken:
        yield _unreadable(source, line, message)
    classes, mentions = source.classes, source.mentions
    yield from hooks.dead_hooks(classes, source.called | called)
    yield from hooks.unread_returns(classes, mentions)
    yield from layers.unused_layers(classes, mentions, source.texts)
    found = [problem for rule in ON_CLASSES for problem in rule(classes)]
    # A subclass in the same file has the problems of its parent at the same place: they are the parent's.
    yield from {(problem.rule, id(problem.node)): problem for problem in reversed(found)}.values()
    for rule in ON_FILES:
        yield from rule(source)


def _unreadable(source: Source, line: int, message: str) -> Problem:
    node = ast.Pass(lineno=line, col_offset=0)
    return Problem(
        "file that cannot be read",
        f"This cannot be read as Python: {message}.",
        source.path,
        node,
        "Nothing in it was looked at.",
        "Mend it, or leave the file out.",
    )


ON_CLASSES: tuple[Callable[..., Iterator[Problem]], ...] = (
    optimizing.raw_optimizers,
    optimizing.never_zeroed,
    optimizing.wrong_interval,
    optimizing.unstepped_schedulers,
    optimizing.blind_plateaus,
    losses.squashed_logits,
    losses.detached_losses,
    layers.hidden_layers,
    metrics.unreset_metrics,
    metrics.running_values,
    file_rules.empty_hparams,
)
ON_FILES: tuple[Callable[[Source], Iterator[Problem]], ...] = (
    file_rules.mixed_packages,
    file_rules.wrong_directions,
    file_rules.unlogged_monitors,
    file_rules.beyond_the_run,
    file_rules.unsynced_values,
)

_NOQA = re.compile(r"#\s*noqa(?::\s*(?P<codes>[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?", re.IGNORECASE)


def _is_excused(problem: Problem, lines: list[str]) -> bool:
    line = problem.node.lineno
    found = _NOQA.search(lines[line - 1]) if 0 < line <= len(lines) else None
    if found is None:
        return False
    codes = found["codes"]
    return codes is None or CODES[problem.rule] in re.split(r"[\s,]+", codes.upper())


def _remark(problem: Problem, source: Source) -> Remark:
    cell, line = source.place(problem.node.lineno)
    column = problem.node.col_offset + 1
    words = (problem.what, problem.why, problem.fix)
    return Remark(problem.file, cell or 0 or None, line, column, CODES[problem.rule], problem.rule, *words)
