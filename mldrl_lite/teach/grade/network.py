"""No network for the copies: a namespace of the system's where it may be had, and else a guard in each kernel."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_INSIDE = "MLDRL_LITE_NO_NETWORK"
_WAYS = (("unshare", "--net"), ("unshare", "--map-root-user", "--net"))
"""As root, and as anybody, where the system lets users have namespaces of their own."""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def is_cut_off() -> bool:
    """Say whether this process, and what it starts, has no network."""
    return _INSIDE in os.environ


def begin_again_without_network(arguments: Sequence[str]) -> None:
    """Replace this process by `mldrl-lite` with these arguments and without a network; return where that cannot be."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return
    for way in _WAYS:
        if subprocess.run([*way, "true"], capture_output=True).returncode == 0:  # noqa: S603
            sys.stdout.flush()
            sys.stderr.flush()
            command = [*way, "--", sys.executable, "-m", "mldrl_lite", *arguments]
            os.execvpe(command[0], command, os.environ | {_INSIDE: "1"})  # noqa: S606


def open_loopback() -> None:
    """Let this machine reach itself: two processes of one training speak over it. In a new namespace it is closed."""
    import fcntl
    import socket

    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
