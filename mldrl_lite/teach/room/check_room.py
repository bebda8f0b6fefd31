"""Set a laptop up from the stick, without a network, and check in five minutes whether the course runs on it.

Plain Python: `python check_room.py`. Each line says what is fine; the first trouble ends it with a sentence.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

PYTHON = (3, 11)
"""The oldest Python that serves."""
SPACE = 4
"""GB that the environment and the first runs take."""
_START_WITHIN = 120  # seconds, for JupyterLab on a slow laptop


class Trouble(Exception):  # noqa: N818 - it is read as a sentence
    """What is wrong, and what to do."""


def check(stick: Path, place: Path) -> None:
    """Make the environment in a folder, and check it; each step prints a line.

    Args:
        stick: the folder that holds `wheels/` and `course/`.
        place: the folder of the environment; one that is there is used again.

    Raises:
        Trouble: the laptop is not ready.
    """
    wheels = stick / "wheels" / system()
    steps: dict[str, Callable[[], str]] = {
        "Python": lambda: python_fits(wheels),
        "disk": lambda: enough_space(place),
        "environment": lambda: make_environment(place, wheels),
        "a run of one epoch": lambda: one_epoch(place, stick / "course" / "notebooks"),
        "JupyterLab": lambda: jupyter_opens(place, stick / "course"),
    }
    for name, step in steps.items():
        start = time.monotonic()
        said = step()
        print(f"ok   {name}: {said} ({time.monotonic() - start:.0f} s)", flush=True)


def system() -> str:
    """Return the name of this system, as the folders of wheels have it."""
    return {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")


def python_fits(wheels: Path, version: tuple[int, int] = sys.version_info[:2]) -> str:
    """Say which Python this is; the stick has to hold wheels for it."""
    told = ".".join(map(str, version))
    if version < PYTHON:
        raise Trouble(f"This is Python {told}: install {'.'.join(map(str, PYTHON))} or newer, and start it with that.")
    if not wheels.is_dir():
        raise Trouble(f"The stick has no wheels for this system ({wheels.name}): make room PLATFORMS={wheels.name}.")
    tags = {path.name.split("-")[-3] for path in wheels.glob("torch-*.whl")}
    if f"cp{version[0]}{version[1]}" not in tags:
        others = " and ".join(f"{tag[2]}.{tag[3:]}" for tag in sorted(tags)) or "no Python"
        raise Trouble(f"This is Python {told}, and the stick has wheels for {others}: install that, or make it anew.")
    return told


def enough_space(place: Path) -> str:
    """Say how much room the disk has."""
    there = next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free / 1e9
    if free < SPACE:
        raise Trouble(f"{there} has {free:.1f} GB left, and {SPACE} are needed: give --place a folder on another disk.")
    return f"{free:.0f} GB left"


def make_environment(place: Path, wheels: Path) -> str:
    """Make a virtual environment from the stick alone."""
    if not (place / "pyvenv.cfg").is_file():
        _run([sys.executable, "-m", "venv", str(place)], "no virtual environment can be made")
    pip = [str(program(place, "python")), "-m", "pip", "install", "--no-index", "--find-links", str(wheels)]
    _run([*pip, "--disable-pip-version-check", "mldrl-lite[course]"], "the wheels cannot be installed")
    return str(place)


def one_epoch(place: Path, notebooks: Path) -> str:
    """Run the first notebook for one epoch."""
    with tempfile.TemporaryDirectory() as out:
        command = [str(program(place, "mldrl-lite")), "course", str(notebooks / "00_quickstart.ipynb"), "-o", out]
        printed = _run([*command, "-p", "max_epochs", "1"], "the first notebook does not run")
    return " ".join(next((line for line in printed.splitlines() if line.startswith("00_")), "").split())


def jupyter_opens(place: Path, course: Path) -> str:
    """Start JupyterLab as a learner does, ask it for its page, and stop it."""
    with tempfile.TemporaryDirectory() as runtime, tempfile.TemporaryFile() as words:
        command = [str(program(place, "jupyter")), "lab", "--no-browser", f"--ServerApp.root_dir={course.absolute()}"]
        command += ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # it asks root for that
        env = os.environ | {"JUPYTER_RUNTIME_DIR": runtime}
        server = subprocess.Popen(command, env=env, stdout=words, stderr=words)  # noqa: S603
        try:
            address = _address(Path(runtime), server)
            with urllib.request.urlopen(address, timeout=60) as page:  # noqa: S310 - of this machine
                return f"it answers ({page.status})"
        except OSError as error:
            words.seek(0)
            last = words.read().decode(errors="replace").strip().splitlines()[-1:]
            raise Trouble(f"JupyterLab does not open: {error} {' '.join(last)}") from None
        finally:
            server.terminate()
            server.wait()


def _address(runtime: Path, server: "subprocess.Popen[bytes]") -> str:
    """Wait until the server says where it listens."""
    deadline = time.monotonic() + _START_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            told = json.loads(file.read_text(encoding="utf-8") or "{}")
            if told:
                return f"{told['url']}lab?token={told['token']}"
        time.sleep(0.2)
    raise OSError("it has not started")


def program(place: Path, name: str) -> Path:
    """Return a program of an environment."""
    return place / "Scripts" / f"{name}.exe" if sys.platform == "win32" else place / "bin" / name


def _run(command: Sequence[str], trouble: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"})  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise Trouble(f"{trouble[0].upper()}{trouble[1:]}: {last}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Check this laptop; the exit status is 0 when it is ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stick", type=Path, default=Path(__file__).parent, help="the stick's folder (this one)")
    place = Path.home() / "mldrl-lite-room"
    parser.add_argument("--place", type=Path, default=place, help=f"folder of the environment ({place})")
    options = parser.parse_args(arguments)
    try:
        check(options.stick, options.place)
    except Trouble as trouble:
        print(f"NOT  {trouble}", flush=True)
        return 1
    lab = f"{program(options.place, 'jupyter')} lab --ServerApp.root_dir={options.stick / 'course'}"
    print(f"This laptop is ready. Begin with: {lab}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
