"""What all notebooks of the course have in common, said of each that has it not: `make lint`, and before each commit.

    python tests/lint_notebooks.py [NOTEBOOK ...]
    python tests/lint_notebooks.py --minutes

The second prints how long each notebook takes, by the formula in minutes.py. Both read and do not run: what a notebook
does is for the tests.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import minutes

ROOT = Path(__file__).parent.parent
RESULT = "application/vnd.mldrl-lite.result+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
# The path of a machine, the address of an object, the rest of a progress bar: other on each machine and day.
PASSING = r"(?:/work|/home|/root|/tmp|/usr|site-packages|[A-Z]:\\)|0x[0-9a-f]{6}|it/s\]|\d\d:\d\d[:<]"

# The cells of an exercise by their tags, in order, and the text that a solution is folded into.
EXERCISE = {"exercise": "code", "check": "code", "solution": "markdown"}
FOLDED = r"<details><summary>Solution</summary>\n\n([^`]+\n\n)?```python\n[\s\S]+\n```\n\n([^`]+\n\n)?</details>"

Cell = dict[str, Any]


def text(cell: Cell) -> str:
    return "".join(cell["source"])


def of_kind(cells: Sequence[Cell], kind: str) -> list[Cell]:
    return [cell for cell in cells if cell["cell_type"] == kind]


def tags(cell: Cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def outputs(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    return [output for cell in of_kind(cells, "code") for output in cell["outputs"]]


def opening(cells: Sequence[Cell], number: str) -> Iterator[str]:
    first = text(cells[0])
    if not re.match(rf"# {number} · [A-Z]", first):
        yield f"the title is not '# {number} · …'"
    if not 3 <= len(re.findall(r"^- \*\*[a-z ]+\*\*", first, re.M)) <= 5:
        yield "the opening does not promise three to five things"
    parts = ["**You will be able to**", "**You need**", "**Time** ", "Next: ["] + ["Previous: ["] * (number != "00")
    yield from (f"the opening has no {part!r}" for part in parts if part not in first)


def recap(cells: Sequence[Cell], number: str) -> Iterator[str]:
    last = text(cells[-1])
    if not last.startswith("## Recap") or not re.search(r"\*Next\*: .*\[", last):
        yield "the last cell is no '## Recap' with a '*Next*: […](…)'"
    promises = re.findall(r"^- \*\*", text(cells[0]), re.M)
    if len(re.findall(r"^- \[[^]]+\]\(#", last, re.M)) < len(promises):
        yield "the recap links to fewer sections than the opening has promises"
    if not text(cells[-4]).startswith("## Test yourself") or f'self_test("{number}")' not in text(cells[-3]):
        yield f"no '## Test yourself' with self_test(\"{number}\") stands before what is solved"
    if not text(cells[-2]).startswith(f'progress("{number}")'):
        yield f'no progress("{number}"), which tells what is solved, stands before the recap'


def tree(source: str) -> ast.Module:
    """Parse code with IPython's lines of `%` and `!` left out."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M))


