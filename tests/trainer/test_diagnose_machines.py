"""`diagnose`: what goes wrong where several processes or machines are to train together."""

import socket

import pytest
from diagnosing import ROWS, Rows, found, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.strategies import DDPStrategy
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, RandomSampler, Sampler, SequentialSampler

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.model import EXAMPLE_CONFIG, MMDynamic

NOT_STARTED = "machines that nobody starts"
UNCOUNTED = "processes that the Trainer does not count"
ALONE = "host name of this machine alone"
AGAIN = "order that Lightning deals out again"


@pytest.fixture(autouse=True)
def launcher(monkeypatch):
    """No launcher, and a host name that others can use."""
    for name in ("MASTER_ADDR", "WORLD_SIZE", "LOCAL_RANK", "SLURM_STEP_NUM_TASKS", "GLOO_SOCKET_IFNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "10.0.0.7")


def several(**arguments):
    """Return a Trainer of two processes, unless `arguments` say so; `quiet` gives one."""
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    limits = {"max_epochs": 1, "limit_train_batches": 2}
    return Trainer(accelerator="cpu", strategy="ddp", **{"devices": 2, **silent, **limits, **arguments})


def test_machines_that_nobody_starts_are_found(monkeypatch):
    trainer = several(devices=1, num_nodes=2)
    assert "num_nodes=2" in the(NOT_STARTED, BoringModel(), None, trainer).what
    assert found(BoringModel(), None, quiet()) == []
    monkeypatch.setenv("MASTER_ADDR", "host1")
    assert found(BoringModel(), None, trainer) == []


def test_lightning_waits_in_vain_for_machines_that_nobody_starts():
    from datetime import timedelta

    trainer = quiet(num_nodes=2, strategy=DDPStrategy(timeout=timedelta(seconds=1)))
    with pytest.raises(Exception, match=r"1/2 clients joined|[Tt]imed? ?out"):
        trainer.fit(BoringModel())


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_processes_that_the_trainer_does_not_count_are_found(monkeypatch, variable):
    monkeypatch.setenv(variable, "2")
    assert "2 processes were started together" in the(UNCOUNTED, BoringModel(), None, quiet()).what
    assert found(BoringModel(), None, several()) == []
    monkeypatch.setenv(variable, "1")
    assert found(BoringModel(), None, quiet()) == []


def test_a_host_name_that_leads_to_this_machine_alone_is_found(monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "host1")
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "127.0.1.1")
    finding = the(ALONE, BoringModel(), None, several(num_nodes=2))
    assert f"{socket.gethostname()}, leads to 127.0.1.1" in finding.what
    assert found(BoringModel(), None, several()) == []  # one machine
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth0")
    assert found(BoringModel(), None, several(num_nodes=2)) == []


def test_a_host_name_that_leads_nowhere_is_found(monkeypatch):
    def unknown(name):
        raise socket.gaierror

    monkeypatch.setenv("MASTER_ADDR", "host1")
    monkeypatch.setattr(socket, "gethostbyname", unknown)
    assert "leads to no address" in the(ALONE, BoringModel(), None, several(num_nodes=2)).what


class Ordered(Sampler):
    """The samples backwards."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self):
        return iter(range(self.n)[::-1])

    def __len__(self):
        return self.n


class DealtOut(Ordered):
    rank = 0

    def __init__(self, n: int, rank: int = 0) -> None:
        super().__init__(n)
        self.rank = rank


class Batches(BatchSampler):
    """Batches of an order of its own."""


class Loads(LightningDataModule):
    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments

    def train_dataloader(self):
        return DataLoader(Rows(ROWS), **self.arguments)


def test_an_order_of_ones_own_is_found():
    finding = the(AGAIN, BoringModel(), Loads({"sampler": Ordered(10)}), several())
    assert "Ordered orders the samples" in finding.what
    finding = the(AGAIN, BoringModel(), Loads({"sampler": DealtOut(10)}), several())
    assert "each sees 1/4 of the samples" in finding.why
    assert found(BoringModel(), Loads({"batch_sampler": Batches(Ordered(10), 2, False)}), several()) == [AGAIN]


@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": True},
        {"sampler": SequentialSampler(range(10))},
        {"sampler": RandomSampler(range(10))},
        {"sampler": DistributedSampler(range(10), 2, 0)},
        {"batch_sampler": BatchSampler(RandomSampler(range(10)), 2, False)},
    ],
)
def test_samplers_of_pytorch_are_left_alone(arguments):
    assert found(BoringModel(), Loads(arguments), several()) == []


def test_an_order_is_left_alone_by_one_process_and_where_lightning_is_told_so():
    data = Loads({"sampler": Ordered(10)})
    assert found(BoringModel(), data, quiet()) == []
    assert found(BoringModel(), data, several(use_distributed_sampler=False)) == []


class LogsForItself(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.step(batch))


class LogsForAll(BoringModel):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.step(batch), sync_dist=True)


def test_a_value_of_one_process_is_found():
    assert "'val_loss' without sync_dist" in the("value of one process", LogsForItself(), None, several()).what
    assert found(LogsForItself(), None, quiet()) == []
    assert found(LogsForAll(), None, several()) == []


def test_nothing_is_found_on_lightnings_own_examples_with_several_processes():
    assert found(BoringModel(), BoringDataModule(), several()) == []


def test_of_the_models_of_the_course_the_order_is_found():
    """06 tells of it: with several processes, Lightning shuffles what EpochOrder has shuffled."""
    datamodule, model = TCPDataModule("SIMULATED"), MMDynamic([300, 300, 300], 2, True, EXAMPLE_CONFIG)
    assert found(model, datamodule, several(limit_train_batches=1.0)) == [AGAIN]
    assert found(model, datamodule, several(limit_train_batches=1.0, use_distributed_sampler=False)) == []
