"""How dask.distributed is set up here: TLS, quiet logs, and how soon a lost machine is given up."""

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mldrl_lite.messages import InputError, extras_named

if TYPE_CHECKING:
    from distributed import Security

LOOPBACK = "127.0.0.1"
PORT = 8786
_DEFAULTS = {
    "distributed": {
        # A machine that has been silent for so long is given up, and its runs go to others; dask waits five minutes.
        "scheduler": {"worker-ttl": "60s", "http": {"routes": []}},
        "worker": {"http": {"routes": []}},
    }
}


@cache
def prepare() -> None:
    """Import distributed, set what nobody has set otherwise, and quiet its log: what matters is said here.

    Raises:
        MissingExtra: it is not installed.
    """
    with extras_named():
        import dask
        import distributed
    assert distributed  # noqa: S101 - its own defaults are there before ours
    dask.config.update_defaults(_DEFAULTS)
    for name in ("distributed", "distributed.worker", "distributed.scheduler", "distributed.client", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def security(ca: Path | None, cert: Path | None, key: Path | None, role: str) -> "Security | None":
    """Return what encrypts all connections and lets only those in whose certificate that authority has signed.

    Args:
        ca: the certificate of the authority.
        cert: this process's certificate, signed by it.
        key: its private key.
        role: `scheduler`, `worker` or `client`.

    Returns:
        None without the files: dask's own configuration holds then.

    Raises:
        InputError: one of the three is missing.
    """
    files = {"--tls-ca": ca, "--tls-cert": cert, "--tls-key": key}
    if not any(files.values()):
        return None
    for option, file in files.items():
        if file is None or not file.is_file():
            raise InputError(f"TLS needs three files: {option} {file or 'is missing'}{' is no file' if file else ''}.")
    from distributed import Security

    named = {f"tls_{role}_cert": str(cert), f"tls_{role}_key": str(key)}
    return Security(tls_ca_file=str(ca), require_encryption=True, **named)


def is_encrypted(chosen: "Security | None") -> bool:
    """Say whether connections are encrypted, by our options or by dask's configuration."""
    from distributed import Security

    return bool((chosen or Security()).require_encryption)


def protocol(chosen: "Security | None") -> str:
    """Return `tls` or `tcp`."""
    return "tls" if is_encrypted(chosen) else "tcp"
