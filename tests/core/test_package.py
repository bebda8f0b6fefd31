"""The package as a whole: what `from mldrl_lite import …` gives, and what importing it costs."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import ROOT

import mldrl_lite


@pytest.mark.parametrize("name", mldrl_lite.__all__)
def test_every_name_on_offer_is_there(name: str):
    assert callable(getattr(mldrl_lite, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no mldrl_lite attribute diagnos|attribute .*diagnos"):
        _ = mldrl_lite.diagnos


def test_the_package_and_its_command_do_not_import_torch():
    code = "import sys, mldrl_lite.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


# ---------------------------------------------------------------------------------------------------------------------
# A small core, and extras

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def modules_of(lines: Iterable[str]) -> set[str]:
    """Return the modules that these lines of pyproject.toml bring, as they are imported."""
    names = {re.match(r"[\w-]+", line).group().lower().replace("-", "_") for line in lines}
    other = {
        "ipython": "IPython",
        "markdown_it_py": "markdown_it",
        "pillow": "PIL",
        "pyyaml": "yaml",
        "scikit_learn": "sklearn",
    }
    return {other.get(name, name) for name in names}


def imported(body: Iterable[ast.AST]) -> set[str]:
    """Return the packages of others that these statements import."""
    found = set()
    for node in body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    with_pytorch_lightning = {"lightning_fabric", "lightning_utilities"}
    return found - set(sys.stdlib_module_names) - with_pytorch_lightning - {"mldrl_lite"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def run_without(modules: list[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a Python in which these modules cannot be imported."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({modules!r}))\n"
    return subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True, timeout=120)


def test_what_the_package_imports_is_declared():
    lines = PROJECT["dependencies"] + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    files = set((ROOT / "mldrl_lite").rglob("*.py")) - set((ROOT / "mldrl_lite").rglob("template/**/*.py"))
    for path in files:
        assert imported(ast.walk(parsed(path))) - {"ipykernel_launcher"} <= modules_of(lines), path


@pytest.mark.parametrize("folder", [".", "trainer"])
def test_the_core_and_the_room_of_the_trainer_need_no_extra(folder: str):
    for path in (ROOT / "mldrl_lite" / folder).glob("*.py"):
        assert imported(parsed(path).body) <= modules_of(PROJECT["dependencies"]), path


@pytest.mark.parametrize(
    ("missing", "code", "extra"),
    [
        ("matplotlib", "from mldrl_lite.figures import COLOURS", "run"),
        ("tensorboard", "from mldrl_lite.figures import read_scalars; read_scalars('.')", "course"),
        ("papermill", "from mldrl_lite import sweep", "run"),
        ("nbformat", "from mldrl_lite.runs import run_notebook", "run"),
        ("distributed", "from mldrl_lite.runs.cluster.cluster import Cluster; Cluster('tcp://127.0.0.1:1')", "cluster"),
        ("pooch", "from mldrl_lite import load; load('ROSMAP')", "course"),
        ("PIL", "from mldrl_lite.runs import store", "run"),
    ],
)
def test_a_missing_package_is_one_sentence_that_names_the_extra(missing: str, code: str, extra: str):
    ran = run_without([missing], code)
    assert ran.returncode == 1
    sentence = f"{missing} is not installed; the extra {extra!r} brings it: pip install 'mldrl-lite[{extra}]'."
    assert ran.stderr.strip().splitlines()[-1] == f"mldrl_lite.messages.MissingExtra: {sentence}"


def test_the_command_says_which_extra_is_missing(tmp_path):
    arguments = ["run", str(ROOT / "notebooks" / "00_quickstart.ipynb"), "-o", str(tmp_path / "out")]
    code = f"from mldrl_lite.__main__ import main; sys.exit(main({arguments!r}))"
    ran = run_without(["papermill"], code)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "mldrl-lite: papermill is not installed; the extra 'run' brings it: pip install 'mldrl-lite[run]'.\n"
    )


def test_what_is_missing_for_another_reason_is_said_as_python_says_it():
    ran = run_without(["torch"], "from mldrl_lite import diagnose")
    assert ran.returncode == 1
    assert "ModuleNotFoundError" in ran.stderr
    assert "extra" not in ran.stderr.splitlines()[-1]
