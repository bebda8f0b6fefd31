"""The scheduler and the worker of a cluster, each a process that serves until it is told to end."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mldrl_lite.messages import InputError
from mldrl_lite.runs.cluster import machine
from mldrl_lite.runs.cluster.settings import LOOPBACK, is_encrypted, prepare, protocol
from mldrl_lite.runs.process.interrupts import ENDING
from mldrl_lite.runs.process.limits import allow_files

if TYPE_CHECKING:
    from distributed import Security, Worker

_OPEN = "whoever can reach {} can run code here: use a network of yours alone, or --tls-ca, --tls-cert and --tls-key"
_NO_PAGES = f"{LOOPBACK}:0"
"""Where dask's web server listens, which always starts; it has no pages here, see `settings`."""


def serve_scheduler(host: str, port: int, security: "Security | None") -> int:
    """Serve as the scheduler until told to end; return the number of the signal.

    Raises:
        InputError: it cannot listen there.
    """
    prepare()
    _check_free(host, port)
    return asyncio.run(_until_told(lambda told: _schedule(host, port, security, told)))


def _check_free(host: str, port: int = 0) -> None:
    """Stop unless this process may listen there.

    Raises:
        InputError: it may not.
    """
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except (OSError, OverflowError) as failure:
        place = f"{host}:{port}" if port else host
        raise InputError(f"{place} cannot be listened on ({failure}): give --host another address.") from None


async def _schedule(host: str, port: int, security: "Security | None", told: asyncio.Event) -> None:
    from distributed import Scheduler

    chosen = {"host": host, "port": port, "protocol": protocol(security), "security": security}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    scheduler = await Scheduler(dashboard=False, dashboard_address=_NO_PAGES, **chosen)
    _say(f"the scheduler is at {scheduler.address}")
    _warn_if_open(scheduler.address, security)
    try:
        await told.wait()
    finally:
        with suppress(Exception):
            await scheduler.close()


def serve_worker(address: str, jobs: int, host: str | None, security: "Security | None") -> int:
    """Run what sweeps send to the scheduler at this address until told to end; return the number of the signal.

    Where the scheduler is not there yet, or lost, the worker ends its runs and waits for it.

    Args:
        address: such as `tcp://10.0.0.7:8786`.
        jobs: how many runs at once.
        host: the address, or name, of this machine to listen on; without it, loopback, or what TLS guards.
        security: of dask.

    Raises:
        InputError: it is not said where it may listen, or it cannot listen there.
    """
    prepare()
    check_address(address)
    host = host or _own_host(address, security)
    if host:
        _check_free(host)
    allow_files(jobs)
    return asyncio.run(_until_told(lambda told: _work(address, jobs, host, security, told)))


def check_address(address: str) -> None:
    """Stop unless this is an address of a scheduler.

    Raises:
        InputError: it is none.
    """
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"{address!r} is no address of a scheduler: give one such as tcp://{LOOPBACK}:8786.")


def _own_host(address: str, security: "Security | None") -> str | None:
    if urlsplit(address).hostname in (LOOPBACK, "localhost", "::1"):
        return LOOPBACK
    if is_encrypted(security):
        return None  # the address by which the scheduler is reached
    raise InputError(
        "Who can reach a worker can run code on it: say with --host which address of this machine it may listen on, or "
        "give --tls-ca, --tls-cert and --tls-key."
    )


_PATIENCE = 5.0  # seconds until a worker says that it waits


async def _work(address: str, jobs: int, host: str | None, security: "Security | None", told: asyncio.Event) -> None:
    while not told.is_set():
        with tempfile.TemporaryDirectory(prefix="mldrl-lite-worker-") as scratch:
            worker = new_worker(address, jobs, host=host, security=security, local_directory=scratch)
            await _serve_once(worker, address, jobs, security, told)
        if not told.is_set():
            _say(f"{address} is lost: the runs here are ended, until it is there again")


def new_worker(address: str, jobs: int, **options: Any) -> "Worker":
    """Return a worker that tells its versions, and offers its code as a resource that a sweep asks for."""
    from distributed import Worker

    return Worker(address, nthreads=jobs, **worker_options(jobs), **options)


def worker_options(jobs: int) -> dict[str, Any]:
    """Return what makes a worker of dask's one of ours."""
    from mldrl_lite.runs.cluster.runs_here import RunsHere

    about = machine.about()
    return {
        "resources": {machine.code_of(about): jobs},
        "startup_information": {"mldrl_lite": lambda _: about},
        "plugins": (RunsHere(),),
        "memory_limit": 0,  # the memory is taken by kernels, which are other processes; see --memory of a sweep
        "dashboard": False,
        "dashboard_address": _NO_PAGES,
    }


async def _serve_once(
    worker: "Worker", address: str, jobs: int, security: "Security | None", told: asyncio.Event
) -> None:
    """Serve until told to end, or the scheduler is lost."""
    asked = asyncio.ensure_future(told.wait())
    try:
        if await _joined(worker, address, asked):
            _say(f"{machine.about()['host']} works for {address}: {jobs} at once, listening on {worker.address}")
            _warn_if_open(worker.address, security)
            ended = asyncio.ensure_future(worker.finished())
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        with suppress(Exception):
            await worker.close(timeout=5, reason="told to end")


async def _joined(worker: "Worker", address: str, asked: asyncio.Future) -> bool:
    """Wait until the scheduler knows the worker; return whether it does: the end may be asked for before."""
    start = asyncio.ensure_future(worker.start())
    await asyncio.wait({start, asked}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if not start.done() and not asked.done():
        _say(f"waiting for a scheduler at {address}")
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not start.done():
        start.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await start
        return False
    try:
        await start
    except Exception as failure:
        why = failure.__cause__ or failure
        raise InputError(f"The worker cannot start ({type(why).__name__}: {why}): see its options.") from None
    return True


async def _until_told(serve: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP; return the number of the signal."""
    told, numbers = asyncio.Event(), [signal.SIGTERM]
    loop = asyncio.get_running_loop()

    def tell(number: int) -> None:
        numbers[0] = number
        told.set()

    for number in ENDING if os.name == "posix" else ():
        loop.add_signal_handler(number, tell, number)
    await serve(told)
    return numbers[0]


def _warn_if_open(address: str, security: "Security | None") -> None:
    if not is_encrypted(security) and urlsplit(address).hostname != LOOPBACK:
        _say(_OPEN.format(address))


def _say(text: str) -> None:
    print(f"mldrl-lite: {text}", file=sys.stderr, flush=True)
