"""The workers that a scheduler knows, and which of them are fit for a sweep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mldrl_lite.runs.cluster import machine
from mldrl_lite.runs.cluster.visit import Visit

if TYPE_CHECKING:
    from distributed import Client


@dataclass
class Member:
    """A worker, as it was seen last."""

    identity: str
    """Of its process: another one may come back under the same address."""
    host: str
    slots: int
    same_code: bool
    missing: Sequence[str]
    """What makes it unfit, a few words each."""

    def __str__(self) -> str:
        if self.missing:
            return f"{self.host} is not fit: it {' and '.join(self.missing)}"
        return f"{self.host} is fit: {self.slots} at once"


class Fleet:
    """The workers of a cluster, by address.

    Args:
        client: connected to the scheduler.
        visit: what a worker needs to be fit.
    """

    def __init__(self, client: "Client", visit: Visit) -> None:
        self.client, self.visit, self.here = client, visit, machine.about()
        self.code = machine.code_of(self.here)
        self.members: dict[str, Member] = {}

    @property
    def fit(self) -> dict[str, Member]:
        """Those that may run the sweep's runs."""
        return {address: member for address, member in self.members.items() if not member.missing}

    @property
    def restricted_to(self) -> list[str] | None:
        """The workers that a run may go to; None where the code that it asks for tells them already."""
        fit = self.fit
        return None if len(fit) == sum(member.same_code for member in self.members.values()) else list(fit)

    def look(self) -> list[str]:
        """Look who is there, and visit those that are not known to be fit; return the news.

        Raises:
            OSError: the scheduler does not answer.
        """
        there, before = self.client.scheduler_info(n_workers=-1).get("workers"), self.members
        if there is None:  # what a client says whose connection is lost
            raise ConnectionError("it does not answer")
        known = {address: member for address, member in before.items() if _is(there.get(address), member)}
        members = {address: known.get(address) or self._met(told) for address, told in there.items()}
        self._visit({address: member for address, member in members.items() if member.same_code and member.missing})
        self.members = members
        return list(_news(before, members))

    def _met(self, told: Mapping[str, Any]) -> Member:
        about = told.get("mldrl_lite") or {}
        same = self.code in told["resources"]
        if same:
            missing = "has not answered yet"
        elif about:
            missing = f"has another {machine.differences(self.here, about)}"
        else:
            missing = "was not started by `mldrl-lite worker`"
        return Member(told["id"], about.get("host") or told["host"], told["nthreads"], same, (missing,))

    def _visit(self, members: Mapping[str, Member]) -> None:
        if not members:
            return
        from mldrl_lite.runs.cluster.runs_here import visit_here

        answers = self.client.run(visit_here, self.visit, workers=list(members), on_error="return")
        for address, member in members.items():
            answer = answers.get(address, "gave no answer")
            member.missing = answer if isinstance(answer, list) else [f"does not answer ({answer})"]


def _is(told: Mapping[str, Any] | None, member: Member) -> bool:
    return told is not None and told["id"] == member.identity


def _news(before: Mapping[str, Member], now: Mapping[str, Member]) -> Iterator[str]:
    then = {member.identity: str(member) for member in before.values()}
    here = {member.identity for member in now.values()}
    yield from (str(member) for member in now.values() if then.get(member.identity) != str(member))
    for member in before.values():
        if member.identity not in here:
            yield f"{member.host} is gone"
