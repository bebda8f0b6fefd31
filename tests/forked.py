"""Run code in folders, each in a fork of this process, which has loaded torch and Lightning once for all.

It reads a JSON list of pairs, folder and code, and writes one of pairs, exit status and what was printed. The status of
one that was killed is minus the number of the signal.
"""

import contextlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import pytest  # noqa: F401 - loaded for the forks, as all of these
import pytorch_lightning  # noqa: F401
import sklearn.linear_model
import sklearn.model_selection  # noqa: F401


def forked(folder: str, code: str) -> tuple[int, str]:
    """Return the exit status of the code, and what it and its children have printed."""
    said = Path(folder, "said.txt")
    if child := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # loader workers, where the child was killed
        return status, said.read_text(encoding="utf-8")
    os.setsid()
    with said.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.path.insert(0, folder)
    status = 0
    try:
        exec(code, {"__name__": "__main__"})  # noqa: S102 - of the tests
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    print(json.dumps([forked(*job) for job in json.load(sys.stdin)]))
