"""`diagnose` on live objects of many kinds, and the rules that need them: optimizers, parts, the run's length."""

import contextlib
import sys

import pytest
import torch
from diagnosing import Logging, Splits, found, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.callbacks import BackboneFinetuning, EarlyStopping, ModelCheckpoint
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.diagnosis import diagnose

# --- what can be given --------------------------------------------------------------------------------------------


class Dead(BoringModel):
    def on_epoch_end(self):
        """Do it at the end of an epoch."""


class LogsSteps(BoringModel):
    def training_step(self, batch, batch_idx):
        loss = self.step(batch)
        self.log("train_loss", loss)
        return loss


ROWS = DataLoader(TensorDataset(torch.zeros(8, 32)), batch_size=1)
SPARSE = "log_every_n_steps above the batches"


@pytest.mark.parametrize("data", [ROWS, [ROWS, ROWS], (ROWS,), {"train": ROWS}], ids=["one", "list", "tuple", "dict"])
def test_loaders_take_the_place_of_a_datamodule(data):
    trainer = quiet(logger=CSVLogger("logs"), limit_train_batches=1.0)
    finding = the(SPARSE, LogsSteps(), data, trainer)
    assert "an epoch has 8 steps" in finding.what
    assert finding.where == "the DataLoader of training"


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_model_is_looked_at_as_it_was():
    assert found(torch.compile(Dead())) == ["dead hook"]


@pytest.mark.parametrize("ignore", [["dead hook"], ["MLT101"], ["MLT1"], "MLT101,MLT2"])
def test_rules_can_be_left_out(ignore):
    assert diagnose(Dead(), ignore=ignore) == []
    assert len(diagnose(Dead(), ignore=["MLT2"])) == 1


def test_a_rule_that_does_not_exist_cannot_be_left_out():
    with pytest.raises(InputError, match=r"ignore names no rule with 'MLT11x' .*did you mean 'MLT101'"):
        diagnose(Dead(), ignore=["MLT11x"])


def test_models_of_the_package_lightning_are_looked_at_too():
    lightning = pytest.importorskip("lightning")

    class Dead(lightning.LightningModule):
        def on_epoch_end(self): ...
        def validation_step(self, batch, batch_idx):
            self.log("val_loss", 1.0)

    early = lightning.pytorch.callbacks.EarlyStopping("val_los")
    trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, callbacks=[early])
    assert found(Dead(), None, trainer) == ["dead hook", "monitor that nothing logs"]
    assert found(BoringModel(), None, trainer) == ["two packages mixed", "monitor that nothing logs"]


# --- many rows ----------------------------------------------------------------------------------------------------


def calls_for(rows: int) -> int:
    """Return how many functions are called to look at a split of so many rows."""
    calls = []
    data = Splits(torch.arange(32.0 * rows).reshape(rows, 32))
    sys.setprofile(lambda frame, event, argument: calls.append(1) if "call" in event else None)
    try:
        findings = diagnose(BoringModel(), data)
    finally:
        sys.setprofile(None)
    assert {finding.rule for finding in findings} == {"split that depends on the stages"}
    return len(calls)


def test_rows_are_not_looked_at_one_by_one():
    calls_for(50)  # what is read once, and then remembered
    assert calls_for(20_000) < 1.5 * calls_for(200)


class Listed(LightningDataModule):
    def __init__(self, count):
        super().__init__()
        self.files = [(f"{i}.png", i % 2) for i in range(count)]

    def setup(self, stage):
        self.files.reverse()

    def train_dataloader(self):
        return DataLoader(self.files)

    val_dataloader = test_dataloader = train_dataloader


def test_a_long_list_is_copied_and_not_shared():
    data = Listed(20_000)
    before = list(data.files)
    assert found(BoringModel(), data) == []
    assert data.files == before


# --- optimizers and schedulers ------------------------------------------------------------------------------------


class TwoLayers(BoringModel):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(32, 32)


class HeadOnly(TwoLayers):
    def configure_optimizers(self):
        return torch.optim.SGD(self.layer.parameters(), 0.1)


class HeadOnlyFrozen(HeadOnly):
    def __init__(self):
        super().__init__()
        self.backbone.requires_grad_(False)


class Both(TwoLayers):
    def configure_optimizers(self):
        first, second = (torch.optim.SGD(part.parameters(), 0.1) for part in (self.layer, self.backbone))
        return {"optimizer": first}, {"optimizer": second}


class AsksTheTrainer(HeadOnly):
    def configure_optimizers(self):
        assert self.trainer.estimated_stepping_batches
        return super().configure_optimizers()


def test_parameters_without_an_optimizer_are_found():
    finding = the("parameters without an optimizer", HeadOnly())
    assert finding.what == "No optimizer of HeadOnly is given backbone.weight, backbone.bias."
    assert "requires_grad_(False)" in finding.fix


