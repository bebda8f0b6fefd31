"""What runs in the kernel of a copy, beside the learner's cells: the judge, and a guard where there is no other."""

import ast
import json
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

_LONGEST = 1000
"""Characters of a message; a learner's error may hold a whole array."""
_LOCAL = ("127.", "::1", "localhost")


def prepare(guard: bool) -> None:
    """Let this process go first when memory runs out; with `guard`, refuse its sockets the way out of the machine."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:  # Linux alone has it
        file.write("1000")
    if guard:
        sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        outside = isinstance(address, tuple) and not str(address[0]).startswith(_LOCAL)
    else:
        host = arguments[0] if event in ("socket.getaddrinfo", "socket.gethostbyname") else None
        outside = bool(host) and not str(host).startswith(_LOCAL)
    if outside:
        raise PermissionError("There is no network while a copy is graded.")


def judged(source: str, answer: str, namespace: dict[str, Any]) -> str:
    """Run the cell of a check, and return as JSON what it says.

    Args:
        source: the cell; its last line is the call.
        answer: the name that the learner should have given a value.
        namespace: the page's names; they stay as they are.
    """
    if answer not in namespace:
        return json.dumps({"verdict": "empty", "nudge": f"the name {answer} has no value."})
    try:
        feedback = _last_value(source, dict(namespace))
        verdict = "right" if feedback.right else "wrong" if feedback.answered else "empty"
        nudge = "" if feedback.right else str(feedback.message)
    except BaseException as error:  # `exit()` included: whatever the answer does costs this exercise only
        verdict, nudge = "error", f"asked by the check, it stops with {described(error)}"
    return json.dumps({"verdict": verdict, "nudge": nudge[:_LONGEST]})


def _last_value(source: str, namespace: dict[str, Any]) -> Any:
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "check", "exec"), namespace)  # noqa: S102
    return eval(compile(ast.Expression(last.value), "check", "eval"), namespace)  # noqa: S307


def described(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(traceback.format_exception_only(error)[-1].split())


def process() -> int:
    """Return the process that runs the cells."""
    return os.getpid()
