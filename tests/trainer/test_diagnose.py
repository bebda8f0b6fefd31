"""`mldrl_lite.diagnose`: for each rule a minimal offender, a minimal innocent, and Lightning as the witness."""

import argparse
import copy
import csv
import dataclasses
import enum
import inspect
import os
import pathlib
import random
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader, Dataset, Subset, SubsetRandomSampler, TensorDataset, random_split

from mldrl_lite.callbacks import HookRecorder
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.messages import InputError
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.trainer.diagnosis import _OTHER_NAMES, REMOVED_HOOKS, Finding, Findings, diagnose

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def quiet(**arguments) -> Trainer:
    """Return a Trainer on the CPU that writes nothing, unless `arguments` say so."""
    silent = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    limits = {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1, "limit_test_batches": 1}
    return Trainer(accelerator="cpu", devices=1, **{**silent, **limits, **arguments})


def found(*objects) -> list[str]:
    return [finding.rule for finding in diagnose(*objects)]


def the(rule: str, *objects) -> Finding:
    """Return the one finding, which has to be of this rule."""
    findings = diagnose(*objects)
    assert [finding.rule for finding in findings] == [rule]
    return findings[0]


def line_of(text: str) -> str:
    """Return `file:line` of the first line of this file that starts with `text`."""
    lines = pathlib.Path(__file__).read_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if line.strip().startswith(text))
    return f"{os.path.basename(__file__)}:{number}"


# --- the course's own models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"logger": False},
        {"logger": True, "log_every_n_steps": 1},
        {
            "logger": False,
            "enable_checkpointing": True,
            "callbacks": [EarlyStopping("ptl/val_loss"), ModelCheckpoint(monitor="ptl/val_accuracy")],
        },
    ],
)
def test_nothing_is_found_on_the_models_of_the_course(arguments):
    datamodule = TCPDataModule("SIMULATED", cv=0)
    model = MMDynamic([300, 300, 300], 2, True, EXAMPLE_CONFIG)
    assert diagnose(model, datamodule, quiet(max_epochs=30, limit_train_batches=1.0, **arguments)) == []
    assert diagnose(model, datamodule) == []
    assert diagnose(model) == []


def test_nothing_is_found_on_lightnings_own_examples():
    assert diagnose(BoringModel(), BoringDataModule(), quiet()) == []


def test_a_slip_on_the_models_of_the_course_is_found():
    model = MMDynamic([300, 300, 300], 2, True, EXAMPLE_CONFIG)
    finding = the("monitor that nothing logs", model, None, quiet(callbacks=[EarlyStopping("val_loss")]))
    assert "did you mean 'ptl/val_loss'?" in finding.what


# --- dead hooks ---------------------------------------------------------------------------------------------------


def with_methods(base: type, *names: str, ran: list[str] | None = None) -> type:
    """Return a subclass with methods that note that they ran."""

    def method(name):
        def note(self, *args, **kwargs):
            (ran if ran is not None else []).append(name)

        note.__qualname__ = f"Own.{name}"
        return note

    return type("Own", (base,), {name: method(name) for name in names})


LOUD = {"training_epoch_end", "validation_epoch_end", "test_epoch_end"}


@pytest.mark.parametrize("base", [BoringModel, Callback], ids=["module", "callback"])
def test_lightning_never_calls_the_removed_hooks(base):
    ran = []
    own = with_methods(base, *(REMOVED_HOOKS.keys() - LOUD), ran=ran)()
    trainer = quiet(callbacks=[own] if base is Callback else [], max_epochs=2)
    model = own if base is BoringModel else BoringModel()
    trainer.fit(model)
    trainer.test(model, verbose=False)
    trainer.predict(model)
    assert ran == []


@pytest.mark.parametrize("name", sorted(LOUD))
def test_lightning_refuses_the_loud_ones(name):
    model = with_methods(BoringModel, name)()
    trainer = quiet()
    with pytest.raises(NotImplementedError, match=f"`{name}` has been removed"):
        (trainer.test if "test" in name else trainer.fit)(model)


