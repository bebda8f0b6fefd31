"""Which kernel runs the course's notebooks; the installation of the warm one, and starts in numbers."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

NAME = "mldrl-lite"


def default_kernel() -> str:
    """Return the kernel to use: what MLDRL_LITE_KERNEL says, else the warm one where there is one, else `python3`."""
    installed = Path(sys.prefix, "share", "jupyter", "kernels", NAME, "kernel.json").is_file()
    return os.environ.get("MLDRL_LITE_KERNEL") or (NAME if installed and sys.platform == "linux" else "python3")


def install(prefix: Path | None = None) -> Path:
    """Install the warm kernel beside `python3`, in this environment or under another prefix; return its folder."""
    from ipykernel.kernelspec import write_kernel_spec
    from jupyter_client.kernelspec import KernelSpecManager

    overrides = {
        # Jupyter puts its own interpreter for "python"; -P keeps a notebook's folder from hiding Python's own modules.
        "argv": ["python", "-P", "-m", "mldrl_lite.kernels.standin", "-f", "{connection_file}"],
        "display_name": "Python 3 (torch and Lightning loaded)",
    }
    with tempfile.TemporaryDirectory() as folder:
        staged = write_kernel_spec(Path(folder, NAME), overrides)
        return Path(KernelSpecManager().install_kernel_spec(staged, NAME, prefix=str(prefix or sys.prefix)))


def start_kernels(count: int, at_once: int = 1, name: str = NAME, code: str = "pass") -> list[float]:
    """Start kernels, run a line in each, and shut them down.

    Returns:
        The seconds from each start to its line's end.

    Raises:
        RuntimeError: a kernel died, or its line failed.
        TimeoutError, queue.Empty: a kernel gave no answer in two minutes.
    """
    return asyncio.run(_start_kernels(count, at_once, name, code))


async def _start_kernels(count: int, at_once: int, name: str, code: str) -> list[float]:
    places = asyncio.Semaphore(at_once)

    async def start() -> float:
        async with places:
            return await _start_kernel(name, code)

    return await asyncio.gather(*(start() for _ in range(count)))


async def _start_kernel(name: str, code: str) -> float:
    from jupyter_client.manager import AsyncKernelManager

    begin = time.perf_counter()
    manager = AsyncKernelManager(kernel_name=name, transport_encryption="auto")
    await manager.start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        await client.wait_for_ready(timeout=120)
        reply = await client.execute(code, reply=True, timeout=120)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"The line failed in a kernel: {reply['content']}")
        return time.perf_counter() - begin
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
