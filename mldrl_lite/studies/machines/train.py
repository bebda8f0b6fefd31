"""One training, shared by all processes that are started with this script; alone, it is the same training.

    python train.py OUT                                     one process
    torchrun --nnodes=2 --nproc-per-node=1 … train.py OUT   on each of two machines
    srun python train.py OUT                                in a job of Slurm

OUT is a folder that every machine sees. Where it holds a checkpoint, the training goes on from there.
"""

import argparse
import os
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from mldrl_lite.datamodule import Batch, TCPDataModule
from mldrl_lite.messages import InputError
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic
from mldrl_lite.reproducibility import ResumableRandomness, fingerprint


class SharedBatches(Sampler[list[int]]):
    """The batches of one process: of each global batch, every `world`-th sample from number `rank` on.

    A global batch that is not full is left out: its shares could differ in size, and the mean of their gradients would
    not be the gradient of their mean.
    """

    def __init__(self, sampler: Sampler[int], batch_size: int, rank: int, world: int) -> None:
        self.sampler = sampler  # under this name Lightning finds its set_epoch
        self.batch_size, self.rank, self.world = batch_size, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        order = list(self.sampler)
        for number in range(len(self)):
            batch = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield batch[self.rank :: self.world]

    def __len__(self) -> int:
        return len(self.sampler) // self.batch_size


class SharedData(TCPDataModule):
    """The data of the course, with a `batch_size` that all processes share."""

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of this process's share, in the order that one process would see."""
        whole, size = super().train_dataloader(), self.hparams.batch_size
        rank, world = self.trainer.global_rank, self.trainer.world_size
        if size % world:
            raise InputError(f"batch_size = {size} cannot be shared out evenly over {world} processes.")
        batches = SharedBatches(whole.sampler, size, rank, world)
        return DataLoader(whole.dataset, batch_sampler=batches, collate_fn=whole.collate_fn)


class SharedOut(MMDynamic):
    """The model of the course, each of whose weights is cut into a part for each process (FSDP2)."""

    def configure_model(self) -> None:
        """Share the large layers out one by one, and then what is left."""
        from torch.distributed.fsdp import fully_shard

        for part in (*self.FeatureInforEncoder, *self.FeatureEncoder, self):
            fully_shard(part, mesh=self.device_mesh["data_parallel"])


def is_cut(weight: Tensor) -> bool:
    """Tell whether this process holds only a part of a weight."""
    return hasattr(weight, "to_local")


class Say(Callback):
    """Print where a process stands, and see that all start at the same place."""

    def __init__(self, pause: float) -> None:
        self.pause = pause

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the epochs: a process that does not see the checkpoint would begin anew, beside others that go on."""
        epoch = torch.tensor(float(trainer.current_epoch))
        if trainer.strategy.reduce(epoch.clone(), reduce_op="mean") != epoch:
            raise InputError(f"This process starts in epoch {epoch:.0f}, others elsewhere: do all see the same folder?")
        held = sum(weight.to_local().numel() if is_cut(weight) else weight.numel() for weight in pl_module.parameters())
        self.say(trainer, f"starts in epoch {epoch:.0f}, holds {held} weights")

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Say which step is done, and wait a little, so that there is time to pull a plug."""
        self.say(trainer, f"step {trainer.global_step}")
        time.sleep(self.pause)

    def say(self, trainer: Trainer, words: str) -> None:
        """Print a line that says who speaks."""
        print(f"{socket.gethostname()} rank {trainer.global_rank} of {trainer.world_size}: {words}", flush=True)


def machines() -> tuple[int, int]:
    """Return the number of machines, and of processes on each, as torchrun or Slurm has set them.

    torchrun sets them anew in each restart: with `--nnodes=1:2` there may be fewer machines than before.
    """
    nodes = os.environ.get("GROUP_WORLD_SIZE") or os.environ.get("SLURM_NNODES") or "1"
    processes = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or "1"
    return int(nodes), int(processes)


def strategy_for(world: int, args: argparse.Namespace) -> Strategy | str:
    """Return how the processes work together."""
    patience = timedelta(seconds=args.patience)
    if args.shard:
        return ModelParallelStrategy(data_parallel_size=world, tensor_parallel_size=1, timeout=patience)
    return DDPStrategy(timeout=patience) if world > 1 else "auto"


def train(args: argparse.Namespace) -> None:
    """Train, or go on with the training, and leave this process's weights in `rank….pt`."""
    nodes, processes = machines()
    seed_everything(args.seed, verbose=False)
    datamodule = SharedData("SIMULATED", batch_size=args.batch_size, eval_batch_size=512)
    kind = SharedOut if args.shard else MMDynamic
    model = kind(datamodule.in_dim, datamodule.num_class, datamodule.num_class == 2, EXAMPLE_CONFIG)
    if args.precision == "64-true":
        model.double()  # Lightning loads a checkpoint first and converts the model then: 64 bits would be cut to 32
    if args.no_dropout:
        model.eval()  # fit leaves the mode as it is
    say = Say(args.pause)
    trainer = Trainer(
        accelerator=args.accelerator,
        devices=processes,
        num_nodes=nodes,
        strategy=strategy_for(nodes * processes, args),
        precision=args.precision,
        max_epochs=args.epochs,
        use_distributed_sampler=False,  # SharedBatches has shared out already
        callbacks=[ModelCheckpoint(args.out, save_last=True), ResumableRandomness(), say],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = args.out / "last.ckpt"
    trainer.fit(model, datamodule, ckpt_path=last if last.exists() else None)
    if args.shard:
        say.say(trainer, f"ended, {trainer.global_step} steps")
    else:
        say.say(trainer, f"ended, {trainer.global_step} steps, weights {fingerprint(model)[:12]}")
        torch.save(model.state_dict(), args.out / f"rank{trainer.global_rank}.pt")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="One training, by one process or shared by many.")
    parser.add_argument("out", type=Path, help="the folder for checkpoint and weights; all machines have to see it")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64, help="samples of a step, of all processes together")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--precision", default="32-true", help="as the Trainer takes it")
    parser.add_argument("--accelerator", default="cpu", help="as the Trainer takes it")
    parser.add_argument("--no-dropout", action="store_true")
    parser.add_argument("--shard", action="store_true", help="cut the model into a part for each process")
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds to wait for a process that does not answer"
    )
    parser.add_argument("--pause", type=float, default=0.0, help="seconds to wait after each step")
    return parser.parse_args(given)


if __name__ == "__main__":
    train(arguments())