@pytest.mark.parametrize("name", REMOVED_HOOKS)
def test_a_hook_of_1x_is_found(name):
    finding = the("dead hook", with_methods(BoringModel, name)())
    assert f"Own.{name} " in finding.what
    assert REMOVED_HOOKS[name] in finding.fix


@pytest.mark.parametrize("today", sorted({*REMOVED_HOOKS.values(), *_OTHER_NAMES.values()}))
def test_what_replaces_a_hook_is_a_hook(today):
    assert hasattr(LightningModule, today) or hasattr(Callback, today)


class Misspelled(BoringModel):
    def on_train_epoch_ends(self):
        """Do it at the end of an epoch."""


class Spelled(BoringModel):
    def on_train_epoch_end(self):
        """Do it at the end of an epoch."""


def test_a_misspelled_hook_is_found():
    finding = the("dead hook", Misspelled())
    assert finding.what == "Misspelled.on_train_epoch_ends will never be called."
    assert finding.where.endswith(line_of("def on_train_epoch_ends"))
    assert finding.fix == "Call it on_train_epoch_end, if that is what you mean."
    assert found(Spelled()) == []


def test_a_finding_in_a_notebook_names_the_cell(monkeypatch):
    compiler = SimpleNamespace(format_code_name=lambda name: ("Cell", "In[3]") if name == __file__ else None)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(compile=compiler))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert diagnose(Misspelled())[0].where.startswith("Cell In[3]:")


def test_a_file_near_by_is_named_by_its_relative_path(monkeypatch):
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    assert diagnose(Misspelled())[0].where == line_of("def on_train_epoch_ends")


@pytest.mark.parametrize(
    ("base", "name", "real"),
    [
        (LightningModule, "trainig_step", "training_step"),
        (LightningModule, "train_step", "training_step"),
        (LightningModule, "val_step", "validation_step"),
        (LightningModule, "on_validation_epoch_ends", "on_validation_epoch_end"),
        (LightningModule, "on_val_epoch_end", "on_validation_epoch_end"),
        (LightningModule, "on_fit_begin", "on_fit_end"),
        (LightningModule, "configure_optimizer", "configure_optimizers"),
        (LightningModule, "validation_dataloader", "val_dataloader"),
        (LightningDataModule, "prepare_date", "prepare_data"),
        (LightningDataModule, "train_dataloaders", "train_dataloader"),
        (Callback, "on_training_start", "on_train_start"),
        (Callback, "on_sanity_check_begin", "on_sanity_check"),
        (Callback, "on_train_begin", "on_train_start"),
    ],
)
def test_a_name_near_a_hook_is_found(base, name, real):
    own = with_methods(base, name)()
    finding = the("dead hook", *as_objects(own))
    assert f"Call it {real}" in finding.fix


def as_objects(own) -> tuple:
    """Return what to give to diagnose so that `own` is in it."""
    if isinstance(own, LightningDataModule):
        return BoringModel(), own
    return (BoringModel(), None, quiet(callbacks=[own])) if isinstance(own, Callback) else (own,)


@pytest.mark.parametrize(
    ("base", "name", "home"),
    [
        (LightningDataModule, "on_train_start", "LightningModule"),
        (LightningDataModule, "training_step", "LightningModule"),
        (Callback, "prepare_data", "LightningModule"),
        (Callback, "configure_optimizers", "LightningModule"),
        (LightningModule, "on_sanity_check_start", "Callback"),
        (LightningModule, "on_exception", "Callback"),
    ],
)
def test_a_hook_in_the_wrong_class_is_found(base, name, home):
    finding = the("dead hook", *as_objects(with_methods(base, name)()))
    assert finding.fix == f"It is a hook of {home}: move it there."


@pytest.mark.parametrize(
    "name",
    [
        *(
            "shared_step",
            "common_step",
            "step",
            "compute_loss",
            "log_metrics",
            "get_loss",
            "encode",
            "predict",
            "sample",
        ),
        *(
            "configure_metrics",
            "configure_loss",
            "train_dataset",
            "val_dataset",
            "training_loss",
            "setup_data",
            "embed",
        ),
        *(
            "_on_train_epoch_ends",
            "_training_step",
            "on_click",
            "evaluate",
            "trainable",
            "summary",
            "transform",
            "loss",
        ),
    ],
)
@pytest.mark.parametrize("base", [BoringModel, BoringDataModule, Callback])
def test_an_ordinary_method_is_no_dead_hook(base, name):
    assert found(*as_objects(with_methods(base, name)())) == []


