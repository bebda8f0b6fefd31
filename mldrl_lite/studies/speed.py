"""One training, run in three ways: the settings of the 2023 script, those that the course recommends, and a bare loop.

All see the same batches in the same order and draw the same dropout: `tests/studies/test_speed.py` holds them to it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mldrl_lite.callbacks import PrintingCallback
from mldrl_lite.datamodule import Batch, MultiViewDataset, TCPDataModule
from mldrl_lite.messages import require
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic, Output
from mldrl_lite.reproducibility import EpochOrder, fingerprint
from mldrl_lite.studies.bar import EpochBar, TerminalBar


@dataclass(frozen=True)
class Fit:
    """What a training took and where it ended."""

    seconds: float
    """Wall time from the finished model and data to the trained weights."""
    validation_loss: float
    """Of the last validation: the cross-entropy of the fused scores over the validation part."""
    fingerprint: str
    """The `fingerprint` of the last weights."""
    steps: int
    """Optimizer steps taken."""


def recommended_arguments(folder: str | Path, max_epochs: int) -> dict[str, Any]:
    """Return Trainer arguments for a log, a progress bar and the best weights, at little cost.

    Args:
        folder: where the log and the checkpoint go.
        max_epochs: passes over the training data.
    """
    # Weights alone are a third of a whole checkpoint: Adam keeps two more numbers for each weight.
    best = ModelCheckpoint(monitor="ptl/val_loss", mode="min", save_weights_only=True)
    return {
        "logger": TensorBoardLogger(folder, name="recommended"),
        "callbacks": [best, EpochBar()],
        "log_every_n_steps": 10,
        "check_val_every_n_epoch": epochs_between_looks(max_epochs),
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "max_epochs": max_epochs,
        "devices": 1,
    }


def epochs_between_looks(max_epochs: int) -> int:
    """Return how many epochs lie between two validations, for ten of them or a few more."""
    # While a model learns fast, nearly every look finds the best weights so far, and saves them.
    return max(1, max_epochs // 10)


def recommended(
    folder: str | Path,
    *,
    factor: int = 1,
    max_epochs: int = 30,
    seed: int = 42,
    model_class: type[MMDynamic] = MMDynamic,
) -> Fit:
    """Train as the course recommends, on the CPU.

    Args:
        folder: where the log and the checkpoint go.
        factor: how many times the 376 samples of SIMULATED.
        max_epochs: passes over the training data.
        seed: of weights, order and dropout.
        model_class: what is trained, such as `SlowStep`.

    Raises:
        InputError: an argument is out of range.
    """
    model, datamodule = fresh(factor, max_epochs, seed, model_class, eval_batch_size=512)
    with _Clock() as clock:
        trainer = Trainer(accelerator="cpu", **recommended_arguments(folder, max_epochs))
        trainer.fit(model, datamodule)
    return _result(clock, trainer, model)


def script_settings(
    folder: str | Path,
    *,
    factor: int = 1,
    max_epochs: int = 30,
    seed: int = 42,
    num_workers: int = 10,
    threads: int | None = None,
) -> Fit:
    """Train with the settings of the 2023 script: ten loader processes, samples put together one by one.

    Every step is logged, a whole checkpoint is saved after each epoch, and the bar is a terminal's.
    The script does not say how many threads are to compute, so there is one per core, whatever OMP_NUM_THREADS says.
    Arguments and errors are those of `recommended`; `num_workers` is the number of loader processes, `threads` another
    number of threads.
    """
    model, datamodule = fresh(factor, max_epochs, seed, MMDynamic, _ScriptDataModule, num_workers=num_workers)
    with in_threads(threads or os.cpu_count() or 1), _Clock() as clock:
        trainer = Trainer(
            logger=TensorBoardLogger(folder, name="seed"),
            accelerator="cpu",
            devices=1,
            max_epochs=max_epochs,
            log_every_n_steps=1,
            callbacks=[PrintingCallback(), TerminalBar()],
        )
        trainer.fit(model, datamodule)
    return _result(clock, trainer, model)


def bare_loop(
    *, factor: int = 1, max_epochs: int = 30, seed: int = 42, model_class: type[MMDynamic] = MMDynamic
) -> Fit:
    """Train with the fastest plain PyTorch: no Trainer, no loader, no log, no bar, nothing saved.

    Arguments and errors are those of `recommended`.
    """
    model, datamodule = fresh(factor, max_epochs, seed, model_class)
    with _Clock() as clock:
        losses = train_bare(model, datamodule, max_epochs)
    steps = max_epochs * len(datamodule.train_dataloader())
    return Fit(clock.seconds, losses[-1], fingerprint(model), steps)


def train_bare(model: MMDynamic, datamodule: TCPDataModule, max_epochs: int) -> list[float]:
    """Train `model` and return its validation losses."""
    [optimizer], [scheduler] = model.configure_optimizers()
    train, val = datamodule.parts["train"], datamodule.parts["val"]
    order, batch_size = EpochOrder(len(train), torch.initial_seed()), datamodule.hparams.batch_size
    losses, between_looks = [], epochs_between_looks(max_epochs)
    for epoch in range(1, max_epochs + 1):
        model.train()
        for indices in torch.tensor(list(order)).split(batch_size):
            views, labels = train[indices]
            loss = sum(model.loss_terms(model(views), labels).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        if epoch % between_looks == 0:
            model.eval()
            with torch.inference_mode():
                losses.append(model.criterion(model(val.views).logit, val.labels).mean().item())
    return losses


def fresh(
    factor: int = 1,
    max_epochs: int = 30,
    seed: int = 42,
    model_class: type[MMDynamic] = MMDynamic,
    datamodule_class: type[TCPDataModule] = TCPDataModule,
    **loader: int,
) -> tuple[MMDynamic, TCPDataModule]:
    """Return a new model and its data, seeded, read and ready; the part of a run that is not timed."""
    require("factor", factor, int, at_least=1)
    require("max_epochs", max_epochs, int, at_least=1)
    require("seed", seed, int, at_least=0)
    seed_everything(seed, verbose=False)
    datamodule = datamodule_class("SIMULATED", **loader)
    datamodule.setup()
    datamodule.parts = {name: _repeated(part, factor) for name, part in datamodule.parts.items()}
    return model_class(datamodule.in_dim, datamodule.num_class, True, EXAMPLE_CONFIG), datamodule


def _repeated(part: MultiViewDataset, factor: int) -> MultiViewDataset:
    """Return every sample `factor` times: for time and memory they might as well be new ones."""
    return MultiViewDataset([view.repeat(factor, 1) for view in part.views], part.labels.repeat(factor))


class _Clock:
    """Measure the wall time of a `with` block, in `seconds`."""

    def __enter__(self) -> "_Clock":
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start


@contextmanager
def in_threads(count: int) -> Iterator[None]:
    """Let PyTorch compute in so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _result(clock: _Clock, trainer: Trainer, model: MMDynamic) -> Fit:
    loss = trainer.callback_metrics["ptl/val_loss"].item()
    return Fit(clock.seconds, loss, fingerprint(model), trainer.global_step)


