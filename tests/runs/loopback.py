"""A scheduler and workers of dask.distributed in this process, on loopback, as `mldrl-lite worker` would start them."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from distributed import Scheduler, Security, Worker

from mldrl_lite.runs.cluster.servers import new_worker
from mldrl_lite.runs.cluster.settings import prepare


class Loopback:
    """Use it in a `with`; `address` is the scheduler's.

    Args:
        folder: for what dask writes.
        security: dask's, for TLS.
    """

    def __init__(self, folder: Path, security: Security | None = None) -> None:
        prepare()
        self.more = {"security": security, "protocol": "tls"} if security else {}
        self.folder, self.loop = folder, asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.workers: list[Worker] = []

    def __enter__(self) -> "Loopback":
        self.thread.start()
        self.scheduler = self.call(
            _started(Scheduler, host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", **self.more)
        )
        return self

    def __exit__(self, *_: object) -> None:
        for server in (*self.workers, self.scheduler):
            self.call(server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def call(self, work: Coroutine) -> Any:
        """Do this on the loop of the servers, and return what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return self.scheduler.address

    def worker(self, jobs: int = 1) -> Worker:
        """Start one more worker."""
        place = {"host": "127.0.0.1", "local_directory": str(self.folder / "scratch"), **self.more}
        self.workers.append(self.call(_started(new_worker, self.address, jobs, **place)))
        return self.workers[-1]


async def _started(make: Any, *arguments: Any, **named: Any) -> Any:
    return await make(*arguments, **named)
