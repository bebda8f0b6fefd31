"""Hyperparameters come back from the event files."""

from pathlib import Path

import pytest
from pytorch_lightning.loggers import TensorBoardLogger

from mldrl_lite.messages import InputError
from mldrl_lite.studies.hparams import read_hparams


def test_hyperparameters_are_read_back(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="a", default_hp_metric=False)
    logger.log_hyperparams({"lr": 0.5, "name": "wide", "deep": True}, {"cv/auroc": 0.25})
    logger.finalize("success")
    assert read_hparams(tmp_path / "a") == {"lr": 0.5, "name": "wide", "deep": True, "cv/auroc": 0.25}
    other = TensorBoardLogger(tmp_path, name="", version="b")
    other.log_metrics({"loss": 1.0}, step=0)
    other.finalize("success")
    with pytest.raises(InputError, match="holds no hyperparameters: log them with"):
        read_hparams(tmp_path / "b")
