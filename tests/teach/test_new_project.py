"""A project that `mldrl-lite new` makes: sound as it is made, and its own tests find what is broken in it."""

import errno
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from conftest import ROOT, Once

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.teach import check_my_project
from mldrl_lite.teach.project import judging
from mldrl_lite.teach.project.judging import judge_project
from mldrl_lite.teach.project.making import KINDS, make_project
from mldrl_lite.teach.project.rubric import POINTS

Outcomes = dict[str, list[Any]]  # an exit status, and what was printed
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

GAPS = (
    "torch.tensor(table.data, dtype=torch.float32)",
    "torch.tensor(table.data, dtype=torch.float32).where(torch.arange(17070).view(569, 30) % 9 > 0, torch.nan)",
)
GROUPS = ("    return None", "    return [f'patient {row // 2}' for row in range(569)]")
# Of each edit the file, what stands in it and what is put there; the tests that must fail. The table is the quickest.
BROKEN = {
    "the model ignores its input": (
        [("model.py", "logits = self(inputs)", "logits = self(torch.zeros_like(inputs))")],
        {"test_it_learns_one_batch_by_heart"},
    ),
    "a measurement is missing": (
        [("samples.py", GAPS[0], f"{GAPS[0]}.where(torch.arange(30) > 0, torch.nan)")],
        {"test_inputs_and_labels_are_what_a_network_takes"},
    ),
    "the classes are numbered from 1": (
        [("samples.py", "torch.tensor(table.target)", "torch.tensor(table.target + 1)")],
        {"test_inputs_and_labels_are_what_a_network_takes"},
    ),
    "repeats are of other samples": (
        [("repeats.json", '"malignant": 212', '"malignant": 211')],
        {"test_the_readme_states_the_result"},
    ),
    "nothing was repeated": (
        [("train.py", "repeats.json", "no.json")],
        {"test_the_readme_states_the_result"},
    ),
    "the readme has a better number": (
        [("README.md", "0.975", "0.999")],
        {"test_the_readme_states_the_result"},
    ),
    "the loss has the wrong sign": (
        [("model.py", "functional.cross_entropy(", "-functional.cross_entropy(")],
        {"test_a_model_that_knows_nothing_has_a_loss_near_ln_c", "test_it_learns_one_batch_by_heart"},
    ),
    "inputs are not scaled": (
        [("network.py", "nn.BatchNorm1d(30)", "nn.Identity()")],
        {"test_a_model_that_knows_nothing_has_a_loss_near_ln_c"},
    ),
    "test rows are trained on": (
        [("data.py", "for rows in (train, val, test)", "for rows in (torch.arange(len(labels)), val, test)")],
        {"test_no_sample_is_in_two_parts"},
    ),
    "samples are mixed in a batch": (
        [("model.py", "return self.network(inputs)", "return self.network(inputs) - self.network(inputs).mean(dim=0)")],
        {"test_a_sample_is_judged_alike_alone_and_among_others"},
    ),
    "test rows are served for training": (
        [("data.py", "DataLoader(self.train_set,", "DataLoader(self.train_set + self.test_set,")],
        {"test_each_loader_serves_its_part_and_nothing_else"},
    ),
    "what is tested is what has chosen": (
        [("data.py", "DataLoader(self.test_set,", "DataLoader(self.val_set,")],
        {"test_each_loader_serves_its_part_and_nothing_else"},
    ),
    "inputs are scaled by all rows": (
        [
            (
                "data.py",
                "TensorDataset(prepare(inputs, train), ",
                "TensorDataset((inputs - inputs.mean(0)) / inputs.std(0), ",
            )
        ],
        {"test_what_trains_is_prepared_without_the_other_parts"},
    ),
    "gaps are filled by all rows": (
        [("samples.py", *GAPS), ("data.py", "inputs[train_rows].nanmedian(dim=0).values", "inputs.nanmean(dim=0)")],
        {"test_what_trains_is_prepared_without_the_other_parts"},
    ),
    "a group is in two parts": (
        [("samples.py", *GROUPS), ("data.py", "groups = samples.groups()", "groups = None")],
        {"test_no_group_is_in_two_parts"},
    ),
}
# What the judge's own copy of the tests finds, where the project's own has been emptied.
HIDDEN = {
    "labels are shuffled, no test is left": (
        [
            ("samples.py", "(table.target)", "(table.target)[torch.arange(569) * 97 % 569]"),
            ("test_project.py", "def test_", "def no_test_"),
        ],
        {"test_it_reaches_what_the_readme_states", "test_simple_methods_do_not_make_it_look_silly"},
    ),
    "inputs are not scaled, and the check says that they are": (
        BROKEN["inputs are not scaled"][0] + [("checks.py", "< NEAR", "< 99")],
        {"test_a_model_that_knows_nothing_has_a_loss_near_ln_c"},
    ),
    "the loaders test says nothing": (
        BROKEN["test rows are served for training"][0] + [("test_project.py", "assert not foreign", "assert True")],
        {"test_each_loader_serves_its_part_and_nothing_else"},
    ),
}
# Sound, and not as it was made: gaps, groups, and a score in which all classes count alike.
SOUND = (
    [
        ("samples.py", *GAPS),
        ("samples.py", *GROUPS),
        ("samples.py", 'SCORE = "accuracy"', 'SCORE = "balanced_accuracy"'),
    ],
    {"in_two_parts", "loader_serves", "is_prepared", "network_takes", "silly", "were_scored"},
)


