"""MMDynamic runs with every argument of a Trainer, alone and in pairs: on the CPU, with tiny data."""

import inspect
import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer, callbacks, loggers, plugins, profilers, seed_everything, strategies
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import fingerprint

METRICS = ("test/accuracy", "test/f1", "test/auroc")
CHECKPOINTS = ["ModelCheckpoint(monitor='ptl/val_loss', save_last=True)", "ModelCheckpoint(every_n_train_steps=2)"]


# Where the values below find their names.
NAMES = vars(callbacks) | vars(loggers) | vars(plugins) | vars(profilers) | vars(strategies)

# By argument, texts of values beside the default. They are evaluated for each run, since a callback serves one Trainer.
VALUES = {
    "accelerator": ["'cpu'"],
    "strategy": ["SingleDeviceStrategy('cpu')"],
    "devices": ["1"],
    "num_nodes": ["1"],
    "precision": ["'bf16-mixed'", "'bf16-true'", "'16-true'", "'64-true'"],
    "logger": ["False", "CSVLogger('.')", "[TensorBoardLogger('.'), CSVLogger('.')]"],
    "callbacks": [
        "EarlyStopping('ptl/train_loss', check_on_train_epoch_end=False)",
        *CHECKPOINTS,
        "LearningRateMonitor('step')",
        "StochasticWeightAveraging(0.01, swa_epoch_start=2)",
        "GradientAccumulationScheduler({0: 2})",
        "TQDMProgressBar(refresh_rate=2)",
    ],
    "fast_dev_run": ["True", "2"],
    "max_epochs": ["1"],
    "min_epochs": ["2"],
    "max_steps": ["5"],
    "min_steps": ["9"],
    "max_time": ["'00:01:00:00'"],
    "limit_train_batches": ["2", "0.5"],
    "limit_val_batches": ["0", "1"],
    "limit_test_batches": ["0", "1"],
    "limit_predict_batches": ["0", "1"],
    "overfit_batches": ["2"],
    "val_check_interval": ["2", "0.5"],
    "check_val_every_n_epoch": ["2", "None"],
    "num_sanity_val_steps": ["0", "-1"],
    "log_every_n_steps": ["0", "1", "3"],
    "enable_checkpointing": ["False"],
    "enable_progress_bar": ["False"],
    "enable_model_summary": ["False"],
    "accumulate_grad_batches": ["2"],
    "gradient_clip_val": ["0.5"],
    "gradient_clip_algorithm": ["'norm'", "'value'"],
    "deterministic": ["True", "'warn'"],
    "benchmark": ["True"],
    "inference_mode": ["False"],
    "use_distributed_sampler": ["False"],
    "profiler": ["'simple'", "SimpleProfiler(dirpath='.', filename='times')"],
    "detect_anomaly": ["True"],
    "barebones": ["True"],
    "plugins": ["AsyncCheckpointIO()", "MixedPrecision('bf16-mixed', 'cpu')"],
    "sync_batchnorm": ["True"],
    "reload_dataloaders_every_n_epochs": ["1"],
    "default_root_dir": ["'elsewhere'"],
    "enable_autolog_hparams": ["False"],
    "model_registry": ["'a-model'"],
}

# What Lightning itself refuses: an argument and its value, another and its values, and words of the reason it gives.
_BAREBONES = [
    ("logger", VALUES["logger"][1:], "Logging can impact raw speed"),
    ("log_every_n_steps", ["1", "3"], "Logging can impact raw speed"),
    ("callbacks", CHECKPOINTS, "`enable_checkpointing=False` but found `ModelCheckpoint`"),
    ("callbacks", ["TQDMProgressBar(refresh_rate=2)"], "`enable_progress_bar=False` but found `TQDMProgressBar`"),
    (
        "callbacks",
        ["LearningRateMonitor('step')"],
        "Cannot use `LearningRateMonitor` callback",
    ),
    (
        "callbacks",
        ["EarlyStopping('ptl/train_loss', check_on_train_epoch_end=False)"],
        "metric `ptl/train_loss` which is not available",
    ),
    ("fast_dev_run", VALUES["fast_dev_run"], "Development run is not meant for raw speed"),
    ("num_sanity_val_steps", ["-1"], "Sanity checking can impact raw speed"),
    ("profiler", VALUES["profiler"], "Profiling can impact raw speed"),
    ("detect_anomaly", ["True"], "Anomaly detection can impact raw speed"),
]
_OTHERS = [
    ("plugins", "MixedPrecision('bf16-mixed', 'cpu')", "precision", VALUES["precision"], "Choose one"),
    ("enable_checkpointing", "False", "callbacks", CHECKPOINTS, "but found `ModelCheckpoint`"),
    ("enable_progress_bar", "False", "callbacks", ["TQDMProgressBar(refresh_rate=2)"], "but found `TQDMProgressBar`"),
    ("logger", "False", "callbacks", ["LearningRateMonitor('step')"], "has no logger"),
    ("val_check_interval", "0.5", "check_val_every_n_epoch", ["None"], "should be an integer or a time-based duration"),
    ("accumulate_grad_batches", "2", "callbacks", ["GradientAccumulationScheduler({0: 2})"], "Either remove"),
    # Not a quarrel of arguments: PyTorch's Adam divides by its eps, which is 0 in float16, and this finds the NaN.
    ("detect_anomaly", "True", "precision", ["'16-true'"], "returned nan values"),
]
FORBIDDEN = {
    frozenset({(argument, value), (other, refused)}): words
    for argument, value, other, values, words in [("barebones", "True", *row) for row in _BAREBONES] + _OTHERS
    for refused in values
}


