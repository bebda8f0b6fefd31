"""The calls of the 2023 chapter that the course follows: what its readers type, and what they see.

The programs here are our own; only the calls are the chapter's, and the numbers that it prints of them.
"""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.loggers import TensorBoardLogger

from mldrl_lite import MMDynamic, PrintingCallback, TCP_DataModule, fingerprint
from mldrl_lite.figures import read_scalars

SLOW = {"lr": 1e-5, "reg": 1e-5, "hidden_dim": 50}


class Run(NamedTuple):
    """A fit and a test as in the chapter, two epochs long."""

    model: MMDynamic
    trainer: Trainer
    printed: str
    log: Path

    @property
    def checkpoint(self) -> Path:
        [file] = self.log.glob("checkpoints/*.ckpt")
        return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("chapter")
    data = TCP_DataModule(data_type="SIMULATED", cv=0, batch_size=32, num_workers=0)
    model = MMDynamic([300, 300, 300], 2, True, SLOW)
    trainer = Trainer(
        callbacks=[PrintingCallback()],
        devices=1,
        accelerator="cpu",
        log_every_n_steps=1,
        max_epochs=2,
        logger=TensorBoardLogger(name="exp", save_dir=str(folder)),
        enable_progress_bar=False,
    )
    with redirect_stdout(io.StringIO()) as printed:
        trainer.fit(model, data)
        trainer.test(model, data, verbose=False)
    return Run(model, trainer, printed.getvalue(), folder / "exp" / "version_0")


def test_the_callback_speaks_at_the_start_and_at_the_end(run: Run):
    assert run.printed.split("\n")[:2] == ["Training is starting", "Training is ending"]


def test_a_test_leaves_three_metrics_on_the_model(run: Run):
    assert list(run.model.test_result) == ["test_metric_1", "test_metric_2", "test_metric_3"]
    assert all(0 <= value <= 1 for value in run.model.test_result.values())


def test_the_log_holds_the_validation_loss_and_every_step(run: Run):
    scalars = read_scalars(run.log)
    assert (scalars["tag"] == "ptl/val_loss").sum() == 2
    assert scalars.loc[scalars["tag"] == "ptl/train_loss", "step"].tolist() == list(range(20))


def test_a_checkpoint_is_named_by_epoch_and_step(run: Run):
    assert run.checkpoint.name == "epoch=1-step=20.ckpt"  # ten steps an epoch, as in the chapter


def test_the_checkpoint_holds_what_the_model_was_called_with(run: Run):
    arguments = torch.load(run.checkpoint, map_location=lambda storage, _: storage)["hyper_parameters"]
    assert arguments == {"in_dim": [300, 300, 300], "num_class": 2, "binary": True, "config": SLOW}


def test_a_model_comes_back_from_its_checkpoint(run: Run):
    model = MMDynamic.load_from_checkpoint(run.checkpoint)
    assert f"lr: {model.lr}, reg: {model.reg}" == "lr: 1e-05, reg: 1e-05"
    assert fingerprint(model) == fingerprint(run.model)


def test_two_lines_make_a_run_repeatable(tmp_path: Path):
    def trained() -> str:
        seed_everything(42, workers=True)
        model = MMDynamic([300, 300, 300], 2, True, SLOW)
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        Trainer(deterministic=True, max_epochs=1, accelerator="cpu", **quiet).fit(model, TCP_DataModule("SIMULATED"))
        return fingerprint(model)

    try:
        assert trained() == trained()
    finally:
        torch.use_deterministic_algorithms(False)
