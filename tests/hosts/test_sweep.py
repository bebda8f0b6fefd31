"""One sweep over hosts, while plugs are pulled: nothing that has finished is run again, and nothing is left running."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from net import Net
from sweeping import Sweeping
from waiting import PATIENCE, wait_until


@pytest.fixture
def sweeping(net: Net, tmp_path: Path) -> Sweeping:
    return Sweeping(net, tmp_path)


def test_twelve_runs_on_two_hosts_one_of_which_dies(net: Net, sweeping: Sweeping):
    sweeping.scheduler(), sweeping.worker(2), sweeping.worker(3)
    client = sweeping.sweep(1, "1..12", wait_for=2)
    wait_until(lambda: {"host2", "host3"} <= {one["machine"]["host"] for one in sweeping.ended().values()})
    before = sweeping.ended()
    net.power_off(3)
    assert client.wait(PATIENCE) == 0, sweeping.log("sweep")
    sweeping.check_whole(range(1, 13))
    starts, ended = sweeping.starts(), sweeping.ended()
    assert "12 ok in" in sweeping.log("sweep")
    assert "host3 is gone" in sweeping.log("sweep")
    assert all(ended[n] == record and starts[n] == 1 for n, record in before.items())
    # The host that died may have finished one more; what it had begun, the other one has begun anew.
    assert all(starts[n] == 1 for n, record in ended.items() if record["machine"]["host"] == "host3")
    assert sum(starts.values()) <= 13


def test_a_worker_is_killed_and_a_cable_is_out_for_a_while(net: Net, sweeping: Sweeping):
    sweeping.scheduler(), sweeping.worker(3)
    killed = sweeping.worker(2, after="sleep 600")
    client = sweeping.sweep(1, "1..8,101..103", wait_for=2)
    wait_until(lambda: sum(n > 100 for n in sweeping.starts()) == 2)
    before = sweeping.ended()
    assert len(before) == 8
    sweeping.kill_worker(killed)
    wait_until(lambda: "host2 is gone" in sweeping.log("sweep"))
    wait_until(lambda: len(sweeping.left()) == 1)  # the kernel has followed its worker
    sweeping.worker(2)
    wait_until(lambda: sum(n > 100 for n in sweeping.starts().elements()) == 3)
    net.cut(3)
    wait_until(lambda: "host3 is gone" in sweeping.log("sweep"))
    wait_until(lambda: "is lost: the runs here are ended" in sweeping.log("worker3"))
    net.mend(3)
    wait_until(lambda: sweeping.log("worker3").count("works for") == 2)
    (sweeping.folder / "go").touch()
    assert client.wait(PATIENCE) == 0, sweeping.log("sweep")
    sweeping.check_whole([*range(1, 9), *range(101, 104)])
    starts, ended = sweeping.starts(), sweeping.ended()
    assert all(ended[n] == record and starts[n] == 1 for n, record in before.items())
    assert "11 ok in" in sweeping.log("sweep")


@pytest.mark.slow
def test_client_and_scheduler_end_in_every_way(net: Net, sweeping: Sweeping):
    scheduler = sweeping.scheduler()
    sweeping.worker(2, jobs=2)

    def at_work(times: int) -> subprocess.Popen:
        client = sweeping.sweep(3, "100..103")
        wait_until(lambda: sum(n > 100 for n in sweeping.starts().elements()) == 2 * times)
        return client

    at_work(1)
    net.kill(3)
    wait_until(lambda: sweeping.left() == [])

    client = at_work(2)
    net.signal(client, signal.SIGINT)
    assert client.wait(PATIENCE) == 130
    wait_until(lambda: sweeping.left() == [])

    client = at_work(3)
    net.cut(3)
    assert client.wait(PATIENCE) == 130
    wait_until(lambda: sweeping.left() == [])
    net.mend(3)

    client = at_work(4)
    scheduler.kill()
    assert client.wait(PATIENCE) == 130
    assert sweeping.log("sweep").count("is lost\ninterrupted: the same command does the rest") == 2
    wait_until(lambda: sweeping.left() == [])
    scheduler.wait()
    sweeping.scheduler()

    (sweeping.folder / "go").touch()
    assert sweeping.sweep(3, "100..103").wait(PATIENCE) == 0, sweeping.log("sweep")
    sweeping.check_whole(range(100, 104))
    assert sweeping.starts()[100] == 1


STALE = "entry_timeout=12,negative_timeout=12,attr_timeout=12"


@pytest.mark.skipif(shutil.which("bindfs") is None or not Path("/dev/fuse").exists(), reason="needs bindfs and FUSE")
def test_a_client_that_sees_the_folder_late_waits_for_it(sweeping: Sweeping):
    """As a network's disk may show it: what it has looked for and not found, it does not find for a while."""
    sweeping.scheduler(), sweeping.worker(2)
    view = f"bindfs -o {STALE} {sweeping.folder} {sweeping.folder};"
    client = sweeping.sweep(1, "1..2", before=view)
    assert client.wait(PATIENCE) == 0, sweeping.log("sweep")
    assert "runs of other machines" in sweeping.log("sweep")
    assert "2 ok in" in sweeping.log("sweep")
    sweeping.check_whole(range(1, 3))
    assert sweeping.starts() == {1: 1, 2: 1}
