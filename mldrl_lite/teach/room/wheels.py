"""Wheels for other systems than this one, each with all that it needs there.

pip downloads wheels for another system, but asks *this* one which requirements hold: environment markers are those of
the running Python. So pip fetches single wheels, of the versions that the constraints say, and what each needs on the
other system, as pywinpty on Windows, is read from the wheels themselves.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from mldrl_lite.messages import InputError, did_you_mean, listing

Run = Callable[[Sequence[str]], None]
"""Runs a command, and raises when it fails."""

PATCH = 9
"""Of a version 3.x of Python, this patch or a newer one is meant: `3.11` alone is 3.11.0 to pip, too old for some."""


@dataclass(frozen=True)
class System:
    """A kind of laptop."""

    tags: tuple[str, ...]
    """What pip calls it, the oldest version last."""
    markers: dict[str, str]
    """What Python says there of its system."""


SYSTEMS = {
    "linux": System(
        (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64", "linux_x86_64"),
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    ),
    "windows": System(
        ("win_amd64",),
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    ),
    "macos": System(
        tuple(f"macosx_{major}_0_arm64" for major in range(14, 10, -1)),
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    ),
}
"""64-bit Linux with glibc 2.28 (Debian 10, Ubuntu 20.04) or newer, Windows, and macOS 14 on Apple's own processors."""


def chosen_systems(names: Iterable[str]) -> dict[str, System]:
    """Return systems by their names.

    Raises:
        InputError: one is not known.
    """
    names = list(names)
    for name in names:
        if name not in SYSTEMS:
            raise InputError(f"No system {name!r}{did_you_mean(name, SYSTEMS)}: give {listing(SYSTEMS)}.")
    return {name: SYSTEMS[name] for name in names}


def download(
    wheel: Path, extra: str, folder: Path, system: System, python: str, options: Sequence[str], run: Run
) -> list[Path]:
    """Download what a wheel needs on a system; what is in the folder already is not fetched again.

    Args:
        wheel: the wheel that is to be installed, with the requirements of one extra.
        extra: its name.
        folder: gets the wheels.
        system: the system of the laptops.
        python: the version of their Python, such as `3.12`.
        options: more for pip, as `--constraint FILE`.
        run: runs pip.

    Returns:
        The wheels in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tags = [part for tag in system.tags for part in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    pip += [*tags, "--python-version", f"{python}.{PATCH}", "--implementation", "cp", *options, "--dest", str(folder)]
    shutil.copy(wheel, folder)
    before: list[str] = []
    while wanted := missing(folder, system, python, {canonicalize_name("mldrl-lite"): {extra}}):
        if wanted == before:
            raise InputError(f"pip has brought no wheel of {listing(wanted)} for this system: leave the system out.")
        run([*pip, *wanted])
        before = wanted
    return sorted(folder.glob("*.whl"))


def missing(folder: Path, system: System, python: str, extras: dict[str, set[str]]) -> list[str]:
    """Return the requirements of a folder's wheels that hold on a system and that no wheel of the folder meets.

    Args:
        folder: the wheels.
        system: the system of the laptops.
        python: the version of their Python.
        extras: the extras that are asked for, by the name of the package; those of requirements are added.
    """
    wheels = {canonicalize_name(parse_wheel_filename(path.name)[0]): path for path in sorted(folder.glob("*.whl"))}
    environment = system.markers | {"python_version": python, "python_full_version": f"{python}.{PATCH}"}
    found: dict[str, None] = {}
    waiting, seen = [(name, extra) for name, names in extras.items() for extra in ("", *names)], set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in wheels:
            continue
        seen.add((name, extra))
        for need in requirements(wheels[name]):
            if need.marker and not need.marker.evaluate({**environment, "extra": extra}):
                continue
            needed = canonicalize_name(need.name)
            if needed not in wheels:
                found[str(Requirement(f"{need.name}{_asked(need)}{need.specifier}"))] = None
            waiting += [(needed, part) for part in ("", *need.extras)]
    return list(found)


def _asked(need: Requirement) -> str:
    return f"[{','.join(sorted(need.extras))}]" if need.extras else ""


def requirements(wheel: Path) -> list[Requirement]:
    """Return what a wheel says that it needs."""
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [
            name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        ]
        told = Parser().parsestr(archive.read(metadata).decode("utf-8"))
    return [Requirement(line) for line in told.get_all("Requires-Dist") or []]


def run_quietly(command: Sequence[str]) -> None:
    """Run pip.

    Raises:
        InputError: it failed; its last line says why.
    """
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise InputError(f"pip has not found all wheels: {' '.join(said)}")
