"""One kernel that runs the cells of a copy: what they print goes nowhere, and what ends them costs only this kernel."""

import ast
import json
import queue
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_core.utils import run_sync

from mldrl_lite.runs.process import strays
from mldrl_lite.runs.process.endings import ending
from mldrl_lite.runs.process.engine import START_WITHIN
from mldrl_lite.runs.process.kernel import Kernel, driving
from mldrl_lite.runs.process.limits import Limits, held_to

_LOOK_EVERY = 0.5  # seconds
_INSIDE = "__import__('mldrl_lite.teach.grade.inside', fromlist=['inside'])"


class Ended(Exception):  # noqa: N818 - it is what became of the kernel
    """The kernel is gone, or is not to be used any more.

    Attributes:
        timed_out: whether a cell took longer than it may.
    """

    def __init__(self, why: str, timed_out: bool = False) -> None:
        super().__init__(why)
        self.timed_out = timed_out


class Session:
    """A running kernel."""

    def __init__(self, manager: Kernel, client: BlockingKernelClient, broken: list[str]) -> None:
        self._manager, self._client, self._broken = manager, client, broken

    def run(self, source: str, seconds: float) -> str:
        """Run a cell.

        Returns:
            Its error in one line; "" without one.

        Raises:
            Ended: the kernel is gone, or the cell is still at work after `seconds`.
        """
        content = self._execute(source, seconds)
        if any(part.get("source") == "ask_exit" for part in content.get("payload") or ()):
            raise Ended("it calls exit()")
        return "" if content["status"] == "ok" else _one_line(content)

    def value(self, expression: str, seconds: float) -> Any:
        """Return what an expression that gives JSON is in the kernel.

        Raises:
            Ended: as in `run`.
            ValueError: it gives none.
        """
        content = self._execute("", seconds, {"value": expression})
        found = content.get("user_expressions", {}).get("value", {})
        if found.get("status") != "ok":
            raise ValueError(_one_line(found))
        return json.loads(ast.literal_eval(found["data"]["text/plain"]))

    def _execute(self, source: str, seconds: float, expressions: dict[str, str] | None = None) -> dict[str, Any]:
        asked = self._client.execute(
            source, store_history=not expressions, user_expressions=expressions or {}, allow_stdin=False
        )
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self._client.get_shell_msg(timeout=_LOOK_EVERY)
                if message["parent_header"].get("msg_id") == asked:
                    return message["content"]
            except queue.Empty:
                self._look(deadline, seconds)

    def _look(self, deadline: float, seconds: float) -> None:
        if self._broken:
            raise Ended(self._broken[0])
        provisioner = self._manager.provisioner
        code = run_sync(provisioner.poll)()
        if code is not None:
            raise Ended(f"it ends the kernel: {ending(code)}")
        if time.monotonic() > deadline:
            raise Ended(f"it took more than {seconds:g} seconds", timed_out=True)


def _one_line(content: dict[str, Any]) -> str:
    words = " ".join(f"{content.get('ename')}: {content.get('evalue')}".split())[:1000]
    return re.sub(r"\(\d+\.py, line", "(line", words)  # a cell has no file that anybody knows


@contextmanager
def session(folder: Path, kernel: str, memory: float, guard: bool) -> Iterator[Session]:
    """Start a kernel in a folder, and end it with all that it has started.

    Args:
        folder: where its cells run.
        kernel: its name.
        memory: MB of main memory that it may take.
        guard: whether it refuses its own sockets.

    Raises:
        Ended: it does not start.
    """
    with tempfile.TemporaryFile() as words, driving(words) as options:
        manager = Kernel(kernel_name=kernel, config=options["config"])
        run_sync(manager.start_kernel)(cwd=str(folder))
        client = manager.blocking_client()
        try:
            # What the cells print is not asked for: a flood of it reaches nobody.
            client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)  # noqa: S604
            with held_to(Limits(memory=memory), lambda: manager.pid, manager.end) as broken:
                running = Session(manager, client, broken)
                manager.inner_pid = running.value(f"str({_INSIDE}.process())", START_WITHIN)
                running.value(f"str({_INSIDE}.prepare({guard}) or 0)", START_WITHIN)
                yield running
        finally:
            client.stop_channels()
            manager.end()
            run_sync(manager.shutdown_kernel)(now=True)
            strays.end(strays.marked(manager.mark))


def judge(running: Session, source: str, answer: str, seconds: float) -> dict[str, str]:
    """Have the kernel run a check; see `inside.judged`."""
    return running.value(f"{_INSIDE}.judged({source!r}, {answer!r}, globals())", seconds)
