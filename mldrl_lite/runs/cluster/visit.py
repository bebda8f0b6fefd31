"""What a sweep looks for on a machine before a run may start there."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from mldrl_lite.messages import did_you_mean
from mldrl_lite.runs.record.job import Job
from mldrl_lite.runs.record.record import LOCK
from mldrl_lite.sources import DATA_VARIABLE


@dataclass(frozen=True)
class Visit:
    """What a sweep needs on a machine, and what all its runs have in common, which travels once."""

    common: Job
    """A run without its name and parameters."""
    data: Sequence[str]
    """Folders of data."""
    data_variable: str
    """Where the client has its data, if it says so."""

    @classmethod
    def for_plan(cls, plan: Sequence[Job]) -> "Visit":
        """Return what these runs need."""
        data = sorted({job.data for job in plan if job.data})
        return cls(replace(plan[0], name="", given={}, data=""), data, os.environ.get(DATA_VARIABLE, ""))

    def missing(self) -> list[str]:
        """Return what is missing on this machine, a few words each."""
        return [*self._folder(), *self._kernel(), *self._data()]

    def _folder(self) -> Iterator[str]:
        out, token = self.common.out, ""
        try:
            token = Path(out, LOCK).read_text(encoding="utf-8")
        except OSError as failure:
            yield f"does not see {out!r} ({failure.strerror or failure})"
        else:
            if token != self.common.token:
                yield f"sees another folder at {out!r}, or an old view of it"
            elif not os.access(out, os.W_OK):
                yield f"may not write in {out!r}"
        if not os.path.isdir(self.common.cwd):
            yield f"has no folder {self.common.cwd!r}"

    def _kernel(self) -> Iterator[str]:
        name = self.common.kernel
        try:
            KernelSpecManager().get_kernel_spec(name)
        except NoSuchKernel:
            yield f"has no kernel {name!r}{did_you_mean(name, sorted(KernelSpecManager().find_kernel_specs()))}"

    def _data(self) -> Iterator[str]:
        yield from (f"has no data in {place!r}" for place in self.data if not os.path.isdir(place))
        there = os.environ.get(DATA_VARIABLE, "")
        if there != self.data_variable:
            yield f"has {DATA_VARIABLE}={there!r} (here {self.data_variable!r})"
