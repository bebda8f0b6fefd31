"""What a machine is to others: its name, and the versions by which two machines run the same code."""

import hashlib
import json
import platform
import socket
from collections.abc import Mapping

from mldrl_lite.runs.record import installed, origin

_TOLD = ("torch", "pytorch-lightning")
_COMPARED = (*_TOLD, "torchmetrics", "numpy", "pandas", "scikit-learn", "papermill", "ipykernel", "dask", "distributed")
"""Packages whose versions are to be the same; of torch, builds for several processors count as the same."""
_DIGITS = 8


def about() -> dict[str, str]:
    """Return this machine's host name, the code of this package, Python, and the versions that are compared."""
    versions = {name: number for name in _COMPARED if (number := installed.version_of(name, ()))}
    code = origin.package_sha()[:_DIGITS]
    return {"host": socket.gethostname(), "mldrl-lite": code, "Python": platform.python_version(), **versions}


def for_record(about: Mapping[str, str]) -> dict[str, str]:
    """Return what the record of a run keeps of the machine that it ran on."""
    return {name: about[name] for name in ("host", "mldrl-lite", "Python", *_TOLD) if name in about}


def code_of(about: Mapping[str, str]) -> str:
    """Return the name that machines with the same code and versions share, such as `code-1a2b3c4d`."""
    text = json.dumps(sorted(_compared(about).items()))
    return f"code-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def _compared(about: Mapping[str, str]) -> dict[str, str]:
    plain = {name: installed.public(number) for name, number in about.items() if name != "host"}
    return plain | {"Python": ".".join(plain["Python"].split(".")[:2])}


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return what is other there than here, for a sentence; "" when nothing is."""
    ours, theirs = _compared(here), _compared(there)
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {theirs.get(name, 'missing')} (here {ours.get(name, 'missing')})" for name in names)
