"""Signals that ask a long piece of work to end are heard between its steps, not in the middle of one."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, the end that a batch system asks for, and a terminal that is closed."""


class Interrupts:
    """What was asked for since the work began."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake, self.number = wake, 0

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Take a signal: remember it, and wake whoever waits."""
        self.number = number
        self.wake()

    def check(self) -> None:
        """Stop if a signal has come.

        Raises:
            KeyboardInterrupt: one has.
        """
        if self.number:
            raise KeyboardInterrupt


@contextmanager
def heard_between_steps(wake: Callable[[], None]) -> Iterator[Interrupts]:
    """Hold signals back in the block, and hand the one that came to its own handler at the end.

    In the middle of a step, an exception could leave a lock locked, and the process would wait for it for ever.

    Args:
        wake: called by the handler; it must be safe at any moment, such as `SimpleQueue.put`.
    """
    interrupts = Interrupts(wake)
    before = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}
    try:
        with handled(before, interrupts):
            yield interrupts
    finally:
        if handler := before.get(interrupts.number):
            handler(interrupts.number, None)


@contextmanager
def handled(numbers: Iterable[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle signals in the block in another way; outside the main thread, where none arrives, do nothing."""
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number in (numbers if here else ())}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
