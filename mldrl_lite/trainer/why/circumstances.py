"""What surrounds a run, read from its Trainer: versions, machine, seeds, arguments, loaders, optimizers."""

import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

Fact = str | int | float | bool | None
_ARGUMENTS = (
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "precision",
    "num_nodes",
    "world_size",
    "limit_train_batches",
    "limit_val_batches",
    "overfit_batches",
    "val_check_interval",
    "check_val_every_n_epoch",
    "num_sanity_val_steps",
    "reload_dataloaders_every_n_epochs",
)


def circumstances(trainer: Any, module: Any) -> dict[str, Fact]:
    """Return plain facts by name, such as `{"seed": 42, "train loader.batch_size": 32}`.

    Args:
        trainer: of `pytorch_lightning` or `lightning`, at or after `on_train_start`.
        module: its LightningModule.
    """
    package = type(trainer).__module__.partition(".")[0]
    facts: dict[str, Fact] = {
        "seed": torch.initial_seed(),
        "seed_everything": os.environ.get("PL_GLOBAL_SEED") or "not called",
        "seed_everything(workers=True)": os.environ.get("PL_SEED_WORKERS") == "1",
        "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED") or "random",
        "version.Python": platform.python_version(),
        "version.torch": torch.__version__,
        "version.numpy": np.__version__,
        f"version.{package}": version(package.replace("_", "-")),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": _device(module.device),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "benchmark": torch.backends.cudnn.benchmark,
        "strategy": type(trainer.strategy).__name__,
    }
    facts |= {name: _plain(getattr(trainer, name, None)) for name in _ARGUMENTS}
    facts["callbacks"] = ", ".join(type(callback).__name__ for callback in trainer.callbacks)
    for kind, loaders in (("train loader", trainer.train_dataloader), ("val loader", trainer.val_dataloaders)):
        for number, loader in enumerate(_loaders(loaders)):
            facts |= {f"{kind}{f' {number}' if number else ''}.{key}": value for key, value in _loader(loader)}
    for number, optimizer in enumerate(trainer.optimizers):
        facts |= {f"optimizer{f' {number}' if number else ''}.{key}": value for key, value in _optimizer(optimizer)}
    return facts


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _plain(value: Any) -> Fact:
    return value if isinstance(value, Fact) else str(value)


def _loaders(loaders: Any) -> Iterator[Any]:
    inside = loaders.values() if isinstance(loaders, Mapping) else loaders
    if isinstance(loaders, Mapping | list | tuple):
        for loader in inside:
            yield from _loaders(loader)
    elif loaders is not None:
        yield loaders


def _loader(loader: Any) -> Iterator[tuple[str, Fact]]:
    yield "class", type(loader).__name__
    for name in ("batch_size", "num_workers", "drop_last", "persistent_workers"):
        yield name, _plain(getattr(loader, name, None))
    for name in ("sampler", "batch_sampler", "dataset", "generator"):
        part = getattr(loader, name, None)
        yield name, None if part is None else type(part).__name__
    try:
        yield "samples", len(loader.dataset)
    except (AttributeError, TypeError):  # a stream has no length
        return


def _optimizer(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Fact]]:
    yield "class", type(optimizer).__name__
    for number, group in enumerate(optimizer.param_groups):
        place = f"group {number}." if number else ""
        yield from ((f"{place}{name}", _plain(value)) for name, value in group.items() if name != "params")
