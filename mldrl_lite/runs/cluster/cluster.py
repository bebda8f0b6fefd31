"""A cluster of dask.distributed as what runs the runs of a sweep."""

import gc
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tqdm import tqdm

from mldrl_lite.messages import InputError
from mldrl_lite.runs.cluster.fleet import Fleet
from mldrl_lite.runs.cluster.servers import check_address
from mldrl_lite.runs.cluster.settings import prepare
from mldrl_lite.runs.cluster.visit import Visit
from mldrl_lite.runs.progress import STANDARD_ERROR
from mldrl_lite.runs.record.job import FAILED, Job
from mldrl_lite.runs.record.record import held_by_sweep, parse_record
from mldrl_lite.runs.sweeps.engines import Engine, EngineLostError

if TYPE_CHECKING:
    from distributed import Client, Security
    from distributed import Future as Task

_CONNECT_WITHIN, _FIT_WITHIN, _LOOK_EVERY, _SEEN_WITHIN = 10.0, 30.0, 1.0, 60.0  # seconds
_AHEAD = 2
"""So many runs wait on a worker for each that it runs at once: none is idle while an answer travels."""
_DROPPED_MOST = 5
_Say = Callable[[str], None]
_MOST_HOSTS = 4
"""So many hosts have a word of their own in the bar."""


class Cluster(Engine):
    """Workers that `mldrl-lite worker` has started, behind a scheduler.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.7:8786`.
        wait_for: how many fit workers to wait for, however long it takes; with none, the sweep begins with the first
            one that is fit, and gives up after half a minute without any.
        security: dask's, for TLS.

    Raises:
        InputError: that is no address.
        MissingExtra: distributed is not installed.
    """

    def __init__(self, address: str, wait_for: int = 0, security: "Security | None" = None) -> None:
        prepare()
        check_address(address)
        self.address, self.wait_for, self.security = address, wait_for, security
        self.flight: _Flight | None = None
        self.not_seen: dict[str, dict[str, Any]] = {}
        self.hosts: Counter[str] = Counter()

    @contextmanager
    def started(self, plan: Sequence[Job], todo: Sequence[Job], progress: bool) -> Iterator["Executor | None"]:
        """Find workers that are fit, give what sends runs to them, and end what is left when the block ends.

        Raises:
            InputError: the scheduler does not answer, or no worker is fit.
        """
        self.not_seen.clear()
        self.hosts.clear()
        if not todo:
            yield None
            return
        say = partial(_say, progress)
        with self._connected() as client:
            fleet = Fleet(client, Visit.for_plan(plan))
            self._wait_until_fit(fleet, say)
            with _Flight(self, client, fleet, say) as self.flight:
                yield self.flight
            self._wait_until_seen(plan, say)

    @contextmanager
    def _connected(self) -> Iterator["Client"]:
        from distributed import Client

        chosen = {"security": self.security} if self.security else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions, which are judged for each worker
            client, why = None, ""
            try:
                client = Client(self.address, timeout=_CONNECT_WITHIN, set_as_default=False, **chosen)
            except (OSError, ValueError, TypeError, RuntimeError) as failure:
                why = " ".join(str(failure).split())[:200]
        if client is None:
            # The half-made client closes itself when it is collected. While another one starts, in a second try, that
            # would wait for ever: distributed holds the same lock. So now, and with nothing that refers to it any more.
            gc.collect()
            raise InputError(f"No scheduler answers at {self.address} ({why}): start one with `mldrl-lite scheduler`.")
        try:
            yield client
        finally:
            with suppress(Exception):
                client.close(timeout=5)

    def _wait_until_fit(self, fleet: Fleet, say: _Say) -> None:
        end, many, waiting = time.monotonic() + _FIT_WITHIN, max(self.wait_for, 1), False
        while True:
            self._look(fleet, say)
            if (fit := len(fleet.fit)) >= many:
                return
            if not waiting:
                say(f"waiting for {many - fit} more worker{'s' if many - fit > 1 else ''}")
                waiting = True
            if not self.wait_for and time.monotonic() > end:
                raise InputError(_none_fit(fleet, self.address))
            time.sleep(_LOOK_EVERY / 2)

    def _look(self, fleet: Fleet, say: _Say) -> None:
        try:
            news = fleet.look()
        except (OSError, RuntimeError) as failure:
            raise EngineLostError(f"the scheduler at {self.address} is lost ({failure})") from None
        for line in news:
            say(line)

    def _wait_until_seen(self, plan: Sequence[Job], say: _Say) -> None:
        """Wait until this machine sees what others have written; a network's disk may show an old state for a while."""
        end = time.monotonic() + _SEEN_WITHIN
        if self._forget_seen(plan):
            say(f"waiting until {plan[0].out} shows {len(self.not_seen)} runs of other machines")
        while self._forget_seen(plan) and time.monotonic() < end:
            time.sleep(_LOOK_EVERY / 2)

    def _forget_seen(self, plan: Sequence[Job]) -> bool:
        """Forget the records that are seen by now; say whether some are not."""
        names = {name.removesuffix(FAILED): name for name in self.not_seen}
        for job in plan if names else ():
            if job.name in names and held_by_sweep(job):
                del self.not_seen[names[job.name]]
        return bool(self.not_seen)

    @property
    def at_once(self) -> int:
        """A few for each that can run at once; one is always under way, by which a lost scheduler is noticed."""
        slots = sum(member.slots for member in self.flight.fleet.fit.values()) if self.flight else 0
        return max(_AHEAD * slots, 1)

    def remark(self) -> str:
        """Return how many runs each host has done."""
        if self.flight and not self.flight.fleet.fit:
            return "no worker is there: waiting for one"
        if len(self.hosts) > _MOST_HOSTS:
            return f"{len(self.hosts)} hosts"
        return ", ".join(f"{host} {count}" for host, count in sorted(self.hosts.items()))

    def told(self) -> Mapping[str, dict[str, Any]]:
        """Return the records of runs that this machine does not see yet."""
        return dict(self.not_seen)


