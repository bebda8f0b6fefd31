"""What a page opens with: calm messages, one thread, one folder, source on show."""

import html
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from mldrl_lite import notebook
from mldrl_lite.metrics import evaluate

OPENED = """
import sys, torch
from pytorch_lightning import Trainer
from mldrl_lite.notebook import open_page
out = open_page("made/here")
assert out.is_dir()
Trainer(logger=False, accelerator="cpu", max_epochs=1)
import logging
logging.getLogger("pytorch_lightning.callbacks").info("a message that stays")
print("threads", torch.get_num_threads())
"""
PLAIN_BARS = """
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.imports import _RICH_AVAILABLE
bool(_RICH_AVAILABLE)  # as Lightning itself asks
_RICH_AVAILABLE.available = True
from mldrl_lite.notebook import open_page
open_page(".")
print(sorted({type(each).__name__ for each in Trainer(logger=False, accelerator="cpu").callbacks}))
"""


def test_a_page_opens_calmly_in_one_thread_unless_told_and_with_plain_bars_where_rich_is_installed(tmp_path: Path):
    codes = ["import os; del os.environ['OMP_NUM_THREADS']" + OPENED, OPENED, PLAIN_BARS]
    folders = [tmp_path / str(number) for number in range(len(codes))]
    for folder in folders:
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "forked.py"],
        input=json.dumps(list(zip(map(str, folders), codes, strict=True))),
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    [alone, told, bars] = [words for _, words in json.loads(done.stdout)]
    assert alone == "a message that stays\nthreads 1\n"
    assert told == "a message that stays\nthreads 2\n"
    assert "'ModelSummary', 'TQDMProgressBar'" in bars, bars


def test_source_is_shown_as_it_stands(monkeypatch: pytest.MonkeyPatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    notebook.show_source(evaluate)
    [data] = shown
    assert data["text/plain"].startswith("def evaluate(labels: ArrayLike")
    assert "evaluate" in data["text/html"]
    page = data["text/html"]
    shown_text = re.sub("<[^>]*>", "", page.replace("</div>", "\n").replace("<br>", ""))
    assert html.unescape(shown_text).splitlines() == data["text/plain"].splitlines()
    assert "white-space: pre-wrap" in page, "a page that is narrower than the code would cut it"


def test_the_noise_is_left_out_and_the_rest_is_not(capsys: pytest.CaptureFixture[str]):
    logger = logging.getLogger("pytorch_lightning")
    handlers, level = logger.handlers, logger.level
    try:
        notebook.calm_lightning()
        logger.info("GPU available: False, used: False")
        logger.info("`Trainer.fit` stopped")
    finally:
        logger.handlers, logger.level = handlers, level
    assert capsys.readouterr().out == "`Trainer.fit` stopped\n"


def test_lightning_stays_calm_when_the_page_imports_it_afterwards(tmp_path: Path):
    code = """
from mldrl_lite.notebook import open_page
open_page("out")
from pytorch_lightning import Trainer
Trainer(accelerator="cpu", logger=False)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "available" not in done.stdout + done.stderr
