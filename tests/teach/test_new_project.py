"""A project that `mldrl-lite new` makes: sound as it is made, and its own tests find what is broken in it."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.teach.project.making import KINDS, make_project
from mldrl_lite.teach.project.rubric import POINTS, Rubric, judge_project

TEMPLATE = ROOT / "mldrl_lite" / "teach" / "project" / "template"

WHOLE = "import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
DIAGNOSED = """
from pathlib import Path
import train
from mldrl_lite import diagnose
found = diagnose(train.MyModel(), train.MyData(), train.make_trainer(Path('runs'), 1))
print(found)
raise SystemExit(bool(found))
"""
REPEATED = """
import train
means = train.main(['--repeat', '2', '--max-epochs', '1'])
single = train.main(['--max-epochs', '1', '--seed', '1', '--split-seed', '1'])
print(f"means {means['the network']:.3f}, single {single['test_accuracy']:.3f}")
"""
NOTEBOOK = """
import json, matplotlib
matplotlib.use('agg')
cells = json.load(open('project.ipynb'))['cells']
code = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
exec(code[0] + '\\nmax_epochs = 1\\n' + '\\n'.join(code[1:]))
"""

# A file, what stands in it, what is put there, and the tests that must fail. The table is the quickest.
BROKEN = {
    "the model ignores its input": (
        "model.py",
        "logits = self(inputs)",
        "logits = self(torch.zeros_like(inputs))",
        {"test_it_learns_one_batch_by_heart"},
    ),
    "a measurement is missing": (
        "samples.py",
        "torch.tensor(table.data, dtype=torch.float32)",
        "torch.tensor(table.data, dtype=torch.float32).where(torch.arange(30) > 0, torch.nan)",
        {"test_inputs_and_labels_are_what_a_network_takes"},
    ),
    "the classes are numbered from 1": (
        "samples.py",
        "torch.tensor(table.target)",
        "torch.tensor(table.target + 1)",
        {"test_inputs_and_labels_are_what_a_network_takes"},
    ),
    "the result is not above the largest class": (
        "samples.py",
        "EXPECTED = 0.975",
        "EXPECTED = 0",
        {"test_the_readme_states_the_result"},
    ),
    "the readme has another number": (
        "samples.py",
        "EXPECTED = 0.975",
        "EXPECTED = 0.964",
        {"test_the_readme_states_the_result"},
    ),
    "labels are shuffled": (
        "samples.py",
        "torch.tensor(table.target)",
        "torch.tensor(table.target)[torch.randperm(569, generator=torch.Generator().manual_seed(0))]",
        {"test_it_reaches_what_the_readme_states", "test_simple_methods_do_not_make_it_look_silly"},
    ),
    "the loss has the wrong sign": (
        "model.py",
        "functional.cross_entropy(",
        "-functional.cross_entropy(",
        {"test_a_model_that_knows_nothing_has_a_loss_near_ln_c", "test_it_learns_one_batch_by_heart"},
    ),
    "inputs are not scaled": (
        "network.py",
        "nn.BatchNorm1d(30)",
        "nn.Identity()",
        {"test_a_model_that_knows_nothing_has_a_loss_near_ln_c"},
    ),
    "test rows are trained on": (
        "data.py",
        "for rows in (train, val, test)",
        "for rows in (torch.arange(len(labels)), val, test)",
        {"test_no_sample_is_in_two_parts"},
    ),
    "samples are mixed in a batch": (
        "model.py",
        "return self.network(inputs)",
        "return self.network(inputs) - self.network(inputs).mean(dim=0)",
        {"test_a_sample_is_judged_alike_alone_and_among_others"},
    ),
}


def running(names: set[str]) -> str:
    return f"import pytest; raise SystemExit(pytest.main(['-q', '-rf', '-k', {' or '.join(sorted(names))!r}]))"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """By name, the exit status and the words of all that these tests run in projects."""
    out = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        make_project(out / kind, kind)
    jobs = {f"{kind}: diagnosed": (out / kind, DIAGNOSED) for kind in KINDS}
    jobs |= {f"{kind}: tests": (out / kind, WHOLE) for kind in KINDS}
    jobs["notebook"] = (out / "table", NOTEBOOK)
    jobs["repeated"] = (out / "table", REPEATED)
    for name, (file, old, new, failing) in BROKEN.items():
        make_project(out / name.replace(" ", "_"), "table")
        broken = out / name.replace(" ", "_") / file
        text = broken.read_text(encoding="utf-8")
        assert old in text
        broken.write_text(text.replace(old, new), encoding="utf-8")
        jobs[name] = (broken.parent, running(failing))
    given = json.dumps([(str(folder), code) for folder, code in jobs.values()])
    command = [sys.executable, Path(__file__).with_name("forked.py")]
    # Plugins of pytest, of which the project needs none, take three seconds to load.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return dict(zip(jobs, map(tuple, json.loads(done.stdout)), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_project_passes_its_own_tests_without_a_warning(kind: str, outcomes: dict[str, tuple[int, str]]):
    status, said = outcomes[f"{kind}: tests"]
    assert status == 0, said
    assert re.search(r"\d\d passed", said)
    assert "warning" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_diagnose_and_check_find_nothing_in_it(
    kind: str, outcomes: dict[str, tuple[int, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status, said = outcomes[f"{kind}: diagnosed"]
    assert status == 0, said
    make_project(tmp_path / "demo", kind)
    assert main(["check", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out == "Nothing found.\n"


def test_its_notebook_runs_to_the_result(outcomes: dict[str, tuple[int, str]]):
    status, said = outcomes["notebook"]
    assert status == 0, said
    assert re.search(r"application/vnd\.mldrl-lite\.result\+json.*test_accuracy", said)


def test_several_seeds_and_splits_make_the_table_of_its_readme(outcomes: dict[str, tuple[int, str]]):
    status, said = outcomes["repeated"]
    assert status == 0, said
    title, _, *baselines = re.findall(r"^\| ([^|]+) \| ", said, re.M)
    assert title == "test accuracy, 2 runs"
    assert baselines == ["baseline: largest class", "baseline: logistic regression"]
    runs = re.findall(r"^run \d: test accuracy (\S+)$", said, re.M)
    [network] = re.findall(r"^\| the network \| (\S+) \| (\S+) \| (\S+) \|$", said, re.M)
    assert network[1:] == (min(runs), max(runs))
    assert f"means {network[0]}, single {runs[1]}\n" in said  # one of them alone is the same run


@pytest.mark.parametrize("name", BROKEN)
def test_its_own_tests_find_what_is_broken(name: str, outcomes: dict[str, tuple[int, str]]):
    status, said = outcomes[name]
    assert status == 1, said
    assert set(re.findall(r"^FAILED \S+::(\w+)", said, re.M)) == BROKEN[name][-1], said


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_states_what_the_tests_expect(kind: str, tmp_path: Path):
    make_project(tmp_path / "demo", kind)
    [stated] = re.findall(
        r"^\| the network, .* \| ([\d.]+) \| [\d.]+ \| [\d.]+ \|$", read(tmp_path / "demo/README.md"), re.M
    )
    assert f"\nEXPECTED = {stated}\n" in read(tmp_path / "demo/samples.py")


# ---------------------------------------------------------------------------------------------------------------------
# The rubric


def test_each_point_names_tests_that_a_new_project_has_or_asks(tmp_path: Path):
    make_project(tmp_path / "demo")
    there = set(re.findall(r"^def (test_\w+)", read(tmp_path / "demo" / "test_project.py"), re.M))
    assert {name for point in POINTS for name in point.tests} <= there
    assert len(POINTS) == 10
    assert all(bool(point.tests) is not point.text.endswith("?") for point in POINTS)


def judged(folder: Path, **tests: str) -> Rubric:
    """Judge a folder that has tests of these names, each with this body."""
    folder.mkdir(exist_ok=True)
    text = "import pytest\n" + "".join(f"def {name}():\n    {body}\n" for name, body in tests.items())
    (folder / "test_project.py").write_text(text)
    return judge_project(folder)


def test_a_point_is_shown_when_all_of_its_tests_pass(tmp_path: Path):
    by_heart = POINTS[2].tests
    assert len(by_heart) == 2
    shown = judged(tmp_path / "a", **dict.fromkeys(by_heart, "assert True"))
    assert (shown.shown, len(shown.missing)) == (1, 6)
    assert POINTS[2] not in shown.missing
    for body in ("assert False", "pytest.skip('later')", "raise OSError"):
        assert judged(tmp_path / "a", **{by_heart[0]: "pass", by_heart[1]: body}).shown == 0
    assert "not yet" in repr(judged(tmp_path / "a", test_other="pass"))


def test_a_project_is_tested_again_when_it_has_changed_and_not_before(tmp_path: Path):
    name = POINTS[1].tests[0]
    body = "__import__('pathlib').Path('../ran.txt').open('a').write('.')"
    for _ in range(2):
        assert judged(tmp_path / "a", **{name: body}).shown == 1
        assert judge_project(tmp_path / "a").shown == 1
    assert read(tmp_path / "ran.txt") == ".."
    data = tmp_path / "a" / "data" / "train" / "birds.npy"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"")
    (tmp_path / "a" / "runs").mkdir()
    (tmp_path / "a" / "runs" / "left.ckpt").write_bytes(b"")
    judge_project(tmp_path / "a")
    (tmp_path / "a" / "runs" / "left.ckpt").unlink()
    judge_project(tmp_path / "a")
    assert read(tmp_path / "ran.txt") == "..."


def test_a_readme_of_other_samples_states_no_result(tmp_path: Path):
    stated = POINTS[4]
    make_project(tmp_path / "a", "table")
    tests = dict.fromkeys(stated.tests, "pass")
    assert stated in judged(tmp_path / "a", **tests).missing
    text = read(tmp_path / "a" / "README.md")
    (tmp_path / "a" / "README.md").write_text(text.replace("# a\n", "# Birds\n"))
    assert stated in judged(tmp_path / "a", **tests).missing
    own = f"# Birds\n\nThe network: 0.912.\n\n{text[text.index('## Use it') :]}"
    (tmp_path / "a" / "README.md").write_text(own)
    assert stated not in judged(tmp_path / "a", **tests).missing


def test_what_cannot_be_judged_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="has no test_project.py: give a folder that `mldrl-lite new` has made"):
        judge_project(tmp_path)
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(InputError, match="The tests of b do not start: they say nothing"):
        judged(tmp_path / "b", test_one="pass")


# ---------------------------------------------------------------------------------------------------------------------
# What is copied


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["pytorch_lightning", "lightning"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_imports_lightning_and_not_mldrl_lite_and_ruff_is_content(kind: str, package: str, tmp_path: Path):
    folder = tmp_path / "demo"
    assert main(["new", str(folder), "--kind", kind, "--package", package]) == 0
    texts = "".join(map(read, folder.iterdir()))
    imported = set(re.findall(r'^[ "]*(?:from|import) ((?:pytorch_|lightning|mldrl)\w*)', texts, re.M))
    assert imported == {package}
    assert f"\n{package.replace('_', '-')}>=" in read(folder / "requirements.txt")
    assert "# demo\n" in texts
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout


def test_what_it_needs_stands_in_its_requirements(tmp_path: Path):
    make_project(tmp_path / "demo")
    texts = "".join(map(read, (tmp_path / "demo").glob("*.py")))
    used = set(re.findall(r"^(?:from|import) (\w+)", texts, re.M)) - set(sys.stdlib_module_names)
    used -= {path.stem for path in (tmp_path / "demo").glob("*.py")}
    wanted = set(re.findall(r"^([\w-]+)>=", read(tmp_path / "demo" / "requirements.txt"), re.M))
    assert {{"sklearn": "scikit-learn"}.get(name, name.replace("_", "-")) for name in used} <= wanted
    floors = set((ROOT / "pyproject.toml").read_text().replace('"', "\n").splitlines())
    assert set(read(tmp_path / "demo" / "requirements.txt").split()) <= floors


def test_every_file_of_the_template_is_in_the_package():
    patterns = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["setuptools"]["package-data"]
    paths = [path.relative_to(TEMPLATE.parent) for path in TEMPLATE.rglob("*") if path.is_file()]
    copied = [path for path in paths if not any(part.startswith((".", "__")) for part in path.parts)]
    assert len(copied) > 10
    for path in copied:
        assert any(path.match(pattern) for pattern in patterns["mldrl_lite.teach.project"]), path


def test_what_tools_leave_in_the_template_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copied = tmp_path / "template"
    subprocess.run(["cp", "-r", TEMPLATE, copied], check=True, timeout=60)
    (copied / ".ruff_cache").mkdir(exist_ok=True)
    (copied / "table" / "__pycache__").mkdir(exist_ok=True)
    monkeypatch.setattr("mldrl_lite.teach.project.making._TEMPLATE", copied)
    make_project(tmp_path / "demo", "table")
    assert all(path.is_file() for path in (tmp_path / "demo").iterdir())


# ---------------------------------------------------------------------------------------------------------------------
# What is refused


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the sentence with which `mldrl-lite new` refuses these."""
    assert main(["new", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    [line] = (said.out + said.err).splitlines()
    return line


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "thesis.txt").write_text("all of it")
    assert "is not empty: give another name" in refused(capsys, tmp_path)
    assert "is no folder" in refused(capsys, tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert read(tmp_path / "thesis.txt") == "all of it"


def test_an_empty_folder_is_filled(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "my work").mkdir()
    assert main(["new", str(tmp_path / "my work")]) == 0
    assert f"cd '{tmp_path / 'my work'}'" in capsys.readouterr().out
    assert (tmp_path / "my work" / "train.py").is_file()


@pytest.mark.parametrize("name", ["", ".", "..", "a?", "a:b", "-", "a.", "\n"])
def test_what_is_no_name_for_a_folder_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="does not end in a name"):
        make_project(Path(name))
    assert not list(tmp_path.iterdir())


def test_a_kind_or_a_package_or_a_place_that_is_not_known_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    said = refused(capsys, tmp_path / "demo", "--kind", "image")
    assert said == "mldrl-lite: --kind image is not known (did you mean 'images'?): give images, table or text."
    assert "give pytorch_lightning or lightning." in refused(capsys, tmp_path / "demo", "--package", "keras")
    assert "is not there: make it first" in refused(capsys, tmp_path / "no" / "demo")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
def test_a_project_is_there_whole_or_not_at_all(
    fault: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written = []

    def fails_at_the_fifth(path: Path, *_: object, **__: object) -> None:
        written.append(path)
        if len(written) == 5:
            raise fault

    monkeypatch.setattr(Path, "write_text", fails_at_the_fifth)
    with pytest.raises(fault):
        make_project(tmp_path / "demo")
    assert not list(tmp_path.iterdir())


def test_the_package_that_is_missing_is_to_be_installed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("mldrl_lite.teach.project.command.find_spec", lambda _: None)
    assert main(["new", str(tmp_path / "demo")]) == 0
    assert "pip install -r requirements.txt" in capsys.readouterr().out
