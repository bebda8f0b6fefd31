"""Tests of the project, more than a dozen, in a minute or two: `python -m pytest`.

Each finds a mistake that raises no error. Run them after every change, and before every long run.
"""

import csv
import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import Subset

import checks
import samples
import train
from data import MyData, whole
from model import MyModel

HERE = Path(samples.__file__).parent


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
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Path]:
    """The test score of a whole training with the options as they are, and its folder."""
    out = tmp_path_factory.mktemp("runs")
    return train.main(["--out", str(out)])[f"test_{samples.SCORE}"], out / "1"


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
    made = MyData()
    made.setup("fit")
    inputs = torch.cat([whole(part)[0] for part in parts(made)])
    hint = "fill by numbers of the training rows, in `prepare` of data.py"
    assert inputs.isfinite().all(), f"what is served is not all finite: {hint}"
    MyModel().eval()(inputs[:2])  # a shape that does not fit is said here: see network.py


def parts(data: MyData) -> tuple[Subset, Subset, Subset]:
    return data.train_set, data.val_set, data.test_set


def contents(inputs: torch.Tensor, labels: torch.Tensor) -> list[tuple[bytes, int]]:
    """Return what can be compared and counted, for each row."""
    return [(row.numpy().tobytes(), int(label)) for row, label in zip(inputs, labels, strict=True)]


