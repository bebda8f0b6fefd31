"""Commands that start no kernel, and what they cost."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mldrl_lite.runs.results.table import collect


def light_commands(folder: Path, notebook: Path) -> dict[str, list[str]]:
    """Return commands by what they are: a page of help, a refused parameter, the table of 20 runs made in `folder`."""
    for n in range(20):
        _leave_run(folder / f"n={n}", n)
    collect(folder)  # draws the picture, as a sweep does
    return {
        "mldrl-lite --help": ["--help"],
        "a refused parameter": ["run", str(notebook), "-p", "seed", "none"],
        "collect of 20 runs": ["collect", str(folder)],
    }


def _leave_run(folder: Path, n: int) -> None:
    """Leave the record of a run that nobody has run."""
    folder.mkdir(parents=True)
    what = {"stem": "page", "given": {"n": n}, "parameters": {"n": n}, "values": {"score": n / 20}, "headline": ""}
    how = {"status": "ok", "error": "", "fingerprint": "", "ended": 0.0, "seconds": 1.0}
    origin = {"cells": [], "notebook": "page.ipynb", "kernel": "python3", "cwd": "", "data": ""}
    origin |= {"files": {}, "packages": {}, "site": [], "watched": True, "at": 0}
    (folder / "run.json").write_text(json.dumps(what | how | {"origin": origin}), encoding="utf-8")


def cpu_seconds(words: Sequence[str]) -> float:
    """Return the processor seconds of a command, which other load changes less than the time on the clock."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "mldrl_lite", *words], capture_output=True, check=False)  # noqa: S603
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])  # of processes that have ended, in the user's and in the system's code