def _none_fit(fleet: Fleet, address: str) -> str:
    reasons = "; ".join(dict.fromkeys(str(member) for member in fleet.members.values()))
    start = f"start one with `mldrl-lite worker {address}`"
    return f"No worker is fit for this sweep: {reasons}. Mend that, or {start}." if reasons else f"No worker: {start}."


def _say(progress: bool, line: str) -> None:
    if progress:
        tqdm.write(line, file=STANDARD_ERROR)


@dataclass(eq=False)
class _Sent:
    """A run that was sent to a worker."""

    job: Job
    outer: Future = field(default_factory=Future)
    task: "Task | None" = None
    workers: Sequence[str] | None = None
    dropped: int = 0


class _Flight(Executor):
    """Sends runs to workers, and looks after them: a run whose workers are gone is sent to others."""

    def __init__(self, cluster: Cluster, client: "Client", fleet: Fleet, say: _Say) -> None:
        self.cluster, self.client, self.fleet, self.say = cluster, client, fleet, say
        self.sent: set[_Sent] = set()
        self.closing = threading.Event()
        self.fetchers = ThreadPoolExecutor(4, thread_name_prefix="answers")

    def __enter__(self) -> "_Flight":
        threading.Thread(target=self._look_after, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(Exception):
            self.client.cancel([sent.task for sent in list(self.sent) if sent.task], force=True)
        self.fetchers.shutdown(wait=False, cancel_futures=True)

    def submit(self, function: Any, job: Job, /) -> Future:  # type: ignore[override]
        """Send a run; what is done there is `execute`, whatever the function."""
        sent = _Sent(job)
        self.sent.add(sent)
        self._send(sent)
        return sent.outer

    def _send(self, sent: _Sent) -> None:
        from mldrl_lite.runs.cluster.runs_here import run_here

        sent.workers = self.fleet.restricted_to
        own = {"name": sent.job.name, "given": dict(sent.job.given), "data": sent.job.data}
        place = {"key": f"run-{uuid4().hex}", "workers": sent.workers, "resources": {self.fleet.code: 1}}
        try:
            sent.task = self.client.submit(run_here, sent.job.token, own, **place)
        except Exception as failure:
            self._end(sent, error=EngineLostError(f"nothing can be sent to {self.cluster.address} ({failure})"))
        else:
            sent.task.add_done_callback(partial(self._done, sent))

    def _done(self, sent: _Sent, task: "Task") -> None:
        """Take an answer, in dask's own thread: only what must be fetched from a worker is left to others."""
        if sent.task is not task or self.closing.is_set():
            return
        if task.cancelled():
            self._end(sent, error=self._lost())
        elif task.status == "finished" and (held := held_by_sweep(sent.job)):
            self._answer(sent, held)
        else:
            with suppress(RuntimeError):  # the sweep is about to end, and asks nobody any more
                self.fetchers.submit(self._fetch, sent, task)

    def _fetch(self, sent: _Sent, task: "Task") -> None:
        try:
            status, text = task.result()
        except Exception as failure:
            self._end(sent, error=self._lost() if task.cancelled() else failure)
            return
        if text:
            record = parse_record(text)
            self.cluster.not_seen[Path(sent.job.place if status == "ok" else sent.job.failed_place).name] = record
            self._answer(sent, record)
        elif sent.dropped < _DROPPED_MOST:
            sent.dropped += 1
            time.sleep(_LOOK_EVERY)
            self._send(sent)
        else:
            self._end(sent, "dropped")

    def _lost(self) -> EngineLostError:
        return EngineLostError(f"the scheduler at {self.cluster.address} is lost")

    def _answer(self, sent: _Sent, record: Mapping[str, Any]) -> None:
        self.cluster.hosts[record.get("machine", {}).get("host", "?")] += 1
        self._end(sent, record["status"])

    def _end(self, sent: _Sent, status: str = "", error: BaseException | None = None) -> None:
        """Hand on how a run went, and let go of its task: a scheduler runs again what is asked for and lost."""
        self.sent.discard(sent)
        sent.task = None
        if error:
            sent.outer.set_exception(error)
        else:
            sent.outer.set_result(status)

    def _look_after(self) -> None:
        while not self.closing.wait(_LOOK_EVERY):
            with suppress(Exception):  # the connection is lost, or about to be closed: the tasks tell that
                for line in self.fleet.look():
                    self.say(line)
                self._send_again()

    def _send_again(self) -> None:
        """Send runs once more that were meant for workers which are all gone."""
        there, fit = self.fleet.members, self.fleet.fit
        for sent in list(self.sent) if fit else ():
            if sent.workers is not None and sent.task and not any(address in there for address in sent.workers):
                old, sent.task = sent.task, None
                old.cancel()
                self._send(sent)
