"""What goes wrong where several processes, or several machines, are to train together."""

import os
import socket
from collections.abc import Iterator
from typing import Any

from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset

from mldrl_lite.trainer.diagnosis.findings import Finding, finding_of
from mldrl_lite.trainer.diagnosis.live import class_of
from mldrl_lite.trainer.diagnosis.monitors import training_loader
from mldrl_lite.trainer.diagnosis.run import Run
from mldrl_lite.trainer.rules.synced import unsynced_values


def unstarted_machines(run: Run) -> Iterator[Finding]:
    """A run on several machines that no launcher has started there."""
    trainer = run.trainer
    alone = trainer is not None and _environment(trainer) == "LightningEnvironment" and "MASTER_ADDR" not in os.environ
    if alone and trainer.num_nodes > 1:
        yield Finding(
            "machines that nobody starts",
            f"The Trainer has num_nodes={trainer.num_nodes}, and this script was started by hand on this one.",
            "trainer.num_nodes",
            "Lightning starts processes on its own machine only: this one waits for the others until it gives up.",
            "Start the script on each machine with torchrun, or by srun in a job of Slurm; or give num_nodes=1.",
        )


def uncounted_processes(run: Run) -> Iterator[Finding]:
    """Processes of a launcher each of which believes that it is alone."""
    trainer, started = run.trainer, os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_STEP_NUM_TASKS") or ""
    if trainer is not None and started.isdecimal() and int(started) > trainer.world_size:
        yield Finding(
            "processes that the Trainer does not count",
            f"{started} processes were started together, and the Trainer counts {trainer.world_size}.",
            "trainer.world_size",
            "They do not train together: several run the same training, and write the same files.",
            "Give devices= the processes of a machine and num_nodes= the machines, and strategy='ddp'.",
        )


def names_of_this_machine_alone(run: Run) -> Iterator[Finding]:
    """A host name that leads to this machine only here, which other machines will be told."""
    trainer = run.trainer
    if trainer is None or trainer.num_nodes < 2 or "GLOO_SOCKET_IFNAME" in os.environ:
        return
    name = socket.gethostname()
    address = _address_of(name)
    if trainer.strategy.root_device.type == "cpu" and (address.startswith("127.") or not address):
        yield Finding(
            "host name of this machine alone",
            f"The name of this machine, {name}, leads to {address or 'no address'}.",
            "/etc/hosts",
            "Gloo tells the others to look for it there: they find themselves, or nobody, and wait.",
            f"Name a network card, GLOO_SOCKET_IFNAME=eth0, say; or give {name} its real address in /etc/hosts.",
        )


def _address_of(name: str) -> str:
    try:
        return socket.gethostbyname(name)
    except OSError:
        return ""


def _environment(trainer: Any) -> str:
    return type(getattr(trainer.strategy, "cluster_environment", None)).__name__


def orders_dealt_out_again(run: Run) -> Iterator[Finding]:
    """A sampler of one's own, around which Lightning puts another one that shuffles and deals out."""
    trainer = run.trainer
    # The Trainer keeps this argument in no public place.
    arguments = getattr(trainer, "_accelerator_connector", None)
    if not getattr(arguments, "use_distributed_sampler", False) or trainer.world_size < 2:
        return
    loader = training_loader(run)
    sampler = _own_sampler(loader) if isinstance(loader, DataLoader) else None
    if sampler is None:
        return
    name, shares = type(sampler).__name__, _deals_out(sampler)
    does, then = ("deals out", "deals its share out once more") if shares else ("orders", "shuffles that once more")
    yield Finding(
        "order that Lightning deals out again",
        f"{name} {does} the samples, and Lightning's DistributedSamplerWrapper {then}.",
        "trainer.train_dataloader",
        f"With {trainer.world_size} processes each sees {_share(trainer.world_size)} of the samples."
        if shares
        else "The order of the training is another than this sampler's, and than that of one process.",
        "Give Trainer(use_distributed_sampler=False), and let the sampler give each rank its own share.",
    )


def _own_sampler(loader: DataLoader) -> Any:
    """Return what gives the order if it is no class of PyTorch's own, or of a BatchSampler's kind."""
    batches = loader.batch_sampler
    own = batches if isinstance(batches, BatchSampler) and type(batches) is not BatchSampler else loader.sampler
    is_ours = type(own).__module__.partition(".")[0] not in ("torch", "pytorch_lightning", "lightning")
    iterable = isinstance(loader.dataset, IterableDataset)
    return own if is_ours and not iterable and not isinstance(loader.sampler, DistributedSampler) else None


def _deals_out(sampler: Any) -> bool:
    return bool({"rank", "num_replicas", "world", "world_size"} & {name.lstrip("_") for name in vars(sampler)})


def _share(world: int) -> str:
    return f"1/{world * world}"


def values_of_one_process(run: Run) -> Iterator[Finding]:
    """What a step logs of one process's share alone."""
    if run.trainer is not None and run.trainer.world_size > 1:
        for problem in unsynced_values([class_of(run.model)]):
            yield finding_of(problem)
