"""One training in a process of its own, as test_gpu.py asks for it: prints what it ended with, as JSON.

    python fits.py OUT KIND [--resume] [--die-at STEP] [--forgetful]

It dies as a machine does that loses its power: by SIGKILL, in the middle of an epoch.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy, FSDPStrategy, ModelParallelStrategy

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.reproducibility import ResumableRandomness, fingerprint


class Sharded(MMDynamic):
    """The course's model with its largest layers, and itself, shared out over the processes."""

    def configure_model(self) -> None:
        from torch.distributed.fsdp import fully_shard

        mesh = self.device_mesh["data_parallel"]
        for layer in (*self.FeatureInforEncoder, *self.FeatureEncoder):
            fully_shard(layer, mesh=mesh)
        fully_shard(self, mesh=mesh)


STRATEGIES = {
    "plain": lambda: "auto",
    "ddp": DDPStrategy,
    "fsdp": lambda: FSDPStrategy(state_dict_type="sharded"),
    "fsdp2": lambda: ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=1),
}


class Die(Callback):
    """Kill the process at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Note(Callback):
    """Keep what can be seen only while the processes know each other."""

    backend = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.ckpt_path:
            torch.manual_seed(0)  # the strategies with processes have put the generators back to the seed, others not

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self.backend = torch.distributed.get_backend()
        self.weight = type(pl_module.FeatureEncoder[0].clf[0].weight).__name__
        self.device = pl_module.device.type


def whole(weights: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return plain tensors where some are shared out."""
    return {name: (w.full_tensor() if hasattr(w, "full_tensor") else w).cpu() for name, w in weights.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("kind", choices=STRATEGIES)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--die-at", type=int, default=-1)
    parser.add_argument("--forgetful", action="store_true", help="without ResumableRandomness")
    args = parser.parse_args()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    seed_everything(7 if args.resume else 42)
    datamodule = TCPDataModule("SIMULATED", batch_size=64)
    datamodule.setup()
    model = (Sharded if args.kind == "fsdp2" else MMDynamic)(datamodule.in_dim, 2, True, EXAMPLE_CONFIG)
    note = Note()
    callbacks = [note, Die(args.die_at), ModelCheckpoint(args.out, save_last=True, every_n_epochs=1, save_top_k=1)]
    trainer = Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        strategy=STRATEGIES[args.kind](),
        max_epochs=4,
        deterministic=args.kind in ("plain", "ddp"),
        use_distributed_sampler=False,  # it would shuffle what EpochOrder has shuffled
        callbacks=callbacks if args.forgetful else [*callbacks, ResumableRandomness()],
        default_root_dir=args.out,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, datamodule, ckpt_path=args.out / "last.ckpt" if args.resume else None)
    weights = {} if args.kind == "fsdp" else {"weights": fingerprint(whole(model.state_dict()))}
    seen = {"steps": trainer.global_step, "backend": note.backend, "weight": note.weight, "device": note.device}
    print(json.dumps(seen | weights | {"loss": float(trainer.callback_metrics["ptl/val_loss"])}))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