def test_parameters_without_an_optimizer_do_stay_as_they_are():
    model = HeadOnly()
    before = model.backbone.weight.clone()
    quiet().fit(model)
    assert torch.equal(model.backbone.weight, before)


@pytest.mark.parametrize("cls", [HeadOnlyFrozen, Both, AsksTheTrainer, TwoLayers, BoringModel])
def test_parameters_with_an_optimizer_or_without_a_gradient_are_not_found(cls):
    assert found(cls()) == []


def test_a_finetuning_callback_gives_them_later():
    assert found(HeadOnly(), None, quiet(callbacks=[BackboneFinetuning()])) == []


class OwnWay(BoringModel):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        self.own.zero_grad()
        self.manual_backward(self.step(batch))
        self.own.step()

    def configure_optimizers(self):
        self.own = torch.optim.SGD(self.parameters(), 0.1)
        return self.own


class LightningsWay(OwnWay):
    def training_step(self, batch, batch_idx):
        self.own = self.optimizers()
        super().training_step(batch, batch_idx)


@pytest.mark.parametrize(("cls", "steps", "rules"), [(OwnWay, 0, 1), (LightningsWay, 2, 0)])
def test_a_raw_optimizer_makes_no_steps_that_lightning_counts(cls, steps, rules):
    assert found(cls()) == ["raw optimizer in manual optimization"] * rules
    trainer = quiet()
    trainer.fit(cls())
    assert trainer.global_step == steps


class Once(BoringModel):
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        return [optimizer], [OneCycleLR(optimizer, 1.0, total_steps=8)]


class OncePerStep(BoringModel):
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        return [optimizer], [{"scheduler": OneCycleLR(optimizer, 1.0, total_steps=8), "interval": "step"}]


@pytest.mark.parametrize(("cls", "stepped", "rules"), [(Once, 1, 1), (OncePerStep, 4, 0)])
def test_a_schedule_of_steps_is_stepped_per_epoch_unless_told(cls, stepped, rules):
    assert found(cls()) == ["scheduler stepped at the wrong interval"] * rules
    trainer = quiet(limit_train_batches=4)
    trainer.fit(cls())
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == stepped


# --- directions ---------------------------------------------------------------------------------------------------


class Better(BoringModel):
    """Its accuracy gets better from epoch to epoch."""

    def validation_step(self, batch, batch_idx):
        self.log("val_acc", float(self.current_epoch))


@pytest.mark.parametrize(("mode", "kept", "rules"), [("min", "epoch=0", 1), ("max", "epoch=2", 0)])
def test_a_wrong_direction_keeps_the_worst(mode, kept, rules):
    checkpoint = ModelCheckpoint("out", monitor="val_acc", mode=mode)
    trainer = quiet(callbacks=[checkpoint], enable_checkpointing=True, max_epochs=3, num_sanity_val_steps=0)
    findings = diagnose(Better(), None, trainer)
    assert [finding.rule for finding in findings] == ["monitor in the wrong direction"] * rules
    assert all(finding.fix == 'Give ModelCheckpoint(…, mode="max").' for finding in findings)
    trainer.fit(Better())
    assert kept in checkpoint.best_model_path


class Plateau(BoringModel):
    mode, monitor, form = "min", "val_acc", "dictionary"

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        scheduler = ReduceLROnPlateau(optimizer, mode=self.mode)
        if self.form == "lists":
            return [optimizer], [{"scheduler": scheduler, "monitor": self.monitor}]
        if self.form == "inner":
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": self.monitor}}
        return {"optimizer": optimizer, "lr_scheduler": scheduler, "monitor": self.monitor}


@pytest.mark.parametrize("form", ["dictionary", "inner", "lists"])
@pytest.mark.parametrize(
    ("mode", "monitor", "rules"),
    [("min", "val_acc", 1), ("max", "val_acc", 0), ("min", "val_loss", 0), ("max", "val_loss", 1), ("min", "x", 0)],
)
def test_a_plateau_in_the_wrong_direction_is_found(form, mode, monitor, rules):
    model = type("Plateau", (Plateau,), {"form": form, "mode": mode, "monitor": monitor})()
    assert found(model) == ["monitor in the wrong direction"] * rules


@pytest.mark.parametrize("form", ["dictionary", "inner", "lists"])
@pytest.mark.parametrize("monitor", [None, "train_loss"])
def test_a_plateau_without_a_monitor_is_found_where_lightning_refuses_it(form, monitor):
    model = type("Plateau", (Plateau, LogsSteps), {"form": form, "monitor": monitor})()
    refused = pytest.raises(MisconfigurationException) if monitor is None else contextlib.nullcontext()
    assert found(model) == ["plateau without a monitor"] * (monitor is None)
    with refused:
        quiet(fast_dev_run=True).fit(model)


