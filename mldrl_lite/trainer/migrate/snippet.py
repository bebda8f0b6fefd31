"""Rewrite a snippet of 1.x for today's Lightning.

translate("Trainer(gpus=2, precision=16)")
"""

import re
from dataclasses import dataclass
from textwrap import dedent, fill

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.engine import migrate_source

_LONGEST = 20_000
_LIGHTNING = r"Trainer|[Ll]ightning|\b(pl|L)\."


@dataclass(frozen=True, repr=False)
class Translation:
    """A snippet of 1.x, rewritten for today's Lightning."""

    source: str
    """The statements of today."""
    notes: tuple[str, ...]
    """What changed and what to know about it, one sentence per change; empty where nothing did."""
    imports: tuple[str, ...]
    """The import lines that `source` needs beyond those of the old snippet."""

    def __str__(self) -> str:
        notes = (fill(note, 95, initial_indent="# ", subsequent_indent="#   ") for note in self.notes)
        return "\n".join([*self.imports, self.source, *notes])

    __repr__ = __str__


def translate(source: str) -> Translation:
    """Rewrite statements of 1.x, such as a `Trainer(...)` call, for today's Lightning.

    The text is parsed, never executed. Expressions stay as they stand; where it matters what a variable holds, and the
    snippet does not show it, a note says so.

    Raises:
        InputError: the text cannot be read, has nothing of Lightning, or has something that nothing replaces.
    """
    if not isinstance(source, str) or len(source) > _LONGEST:
        raise InputError(f"Give translate the text of some statements, at most {_LONGEST} characters long.")
    new = migrate_source(dedent(source).strip(), alone=True)
    if not new.findings and not re.search(_LIGHTNING, source):
        raise InputError("The text has nothing of Lightning: give statements such as Trainer(gpus=2).")
    return Translation(new.source, tuple(finding.text for finding in new.findings), new.imports)
