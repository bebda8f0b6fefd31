"""The 2023 chapter runs from top to bottom on today's Lightning, and prints what it printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import MMDynamic

LISTINGS = Path(__file__).with_name("seed_listings.py")
CHAPTER = Path(__file__).parents[2] / "shared" / "seed" / "000_b05158daae389a7c.txt"

TABLE = """\
0 | FeatureInforEncoder | ModuleList       | 270 K
1 | TCPConfidenceLayer  | ModuleList       | 153
2 | TCPClassifierLayer  | ModuleList       | 306
3 | FeatureEncoder      | ModuleList       | 45.1 K
4 | MMClasifier         | Sequential       | 302
5 | criterion           | CrossEntropyLoss | 0
316 K     Trainable params
0         Non-trainable params
316 K     Total params
1.267     Total estimated model params size (MB)
""".splitlines()

PRINTED = [
    "Training is starting",
    "Training is ending",
    "{'test_metric_1': ",
    "{'in_dim': [300, 300, 300], 'num_class': 2, 'binary': True, "
    "'config': {'lr': 1e-05, 'reg': 1e-05, 'hidden_dim': 50}}",
    "lr: 1e-05, reg: 1e-05",
]


@pytest.fixture
def earlier_run(tmp_path: Path) -> Path:
    """The chapter loads a checkpoint of an earlier run of ten epochs, version 3 of its log."""
    datamodule = TCPDataModule()
    model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-5, "reg": 1e-5, "hidden_dim": 50})
    logger = TensorBoardLogger(tmp_path / "Logs", name="exp", version=3)
    Trainer(logger=logger, accelerator="cpu", max_epochs=10, log_every_n_steps=1, enable_progress_bar=False).fit(
        model, datamodule
    )
    return tmp_path


def test_the_listings_run_and_print_what_the_chapter_prints(earlier_run: Path):
    run = subprocess.run([sys.executable, LISTINGS], cwd=earlier_run, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    everything = run.stdout + run.stderr
    rows = iter(everything.splitlines())
    for row in TABLE:
        assert any(line.startswith(row) for line in rows), f"missing or out of order: {row}"
    printed = iter(run.stdout.splitlines())
    for text in PRINTED:  # the progress bar may stand before it on its line
        assert any(text in line for line in printed), f"missing or out of order: {text}"
    assert "`Trainer.fit` stopped: `max_epochs=30` reached." in everything
    assert (earlier_run / "Logs" / "exp" / "version_4" / "checkpoints" / "epoch=29-step=300.ckpt").is_file()


def test_only_imports_device_and_data_differ_from_the_chapter():
    if not CHAPTER.is_file():
        pytest.skip("the chapter is not here: it lies in ../shared/seed")
    chapter = "\n".join(re.findall(r"```python\n(.*?)```", CHAPTER.read_text(encoding="utf-8"), re.S))
    theirs, mine = (
        [line for line in text.splitlines() if line.strip() and not line.startswith(("import ", "from ", "# listing"))]
        for text in (chapter, LISTINGS.read_text(encoding="utf-8").split('"""', 2)[2])
    )
    changed = [(old, new) for old, new in zip(theirs, mine, strict=True) if old != new]
    assert [new.strip() for _, new in changed] == [
        "dataloader = TCP_DataModule(data_type='SIMULATED', cv=0, batch_size=32, num_workers=10)",
        "accelerator='cpu',",
        "devices=1,",
        "def __init__(self, loss_fx, generator_network, layer_1_dim=128, **kwargs):",
    ]