class CallsItself(BoringModel):
    def on_train_epoch_end(self):
        """Share the work with the end of the validation."""
        self.on_epoch_end()

    def on_epoch_end(self):
        """Do what both ends do."""

    def on_train_epoch_ends(self):
        """Be passed on as a function."""

    def configure_callbacks(self):
        """Hand a method on."""
        self.later = self.on_train_epoch_ends
        return []


def test_a_method_that_the_class_calls_itself_is_no_dead_hook():
    assert found(CallsItself()) == []


def test_a_mixin_and_a_repeated_callback_are_reported_once():
    mixin = with_methods(object, "on_epoch_end")
    model = type("Mixed", (mixin, BoringModel), {})()
    callback = with_methods(Callback, "on_epoch_end")
    assert found(model, None, quiet(callbacks=[callback(), callback()])) == ["dead hook", "dead hook"]


# --- hyperparameters ----------------------------------------------------------------------------------------------


class Forgotten(BoringModel):
    def __init__(self, width, depth=2):
        super().__init__()


class Saved(BoringModel):
    def __init__(self, width, depth=2):
        super().__init__()
        self.save_hyperparameters()


class WithoutSuper(BoringModel):
    def __init__(self, width=1):
        BoringModel.__init__(self)
        self.save_hyperparameters()


class SavesNothing(BoringModel):
    def __init__(self, width=1):
        super().__init__()
        self.save_hyperparameters(None)


class LeftOut(BoringModel):
    def __init__(self, backbone=None):
        super().__init__()
        self.save_hyperparameters(ignore=["backbone"])


class Variadic(BoringModel):
    def __init__(self, *args, **kwargs):
        super().__init__()


def test_empty_hparams_are_found():
    finding = the("empty hparams", Forgotten(1))
    assert finding.what == "Forgotten takes width, depth, and its hparams are empty."
    assert finding.where.endswith(line_of("def __init__(self, width, depth=2)"))
    assert "Call self.save_hyperparameters()" in finding.fix


@pytest.mark.parametrize("cls", [WithoutSuper, SavesNothing])
def test_empty_hparams_are_found_though_save_hyperparameters_is_called(cls):
    assert "super().__init__()" in the("empty hparams", cls()).fix


def test_empty_hparams_do_lose_the_arguments(tmp_path):
    model, trainer = WithoutSuper(7), quiet(max_epochs=0)
    trainer.fit(model)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert "hyper_parameters" not in torch.load(tmp_path / "a.ckpt", weights_only=True)


def test_hparams_that_are_saved_or_left_out_on_purpose_are_not_found():
    for model in (Saved(1), LeftOut(), Variadic(1, a=2), BoringModel()):
        assert found(model) == []
        assert "_hparams" not in vars(BoringModel())


class Keeps(BoringModel):
    def __init__(self, value):
        super().__init__()
        self.save_hyperparameters()


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Config:
    width: int = 1


REFUSED = {
    "Path": (pathlib.PurePosixPath("a"), "str(value)"),
    "NumPy number": (np.float64(0.5), "value.item()"),
    "array": (np.zeros(2), "value.tolist()"),
    "Namespace": (argparse.Namespace(width=1), "vars(value)"),
    "Enum": (Color.RED, "value.value"),
    "dataclass": (Config(), "dataclasses.asdict(value)"),
    "module": (torch.nn.Linear(1, 1), "ignore=['value']"),
    "class": (Config, "ignore=['value']"),
    "function": (line_of, "ignore=['value']"),
    "nested": ({"a": [pathlib.PurePosixPath("a")]}, "ignore=['value']"),
}
ACCEPTED = [
    None,
    True,
    1,
    0.5,
    "a",
    b"a",
    1j,
    [1, {"a": (2,)}],
    {1, 2},
    torch.ones(2),
    torch.float32,
    torch.device("cpu"),
]


