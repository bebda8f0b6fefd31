"""What a page opens with: calm messages, one thread, one folder, source on show."""

import html
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mldrl_lite import notebook
from mldrl_lite.metrics import evaluate

SCRIPT = """
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


@pytest.mark.parametrize(("variable", "threads"), [(None, "1"), ("2", "2")])
def test_a_page_opens_calmly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, threads: str):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    run = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.stdout.splitlines() == ["a message that stays", f"threads {threads}"]
    assert run.stderr == ""


def test_a_page_draws_plain_bars_where_rich_is_installed(tmp_path: Path):
    code = """
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.imports import _RICH_AVAILABLE
bool(_RICH_AVAILABLE)  # as Lightning itself asks
_RICH_AVAILABLE.available = True
from mldrl_lite.notebook import open_page
open_page(".")
print(sorted({type(each).__name__ for each in Trainer(logger=False, accelerator="cpu").callbacks}))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "'ModelSummary', 'TQDMProgressBar'" in run.stdout, run.stderr


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
