"""The subcommands of this room: `check`, and those that stand beside what they run."""

import argparse

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.ckpt import command as ckpt
from mldrl_lite.trainer.migrate import command as migrate
from mldrl_lite.trainer.why import command as why

_FORMATS = ("text", "json", "sarif", "github")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `check`, `ckpt`, `migrate` and `why` to the command `mldrl-lite`."""
    _add_check(commands)
    ckpt.add_command(commands)
    migrate.add_command(commands)
    why.add_command(commands)


def _add_check(commands: argparse._SubParsersAction) -> None:
    text = "find mistakes in files that use Lightning and that raise no error, without running them"
    command = commands.add_parser(
        "check",
        help=text,
        description=f"{text[0].upper() + text[1:]}. A line with '# noqa: CODE' is left alone. Exit status: 0 nothing "
        "found, 1 something found, 2 the input cannot be used.",
    )
    command.add_argument("paths", nargs="*", metavar="PATH", help="files *.py and *.ipynb, and folders with such files")
    command.add_argument(
        "--select", action="append", metavar="CODE", help="look for these only: MLT101, or MLT1 for all of its kind"
    )
    command.add_argument("--ignore", action="append", metavar="CODE", help="do not look for these")
    command.add_argument("--format", choices=_FORMATS, default="text", help="how to say it (default: text)")
    command.add_argument("--rules", action="store_true", help="list the rules and end")
    command.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from mldrl_lite.trainer.check.entry import check
    from mldrl_lite.trainer.check.report import FORMATS
    from mldrl_lite.trainer.paths import watched

    if options.rules:
        print(_rules())
        return 0
    if not options.paths:
        raise InputError("check wants to know what to look at: give files *.py or *.ipynb, or folders.")
    remarks = list(check(options.paths, _codes(options.select), _codes(options.ignore) or (), watched))
    words = FORMATS[options.format](remarks)
    if words:
        print(words)
    return 1 if remarks else 0


def _codes(given: list[str] | None) -> list[str] | None:
    return [code for text in given for code in text.split(",")] if given else None


def _rules() -> str:
    from mldrl_lite.trainer.rules.catalogue import RULES

    lines = (f"{rule.code}  {rule.name}{'' if rule.default else ' (off by default)'}: {rule.seen_by}" for rule in RULES)
    return "\n".join(lines)
