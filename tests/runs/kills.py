"""Kill sweeps at random moments: `make test` does it five times, this as often as you like, on any kernel.

    python tests/runs/kills.py --kills 20 --kernel python3

After each kill, what is visible is whole, nothing is left running, and the same command ends in the whole table,
without a second run of what was done.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_notebook
from processes import at_work_in

from mldrl_lite.notebook import RESULT_TYPE

PARAMETERS = "n = 1\nout_dir = ''"
WORK = f"""import pathlib, time
from IPython.display import display
folder = pathlib.Path(out_dir)
(folder / "first").write_text(str(n))
time.sleep(0.2)
if n == 13:
    raise ValueError("unlucky")
(folder / "last").write_text(str(n))
display({{"text/plain": "", {RESULT_TYPE!r}: {{"headline": "h", "values": {{"score": n}}}}}}, raw=True)"""


def main() -> int:
    """Run the kills; return 1 if one of them did harm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kernel", default="python3")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; another one each time by default")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(10**6)  # noqa: S311
    print(f"seed {seed}, kernel {options.kernel}", flush=True)
    chance, harm = random.Random(seed), 0  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        calm, seconds = _calm(folder, options.kernel)
        for kill in range(1, options.kills + 1):
            moment = chance.uniform(0, 1.1 * seconds)
            told = _kill_and_go_on(folder, f"out{kill}", options.kernel, moment, calm)
            harm += bool(told)
            print(f"kill {kill} after {moment:.2f} s: {told or 'no harm'}", flush=True)
    print(f"{harm} of {options.kills} kills did harm")
    return int(harm > 0)


def _calm(folder: Path, kernel: str) -> tuple[pd.DataFrame, float]:
    """Return the table of an undisturbed sweep, and its seconds."""
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell(WORK)]
    nbformat.write(new_notebook(cells=cells), folder / "page.ipynb")
    _start(folder, "warm-up", kernel).wait()
    start = time.monotonic()
    _start(folder, "calm", kernel).wait()
    return _table(folder / "calm"), time.monotonic() - start


def _start(folder: Path, out: str, kernel: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "mldrl_lite", "sweep", "page.ipynb", "-p", "n", "1..5,13", "-j", "2", "-o", out]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen([*command, "--kernel", kernel], cwd=folder, **quiet)


def _kill_and_go_on(folder: Path, out: str, kernel: str, moment: float, calm: pd.DataFrame) -> str:
    """Return the harm that a kill has done; "" when it did none."""
    process = _start(folder, out, kernel)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done, torn = _ended(folder / out), _torn(folder / out)
    if torn:
        return f"visible and not whole: {', '.join(torn)}"
    deadline = time.monotonic() + 300
    while (left := at_work_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        return f"left running: {left}"
    if (status := _start(folder, out, kernel).wait()) != 1:  # one run fails on purpose
        return f"the same command ended with {status}"
    if any(_ended(folder / out).get(name) != when for name, when in done.items()):
        return "a run that was done was run again"
    if leftovers := [path.name for path in (folder / out).glob(".*") if path.name != ".sweep"]:
        return f"left over: {leftovers}"
    return "" if _table(folder / out).equals(calm) else "another table"


def _ended(out: Path) -> dict[str, float]:
    """Return when each run that ended well ended."""
    found = {path.parent.name: json.loads(path.read_text()) for path in out.glob("n=*/run.json")}
    return {name: record["ended"] for name, record in found.items() if record["status"] == "ok"}


def _torn(out: Path) -> list[str]:
    needed = {"run.json", "page.ipynb", "first"}
    folders = {path: needed | ({"last"} if path.name[-1].isdigit() else set()) for path in out.glob("n=*")}
    return [path.name for path, names in folders.items() if not names <= {file.name for file in path.iterdir()}]


def _table(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "results.csv").drop(columns="seconds")


if __name__ == "__main__":
    sys.exit(main())
