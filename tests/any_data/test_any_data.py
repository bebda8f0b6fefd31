"""Every notebook that reads data runs on each kind of data, with its small profile: `make test-data`.

It takes half an hour. `make test` runs each notebook on one of them, in tests/runs/test_running.py.
"""

from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, find_rosmap
from headless import THREE, run, write_three

from mldrl_lite.runs import declared_parameters
from mldrl_lite.runs.notebook.file import read_result

READING = [path for path in NOTEBOOKS if "data_type" in declared_parameters(path)]
ROSMAP = find_rosmap()  # looked up here, before a fixture hides the environment variable


def data_of(kind: str, folder: Path) -> dict[str, object]:
    """The parameters that say where samples of a kind are; those that are made are written into `folder`."""
    if kind == "ROSMAP" and ROSMAP is None:
        pytest.skip("ROSMAP is not here: set MLDRL_LITE_DATA to the folder that holds ROSMAP/")
    place = {"ROSMAP": ROSMAP, THREE: folder}.get(kind)
    if kind == THREE:
        write_three(folder)
    return {"data_type": kind} | ({"data_dir": str(place)} if place else {})


@pytest.mark.parametrize("kind", ["SIMULATED", "WDBC", "ROSMAP", THREE])
@pytest.mark.parametrize("notebook", READING, ids=lambda path: path.stem)
def test_no_cell_fails_and_there_is_a_result(notebook: Path, kind: str, tmp_path: Path):
    (tmp_path / "run").mkdir()
    small = nbformat.read(notebook, as_version=4).cells[1].metadata.get("small", {})
    parameters = small | data_of(kind, tmp_path / "data")
    executed = run(notebook, tmp_path / "run", parameters, declared_parameters(notebook))
    assert read_result(executed)["headline"]
