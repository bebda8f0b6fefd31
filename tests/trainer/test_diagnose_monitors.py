"""`diagnose`: monitors that nothing logs, curves that stay empty."""

import csv
import inspect

import numpy as np
import pytest
import torch
from diagnosing import Logging, LogsSteps, LogsToo, Seeded, Splits, found, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader

from mldrl_lite.trainer import diagnose


class LogsDict(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log_dict({"val_loss": self.step(batch), "other": 1.0})


class LogsByKeyword(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log(value=self.step(batch), name="val" + "_loss")


class LogsPattern(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.shared(batch, "val")

    def shared(self, batch, stage):
        self.log(f"{stage}_loss", self.step(batch))


class LogsComprehension(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log_dict({f"val_{name}": self.step(batch) for name in ("loss", "other")})


class LogsEither(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log("train_loss" if self.training else "val_loss", self.step(batch))


@pytest.mark.parametrize("cls", [Logging, LogsDict, LogsByKeyword, LogsPattern, LogsComprehension, LogsEither])
def test_a_monitor_that_nothing_logs_is_found(cls):
    for monitor, rules in (("val_loss", []), ("val_loss_epoch", []), ("score", ["monitor that nothing logs"])):
        callbacks = [EarlyStopping(monitor), ModelCheckpoint(monitor=monitor)]
        trainer = quiet(callbacks=callbacks, enable_checkpointing=True)
        assert found(cls(), None, trainer) == rules * 2


def test_lightning_stops_at_a_monitor_that_nothing_logs_after_an_epoch():
    trainer = quiet(callbacks=[EarlyStopping("score")])
    with pytest.raises(RuntimeError, match="score"):
        trainer.fit(Logging())
    assert trainer.global_step == 2


def test_a_monitor_that_nothing_logs_says_what_is_logged():
    finding = the("monitor that nothing logs", Logging(), None, quiet(callbacks=[EarlyStopping("val_los")]))
    assert finding.what == "EarlyStopping monitors 'val_los', and nothing logs that (did you mean 'val_loss'?)."
    assert finding.where.endswith("trainer.callbacks[0]")
    assert finding.fix == "Monitor val_loss."
    finding = the("monitor that nothing logs", BoringModel(), None, quiet(callbacks=[EarlyStopping("val_loss")]))
    assert finding.fix == "Call self.log('val_loss', …) in the model."


def log_for(module, name, value):
    module.log(name, value)


class LogsVariable(Logging):
    def on_train_epoch_end(self):
        for name in ("score",):
            self.log(name, 1.0)


class LogsUnknownDict(Logging):
    def on_train_epoch_end(self):
        self.log_dict(dict(score=1.0))  # noqa: C408


class LogsElsewhere(Logging):
    def on_train_epoch_end(self):
        log_for(self, "score", 1.0)


class HandsLogOn(Logging):
    def on_train_epoch_end(self):
        log = self.log
        log("score", 1.0)


class HandsItselfOn(Logging):
    def on_train_epoch_end(self):
        module = self
        module.log("score", 1.0)


class WritesMetrics(Logging):
    def on_train_epoch_end(self):
        self.trainer.callback_metrics["score"] = torch.tensor(1.0)


class UpdatesMetrics(Logging):
    def on_train_epoch_end(self):
        self.trainer.callback_metrics.update(score=torch.tensor(1.0))


@pytest.mark.parametrize(
    "cls",
    [LogsVariable, LogsUnknownDict, LogsElsewhere, HandsLogOn, HandsItselfOn, WritesMetrics, UpdatesMetrics],
)
def test_where_names_are_not_to_be_known_the_rule_is_silent(cls):
    trainer = quiet(callbacks=[EarlyStopping("score")])
    assert found(cls(), None, trainer) == []
    trainer.fit(cls())  # and rightly so: the metric is there


def test_without_source_the_rule_is_silent():
    namespace = {"BoringModel": BoringModel, "__name__": "prompt"}
    exec("class Typed(BoringModel):\n    def on_fit_start(self): self.log('x', 1.0)", namespace)  # noqa: S102
    assert found(namespace["Typed"](), None, quiet(callbacks=[EarlyStopping("score")])) == []


class LogsItself(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        self.log("score", 1.0)


class LogsThroughTrainer(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        trainer.lightning_module.log("score", 1.0)


@pytest.mark.parametrize("callback", [LogsToo, LogsItself, LogsThroughTrainer])
def test_callbacks_log_too(callback):
    trainer = quiet(callbacks=[EarlyStopping("score"), callback()])
    assert found(Logging(), None, trainer) == []
    trainer.fit(Logging())
    assert found(Logging(), None, quiet(callbacks=[EarlyStopping("scor"), callback()])) == ["monitor that nothing logs"]


class LooksLikeLogging(Logging):
    def on_train_epoch_end(self):
        self.table.log("score", torch.log(torch.ones(1)), np.log(1.0))


def test_other_things_called_log_do_not_count():
    trainer = quiet(callbacks=[EarlyStopping("score")])
    assert found(LooksLikeLogging(), None, trainer) == ["monitor that nothing logs"]


def test_what_lightning_logs_by_itself_can_be_monitored():
    checkpoint = quiet(callbacks=[ModelCheckpoint(monitor="step")], enable_checkpointing=True)
    rates = quiet(
        callbacks=[EarlyStopping("lr-SGD"), LearningRateMonitor()], logger=CSVLogger("logs"), log_every_n_steps=1
    )
    assert found(Logging(), None, checkpoint) == []
    assert found(Logging(), None, rates) == []


class LogsEpochs(BoringModel):
    def training_step(self, batch, batch_idx):
        loss = self.step(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss


SPARSE = "log_every_n_steps above the batches"


EIGHT = {"logger": CSVLogger("logs"), "limit_train_batches": 8}


@pytest.mark.parametrize(
    ("arguments", "written", "steps"),
    [
        ({"max_epochs": 2}, 0, 16),
        ({"max_epochs": 2, "log_every_n_steps": 9}, 1, 16),
        ({"max_epochs": 13}, 2, 104),
        ({"max_epochs": 4, "accumulate_grad_batches": 3, "log_every_n_steps": 4}, 3, 12),
        ({"max_epochs": 3, "limit_train_batches": 0.125, "log_every_n_steps": 9}, 2, 24),
        ({"max_epochs": 3, "overfit_batches": 2, "log_every_n_steps": 3}, 2, 6),
        ({"max_epochs": -1, "max_steps": 20}, 0, 20),
    ],
)
def test_log_every_n_steps_above_the_batches_is_found(arguments, written, steps, tmp_path):
    logger = CSVLogger(tmp_path, name="", version="")
    trainer = quiet(**{**EIGHT, "logger": logger, **arguments})
    what = the(SPARSE, LogsSteps(), BoringDataModule(), trainer).what
    assert what.endswith(f"is written {written} times in the {steps} steps of the run.")
    trainer.fit(LogsSteps(), BoringDataModule())  # the witness
    rows = tmp_path / "metrics.csv"
    lines = csv.DictReader(rows.read_text().splitlines() if rows.exists() else [])
    assert len([line for line in lines if line.get("train_loss")]) == written


@pytest.mark.parametrize(
    "arguments",
    [
        {"log_every_n_steps": 8},
        {"log_every_n_steps": 0},
        {"logger": False},
        {"fast_dev_run": True},
        {"limit_train_batches": 1.0, "log_every_n_steps": 64},
    ],
)
def test_log_every_n_steps_within_the_batches_is_not_found(arguments):
    assert found(LogsSteps(), BoringDataModule(), quiet(**{**EIGHT, **arguments})) == []


def test_what_is_logged_per_epoch_is_not_sparse():
    for model in (LogsEpochs(), Logging(), BoringModel()):
        assert found(model, BoringDataModule(), quiet(**EIGHT)) == []


def test_the_loader_of_the_model_counts_too():
    assert found(LogsSteps(), None, quiet(**EIGHT)) == [SPARSE]
    line = inspect.getsourcelines(Splits.train_dataloader)[1]
    assert the(SPARSE, LogsSteps(), Seeded(), quiet(**EIGHT)).where.endswith(f"diagnosing.py:{line}")


def test_without_a_loader_the_rule_is_silent():
    class Bare(LogsSteps):
        train_dataloader = LightningModule.train_dataloader

    class Endless(BoringDataModule):
        def train_dataloader(self):
            return DataLoader(Stream())

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield torch.zeros(32)

    assert found(Bare(), None, quiet(**EIGHT)) == []
    assert found(LogsSteps(), Endless(), quiet(**EIGHT)) == []


class LogsAVariable(LightningModule):
    """What it logs is written out one line above."""

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).mean()
        values = {"train/loss": loss, "train/half": loss / 2}
        self.log_dict(values)
        return loss


class LogsWhatGrows(LogsAVariable):
    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).mean()
        values = {"train/loss": loss}
        values[batch_idx] = loss
        self.log_dict(values)
        return loss


@pytest.mark.parametrize(("module", "found"), [(LogsAVariable, 1), (LogsWhatGrows, 0)])
def test_a_dictionary_in_a_variable_is_read_where_nothing_can_change_it(module: type, found: int):
    findings = diagnose(module(), None, quiet(callbacks=[EarlyStopping("val_loss")]))
    assert len([each for each in findings if each.rule == "monitor that nothing logs"]) == found
