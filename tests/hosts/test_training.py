"""One training on two hosts: the same bits on both, and the same training as one process; killed, it goes on."""

import sys
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from net import Net, why_not
from torch import Tensor

from mldrl_lite.studies.machines.launching import TRAIN, Machine, Said, slurm, torchrun
from mldrl_lite.studies.machines.train import arguments, train

REASON = why_not()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON),
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:Found .* in eval mode",
        "ignore:Checkpoint directory",
        "ignore:torch.distributed is disabled",  # one process reads what two have written
    ),
]
PAIR = (2, 3)
Weights = dict[str, Tensor]


def start(net: Net, host: int, out: Path, *options: object, **more: object) -> Machine:
    """Start the training on a host by torchrun."""
    return Machine(net, host, torchrun(f"host2:{net.port}", TRAIN, out, *options, **more))


def run_by_slurm(net: Net, out: Path, *options: str) -> list[list[Said]]:
    """Run the training on two hosts, with the variables of Slurm; return what each said."""
    command = [sys.executable, str(TRAIN), str(out), *options]
    pair = [Machine(net, host, command, slurm(PAIR, task)) for task, host in enumerate(PAIR)]
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
def undisturbed(once) -> Path:
    """The folder of a training with dropout on two hosts."""

    def run(out: Path) -> None:
        with Net(3) as net:
            run_by_slurm(net, out, "--epochs", "3")

    return once("undisturbed", run)


def test_two_hosts_train_as_one_process(net, tmp_path):
    options = ("--epochs", "1", "--no-dropout")
    pair = [start(net, host, tmp_path / "two", *options) for host in PAIR]
    said = [machine.end() for machine in pair]
    assert [lines[-1].words.split(": ")[0] for lines in said] == ["host2 rank 0 of 2", "host3 rank 1 of 2"]
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


@pytest.mark.slow
def test_a_host_that_is_lost_and_comes_back_costs_no_bit(undisturbed, net, tmp_path):
    out = tmp_path / "killed"
    options = {"nodes": "2", "restarts": 3}
    stays, _ = (start(net, host, out, "--epochs", "3", "--pause", "0.3", **options) for host in PAIR)
    stays.wait_for("step 6")
    net.power_off(3)
    net.mend(3)
    back = start(net, 3, out, "--epochs", "3", "--pause", "0.3", **options)
    assert "starts in epoch 1," in " ".join(line.words for line in stays.end())
    back.end()
    assert distance(weights(out, 0), weights(undisturbed, 0)) == 0.0


@pytest.mark.slow
def test_with_elastic_the_other_goes_on_alone_until_it_is_back(net, tmp_path):
    """However many share a global batch, without dropout it is the same training."""
    out, options = (
        tmp_path / "elastic",
        ("--epochs", "8", "--no-dropout", "--precision", "64-true", "--pause", "0.3", "--patience", "5"),
    )
    more = {"nodes": "1:2", "restarts": 5}
    stays, _ = (start(net, host, out, *options, **more) for host in PAIR)
    stays.wait_for("of 2: step 6")
    net.power_off(3)
    stays.wait_for("of 1: step")
    net.mend(3)
    back = start(net, 3, out, *options, **more)
    assert " of 2: " in stays.end()[-1].words
    assert " of 2: " in back.end()[-1].words
    assert distance(weights(out, 0), alone(tmp_path / "one", *options[:5])) < 1e-13


def test_a_model_that_is_shared_out_is_read_whole_by_one_process(net, tmp_path):
    """Each host holds half of the weights, and saves its own part; one process puts them together."""
    options = ("--epochs", "1", "--no-dropout")
    said = run_by_slurm(net, tmp_path / "parts", *options, "--shard")
    whole = alone(tmp_path / "one", *options)
    size = sum(weight.numel() for weight in whole.values())
    held = [int(lines[0].words.split()[-2]) for lines in said]
    assert sum(held) >= size  # padded to equal parts
    assert max(held) < 0.52 * size
    state = {"state_dict": {name: torch.zeros_like(weight) for name, weight in whole.items()}}
    dcp.load(state, checkpoint_id=tmp_path / "parts" / "last.ckpt", no_dist=True)
    assert distance(state["state_dict"], whole) < 1e-6


def test_a_process_that_does_not_see_the_checkpoint_is_told(net, tmp_path):
    """It would begin anew, beside one that goes on."""
    alone(tmp_path / "seen", "--epochs", "1")
    folders = (tmp_path / "seen", tmp_path / "not seen")
    pair = [
        Machine(net, host, [sys.executable, str(TRAIN), str(folder), "--epochs", "2"], slurm(PAIR, task))
        for task, (host, folder) in enumerate(zip(PAIR, folders, strict=True))
    ]
    with pytest.raises(RuntimeError, match="do all see the same folder"):
        pair[1].end()
