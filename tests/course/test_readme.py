"""What the README states is so."""

import importlib
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import minutes
import nbformat
import numpy as np
import pytest
import readme
import yaml
from conftest import NOTEBOOKS, ROOT
from links import broken_links
from PIL import Image

import mldrl_lite
from mldrl_lite import sources
from mldrl_lite.__main__ import main
from mldrl_lite.kernels import kernelspec
from mldrl_lite.runs import declared_parameters
from mldrl_lite.runs.record import record
from mldrl_lite.runs.record.job import Job
from mldrl_lite.runs.sweeps import sweep as sweeps

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```\n(.*?)^```", README, re.M | re.S))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_two_commands_come_first_and_exist():
    assert re.findall(r"^make (\w+)$", BLOCKS, re.M)[:2] == ["run", "test"]


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"make (\w+)", BLOCKS + "".join(re.findall(r"`[^`]*`", README)))))
)
def test_every_target_that_is_named_exists(target: str):
    planned = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert planned.returncode == 0, planned.stderr


def test_variables_reach_the_notebooks():
    command = ["make", "--dry-run", "run", "DATA_TYPE=ROSMAP", "DATA_DIR=some folder"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    assert "-p data_type 'ROSMAP' -p data_dir 'some folder'" in re.sub(r"\s+", " ", planned.replace("\\\n", " "))


def test_papermill_lines_use_parameters_that_exist():
    lines = re.findall(r"papermill (\S+) \S+((?: -p \w+ \S+)*)", BLOCKS)
    assert lines
    for notebook, parameters in lines:
        assert set(re.findall(r"-p (\w+)", parameters)) <= set(declared_parameters(ROOT / notebook))


def test_the_lines_for_runs_and_sweeps_fit_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = [shlex.split(line)[1:] for line in re.findall(r"^\S+/mldrl-lite (?:run|sweep|collect) .*", BLOCKS, re.M)]
    assert [line[0] for line in lines] == ["run", "sweep", "collect"]
    started = []

    def pretend(job: Job) -> str:
        started.append(job.name)
        return record.keep(job, record.new_folder(job), "", 0.0)

    monkeypatch.setattr(sweeps, "execute", pretend)
    monkeypatch.chdir(tmp_path)
    for line in lines:
        assert main([str(ROOT / word) if word.endswith(".ipynb") else word for word in line]) == 0
    assert len(started) == 1 + 10 * 2
    [example] = re.findall(r"such as `runs/folds/(.*)`", README)
    assert example in started


def test_the_folder_of_a_run_holds_what_is_stated(tmp_path: Path):
    assert main(["run", str(NOTEBOOKS[0]), "-p", "max_epochs", "1", "-o", str(tmp_path)]) == 0
    stated = re.findall(r"^\| `([^`]+)` \|", README.split("| in the folder of a run |")[1].split("\n\n")[0], re.M)
    assert len(stated) == 5
    for name in stated:
        assert (tmp_path / "max_epochs=1" / name).exists()
    assert list(tmp_path.glob("max_epochs=1/exp/version_0/events.out.tfevents.*"))
    assert list(tmp_path.glob("max_epochs=1/exp/version_0/checkpoints/*.ckpt"))


def test_the_map_lists_every_notebook_with_its_minutes_and_their_sum():
    stated = {path.stem: minutes.stated(nbformat.read(path, as_version=4).cells) for path in NOTEBOOKS}
    assert minutes.in_readme(README) == stated
    assert re.findall(r"^\| in all \| \| (\d+) \|$", README, re.M) == [str(sum(stated.values()))]


def test_the_sum_is_that_of_the_formula():
    needed = sum(minutes.needed(nbformat.read(path, as_version=4).cells) for path in NOTEBOOKS)
    assert sum(minutes.in_readme(README).values()) == pytest.approx(needed, rel=0.02)


def test_make_readme_writes_the_minutes_of_the_map():
    [name, *_] = stated = {path.stem: 7 for path in NOTEBOOKS}
    timed = readme.timed(README, stated | {name: 8})
    assert minutes.in_readme(timed) == stated | {name: 8}
    assert f"| in all | | {7 * len(stated) + 1} |" in timed


def test_sources_and_floors_are_as_stated():
    assert set(re.findall(r"^\| `([A-Z]+)` \|", README, re.M)) == set(sources.BUILT_IN)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for package, floor in re.findall(r"`([\w-]+)` (?:is )?at least ([\d.]+)", README):
        assert f"{package}>={floor}" in project["dependencies"]
    assert re.search(r"Python (3\.\d+) or newer", README).group(1) == project["requires-python"].removeprefix(">=")


def test_the_picture_is_what_its_command_draws(tmp_path: Path):
    [target] = re.findall(r"!\[[^]]{50,}\]\((.*?)\)", README)  # with a text for those who do not see it
    [(module, file)] = re.findall(r"python -m (\S*picture) (\S+)", MAKEFILE)
    assert file == target
    importlib.import_module(module).draw_system(tmp_path / "picture.png")
    drawn, stored = (Image.open(picture) for picture in (tmp_path / "picture.png", ROOT / target))
    assert drawn.size == stored.size
    # Another Matplotlib draws letters otherwise: what remains of them in blocks of 16 pixels is nearly the same.
    block = 1 if drawn.info["Software"] == stored.info["Software"] else 16
    smaller = [np.asarray(picture.convert("RGB").reduce(block), float) / 255 for picture in (drawn, stored)]
    assert np.abs(smaller[0] - smaller[1]).max() < 0.12


def test_names_that_are_offered_can_be_imported():
    [names] = re.findall(r">>> from mldrl_lite import (.*)", BLOCKS)
    called = re.findall(r"^>>> (\w+)\(", BLOCKS, re.M)
    assert set(called) <= set(names.split(", ")) <= set(mldrl_lite.__all__)


def test_the_parts_that_other_files_know_are_up_to_date():
    assert readme.filled(README) == README, "make readme brings README.md up to date"
    assert set(readme.subcommands()) == set(re.findall(r"^\| `([\w-]+)` \|", readme.commands(), re.M))
    assert {"course", "run", "sweep", "collect", "store"} <= set(readme.subcommands())


def test_an_address_is_named_once_there_is_one():
    assert readme.address("") == ""
    lines = readme.address("https://github.com/someone/mldrl-lite.git")
    assert "git clone https://github.com/someone/mldrl-lite.git\ncd mldrl-lite\n" in lines
    assert "https://mybinder.org/v2/gh/someone/mldrl-lite/HEAD" in lines
    assert "mybinder" not in readme.address("https://example.org/mldrl-lite")


def test_readme_is_short():
    assert len(re.findall(r"\S*\w\S*", README)) <= 1500


# ---------------------------------------------------------------------------------------------------------------------
# The environments


def test_all_use_one_constraints_file_and_only_conda_chooses_its_torch():
    assert not re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.M)
    with_torch = (ROOT / "constraints-torch.txt").read_text()
    assert re.findall(r"^[^#].*", with_torch, re.M) == ["--constraint constraints.txt", "torch==2.13.0"]
    assert "CONSTRAINTS ?= constraints-torch.txt" in MAKEFILE
    for name, up in (("environment.yml", ""), ("binder/environment.yml", "../")):
        conda = yaml.safe_load((ROOT / name).read_text())["dependencies"]
        assert "pytorch-cpu>=2.10" in conda
        [pip] = [part["pip"] for part in conda if isinstance(part, dict)]
        assert f"--constraint {up}constraints.txt" in pip
        assert ((ROOT / name).parent / f"{up}constraints.txt").is_file()