# Beside these most others do nothing: a run with one of them is a test of its own pairs only.
MASKS = ("fast_dev_run", "barebones")

Row = dict[str, str | None]


def pairwise_rows(values: dict[str, list[str]]) -> list[Row]:
    """Return few settings of all arguments (None: the default) in which each pair that is not forbidden is at work."""
    levels = {argument: [None, *texts] for argument, texts in values.items()}
    settings = [(argument, value) for argument in levels for value in levels[argument]]
    wanted = [frozenset(pair) for pair in combinations(settings, 2) if pair[0][0] != pair[1][0]]
    wanted = dict.fromkeys(pair for pair in wanted if pair not in FORBIDDEN)
    chance, rows = random.Random(0), []  # noqa: S311 (no secret)
    while wanted:
        row = dict(sorted(next(iter(wanted))))
        for argument in [*MASKS, *chance.sample([*levels], len(levels))]:
            if argument not in row:
                choices = [None] if argument in MASKS else levels[argument]
                row[argument] = max(choices, key=lambda value: _gain(row, (argument, value), wanted))
        for pair in _at_work(row):
            wanted.pop(pair, None)
        rows.append(row)
    return rows


def _at_work(row: Row) -> set[frozenset]:
    masks = {(argument, row[argument]) for argument in MASKS if row.get(argument)}
    return {frozenset(pair) for pair in combinations(row.items(), 2) if masks <= set(pair)}


def _gain(row: Row, setting: tuple[str, str | None], wanted: dict[frozenset, None]) -> int:
    """How many wanted pairs a setting adds to a row; -1 where it is refused beside what is there."""
    if any(frozenset({setting, other}) in FORBIDDEN for other in row.items()):
        return -1
    given = row | dict([setting])
    masks = {(argument, given[argument]) for argument in MASKS if given.get(argument)}
    others = [other for other in row.items() if masks <= {setting, other}]
    return sum(frozenset({setting, other}) in wanted for other in others)


ROWS = pairwise_rows(VALUES)


def run(row: Row, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, float]:
    """Fit, validate, test and predict with a Trainer of these arguments, and return what the test reports."""
    monkeypatch.chdir(folder)
    seed_everything(0, verbose=False)
    datamodule = TCPDataModule("WDBC", batch_size=128)
    model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 1e-5, "hidden_dim": 2})
    before = fingerprint(model)
    arguments = {name: eval(value, NAMES) for name, value in row.items() if value is not None}  # noqa: S307
    trainer = Trainer(**{"accelerator": "cpu", "max_epochs": 2} | arguments)
    trainer.fit(model, datamodule)
    # In a run of one epoch, averaging ends with the weights of the start.
    assert fingerprint(model) != before or "Averaging" in str(row.get("callbacks"))
    trainer.validate(model, datamodule, verbose=False)
    [tested] = trainer.test(model, datamodule, verbose=False) or [{}]
    trainer.predict(model, datamodule)
    return tested


quiet = pytest.mark.filterwarnings("ignore")  # Lightning's advice on strange arguments is not what is tested


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What `deterministic` and `benchmark` switch on stays on for the whole process."""
    cudnn, deterministic = torch.backends.cudnn, torch.are_deterministic_algorithms_enabled()
    before = cudnn.benchmark, cudnn.deterministic
    yield
    torch.use_deterministic_algorithms(deterministic)
    cudnn.benchmark, cudnn.deterministic = before


def check_tested(row: Row, tested: dict[str, float]) -> None:
    """A test reports three numbers between 0 and 1, unless it runs on nothing or nothing is logged."""
    if row.get("barebones") or (row.get("limit_test_batches") == "0" and not row.get("fast_dev_run")):
        assert tested == {}
    elif row.get("precision") == "'16-true'":  # PyTorch's Adam divides by its eps, which is 0 in float16
        assert len(tested) == 3
    else:
        assert {name: 0 <= value <= 1 for name, value in tested.items()} == dict.fromkeys(METRICS, True)


@quiet
@pytest.mark.parametrize(("argument", "value"), [(name, value) for name in VALUES for value in VALUES[name]])
def test_it_runs_with_each_argument_alone(
    argument: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row: Row = {argument: value}
    check_tested(row, run(row, monkeypatch, tmp_path))


@quiet
@pytest.mark.parametrize("row", ROWS, ids=map(str, range(len(ROWS))))
def test_it_runs_with_the_arguments_in_pairs(row: Row, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check_tested(row, run(row, monkeypatch, tmp_path))


@quiet
@pytest.mark.parametrize("pair", FORBIDDEN, ids=lambda pair: " ".join(f"{a}={v}" for a, v in sorted(pair)))
def test_what_is_left_out_is_refused_by_lightning_itself(
    pair: frozenset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, RuntimeError, MisconfigurationException)) as error:
        run(dict(pair), monkeypatch, tmp_path)
    assert FORBIDDEN[pair] in str(error.value)


def test_every_argument_and_every_pair_is_there() -> None:
    assert set(VALUES) == set(inspect.signature(Trainer).parameters)
    run_pairs = set().union(*map(_at_work, ROWS))
    settings = [(argument, value) for argument in VALUES for value in (None, *VALUES[argument])]
    pairs = {frozenset(pair) for pair in combinations(settings, 2) if pair[0][0] != pair[1][0]}
    assert pairs - run_pairs == set(FORBIDDEN)
    assert not run_pairs & set(FORBIDDEN)
