"""The house: how large its rooms are, what each of them offers, and which way their arrows go."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, slow_first
from links import broken_links

PACKAGE = ROOT / "mldrl_lite"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
STUBS = sorted(PACKAGE.rglob("__init__.pyi"))
LONG = ("teach/questions.py",)


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def module_name(stub: Path) -> str:
    return ".".join(stub.parent.relative_to(ROOT).parts)


def test_the_core_can_be_read_in_an_hour():
    core = {path.name: length(path) for path in PACKAGE.glob("*.py") if path.name != "__main__.py"}
    assert sum(core.values()) <= 1800, core


def test_no_module_is_long():
    modules = {path.relative_to(PACKAGE).as_posix(): length(path) for path in PACKAGE.rglob("*.py")}
    # Questions are text, which nobody reads from end to end.
    assert not {name: lines for name, lines in modules.items() if lines > 400 and name not in LONG}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_in_a_sentence_what_lives_there(room: str):
    assert re.fullmatch(r"[A-Z][^\n]{30,}\.", importlib.import_module(f"mldrl_lite.{room}").__doc__)


@pytest.mark.parametrize("stub", STUBS, ids=module_name)
def test_what_a_room_offers_is_there_and_seen(stub: Path):
    offered = re.findall(r"^from \S+ import (\w+) as \1$", stub.read_text(encoding="utf-8"), re.M)
    lines = [line for line in stub.read_text(encoding="utf-8").splitlines() if line.startswith("from ")]
    assert len(offered) == len(lines)
    room = importlib.import_module(module_name(stub))
    assert set(offered) <= set(dir(room))
    for name in offered:
        assert getattr(room, name) is not None


# ---------------------------------------------------------------------------------------------------------------------
# Arrows

# Each turns one arrow round; the words are of the contract that must break.
TURNED_ROUND = {
    "sources.py": ("from mldrl_lite.runs.sweeps.sweep import sweep", "the core uses no room"),
    "runs/results/table.py": ("from mldrl_lite.teach.quiz import self_test", "in one direction only"),
    "trainer/arguments.py": ("from mldrl_lite.model import MMDynamic", "knows nothing of our model"),
    "trainer/recorder.py": ("from mldrl_lite.callbacks import PrintingCallback", "knows nothing of our model"),
    "runs/course.py": ("from mldrl_lite.kernels.standin import IDLE", "Runs know a kernel by its name"),
    "studies/timing.py": ("from mldrl_lite.trainer import diagnose", "not at anyone's Trainer"),
    "kernels/kernelspec.py": ("from mldrl_lite.messages import InputError", "Kernels stand alone"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([command, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "mldrl_lite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_arrows_go_one_way(copy: Path):
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", TURNED_ROUND)
def test_an_arrow_turned_round_breaks_its_contract(copy: Path, module: str):
    line, contract = TURNED_ROUND[module]
    file = copy / "mldrl_lite" / module
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert re.search(rf"{contract}.* BROKEN", re.sub(r"\x1b\[[\d;]*m", "", done.stdout))


@pytest.mark.parametrize("room", ["", ".runs", ".trainer", ".kernels", ".teach", ".studies", ".__main__"])
def test_importing_a_room_does_not_import_torch(room: str):
    code = f"import sys, mldrl_lite{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


# ---------------------------------------------------------------------------------------------------------------------
# What the house says of itself


def test_contributing_names_what_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:mldrl_lite|tests|notebooks|studies|runs|teach|kernels)/[\w/.]*)`", text))
    assert named
    assert not [name for name in named if not any((place / name).exists() for place in (ROOT, PACKAGE))]
    picture = text.split("```")[1]
    assert set(ROOMS) == set(re.findall(r"^    (\w+)/ ", picture, re.M))
    core = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert core <= set(re.findall(r"\w+", picture))
    assert not list(broken_links(ROOT / "CONTRIBUTING.md", text))


def test_the_checks_before_a_commit_are_those_of_make_test():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ntest:")[1].split("\n\n")[0]
    for hook in hooks:
        command = hook["entry"].removeprefix(".venv/bin/").removesuffix(" --fix")
        assert f"$(BIN)/{command}" in lines


def test_versions_licence_and_authors_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["authors"] == project["authors"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    [author] = citation["authors"]
    for name in ("LICENSE", "NOTICE"):
        assert f"Copyright (c) 2026 the {author['name']}" in (ROOT / name).read_text(encoding="utf-8")
        assert name in project["license-files"]


@pytest.mark.parametrize(("count", "workers"), [(100, 3), (101, 3), (9, 4), (5, 2)])
def test_every_worker_begins_with_its_share_of_the_slow_tests(count: int, workers: int):
    slow = [number % 7 == 6 for number in range(count)]
    dealt, rest = slow_first(range(count), slow, workers), count
    assert sorted(dealt) == list(range(count))
    for worker in range(workers, 0, -1):  # as xdist's worksteal hands them out
        stretch, dealt = dealt[: rest // worker], dealt[rest // worker :]
        rest -= len(stretch)
        kinds = [slow[number] for number in stretch]
        assert kinds == sorted(kinds, reverse=True)
        assert abs(sum(kinds) - sum(slow) / workers) < 1
