"""`diagnose` as a whole: silent on good code, no trace, how it shows. Lightning is the witness of each rule."""

import copy
import os
import random
import re

import numpy as np
import pytest
import torch
from diagnosing import Logging, LogsSteps, Misspelled, Spelled, Splits, found, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.loggers import CSVLogger

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.messages import InputError
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.trainer import HookRecorder
from mldrl_lite.trainer.diagnosis import Finding, Findings, diagnose


@pytest.mark.parametrize(
    "arguments",
    [
        {"logger": False},
        {"logger": True, "log_every_n_steps": 1},
        {
            "logger": False,
            "enable_checkpointing": True,
            "callbacks": [EarlyStopping("ptl/val_loss"), ModelCheckpoint(monitor="ptl/val_accuracy", mode="max")],
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


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ((BoringModel,), "a LightningModule as its model, not the class BoringModel: give an instance"),
        ((None,), "a LightningModule as its model, not NoneType"),
        ((BoringModel(), [1]), "a LightningDataModule, a DataLoader or several as its datamodule, not list"),
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
