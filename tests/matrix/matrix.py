"""`make matrix`: `make run` and `make test` on other Pythons, and with other versions than the pinned ones.

    make matrix                             all rows, about half an hour each on two cores
    make matrix ROWS="3.13 torch-newest"    these rows

Each row is a fresh clone of the last commit, in `build/matrix/ROW`, on a machine of its own: a bare Debian where this
user is root and has debootstrap, else a Python of this machine. Its logs stay there; the environment, some gigabytes,
is removed at the end. The same command does what is missing, so a row that was interrupted goes on with the step it was
in. Results go to `results.json` beside this file, and from there into the table of the README.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
BARE = Path(__file__).with_name("bare.sh")
BEGIN, END = "<!-- versions -->\n", "<!-- /versions -->\n"  # in the README, around the table
STEPS = ("install", "run", "test")
HOURS = 3  # for one step

# What a row's constraints file says; it lies in the folder build/ of the clone.
PINNED = "--constraint ../constraints-torch.txt\n"
ANY_TORCH = "--constraint ../constraints.txt\n"
NEWEST = Path(__file__).with_name("newest.txt").read_text(encoding="utf-8")
LOWEST = "lowest"


@dataclass(frozen=True)
class Row:
    """One environment: a Python, of this machine or of a Debian, and the versions in it."""

    what: str
    python: str = "3.11"
    suite: str = ""
    debian_packages: tuple[str, ...] = ()
    constraints: str = PINNED
    also: tuple[str, ...] = ()


ROWS = {
    "3.11": Row("Python 3.11"),
    "3.12": Row("Python 3.12", "3.12"),
    "3.13": Row("Python 3.13", "3.13", suite="trixie"),
    "3.14": Row("Python 3.14", "3.14", suite="forky"),
    "3.15": Row(
        "Python 3.15, newest of everything",
        "3.15",
        suite="forky",
        debian_packages=("python3.15", "python3.15-venv"),
        constraints=NEWEST,
    ),
    "torch-2.10": Row("oldest PyTorch", constraints=ANY_TORCH + "torch==2.10.0\n"),
    "torch-newest": Row("newest PyTorch", constraints=ANY_TORCH),
    "lowest": Row("lowest of every dependency", constraints=LOWEST),
    "newest": Row("newest of everything", constraints=NEWEST),
    "crowded": Row(
        "newest of everything, beside packages that many have",
        constraints=NEWEST,
        also=("rich", "pyarrow", "lightning", "wandb", "mlflow"),
    ),
}


class NoMachine(Exception):  # noqa: N818 - it is read as a sentence
    """This machine cannot have the row; the message says why."""


# ---------------------------------------------------------------------------------------------------------------------
# Machines


class Here:
    """A Python of this machine."""

    def __init__(self, folder: Path, python: str) -> None:
        self.project, self.python, self.system = folder / "project", python, sys.platform

    def build(self) -> None:
        """Nothing is to be built: there is a Python."""

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that does this in the project."""
        return ["nice", *words]

    def remove(self) -> None:
        """Remove the project with its environment."""
        shutil.rmtree(self.project, ignore_errors=True)


