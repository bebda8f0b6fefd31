"""`mldrl_lite.trainer.migrate`: what becomes of the names, calls and classes of a file of 1.x."""

import ast
import importlib
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upgrade_rows import ALL_ROWS, OUTSIDE, examples

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.migrate.engine import Migration, migrate_source
from mldrl_lite.trainer.migrate.gone import GONE
from mldrl_lite.trainer.migrate.moved import METRICS, MOVED, TASK_METRICS
from mldrl_lite.trainer.names import ACCELERATORS, STRATEGIES

PL = "import pytorch_lightning as pl\n"


def migrate(source: str) -> Migration:
    """Migrate, and check what holds of any migration: it parses, and a second one has nothing left to do."""
    source = textwrap.dedent(source).lstrip("\n")
    new = migrate_source(source)
    ast.parse(new.source)
    assert migrate_source(new.source).source == new.source
    return new


def body(source: str) -> str:
    """Return the migrated text behind its imports."""
    lines = migrate(PL + textwrap.dedent(source).lstrip("\n")).source.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("import ", "from ")))


def decisions(source: str) -> list[str]:
    return [finding.text for finding in migrate(source).findings if finding.kind == "decide"]


# --- the tables ---------------------------------------------------------------------------------------------------


def test_every_row_of_the_upgrade_guides_is_rewritten_or_reported():
    reached = {row for code in examples() for finding in migrate(code).findings for row in finding.rows}
    known = set(ALL_ROWS)
    print(f"{len(reached)} of {len(known)} rows, and {len(OUTSIDE)} that no script holds")
    assert not reached - known
    assert known - reached == set(OUTSIDE)


