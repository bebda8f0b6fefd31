"""The helper package of the mldrl-lite course: what the notebooks import, small enough to read."""

from importlib import import_module
from typing import Any

_HOME = {
    "MMDynamic": "model",
    "TCPDataModule": "datamodule",
    "TCP_DataModule": "datamodule",
    "diagnose": "diagnosis",
    "explain": "trainer_arguments",
    "translate": "translation",
}

__all__ = ["MMDynamic", "TCPDataModule", "TCP_DataModule", "diagnose", "explain", "translate"]


def __getattr__(name: str) -> Any:
    """Import Lightning, which takes seconds, only when something is asked for that needs it."""
    if name not in _HOME:
        raise AttributeError(f"module 'mldrl_lite' has no attribute {name!r}")
    return getattr(import_module(f"mldrl_lite.{_HOME[name]}"), name)
