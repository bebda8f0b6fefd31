"""The subcommands `scheduler` and `worker`, and what `sweep` takes to use them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mldrl_lite.runs.options import add_jobs

if TYPE_CHECKING:
    from mldrl_lite.runs.cluster.cluster import Cluster

_TLS = (("ca", "certificate of the authority that signs"), ("cert", "certificate"), ("key", "private key"))


def add_cluster(command: argparse.ArgumentParser) -> None:
    """Add `--scheduler`, `--wait-for` and TLS to a command that runs many notebooks."""
    command.add_argument("--scheduler", metavar="ADDRESS", help="run on other machines: tcp://HOST:8786")
    command.add_argument("--wait-for", type=int, default=0, metavar="N", help="begin when N workers are fit")
    _add_tls(command)


def add_scheduler(command: argparse.ArgumentParser) -> None:
    """Add the options of `scheduler`."""
    from mldrl_lite.runs.cluster.settings import LOOPBACK, PORT

    command.add_argument("--host", default=LOOPBACK, help=f"address to listen on ({LOOPBACK}: this machine alone)")
    command.add_argument("--port", type=int, default=PORT, help=f"({PORT})")
    _add_tls(command)


def add_worker(command: argparse.ArgumentParser) -> None:
    """Add the options of `worker`."""
    command.add_argument("scheduler", metavar="ADDRESS", help="address that `mldrl-lite scheduler` tells")
    add_jobs(command)
    command.add_argument("--host", help="address of this machine to listen on; none is needed beside the scheduler")
    _add_tls(command)


def _add_tls(command: argparse.ArgumentParser) -> None:
    for name, text in _TLS:
        command.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=text)


def chosen_cluster(options: argparse.Namespace) -> "Cluster | None":
    """Return the cluster that the options name, or None.

    Raises:
        InputError: they cannot be meant.
    """
    from mldrl_lite.messages import InputError, require

    require("wait-for", options.wait_for, int, at_least=0)
    if options.scheduler is None:
        if options.wait_for or options.tls_ca or options.tls_cert or options.tls_key:
            raise InputError("--wait-for and --tls-… are for a sweep on other machines: give --scheduler, too.")
        return None
    if options.jobs != 1:
        raise InputError("How many runs a machine does at once is told to its worker: give -j there, not to the sweep.")
    from mldrl_lite.runs.cluster.cluster import Cluster

    return Cluster(options.scheduler, options.wait_for, _security(options, "client"))


def _security(options: argparse.Namespace, role: str) -> object:
    from mldrl_lite.runs.cluster.settings import prepare, security

    prepare()
    return security(options.tls_ca, options.tls_cert, options.tls_key, role)


def run_scheduler(options: argparse.Namespace) -> int:
    """Serve as a scheduler; return the exit status of whoever is ended by a signal."""
    from mldrl_lite.messages import require
    from mldrl_lite.runs.cluster.servers import serve_scheduler

    require("port", options.port, int, at_least=0, at_most=65_535)
    return 128 + serve_scheduler(options.host, options.port, _security(options, "scheduler"))


def run_worker(options: argparse.Namespace) -> int:
    """Serve as a worker; return the exit status of whoever is ended by a signal."""
    from mldrl_lite.messages import require
    from mldrl_lite.runs.cluster.servers import serve_worker

    require("jobs", options.jobs, int, at_least=1)
    return 128 + serve_worker(options.scheduler, options.jobs, options.host, _security(options, "worker"))