STUBS = ("accelerators", "plugins", "logging")
"""Where today's Lightning has old names that only say that they are gone, or Python's own module."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("old", [*MOVED, *GONE])
def test_a_name_of_the_tables_is_not_one_of_today(old):
    if old.removeprefix("pytorch_lightning.").startswith(STUBS):
        return
    module, _, name = old.rpartition(".")
    with pytest.raises((ImportError, AttributeError)):
        importlib.import_module(old)
    with pytest.raises((ImportError, AttributeError)):
        getattr(importlib.import_module(module), name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("old", MOVED)
def test_a_name_that_has_moved_is_where_the_table_says(old):
    today = MOVED[old].today
    if importlib.util.find_spec(today.split(".")[0]) is None:
        pytest.fail(f"{today} is of a package that Lightning does not bring")
    try:
        importlib.import_module(today)
    except ImportError:
        module, _, name = today.rpartition(".")
        while name:
            try:
                found = importlib.import_module(module)
                break
            except ImportError:
                module, _, rest = module.rpartition(".")
                name = f"{rest}.{name}"
        for part in name.split("."):
            found = getattr(found, part)


def test_the_strategies_and_accelerators_of_today_are_those_of_the_installed_lightning():
    from pytorch_lightning.accelerators import AcceleratorRegistry
    from pytorch_lightning.strategies import StrategyRegistry

    assert set(STRATEGIES) == set(StrategyRegistry.available_strategies())
    assert set(ACCELERATORS) == {"auto", "gpu", *AcceleratorRegistry.available_accelerators()}


def test_metrics_have_the_names_that_the_tables_give_them():
    import torchmetrics

    for name in [*TASK_METRICS, *METRICS.values()]:
        assert getattr(torchmetrics, name.split(".")[0])


# --- layout -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "import torch\n\ntrainer = Trainer(gpus=1)  # of another library\n",
        "from transformers import Trainer\nimport pytorch_lightning\nTrainer(gpus=1)\n",
        "import lightning as L\ntrainer = L.Trainer(accelerator='gpu',devices = 2 , precision='16-mixed')\n",
        "# lightning strikes\nmodel.training_epoch_end(1)\n",
        f"{PL}t = pl.Trainer(logger=None, max_epochs=3)\nt.fit(m, train_dataloaders=a)\nt.test(ckpt_path='best')\n",
        f"{PL}class A(pl.LightningModule):\n  def a(self): self.manual_backward(loss / 2, retain_graph=True)\n",
        f"{PL}class A(pl.LightningModule):\n  def on_train_epoch_end(self): self.log('a',1)\n",
        f"{PL}class A(pl.strategies.DDPStrategy):\n  def setup_environment(self): super().setup_environment()\n",
        f"{PL}pl.Trainer().strategy.setup_environment()\n",
        "from pytorch_lightning.utilities.grads import grad_norm\n",
        f"{PL}import torchmetrics as tm\ntm.Accuracy('binary')\ntm.Recall(**how)\ntm.F1Score(task=a)\ntm.MeanMetric()\n",
        f"{PL}from apex import amp\nclip(amp.master_params(optimizer))\n",
        f"{PL}class A(pl.LightningModule):\n  def __init__(self): self.task_idx = 0\nprint(model.task_idx)\n",
        f"{PL}class A(pl.LightningModule):\n  def __init__(self): self.precision: int = 2\n  def a(self): self.precision\n",
        f"{PL}class A(pl.LightningModule):\n  def __init__(self): self.precision, b = 2, 3\n  def a(self): self.precision\n",
        f"{PL}class A(pl.LightningModule):\n  precision = 2\nclass B(A):\n  def a(self): self.precision\n",
    ],
)
def test_what_is_of_today_stays_as_it_is(source):
    assert migrate_source(source) == Migration(source, ())


@pytest.mark.parametrize(
    "source",
    [
        "pl.metrics.Accuracy()\nt = pl.Trainer(gpus=1)",
        "class A(pl.LightningModule):\n  def validation_epoch_end(self, o):\n    out = {'log': o}\n    return out",
    ],
)
def test_a_decision_stays_to_be_made_when_the_file_is_written(source):
    new = migrate(PL + source)
    assert new.source != PL + source
    assert decisions(new.source)


def test_comments_and_layout_survive():
    old = """
    import pytorch_lightning as pl

    trainer = pl.Trainer(
        # the logger comes first
        logger = logger,   # made above
        gpus=2,  # two of them
        weights_summary = None,
        resume_from_checkpoint=path,  # go on
        max_epochs=3,
        # that was all
    )
    trainer.fit( model )  # runs
    """
    new = """
    import pytorch_lightning as pl

    trainer = pl.Trainer(
        # the logger comes first
        logger = logger,   # made above
        accelerator="gpu", devices=2,  # two of them
        enable_model_summary = False,
        # go on
        max_epochs=3,
        # that was all
    )
    trainer.fit( model, ckpt_path=path )  # runs
    """
    assert migrate(old).source == textwrap.dedent(new).lstrip("\n")


def test_the_last_argument_can_go():
    assert body("pl.Trainer(max_epochs=3, gpus=None)") == 'pl.Trainer(max_epochs=3, accelerator="cpu")'
    assert body("pl.Trainer(max_epochs=3,\n           amp_level=None)") == "pl.Trainer(max_epochs=3)"


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "from pytorch_lightning.core.lightning import LightningModule",
            "from pytorch_lightning.core.module import LightningModule",
        ),
        ("from pytorch_lightning.metrics import Accuracy as A, F1", "from torchmetrics import Accuracy as A, F1Score"),
        (
            "from pytorch_lightning import *\nfrom others import *\nTrainer(precision=16)",
            "from pytorch_lightning import *\nfrom others import *\nTrainer(precision=\"16-mixed\")",
        ),
        ("import pytorch_lightning.metrics as plm\nx = plm.F1", "import torchmetrics as plm\nx = plm.F1Score"),
        (
            "import pytorch_lightning as pl\nx = pl.profiler.SimpleProfiler",
            "import pytorch_lightning as pl\nx = pl.profilers.SimpleProfiler",
        ),
        (
            "import lightning as L\nx = L.pytorch.utilities.cli.LightningCLI",
            "import lightning as L\nx = L.pytorch.cli.LightningCLI",
        ),
        (
            "from lightning.pytorch.callbacks.base import Callback",
            "from lightning.pytorch.callbacks.callback import Callback",
        ),
        (
            "from pytorch_lightning.utilities.distributed import (\n    rank_zero_only,\n    rank_zero_info,\n)",
            "from pytorch_lightning.utilities.rank_zero import (\n    rank_zero_only,\n    rank_zero_info,\n)",
        ),
        (
            "from pytorch_lightning.loggers.base import LightningLoggerBase\nclass A(LightningLoggerBase):\n    LightningLoggerBase = 1",
            "from pytorch_lightning.loggers.logger import Logger as LightningLoggerBase\nclass A(LightningLoggerBase):\n    LightningLoggerBase = 1",
        ),
        (
            "from pytorch_lightning.callbacks.progress.base import ProgressBarBase\nfrom rich import ProgressBar\nProgressBar(ProgressBarBase)",
            "from pytorch_lightning.callbacks import ProgressBar as ProgressBarBase\nfrom rich import ProgressBar\nProgressBar(ProgressBarBase)",
        ),
        (
            "from pytorch_lightning.loggers.base import LightningLoggerBase\nx = LightningLoggerBase(LightningLoggerBase=1)",
            "from pytorch_lightning.loggers.logger import Logger\nx = Logger(LightningLoggerBase=1)",
        ),
        (
            "from pytorch_lightning.utilities import rank_zero_only, apply_to_collection  # two",
            "from pytorch_lightning.utilities import rank_zero_only\nfrom lightning_utilities import apply_to_collection  # two",
        ),
    ],
)  # fmt: skip
def test_names_that_moved(old, new):
    assert migrate(old + "\n").source == new + "\n"


@pytest.mark.parametrize("package", ["pytorch_lightning", "lightning.pytorch"])
def test_new_imports_are_of_the_package_that_the_file_has(package):
    new = migrate(f"import {package} as pl\n\npl.Trainer(progress_bar_refresh_rate=5)\n").source
    other = {"pytorch_lightning": "lightning.pytorch", "lightning.pytorch": "pytorch_lightning"}[package]
    assert f"from {package}.callbacks import TQDMProgressBar\n" in new
    assert other not in new


def test_what_is_gone_is_left_and_reported_with_its_row():
    new = migrate("from pytorch_lightning.plugins import DDPShardedPlugin\n")
    [finding] = new.findings
    assert (finding.kind, finding.line, finding.rows, finding.example) == (
        "decide",
        1,
        ("1.9a19",),
        "Replace strategies",
    )


# --- the Trainer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pl.Trainer(checkpoint_callback=cc if c else False)", "pl.Trainer(callbacks=[*([cc] if c else [])], enable_checkpointing=True if c else False)"),
        ("pl.Trainer(checkpoint_callback=not x)", "pl.Trainer(enable_checkpointing=not x)"),
        ("pl.Trainer(checkpoint_callback=cc(), callbacks=A() if c else None)", "pl.Trainer(callbacks=[*([A()] if c else []), cc()])"),
        ("pl.Trainer(checkpoint_callback=cc(), callbacks=a or b)", "pl.Trainer(callbacks=[*(a or b), cc()])"),
        ("pl.Trainer(logger=None, gpus=1)", 'pl.Trainer(logger=False, accelerator="gpu", devices=1)'),
        ("pl.Trainer(logger=a if c else None, gpus=1)", 'pl.Trainer(logger=a if c else False, accelerator="gpu", devices=1)'),
        ("x = None\npl.Trainer(logger=x, gpus=1)", 'x = None\npl.Trainer(logger=x or False, accelerator="gpu", devices=1)'),
        ("pl.Trainer(plugins=[DDPPlugin()] if c else [])", 'pl.Trainer(strategy=DDPStrategy() if c else "auto")'),
        ("n = None\npl.Trainer(max_steps=n)", "n = None\npl.Trainer(max_steps=n if n is not None else -1)"),
        ("cc = pl.callbacks.ModelCheckpoint()\npl.Trainer(checkpoint_callback=cc)", "cc = pl.callbacks.ModelCheckpoint()\npl.Trainer(callbacks=[cc])"),
        ("params = {'gpus': 1}\npl.Trainer(**params)", "params = {'accelerator': \"gpu\", 'devices': 1}\npl.Trainer(**params)"),
        ("params = dict(gpus=1)\npl.Trainer(**params)", 'params = dict(accelerator="gpu", devices=1)\npl.Trainer(**params)'),
        ("pl.Trainer(**dict(gpus=1))", 'pl.Trainer(accelerator="gpu", devices=1)'),
        ("pl.Trainer(val_percent_check=0.5, row_log_interval=5, use_amp=True)", 'pl.Trainer(limit_val_batches=0.5, log_every_n_steps=5, precision="16-mixed")'),
        ("pl.Trainer(gpus=x and 2)", 'pl.Trainer(accelerator="gpu" if (x and 2) else "cpu", devices=(x and 2) or 1)'),
    ],
)  # fmt: skip
def test_what_may_be_none_or_false_is_handled_exactly(old, new):
    assert body(old) == new


def test_one_gpu_by_its_number_is_one_device():
    notes = " ".join(finding.text for finding in migrate(PL + "pl.Trainer(gpus='0,')").findings)
    assert "several devices" not in notes


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("pl.Trainer(checkpoint_callback=save)", "a ModelCheckpoint goes into callbacks"),
        ("pl.Trainer(track_grad_norm=2)", "on_before_optimizer_step"),
        ("pl.Trainer(resume_from_checkpoint=path)", "give the path to fit"),
        ("t = pl.Trainer(resume_from_checkpoint=newest())\nt.fit(m)", "give the path to fit"),
        ("p = {'gpus': 1}\nprint(p['gpus'])\npl.Trainer(**p)", "used in other places"),
        ("p = {'gpus': 1}\npl.Trainer(**p, devices=2)", "has devices already"),
        ("pl.Trainer(gpus='3')", "write gpus=[3] or gpus=3"),
        ("pl.Trainer(strategy='horovod')", "lightning-Horovod"),
        ("pl.callbacks.StochasticWeightAveraging()", "swa_lrs"),
        ("pl.metrics.Accuracy()", "task="),
        ("import torchmetrics as tm\ntm.Accuracy(average='macro')", "task="),
        ("pl.Trainer(max_epochs=1).tune(model)", "has lr_find and scale_batch_size"),
        ("from data import Data\nData.add_argparse_args(parser)", "bridge to argparse"),
        (
            "class A:\n  def add_argparse_args(self): pass\nfrom b import B\nA.add_argparse_args()\nB.add_argparse_args()",
            "B.add",
        ),
        ("pl.Trainer().accelerator.setup_environment()", "setup_device"),
        ("class A(pl.accelerators.CPUAccelerator):\n  def setup_environment(self): pass", "setup_device"),
        ("class A(pl.LightningModule, Theirs):\n  def a(self): self.precision", "unless a class in another file"),
    ],
)
def test_what_only_a_person_can_tell_is_left_alone_and_reported(source, words):
    [text] = decisions(PL + source)
    assert words in text


def test_resuming_moves_to_every_fit_of_that_trainer():
    old = "a = pl.Trainer(resume_from_checkpoint=p)\nb = pl.Trainer()\na.fit(m)\nb.fit(m)\na.fit(m, x)\n"
    assert body(old) == "a = pl.Trainer()\nb = pl.Trainer()\na.fit(m, ckpt_path=p)\nb.fit(m)\na.fit(m, x, ckpt_path=p)"


def test_tuning_becomes_the_work_of_a_tuner():
    new = migrate(
        PL + "t = pl.Trainer(auto_lr_find='rate', auto_scale_batch_size='binsearch')\nt.tune(m, datamodule=d)\n"
    )
    assert new.source.splitlines()[1:] == [
        "from pytorch_lightning.tuner import Tuner",
        "t = pl.Trainer()",
        "Tuner(t).scale_batch_size(m, datamodule=d, mode='binsearch')",
        "Tuner(t).lr_find(m, datamodule=d, attr_name='rate')",
    ]


@pytest.mark.filterwarnings("ignore")
def test_the_bridge_to_argparse_does_what_it_did():
    new = migrate("""
    from argparse import ArgumentParser
    from pytorch_lightning import Trainer
    parser = ArgumentParser()
    parser.add_argument("--lr", type=float, default=1)
    parser = Trainer.add_argparse_args(parser)
    args = parser.parse_args(["--max_epochs", "3", "--lr", "2", "--accelerator", "cpu", "--fast_dev_run"])
    trainer = Trainer.from_argparse_args(args, max_epochs=7, logger=False, checkpoint_callback=False)
    """)
    names: dict = {}
    exec(new.source, names)  # noqa: S102
    trainer = names["trainer"]
    assert (trainer.max_epochs, trainer.fast_dev_run, trainer.loggers) == (1, 1, []), "fast_dev_run sets one epoch"
    assert names["args"].max_epochs == 3
    assert names["args"].lr == 2


def test_options_of_1x_that_the_file_adds_are_passed_on():
    new = body("""
    parser.add_argument("--gpus", type=int)
    parser.add_argument("--max_epochs", type=int)
    trainer = pl.Trainer.from_argparse_args(args)
    """)
    assert 'dict(accelerator="gpu" if args.gpus else "cpu", devices=args.gpus or 1)' in new


# --- classes ------------------------------------------------------------------------------------------------------


def test_a_callback_keeps_its_state():
    new = body("""
    class A(pl.Callback):
        def on_save_checkpoint(self, trainer, pl_module, checkpoint):
            return {"n": self.n}

        def on_load_checkpoint(self, trainer, pl_module, callback_state):
            self.n = callback_state["n"]
    """)
    assert "def state_dict(self):" in new
    assert "def load_state_dict(self, callback_state):" in new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def training_step(self, a, i): self.manual_backward(a, self.opt, b=2)", "def training_step(self, a, i): self.manual_backward(a, b=2)"),
        ("def training_step(self, a, i): self.manual_backward(a, optimizer=b)", "def training_step(self, a, i): self.manual_backward(a)"),
        ("def on_pretrain_routine_start(self): self.a()", "def on_fit_start(self): self.a()"),
        ("def backward(self, loss, optimizer, optimizer_idx):\n        loss.backward()", "def backward(self, loss):\n        loss.backward()"),
        ("def lr_scheduler_step(self, scheduler, optimizer_idx, metric):\n        scheduler.step()", "def lr_scheduler_step(self, scheduler, metric):\n        scheduler.step()"),
        ("def on_train_batch_start(self, batch, batch_idx, dataloader_idx):\n        pass", "def on_train_batch_start(self, batch, batch_idx, dataloader_idx=0):\n        pass"),
        ("def on_train_epoch_end(self, outputs):\n        pass", "def on_train_epoch_end(self):\n        pass"),
        (
            "def optimizer_zero_grad(\n        self, a, b, c, optimizer_idx: int\n    ):\n        pass",
            "def optimizer_zero_grad(\n        self, a, b, c\n    ):\n        pass",
        ),
        (
            "def optimizer_zero_grad(\n        self,\n        a,\n        optimizer_idx,\n    ):\n        pass",
            "def optimizer_zero_grad(\n        self,\n        a,\n    ):\n        pass",
        ),
        (
            "def transfer_batch_to_device(self, batch, device):\n        return super().transfer_batch_to_device(batch, device)",
            "def transfer_batch_to_device(self, batch, device, dataloader_idx):\n        return super().transfer_batch_to_device(batch, device, dataloader_idx)",
        ),
        ("def training_step(self, b, i):\n        if self.trainer.running_sanity_check: return self.datamodule", "def training_step(self, b, i):\n        if self.trainer.sanity_checking: return self.trainer.datamodule"),
    ],
)  # fmt: skip
def test_hooks_and_members(old, new):
    head = "class A(pl.LightningModule):\n    "
    assert body(head + old + "\n") == head + new


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("def optimizer_step(self, a, b, optimizer, optimizer_idx, c):\n        print(optimizer_idx)", "needs it"),
        ("def training_step(self, batch, batch_idx, optimizer_idx):\n        pass", "several optimizers"),
        ("def training_step(self, a, i):\n        self.manual_backward(a, g)", "if g is the optimizer"),
        ("def on_epoch_end(self):\n        pass", "it ran in training, validation and test"),
        ("def validation_epoch_end(self, *outputs):\n        pass", "keep what it needs"),
        (
            "def training_step(self, b, i):\n        out = {'loss': 1, 'log': {}}\n        return out",
            "call self.log_dict",
        ),
    ],
)
def test_hooks_that_a_person_has_to_rewrite(method, words):
    [text] = decisions(f"{PL}\nclass A(pl.LightningModule):\n    {method}\n")
    assert words in text


@pytest.mark.parametrize("moment", ["start", "end"])
@pytest.mark.parametrize("base", ["LightningModule", "Callback"])
def test_a_hook_that_ran_in_three_stages_names_the_hook_of_each(base, moment):
    [text] = decisions(f"{PL}\nclass A(pl.{base}):\n    def on_epoch_{moment}(self, *args):\n        pass\n")
    assert all(f"on_{stage}_epoch_{moment}" in text for stage in ("train", "validation", "test"))


def test_a_class_that_is_no_model_keeps_its_methods():
    source = f"{PL}\nclass A:\n    def training_epoch_end(self, outputs):\n        self.hparams = outputs\n"
    assert migrate(source).source == source


# --- work ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def visited(monkeypatch):
    """Count the nodes that anything walks over, however often."""
    import libcst

    count = Counter()
    visit = libcst.CSTNode.visit

    def counted(node, visitor):
        count["nodes"] += 1
        return visit(node, visitor)

    monkeypatch.setattr(libcst.CSTNode, "visit", counted)
    return count


METHOD = """
    def step_{i}(self, batch, trainer):
        self.x_{i} = self.datamodule
        self.log("x", self.forward(batch).relu().mean(), prog_bar=True)
        return trainer.model.x
