"""The hosts of these tests; see `mldrl_lite.studies.machines.hosts`."""

from mldrl_lite.studies.machines.hosts import Net, why_not

__all__ = ["Net", "why_not"]
