"""What migrate says of a place in a file: what it changed, what to know about it, and what a person has to decide."""

from dataclasses import dataclass

CHANGED, NOTE, DECIDE = "changed", "note", "decide"


@dataclass(frozen=True)
class Finding:
    """One remark about one place of a source text."""

    line: int
    """The line of the old text, counted from 1; in a notebook, of the cell."""
    kind: str
    """`changed`: rewritten. `note`: rewritten or kept, and worth knowing. `decide`: left alone, a person has to."""
    text: str
    """What and why, in a sentence."""
    rows: tuple[str, ...] = ()
    """The rows of Lightning's upgrade guides that say so: `1.9r3` is row 3 of the section for regular users of 1.9,
    `a` stands for advanced users, `d` for developers."""
    example: str = ""
    """The heading in notebook A2 under which a case of it is worked out, "" if there is none."""
    cell: int | None = None
    """The cell of a notebook, counted from 1 among all its cells; None in a file of Python."""
