"""What the end of a kernel's process means."""

import signal

DIED = "the kernel died"
"""How the error of a run begins whose kernel's process ended."""
_MEANINGS = {
    "SIGKILL": "usually the system was out of memory",
    "SIGSEGV": "compiled code has crashed",
    "SIGBUS": "usually the shared memory (/dev/shm) or the disk was full",
    "SIGABRT": "compiled code gave up; its last words are in brackets, if it left any",
    "SIGXCPU": "it has used up its processor time (ulimit -t)",
    "SIGILL": "compiled code was made for another processor",
    "SIGTERM": "somebody, or a batch system, has ended it",
}


def ending(code: int | None) -> str:
    """Return how a process ended, and what that usually means, from its exit status (minus a signal's number)."""
    if code is None:
        return "nobody knows how"
    if code >= 0:
        return f"its process exited with status {code}, as os._exit({code}) does"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"killed by signal {-code}"
    meaning = f": {_MEANINGS[name]}" if name in _MEANINGS else ""
    return f"killed by signal {-code} ({name}){meaning}"
