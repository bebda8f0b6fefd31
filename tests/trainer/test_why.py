"""Two runs are traced and compared: each way to make them differ is named by its first step, quantity and cause.

The factors are those of notebook 06's laboratory, on a model of its kind and data that are small.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import diagnosing
import numpy as np
import pytest
import torch
from conftest import ROOT
from diagnosing import own_folder, quiet  # noqa: F401 - the fixture applies to what imports it
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler, TensorDataset

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.trainer import StepTrace, first_difference
from mldrl_lite.trainer.why import hashes
from mldrl_lite.trainer.why.causes import CAUSES, link

pytestmark = [*diagnosing.pytestmark, pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")]
BATCHES = 4


class Net(LightningModule):
    """Two layers with dropout and running statistics between them."""

    def __init__(self, lr: float = 0.01, factor: float = 1.0, width: int = 4) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 2))

    def training_step(self, batch, batch_idx):
        return self.hparams.factor * nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        return None

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def samples(n: int = 8 * BATCHES) -> TensorDataset:
    own = torch.Generator().manual_seed(0)
    return TensorDataset(torch.randn(n, 3, generator=own), torch.arange(n) % 2)


class OwnOrder(RandomSampler):
    """An order from a generator of its own, as TCPDataModule has it."""

    def __init__(self, data: Dataset, seed: int = 5) -> None:
        super().__init__(data, generator=torch.Generator().manual_seed(seed))


class DrawsNoise(Dataset):
    """Changes what it hands out at random."""

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int):
        return torch.full((3,), float(index)) + torch.randn(3), index % 2


class Unseeded(Dataset):
    """Changes what it hands out by a generator that nobody seeds."""

    random = np.random.default_rng()

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int):
        return np.full(3, index + self.random.normal(), np.float32), index % 2


def loaders(sampler=OwnOrder, data=None, batch_size=8, **options) -> tuple[DataLoader, DataLoader]:
    """Return loaders that leave the common generator alone, unless `sampler` is None."""
    data = data or samples()
    own = {} if sampler is None else {"generator": torch.Generator().manual_seed(1)}
    order = {"shuffle": True} if sampler is None else {"sampler": sampler(data)}
    val = DataLoader(samples(8), 4, **({} if sampler is None else {"generator": torch.Generator()}))
    return DataLoader(data, batch_size, **order, **own, **options), val


def run(name: str, *, seed=0, before=lambda: None, model=Net, load=None, every=1, ckpt_path=None, **arguments) -> Path:
    """Train two epochs with a trace in the folder `name`."""
    seed_everything(seed, verbose=False)
    before()
    net = model()
    callbacks = [StepTrace(every, dirpath=name), *arguments.pop("callbacks", [])]
    limits = {"max_epochs": 2, "limit_train_batches": 1.0, "limit_val_batches": 1.0}
    silent = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    trainer = Trainer(accelerator="cpu", **{**silent, "devices": 1, **limits, **arguments}, callbacks=callbacks)
    trainer.fit(net, *(load or loaders)(), ckpt_path=ckpt_path)
    return Path(name)


def plain() -> tuple[DataLoader, DataLoader]:
    return loaders(sampler=None)


class Draws(Callback):
    """Draws once per batch."""

    def __init__(self, draw) -> None:
        self.draw = draw

    def on_train_batch_end(self, *_):
        self.draw()


class SwitchesDropoutOff(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.net[2].eval()


class HalvesWeights(Callback):
    """As a callback that prunes or averages does it."""

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        if trainer.global_step == 3:
            pl_module.net[3].bias.data.mul_(0.5)


STEP2 = BATCHES + 1
"""The first step of the second epoch."""


# One row a factor: what changes, both runs' setting, then step, quantity, names, and what the cause says.
FACTORS = {
    "another seed": ({"seed": 1}, {}, 0, "initial weights", "net.0.weight", "seeds differ"),
    "one number drawn before the model": (
        {"before": lambda: torch.rand(1)},
        {},
        0,
        "initial weights",
        "net.0.weight",
        "draws between the seed and the model",
    ),
    "half the batch size": ({"load": lambda: loaders(batch_size=4)}, {}, 1, "batch", "0", "batch sizes"),
    "a fixed order": ({"load": lambda: loaders(SequentialSampler)}, {}, 1, "batch", "0", "in another order"),
    "plain loaders": ({"load": plain}, {}, 1, "random state", "PyTorch", "loader or sampler draws"),
    "no validation, plain loaders": (
        {"load": plain, "limit_val_batches": 0},
        {"load": plain},
        STEP2,
        "random state",
        "PyTorch",
        "validates",
    ),
    "a callback draws from PyTorch": (
        {"callbacks": [Draws(lambda: torch.rand(1))]},
        {},
        2,
        "random state",
        "PyTorch",
        "callback of one run draws",
    ),
    "the same, seeded with workers=True": (
        {
            "before": lambda: seed_everything(0, workers=True, verbose=False),
            "callbacks": [Draws(lambda: torch.rand(1))],
        },
        {},
        2,
        "random state",
        "PyTorch",
        "callback of one run draws",
    ),
    "64-bit numbers": ({"precision": "64-true"}, {}, 0, "initial weights", "net.0.weight", "another precision"),
    "16-bit products": ({"precision": "bf16-mixed"}, {}, 1, "loss", "", "precision"),
    "dropout switched off": ({"callbacks": [SwitchesDropoutOff()]}, {}, 1, "loss", "", "dropout switched off"),
    "workers, and a sampler that keeps its generator": (
        {"load": lambda: loaders(num_workers=1)},
        {},
        STEP2,
        "batch",
        "0",
        "RandomSampler draws once more",
    ),
    "other data": ({"load": lambda: loaders(data=samples(40))}, {}, 1, "batch", "0", "data are not the same"),
    "a generator handed on": (
        {"load": lambda: loaders(lambda data: OwnOrder(data, 6))},
        {},
        1,
        "batch",
        "0",
        "The same samples in another order",
    ),
    "noise without a seed": (
        {"load": lambda: loaders(data=Unseeded())},
        {"load": lambda: loaders(data=Unseeded())},
        1,
        "batch",
        "0",
        "a generator that was not seeded",
    ),
    "noise without a seed, in another order": (
        {"load": lambda: loaders(lambda data: OwnOrder(data, 6), data=Unseeded())},
        {"load": lambda: loaders(data=Unseeded())},
        1,
        "batch",
        "0",
        "whatever their order: other files, values that a generator without a seed has changed",
    ),
    "another order, stopped before the epoch's end": (
        {"load": lambda: loaders(lambda data: OwnOrder(data, 6)), "limit_train_batches": 2},
        {"limit_train_batches": 2},
        1,
        "batch",
        "0",
        "Other samples, or another order",
    ),
    "other noise": (
        {"load": lambda: loaders(data=DrawsNoise(), num_workers=1)},
        {"load": lambda: loaders(data=DrawsNoise())},
        1,
        "random state",
        "PyTorch",
        "what a dataset draws",
    ),
    "another loss": ({"model": lambda: Net(factor=2.0)}, {}, 1, "loss", "", "hyperparameter of the loss"),
    "another learning rate": ({"model": lambda: Net(lr=0.02)}, {}, 1, "weights", "net.0.weight", "learning rates"),
    "gradients clipped": ({"gradient_clip_val": 0.01}, {}, 1, "weights", "net.0.weight", "clipped"),
    "gradients accumulated": ({"accumulate_grad_batches": 2}, {}, 1, "batch", "0", "number of batches"),
    "another model": ({"model": lambda: Net(width=5)}, {}, 0, "model", "net.0.bias", "models are not the same"),
    "weights touched": (
        {"callbacks": [HalvesWeights()]},
        {},
        4,
        "weights",
        "net.3.bias",
        "callback of one run changes",
    ),
}


@pytest.mark.parametrize("factor", FACTORS)
def test_each_factor_is_named_by_step_quantity_and_cause(factor: str):
    changes, common, step, quantity, name, cause = FACTORS[factor]
    verdict = first_difference(run("a", **common), run("b", **{**common, **changes}))
    found = verdict.difference
    assert (found.step, found.quantity) == (step, quantity)
    assert (name in found.names) if name else found.values
    assert cause in verdict.cause.sentence
    assert verdict.steps == max(step - 1, 0)


SAME = {
    "the same again": {},
    "no validation, own generators": {"limit_val_batches": 0},
    "no sanity check": {"num_sanity_val_steps": 0},
    "deterministic operations": {"deterministic": "warn"},
    "workers": {"load": lambda: loaders(num_workers=1), "max_epochs": 1},
}


@pytest.mark.parametrize("factor", SAME)
def test_what_changes_nothing_is_the_same(factor: str):
    epochs = SAME[factor].get("max_epochs", 2)
    verdict = first_difference(run("a", max_epochs=epochs), run("b", **SAME[factor]))
    torch.use_deterministic_algorithms(False)
    assert (verdict.same, verdict.steps, verdict.cause) == (True, epochs * BATCHES, None)
    assert f"The same: {epochs * BATCHES} steps" in str(verdict)


@pytest.mark.parametrize(("draw", "name"), [(np.random.random, "NumPy"), (random.random, "Python")])
def test_a_generator_that_nothing_uses_is_noted_and_makes_no_difference(draw, name: str):
    verdict = first_difference(run("a"), run("b", callbacks=[Draws(draw)]))
    assert verdict.same
    assert f"random state of {name} differs from step 2 on, without an effect" in str(verdict)


def test_two_runs_without_a_seed_are_told_so(monkeypatch):
    def forget():
        monkeypatch.delenv("PL_GLOBAL_SEED")
        torch.seed()

    verdict = first_difference(run("a", before=forget), run("b", before=forget))
    assert verdict.difference.quantity == "initial weights"
    assert "seed_everything was called in neither run" in verdict.cause.sentence


def test_dropout_without_a_seed_from_the_same_first_weights_is_a_random_state_seen_in_the_loss():
    weights = Net().state_dict()

    class Loaded(Net):
        def on_fit_start(self):
            self.load_state_dict(weights)

    found = first_difference(run("a", model=Loaded), run("b", model=Loaded, seed=1)).difference
    assert (found.step, found.quantity, found.seen.quantity) == (1, "random state", "loss")
    assert "PyTorch" in found.names


def test_a_generator_that_only_one_run_has_is_no_reason():
    on_cpu, on_gpu = run("a"), run("b", callbacks=[SwitchesDropoutOff()])
    lines = [json.loads(line) for line in (on_gpu / "trace.jsonl").read_text().splitlines()]
    for line in lines:  # as if it had been traced on a GPU
        line.get("random", {})["CUDA"] = "0123abcd"
        line.get("circumstances", {})["device"] = "NVIDIA"
    (on_gpu / "trace.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for pair in ((on_cpu, on_gpu), (on_gpu, on_cpu)):
        verdict = first_difference(*pair)
        assert (verdict.difference.step, verdict.difference.quantity) == (1, "loss")
        assert "Another device" in verdict.cause.sentence


def test_a_trace_changes_nothing():
    def weights(callbacks):
        seed_everything(0, verbose=False)
        net = Net()
        quiet(max_epochs=2, callbacks=callbacks).fit(net, *plain())
        return net.state_dict()

    with_it, without = weights([StepTrace(dirpath="a")]), weights([])
    assert all(torch.equal(with_it[name], without[name]) for name in without)


# ---------------------------------------------------------------------------------------------------------------------
# Resumed, killed, longer


def checkpointed(name: str, **arguments) -> Path:
    keep = ModelCheckpoint(name, filename="{epoch}", save_top_k=-1)
    return run(name, callbacks=[keep], enable_checkpointing=True, **arguments)


def test_a_run_resumed_in_its_folder_goes_on_in_its_file_and_is_told_from_one_that_was_not():
    whole = run("whole", load=plain)
    checkpointed("resumed", load=plain)
    run("resumed", load=plain, ckpt_path="resumed/epoch=0.ckpt")
    assert not Path("resumed/trace-v1.jsonl").exists()
    verdict = first_difference(whole, "resumed")
    assert (verdict.difference.step, verdict.difference.quantity, verdict.steps) == (STEP2, "random state", BATCHES)
    assert "checkpoint of Lightning does not hold them" in verdict.cause.sentence


def test_a_run_resumed_in_another_folder_is_compared_from_there():
    whole = checkpointed("whole", load=plain)
    resumed = run("resumed", load=plain, ckpt_path="whole/epoch=0.ckpt")
    verdict = first_difference(whole, resumed)
    assert (verdict.difference.step, verdict.difference.quantity) == (STEP2, "random state")
    assert f"Compared from step {BATCHES} on" in str(verdict)
    other = checkpointed("other", load=plain, seed=1)
    verdict = first_difference(other, resumed)
    assert (verdict.difference.step, verdict.difference.quantity) == (BATCHES, "initial weights")
    assert "checkpoint that is not of this step, or run" in verdict.cause.sentence


def test_a_second_run_in_one_folder_has_a_file_of_its_own():
    run("a")
    run("a")
    assert sorted(path.name for path in Path("a").iterdir()) == ["trace-v1.jsonl", "trace.jsonl"]
    assert first_difference("a/trace.jsonl", "a/trace-v1.jsonl").same
    with pytest.raises(InputError, match="holds 2 traces .*give one of the files"):
        first_difference("a", "a")


def test_the_trace_is_beside_the_log_and_is_found_from_the_folder_above():
    for name in "ab":
        seed_everything(0, verbose=False)
        quiet(logger=CSVLogger(name), callbacks=[StepTrace()], log_every_n_steps=1).fit(Net(), *loaders())
        assert Path(name, "lightning_logs", "version_0", "trace.jsonl").is_file()
    assert first_difference("a", "b").same


def test_a_longer_run_is_the_same_as_far_as_the_other_goes():
    verdict = first_difference(run("a"), run("b", max_epochs=3))
    assert (verdict.same, verdict.steps) == (True, 8)
    assert "The second run goes on to step 12, the other ends at step 8." in str(verdict)


def test_half_a_last_line_is_left_out_and_a_run_that_goes_on_after_it_is_read():
    whole = checkpointed("whole")
    shutil.copytree(whole, "killed")
    trace = Path("killed/trace.jsonl")
    trace.write_bytes(trace.read_bytes()[:-30])
    verdict = first_difference(whole, "killed")
    assert (verdict.same, verdict.steps) == (True, 2 * BATCHES)  # what was cut is the line of the last validation
    run("killed", ckpt_path="killed/epoch=0.ckpt")
    assert len(trace.read_text().splitlines()) == 1 + 8 + 2 + 1 + 4 + 1
    assert first_difference(whole, "killed").difference.step == STEP2


def test_a_step_that_was_taken_in_an_epoch_that_was_killed_counts_as_it_was_taken_last():
    checkpointed("a", load=plain, max_epochs=1)
    shutil.copytree("a", "b")
    for name in "ab":
        run(name, load=plain, ckpt_path=f"{name}/epoch=0.ckpt", before=lambda name=name: torch.rand(ord(name)))
    assert first_difference("a", "b").difference.step == STEP2
    run("b", load=plain, ckpt_path="b/epoch=0.ckpt", before=lambda: torch.rand(ord("a")))
    assert first_difference("a", "b").same


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "There is no 'b'"),
        ("", "'b/trace.jsonl' holds no trace"),
        ('{"step": 1}\n', "holds no trace"),
        ("nonsense\n{}\n", "Line 1 of 'b/trace.jsonl' is not of a trace"),
        ("[" * 100_000, "holds no trace"),
    ],
)
def test_what_is_no_trace_is_one_sentence_and_exit_status_2(text, sentence, capsys):
    run("a", max_epochs=1)
    if text is not None:
        Path("b").mkdir()
        Path("b/trace.jsonl").write_text(text)
    assert main(["why", "a", "b"]) == 2
    assert sentence in (said := capsys.readouterr().err)
    assert said.count("\n") == 1


def test_a_folder_without_a_trace_is_told_how_to_get_one(capsys):
    Path("a").mkdir()
    assert main(["why", "a", "a"]) == 2
    assert "Trainer(callbacks=[StepTrace()])" in capsys.readouterr().err


def test_traces_without_a_common_step_cannot_be_compared():
    checkpointed("a", max_epochs=1)
    run("b", ckpt_path="a/epoch=0.ckpt")
    with pytest.raises(InputError, match="no step in common"):
        first_difference("a", "b")


def test_the_exit_status_is_that_of_diff(capsys):
    a, b, c = run("a", max_epochs=1), run("b", max_epochs=1), run("c", max_epochs=1, seed=1)
    assert (main(["why", str(a), str(b)]), main(["why", str(a), str(c)])) == (0, 1)


def test_ledger_and_hyperparameters_that_lie_beside_are_compared_and_run_no_code():
    for name, seed in (("a", 1), ("b", 2)):
        run(name, max_epochs=1)
        Path(name, "ledger.json").write_text(json.dumps({"seeds": {"run": seed}, "data": "x"}))
        yaml = f"lr: 0.{seed}\nnet: !!python/object/apply:os.system ['touch ran']\n"
        Path(name, "hparams.yaml").write_text(yaml)
    said = str(first_difference("a", "b"))
    assert "  ledger.json seeds.run: 1 | 2\n  hparams.yaml lr: 0.1 | 0.2" in said
    assert not Path("ran").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Every way of training


def test_every_n_steps_traces_the_first_of_each_n_and_says_when_they_parted_between():
    a, b = run("a", every=3), run("b", every=3, callbacks=[HalvesWeights()])
    lines = [json.loads(line) for line in Path("a/trace.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "step" in line] == [1, 4, 7]
    found = first_difference(a, b)
    assert (found.difference.step, found.difference.quantity) == (4, "weights")
    early = {"callbacks": [Draws(lambda: torch.rand(1))]}
    found = first_difference(a, run("c", every=3, **early))
    assert (found.difference.step, found.difference.quantity) == (4, "weights before the step")
    assert "every_n_steps=1" in found.cause.sentence


def test_every_n_steps_is_checked():
    with pytest.raises(InputError, match="every_n_steps = 0"):
        StepTrace(0)


class TwoOptimizers(Net):
    """Manual optimization, as of a GAN."""

    native = False
    factor = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for number, optimizer in enumerate(self.optimizers(use_pl_optimizer=not self.native)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1]) * (self.factor if number else 1.0)
            self.manual_backward(loss)
            if batch_idx % 2:  # accumulates over two batches
                optimizer.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.net[0].parameters(), 0.1), torch.optim.SGD(self.net[3].parameters(), 0.1)


class Doubled(TwoOptimizers):
    factor = 2.0


@pytest.mark.parametrize("native", [False, True])
def test_manual_optimization_with_several_optimizers(native, monkeypatch):
    monkeypatch.setattr(TwoOptimizers, "native", native)
    a, b, c = run("a", model=TwoOptimizers), run("b", model=TwoOptimizers), run("c", model=Doubled)
    verdict = first_difference(a, b)
    assert (verdict.same, verdict.steps) == (True, BATCHES)
    found = first_difference(a, c).difference
    assert (found.step, found.quantity) == (1 if native else 2, "loss")


def test_a_batch_of_any_kind_has_a_hash_for_each_part():
    image = torch.zeros(2, 3)
    batch = {"image": image, "target": [{"boxes": torch.ones(1)}, {"boxes": torch.ones(2)}], "names": ["a", "b"]}
    first = hashes.batch_sums(batch)
    assert set(first) == {"image", "target.0.boxes", "target.1.boxes", "names"}
    second = hashes.batch_sums({**batch, "names": ["a", "c"]})
    assert [name for name in first if first[name] != second[name]] == ["names"]
    assert hashes.batch_sums(object()) == hashes.batch_sums(object())
    assert hashes.batch_sums([np.ones(2)]) != hashes.batch_sums([np.zeros(2)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int8, torch.bool, torch.cfloat])
def test_one_bit_or_two_values_exchanged_change_the_sum(dtype):
    values = torch.tensor([0, 1, 1, 0, 1] * 3).to(dtype)
    other, swapped = values.clone(), values.flip(0)
    other[7] = not other[7]
    sums = hashes.bit_sums([values, other, swapped, values.reshape(3, 5).T])
    assert len(set(sums)) == 4
    assert hashes.bit_sums([values.reshape(3, 5)]) == sums[:1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex128])
def test_the_sum_of_samples_follows_from_every_value_and_not_from_their_order(dtype):
    x = (torch.randn(6, 40_000) * 9).to(dtype)
    x[0, [0, 39_000]], x[1, [0, 39_000]] = torch.tensor([0, 1]).to(dtype), torch.tensor([1, 0]).to(dtype)
    y = torch.arange(6)

    def sums(*tensors):
        rows, found = hashes.row_sums(list(tensors))
        return rows, [int(each) for each in found]

    assert sums(x, y) == sums(x.flip(0), y.flip(0))
    assert sums(x, y)[0] == 6
    moved = x.clone()
    moved[0, 39_000], moved[1, 39_000] = 0, 1  # a value goes from one sample to another
    assert sums(moved, y)[1][0] != sums(x, y)[1][0]
    assert sums(torch.tensor(1.0)) == (0, [])


def test_large_sparse_and_empty_tensors_are_hashed():
    large = torch.zeros(3 * hashes._BLOCK + 3)
    others = [large.clone() for _ in range(3)]
    for other, at in zip(others, (5, hashes._BLOCK + 5, -1), strict=True):
        other[at] = 1e-30
    assert len(set(hashes.bit_sums([large, *others]))) == 4
    one, other = hashes.bit_sums([torch.eye(3).to_sparse(), torch.eye(3).flip(0).to_sparse()])
    assert one != other
    assert hashes.bit_sums([torch.zeros(0)]) == [0]


@pytest.mark.parametrize("n", [0, 1, hashes._BLOCK, 2 * hashes._BLOCK + 7])
def test_a_gpu_would_compute_the_same_sum(n):
    values = torch.randn(n, generator=torch.Generator().manual_seed(0))
    assert hashes._sum_on_device(values.view(torch.int32)).item() == hashes.bit_sums([values])[0]
    rows = values.view(torch.int32)[: n // 3 * 3].reshape(3, -1)[:, : hashes._BLOCK]
    assert hashes._dot_on_device(rows).tolist() == hashes._dot_in_numpy(rows.numpy()).tolist()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # threads of earlier tests
@pytest.mark.usefixtures("meeting_port")
def test_two_processes_write_a_file_each_and_the_cause_is_that_they_share_the_work():
    one, two = run("one", max_epochs=1), run("two", max_epochs=1, devices=2, strategy="ddp_fork")
    assert (two / "trace.rank1.jsonl").is_file()
    verdict = first_difference(one, two)
    assert (verdict.difference.step, verdict.difference.seen.quantity) == (1, "batch")
    assert "among another number of processes" in verdict.cause.sentence
    assert first_difference(two, two).same


def test_the_other_package_of_lightning_is_traced_too():
    lightning = pytest.importorskip("lightning")
    demos = pytest.importorskip("lightning.pytorch.demos.boring_classes")
    for name in "ab":
        lightning.seed_everything(0)
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            callbacks=[StepTrace(dirpath=name)],
        )
        trainer.fit(demos.BoringModel())
    assert first_difference("a", "b").steps == 64


# ---------------------------------------------------------------------------------------------------------------------
# Causes


def test_each_cause_has_its_section_in_the_notebook():
    cells = json.loads((ROOT / "notebooks" / "06_reproducibility.ipynb").read_text(encoding="utf-8"))["cells"]
    lines = {
        line.strip("# \n")
        for cell in cells
        if cell["cell_type"] == "markdown"
        for line in cell["source"]
        if line.startswith("##")
    }
    assert {cause.section for cause in CAUSES} <= lines
    assert link("Vary the data") == "notebooks/06_reproducibility.ipynb#Vary-the-data"


def test_some_cause_is_left_when_nothing_else_differs():
    assert {cause.quantity for cause in CAUSES} == {cause.quantity for cause in CAUSES if not cause.signs}


def test_the_command_reads_traces_without_pytorch(tmp_path):
    run("a", max_epochs=1)
    code = "import sys; sys.modules['torch'] = None\nfrom mldrl_lite.__main__ import main\n"
    code += "sys.exit(main(['why', 'a', 'a']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")
