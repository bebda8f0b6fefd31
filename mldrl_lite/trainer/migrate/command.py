"""The subcommand `migrate`.

What reads code is imported when it is needed: a page of help should not wait for it.
"""

import argparse
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mldrl_lite.messages import InputError

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.files import Migrated
    from mldrl_lite.trainer.migrate.findings import Finding

_COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}
_PLAIN = "\033[0m"


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `migrate` to the command `mldrl-lite`."""
    text = "bring scripts and notebooks of Lightning 0.9 and 1.x to version 2"
    more = "It shows the difference and changes nothing, unless --write is given. What only you can tell is reported."
    command = commands.add_parser("migrate", help=text, description=f"{text[0].upper()}{text[1:]}. {more}")
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, a notebook or a folder")
    mode = command.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="write the files, each in one step")
    mode.add_argument(
        "--check", action="store_true", help="exit with 1 if a file would change, or you would have to decide"
    )
    command.add_argument(
        "--colour", "--color", choices=("auto", "always", "never"), default="auto", help="of the difference (auto)"
    )
    command.set_defaults(command=_migrate)


def _migrate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from mldrl_lite.trainer.migrate.files import migrate_file, write
    from mldrl_lite.trainer.paths import sources_in, watched

    colour = options.colour == "always" or (options.colour == "auto" and sys.stdout.isatty())
    files = changed = decisions = unread = 0
    for path in watched(sources_in(options.paths), "migrate"):
        files += 1
        try:
            file = migrate_file(path)
            if options.write and file.after != file.before:
                write(file)
        except InputError as error:
            unread += 1
            tqdm.write(f"mldrl-lite: {error}", file=sys.stderr)
            continue
        changed += file.after != file.before
        decisions += sum(finding.kind == "decide" for finding in file.findings)
        with tqdm.external_write_mode():  # the bar steps aside
            _show(file, colour=colour, difference=not options.write and not options.check)
    print(_summary(files, changed, decisions, unread, written=options.write), file=sys.stderr)
    return 2 if unread else int(options.check and bool(changed or decisions))


def _show(file: "Migrated", *, colour: bool, difference: bool) -> None:
    if difference and file.after != file.before:
        print("".join(_difference(file, colour=colour)), end="")
    if file.after != file.before or any(finding.kind == "decide" for finding in file.findings):
        for finding in file.findings:
            if finding.kind != "changed" or not difference:
                print(_line(file.path, finding))


def _difference(file: "Migrated", *, colour: bool) -> list[str]:
    old, new = file.before.splitlines(keepends=True), file.after.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, str(file.path), str(file.path))
    lines = [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
    if not colour:
        return lines
    return [f"{_COLOURS[line[0]]}{line.rstrip()}{_PLAIN}\n" if line[0] in _COLOURS else line for line in lines]


def _line(path: Path, finding: "Finding") -> str:
    place = f"{path}:{finding.line}" if finding.cell is None else f"{path}: cell {finding.cell}, line {finding.line}"
    more = [f"upgrade guide {', '.join(finding.rows)}"] if finding.rows else []
    more += [f"A2, {finding.example}"] if finding.example else []
    return f"{place}: {finding.kind}: {finding.text}" + (f" ({'; '.join(more)})" if more else "")


def _summary(files: int, changed: int, decisions: int, unread: int, *, written: bool) -> str:
    parts = [f"{_count(files, 'file')} read", f"{changed} {'written' if written else 'to change'}"]
    parts += [f"{_count(decisions, 'place')} for you to decide"] if decisions else []
    parts += [f"{_count(unread, 'file')} that cannot be read"] if unread else []
    return f"{', '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