def test_conda_and_binder_build_the_same():
    here, binder = (yaml.safe_load((ROOT / name).read_text()) for name in ("environment.yml", "binder/environment.yml"))
    text = str(here["dependencies"])
    same = str(binder["dependencies"]).replace("../constraints", "constraints").replace("..[test,binder]", ".[test]")
    assert same == text
    assert (here["name"], here["channels"]) == (binder["name"], binder["channels"])


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    constraints = "".join((ROOT / name).read_text() for name in ("constraints.txt", "constraints-torch.txt"))
    constraints = constraints.lower().replace("_", "-")
    pins = set(re.findall(r"^([\w.-]+)==", constraints, re.M))
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    assert {re.match(r"[\w-]+", name).group().lower() for name in wanted} - {project["name"]} <= pins


def test_no_version_builds_a_grammar_of_uris_at_each_start():
    assert not re.search(r"^rfc3987-syntax==", (ROOT / "constraints.txt").read_text(), re.M)


def test_the_warm_kernel_has_the_name_and_the_patience_that_are_stated():
    told = (ROOT / "notebooks" / "RUNNING.md").read_text(encoding="utf-8")
    assert f"under the name `{kernelspec.NAME}`" in told
    assert "idle for five minutes" in told
    assert re.search(r"IDLE, 5 \* 60|IDLE, 300", (ROOT / "mldrl_lite" / "kernels" / "forking.py").read_text())
    assert "$(BIN)/mldrl-lite kernel" in MAKEFILE


def test_clean_removes_nothing_that_the_environment_names():
    environment = os.environ | {"OUT": "/precious", "VENV": "/precious"}
    printed = subprocess.run(
        ["make", "-n", "clean"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "rm -rf .venv runs build" in printed.stdout
    assert "precious" not in printed.stdout


def test_the_guide_to_running_names_options_that_exist(capsys: pytest.CaptureFixture[str]):
    guide = (ROOT / "notebooks" / "RUNNING.md").read_text(encoding="utf-8")
    said = ""
    for command in ("run", "sweep", "scheduler", "worker", "collect", "search"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        said += capsys.readouterr().out
    named = set(re.findall(r"--[a-z][a-z-]*", guide))
    assert (
        {"--timeout", "--why", "--over", "--reveal", "--wait-for", "--tls-ca"}
        <= named
        <= set(re.findall(r"--[a-z-]+", said))
    )
    assert not list(broken_links(ROOT / "notebooks" / "RUNNING.md", guide))
