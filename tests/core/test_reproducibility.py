"""Fingerprints, the ledger, and runs that end at the same bits: in two processes, and after SIGKILL in mid-epoch."""

import ast
import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from torch import nn

from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.messages import InputError
from mldrl_lite.reproducibility import (
    EpochOrder,
    ResumableRandomness,
    check_ledger,
    data_fingerprint,
    fingerprint,
    read_ledger,
    write_ledger,
)
from mldrl_lite.sources import simulated

ROOT = Path(__file__).parents[2]

# ---------------------------------------------------------------------------------------------------------------------
# Fingerprints


def weights(**changes):
    return {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.0)} | changes


def test_fingerprint_is_stable_across_versions():
    # Computed once: ledgers of old runs are compared with new ones.
    assert fingerprint(weights()) == "8b55c3c7a2c4eec1500122509134823fdf34aa0854744d3db65083c13c64df1d"


def test_equal_weights_have_equal_fingerprints():
    same = dict(reversed(weights().items()))
    same["a"] = same["a"].T.contiguous().T.requires_grad_()
    assert not same["a"].is_contiguous()
    assert fingerprint(same) == fingerprint(weights())
    layer = nn.Linear(2, 2)
    assert fingerprint(layer) == fingerprint(layer.state_dict())


@pytest.mark.parametrize(
    "changed",
    [
        {"c": torch.zeros(0)},
        {"a": torch.arange(6.0).reshape(3, 2)},
        {"a": torch.arange(6.0).reshape(2, 3).double()},
        {"a": torch.arange(6).reshape(2, 3)},
        {"b": torch.tensor([1.0])},
        {"b": torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))},
        {"b": torch.tensor(-1.0)},
    ],
)
def test_each_change_gives_another_fingerprint(changed):
    assert fingerprint(weights(**changed)) != fingerprint(weights())


def test_zero_and_minus_zero_are_other_bits():
    assert fingerprint({"a": torch.tensor(0.0)}) != fingerprint({"a": torch.tensor(-0.0)})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int64, torch.complex64])
def test_every_dtype_has_a_fingerprint(dtype):
    tensor = torch.tensor([0, 1, 1]).to(dtype)
    assert fingerprint({"a": tensor}) == fingerprint({"a": tensor.clone()})
    assert fingerprint({"a": tensor}) != fingerprint({"a": tensor.flip(0)})


def test_conjugate_views_count_by_their_values():
    tensor = torch.tensor([1 + 2j])
    assert fingerprint({"a": tensor.conj()}) == fingerprint({"a": tensor.conj().resolve_conj()})
    assert fingerprint({"a": tensor.conj()}) != fingerprint({"a": tensor})


@pytest.mark.parametrize("wrong", [3, "a", [torch.ones(1)], {"a": 1.0}, {"a": torch.eye(2).to_sparse()}])
def test_fingerprint_refuses_what_has_no_bits(wrong):
    with pytest.raises(InputError, match="No fingerprint of"):
        fingerprint(wrong)


def test_data_fingerprint_follows_the_data():
    assert data_fingerprint(simulated(40, 10)) == data_fingerprint(simulated(40, 10))
    assert data_fingerprint(simulated(40, 10)) != data_fingerprint(simulated(40, 10, seed=1))


# ---------------------------------------------------------------------------------------------------------------------
# Order and random states