class SlowStep(MMDynamic):
    """`MMDynamic` whose training step takes 20 ms longer, as that of a larger model would."""

    def loss_terms(self, output: Output, labels: Tensor) -> dict[str, Tensor]:
        """Wait, then return the terms of the loss."""
        time.sleep(0.02)
        return super().loss_terms(output, labels)


class FusedAdam(MMDynamic):
    """`MMDynamic` with an Adam that goes over all weights in one pass instead of a dozen.

    A price: it may round otherwise, so that a run ends at other bits; and under mixed precision, Lightning refuses to
    clip its gradients.
    """

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[Any]]:
        """Adam with weight decay, and the scheduler of `MMDynamic`."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, weight_decay=self.reg, fused=True)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.9)]


class _OneByOne(Dataset[Batch]):
    """Samples that can only be had one at a time, so that the loader puts each batch together."""

    def __init__(self, part: MultiViewDataset) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> Batch:
        return self.part[index]


class _ScriptDataModule(TCPDataModule):
    """`TCPDataModule` with the loader of the script: `num_workers` processes, started anew for each epoch."""

    def _loader(self, part: str, shuffle: bool = False) -> DataLoader[Batch]:
        seed, samples = torch.initial_seed(), _OneByOne(self.parts[part])
        return DataLoader(
            samples,
            batch_size=self.hparams.batch_size,
            sampler=EpochOrder(len(samples), seed) if shuffle else None,
            num_workers=self.hparams.num_workers,
            generator=torch.Generator().manual_seed(seed),
        )
