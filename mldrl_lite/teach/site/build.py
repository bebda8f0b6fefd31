"""Build the site: `python -m mldrl_lite.teach.site.build`."""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from mldrl_lite.messages import InputError
from mldrl_lite.teach.site.source import Course, read_course, write_book, write_site

_MARK = ".mldrl-lite-site"


def address_of(root: Path) -> str:
    """Return where the project lies on the web, as pyproject.toml says under `[project.urls]`; "" where it does not."""
    file = root / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"] if file.is_file() else {}
    return re.sub(r"(\.git)?/?$", "", project.get("urls", {}).get("Repository", ""))


def build_site(root: Path, out: Path) -> Course:
    """Build the site of a course into `out`, which takes the place of an earlier site when all is there.

    Args:
        root: the folder of the course: it holds `notebooks/`, `mldrl_lite/`, `README.md` and so on.
        out: gets the pages; `index.html` opens from the disk, too.

    Raises:
        InputError: no notebooks; `out` holds something else; Sphinx is not installed, or has found something wrong.
    """
    if out.exists() and not (out / _MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} holds something that is not a site: give --out a new folder.")
    course = read_course(root, address_of(root))
    with _folder_beside(out) as place:
        source, new = place / "source", place / "new"
        write_site(course, source)
        run_sphinx("html", source, new)
        for stem in course.nodes:
            shutil.copyfile(root / "notebooks" / f"{stem}.ipynb", new / "notebooks" / f"{stem}.ipynb")
        for file in [*new.glob("_static/*webpack-macros.html"), *new.glob("_static/**/*.map")]:
            file.unlink()  # what the theme was made from
        (new / _MARK).touch()
        if out.exists():
            out.rename(place / "old")
        new.rename(out)
    return course


def print_book(root: Path, out: Path) -> Course:
    """Print the course as one PDF file.

    Raises:
        InputError: no notebooks; Chromium or Sphinx is not installed, or one of them has failed.
    """
    chromium = find_chromium()
    course = read_course(root, address_of(root))
    with _folder_beside(out) as place:
        write_book(course, place / "source")
        run_sphinx("singlehtml", place / "source", place / "new")
        _print(chromium, place / "new" / "index.html", place)
        (place / "book.pdf").replace(out)
    return course


def _print(chromium: str, page: Path, place: Path) -> None:
    pdf = place / "book.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
    options += ["--generate-pdf-document-outline", f"--user-data-dir={place / 'profile'}"]
    done = subprocess.run([chromium, *options, page.resolve().as_uri()], capture_output=True, text=True)  # noqa: S603
    if done.returncode or not pdf.is_file():
        raise InputError(f"Chromium has not printed the course: {done.stderr.strip()[-300:]}")


def find_chromium() -> str:
    """Return the browser that prints: the one that the variable CHROMIUM names, or one that is installed.

    Raises:
        InputError: there is none.
    """
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    if not found:
        raise InputError("The PDF is printed by Chromium, which is not installed: install it, or name it in CHROMIUM.")
    return found


@contextlib.contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """Give a folder that is gone afterwards, on the same disk as `out`."""
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site~", dir=out.absolute().parent) as place:
        yield Path(place)


def run_sphinx(builder: str, source: Path, out: Path, *options: str) -> None:
    """Let Sphinx build; every warning is an error.

    Raises:
        InputError: Sphinx is not installed, or has warned.
    """
    try:
        from sphinx.cmd.build import main as sphinx
    except ModuleNotFoundError:
        raise InputError("The site is built with Sphinx, which is not installed: pip install '.[site]'.") from None
    fixed = ["--jobs", "auto", "--fail-on-warning", "--quiet", "--builder", builder]
    fixed += ["--conf-dir", str(Path(__file__).parent), "--doctree-dir", str(source.parent / "doctrees")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Sphinx's extensions say of one another's future; Sphinx logs its own
        failed = sphinx([*fixed, *options, str(source), str(out)])
    if failed:
        raise InputError("The site was not built, for the reasons above.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, and say where it is; the exit status is 0, or 2 for what cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.site.build", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of the course")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/site"), help="folder that is made anew")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="print the course into this file instead")
    options = parser.parse_args(arguments)
    try:
        course = print_book(options.root, options.pdf) if options.pdf else build_site(options.root, options.out)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    print(f"{len(course.nodes)} notebooks: open {options.pdf or options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