@pytest.mark.filterwarnings("ignore:Attribute 'value' is an instance of `nn.Module`:UserWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_an_hparam_that_will_not_load_back_is_found(kind, tmp_path):
    value, fix = REFUSED[kind]
    model = Keeps(value)
    finding = the("hparam that will not load back", model)
    assert "weights_only" in finding.what
    assert fix in finding.fix
    assert reloaded(model, tmp_path) == "UnpicklingError"


@pytest.mark.parametrize("value", ACCEPTED, ids=str)
def test_an_hparam_that_loads_back_is_not_found(value, tmp_path):
    assert found(Keeps(value)) == []
    assert reloaded(Keeps(value), tmp_path) == "Keeps"


def reloaded(model: LightningModule, folder: pathlib.Path) -> str:
    """Save and load as a run does; return the class of what comes back, or of the error."""
    trainer = quiet(max_epochs=0)
    trainer.fit(model)
    trainer.save_checkpoint(folder / "a.ckpt")
    try:
        return type(type(model).load_from_checkpoint(folder / "a.ckpt")).__name__
    except Exception as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore:attribute 'value' removed from hparams:UserWarning")
def test_an_hparam_that_cannot_be_pickled_is_found(tmp_path):
    model = Keeps(lambda: 0)
    assert "cannot be pickled" in the("hparam that will not load back", model).what
    assert reloaded(model, tmp_path) == "TypeError", "it was left out, and __init__ asks for it"


def test_hparams_of_the_datamodule_are_looked_at_too():
    class Data(BoringDataModule):
        def __init__(self, folder):
            super().__init__()
            self.save_hyperparameters()

    assert found(BoringModel(), Data(pathlib.PurePosixPath("a"))) == ["hparam that will not load back"]
    assert found(BoringModel(), Data("a")) == []


# --- monitors -----------------------------------------------------------------------------------------------------


class Logging(BoringModel):
    """Logs `val_loss`, as the subclasses do in their own ways."""

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.step(batch))


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
    for monitor, rules in (("val_loss", []), ("val_loss_epoch", []), ("accuracy", ["monitor that nothing logs"])):
        callbacks = [EarlyStopping(monitor), ModelCheckpoint(monitor=monitor)]
        trainer = quiet(callbacks=callbacks, enable_checkpointing=True)
        assert found(cls(), None, trainer) == rules * 2


def test_lightning_stops_at_a_monitor_that_nothing_logs_after_an_epoch():
    trainer = quiet(callbacks=[EarlyStopping("accuracy")])
    with pytest.raises(RuntimeError, match="`accuracy` which is not available"):
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
        for name in ("accuracy",):
            self.log(name, 1.0)


class LogsUnknownDict(Logging):
    def on_train_epoch_end(self):
        self.log_dict(dict(accuracy=1.0))  # noqa: C408


class LogsElsewhere(Logging):
    def on_train_epoch_end(self):
        log_for(self, "accuracy", 1.0)


class HandsLogOn(Logging):
    def on_train_epoch_end(self):
        log = self.log
        log("accuracy", 1.0)


class HandsItselfOn(Logging):
    def on_train_epoch_end(self):
        module = self
        module.log("accuracy", 1.0)


class WritesMetrics(Logging):
    def on_train_epoch_end(self):
        self.trainer.callback_metrics["accuracy"] = torch.tensor(1.0)


class UpdatesMetrics(Logging):
    def on_train_epoch_end(self):
        self.trainer.callback_metrics.update(accuracy=torch.tensor(1.0))


@pytest.mark.parametrize(
    "cls",
    [LogsVariable, LogsUnknownDict, LogsElsewhere, HandsLogOn, HandsItselfOn, WritesMetrics, UpdatesMetrics],
)
def test_where_names_are_not_to_be_known_the_rule_is_silent(cls):
    trainer = quiet(callbacks=[EarlyStopping("accuracy")])
    assert found(cls(), None, trainer) == []
    trainer.fit(cls())  # and rightly so: the metric is there


