"""What only a GPU can show: `make test-gpu`, a few minutes.

Without one, the CPU stands in for it in `make test`; for what needs processes of its own, once a week.
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import NOTEBOOKS, ROOT
from pytorch_lightning import Trainer, seed_everything

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.reproducibility import fingerprint

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
FITS = Path(__file__).with_name("fits.py")
needs_gpu = pytest.mark.skipif(not GPU, reason="no GPU here")
ON_CPU_TOO = "EVERY_PAGE" in os.environ
takes_long = pytest.mark.skipif(not GPU and not ON_CPU_TOO, reason="no GPU here; on the CPU with EVERY_PAGE=1")
pytestmark = pytest.mark.filterwarnings("ignore:.*many workers", "ignore:GPU available but not used")


@pytest.fixture(scope="module")
def datamodule() -> TCPDataModule:
    made = TCPDataModule("SIMULATED", batch_size=32)
    made.setup()
    return made


def new_model(datamodule: TCPDataModule) -> MMDynamic:
    seed_everything(42)
    return MMDynamic(datamodule.in_dim, 2, True, EXAMPLE_CONFIG)


def trainer_for(folder: Path, **arguments: Any) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "default_root_dir": folder, "devices": 1}
    return Trainer(**quiet | {"accelerator": "gpu" if GPU else "cpu"} | arguments)


def test_one_batch_gives_the_same_loss_and_gradients_as_on_the_cpu(datamodule):
    """To the accuracy of float32: a GPU adds in another order."""
    torch.backends.cuda.matmul.allow_tf32 = False
    results = {}
    for device in ("cpu", DEVICE):
        model = new_model(datamodule).eval().to(device)
        views, labels = next(iter(datamodule.val_dataloader()))
        output = model([view.to(device) for view in views])
        sum(model.loss_terms(output, labels.to(device)).values()).backward()
        results[device] = {name: weight.grad.cpu() for name, weight in model.named_parameters()}
        results[device]["logit"] = output.logit.detach().cpu()
    for name, expected in results["cpu"].items():
        torch.testing.assert_close(results[DEVICE][name], expected, rtol=1e-3, atol=1e-5, msg=name)


def test_it_learns_tests_and_predicts_there(datamodule, tmp_path):
    model, trainer = new_model(datamodule), trainer_for(tmp_path, max_epochs=15)
    trainer.fit(model, datamodule)
    assert trainer.strategy.root_device.type == DEVICE
    assert trainer.train_dataloader.pin_memory == GPU
    result = trainer.test(model, datamodule, verbose=False)[0]
    batches = trainer.predict(model, datamodule)
    labels = torch.cat([batch["label"] for batch in batches]).cpu()
    guesses = torch.cat([batch["probability"] for batch in batches]).cpu().argmax(dim=1)
    assert (guesses == labels).float().mean().item() == pytest.approx(result["test/accuracy"])
    assert result["test/accuracy"] > labels.bincount().max().item() / len(labels) + 0.1


@pytest.mark.parametrize("precision", ["bf16-mixed", pytest.param("16-mixed", marks=needs_gpu), "bf16-true", "64-true"])
def test_it_runs_in_every_precision_clipped_and_accumulated(datamodule, tmp_path, precision):
    seen = []
    model = new_model(datamodule)
    model.MMClasifier.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    trainer = trainer_for(tmp_path, max_epochs=2, precision=precision, gradient_clip_val=0.5, accumulate_grad_batches=2)
    if precision == "64-true":
        datamodule = datamodule.train_dataloader(), datamodule.val_dataloader()
        trainer.fit(model, *datamodule)
    else:
        trainer.fit(model, datamodule)
    kinds = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "bf16-true": torch.bfloat16}
    assert set(seen) == {kinds.get(precision, torch.float64)}
    assert math.isfinite(trainer.callback_metrics["ptl/val_loss"])


def test_a_fingerprint_does_not_depend_on_the_device(datamodule):
    model = new_model(datamodule)
    there = fingerprint(model.to(DEVICE))
    assert there == fingerprint(model.cpu())


def test_two_deterministic_runs_end_at_the_same_bits(datamodule, tmp_path, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def weights() -> str:
        model = new_model(datamodule)
        trainer_for(tmp_path, max_epochs=2, deterministic=True).fit(model, datamodule)
        return fingerprint(model)

    try:
        assert weights() == weights()
    finally:
        torch.use_deterministic_algorithms(False)


# ---------------------------------------------------------------------------------------------------------------------
# In processes of their own


def fit(folder: Path, kind: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, FITS, folder, kind, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == (-signal.SIGKILL if "--die-at" in arguments else 0), done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, Any]:
    return fit(tmp_path_factory.mktemp("undisturbed"), "plain")


@takes_long
def test_killed_and_resumed_ends_at_the_same_bits(undisturbed, tmp_path):
    """Dropout draws its numbers on the GPU, whose random state the checkpoint has to bring back."""
    per_epoch = undisturbed["steps"] // 4
    fit(tmp_path, "plain", "--die-at", str(2 * per_epoch + 1))
    resumed = fit(tmp_path, "plain", "--resume")
    assert resumed == undisturbed
    assert resumed["device"] == DEVICE


@needs_gpu
def test_without_the_random_state_it_ends_elsewhere(undisturbed, tmp_path):
    per_epoch = undisturbed["steps"] // 4
    fit(tmp_path, "plain", "--die-at", str(2 * per_epoch + 1), "--forgetful")
    assert fit(tmp_path, "plain", "--resume", "--forgetful")["weights"] != undisturbed["weights"]


@takes_long
def test_one_rank_of_ddp_is_one_process(undisturbed, tmp_path):
    """By NCCL on a GPU, by Gloo on the CPU; alone, a rank averages its gradients with nobody."""
    seen = fit(tmp_path, "ddp")
    assert seen["backend"] == ("nccl" if GPU else "gloo")
    assert seen["weights"] == undisturbed["weights"]


@needs_gpu
def test_fsdp_trains_and_its_sharded_checkpoint_is_loaded_elsewhere(undisturbed, datamodule, tmp_path):
    seen = fit(tmp_path, "fsdp")
    assert seen["backend"] == "nccl"
    assert seen["loss"] == pytest.approx(undisturbed["loss"], rel=1e-2)
    consolidate = [sys.executable, "-m", "pytorch_lightning.utilities.consolidate_checkpoint", tmp_path / "last.ckpt"]
    subprocess.run(consolidate, check=True, capture_output=True, timeout=120)
    whole = torch.load(tmp_path / "last.ckpt.consolidated", weights_only=True)
    new_model(datamodule).load_state_dict(whole["state_dict"], strict=True)


@takes_long
def test_a_model_that_is_shared_out_trains_as_a_whole_one(undisturbed, tmp_path):
    seen = fit(tmp_path, "fsdp2")
    assert seen["weight"] == "DTensor"
    assert seen["loss"] == pytest.approx(undisturbed["loss"], rel=1e-2)


# ---------------------------------------------------------------------------------------------------------------------
# The course


@needs_gpu
def test_a_machine_with_a_gpu_can_still_fork_a_training_on_the_cpu(tmp_path):
    """Pinned memory would start CUDA, which does not survive a fork."""
    code = """
from pytorch_lightning import Trainer
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
datamodule = TCPDataModule("SIMULATED")
datamodule.setup()
model = MMDynamic(datamodule.in_dim, 2, True, EXAMPLE_CONFIG)
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
Trainer(accelerator="cpu", devices=2, strategy="ddp_fork", max_epochs=1, **quiet).fit(model, datamodule)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


@needs_gpu
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem.split("_")[0])
def test_notebook(notebook, tmp_path):
    """Every notebook runs where a GPU is, with the cells that want one; on a warm kernel, forked without it."""
    command = [sys.executable, "-m", "mldrl_lite", "course", notebook, "--out", tmp_path, "--profile", "small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
