"""Where there can be no hosts, processes of this machine stand in for them."""

import subprocess
import sys
import time

import psutil
import pytest
import torch
from waiting import PATIENCE

from mldrl_lite.studies.machines import locally
from mldrl_lite.studies.machines.hosts import Net
from mldrl_lite.studies.machines.launching import TRAIN, start_training
from mldrl_lite.studies.machines.locally import Here, machines


@pytest.mark.parametrize(("reason", "kind"), [("needs root", Here), ("", Net)])
def test_hosts_are_made_where_they_can_be(monkeypatch, reason, kind):
    monkeypatch.setattr(locally, "why_not", lambda: reason)
    assert type(machines(2)) is kind


@pytest.mark.slow
def test_two_processes_train_together(tmp_path):
    with Here(2) as net:
        for machine in start_training(net, [1, 2], TRAIN, tmp_path, "--epochs", "1"):
            machine.end()
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_the_host_that_is_killed_is_never_the_one_where_all_meet(tmp_path):
    slowly = [TRAIN, tmp_path, "--epochs", "1", "--no-dropout", "--pause", "0.1"]
    more = {"first": 1, "restarts": 3}
    with Here(2) as net:
        [goes] = start_training(net, [2], *slowly, **more)
        time.sleep(6)  # long enough to become the place where all meet, were it allowed to
        [stays] = start_training(net, [1], *slowly, **more)
        goes.wait_for(": step 2")
        net.kill(2)
        [back] = start_training(net, [2], *slowly, **more)
        assert stays.end()
        assert back.end()


def test_what_one_has_started_dies_with_it():
    starts = (
        "import subprocess, sys; subprocess.Popen(['sleep', '600'], start_new_session=True); print(flush=True); input()"
    )
    with Here(1) as net:
        parent = net.start(1, [sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        parent.stdout.readline()
        [child] = psutil.Process(parent.pid).children()
        net.kill(1)
        assert psutil.wait_procs([child], timeout=PATIENCE)[1] == []
