"""The subcommands `new` and `judge`."""

import argparse
import shlex
from importlib.util import find_spec
from pathlib import Path

from mldrl_lite.teach.project.judging import judge_project
from mldrl_lite.teach.project.making import KINDS, PACKAGES, make_project


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `new` and `judge` to the command `mldrl-lite`."""
    _add_new(commands)
    _add_judge(commands)


def _add_new(commands: argparse._SubParsersAction) -> None:
    text = "start your own project"
    command = commands.add_parser(
        "new",
        help=text,
        description=f"{text[0].upper() + text[1:]}: a DataModule, a LightningModule, a training with checks, tests, a "
        "notebook and a README, which are yours to change. It imports Lightning, and nothing of mldrl-lite.",
    )
    command.add_argument("folder", type=Path, help="a folder that is not there yet, or is empty")
    command.add_argument("--kind", default=KINDS[0], help=f"its samples: {', '.join(KINDS)} ({KINDS[0]})")
    command.add_argument("--package", default=PACKAGES[0], help=f"{' or '.join(PACKAGES)} ({PACKAGES[0]})")
    command.set_defaults(command=_new)


def _add_judge(commands: argparse._SubParsersAction) -> None:
    text = "judge your own project"
    command = commands.add_parser(
        "judge",
        help=text,
        description=f"{text[0].upper() + text[1:]}: the tests that it was made with run on it, whatever has become of "
        "its own copy of them. Each point that is missing has the test that says so. It takes a minute or two, and "
        "ends with 0 when nothing is missing, and with 1 when something is.",
    )
    command.add_argument("folder", type=Path, help="a project that `mldrl-lite new` has begun")
    command.set_defaults(command=_judge)


def _judge(options: argparse.Namespace) -> int:
    judged = judge_project(options.folder)
    print(judged)
    return int(bool(judged.reasons))


def _new(options: argparse.Namespace) -> int:
    make_project(options.folder, options.kind, options.package)
    lines = [
        f"{options.folder} is ready: its README.md says what is in it. Begin with",
        f"  cd {shlex.quote(str(options.folder))}",
    ]
    if not find_spec(options.package):
        lines.append("  python -m pip install -r requirements.txt")
    print("\n".join([*lines, "  python -m pytest", "  python train.py"]))
    return 0
