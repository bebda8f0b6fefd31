"""Progress on standard error that never ends, or holds up, the work that it tells of."""

import sys
from contextlib import suppress
from typing import Any


class _StandardError:
    """Standard error, where writing never fails, even when nobody reads it any more.

    tqdm would leave its lock locked after such an error, and the process would wait for it at its end, for ever.
    """

    def write(self, text: str) -> None:
        with suppress(OSError, AttributeError):  # there may be none at all
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, AttributeError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


STANDARD_ERROR = _StandardError()


def bar_options() -> dict[str, Any]:
    """Return the arguments of tqdm for a bar of a long run."""
    # tqdm asks a terminal for its width only when it has been given the very object sys.stderr, or told to ask.
    return {"file": STANDARD_ERROR, "dynamic_ncols": bool(sys.stderr and sys.stderr.isatty())}
