"""`make install` on a stand-in for the project, whose packages lie in folders: what it says, takes and repairs."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "mldrl-lite"
version = "0.1.0"
"""

# What setuptools would do, which lies in no folder here.
BACKEND = """
import zipfile

def write(folder, name, files):
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name

def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "mldrl_lite-0.1.0.dist-info"
    return write(folder, "mldrl_lite-0.1.0-py3-none-any.whl", {
        "mldrl_lite.py": "def main(): print('The kernel is there.')",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: mldrl-lite\\nVersion: 0.1.0\\nProvides-Extra: test\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": "[console_scripts]\\nmldrl-lite = mldrl_lite:main\\n",
        f"{info}/RECORD": "",
    })
"""


def add_torch(index: Path, version: str, cuda: str | None) -> None:
    """Put a torch that knows only its version into an index of packages, made of files."""
    folder = index / "torch"
    folder.mkdir(parents=True, exist_ok=True)
    name, info = f"torch-{version}-py3-none-any.whl", f"torch-{version}.dist-info"
    said = f"import types\n__version__ = {version!r}\nversion = types.SimpleNamespace(cuda={cuda!r})\n"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("torch.py", said)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with our Makefile, a package of one function and two indexes, `pip` and `cpu`."""
    for name in ("Makefile", "constraints.txt", "constraints-torch.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    add_torch(tmp_path / "pip", "2.13.0", cuda="13.0")
    add_torch(tmp_path / "cpu", "2.13.0+cpu", cuda=None)
    return tmp_path


def install(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = ("PIP_", "MAKE", "MFLAGS", "CONSTRAINTS", "TORCH", "VENV")  # CI and make matrix set some of them
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": (project / "pip").as_uri(), "PIP_NO_CACHE_DIR": "1"}
    command = ["make", "install", f"PYTHON={sys.executable}", f"TORCH_INDEX={(project / 'cpu').as_uri()}", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)


def steps(made: subprocess.CompletedProcess[str]) -> list[int]:
    assert made.returncode == 0, made.stderr
    return [int(number) for number in re.findall(r"^Step (\d) of 4: ", made.stdout, re.M)]


def last_line(made: subprocess.CompletedProcess[str]) -> str:
    return made.stdout.rstrip().splitlines()[-1]


def test_a_failed_download_is_taken_up_again_and_each_step_is_said_and_at_the_end_which_torch_it_is(project: Path):
    shutil.move(project / "pip" / "torch", project / "away")
    failed = install(project)
    assert failed.returncode != 0
    assert re.findall(r"^Step (\d)", failed.stdout, re.M) == ["1", "2"]
    sentence, end = failed.stderr.rstrip().splitlines()[-2:]
    assert sentence == (
        "mldrl-lite: PyTorch could not be installed, for the reason that pip gives above; "
        "once that is mended, the same command takes up where it stopped."
    )
    assert end.startswith("make: *** ")

    shutil.move(project / "away", project / "pip" / "torch")
    made = install(project)
    assert steps(made) == [2, 3, 4]
    python = ".".join(map(str, sys.version_info[:3]))
    assert last_line(made) == f".venv is ready: Python {python}, torch 2.13.0 (CUDA 13.0 build)"
    assert steps(install(project)) == []

    made = install(project, "TORCH=cpu")
    assert steps(made) == [2, 3, 4]
    assert last_line(made) == f".venv is ready: Python {python}, torch 2.13.0+cpu (CPU build)"
    assert steps(install(project)) == []


@pytest.mark.slow
def test_a_half_built_environment_is_repaired(project: Path):
    venv.create(project / ".venv", symlinks=True)  # a Python, but no pip yet
    assert steps(install(project, "TORCH=cpu")) == [1, 2, 3, 4]
    for python in (project / ".venv" / "bin").glob("python*"):  # as after an upgrade of the system's Python
        python.unlink()
        python.symlink_to(project / "gone")
    made = install(project, "TORCH=cpu")
    assert steps(made) == [1, 2, 3, 4]
    assert last_line(made).endswith("torch 2.13.0+cpu (CPU build)")


def test_another_torch_is_refused(project: Path):
    refused = install(project, "TORCH=gpu")
    assert refused.returncode != 0
    assert "TORCH=gpu is not known: give TORCH=cpu" in refused.stderr
    assert not (project / ".venv").exists()


def test_an_older_python_is_refused(project: Path):
    old = project / "python3.10"
    old.write_text(f"#!/bin/sh\nshift; exec '{sys.executable}' -c \"import sys; sys.version_info = (3, 10); $1\"\n")
    old.chmod(0o755)
    refused = install(project, f"PYTHON={old}")
    assert refused.returncode != 0
    assert "mldrl-lite needs Python 3.11 or newer" in refused.stderr