# --- beyond the run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "every", "saved"),
    [
        ({"max_epochs": 2}, {"every_n_epochs": 3}, False),
        ({"max_epochs": 3}, {"every_n_epochs": 3}, True),
        ({"max_epochs": 2}, {"every_n_train_steps": 9}, False),
        ({"max_epochs": 2}, {"every_n_train_steps": 8}, True),
        ({"max_epochs": -1, "max_steps": 5}, {"every_n_train_steps": 6}, False),
        ({"max_epochs": -1, "max_steps": 6}, {"every_n_train_steps": 6}, True),
    ],
)
def test_a_checkpoint_beyond_the_run_is_never_saved(limits, every, saved, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "out", save_top_k=-1, **every)
    trainer = quiet(callbacks=[checkpoint], enable_checkpointing=True, limit_train_batches=4, **limits)
    rules = found(BoringModel(), BoringDataModule(), trainer)
    assert rules == ([] if saved else ["checkpoint that this run never reaches"])
    trainer.fit(BoringModel(), BoringDataModule())
    assert bool(list(tmp_path.glob("out/*.ckpt"))) is saved


@pytest.mark.parametrize(("every", "validated"), [(4, False), (3, True)])
def test_a_validation_beyond_the_run_never_comes(every, validated):
    trainer = quiet(max_epochs=3, check_val_every_n_epoch=every, num_sanity_val_steps=0)
    assert found(Logging(), None, trainer) == ([] if validated else ["validation that this run never reaches"])
    trainer.fit(Logging())
    assert ("val_loss" in trainer.callback_metrics) is validated


# --- parts --------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts


def with_block(parts) -> BoringModel:
    model = BoringModel()
    model.block = Block(parts)
    return model


LAYER = nn.Linear(2, 2)


@pytest.mark.parametrize("parts", [[LAYER], (LAYER, nn.ReLU()), {"a": LAYER}], ids=["list", "tuple", "dictionary"])
def test_layers_in_plain_lists_are_found_where_they_are(parts):
    finding = the("layers in a plain list", with_block(parts))
    assert "BoringModel.block.parts is a plain" in finding.what
    assert not any(p is LAYER.weight for p in with_block(parts).parameters())


@pytest.mark.parametrize(
    "parts", [nn.ModuleList([LAYER]), nn.ModuleDict({"a": LAYER}), [nn.ReLU()], [1, 2], {"a": "b"}, "text"], ids=str
)
def test_other_lists_are_not_found(parts):
    assert found(with_block(parts)) == []


def test_a_list_of_layers_that_are_known_elsewhere_is_not_found():
    model = with_block(None)
    model.block.parts = [model.layer]
    assert found(model) == []


class SoftmaxFirst(BoringModel):
    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch).softmax(1), torch.zeros(len(batch), dtype=torch.long))


def test_what_check_finds_in_files_is_found_in_classes_too():
    finding = the("softmax before a loss of logits", SoftmaxFirst())
    assert finding.what == "cross_entropy is given the output of a softmax."
    assert "test_diagnose_live.py:" in finding.where


# --- advice can be followed ---------------------------------------------------------------------------------------


class Takes(LightningModule):
    def __init__(self, encoder, width):
        super().__init__()
        self.encoder = encoder


class Follows(LightningModule):
    def __init__(self, encoder, width):
        super().__init__()
        self.save_hyperparameters(ignore=["encoder"])
        self.encoder = encoder


class OnlyModules(LightningModule):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self._decoder = encoder, decoder


def test_modules_are_no_hyperparameters():
    assert found(OnlyModules(nn.Linear(1, 1), nn.Linear(1, 1))) == []
    finding = the("empty hparams", Takes(nn.Linear(1, 1), 3))
    assert finding.what == "Takes takes width, and its hparams are empty."
    assert "self.save_hyperparameters(ignore=['encoder'])" in finding.fix
    assert found(Follows(nn.Linear(1, 1), 3)) == []


class OnlyItself(Logging):
    """Logs another name than its parent, whose step it replaces."""

    def validation_step(self, batch, batch_idx):
        self.log("val_score", 1.0)


class AndItsParent(OnlyItself):
    def validation_step(self, batch, batch_idx):
        super().validation_step(batch, batch_idx)


@pytest.mark.parametrize(
    ("cls", "monitor", "rules"),
    [
        (OnlyItself, "val_loss", 1),
        (OnlyItself, "val_score", 0),
        (AndItsParent, "val_score", 0),
        (AndItsParent, "val_loss", 1),
    ],
)
def test_what_an_overridden_parent_logs_does_not_count(cls, monitor, rules):
    trainer = quiet(callbacks=[EarlyStopping(monitor)])
    assert found(cls(), None, trainer) == ["monitor that nothing logs"] * rules
