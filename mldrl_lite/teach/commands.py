"""The subcommands of this room: `progress`, and those that stand beside what they run, `grade`, `new` and `judge`."""

import argparse

from mldrl_lite.teach import record
from mldrl_lite.teach.grade import command as grade
from mldrl_lite.teach.project import command as project


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `progress`, `grade`, `new` and `judge` to the command `mldrl-lite`."""
    _add_progress(commands)
    grade.add_command(commands)
    project.add_commands(commands)


def _add_progress(commands: argparse._SubParsersAction) -> None:
    text = "say which exercises you have solved, and where to go on"
    command = commands.add_parser(
        "progress",
        help=text,
        description=f"{text[0].upper() + text[1:]}. Checks that say Right in a page are recorded in a file of yours, "
        f"which goes nowhere; {record.VARIABLE} names another file, or none when it is empty.",
    )
    command.add_argument("--forget", action="store_true", help="remove the record")
    command.set_defaults(command=_progress)


def _progress(options: argparse.Namespace) -> int:
    file = record.place()
    if file is None:
        print(f"Nothing is recorded: {record.VARIABLE} is empty.")
        return 0
    if options.forget:
        print(f"Removed {file}." if file.exists() else f"There is no record: {file} does not exist.")
        file.unlink(missing_ok=True)
        return 0
    done, items = record.solved(file), record.course(file)
    print("\n".join(_line(item) for item in items))
    print(f"\n{sum(sum(item.done) for item in items)} of {sum(len(item.done) for item in items)} exercises are solved.")
    goal = record.next_notebook(items, done)
    print(f"Go on with exercise {goal.open[0]} of {goal.notebook}." if goal else "That is all of the course.")
    print(f"The record: {file}" if file.exists() else f"The record will be {file}")
    return 0


def _line(item: record.Progress) -> str:
    still = f"   open: {', '.join(map(str, item.open))}" if any(item.done) and item.open else ""
    return f"{item.notebook:<28}{sum(item.done)} of {len(item.done)}{still}"
