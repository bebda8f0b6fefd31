"""The subcommand `why`. What reads traces is imported when it is needed."""

import argparse


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `why` to the command `mldrl-lite`."""
    text = "say in which step and quantity two runs first differ, and why that is likely"
    command = commands.add_parser(
        "why",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. Train both with Trainer(callbacks=[StepTrace()]), from "
        "mldrl_lite.trainer. Exit status, as of diff: 0 the same, 1 different, 2 it cannot be told.",
    )
    command.add_argument("run_a", metavar="RUN_A", help="the folder of a run, or its trace.jsonl")
    command.add_argument("run_b", metavar="RUN_B", help="the other one")
    command.set_defaults(command=_why)


def _why(options: argparse.Namespace) -> int:
    from mldrl_lite.trainer.why.report import first_difference

    verdict = first_difference(options.run_a, options.run_b)
    print(verdict)
    return 0 if verdict.same else 1