"""


def test_work_grows_with_the_length_of_a_file_and_no_faster(visited):
    def work(methods: int) -> int:
        visited.clear()
        migrate_source(f"{PL}class A(pl.LightningModule):\n" + "".join(METHOD.format(i=i) for i in range(methods)))
        return visited["nodes"]

    assert work(10) > 0
    assert work(80) < 8.1 * work(10)


def test_a_file_that_imports_nothing_of_lightning_is_not_walked_over(visited):
    migrate_source("# lightning strikes\n" + "x = pl.Trainer(gpus=1)\n" * 100)
    assert not visited


# --- nothing makes it crash ---------------------------------------------------------------------------------------


def test_what_would_be_no_python_is_refused(monkeypatch):
    import libcst as cst

    starred = cst.StarredElement(cst.parse_expression("a if b else c"))
    broken = cst.Module([cst.SimpleStatementLine([cst.Expr(cst.List([starred]))])])
    monkeypatch.setattr("mldrl_lite.trainer.migrate.engine.with_imports", lambda *given: (broken, ()))
    with pytest.raises(InputError, match="left as it is"):
        migrate_source(f"{PL}pl.Trainer(gpus=1)\n")


NAMES = st.sampled_from(["pl", "Trainer", "trainer", "self", "args", "x", "params", "metrics", "callbacks", "loggers"])
VALUES = st.recursive(
    st.sampled_from(["None", "True", "False", "0", "1", "-1", "[0]", "'0,'", "'ddp'", "16", "x", "args.gpus", "{}"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner, inner).map(lambda v: f"({v[0]} if {v[1]} else {v[2]})"),
        st.tuples(inner, st.sampled_from([" or ", " and ", " == "]), inner).map("".join),
        inner.map("not {}".format),
        st.lists(inner, max_size=2).map(lambda v: f"[{', '.join(v)}]"),
        inner.map("DDPPlugin({})".format),
    ),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        [
            "gpus",
            "logger",
            "callbacks",
            "plugins",
            "strategy",
            "accelerator",
            "checkpoint_callback",
            "devices",
            "max_steps",
            "tpu_cores",
            "resume_from_checkpoint",
            "progress_bar_refresh_rate",
            "weights_summary",
            "auto_lr_find",
            "num_processes",
            "use_amp",
        ]
    ),
    VALUES,
    max_size=4,
).map(lambda arguments: ", ".join(f"{name}={value}" for name, value in arguments.items()))
STATEMENTS = st.one_of(
    ARGUMENTS.map("trainer = pl.Trainer({})\ntrainer.fit(model)\ntrainer.tune(model)".format),
    ARGUMENTS.map("params = dict({})\npl.Trainer(**params)".format),
    ARGUMENTS.map("pl.Trainer.from_argparse_args(args, {})".format),
    st.tuples(NAMES, NAMES, VALUES).map(lambda v: f"{v[0]}.{v[1]} = {v[2]}"),
    st.sampled_from(list(examples())),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(STATEMENTS, min_size=1, max_size=3))
def test_made_up_files_are_migrated_or_refused(statements):
    source = PL + "\n".join(statements) + "\n"
    try:
        ast.parse(source)
    except SyntaxError:
        return
    migrate(source)


def test_real_files_are_read_without_a_crash():
    """Files of the standard library, of Lightning and of this package, as if they were of 1.x."""
    import email
    import json

    import pytorch_lightning as lightning

    folders = [Path(module.__file__).parent for module in (json, email, lightning)]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py")) if file.stat().st_size < 12_000][::8]
    assert len(files) > 15
    for file in files:
        source = file.read_text()
        migrate_source(source if "lightning" in source else PL + source)


def test_a_name_that_was_returned_twice_is_logged_once():
    old = "import pytorch_lightning as pl\n\n\nclass A(pl.LightningModule):\n    def validation_epoch_end(self, outputs):\n"
    old += "        loss = mean(outputs)\n        return {'val_loss': loss, 'n': 3, 'log': {'val_loss': loss}}\n"
    new = migrate(old).source
    assert new.count("'val_loss'") == 1
    assert "'n': 3" in new