def test_no_sample_is_in_two_parts(data: MyData) -> None:
    """A test sample that was trained on makes every score too good. Rows may hold the same."""
    held = [{row for row, _ in contents(*whole(part))} for part in parts(data)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = len(held[one] & held[other])
        assert not shared, (
            f"{shared} rows stand in two parts: load each once in samples.py; "
            "where different samples have equal inputs, let groups() give them one name"
        )


def test_no_group_is_in_two_parts(data: MyData) -> None:
    """Two samples of one patient are alike. A network would be tested on what it has seen."""
    groups = samples.groups()
    if groups is None:
        pytest.skip("samples.py names no groups")
    held = [{groups[row] for row in part.indices} for part in parts(data)]
    shared = held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert not shared, f"{sorted(shared)[:5]} in two parts: split by samples.groups() in data.py"


def test_each_loader_serves_its_part_and_nothing_else(data: MyData) -> None:
    for name in ("val", "test", "predict"):
        part = data.val_set if name == "val" else data.test_set
        for served, held in zip(served_by(data, name), whole(part), strict=True):
            assert torch.equal(served, held), f"{name}_dataloader() serves other rows than its part"
    served, held = (
        Counter(contents(*rows)) for rows in (served_by(data, "train"), whole(data.train_set))
    )
    foreign, left_out = (served - held).total(), (held - served).total()
    assert not foreign, f"train_dataloader() serves {foreign} rows too many, or of another part"
    assert left_out < data.hparams.batch_size, f"train_dataloader() leaves out {left_out} rows"


def served_by(data: MyData, name: str) -> list[torch.Tensor]:
    """Return all inputs and all labels that a loader serves."""
    batches = getattr(data, f"{name}_dataloader")()
    return [torch.cat(column) for column in zip(*batches, strict=True)]


def test_what_trains_is_prepared_without_the_other_parts(
    data: MyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the rows that validate and test, those that train stay as they are."""
    inputs, labels = samples.load()
    inputs = inputs.clone()
    inputs[data.val_set.indices + data.test_set.indices] *= 1000
    monkeypatch.setattr(samples, "load", lambda: (inputs, labels))
    again = MyData(augmented=False)
    again.setup("fit")
    before, after = whole(data.train_set)[0], whole(again.train_set)[0]
    hint = "compute by the training rows alone, in `prepare` of data.py"
    assert torch.equal(before, after), f"other rows change those that train: {hint}"
    unchanged = torch.equal(whole(data.test_set)[0], whole(again.test_set)[0])
    assert not unchanged, "data.py does not ask samples.load() for the samples"


def test_every_part_has_every_class(data: MyData) -> None:
    for part in parts(data):
        missing = set(range(len(samples.CLASSES))) - set(whole(part)[1].tolist())
        assert not missing, f"a part has none of {[samples.CLASSES[label] for label in missing]}"


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
    loss, sound = checks.first_loss(model, data), math.log(len(samples.CLASSES))
    hint = "look at the scale of the inputs, the last layer and the loss"
    assert checks.knows_nothing(loss), f"it is {loss:.2f}, and should be near {sound:.2f}: {hint}"


def test_it_learns_one_batch_by_heart(model: MyModel, data: MyData) -> None:
    measured = checks.overfit_one_batch(model, data)
    hint = f"{measured}: near it? Raise the learning rate. Far from it? Look for a fault"
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


def test_simple_methods_do_not_make_it_look_silly(run: tuple[float, Path], data: MyData) -> None:
    """It finds a fifth of what the largest class leaves, and is not below a linear method."""
    reached = train.main(["--baseline"])
    largest, linear = reached["largest class"], reached["logistic regression"]
    hint = "see step 4 of README.md"
    assert run[0] > largest + 0.2 * (1 - largest), f"{run[0]:.3f}, largest {largest:.3f}: {hint}"
    luck = checks.by_chance(linear, whole(data.test_set)[1])
    assert run[0] > linear - luck, f"{run[0]:.3f}, and the linear method {linear:.3f}: {hint}"


def test_the_predictions_are_those_that_were_scored(run: tuple[float, Path]) -> None:
    with open(run[1] / "predictions.csv", encoding="utf-8") as opened:
        lines = list(csv.DictReader(opened))
    assert {line["label"] for line in lines} == set(samples.CLASSES)
    columns = (
        [samples.CLASSES.index(line[key]) for line in lines] for key in ("label", "predicted")
    )
    assert checks.score(*map(torch.tensor, columns)) == pytest.approx(run[0], abs=1e-6)


def test_another_process_finds_the_same_with_this_code_and_without(
    run: tuple[float, Path], data: MyData, tmp_path: Path
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
        "torch.save(logits.argmax(1), 'predicted.pt')",
        f"sys.path.insert(0, {str(HERE)!r})",
        "import train",
        f"print(train.main(['--test', {str(run[1])!r}])['test_{samples.SCORE}'])",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(run[0], abs=1e-6)
    predicted = torch.load(tmp_path / "predicted.pt", weights_only=True)
    found = checks.score(whole(data.test_set)[1], predicted)
    assert found == pytest.approx(run[0], abs=1e-6)


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


# --------------------------------------------------------------------------------------------------
# The result, when all above passes: these two stop until `python train.py --repeat 10` has run


def repeats() -> list[float]:
    """Return what the repeats have reached."""
    kept = json.loads(train.REPEATS.read_text(encoding="utf-8")) if train.REPEATS.exists() else {}
    now = checks.measured_on()
    hint = "expected until `python train.py --repeat 10` has run"
    assert now == {key: kept.get(key) for key in now}, f"no repeats.json of these samples: {hint}"
    assert len(kept["runs"]) > 2, f"repeats.json has too few runs: {hint}"
    return [scores["the network"] for scores in kept["runs"]]


def test_it_reaches_what_the_readme_states(
    run: tuple[float, Path], data: MyData, record_property: Callable[[str, object], None]
) -> None:
    """The first of the repeats has this seed and split. On another machine, it varies a little."""
    reached = repeats()
    record_property(
        "measured", f"{run[0]:.3f}, where the first of {len(reached)} repeats has {reached[0]:.3f}"
    )
    luck = checks.by_chance(reached[0], whole(data.test_set)[1])
    found = (
        f"{run[0]:.3f} is measured, and repeats.json has {reached[0]:.3f} for this seed and split"
    )
    assert abs(run[0] - reached[0]) < luck, f"{found}: `python train.py --repeat 10` again"


def test_the_readme_states_the_result(record_property: Callable[[str, object], None]) -> None:
    """`python train.py --repeat 10` prints a table for README.md."""
    stated = f"{mean(repeats()):.3f}"
    record_property("stated", stated)
    numbers = re.findall(r"\d+\.\d+", (HERE / "README.md").read_text(encoding="utf-8"))
    assert stated in numbers, f"the mean of repeats.json is {stated}: README.md has no such number"