def test_without_source_the_rule_is_silent():
    namespace = {"BoringModel": BoringModel, "__name__": "prompt"}
    exec("class Typed(BoringModel):\n    def on_fit_start(self): self.log('x', 1.0)", namespace)  # noqa: S102
    assert found(namespace["Typed"](), None, quiet(callbacks=[EarlyStopping("accuracy")])) == []


class LogsToo(Callback):
    def on_validation_epoch_end(self, trainer, module):
        module.log("accuracy", 1.0)


class LogsItself(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        self.log("accuracy", 1.0)


class LogsThroughTrainer(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        trainer.lightning_module.log("accuracy", 1.0)


@pytest.mark.parametrize("callback", [LogsToo, LogsItself, LogsThroughTrainer])
def test_callbacks_log_too(callback):
    trainer = quiet(callbacks=[EarlyStopping("accuracy"), callback()])
    assert found(Logging(), None, trainer) == []
    trainer.fit(Logging())
    assert found(Logging(), None, quiet(callbacks=[EarlyStopping("acc"), callback()])) == ["monitor that nothing logs"]


class LooksLikeLogging(Logging):
    def on_train_epoch_end(self):
        self.table.log("accuracy", torch.log(torch.ones(1)), np.log(1.0))


def test_other_things_called_log_do_not_count():
    trainer = quiet(callbacks=[EarlyStopping("accuracy")])
    assert found(LooksLikeLogging(), None, trainer) == ["monitor that nothing logs"]


def test_what_lightning_logs_by_itself_can_be_monitored():
    checkpoint = quiet(callbacks=[ModelCheckpoint(monitor="step")], enable_checkpointing=True)
    rates = quiet(
        callbacks=[EarlyStopping("lr-SGD"), LearningRateMonitor()], logger=CSVLogger("logs"), log_every_n_steps=1
    )
    assert found(Logging(), None, checkpoint) == []
    assert found(Logging(), None, rates) == []


# --- log_every_n_steps --------------------------------------------------------------------------------------------


class LogsSteps(BoringModel):
    def training_step(self, batch, batch_idx):
        loss = self.step(batch)
        self.log("train_loss", loss)
        return loss


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
    assert the(SPARSE, LogsSteps(), Seeded(), quiet(**EIGHT)).where.endswith(f"test_diagnose.py:{line}")


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


# --- callbacks that already ran -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping("val_loss"),
        lambda: ModelCheckpoint(dirpath="out"),
        lambda: Timer(duration={"hours": 1}),
    ],
    ids=["EarlyStopping", "ModelCheckpoint", "Timer"],
)
@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_callback_that_already_ran_is_found(make):
    callback = make()
    first = quiet(callbacks=[callback], enable_checkpointing=True)
    assert found(Logging(), None, first) == []
    first.fit(Logging())
    assert found(Logging(), None, first) == [], "a Trainer may go on with its own callbacks"
    name = type(callback).__name__
    finding = the("callback that already ran", Logging(), None, quiet(callbacks=[callback], enable_checkpointing=True))
    assert finding.what == f"This {name} has been in a run before."
    assert finding.where == "trainer.callbacks[0]"
    assert finding.fix == f"Make a new {name} for each run."


def test_a_list_of_callbacks_given_twice_shares_the_checkpoint_that_the_first_trainer_put_in():
    callbacks = [LogsToo()]
    quiet(callbacks=callbacks, enable_checkpointing=True, default_root_dir="out").fit(Logging())
    assert found(Logging(), None, quiet(callbacks=callbacks, enable_checkpointing=True)) == [
        "callback that already ran"
    ]


class Worse(Logging):
    """Its loss gets no better."""

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", 1.0)


def test_an_early_stopping_that_already_ran_stops_early():
    early = EarlyStopping("val_loss", patience=3)
    first, second = (quiet(callbacks=[early], max_epochs=20) for _ in range(2))
    first.fit(Worse())
    second.fit(Worse())
    assert (first.current_epoch, second.current_epoch) == (4, 1)


class Slow(Logging):
    def on_train_batch_start(self, batch, batch_idx):
        time.sleep(0.02)