def running(names: set[str], shipped: bool = False) -> str:
    """Return code that runs these tests: the project's own, or those that the judge brings."""
    arguments = ["-q", "-rf", "-k", " or ".join(sorted(names))]
    laid_out = "lay_out(shipped(Path.cwd()), Path(tempfile.mkdtemp(dir=Path.cwd())))" if shipped else "[]"
    return f"""
import pytest, tempfile
from pathlib import Path
from mldrl_lite.teach.project.judging import lay_out
from mldrl_lite.teach.project.making import shipped
raise SystemExit(pytest.main([*{arguments!r}, *{laid_out}]))
"""


def made(folder: Path, edits: list[tuple[str, str, str]]) -> Path:
    """Make the project of a table in a folder, and replace what the edits name."""
    make_project(folder, "table")
    for file, old, new in edits:
        text = read(folder / file)
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def outcomes(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """By name, the exit status and the words of all that these tests run in projects."""

    def run(file: Path) -> None:
        file.write_text(json.dumps(run_in_projects(tmp_path_factory.mktemp("projects"))), encoding="utf-8")

    return json.loads(read(once("projects.json", run)))


def run_in_projects(out: Path) -> Outcomes:
    """Return what comes of the short ones, and of all tests of the quickest kind."""
    for kind in KINDS:
        make_project(out / kind, kind)
    jobs = {f"{kind}: diagnosed": (out / kind, DIAGNOSED) for kind in KINDS}
    jobs["table: tests"] = (out / "table", WHOLE)
    jobs["notebook"] = (out / "table", NOTEBOOK)
    jobs["repeated"] = (out / "table", REPEATED)
    for name, (edits, failing) in (BROKEN | HIDDEN).items():
        jobs[name] = (made(out / name.replace(" ", "_").replace(",", ""), edits), running(failing, name in HIDDEN))
    jobs["sound"] = (made(out / "sound", SOUND[0]), running(SOUND[1]))
    return run_jobs(jobs)


def run_jobs(jobs: dict[str, tuple[Path, str]]) -> Outcomes:
    """Run code in folders, each in a fork of one process; return the exit status and the words of each."""
    given = json.dumps([(str(folder), code) for folder, code in jobs.values()])
    command = [sys.executable, ROOT / "tests" / "forked.py"]
    # Plugins of pytest, of which the project needs none, take three seconds to load.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return dict(zip(jobs, json.loads(done.stdout), strict=True))


@pytest.mark.slow  # what it waits for runs in all of these projects
def test_a_new_project_passes_its_own_tests_without_a_warning(outcomes: Outcomes):
    passed_calmly(*outcomes["table: tests"])


@pytest.mark.whole
@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"table"}))
def test_one_of_another_kind_does_so_too(kind: str, tmp_path: Path):
    make_project(tmp_path / kind, kind)
    passed_calmly(*run_jobs({kind: (tmp_path / kind, WHOLE)})[kind])


