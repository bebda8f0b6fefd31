"""Tests of the project, more than a dozen, in a minute or two: `python -m pytest`.

Each finds a mistake that raises no error. Run them after every change, and before every long run.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import checks
import samples
import train
from data import MyData, whole
from model import MyModel

HERE = Path(__file__).parent


@pytest.fixture
def data() -> MyData:
    """The data, split and without augmentation."""
    made = MyData(augmented=False)
    made.setup("fit")
    return made


@pytest.fixture
def model() -> MyModel:
    """A model with the same random weights each time."""
    torch.manual_seed(0)
    return MyModel()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Path]:
    """What a whole training with the options as they are has measured, and its folder."""
    out = tmp_path_factory.mktemp("runs")
    return train.main(["--out", str(out)]), out / "1"


# --------------------------------------------------------------------------------------------------
# The data


def test_inputs_and_labels_are_what_a_network_takes() -> None:
    inputs, labels = samples.load()
    seen, last = sorted(set(labels.tolist())), len(samples.CLASSES) - 1
    assert len(inputs) == len(labels), f"{len(inputs)} inputs, {len(labels)} labels: give as many"
    assert labels.dtype == torch.int64, f"labels are {labels.dtype}: make them whole, by .long()"
    assert labels.ndim == 1, f"labels have the shape {tuple(labels.shape)}: give (samples,)"
    assert seen == list(range(last + 1)), f"labels are {seen}: number the classes 0 to {last}"
    assert inputs.dtype in (torch.float32, torch.int64), f"inputs are {inputs.dtype}: add .float()"
    assert inputs.isfinite().all(), "inputs are not all finite: fill or drop what is missing"
    MyModel().eval()(inputs[:2])  # a shape that does not fit is said here: see network.py


def test_no_sample_is_in_two_parts(data: MyData) -> None:
    """A test sample that was trained on makes every score too good. Rows may hold the same."""
    parts = [whole(part)[0] for part in (data.train_set, data.val_set, data.test_set)]
    contents = [{inputs.numpy().tobytes() for inputs in part} for part in parts]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = len(contents[one] & contents[other])
        assert not shared, f"{shared} in two parts: let samples.py load each once"


def test_every_part_has_every_class(data: MyData) -> None:
    for part in (data.train_set, data.val_set, data.test_set):
        assert set(whole(part)[1].tolist()) == set(range(len(samples.CLASSES)))


def test_the_split_is_the_same_each_time_and_another_seed_draws_another(data: MyData) -> None:
    again, other = MyData(), MyData(split_seed=1)
    for made in (again, other):
        made.setup("test")
    assert again.test_set.indices == data.test_set.indices
    assert set(other.test_set.indices) != set(data.test_set.indices)


@pytest.mark.skipif(samples.augment is None, reason="these samples are not augmented")
def test_augmentation_changes_inputs_and_neither_their_shape_nor_their_range(data: MyData) -> None:
    inputs = whole(data.train_set)[0][:32]
    torch.manual_seed(0)
    changed = samples.augment(inputs)
    assert (changed.shape, changed.dtype) == (inputs.shape, inputs.dtype)
    assert not torch.equal(changed, inputs)
    assert inputs.min() <= changed.min()
    assert changed.max() <= inputs.max()


@pytest.mark.skipif(samples.augment is None, reason="these samples are not augmented")
def test_only_what_trains_is_augmented() -> None:
    made = MyData()
    made.setup("fit")
    for training in (True, False):
        made.trainer = SimpleNamespace(training=training)
        inputs, labels = whole(made.train_set)
        given, _ = made.on_after_batch_transfer([inputs, labels], 0)
        assert torch.equal(given, inputs) is not training


# --------------------------------------------------------------------------------------------------
# The model, before a training


def test_a_model_that_knows_nothing_has_a_loss_near_ln_c(model: MyModel, data: MyData) -> None:
    assert checks.knows_nothing(checks.first_loss(model, data))


def test_it_learns_one_batch_by_heart(model: MyModel, data: MyData) -> None:
    measured = checks.overfit_one_batch(model, data)
    hint = f"{measured}: near it? take more steps in checks.py. Far from it? Look for a fault"
    assert measured["accuracy"] == 1, hint
    assert 0 <= measured["loss"] < 0.1, hint


def test_a_sample_is_judged_alike_alone_and_among_others(model: MyModel, data: MyData) -> None:
    """One that is not has been mixed with its neighbours: look at every reshape and mean."""
    inputs = whole(data.test_set)[0][:8]
    model.eval()
    with torch.no_grad():
        together, alone = model(inputs), torch.cat([model(inputs[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_it_runs_from_end_to_end_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "test_loss" in train.main(["--fast-dev-run"])
    assert not list(tmp_path.iterdir())


# --------------------------------------------------------------------------------------------------
# A whole training, once for all tests below


def test_it_reaches_what_the_readme_states(run: tuple[dict[str, float], Path]) -> None:
    """Fails too where labels are mixed up, or inputs not seen. A single split varies a little."""
    assert run[0]["test_accuracy"] > samples.EXPECTED - 0.03


def test_the_readme_states_the_result() -> None:
    """`python train.py --repeat 10` prints a table for README.md, and the mean for EXPECTED."""
    labels = samples.load()[1]
    largest = labels.bincount().max().item() / len(labels)
    said = f"EXPECTED is {samples.EXPECTED}"
    assert samples.EXPECTED > largest, f"{said}; always the largest class gives {largest:.3f}"
    stated = re.findall(r"\d+\.\d+", (HERE / "README.md").read_text(encoding="utf-8"))
    assert samples.EXPECTED in map(float, stated), f"{said}, and README.md has no such number"


def test_simple_methods_do_not_make_it_look_silly(run: tuple[dict[str, float], Path]) -> None:
    reached = train.main(["--baseline"])
    assert run[0]["test_accuracy"] > reached["largest class"] + 0.1
    assert run[0]["test_accuracy"] > reached["logistic regression"] - 0.02


def test_the_predictions_are_those_that_were_scored(run: tuple[dict[str, float], Path]) -> None:
    with open(run[1] / "predictions.csv", encoding="utf-8") as opened:
        lines = list(csv.DictReader(opened))
    right = sum(line["label"] == line["predicted"] for line in lines) / len(lines)
    assert right == pytest.approx(run[0]["test_accuracy"])
    assert {line["label"] for line in lines} == set(samples.CLASSES)


def test_another_process_finds_the_same_with_this_code_and_without(
    run: tuple[dict[str, float], Path], data: MyData, tmp_path: Path
) -> None:
    """What you hand on works where nothing of this process is left."""
    torch.save(whole(data.test_set), tmp_path / "test.pt")
    lines = [
        "import sys, torch",
        "inputs, labels = torch.load('test.pt', weights_only=True)",
        f"program = torch.export.load({str(run[1] / 'model.pt2')!r}).module()",
        "logits = program(inputs)",
        "assert torch.equal(program(inputs), logits)",  # so dropout is off
        "assert 'model' not in sys.modules",
        "print((logits.argmax(1) == labels).float().mean().item())",
        f"sys.path.insert(0, {str(HERE)!r})",
        "import train",
        f"print(train.main(['--test', {str(run[1])!r}])['test_accuracy'])",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    for found in (printed[0], printed[-1]):
        assert float(found) == pytest.approx(run[0]["test_accuracy"])


def test_the_same_seed_gives_the_same_and_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for _ in range(2):
        train.main(["--max-epochs", "1", "--seed", "3", "--out", str(tmp_path)])
    first, second = (train.load(tmp_path / name / "last.ckpt")[0] for name in ("1", "2"))
    assert_same(first, second)
    train.main(["--max-epochs", "2", "--resume", str(tmp_path / "1")])
    assert train.epochs_done(tmp_path / "1") == 2
    with pytest.raises(AssertionError):
        assert_same(first, train.load(tmp_path / "1" / "last.ckpt")[0])


def assert_same(one: MyModel, other: MyModel) -> None:
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)