def test_a_timer_that_already_ran_never_stops_or_stops_at_once():
    limit = {"milliseconds": 150}
    unspent, spent = Timer(duration=limit), Timer(duration=limit)
    steps = []
    for timer, epochs in ((unspent, 1), (unspent, 20), (spent, 20), (spent, 20)):
        trainer = quiet(callbacks=[timer], max_epochs=epochs)
        trainer.fit(Slow())
        steps.append(trainer.global_step)
    assert steps[:2] == [2, 40], "the time left over from the first run no longer ends the second"
    assert 2 < steps[2] < 20
    assert steps[3] == 0


# --- splits -------------------------------------------------------------------------------------------------------

ROWS = torch.arange(320.0).reshape(10, 32)


class Splits(LightningDataModule):
    """Splits ten samples anew at every setup, with the global generator."""

    def __init__(self, rows=ROWS):
        super().__init__()
        self.rows = rows

    def setup(self, stage):
        self.parts = random_split(Rows(self.rows), [0.6, 0.2, 0.2])

    def train_dataloader(self):
        return DataLoader(self.parts[0])

    def val_dataloader(self):
        return DataLoader(self.parts[1])

    def test_dataloader(self):
        return DataLoader(self.parts[2])


class Seeded(Splits):
    def setup(self, stage):
        self.parts = random_split(TensorDataset(self.rows), [0.6, 0.2, 0.2], torch.Generator().manual_seed(0))


class Once(Splits):
    def setup(self, stage):
        if not hasattr(self, "parts"):
            super().setup(stage)


class AtFirst(Splits):
    def __init__(self):
        super().__init__()
        super().setup(None)

    def setup(self, stage):
        """Have nothing left to do."""


class ByStage(Splits):
    """The test part comes from elsewhere; fit shuffles what is left, which is its own business."""

    def setup(self, stage):
        if stage == "fit":
            self.parts = random_split(TensorDataset(self.rows), [8, 2])
        if stage == "test":
            self.parts = [None, None, TensorDataset(self.rows + 1000)]


class Numpy(Splits):
    def setup(self, stage):
        order = np.random.permutation(10)
        self.parts = [Subset(Table(), order[:6]), Subset(Table(), order[6:8]), Subset(Table(), order[8:])]


class Shuffled(Splits):
    def setup(self, stage):
        rows = self.rows.tolist()
        random.shuffle(rows)
        self.parts = [Rows(rows[:6]), Rows(rows[6:8]), Rows(rows[8:])]


class Sampled(Splits):
    def setup(self, stage):
        self.order = torch.randperm(10)

    def _part(self, start, end):
        return DataLoader(TensorDataset(self.rows), sampler=SubsetRandomSampler(self.order[start:end]))

    def train_dataloader(self):
        return self._part(0, 6)

    def val_dataloader(self):
        return [self._part(6, 8)]

    def test_dataloader(self):
        return self._part(8, 10)


class Frame(Splits):
    def setup(self, stage):
        frame = pd.DataFrame(self.rows.numpy()).sample(frac=1)
        self.parts = [Rows(frame[:6]), Rows(frame[6:8]), Rows(frame[8:])]


