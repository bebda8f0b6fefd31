"""The rows of Lightning's upgrade guides, and a piece of code for each that a script of 1.x can hold.

The rows are counted in docs/source-pytorch/upgrade/sections of Lightning's repository as of July 2026; a row that is
there twice counts twice. `1.9r3` is row 3 of the section for regular users of 1.9; `a` is for advanced users, `d` for
developers.
"""

from collections.abc import Iterator

from mldrl_lite.trainer.migrate.arguments import CLASSES, LOG, METHODS
from mldrl_lite.trainer.migrate.gone import ENVIRONMENT, GONE
from mldrl_lite.trainer.migrate.hooks import DROPPED, HOOKS, ITERATORS
from mldrl_lite.trainer.migrate.members import ANYWHERE, DATAMODULE, LOOPS, MODULE, SUMMED, TRAINER
from mldrl_lite.trainer.migrate.moved import MOVED
from mldrl_lite.trainer.names import REMOVED

SIZES = {
    "1.4r": 10,
    "1.4a": 7,
    "1.5r": 8,
    "1.5a": 15,
    "1.5d": 4,
    "1.6r": 20,
    "1.6a": 11,
    "1.6d": 6,
    "1.7r": 9,
    "1.7a": 28,
    "1.7d": 29,
}
SIZES |= {"1.8r": 3, "1.8a": 9, "1.8d": 3, "1.9r": 15, "1.9a": 63, "1.9d": 67, "2.0r": 10, "2.0a": 7, "2.0d": 2}

ALL_ROWS = [f"{section}{number}" for section, size in SIZES.items() for number in range(1, size + 1)]

OUTSIDE = {
    "1.9r1": "the version of Python",
    "1.9r2": "the version of torch",
    "2.0r1": "the version of torch",
    "2.0r4": "the version of torch_xla",
    "2.0r10": "what pip installs",
    "1.8a8": "a plugin of Hydra's",
    "1.9a13": "no Trainer had this argument",
    "1.9a61": "what the progress bar showed by itself",
    "2.0a7": "the cluster that a script runs on",
}
"""Rows about the machine rather than the script."""

IMPORTS = "import pytorch_lightning as pl\nfrom pytorch_lightning import *\n"
BASES = {
    "module": "pl.LightningModule",
    "datamodule": "pl.LightningDataModule",
    "callback": "pl.Callback",
    "plugin": "pl.plugins.MixedPrecision",
    "accelerator": "pl.accelerators.CPUAccelerator",
}


def examples() -> Iterator[str]:
    """Yield a piece of code for each entry of the tables, and those of `MORE`."""
    for name in [*MOVED, *GONE]:
        module, _, last = name.rpartition(".")
        yield f"from {module} import {last}\n"
    for name in ENVIRONMENT:
        yield f"{IMPORTS}import os\nos.environ['{name}'] = '1'\n"
    for name in [*TRAINER, *SUMMED, *ANYWHERE]:
        yield f"{IMPORTS}trainer = pl.Trainer()\nprint(trainer.{name})\n"
    for name in LOOPS:
        yield f"{IMPORTS}trainer = pl.Trainer()\ntrainer.{name} = Mine()\n"
    for kind, table in (("module", MODULE), ("datamodule", DATAMODULE)):
        for name in table:
            yield hook(kind, f"def forward(self):\n        return self.{name}")
    for kind, table in HOOKS.items():
        for name in table:
            yield hook(kind, f"def {name}(self, *args):\n        pass")
    for (kind, name), parameters in DROPPED.items():
        for parameter in parameters:
            yield hook(kind, f"def {name}(self, a, b, {parameter}):\n        pass")
    for name in ITERATORS:
        yield hook("module", f"def {name}(self, dataloader_iter, batch_idx):\n        batch = next(dataloader_iter)")
    for name in REMOVED:
        yield f"{IMPORTS}pl.Trainer({REMOVED[name].old.partition('(')[2]}\n"
    for name, arguments in CLASSES.items():
        for argument in arguments:
            yield f"{IMPORTS}pl.x.{name}({argument}=1)\n"
    for name, arguments in METHODS.items():
        for argument in arguments:
            yield f"{IMPORTS}trainer = pl.Trainer()\ntrainer.{name}(model, {argument}=a)\n"
    for argument in LOG:
        yield hook("module", f"def training_step(self, batch, batch_idx):\n        self.log('a', 1, {argument}='mean')")
    yield from MORE


