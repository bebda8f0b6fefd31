"""Waiting for what will be, on a machine that may be busy with other things."""

import time
from collections.abc import Callable

PATIENCE = 300
"""Seconds after which a test takes it that what it waits for will not come."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