class Bare:
    """A bare Debian in a folder."""

    def __init__(self, folder: Path, row: Row) -> None:
        self.folder, self.row = folder / "machine", row
        self.project, self.python, self.system = self.folder / "root" / "project", f"python{row.python}", row.suite

    def build(self) -> None:
        """Make the machine, unless it is there."""
        if not self.project.parent.is_dir() or not (self.folder / "built").exists():
            log = (self.folder.parent / "machine.log").open("w")
            command = [BARE, "make", self.row.suite, self.folder, *self.row.debian_packages]
            if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode:
                raise NoMachine(f"Debian {self.row.suite} could not be built: {self.folder.parent / 'machine.log'}")
            (self.folder / "built").touch()

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that does this in the project, seen from outside."""
        return ["nice", str(BARE), "in", str(self.folder), *words]

    def remove(self) -> None:
        """Remove the whole machine."""
        subprocess.run([BARE, "remove", self.folder], check=True)


def machine(row: Row, folder: Path) -> Here | Bare:
    """Choose where the row runs.

    Raises:
        NoMachine: neither a Debian with this Python can be built, nor is it on PATH.
    """
    debootstrap = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if row.suite and debootstrap and os.geteuid() == 0:
        return Bare(folder, row)
    python = shutil.which(f"python{row.python}")
    if python and subprocess.run([python, "--version"], capture_output=True).returncode == 0:
        return Here(folder, python)
    debian = f", and Debian {row.suite} needs root and debootstrap" if row.suite else ""
    raise NoMachine(f"no python{row.python} on PATH{debian}")


# ---------------------------------------------------------------------------------------------------------------------
# One row


def floors(project: Mapping[str, object]) -> str:
    """Return a constraints file with the lowest version that pyproject.toml allows of each dependency."""
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    found = dict(re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", line).groups() for line in lines if ">=" in line)
    return "".join(f"{name}=={floor}\n" for name, floor in sorted(found.items()))


def commit() -> str:
    """Return the short name of the last commit."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def run_row(name: str, folder: Path) -> dict[str, str]:
    """Build the row's environment and run both commands in it; return its line of the results.

    What the last call left is taken over: steps that went well at the same commit, while their environment is there.

    Raises:
        NoMachine: this machine cannot have it.
    """
    state = folder / "state.json"
    place = machine(ROWS[name], folder)
    found = json.loads(state.read_text()) if state.is_file() else {}
    if found.get("commit") == commit() and all(is_good(found.get(step)) for step in STEPS):
        return found
    if found.get("commit") != commit() or not (place.project / ".venv").is_dir():
        place.remove()
        found = {"commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "system": place.system}
    folder.mkdir(parents=True, exist_ok=True)
    prepare(place, ROWS[name])
    for step in STEPS:
        if not is_good(found.get(step)):
            found[step] = do_step(name, step, place, folder / f"{step}.log")
            found |= versions(place) if step == "install" else {}
            state.write_text(json.dumps(found, indent=1))
        if not is_good(found["install"]):
            break
    return found


def is_good(result: str | None) -> bool:
    """Tell whether a step was done and nothing failed in it."""
    return bool(result) and not re.search("failed|error|stopped", result)


def prepare(place: Here | Bare, row: Row) -> None:
    """Build the machine and put a clone with the row's constraints into it, where they are not there yet."""
    place.build()
    if not (place.project / "Makefile").is_file():
        subprocess.run(["git", "clone", "--quiet", ROOT, place.project], check=True)
    constraints = place.project / "build" / "matrix.txt"
    constraints.parent.mkdir(exist_ok=True)
    project = tomllib.loads((place.project / "pyproject.toml").read_text())["project"]
    constraints.write_text(floors(project) if row.constraints == LOWEST else row.constraints)


def do_step(name: str, step: str, place: Here | Bare, log: Path) -> str:
    """Run one of the three commands, and say on the way what is under way; return its result in a few words."""
    make = ["make", step, f"PYTHON={place.python}", "CONSTRAINTS=build/matrix.txt"]
    also = [".venv/bin/python", "-m", "pip", "install", *ROWS[name].also]
    commands = [make, also] if step == "install" and ROWS[name].also else [make]
    if log.is_file():
        log.replace(log.with_suffix(".before.log"))  # of the call before this one: what failed then is still to be read
    with log.open("w") as file:
        statuses = [
            watch(f"{name}: make {step}", place.command(words), cwd=place.project, stdout=file) for words in commands
        ]
    return outcome(step, log.read_text(errors="replace"), failed=any(statuses))


def watch(what: str, command: Sequence[str], **options: object) -> int:
    """Run a command in a session of its own, with a line every five minutes; Ctrl-C and SIGTERM end it too."""
    start, before = time.monotonic(), signal.signal(signal.SIGTERM, signal.default_int_handler)
    options |= {"stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command, **options) as process:
        try:
            print(f"{what} …", flush=True)
            while time.monotonic() - start < HOURS * 3600:
                try:
                    return process.wait(timeout=300)
                except subprocess.TimeoutExpired:
                    print(f"{what}: {(time.monotonic() - start) / 60:.0f} minutes so far", flush=True)
            print(f"{what}: ended after {HOURS} hours", flush=True)
            return 1
        finally:
            signal.signal(signal.SIGTERM, before)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def outcome(step: str, text: str, *, failed: bool) -> str:
    """Read the result from what a step printed."""
    if step == "test":
        # One line for each run of pytest: "=== 1 failed, 2 passed in 3.00s ===".
        counts = re.findall(r"^=* ?(\d+ (?:passed|failed|error).*?) in [\d.]+s", text, re.M)
        return " + ".join(counts) + (" (stopped)" if failed and not re.search("failed|error", "".join(counts)) else "")
    if step == "run" and failed:
        notebooks = re.findall(r"^(\w+) (?:failed|interrupted): ", text, re.M)
        return f"failed: {', '.join(notebooks)}" if notebooks else "failed"
    return "failed" if failed else "ok"


def versions(place: Here | Bare) -> dict[str, str]:
    """Return which Python, torch and Lightning the environment has; nothing where it could not be built."""
    code = (
        "import json, platform, torch, pytorch_lightning as pl; "
        "print(json.dumps(dict(python=platform.python_version(), torch=torch.__version__, lightning=pl.__version__)))"
    )
    command = place.command([".venv/bin/python", "-c", code])
    asked = subprocess.run(command, cwd=place.project, capture_output=True, text=True)
    return json.loads(asked.stdout) if asked.returncode == 0 else {}


# ---------------------------------------------------------------------------------------------------------------------
# All rows


def table(results: Mapping[str, Mapping[str, str]]) -> str:
    """Return the results as a table in Markdown, in the order of the rows."""
    lines = [
        "| environment | Python | PyTorch | Lightning | `make run` | `make test` | on |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        if found := results.get(name):
            cells = [found.get(key, "") for key in ("python", "torch", "lightning")]
            run = found.get("run", "`make install` failed")
            lines.append(f"| {' | '.join([row.what, *cells, run, found.get('test', 'not run'), found['date']])} |")
    return "".join(f"{line}\n" for line in lines)


def write_table(readme: Path, results: Mapping[str, Mapping[str, str]]) -> None:
    """Put the table between its two marks in the README, where it has them."""
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        readme.write_text(f"{before}{begin}{table(results)}{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rows, one after the other; the exit status is 1 if one of them failed or could not be had."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all, if none is given")
    parser.add_argument("--keep", action="store_true", help="keep the environments, to look into a failure")
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no row {min(unknown)!r}: give some of {', '.join(ROWS)}")
    good = [try_row(name, keep=options.keep) for name in options.rows or ROWS]
    print(table(json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}), end="")
    return int(not all(good))


def try_row(name: str, *, keep: bool) -> bool:
    """Run a row, store its result at once, and say how it went; return whether all is well."""
    folder = ROOT / "build" / "matrix" / name
    try:
        found = run_row(name, folder)
    except NoMachine as error:
        print(f"{name}: cannot be had here: {error}", flush=True)
        return False
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results[name] = found
    RESULTS.write_text(json.dumps({row: results[row] for row in ROWS if row in results}, indent=1) + "\n")
    write_table(ROOT / "README.md", results)
    if not keep:
        machine(ROWS[name], folder).remove()
    result = ", ".join(f"{step} {found[step]}" for step in STEPS if step in found)
    print(f"{name}: {result} (logs in {folder.relative_to(ROOT)})", flush=True)
    return is_good(result)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("make matrix: interrupted; the same command goes on from here")
