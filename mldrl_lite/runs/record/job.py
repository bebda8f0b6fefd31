"""One run of a sweep before it runs: what it is made from, its name, and where it will be."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from mldrl_lite.runs.notebook.parameters import literal
from mldrl_lite.runs.notebook.places import anchored
from mldrl_lite.runs.notebook.values import to_json
from mldrl_lite.runs.process.limits import Limits

FAILED = "~failed"
"""The end of the name of a failed run's folder."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run, told in plain values, so that it can be sent to another process or machine.

    A sweep may have 100,000 of them: what they have in common is shared.
    """

    name: str
    """The name of its folder."""
    out: str
    """The folder of the sweep, as an absolute path."""
    source: str
    """The notebook's file, as an absolute path."""
    notebook: str
    """The notebook as text, so that an edit on the way does not split the sweep."""
    given: Mapping[str, Any]
    """The parameters that the sweep sets."""
    defaults: Mapping[str, Any]
    """The values of the notebook for all its parameters."""
    origin: Mapping[str, Any]
    """What the run depends on besides its parameters, as far as it is known before; see `origin`."""
    data: str
    """The folder of data that the parameters name, or ""."""
    kernel: str
    cwd: str
    """The folder that the notebook runs in."""
    caller: str
    """The folder that relative paths in `given` are relative to."""
    token: str = ""
    """The sweep that this job belongs to."""
    limits: Limits = field(default_factory=Limits)
    """What the run may take."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Of a run on a cluster: the host that runs it, and the versions there."""

    @property
    def stem(self) -> str:
        """The notebook's file name without `.ipynb`."""
        return Path(self.source).stem

    @property
    def all_parameters(self) -> dict[str, Any]:
        """All parameters but `out_dir`, defaults included."""
        return {name: value for name, value in {**self.defaults, **self.given}.items() if name != "out_dir"}

    @property
    def place(self) -> Path:
        """Where the run is when it ended well."""
        return Path(self.out, self.name)

    @property
    def failed_place(self) -> Path:
        """Where the run is when it failed."""
        return Path(self.out, self.name + FAILED)

    def sent(self) -> dict[str, Any]:
        """Return the parameters as the notebook gets them: relative paths made absolute."""
        return anchored(self.given, self.caller, self.cwd)


_LONGEST_NAME = 100


def folder_name(given: Mapping[str, Any]) -> str:
    """Return a name such as `cv=3,lr=0.001`, which any file system can hold.

    Where a value cannot be shown as it is, or the name would be too long, the name ends in eight digits of a hash, so
    that other parameters have another name.
    """
    parts = {f"{name}={value}": f"{_plain(name)}={_plain(value)}" for name, value in given.items()}
    name = ",".join(parts.values()) or "defaults"
    if name == (",".join(parts) or "defaults") and len(name) <= _LONGEST_NAME and not _looks_otherwise(given):
        return name
    digest = hashlib.sha256(json.dumps(to_json(dict(given))).encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}-{digest}"


def _plain(value: Any) -> str:
    text = str(value)
    text = text if len(text) <= 40 else text[-40:]  # the end of a path says more than its start
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", text)


def _looks_otherwise(given: Mapping[str, Any]) -> bool:
    """Say whether a text ends in a dot, which Windows drops, or would mean another value than the text in Python."""
    texts = [value for value in given.values() if isinstance(value, str | PurePath)]
    return any(isinstance(text, PurePath) or text.endswith(".") or literal(text) != text for text in texts)
