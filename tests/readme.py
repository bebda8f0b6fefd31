"""Write the parts of README.md that other files know: `make readme`.

The minutes of the course map are those of the notebooks' openings. The commands come from the command's own help. The
address stands in pyproject.toml, as `Repository` under `[project.urls]`; while there is none, README names none.
"""

import contextlib
import io
import json
import os
import re
import tomllib
from pathlib import Path

import minutes

from mldrl_lite.__main__ import main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def filled(text: str) -> str:
    """Return the README with its marked places filled in."""
    url = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("urls", {}).get("Repository", "")
    return _put(_put(timed(text, openings()), "address", address(url)), "commands", commands())


def openings() -> dict[str, int]:
    """Return the minutes that the opening of each notebook promises, by the notebook's name."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {path.stem: minutes.stated(json.loads(path.read_text("utf-8"))["cells"]) for path in paths}


def timed(text: str, stated: dict[str, int]) -> str:
    """Return the README with these minutes in the map of the course, and their sum in its last row."""
    for name, number in stated.items():
        text = re.sub(
            rf"^(\| \[[^]]+\]\(notebooks/{name}\.ipynb\) \|.*\| )\d+ \|$", rf"\g<1>{number} |", text, flags=re.M
        )
    return re.sub(r"^(\| in all \|.*\| )\d+ \|$", rf"\g<1>{sum(stated.values())} |", text, flags=re.M)


def address(url: str) -> str:
    """Return the lines that clone the project, and a link to Binder where it can find the address; "" without one."""
    if not url:
        return ""
    name = url.rstrip("/").removesuffix(".git").split("/")[-1]
    lines = f"```\ngit clone {url}\ncd {name}\n```\n"
    if found := re.match(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", url):
        lines += (
            f"\nOr open it on [Binder](https://mybinder.org/v2/gh/{found.group(1)}/HEAD), with nothing to install.\n"
        )
    return lines


def commands() -> str:
    """Return a table of the subcommands, as `mldrl-lite --help` describes them."""
    rows = [f"| `{name}` | {text} |" for name, text in subcommands().items()]
    return "\n".join(["| `mldrl-lite …` | does what |", "|---|---|", *rows, ""])


def subcommands() -> dict[str, str]:
    """Return the name of each subcommand and what its line of help says."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "300"  # argparse would fold long lines
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
            main(["--help"])
    finally:
        os.environ.pop("COLUMNS")
        os.environ.update({} if before is None else {"COLUMNS": before})
    return dict(re.findall(r"^    (\w[\w-]*)\s+(\S.*)$", printed.getvalue(), re.M))


def _put(text: str, place: str, content: str) -> str:
    pattern = rf"(<!-- {place} -->\n).*?(<!-- /{place} -->)"
    return re.sub(pattern, lambda found: found.group(1) + content + found.group(2), text, flags=re.S)


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), encoding="utf-8")
