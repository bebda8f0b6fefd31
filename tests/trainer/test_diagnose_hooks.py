"""`diagnose`: hooks that nobody calls."""

import pathlib
import sys
from itertools import chain
from types import SimpleNamespace

import pytest
from diagnosing import Misspelled, Spelled, as_objects, found, line_of, own_folder, pytestmark, quiet, the, with_methods  # noqa: F401
from pytorch_lightning import Callback, LightningDataModule, LightningModule
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel

from mldrl_lite.trainer.diagnosis import diagnose
from mldrl_lite.trainer.rules.hooks import OTHER_NAMES, REMOVED_HOOKS

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
    with pytest.raises(NotImplementedError, match=name):
        (trainer.test if "test" in name else trainer.fit)(model)


@pytest.mark.parametrize("name", REMOVED_HOOKS)
def test_a_hook_of_1x_is_found(name):
    finding = the("dead hook", with_methods(BoringModel, name)())
    assert f"Own.{name} " in finding.what
    assert all(today in finding.fix for today in REMOVED_HOOKS[name])


@pytest.mark.parametrize("old", ["training_step_end", "training_end"])
def test_a_loss_is_made_where_lightning_still_reads_it(old):
    class Model(BoringModel):
        def training_step(self, batch, batch_idx):
            return 0 * self.step(batch)  # no gradient: it learns only from what takes this place

    [today] = REMOVED_HOOKS[old]
    setattr(Model, today, lambda self, *given: self.step(next(one for one in given if getattr(one, "ndim", 0) == 2)))
    model = Model()
    before = model.layer.weight.detach().clone()
    quiet().fit(model)
    assert not before.equal(model.layer.weight)


@pytest.mark.parametrize("old", ["training_step_end", "validation_step_end", "test_step_end", "training_end"])
def test_what_a_step_end_returned_is_returned_by_the_step(old):
    fix = the("dead hook", with_methods(BoringModel, old)()).fix
    assert (
        fix == f"It is a hook of 1.x: do this at the end of {REMOVED_HOOKS[old][0]}, and return there what it returned."
    )


@pytest.mark.parametrize("today", sorted({*chain(*REMOVED_HOOKS.values()), *OTHER_NAMES.values()}))
def test_what_replaces_a_hook_is_a_hook(today):
    assert hasattr(LightningModule, today) or hasattr(Callback, today)


def test_a_misspelled_hook_is_found():
    finding = the("dead hook", Misspelled())
    assert finding.what == "Misspelled.on_train_epoch_ends will never be called."
    assert finding.where.endswith(line_of("def on_train_epoch_ends"))
    assert finding.fix == "Call it on_train_epoch_end, if that is what you mean."
    assert found(Spelled()) == []


def test_a_finding_in_a_notebook_names_the_cell(monkeypatch):
    def cell(name):
        return ("Cell", "In[3]") if name.endswith("diagnosing.py") else None

    compiler = SimpleNamespace(format_code_name=cell)
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