def lines_of_code(source: str) -> int:
    """Count the lines; the text of another file, in quotes, counts as one."""
    texts = [part for part in ast.walk(tree(source)) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return len(source.splitlines()) - sum(text.end_lineno - text.lineno for text in texts)


def sizes(cells: Sequence[Cell], number: str) -> Iterator[str]:
    code = [text(cell) for cell in of_kind(cells, "code")]
    yield from (f"a cell of over 25 lines: {source[:60]!r}" for source in code if lines_of_code(source) > 25)
    if median(sum(bool(line.strip()) for line in source.splitlines()) for source in code) > 6:
        yield "half of the code cells have over six lines"
    for prose in (text(cell) for cell in of_kind(cells, "markdown")[1:] if "solution" not in tags(cell)):
        if len(re.sub(r"\|.*\||\$[^$]*\$", "", prose).split()) > 120:
            yield f"a text of over 120 words: {prose[:60]!r}"


def headings(cells: Sequence[Cell], number: str) -> Iterator[str]:
    levels = [len(marks) for cell in of_kind(cells, "markdown") for marks in re.findall(r"^(#+) ", text(cell), re.M)]
    if levels[:1] != [1] or levels.count(1) != 1 or any(after > before + 1 for before, after in pairwise(levels)):
        yield "headings do not go down one level at a time from one title"


def stored(cells: Sequence[Cell], number: str) -> Iterator[str]:
    counts = [cell["execution_count"] for cell in of_kind(cells, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield "not stored as one run in order: mldrl-lite store"
    if len({cell["id"] for cell in cells}) != len(cells):
        yield "two cells have one id"
    for output in outputs(cells):
        data = output.get("data", {})
        if output["output_type"] == "error" or output.get("name") == "stderr" or WIDGET in data:
            yield f"an error, a warning or a widget is stored: {str(output)[:80]}"
        shown = "".join(output.get("text", "")) + "".join(data.get("text/plain", ""))
        yield from (f"{found!r} is stored, which another run would not have" for found in re.findall(PASSING, shown))


def kinds(cells: Sequence[Cell], number: str) -> Iterator[str]:
    shown = Counter(kind for output in outputs(cells) for kind in output.get("data", {}))
    if not shown["image/png"] or shown[RESULT] != 1:
        yield "there is no figure, or not one result"
    if sum("nbval-check-output" in tags(cell) for cell in of_kind(cells, "code")) < 3:
        yield "fewer than three outputs are compared by nbval"


def folded(cells: Sequence[Cell], number: str) -> Iterator[str]:
    checked = cells[2]
    if "hide-input" not in tags(checked) or not checked["metadata"].get("jupyter", {}).get("source_hidden"):
        yield "the cell that checks the parameters is not hidden: source_hidden, and the tag hide-input"


def exercises(cells: Sequence[Cell], number: str) -> Iterator[str]:
    found = [(place, tag, cell) for place, cell in enumerate(cells) for tag in tags(cell) if tag in EXERCISE]
    if [tag for _, tag, _ in found] != [*EXERCISE] * (len(found) // 3):
        yield "its exercises do not come as exercise, check, solution"
        return
    for (start, _, exercise), _, (end, _, _) in zip(found[::3], found[1::3], found[2::3], strict=True):
        if end != start + 2:
            yield f"between exercise and solution stands more than a check: {text(exercise)[:60]!r}"
    yield from (f"a cell tagged {tag} is not {EXERCISE[tag]}" for _, tag, c in found if c["cell_type"] != EXERCISE[tag])
    for _, tag, cell in found:
        if tag == "solution" and not re.fullmatch(FOLDED, text(cell)):
            yield f"a solution is not folded as the others are: {text(cell)[:60]!r}"
        if tag == "check" and any("Right" in "".join(o.get("data", {}).get("text/plain", "")) for o in outputs([cell])):
            yield f"a check is stored that says Right: {text(cell)[-60:]!r}"


def time(cells: Sequence[Cell], number: str) -> Iterator[str]:
    yield from minutes.faults(minutes.needed(cells), minutes.stated(cells))


RULES = (opening, recap, sizes, headings, stored, kinds, folded, exercises, time)


def problems(notebook: Path) -> list[str]:
    """Return a line for each thing that a notebook has not in common with the others."""
    node = json.loads(notebook.read_text(encoding="utf-8"))
    found = [line for rule in RULES for line in rule(node["cells"], notebook.stem.split("_")[0])]
    if notebook.stat().st_size >= 300_000:
        found.append("it is larger than 300 kB")
    if set(node["metadata"]) != {"kernelspec", "language_info"}:
        found.append("its metadata has more, or less, than kernelspec and language_info")
    return found


def definitions(path: Path) -> Iterator[str]:
    """Names of the public classes and functions of a module, or of the cells of a notebook."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        source = "\n".join(text(cell) for cell in of_kind(json.loads(source)["cells"], "code"))
    for part in tree(source).body:
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and not part.name.startswith("_"):
            yield part.name


def defined_twice(paths: Sequence[Path]) -> list[str]:
    """Return the public names that two of these modules and notebooks define: a copy, or one name for two things."""
    counts = Counter(name for path in paths for name in definitions(path))
    return sorted(name for name, count in counts.items() if count > 1)


def main(arguments: Sequence[str]) -> int:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if arguments == ["--minutes"]:
        print(minutes.report({path: json.loads(path.read_text(encoding="utf-8"))["cells"] for path in notebooks}))
        return 0
    found = [f"{path}: {line}" for path in map(Path, arguments or notebooks) for line in problems(path)]
    core = [path for path in (ROOT / "mldrl_lite").glob("*.py") if path.name != "__main__.py"]
    found += [f"{name} is defined twice in the course and its core" for name in defined_twice([*notebooks, *core])]
    print("\n".join(found or ["The notebooks have in common what they should."]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
