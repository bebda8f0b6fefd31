"""How long a notebook takes a learner: read the words and the code that is shown, and do the exercises.

    minutes = words / 150 + lines of code / 12 + 5 for each exercise

Words are those of the texts, without the folded solutions and the addresses of links. Lines of code are those that are
not empty, in cells that are not collapsed. What is stored below a cell does not count.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_AN_EXERCISE = 150, 12, 5
TOLERANCE = 0.15
LIMIT = 60

Cell = dict[str, Any]


def needed(cells: Sequence[Cell]) -> float:
    """Return the minutes that the formula gives for the cells of a notebook."""
    exercises = sum("exercise" in cell["metadata"].get("tags", []) for cell in cells)
    words, lines = sum(map(_words, cells)), sum(map(_lines, cells))
    return words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + exercises * MINUTES_AN_EXERCISE


def stated(cells: Sequence[Cell]) -> int:
    """Return the minutes that the opening promises; 0 when it promises none."""
    found = re.search(r"\*\*Time\*\* (\d+) minutes", "".join(cells[0]["source"]))
    return int(found.group(1)) if found else 0


def in_readme(readme: str) -> dict[str, int]:
    """Return the minutes of each notebook, by its name, in the README's map of the course."""
    rows = re.findall(r"^\| \[[^]]+\]\(notebooks/(\w+)\.ipynb\) \|.*\| (\d+) \|$", readme, re.M)
    return {name: int(minutes) for name, minutes in rows}


def report(notebooks: dict[Path, Sequence[Cell]]) -> str:
    """Return a table: what each notebook needs by the formula, and what its opening says."""
    lines = [f"{'notebook':32} needs  says"]
    for path, cells in notebooks.items():
        need, say = needed(cells), stated(cells)
        lines.append(f"{path.stem:32} {need:5.1f} {say:5d}  {', '.join(faults(need, say))}".rstrip())
    return "\n".join([*lines, f"{'in all':32} {sum(map(needed, notebooks.values())):5.1f}"])


def faults(need: float, say: int) -> list[str]:
    """Return what is wrong with the minutes of a notebook: it is too long, or says so only within a wide margin."""
    found = [f"it takes {need:.0f} minutes, and {LIMIT} is the limit: split it"] if need > LIMIT else []
    if abs(say - need) > TOLERANCE * need:
        found.append(f"the opening says {say} minutes, and the formula {need:.0f}")
    return found


def _words(cell: Cell) -> int:
    if cell["cell_type"] != "markdown":
        return 0
    text = re.sub(r"<details>.*?</details>", "", "".join(cell["source"]), flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"^\|[-|: ]+\|$", "", text, flags=re.M))
    return len(re.findall(r"[^\s|#*]*\w[^\s|]*", text))


def _lines(cell: Cell) -> int:
    metadata = cell["metadata"]
    collapsed = metadata.get("jupyter", {}).get("source_hidden") or "hide-input" in metadata.get("tags", [])
    if cell["cell_type"] != "code" or collapsed:
        return 0
    return sum(bool(line.strip()) for line in "".join(cell["source"]).splitlines())