def hook(kind: str, method: str) -> str:
    """Return a class of a kind with a method."""
    return f"{IMPORTS}\nclass Mine({BASES[kind]}):\n    {method}\n"


MORE = [
    hook("module", "def training_epoch_end(self, outputs):\n        print(outputs)"),
    hook("module", "def validation_epoch_end(self, outputs):\n        print(outputs)"),
    hook("module", "def test_epoch_end(self, outputs):\n        print(outputs)"),
    hook("module", "def training_step(self, batch, batch_idx, optimizer_idx):\n        pass"),
    hook("module", "def training_step(self, batch, batch_idx, hiddens):\n        pass"),
    hook("module", "def configure_optimizers(self):\n        return [{'optimizer': a, 'frequency': 1}]"),
    hook("module", "def on_predict_epoch_end(self, outputs):\n        print(outputs)"),
    hook("module", "def training_step(self, batch, batch_idx):\n        self.log('a', {'b': 1})"),
    hook("module", "def forward(self):\n        print(self.summarize())"),
    hook("callback", "def on_keyboard_interrupt(self, trainer, pl_module):\n        pass"),
    hook("callback", "def on_load_checkpoint(self, checkpoint):\n        pass"),
    hook("callback", "def on_save_checkpoint(self, trainer, pl_module, checkpoint):\n        return {}"),
    f"{IMPORTS}pl.Trainer.add_argparse_args(parser)\n",
    f"{IMPORTS}pl.Trainer.from_argparse_args(args)\n",
    f"{IMPORTS}pl.Trainer(max_steps=None)\n",
    f"{IMPORTS}pl.Trainer(accumulate_grad_batches={{1: 2}})\n",
    f"{IMPORTS}pl.Trainer(strategy='dp')\n",
    f"{IMPORTS}from pytorch_lightning.callbacks import EarlyStopping, ProgressBar\nEarlyStopping()\nProgressBar()\n",
    f"{IMPORTS}from pytorch_lightning.callbacks import StochasticWeightAveraging\nStochasticWeightAveraging()\n",
    f"{IMPORTS}from pytorch_lightning.loggers import LoggerCollection\nLoggerCollection([a])\n",
    f"{IMPORTS}from pytorch_lightning.utilities.cli import LightningCLI\nLightningCLI(seed_everything_default=None)\n",
    f"{IMPORTS}trainer = pl.Trainer()\ntrainer.fit_loop.max_steps = 1\ntrainer.fit_loop.min_steps = 1\n",
    f"{IMPORTS}trainer = pl.Trainer()\ntrainer.model = model\ntrainer.accelerator.barrier()\n",
    f"{IMPORTS}trainer = pl.Trainer()\nprint(trainer.strategy.is_distributed)\n",
    f"{IMPORTS}pl.Trainer(gpus=1, devices='auto')\n",
    f"{IMPORTS}pl.Trainer(precision=16, devices='auto')\n",
    f"{IMPORTS}from torchdistx import deferred_init\n",
    f"{IMPORTS}Data.add_argparse_args(parser)\nData.from_argparse_args(args)\nData.parse_argparser(args)\n",
    hook("module", "def configure_optimizers(self):\n        return SGD(self.trainer.model.parameters())"),
    hook("module", "def on_train_batch_end(self, outputs, batch, batch_idx, new_format=True):\n        pass"),
]
