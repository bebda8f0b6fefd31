"""The callback that writes a trace."""

import json
import re
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor, nn

from mldrl_lite.messages import require
from mldrl_lite.trainer.why.circumstances import circumstances
from mldrl_lite.trainer.why.comparing import SAMPLES
from mldrl_lite.trainer.why.hashes import batch_sums, bit_sums, joined, random_states, row_sums, short

_NONE = "----"


class StepTrace(Callback):
    """Write what each optimizer step had and made, as short hashes, one line of JSON a step.

    `trace.jsonl` lies beside the log (`trainer.log_dir`). `mldrl-lite why RUN_A RUN_B` compares two of them and says
    where the runs part. A line holds the step and epoch, the states of the random number generators before the first
    batch of the step, the batch, the loss, the gradients before clipping, the weights and buffers after the step, and
    the learning rates. Each line is in the file before the next step begins, so a run that is killed keeps them.

    A run that is resumed in its folder goes on in its file; another run there gets `trace-v1.jsonl`. With several
    processes each writes a file of its own, `trace.rank1.jsonl` and so on. Nothing is drawn, and nothing is changed.

    It reads every weight, gradient and sample once per step. On one core of a CPU a fit took 2.1 times as long with it
    for a model of 750 weights (1 ms a step), 1.4 times for one of 5 million (50 ms); 1.2 times with `every_n_steps=10`.
    A line has some 300 bytes, and 8 for each tensor of the model.

    Args:
        every_n_steps: trace the first of each n steps.
        dirpath: the folder for the file; None: where the log is.

    Raises:
        InputError: `every_n_steps` is not a whole number of at least 1.
    """

    def __init__(self, every_n_steps: int = 1, dirpath: str | Path | None = None) -> None:
        require("every_n_steps", every_n_steps, int, at_least=1)
        self.every_n_steps, self.dirpath = every_n_steps, dirpath
        self.path: Path | None = None
        """The file of this process, once training has begun."""
        self._random: dict[str, str] = {}
        self._step: _Step | None = None
        self._taken = self._number = self._next = 0
        self._parameters = ""
        self._between = True
        self._validation: list[int] | None = None
        self._epoch = _Epoch()

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Note the random state before a loader starts and draws."""
        self._random = random_states(pl_module.device)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Choose the file and write what the run starts from."""
        self.path = self._choose(trainer)
        self._taken = self._number = trainer.global_step
        self._next = -(-self._taken // self.every_n_steps) * self.every_n_steps
        self._between, self._validation = True, None
        self._parameters = _parameters(pl_module)
        line = {
            "start": self._taken,
            "epoch": trainer.current_epoch,
            "every_n_steps": self.every_n_steps,
            "resumed": bool(trainer.ckpt_path) and self._taken > 0,
            "tensors": {name: _kind(tensor) for name, tensor in _tensors(pl_module).items()},
            "random": self._random,
            **_weights(pl_module),
            "circumstances": circumstances(trainer, pl_module),
        }
        self._write(line)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Note random state and batch."""
        if self._between:
            self._between = False
            self._step = None
            if self._number >= self._next:
                self._next = (self._number // self.every_n_steps + 1) * self.every_n_steps
                self._step = _Step(pl_module, batch_idx, skips=self.every_n_steps > 1)
        if self._step:
            self._step.batches.append(batch_sums(batch))
        if self.every_n_steps == 1:
            self._epoch.add(batch, batch_idx)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """Note the loss."""
        if self._step:
            self._step.losses.append(loss.detach())

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        """Note the gradients of this optimizer's parameters."""
        if self._step:
            self._step.note_gradients(optimizer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Write the line, if an optimizer has stepped."""
        if not self._has_stepped(trainer, pl_module):
            return  # gradients are being accumulated
        self._between = True
        if self._step:
            rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
            line = {"step": self._number, "epoch": trainer.current_epoch, **self._step.line(pl_module)}
            line |= {"lr": [float(rate) for rate in rates]} | _weights(pl_module)
            self._write(line | self._epoch.line(trainer.train_dataloader))
        self._step = None

    def _has_stepped(self, trainer: Any, module: Any) -> bool:
        if trainer.global_step != self._taken:
            self._taken = self._number = trainer.global_step
            return True
        if module.automatic_optimization or self._taken:
            return False
        # Manual optimization with optimizers that Lightning does not know: it counts no step.
        parameters = _parameters(module)
        if parameters == self._parameters:
            return False
        self._parameters = parameters
        self._number += 1
        return True

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a hash of the validation batches."""
        self._validation = None if trainer.sanity_checking or self.path is None else []

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Note a validation batch."""
        if self._validation is not None:
            self._validation += batch_sums(batch).values()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the hash of the validation batches."""
        if self._validation is not None:
            self._write({"validation": self._number, "epoch": trainer.current_epoch, "batch": joined(self._validation)})
        self._validation = None

    def _choose(self, trainer: Any) -> Path:
        """Return the file of this process; the first process decides, and all follow it."""
        folder = Path(self.dirpath or trainer.log_dir or trainer.default_root_dir)
        versions = {-1: ""} | {
            int(found[1] or 0): found[0]
            for path in folder.glob("trace*.jsonl")
            if (found := re.fullmatch(r"trace(?:-v(\d+))?\.jsonl", path.name))
        }
        newest = max(versions)
        number = max(newest, 0) if trainer.global_step else newest + 1
        number = trainer.strategy.broadcast(number)
        rank = f".rank{trainer.global_rank}" if trainer.global_rank else ""
        return folder / f"trace{f'-v{number}' if number else ''}{rank}.jsonl"

    def _write(self, line: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:  # opened for each line: nothing is left to flush, and copies share nothing
            if file.tell() and "start" in line:
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # a killed run has left half a line
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


class _Epoch:
    """The samples of an epoch, whatever their order."""

    def __init__(self) -> None:
        self._rows, self._sums = 0, []

    def add(self, batch: Any, batch_idx: int) -> None:
        """Note the samples of a batch; those of an epoch that was not seen from its first batch are not known."""
        if batch_idx == 0:
            self._rows, self._sums = 0, []
        elif not self._rows:
            return
        rows, sums = row_sums(batch)
        self._rows = self._rows + rows if rows else 0
        self._sums = [a + b for a, b in zip_longest(self._sums, sums, fillvalue=0)]

    def line(self, loader: Any) -> dict[str, str]:
        """Return the part of the line of the step after which the whole data set has been seen; {} for others."""
        try:
            whole = self._rows > 0 and self._rows == len(loader.dataset)
        except (AttributeError, TypeError):  # several loaders, or a stream
            whole = False
        return {SAMPLES: joined(map(int, self._sums))} if whole else {}


class _Step:
    """What has been seen of one optimizer step so far."""

    def __init__(self, module: nn.Module, batch_idx: int, *, skips: bool) -> None:
        self.batch_idx = batch_idx
        self.random = random_states(module.device)
        self.before = _weights(module)["weights"] if skips else None  # the line before does not say it
        self.batches: list[dict[str, int]] = []
        self.losses: list[Tensor] = []
        self._names = {parameter: name for name, parameter in module.named_parameters()}
        self._gradients: dict[str, int] = {}

    def note_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Hash the gradients that this optimizer is about to use, onto what an earlier one of this step has used."""
        found = {
            self._names.get(parameter, f"unnamed {g}.{p}"): parameter.grad
            for g, group in enumerate(optimizer.param_groups)
            for p, parameter in enumerate(group["params"])
            if parameter.grad is not None
        }
        for name, number in zip(found, bit_sums(found.values()), strict=True):
            self._gradients[name] = self._gradients.get(name, 0) * 31 + number

    def line(self, module: nn.Module) -> dict[str, Any]:
        """Return the part of the line that this step makes."""
        names = list(dict(module.named_parameters()))
        each = [short(self._gradients[name]) if name in self._gradients else _NONE for name in names]
        line = {
            "batch_idx": self.batch_idx,
            "random": self.random,
            "batch": {name: joined(batch.get(name, 0) for batch in self.batches) for name in self.batches[0]},
            "loss": [float(loss) for loss in self.losses],
            "gradients": joined(self._gradients.values()),
            "each gradient": "".join(each),
        }
        return line | ({"weights before": self.before} if self.before else {})


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name; what a checkpoint would not hold counts too."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _parameters(module: nn.Module) -> str:
    return joined(bit_sums(module.parameters()))


def _weights(module: nn.Module) -> dict[str, str]:
    numbers = bit_sums(_tensors(module).values())
    return {"weights": joined(numbers), "each weight": "".join(map(short, numbers))}
