"""Figures show what they are given."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from mldrl_lite import figures
from mldrl_lite.messages import InputError
from mldrl_lite.model import MMDynamic
from mldrl_lite.studies import pictures
from mldrl_lite.studies.timeline import hook_timeline
from mldrl_lite.teach.model_picture import draw_model


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    with SummaryWriter(tmp_path / "log") as writer:
        for step in range(5):
            writer.add_scalar("ptl/val_loss", 1 / (step + 1), 10 * step)
    return tmp_path / "log"


def test_scalars_are_read_from_event_files(log_dir: Path):
    scalars = figures.read_scalars(log_dir)
    assert scalars["tag"].unique().tolist() == ["ptl/val_loss"]
    assert scalars["step"].tolist() == [0, 10, 20, 30, 40]
    assert scalars["value"].tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_learning_curves_draw_and_name_every_run(log_dir: Path):
    axes = figures.learning_curves({"one": log_dir, "two": log_dir})
    assert [line.get_ydata()[-1] for line in axes.lines] == pytest.approx([0.2, 0.2])
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    assert axes.get_xlabel() == "optimizer step"


def test_learning_curves_say_what_is_missing(log_dir: Path, tmp_path: Path):
    with pytest.raises(InputError, match="No TensorBoard event file in"):
        figures.learning_curves({"none": tmp_path / "nowhere"})
    with pytest.raises(InputError, match="has no 'val_loss'.*did you mean 'ptl/val_loss'.*it logged ptl/val_loss"):
        figures.learning_curves({"one": log_dir}, tag="val_loss")


def test_confidence_by_view_draws_every_sample_and_the_means():
    confidence = np.array([[0.1, 0.9], [0.3, 0.5], [0.2, 0.1]])
    corrupted = np.array([[True, False], [False, False], [False, True]])
    [axes] = pictures.confidence_by_view(confidence, ("a", "b"), corrupted).axes
    drawn = np.concatenate(
        [
            points.get_offsets()[:, 1]
            for points in axes.collections
            if hasattr(points, "get_sizes") and len(points.get_sizes())
        ]
    )
    assert sorted(drawn) == sorted(confidence.ravel())
    assert [text.get_text() for text in axes.texts] == ["clean", "corrupted"]
    [plain] = pictures.confidence_by_view(confidence, ("a", "b")).axes
    assert not plain.texts


def test_hook_timeline_has_a_row_per_hook_and_a_dot_per_call():
    calls = pd.DataFrame(
        {
            "owner": ["datamodule", "callback", "module", "module"],
            "hook": ["setup", "on_fit_start", "training_step", "training_step"],
            "stage": ["setup", "train", "train", "train"],
            "epoch": [0, 0, 0, 0],
            "depth": [0, 0, 0, 0],
        }
    )
    axes = hook_timeline(calls).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["setup", "on_fit_start", "training_step"]
    drawn = np.concatenate([np.asarray(points.get_offsets()) for points in axes.collections if len(points.get_sizes())])
    assert {round(x) for x, _ in drawn} >= set(calls.index)


def test_colours_of_the_style_can_be_told_apart():
    values = list(figures.COLOURS.values())
    assert len(set(values)) == len(values)
    figures.use_style()
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == values


def test_the_picture_of_the_model_shows_the_shapes_that_it_computes():
    model = MMDynamic([4, 7], 3, False, {"lr": 1e-3, "reg": 0.0, "hidden_dim": 5})
    output = model([torch.rand(8, 4), torch.rand(8, 7)])
    [axes] = draw_model(model, 8).axes
    shown = "\n".join(text.get_text() for text in axes.texts)
    for tensor in (output.logit, output.view_logits[0], output.confidences[0]):
        assert str(tuple(tensor.shape)) in shown
    assert f"(8, {model.MMClasifier[0].clf[0].in_features})" in shown  # the encodings, side by side
    assert "4, 7" in shown
