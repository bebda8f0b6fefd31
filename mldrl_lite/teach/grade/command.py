"""The subcommand `grade`."""

import argparse
from pathlib import Path


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `grade` to the command `mldrl-lite`."""
    text = "grade handed-in copies"
    command = commands.add_parser(
        "grade",
        help=text,
        description=f"{text[0].upper() + text[1:]}: FOLDER holds a folder for each learner, or files named after them. "
        "Each copy runs in a kernel of its own, and the course's own checks judge it. It runs as you do: grade "
        "strangers' copies in a container.",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="what was handed in")
    command.add_argument("-o", "--out", type=Path, default=Path("graded"), help="folder of the book (graded)")
    command.add_argument("-j", "--jobs", type=int, default=1, help="how many run at once (1)")
    command.add_argument(
        "--timeout", type=float, default=60, metavar="SECONDS", help="time for a cell, and for a check (60)"
    )
    command.add_argument("--memory", type=float, default=4000, metavar="MB", help="main memory for a copy (4000)")
    command.add_argument(
        "--notebooks", type=Path, default=Path("notebooks"), help="folder of the course's notebooks (notebooks)"
    )
    command.add_argument("--kernel", help="name of the Jupyter kernel")
    command.set_defaults(command=_grade)


def _grade(options: argparse.Namespace) -> int:
    from mldrl_lite.teach.grade import network

    if not network.is_cut_off():
        network.begin_again_without_network(_arguments(options))
    cut_off = network.is_cut_off()
    if cut_off:
        network.open_loopback()
    return _make_book(options, cut_off)


def _arguments(options: argparse.Namespace) -> list[str]:
    """Return the arguments as they were given."""
    names = ("out", "jobs", "timeout", "memory", "notebooks", *(["kernel"] if options.kernel else []))
    named = [part for name in names for part in (f"--{name}", str(getattr(options, name)))]
    return ["grade", *named, "--", str(options.folder)]


def _make_book(options: argparse.Namespace, cut_off: bool) -> int:
    from mldrl_lite.kernels.kernelspec import default_kernel
    from mldrl_lite.teach.grade.book import BOOK, grade, write_csv
    from mldrl_lite.teach.grade.grading import Terms
    from mldrl_lite.teach.grade.pages import CLASS, write_pages

    terms = Terms(options.kernel or default_kernel(), options.timeout, options.memory, guard=not cut_off)
    book = grade(options.folder, options.out, options.notebooks, terms, jobs=options.jobs, cut_off=cut_off)
    write_csv(book, options.out / BOOK)
    write_pages(book, options.out)
    print(f"{book.summary()}\nOpen {options.out / CLASS}; the table is {options.out / BOOK}")
    if book.waiting:
        raise KeyboardInterrupt
    return 0