def test_epoch_order_depends_on_seed_and_epoch_alone():
    order = EpochOrder(50, seed=3)
    epochs = [list(order) for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert list(EpochOrder(50, seed=3, epoch=2)) == epochs[2]
    order.set_epoch(1)
    assert list(order) == epochs[1]
    assert list(EpochOrder(50, seed=4)) != epochs[0]
    assert len(order) == 50


def test_random_states_survive_a_checkpoint(tmp_path):
    torch.save(ResumableRandomness().state_dict(), tmp_path / "states.pt")
    draws = random.gauss(), np.random.normal(), torch.rand(3).tolist()
    ResumableRandomness().load_state_dict(torch.load(tmp_path / "states.pt"))
    assert (random.gauss(), np.random.normal(), torch.rand(3).tolist()) == draws


# ---------------------------------------------------------------------------------------------------------------------
# The ledger


@pytest.fixture
def run():
    torch.manual_seed(0)
    return {
        "model": nn.Linear(2, 2),
        "samples": simulated(40, 10),
        "seeds": {"run": 0, "split": 0},
        "parameters": {"lr": 1e-3, "cv": None, "widths": (1, 2)},
    }


def test_a_ledger_holds_what_it_takes(tmp_path, run):
    path = write_ledger(tmp_path / "new" / "folder", **run)
    ledger = json.loads(path.read_text())
    assert ledger["fingerprint"] == fingerprint(run["model"])
    assert ledger["data"] == data_fingerprint(run["samples"])
    assert ledger["seeds"] == {"run": 0, "split": 0}
    assert ledger["parameters"] == {"lr": 1e-3, "cv": None, "widths": [1, 2]}
    assert {"python", "torch", "pytorch-lightning", "numpy"} <= set(ledger["versions"])
    assert ledger == read_ledger(path.parent)
    assert check_ledger(path.parent, **run) == []


def test_check_names_each_difference(tmp_path, run):
    write_ledger(tmp_path, **run)
    changed = run | {"seeds": {"run": 1, "split": 0}, "parameters": {"lr": 1e-2, "cv": None, "widths": [1, 2]}}
    assert check_ledger(tmp_path, **changed) == [
        "parameters.lr: 0.001 in the ledger, 0.01 now",
        "seeds.run: 0 in the ledger, 1 now",
    ]
    fewer = run | {"parameters": {"lr": 1e-3, "widths": [1, 2]}}
    assert check_ledger(tmp_path, **fewer) == ["parameters.cv: null in the ledger, absent now"]
    with torch.no_grad():
        run["model"].bias[0] = torch.nextafter(run["model"].bias[0], torch.tensor(9.0))
    assert [line.split(":")[0] for line in check_ledger(tmp_path, **run)] == ["fingerprint"]


def test_a_ledger_knows_what_orders_sets(tmp_path, run, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    write_ledger(tmp_path, **run)
    assert read_ledger(tmp_path)["hash_seed"] == "random"
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    assert check_ledger(tmp_path, **run) == ['hash_seed: "random" in the ledger, "0" now']


def test_a_ledger_is_replaced_in_one_step(tmp_path, run):
    path = write_ledger(tmp_path, **run)
    before = path.read_text()
    with pytest.raises(InputError, match="cannot hold this"):
        write_ledger(tmp_path, **run | {"parameters": {"model": run["model"]}})
    assert path.read_text() == before
    write_ledger(tmp_path, **run | {"seeds": {"run": 5}})
    assert read_ledger(tmp_path)["seeds"] == {"run": 5}
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00"])
def test_what_is_no_ledger_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="No ledger"):
        read_ledger(tmp_path)
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(InputError, match="ledger"):
        read_ledger(tmp_path)


# ---------------------------------------------------------------------------------------------------------------------
# Two processes, SIGKILL

EPOCHS, FATAL = 4, 2

ARRANGEMENT = """
import os, signal
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint
from mldrl_lite.reproducibility import ResumableRandomness

class Die(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == fatal and batch_idx == trainer.num_training_batches // 2:
            os.kill(os.getpid(), signal.SIGKILL)

def arrangement():
    return [ResumableRandomness(), Die(), ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)]
"""

TRAINING = """
import multiprocessing
import torch
from pytorch_lightning import Trainer, seed_everything
from torch.utils.data import DataLoader
from mldrl_lite.datamodule import TCPDataModule, already_batched
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import fingerprint

class PlainLoaders(TCPDataModule):
    def train_dataloader(self):
        return DataLoader(self.parts["train"], 32, shuffle=True, collate_fn=already_batched)
    def val_dataloader(self):
        return DataLoader(self.parts["val"], 32, collate_fn=already_batched)

# From Python 3.14 on, each loader worker would import all this anew.
multiprocessing.set_forkserver_preload(["mldrl_lite.datamodule", "pytorch_lightning"])
seed_everything(7)
data = (PlainLoaders if plain else TCPDataModule)("SIMULATED", num_workers=workers)
model = MMDynamic(data.in_dim, 2, True, {"lr": 1e-3, "reg": 1e-5, "hidden_dim": 8})
trainer = Trainer(max_epochs=epochs, accelerator="cpu", logger=False, callbacks=arrangement(),
                  enable_progress_bar=False, enable_model_summary=False)
trainer.fit(model, data, ckpt_path=ckpt_path)
print("FINGERPRINT", fingerprint(model))
"""


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def training(folder, fatal=-1, ckpt_path=None, workers=0, plain=False):
    """Return the code of a training that prints its fingerprint at the end, or is killed."""
    values = {"folder": str(folder), "fatal": fatal, "workers": workers, "plain": plain, "epochs": EPOCHS}
    values["ckpt_path"] = ckpt_path and str(ckpt_path)
    return "\n".join(f"{name} = {value!r}" for name, value in values.items()) + ARRANGEMENT + TRAINING


def fingerprint_in(said):
    return re.search(r"^FINGERPRINT (\w+)$", said, re.M)[1]


@pytest.fixture(scope="module")
def undisturbed(once, tmp_path_factory):
    """Return the fingerprint after a training in a process of its own."""

    def train(file):
        command = [sys.executable, "-W", "ignore", "-c", training(tmp_path_factory.mktemp("undisturbed"))]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        file.write_text(fingerprint_in(done.stdout))

    return once("undisturbed.txt", train).read_text()


WAYS = [(0, False), (2, False), (0, True)]  # loader workers, and loaders that know nothing of resuming


@pytest.fixture(scope="module")
def resumed(once):
    """Return, for each way, the files of a killed training, and what one said that was resumed from the last of them.

    Each is a fork of a process that has torch and Lightning loaded. By None: what a training with plain loaders said.
    """
    out = once("trainings", kill_and_resume)
    ended = json.loads((out / "ended.json").read_text())
    assert [status for status, _ in ended] == [-signal.SIGKILL, 0] * len(WAYS) + [0], ended
    said = {way: (killed, ended[2 * number + 1][1]) for number, (way, (killed, _)) in enumerate(places(out).items())}
    return said | {None: (out / "undisturbed", ended[-1][1])}


def places(out):
    return {way: (out / f"killed{number}", out / f"resumed{number}") for number, way in enumerate(WAYS)}


def kill_and_resume(out):
    jobs = []
    for (workers, plain), (killed, again) in places(out).items():
        killed.mkdir(parents=True)
        again.mkdir()
        last = killed / f"epoch={FATAL - 1}.ckpt"
        jobs.append((str(killed), training(killed, fatal=FATAL, workers=workers, plain=plain)))
        jobs.append((str(again), training(again, ckpt_path=last, workers=workers, plain=plain)))
    jobs.append((str(out), training(out / "undisturbed", plain=True)))
    command = [sys.executable, "-W", "ignore", ROOT / "tests" / "forked.py"]
    done = subprocess.run(
        command, input=json.dumps(jobs), env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    (out / "ended.json").write_text(done.stdout)


def test_a_second_process_ends_at_the_same_bits(undisturbed, tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", training(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert fingerprint_in(done.stdout) == undisturbed, done.stderr


@pytest.mark.parametrize(("workers", "plain"), WAYS)
def test_killed_and_resumed_ends_at_the_same_bits(undisturbed, resumed, workers, plain):
    killed, said = resumed[workers, plain]
    kept = sorted(path.name for path in killed.iterdir() if path.suffix)
    assert kept == [f"epoch={epoch}.ckpt" for epoch in range(FATAL)] + ["said.txt"]
    torch.load(killed / kept[-2])  # the random states pass the default weights_only=True
    assert fingerprint_in(said) == (fingerprint_in(resumed[None][1]) if plain else undisturbed)


# ---------------------------------------------------------------------------------------------------------------------
# Notebook 00

PATCH = """
import pytorch_lightning

class Arranged(pytorch_lightning.Trainer):
    def __init__(self, *args, callbacks=(), **kwargs):
        super().__init__(*args, callbacks=[*callbacks, *arrangement()], **kwargs)
    def fit(self, *args, **kwargs):
        super().fit(*args, ckpt_path=ckpt_path, **kwargs)

pytorch_lightning.Trainer = Arranged
"""


def quickstart(tmp_path, folder, fatal=-1, ckpt_path=None):
    """Run notebook 00 up to its first fit in a fresh kernel; return the fingerprint, or None when the kernel died."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_quickstart.ipynb", as_version=4)
    # The part on digits, before, has Trainers of its own.
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "digit" not in cell.source.lower()]
    fit = next(i for i, cell in enumerate(cells) if "trainer.fit(model" in cell.source)
    head = f"folder, fatal, ckpt_path = {str(folder)!r}, {fatal}, {ckpt_path and str(ckpt_path)!r}\n"
    ours = [head + ARRANGEMENT + PATCH, f"max_epochs = {EPOCHS}"]
    tail = "from mldrl_lite.reproducibility import fingerprint\nprint('FINGERPRINT', fingerprint(model))"
    sources = [ours[0], cells[0].source, ours[1], *(cell.source for cell in cells[1 : fit + 1]), tail]
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    place = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=300, kernel_name=default_kernel(), resources=place)
    try:
        client.execute(env=environment())
    except DeadKernelError:
        return None
    return notebook.cells[-1].outputs[0].text.split()[1]


@pytest.mark.whole
@pytest.mark.slow
def test_notebook_00_ends_at_the_same_bits(tmp_path):
    wanted = quickstart(tmp_path, tmp_path / "first")
    assert quickstart(tmp_path, tmp_path / "second") == wanted
    killed = tmp_path / "killed"
    assert quickstart(tmp_path, killed, fatal=FATAL) is None
    assert sorted(path.name for path in killed.iterdir()) == [f"epoch={epoch}.ckpt" for epoch in range(FATAL)]
    assert quickstart(tmp_path, killed, ckpt_path=killed / f"epoch={FATAL - 1}.ckpt") == wanted


# ---------------------------------------------------------------------------------------------------------------------
# What is trusted


def code_of_the_project():
    for path in sorted((ROOT / "mldrl_lite").glob("*.py")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and not cell.source.startswith("%%"):
                lines = (line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!")))
                yield f"{path.name} {cell.id}", "\n".join(lines)


def test_nothing_is_loaded_without_weights_only():
    for place, source in code_of_the_project():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.keyword) and node.arg == "weights_only":
                assert isinstance(node.value, ast.Constant), place
                assert node.value.value in (True, None), f"{place}, line {node.value.lineno}"
