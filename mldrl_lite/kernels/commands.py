"""The subcommand of this room: `kernel`."""

import argparse


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `kernel` to the command `mldrl-lite`."""
    text = "install the warm kernel, which has torch and Lightning loaded, for Jupyter"
    command = commands.add_parser("kernel", help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(command=_kernel)


def _kernel(options: argparse.Namespace) -> int:
    from mldrl_lite.kernels import kernelspec

    print(f"The kernel {kernelspec.NAME} is in {kernelspec.install()}.")
    return 0
