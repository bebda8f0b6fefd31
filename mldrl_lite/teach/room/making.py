"""The stick for a room without a network: `make room` writes it to build/room.

It holds the workshop, wheels for the laptops' systems, the site where it is built, and `check_room.py`, which sets a
laptop up from the stick and looks whether all works.
"""

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.teach.room import check_room
from mldrl_lite.teach.room.wheels import PATCH, SYSTEMS, Run, chosen_systems, download, run_quietly
from mldrl_lite.teach.workshop import make_workshop

EXTRA = "course"
_README = """# mldrl-lite: a room without a network

On each laptop, with Python {pythons} installed, in this folder:

```
python check_room.py
```

It makes an environment in the folder `mldrl-lite-room` of your home, from this stick alone, and says in five minutes
whether the room is ready. Wheels: {systems}. The course is in `course/`; open `course/index.html` to read.
"""


def make_room(
    root: Path, out: Path, systems: Sequence[str], pythons: Sequence[str], index: str = "", run: Run = run_quietly
) -> dict[str, int]:
    """Write the stick; wheels that are there already are not fetched again.

    Args:
        root: the folder of the course.
        out: gets `course/`, `wheels/SYSTEM/`, `site/`, `check_room.py` and `README.md`.
        systems: names of `SYSTEMS`.
        pythons: the versions of the laptops' Python, such as `3.12`.
        index: a package index beside the usual one, as PyTorch's own of CPU builds; not for macOS, where the usual
            builds are for the CPU.
        run: runs pip.

    Returns:
        The size of the wheels for each system, in MB.

    Raises:
        InputError: an unknown system, or wheels that pip does not find.
    """
    chosen = chosen_systems(systems)
    make_workshop(root, out / "course")
    with tempfile.TemporaryDirectory() as place:
        run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", place, str(root)])
        [wheel] = Path(place).glob("*.whl")
        sizes = {}
        for name, system in chosen.items():
            folder = out / "wheels" / name
            for old in folder.glob("mldrl_lite-*.whl"):
                old.unlink()
            options = ["--constraint", str(root / "constraints-torch.txt")]
            options += ["--extra-index-url", index] if index and name != "macos" else []
            for python in pythons:
                print(f"Wheels for {name}, Python {python}", flush=True)
                download(wheel, EXTRA, folder, system, python, options, run)
            sizes[name] = round(sum(path.stat().st_size for path in folder.glob("*.whl")) / 1e6)
    _copy_site(root / "build" / "site", out / "site")
    shutil.copyfile(check_room.__file__, out / "check_room.py")
    text = _README.format(
        pythons=" or ".join(f"{python}.{PATCH} (or a newer {python})" for python in pythons), systems=", ".join(chosen)
    )
    (out / "README.md").write_text(text, encoding="utf-8")
    return sizes


def _copy_site(site: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if site.is_dir():
        shutil.copytree(site, place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the stick, and say what it holds; the exit status is 0, or 2 for input that cannot be used."""
    this = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.room.making", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of the course")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/room"), help="the folder of the stick")
    parser.add_argument("--systems", nargs="+", default=[this], help=f"of the laptops: {', '.join(SYSTEMS)}")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--pythons", nargs="+", default=[version], help=f"of the laptops ({version})")
    parser.add_argument("--index", default="", help="a package index beside the usual one")
    options = parser.parse_args(arguments)
    try:
        sizes = make_room(options.root, options.out, options.systems, options.pythons, options.index)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    told = ", ".join(f"{name} {size} MB" for name, size in sizes.items())
    print(f"The stick is {options.out}. Wheels: {told}. On a laptop: python check_room.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