def passed_calmly(status: int, said: str) -> None:
    assert status == 0, said
    assert re.search(r"\d\d passed", said)
    assert "warning" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_diagnose_and_check_find_nothing_in_it(
    kind: str, outcomes: Outcomes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status, said = outcomes[f"{kind}: diagnosed"]
    assert status == 0, said
    make_project(tmp_path / "demo", kind)
    assert main(["check", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out == "Nothing found.\n"


def test_its_notebook_runs_to_the_result(outcomes: Outcomes):
    status, said = outcomes["notebook"]
    assert status == 0, said
    assert re.search(r"application/vnd\.mldrl-lite\.result\+json.*test_accuracy", said)


def test_several_seeds_and_splits_make_the_table_of_its_readme(outcomes: Outcomes):
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
def test_its_own_tests_find_what_is_broken(name: str, outcomes: Outcomes):
    status, said = outcomes[name]
    assert status == 1, said
    assert set(re.findall(r"^FAILED \S+::(\w+)", said, re.M)) == BROKEN[name][-1], said


@pytest.mark.parametrize("name", HIDDEN)
def test_the_judge_brings_its_own_copy_of_the_tests(name: str, outcomes: Outcomes):
    status, said = outcomes[name]
    assert status == 1, said
    assert set(re.findall(r"^FAILED \S+::(\w+)", said, re.M)) == HIDDEN[name][-1], said


def test_gaps_groups_and_a_balanced_score_pass(outcomes: Outcomes):
    status, said = outcomes["sound"]
    assert status == 0, said
    assert re.search(r"\b7 passed", said), said
    assert "skipped" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_states_what_was_repeated(kind: str, tmp_path: Path):
    make_project(tmp_path / "demo", kind)
    rows = re.findall(
        r"^\| (the network|baseline).* \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", read(tmp_path / "demo/README.md"), re.M
    )
    runs = json.loads(read(tmp_path / "demo/repeats.json"))["runs"]
    assert len(runs) == 10
    order = ("the network", "baseline: logistic regression", "baseline: largest class")
    for (_, *stated), name in zip(rows, order, strict=True):
        values = [run[name] for run in runs]
        assert stated == [f"{value:.3f}" for value in (mean(values), min(values), max(values))]


# ---------------------------------------------------------------------------------------------------------------------
# The rubric


def test_each_shipped_test_shows_one_point_and_the_others_are_asked(tmp_path: Path):
    make_project(tmp_path / "demo")
    there = re.findall(r"^def (test_\w+)", read(tmp_path / "demo" / "test_project.py"), re.M)
    assert sorted(there) == sorted(name for point in POINTS for name in point.tests)
    assert len(POINTS) == 10
    assert all(bool(point.tests) is not point.text.endswith("?") for point in POINTS)


ALL = [name for point in POINTS for name in point.tests]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and the tests that the judge brings, which are quick: each asks the project's `facts` for its name."""
    tests = "import checks, facts, pytest\n" + "".join(f"def {name}():\n    checks.ask({name!r})\n" for name in ALL)
    checks = "import facts\ndef ask(name):\n    assert name not in facts.WRONG, f'{name} is wrong'\n"
    shipped = {"test_project.py": tests, "checks.py": checks, "pyproject.toml": ""}
    monkeypatch.setattr(judging, "shipped", lambda _: shipped)
    folder = tmp_path / "birds"
    folder.mkdir()
    for name, text in {**shipped, "facts.py": "WRONG = []\n", "README.md": "# Birds\n"}.items():
        (folder / name).write_text(text)
    return folder


def test_a_point_is_shown_when_all_of_its_tests_pass(small: Path, capsys: pytest.CaptureFixture[str]):
    judged = judge_project(small)
    assert (judged.shown, judged.missing, judged.reasons, judged.remarks) == (7, [], [], [])
    said = capsys.readouterr()
    assert said.out == ""
    assert "judging birds" in said.err
    (small / "facts.py").write_text(f"WRONG = {ALL[:2]}")
    judged = judge_project(small)
    assert (judged.shown, judged.missing) == (6, [POINTS[0]])
    for shown in (repr(judged), judged._repr_html_(), *judged.reasons[:1]):
        assert f"{ALL[0]} is wrong" in shown
    assert "not yet" in repr(judged)


def test_a_project_whose_tests_were_emptied_is_judged_by_the_shipped_ones(small: Path):
    emptied = "".join(f"def {name}(): assert True\n" for name in ALL[:-1])
    (small / "test_project.py").write_text(emptied)
    (small / "checks.py").write_text("def ask(name): pass\n")
    (small / "conftest.py").write_text("def pytest_collection_modifyitems(items): items.clear()\n")
    (small / "facts.py").write_text(f"WRONG = {ALL[:1]}\n")
    judged = judge_project(small)
    assert judged.missing == [POINTS[0]]
    assert judged.differing == (*ALL, "checks.ask")
    assert "The project's own differ, so read them" in repr(judged)


def test_the_tests_that_a_project_has_of_its_own_are_to_pass_too(small: Path):
    shipped = read(small / "test_project.py")
    (small / "test_project.py").write_text(f"{shipped}\ndef test_birds():\n    assert False, 'a bird is no fish'\n")
    judged = judge_project(small)
    assert (judged.missing, judged.differing) == ([], ())
    assert judged.reasons == ["its own test_birds: a bird is no fish"]
    assert "Its own test_birds fails: a bird is no fish" in repr(judged)
    for text, said in (("import no_such_package", "No module named 'no_such_package'"), ("def", "SyntaxError")):
        (small / "test_project.py").write_text(f"def test_x(): pass\n{text}\n")
        assert said in judge_project(small).own["test_project.py"]


def test_what_a_project_states_stands_beside_what_was_measured(small: Path, monkeypatch: pytest.MonkeyPatch):
    record = "def {}(record_property):\n    record_property('{}', 0.{})\n"
    tests = record.format(ALL[0], "stated", 91) + record.format(ALL[1], "measured", 87)
    monkeypatch.setattr(judging, "shipped", lambda _: {"test_project.py": tests, "checks.py": "", "pyproject.toml": ""})
    assert "The result: stated 0.91; measured 0.87." in repr(judge_project(small))


def test_the_check_of_the_course_tells_what_fails(small: Path):
    (small / "samples.py").write_text('"""Of my own."""\n')
    assert check_my_project(str(small)).right
    (small / "facts.py").write_text(f"WRONG = {ALL[:1]}\n")
    assert f"tests show 6 points. These fail: {ALL[0]}: {ALL[0]} is wrong" in check_my_project(str(small)).message
    (small / "facts.py").write_text("import no_such_package\n")
    assert f"tests show 0 points. These fail: {ALL[0]}: ModuleNotFoundError" in check_my_project(str(small)).message


def test_a_project_that_cannot_be_imported_shows_no_point_and_says_why(small: Path):
    (small / "facts.py").write_text("import no_such_package\n")
    judged = judge_project(small)
    assert judged.shown == 0
    assert set(judged.failed.values()) == {"ModuleNotFoundError: No module named 'no_such_package'"}


def test_a_project_is_tested_again_when_it_has_changed_and_not_before(small: Path):
    (small / "facts.py").write_text("WRONG = []\nopen('../ran.txt', 'a').write('.')\n")
    for _ in range(2):
        assert judge_project(small).shown == 7
    assert read(small.parent / "ran.txt") == "."
    data = small / "data" / "train" / "birds.npy"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"")
    (small / "runs").mkdir()
    (small / "runs" / "left.ckpt").write_bytes(b"")
    judge_project(small)
    (small / "runs" / "left.ckpt").unlink()
    judge_project(small)
    assert read(small.parent / "ran.txt") == ".."


def test_a_readme_of_other_samples_states_no_result(small: Path):
    make_project(small.parent / "a", "table")
    text = read(small.parent / "a" / "README.md")
    for other in (text, text.replace("# a\n", "# Birds\n")):
        (small / "README.md").write_text(other)
        assert judge_project(small).missing == [POINTS[4]]
    (small / "README.md").write_text(f"# Birds\n\nThe network: 0.912.\n\n{text[text.index('## Use it') :]}")
    assert judge_project(small).missing == []


def test_what_cannot_be_judged_is_said(small: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="has no test_project.py: give a folder that `mldrl-lite new` has made"):
        judge_project(small.parent)
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(InputError, match="The tests of birds do not start: they say nothing"):
        judge_project(small)


def test_the_command_ends_with_1_when_something_is_missing(small: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["judge", str(small)]) == 0
    (small / "facts.py").write_text(f"WRONG = {ALL[:1]}\n")
    assert main(["judge", str(small)]) == 1
    assert f"{ALL[0]} is wrong" in capsys.readouterr().out


def test_on_a_full_disk_it_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["new", str(tmp_path / "birds")]) == 2
    assert capsys.readouterr().err == (
        "mldrl-lite: The disk is full: free some space where this command writes, and give it again.\n"
    )
    assert list(tmp_path.iterdir()) == []


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
    used -= {"torchmetrics"}  # comes with Lightning
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