class Rows(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class Table(Dataset):
    """A dataset that shows nothing of what it holds."""

    def __len__(self):
        return 10


class Files(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)


class Paths(Splits):
    def setup(self, stage):
        order = torch.randperm(10).tolist()
        samples = [(f"{i}.png", i % 2) for i in order]
        self.parts = [Files(samples[:6]), Files(samples[6:8]), Files(samples[8:])]


@pytest.mark.parametrize("cls", [Splits, Numpy, Shuffled, Sampled, Frame, Paths])
def test_a_split_that_depends_on_the_stages_is_found(cls):
    findings = diagnose(BoringModel(), cls())
    assert {finding.rule for finding in findings} == {"split that depends on the stages"}
    assert f"part of {cls.__name__} is another after setup('fit')" in findings[0].what


def test_such_a_split_leaks():
    data = Splits(torch.arange(3200.0).reshape(100, 32))
    test, val = diagnose(BoringModel(), data)
    for finding, part in ((test, "test"), (val, "val")):
        assert re.search(rf"The {part} part .* [1-9]\d* of its 20 samples are among those", finding.what)
    data.setup("fit")
    train = set(data.parts[0].indices)
    data.setup("test")
    assert train & set(data.parts[2].indices)


def test_the_finding_points_at_setup():
    finding = diagnose(BoringModel(), Splits())[0]
    assert finding.where.endswith(line_of("def setup(self, stage):"))


@pytest.mark.parametrize("cls", [Seeded, Once, AtFirst, ByStage])
def test_a_split_that_stays_is_not_found(cls):
    assert found(BoringModel(), cls()) == []


class Fails(Splits):
    def setup(self, stage):
        raise FileNotFoundError("not downloaded yet")


class Uncopyable(Splits):
    def __deepcopy__(self, memo):
        raise TypeError("cannot pickle '_io.TextIOWrapper' object")


class Unsized(Splits):
    def test_dataloader(self):
        return "no loader"

    def val_dataloader(self):
        return DataLoader(Rows(iter([])))


class WithoutStage(LightningDataModule):
    """Has loaders and nothing to set up."""


@pytest.mark.parametrize("cls", [Fails, Uncopyable, Unsized, WithoutStage])
def test_what_cannot_be_tried_is_not_found(cls):
    assert found(BoringModel(), cls(), quiet(logger=CSVLogger("logs"))) == []


# --- no trace -----------------------------------------------------------------------------------------------------


class Noisy(Splits):
    """Prints, warns, and would leave its mark everywhere if it were not a copy."""

    def setup(self, stage):
        print("reading")
        self.calls = [*getattr(self, "calls", []), stage]
        super().setup(stage)

    def prepare_data(self):
        raise AssertionError("diagnose must not download")


def states() -> tuple:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_diagnose_leaves_everything_as_it_was(capsys, tmp_path):
    model, data, trainer = LogsSteps(), Noisy(), quiet(logger=CSVLogger("logs"), callbacks=[EarlyStopping("x")])
    before, environment, generators = [copy.copy(vars(x)) for x in (model, data)], dict(os.environ), states()
    assert diagnose(model, data, trainer)
    assert [vars(x) for x in (model, data)] == before
    assert (dict(os.environ), states()) == (environment, generators)
    assert "reading" not in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_recorder_on_the_objects_sees_nothing():
    model, data = LogsSteps(), Noisy()
    recorder = HookRecorder(model, data)
    recorder.calls.clear()
    diagnose(model, data, quiet(callbacks=[recorder]))
    assert recorder.calls == []
    assert not hasattr(data, "calls")


def test_after_a_run_the_datamodule_still_can_be_copied():
    data, trainer = Splits(), quiet()
    trainer.fit(Logging(), data)
    assert data.trainer is trainer
    assert "split that depends on the stages" in found(Logging(), data)
    assert data.trainer is trainer


# --- how it shows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ((BoringModel,), "a LightningModule as its model, not the class BoringModel: give an instance"),
        ((None,), "a LightningModule as its model, not NoneType"),
        ((BoringModel(), DataLoader([1])), "a LightningDataModule as its datamodule, not DataLoader"),
        ((BoringModel(), None, BoringModel()), "a Trainer as its trainer, not BoringModel"),
    ],
)
def test_wrong_arguments_are_refused(objects, words):
    with pytest.raises(InputError, match=re.escape(words)):
        diagnose(*objects)


def test_findings_read_well():
    findings = diagnose(Misspelled())
    lines = repr(findings).splitlines()
    assert lines[0] == "Misspelled.on_train_epoch_ends will never be called."
    assert [line.split()[0] for line in lines[1:]] == ["where", "why", "fix"]
    assert repr(diagnose(Spelled())) == "Nothing found."
    assert diagnose(Spelled())._repr_html_() == "<p>Nothing found.</p>"


def test_findings_are_a_table_in_a_notebook():
    text = Findings([Finding("rule", "a < b", "here:1", "why", "fix")])._repr_html_()
    assert text.count("<tr>") == 2
    cells = re.findall("<td[^>]*>(.*?)</td>", text)
    assert cells == ["a &lt; b", "here:1", "why", "fix"]
