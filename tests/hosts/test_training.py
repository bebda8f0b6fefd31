"""One training on two hosts: the same bits on both, and the same training as one process; killed, it goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mldrl_lite.studies.machines.hosts import Net, why_not
from mldrl_lite.studies.machines.launching import TRAIN, Machine, slurm, torchrun
from mldrl_lite.studies.machines.train import arguments, train

REASON = why_not()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Found .* in eval mode", "ignore:Checkpoint directory"),
]
PAIR = (2, 3)
Weights = dict[str, Tensor]


@pytest.fixture
def net() -> Iterator[Net]:
    with Net(3) as net:
        yield net


def start(net: Net, host: int, out: Path, *options: object, **more: object) -> Machine:
    """Start the training on a host by torchrun."""
    return Machine(net, host, torchrun("host2", TRAIN, out, *options, **more), out.with_name(f"{out.name}-{host}.log"))


def run_by_slurm(net: Net, out: Path, *options: str) -> list[list[str]]:
    """Run the training on two hosts, with the variables of Slurm; return what each said."""
    command = [*torchrun("")[:1], str(TRAIN), str(out), *options]
    pair = [
        Machine(net, host, command, out.with_name(f"{out.name}-{host}.log"), slurm(PAIR, task))
        for task, host in enumerate(PAIR)
    ]
    return [machine.end() for machine in pair]


def alone(out: Path, *options: str) -> Weights:
    """Train in this process."""
    train(arguments([str(out), *options]))
    return weights(out, 0)


def weights(out: Path, rank: int) -> Weights:
    return torch.load(out / f"rank{rank}.pt")


def distance(first: Weights, second: Weights) -> float:
    """Return the largest difference between two weights."""
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The folder of a training with dropout on two hosts."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    with Net(3) as net:
        run_by_slurm(net, out, "--epochs", "3")
    return out


def test_two_hosts_train_as_one_process(net, tmp_path):
    options = ("--epochs", "1", "--no-dropout")
    pair = [start(net, host, tmp_path / "two", *options) for host in PAIR]
    said = [machine.end() for machine in pair]
    assert [line[-1].split(": ")[0] for line in said] == ["host2 rank 0 of 2", "host3 rank 1 of 2"]
    first, second = weights(tmp_path / "two", 0), weights(tmp_path / "two", 1)
    assert distance(first, second) == 0.0
    assert 0.0 < distance(first, alone(tmp_path / "one", *options)) < 1e-6


def test_what_is_left_of_a_difference_is_rounding(net, tmp_path):
    options = ("--epochs", "2", "--no-dropout", "--precision", "64-true")
    run_by_slurm(net, tmp_path / "two", *options)
    assert distance(weights(tmp_path / "two", 0), alone(tmp_path / "one", *options)) < 1e-14


def test_dropout_draws_other_numbers_on_two_hosts(undisturbed, tmp_path):
    """Each process draws for its own share: the same bits on both hosts, and another training than one process's."""
    assert distance(weights(undisturbed, 0), weights(undisturbed, 1)) == 0.0
    assert distance(weights(undisturbed, 0), alone(tmp_path, "--epochs", "3")) > 1e-4


def test_a_host_that_is_lost_and_comes_back_costs_no_bit(undisturbed, net, tmp_path):
    out = tmp_path / "killed"
    options = {"nodes": "2", "restarts": 3}
    stays, _ = (start(net, host, out, "--epochs", "3", "--pause", "0.1", **options) for host in PAIR)
    stays.wait_for("epoch 0 done")
    net.power_off(3)
    net.mend(3)
    back = start(net, 3, out, "--epochs", "3", "--pause", "0.1", **options)
    assert "starts in epoch 1" in " ".join(stays.end())
    back.end()
    assert distance(weights(out, 0), weights(undisturbed, 0)) == 0.0


def test_with_elastic_the_other_goes_on_alone_until_it_is_back(net, tmp_path):
    """However many share a global batch, without dropout it is the same training."""
    out, options = (
        tmp_path / "elastic",
        ("--epochs", "8", "--no-dropout", "--precision", "64-true", "--pause", "0.1", "--patience", "5"),
    )
    more = {"nodes": "1:2", "restarts": 5}
    stays, _ = (start(net, host, out, *options, **more) for host in PAIR)
    stays.wait_for("of 2: epoch 0 done")
    net.power_off(3)
    stays.wait_for("of 1: epoch")
    net.mend(3)
    back = start(net, 3, out, *options, **more)
    assert " of 2: " in stays.end()[-1]
    assert " of 2: " in back.end()[-1]
    assert distance(weights(out, 0), alone(tmp_path / "one", *options[:5])) < 1e-13
