"""What the tests share: the course's folders, the real data where it is at hand, and a Trainer that writes nothing."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

pytest_plugins = ["skips"]

ROOT = Path(__file__).parent.parent
# A shell starts what runs in the background with Ctrl-C ignored, and what that starts would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# And nohup does so with a terminal that is closed.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
# From Python 3.14 on, each loader worker would import all this anew: ten times in a fit of the script of 2023.
multiprocessing.set_forkserver_preload(["mldrl_lite.datamodule", "pytorch_lightning"])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the slow tests where several workers share the work, so that none has to be waited for at the end."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = slow_first(items, [item.get_closest_marker("slow") is not None for item in items], workers)


def slow_first(items: Sequence[Any], slow: Sequence[bool], workers: int) -> list[Any]:
    """Deal the slow ones out to the heads of the equal stretches that `--dist worksteal` gives the workers."""
    slow_ones = [item for item, is_slow in zip(items, slow, strict=True) if is_slow]
    others = iter([item for item, is_slow in zip(items, slow, strict=True) if not is_slow])
    dealt: list[Any] = []
    for worker in range(workers):
        stretch = (len(items) - len(dealt)) // (workers - worker)
        head = slow_ones[worker::workers]
        dealt += [*head, *islice(others, max(0, stretch - len(head)))]
    return dealt


Once = Callable[[str, Callable[[Path], Any]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make a file or a folder once for all workers: the first that needs it makes it, the others wait."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    place = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent

    def made(name: str, make: Callable[[Path], Any]) -> Path:
        with FileLock(place / f"{name}.lock"):
            if not (place / name).exists():
                begun = place / f"{name}~{os.getpid()}"
                make(begun)
                begun.rename(place / name)
        return place / name

    return made


@pytest.fixture(scope="session")
def workshop(once: Once) -> Path:
    """The workshop of the whole course."""
    from mldrl_lite.teach.workshop import make_workshop  # what it needs takes a while to import

    return once("handed-out", partial(make_workshop, ROOT))


def find_rosmap() -> Path | None:
    """Return the folder that holds ROSMAP/, or None."""
    given = os.environ.get("MLDRL_LITE_DATA")
    return Path(given).resolve() if given and Path(given, "ROSMAP", "labels_tr.csv").is_file() else None


@pytest.fixture(scope="session")
def rosmap() -> Path:
    """The folder that holds ROSMAP/."""
    folder = find_rosmap()
    if folder is None:
        pytest.skip("ROSMAP is not here: set MLDRL_LITE_DATA to the folder that holds ROSMAP/")
    return folder


@pytest.fixture(autouse=True)
def _no_data_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLDRL_LITE_DATA", raising=False)


@pytest.fixture(autouse=True)
def _no_record_of_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test solves, nobody has solved."""
    monkeypatch.setenv("MLDRL_LITE_PROGRESS", "")


@pytest.fixture
def meeting_port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where the processes of a fit meet: a port below those that the system hands out.

    Lightning asks the system for one, and lets go of it until the processes have started; a test that runs beside could
    be given it.
    """
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)):
                monkeypatch.setenv("MASTER_PORT", str(port))
                return port
    raise AssertionError("no port is free")


@pytest.fixture
def quiet_trainer(tmp_path: Path) -> Callable[..., "Trainer"]:
    """Make a Trainer on the CPU that shows and writes nothing unless told to."""

    from pytorch_lightning import Trainer  # the tests of pages and commands do without its seconds

    def make(**arguments: object) -> "Trainer":
        quiet = {
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": tmp_path,
        }
        return Trainer(**{**quiet, **arguments})

    return make
