"""A warm kernel gives the same results as the kernel that learners open."""

import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from kernel_tools import Runtime, course  # noqa: F401 (a fixture)

from mldrl_lite.kernels.kernelspec import NAME
from mldrl_lite.runs.launch import run_notebook
from mldrl_lite.runs.notebook.file import open_notebook, profile

# ruff: noqa: F811 (a fixture is imported, and is an argument)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")
NOTEBOOK = ROOT / "notebooks" / "00_quickstart.ipynb"


def results(kernel: str, folder: Path) -> list[str]:
    """The headline, the fingerprint of the weights, and every output that the notebook promises to repeat."""
    run = run_notebook(NOTEBOOK, folder, profile(open_notebook(NOTEBOOK), "small", NOTEBOOK), kernel)
    assert run.status == "ok", run.error
    cells = nbformat.read(folder / NOTEBOOK.name, as_version=4).cells
    compared = [cell for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    texts = [str([(o.get("text"), o.get("data", {}).get("text/plain")) for o in cell.outputs]) for cell in compared]
    return [run.headline, run.fingerprint, *(text.replace(str(folder), "OUT") for text in texts)]


@pytest.mark.whole
@pytest.mark.slow
def test_a_whole_notebook_gives_the_same_in_a_warm_and_in_a_plain_kernel(course: Runtime, tmp_path: Path) -> None:
    warm, plain = (results(kernel, tmp_path / kernel) for kernel in (NAME, "python3"))
    assert warm == plain
    assert len(warm) > 5
    assert course.processes()  # the first one was forked
