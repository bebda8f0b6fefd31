"""Every notebook runs headless with other parameters, and its exercises nudge and accept as they should."""

import os
import re
import shutil
from pathlib import Path

import nbformat
import papermill
import psutil
import pytest
from conftest import NOTEBOOKS, find_rosmap
from headless import THREE, run, write_three
from nbformat import NotebookNode
from solved import solved, tags

from mldrl_lite.runs import declared_parameters
from mldrl_lite.runs.notebook.file import read_result

# Little of everything, and less where the small profile has less: what is tested is that the page holds, not how well
# it learns.
OTHER = {"cv": 3, "max_epochs": 4, "repeats": 1, "seed": 1, "hidden_dim": 8}


def verdicts(node: NotebookNode) -> list[str]:
    checks = [cell for cell in node.cells if "check" in tags(cell)]
    texts = [[output.data["text/plain"] for output in cell.outputs if "data" in output] for cell in checks]
    return [re.match(r"Right|Not yet", text[-1]).group() for text in texts]


def left_behind(folder: Path) -> list[str]:
    alive = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder:
                alive.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return alive


def other_data(place: int) -> str:
    """Real data and a folder of three classes in turn; 00, which runs on ROSMAP below, takes WDBC."""
    real = "ROSMAP" if find_rosmap() else "WDBC"
    return "WDBC" if place == 0 else (real, THREE)[place % 2]


# What `make run` has left: continuous integration begins with it.
LEFT = NOTEBOOKS[0].parents[1] / "runs"

# These take most of the time: begun at the end, one of them would run alone.
LONG = ("06", "07", "08", "10", "11")
LONG_FIRST = sorted(NOTEBOOKS, key=lambda path: not path.stem.startswith(LONG))

# Looked up here, before a fixture hides the environment variable from the tests.
KINDS = {notebook: other_data(place) for place, notebook in enumerate(NOTEBOOKS)}
FOLDER = find_rosmap()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_three(tmp_path_factory.mktemp("data"))


@pytest.mark.whole
@pytest.mark.slow
@pytest.mark.parametrize("notebook", LONG_FIRST, ids=lambda path: path.stem)
def test_other_data_and_the_exercises(
    notebook: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    three: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    cluster = tmp_path_factory.mktemp("bin") / "srun"  # as on a machine of a cluster: Lightning warns of it
    cluster.touch(0o755)
    monkeypatch.setenv("PATH", str(cluster.parent), prepend=os.pathsep)
    node, kind = solved(nbformat.read(notebook, as_version=4)), KINDS[notebook]
    data = {"data_type": kind, "data_dir": str({THREE: three, "ROSMAP": FOLDER}.get(kind, ""))}
    small = node.cells[1].metadata.get("small", {})
    parameters = small | OTHER | {name: min(small[name], OTHER[name]) for name in small.keys() & OTHER.keys()} | data
    if (left := LEFT / notebook.stem).is_dir():  # a page can be run again in the same folder, with other values
        shutil.copytree(left, tmp_path / "out")
    executed = run(node, tmp_path, parameters, declared_parameters(notebook))
    found = verdicts(executed)
    assert len(found) >= 4
    assert found == ["Not yet", "Right"] * (len(found) // 2)
    assert read_result(executed)["headline"]
    assert {path.name for path in tmp_path.iterdir()} == {"copy.ipynb", "out"}
    assert left_behind(tmp_path) == []


@pytest.mark.whole
@pytest.mark.slow
def test_quickstart_reaches_what_was_measured_on_rosmap(tmp_path: Path, rosmap: Path):
    # Mean and standard deviation over folds with these settings: accuracy .787 ± .055, AUROC .883 ± .039.
    parameters = {"data_type": "ROSMAP", "data_dir": str(rosmap), "lr": 1e-3, "max_epochs": 100}
    values = read_result(run(NOTEBOOKS[0], tmp_path, parameters, declared_parameters(NOTEBOOKS[0])))["values"]
    assert values["test_accuracy"] == pytest.approx(0.787, abs=0.055)
    assert values["test_auroc"] == pytest.approx(0.883, abs=0.039)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", -1, "Parameter lr = -1 cannot be used: give a number above 0."),
        (
            "cv",
            "first",
            "Parameter cv = 'first' cannot be used: give a whole number at least 0 and at most 9, or None.",
        ),
        ("data_type", "ROSMPA", "Unknown data_type 'ROSMPA' (did you mean 'ROSMAP'?)"),
    ],
)
def test_a_bad_parameter_stops_the_notebook_at_once(tmp_path: Path, name: str, value: object, message: str):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        run(NOTEBOOKS[0], tmp_path, {name: value}, [name])
    assert message in caught.value.evalue
    assert caught.value.exec_count <= 4
