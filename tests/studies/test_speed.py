"""The three ways of training are one training; what differs is the time, which the benchmark measures."""

import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jupyter_client.manager import start_new_kernel
from pytorch_lightning import Callback, Trainer

from mldrl_lite.datamodule import Batch, TCPDataModule
from mldrl_lite.figures import read_scalars
from mldrl_lite.messages import InputError
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.studies import speed
from mldrl_lite.studies.bar import EpochBar

SCRIPT_WARNINGS = pytest.mark.filterwarnings("ignore:This DataLoader will create 10 worker processes")


def test_recommended_settings_end_at_the_bits_of_the_bare_loop(tmp_path: Path):
    # With 20 epochs, every other one is validated.
    bare, recommended = speed.bare_loop(max_epochs=20), speed.recommended(tmp_path, max_epochs=20)
    assert recommended.fingerprint == bare.fingerprint
    assert recommended.validation_loss == pytest.approx(bare.validation_loss, rel=1e-5)
    assert recommended.steps == bare.steps == 200
    curves = read_scalars(next(tmp_path.rglob("hparams.yaml")).parent)
    assert (curves["tag"] == "ptl/val_loss").sum() == 10
    assert speed.bare_loop(max_epochs=20, seed=1).fingerprint != bare.fingerprint


@SCRIPT_WARNINGS
def test_the_settings_of_the_script_end_close_by(tmp_path: Path):
    bare, script = speed.bare_loop(max_epochs=2), speed.script_settings(tmp_path, max_epochs=2)
    assert script.validation_loss == pytest.approx(bare.validation_loss, rel=1e-3)
    assert script.steps == bare.steps
    assert len(list(tmp_path.rglob("*.ckpt"))) == 1


def test_the_bars_of_a_fit_are_few_widgets(tmp_path: Path):
    # Jupyter's queues hold a thousand each: 08 repeats these fits, and its last message was lost.
    manager, client = start_new_kernel(kernel_name="mldrl-lite")
    messages = Counter()
    code = f"""
        from mldrl_lite.studies import speed
        speed.script_settings({str(tmp_path)!r}, max_epochs=3, num_workers=0, threads=1)
        speed.recommended({str(tmp_path)!r}, max_epochs=3)
    """
    try:
        reply = client.execute_interactive(
            textwrap.dedent(code), output_hook=lambda message: messages.update([message["msg_type"]]), timeout=120
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert reply["content"]["status"] == "ok"
    assert messages["stream"] > 0
    assert messages["comm_open"] + messages["comm_msg"] < 60, messages


def test_recommended_settings_log_and_keep_the_best_weights(tmp_path: Path):
    speed.recommended(tmp_path, max_epochs=4)
    [checkpoint] = tmp_path.rglob("*.ckpt")
    saved = torch.load(checkpoint)
    assert "optimizer_states" not in saved
    curves = read_scalars(checkpoint.parents[1])
    losses = curves[curves["tag"] == "ptl/val_loss"]
    assert saved["epoch"] == losses["value"].to_numpy().argmin()
    assert (curves["tag"] == "ptl/train_loss").sum() == 4
    model = MMDynamic.load_from_checkpoint(checkpoint)
    assert isinstance(model, MMDynamic)


def test_more_samples_are_more_steps():
    assert speed.bare_loop(factor=3, max_epochs=1).steps == 29  # 900 samples, 32 at a time
    with pytest.raises(InputError, match="factor = 0"):
        speed.bare_loop(factor=0)


# ---------------------------------------------------------------------------------------------------------------------
# What the package does for speed leaves what it says as it was


def test_a_batch_goes_to_a_device_whole():
    batch = Batch((torch.zeros(2, 3), torch.zeros(2, 1)), torch.zeros(2, dtype=torch.int64))
    moved = batch.to("meta")
    assert isinstance(moved, Batch)
    assert {tensor.device.type for tensor in (*moved.views, moved.labels)} == {"meta"}


def test_evaluation_batches_may_be_larger():
    datamodule = TCPDataModule(eval_batch_size=512)
    datamodule.setup()
    assert [len(batch.labels) for batch in datamodule.val_dataloader()] == [38]
    assert [len(batch.labels) for batch in datamodule.test_dataloader()] == [38]
    assert len(next(iter(datamodule.train_dataloader())).labels) == 32
    assert TCPDataModule(batch_size=16).hparams.eval_batch_size == 16
    with pytest.raises(InputError, match="eval_batch_size = 0"):
        TCPDataModule(eval_batch_size=0)


class _Failing(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        raise ValueError("on purpose")


@pytest.mark.parametrize("failing", [False, True])
def test_the_epoch_bar_ticks_once_per_epoch_and_is_closed(
    quiet_trainer: Callable[..., Trainer], capsys: pytest.CaptureFixture[str], failing: bool
):
    bar, datamodule = EpochBar(), TCPDataModule("WDBC")
    model = MMDynamic(datamodule.in_dim, 2, True, EXAMPLE_CONFIG)
    callbacks = [bar, _Failing()] if failing else [bar]
    trainer = quiet_trainer(max_epochs=3, callbacks=callbacks, enable_progress_bar=True)
    if failing:
        with pytest.raises(ValueError, match="on purpose"):
            trainer.fit(model, datamodule)
    else:
        trainer.fit(model, datamodule)
        shown = capsys.readouterr().err
        assert "3/3" in shown
        assert "ptl/val_loss" in shown
        assert "v_num" not in shown
    assert bar._bar is None
