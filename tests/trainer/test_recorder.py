"""The recorder sees what really happens, and changes nothing."""

import copy
from collections.abc import Callable

import pytest
import torch
from pytorch_lightning import Callback, Trainer, seed_everything

from mldrl_lite.callbacks import PrintingCallback
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import MMDynamic
from mldrl_lite.trainer import HookRecorder, hook_names


def fresh() -> tuple[MMDynamic, TCPDataModule]:
    seed_everything(0, verbose=False)
    datamodule = TCPDataModule("WDBC")
    return MMDynamic([10, 10, 10], 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4}), datamodule


def test_printing(quiet_trainer: Callable[..., Trainer], capsys: pytest.CaptureFixture[str]):
    model, datamodule = fresh()
    quiet_trainer(max_epochs=1, callbacks=[PrintingCallback()]).fit(model, datamodule)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("Training")] == [
        "Training is starting",
        "Training is ending",
    ]


class Witness(Callback):
    """Notes a few hooks by itself, without the recorder."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int | None]] = []

    def setup(self, trainer, pl_module, stage):
        self.seen.append(("setup", None))

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(("on_train_batch_start", batch_idx))

    def on_validation_epoch_end(self, trainer, pl_module):
        self.seen.append(("on_validation_epoch_end", None))

    def on_fit_end(self, trainer, pl_module):
        self.seen.append(("on_fit_end", None))


def test_the_record_agrees_with_an_independent_witness(quiet_trainer: Callable[..., Trainer]):
    model, datamodule = fresh()
    recorder, witness = HookRecorder(model, datamodule), Witness()
    trainer = quiet_trainer(max_epochs=2, limit_train_batches=3, limit_val_batches=2, callbacks=[witness, recorder])
    trainer.fit(model, datamodule)
    calls = recorder.table()
    mine = calls[(calls["owner"] == "callback") & calls["hook"].isin([hook for hook, _ in witness.seen])]
    recorded = [(row.hook, None if row.batch != row.batch else int(row.batch)) for row in mine.itertuples()]
    assert recorded == witness.seen


def test_the_record_tells_stage_grad_mode_and_nesting(quiet_trainer: Callable[..., Trainer]):
    model, datamodule = fresh()
    recorder = HookRecorder(model, datamodule)
    trainer = quiet_trainer(max_epochs=1, limit_train_batches=2, limit_val_batches=1, callbacks=[recorder])
    trainer.fit(model, datamodule)
    trainer.test(model, datamodule, verbose=False)
    calls = recorder.table()
    assert {"setup", "sanity_check", "train", "validate", "test"} >= set(calls["stage"])
    steps = calls[calls["hook"] == "training_step"]
    assert len(steps) == 2
    assert steps["grad"].all()
    assert steps["training"].all()
    assert steps["batch"].tolist() == [0, 1]
    assert steps["step"].tolist() == [0, 1]
    assert (steps["depth"] == 1).all()  # inside optimizer_step
    validation = calls[calls["hook"] == "validation_step"]
    assert validation["stage"].tolist() == ["sanity_check", "validate"]
    assert not validation["grad"].any()
    assert not validation["training"].any()
    first = calls.drop_duplicates("hook").set_index("hook").index
    order = ["prepare_data", "on_fit_start", "on_train_start", "training_step", "on_fit_end"]
    assert [first.get_loc(hook) for hook in order] == sorted(first.get_loc(hook) for hook in order)


def test_recording_changes_nothing_and_release_undoes_it(quiet_trainer: Callable[..., Trainer]):
    weights = []
    for record in (False, True):
        model, datamodule = fresh()
        recorder = HookRecorder(model, datamodule) if record else None
        quiet_trainer(max_epochs=2, callbacks=[recorder] if recorder else None).fit(model, datamodule)
        weights.append(model.MMClasifier[0].clf[0].weight)
    assert torch.equal(*weights)
    recorder.release()
    assert model.training_step.__func__ is MMDynamic.training_step
    assert not set(hook_names(model)) & set(vars(model))
    assert not set(hook_names(datamodule)) & set(vars(datamodule))


def test_the_names_of_hooks_are_lightnings_own():
    names = hook_names(Callback)
    assert {"setup", "on_train_batch_end", "on_exception", "on_before_zero_grad"} <= set(names)
    assert not {"state_dict", "state_key", "on_epoch_end"} & set(names)


def test_a_second_recorder_takes_over_and_copies_are_independent(quiet_trainer: Callable[..., Trainer]):
    model, datamodule = fresh()
    HookRecorder(model, datamodule)
    recorder = HookRecorder(model, datamodule)
    quiet_trainer(max_epochs=1, limit_train_batches=1, limit_val_batches=0, callbacks=[recorder]).fit(model, datamodule)
    assert (recorder.table()["hook"] == "training_step").sum() == 1
    other = copy.deepcopy(model)
    torch.nn.init.zeros_(other.MMClasifier[0].clf[0].weight)
    torch.nn.init.zeros_(other.MMClasifier[0].clf[0].bias)
    views = next(iter(datamodule.val_dataloader())).views
    assert (other(views).logit == 0).all()
    assert not (model(views).logit == 0).all()


def test_an_empty_record_has_its_columns():
    assert {"owner", "hook", "stage", "depth"} <= set(HookRecorder().table().columns)
