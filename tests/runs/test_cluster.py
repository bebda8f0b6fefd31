"""A sweep on other machines: who is fit, what is run how often, what ends a run. Here the machines are on loopback.

The kernels are pretended. tests/hosts does it with hosts, kernels and cables.
"""

import asyncio
import gc
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from distributed import Client, Security
from distributed.comm import Comm
from loopback import Loopback
from nbformat.v4 import new_code_cell, new_notebook, new_output
from processes import started
from waiting import PATIENCE, wait_until

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs import launch, sweep
from mldrl_lite.runs.cluster import cluster as clusters
from mldrl_lite.runs.cluster import machine, runs_here
from mldrl_lite.runs.cluster.cluster import Cluster
from mldrl_lite.runs.cluster.visit import Visit
from mldrl_lite.runs.record.record import read_record
from mldrl_lite.runs.results.table import table_of_runs
from mldrl_lite.runs.sweeps.plan import plan_jobs
from mldrl_lite.runs.sweeps.sweep import Interrupted

PARAMETERS = "n = 1\ndata_dir = ''\nout_dir = ''"


class Pretence:
    """Takes the place of the kernels: counts starts, and runs whose number is held go on until they are ended."""

    def __init__(self) -> None:
        self.starts: Counter[int] = Counter()
        self.threads: list[int] = []
        self.held: set[int] = set()
        self.ended: set[int] = set()

    def __call__(self, node: nbformat.NotebookNode, copy: Path, parameters: dict[str, Any], **_: object) -> str:
        n, thread = parameters.get("n", 1), threading.get_ident()
        self.starts[n] += 1
        self.threads.append(thread)
        if n in self.held:
            wait_until(lambda: thread in self.ended or n not in self.held)
        self.ended.discard(thread)
        node.cells[-1].outputs = [new_output("display_data", {RESULT_TYPE: {"headline": "h", "values": {"score": n}}})]
        nbformat.write(node, copy)
        return "cell In [2]: ValueError: unlucky" if n == 13 else ""


@pytest.fixture
def pretence(monkeypatch: pytest.MonkeyPatch) -> Pretence:
    pretence = Pretence()
    monkeypatch.setattr(launch, "execute_notebook", pretence)
    monkeypatch.setattr(runs_here, "end_kernels", pretence.ended.add)
    return pretence


@pytest.fixture
def page(tmp_path: Path) -> Path:
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell("n")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "page.ipynb")
    return tmp_path / "page.ipynb"


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    with Loopback(tmp_path) as loopback:
        yield loopback


def swept(page: Path, numbers: Any, loopback: Loopback, **more: Any) -> pd.DataFrame:
    chosen = {"executor": Cluster(loopback.address), "kernel": "python3", "progress": False, **more}
    return sweep(page, {"n": numbers}, page.parent / "out", **chosen)


class Background:
    """A sweep in a thread, which holds up its end until `result` is asked for."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.outcome: Any = None
        self.thread = threading.Thread(target=self._run, args=(arguments, named))
        self.thread.start()

    def _run(self, arguments: Any, named: Any) -> None:
        try:
            self.outcome = swept(*arguments, **named)
        except BaseException as error:
            self.outcome = error

    def result(self) -> Any:
        self.thread.join(PATIENCE)
        return self.outcome


# ---------------------------------------------------------------------------------------------------------------------
# Runs, once each


def test_a_sweep_is_shared_out_and_says_where_each_run_was(page: Path, loopback: Loopback, pretence: Pretence):
    loopback.worker(), loopback.worker(2)
    rows = swept(page, [*range(1, 9), 13], loopback)
    assert rows["status"].tolist() == ["ok"] * 8 + ["failed"]
    assert rows["score"].tolist()[:8] == list(range(1, 9))
    assert set(pretence.starts.values()) == {1}
    assert set(rows["host"]) == {machine.about()["host"]}
    assert all(f"torch {machine.about()['torch']}" in text for text in rows["versions"])
    assert sorted(path.name for path in (page.parent / "out").glob(".*")) == [".sweep"]
    again = swept(page, [*range(1, 9), 13], loopback)
    assert pretence.starts == Counter({**dict.fromkeys(range(1, 9), 1), 13: 2})
    assert again["status"].tolist() == rows["status"].tolist()


def test_the_notebook_travels_once(page: Path, loopback: Loopback, pretence: Pretence, monkeypatch):
    sizes = []
    run = runs_here.RunsHere.run

    def noted(here: Any, key: str, token: str, own: Any) -> Any:
        sizes.append(len(pickle.dumps(own)))
        return run(here, key, token, own)

    monkeypatch.setattr(runs_here.RunsHere, "run", noted)
    node = nbformat.read(page, as_version=4)
    node.cells.append(new_code_cell("x = 1  # " + "long" * 10_000))
    nbformat.write(node, page)
    loopback.worker()
    swept(page, range(5), loopback)
    assert len(sizes) == 5
    assert max(sizes) < 1_000


def test_what_the_same_sweep_holds_is_not_run_again(page: Path, loopback: Loopback, pretence: Pretence, monkeypatch):
    """As when a worker dies with an answer that nobody has fetched: the scheduler has the run started anew."""
    run = runs_here.RunsHere.run

    def twice(here: Any, *told: Any) -> Any:
        assert run(here, *told)[0] == "ok"
        return run(here, *told)

    monkeypatch.setattr(runs_here.RunsHere, "run", twice)
    loopback.worker()
    assert swept(page, [1, 2], loopback)["status"].tolist() == ["ok", "ok"]
    assert pretence.starts == {1: 1, 2: 1}


def test_a_view_of_the_folder_that_is_old_is_waited_for(page: Path, loopback: Loopback, pretence, monkeypatch, capsys):
    looks: Counter[str] = Counter()
    look = clusters.held_by_sweep

    def old(job: Any) -> Any:
        looks[job.name] += 1
        return look(job) if looks[job.name] > 2 else None

    monkeypatch.setattr(clusters, "held_by_sweep", old)
    loopback.worker()
    rows = swept(page, [1, 2, 3], loopback, progress=True)
    assert rows["status"].tolist() == ["ok"] * 3
    assert "shows 3 runs of other machines" in capsys.readouterr().err
    assert set(pretence.starts.values()) == {1}


def test_the_table_is_made_of_answers_too_where_the_folder_shows_nothing(page: Path, loopback: Loopback, pretence):
    loopback.worker()
    swept(page, [1, 2], loopback)
    told = {"n=1": read_record(page.parent / "out" / "n=1")}
    assert table_of_runs(page.parent / "empty", told).values("score") == [1]
    newer = {"n=1": told["n=1"] | {"ended": told["n=1"]["ended"] + 1, "values": {"score": 5}}}
    assert table_of_runs(page.parent / "out", newer).values("score") == [5, 2]


# ---------------------------------------------------------------------------------------------------------------------
# Who is fit


def other_code(monkeypatch: pytest.MonkeyPatch, loopback: Loopback) -> Any:
    """Start a worker with another torch."""
    with monkeypatch.context() as patch:
        about = machine.about() | {"torch": "1.13.0", "host": "old"}
        patch.setattr(machine, "about", lambda: about)
        return loopback.worker(4)


def test_a_worker_with_other_code_never_gets_a_run(page: Path, loopback: Loopback, pretence, monkeypatch, capsys):
    other = other_code(monkeypatch, loopback)
    asked = []
    monkeypatch.setattr(other.plugins[runs_here.NAME], "run", lambda *told: asked.append(told) or ("dropped", ""))
    loopback.worker()
    assert swept(page, range(6), loopback, progress=True)["status"].tolist() == ["ok"] * 6
    assert asked == []
    assert f"old is not fit: it has another torch 1.13.0 (here {machine.about()['torch'].partition('+')[0]})" in (
        capsys.readouterr().err
    )


def test_where_no_worker_is_fit_it_says_why_each_is_not(page: Path, loopback: Loopback, pretence, monkeypatch):
    monkeypatch.setattr(clusters, "_FIT_WITHIN", 0.1)
    with pytest.raises(InputError, match=r"^No worker: start one with `mldrl-lite worker tcp://127.0.0.1:\d+`\.$"):
        swept(page, [1], loopback)
    other_code(monkeypatch, loopback)
    loopback.worker()
    with pytest.raises(InputError) as refused:
        swept(page, [1], loopback, kernel="nosuch")
    assert "old is not fit: it has another torch 1.13.0" in str(refused.value)
    assert "is not fit: it has no kernel 'nosuch'" in str(refused.value)
    assert pretence.starts == {}


def test_what_is_missing_on_a_machine_is_told(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "data").mkdir()
    grid = {"n": 1, "data_dir": str(tmp_path / "data")}
    visit = Visit.for_plan(plan_jobs(page, grid, tmp_path / "out", "python3"))
    assert visit.missing() == [f"does not see {str(tmp_path / 'out')!r} (No such file or directory)"]
    (tmp_path / "out" / ".sweep").write_text("of another sweep")
    assert visit.missing() == [f"sees another folder at {str(tmp_path / 'out')!r}, or an old view of it"]
    (tmp_path / "out" / ".sweep").write_text("")
    assert visit.missing() == []
    monkeypatch.setenv("MLDRL_LITE_DATA", "elsewhere")
    (tmp_path / "data").rmdir()
    assert visit.missing() == [
        f"has no data in {str(tmp_path / 'data')!r}",
        "has MLDRL_LITE_DATA='elsewhere' (here '')",
    ]


def test_a_worker_that_comes_later_takes_part_and_one_that_goes_is_told(page, loopback, pretence, capsys):
    pretence.held, said = {1, 7}, []
    first = loopback.worker()
    sweeping = Background(page, range(1, 8), loopback, progress=True)
    wait_until(lambda: pretence.starts[1])
    loopback.worker()
    wait_until(lambda: sum(pretence.starts.values()) > 4)
    loopback.call(first.close())
    wait_until(lambda: said.append(capsys.readouterr().err) or "is gone" in "".join(said))
    pretence.held = set()
    assert sweeping.result()["status"].tolist() == ["ok"] * 7
    assert {n: count for n, count in pretence.starts.items() if n > 1} == dict.fromkeys(range(2, 8), 1)


def test_runs_meant_for_workers_that_are_gone_go_to_others(page: Path, loopback: Loopback, pretence, monkeypatch):
    """Where a worker of the same code is not fit, runs name those that are: these may all go."""
    pretence.held = {1}
    blind, good = loopback.worker(), loopback.worker()
    monkeypatch.setattr(blind.plugins[runs_here.NAME], "visited", lambda _: ["has no kernel"])
    sweeping = Background(page, [1, 2], loopback)
    wait_until(lambda: pretence.starts[1])
    loopback.call(good.close())
    pretence.held = set()
    loopback.worker()
    assert sweeping.result()["status"].tolist() == ["ok", "ok"]


# ---------------------------------------------------------------------------------------------------------------------
# Ends


def test_a_run_ends_with_its_client(page: Path, loopback: Loopback, pretence: Pretence, monkeypatch):
    pretence.held = {1}
    worker = loopback.worker()
    monkeypatch.setattr(clusters._Flight, "__exit__", lambda *_: None)  # it has no time to take anything back
    monkeypatch.setattr(runs_here, "_is_over", lambda _: False)  # nor to say so in the folder
    register = loopback.scheduler.handlers["register-client"]

    async def later(comm: Comm, client: str, **more: Any) -> None:
        """A client that is back before it was missed has its tasks kept by dask; then the folder ends the run."""
        while client in loopback.scheduler.clients:
            await asyncio.sleep(0.01)
        await register(comm, client, **more)

    monkeypatch.setitem(loopback.scheduler.handlers, "register-client", later)
    sweeping = Background(page, [1, 2], loopback)
    wait_until(lambda: pretence.starts[1])
    [run] = worker.plugins[runs_here.NAME].under_way.values()
    [link] = loopback.scheduler.client_comms.values()
    loopback.loop.call_soon_threadsafe(link.abort)
    wait_until(run.over.is_set)
    assert isinstance(sweeping.result(), Interrupted)
    pretence.held = set()
    assert swept(page, [1, 2], loopback)["status"].tolist() == ["ok", "ok"]


def test_a_run_ends_when_the_folder_holds_another_token_and_not_when_it_cannot_be_read(page, loopback, pretence):
    pretence.held = {1}
    worker = loopback.worker()
    sweeping = Background(page, [1], loopback)
    wait_until(lambda: pretence.starts[1])
    [run] = worker.plugins[runs_here.NAME].under_way.values()
    token = page.parent / "out" / ".sweep"
    assert not runs_here._is_over(run.job)
    text = token.read_text()
    token.unlink()
    token.mkdir()
    assert not runs_here._is_over(run.job)
    token.rmdir()
    token.write_text("another")
    assert runs_here._is_over(run.job)
    wait_until(lambda: run.over.is_set())
    pretence.held = set()
    token.write_text(text)
    assert sweeping.result()["status"].tolist() == ["ok"]
    assert pretence.starts[1] == 2
    assert [path.name for path in (page.parent / "out").glob(".*")] == [".sweep"]


def test_a_lost_scheduler_is_an_interruption(page: Path, loopback: Loopback, pretence: Pretence):
    pretence.held = {3}
    worker = loopback.worker()
    sweeping = Background(page, [1, 2, 3, 4], loopback)
    wait_until(lambda: pretence.starts[3])
    loopback.call(loopback.scheduler.close())
    lost = sweeping.result()
    assert isinstance(lost, Interrupted)
    assert lost.why == f"the scheduler at {loopback.address} is lost"
    assert lost.table.values("status") == ["ok", "ok"]
    wait_until(lambda: not worker.plugins or not worker.plugins[runs_here.NAME].under_way)
    pretence.held = set()
    sweep(page, {"n": [1, 2, 3, 4]}, page.parent / "out", kernel="python3", progress=False)
    assert pretence.starts == {1: 1, 2: 1, 3: 2, 4: 1}


def test_a_scheduler_that_is_lost_before_a_worker_is_there_is_one_too(page: Path, loopback: Loopback, capsys):
    cluster = Cluster(loopback.address, wait_for=1)
    sweeping = Background(page, [1], loopback, executor=cluster, progress=True)
    said: list[str] = []
    wait_until(lambda: said.append(capsys.readouterr().err) or "waiting for 1 more worker" in "".join(said))
    loopback.call(loopback.scheduler.close())
    assert isinstance(sweeping.result(), Interrupted)


def test_of_a_scheduler_that_does_not_answer_nothing_is_left_that_a_second_try_could_wait_for(page: Path, monkeypatch):
    """A client of distributed that is collected while another one starts waits for ever."""
    monkeypatch.setattr(clusters, "_CONNECT_WITHIN", 1)
    gc.collect()
    before = clients()
    with pytest.raises(InputError, match="No scheduler answers") as caught:
        sweep(page, {"n": [1]}, page.parent / "out", executor=Cluster("tcp://127.0.0.1:9"), progress=False)
    assert clients() - before == set()
    assert caught.value.__context__ is None


def clients() -> set[int]:
    return {id(one) for one in gc.get_objects() if type(one) is Client and one.status != "closed"}


# ---------------------------------------------------------------------------------------------------------------------
# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    """Make a key and a certificate that is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    files = {"ca": tmp_path / "cert.pem", "cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=test"]
    done = subprocess.run([*words, "-keyout", files["key"], "-out", files["cert"]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return files


def test_with_tls_only_those_with_a_certificate_take_part(page: Path, pretence, certificate, capsys, monkeypatch):
    monkeypatch.setattr(clusters, "_CONNECT_WITHIN", 1)
    both = {
        f"tls_{role}_{part}": str(certificate[part]) for role in ("scheduler", "worker") for part in ("cert", "key")
    }
    secure = Security(tls_ca_file=str(certificate["ca"]), require_encryption=True, **both)
    with Loopback(page.parent, secure) as loopback:
        loopback.worker()
        assert loopback.address.startswith("tls://")
        command = ["sweep", str(page), "-p", "n", "1,2", "-o", str(page.parent / "out"), "--kernel", "python3"]
        command += ["--scheduler", loopback.address]
        assert main(command) == 2
        assert main([*command[:-1], loopback.address.replace("tls", "tcp")]) == 2
        refused = capsys.readouterr().err.splitlines()
        assert [line.startswith("mldrl-lite: No scheduler answers at t") for line in refused] == [True, True]
        files = [word for part, file in certificate.items() for word in (f"--tls-{part}", str(file))]
        assert main([*command, *files]) == 0
    assert pretence.starts == {1: 1, 2: 1}


# ---------------------------------------------------------------------------------------------------------------------
# Commands


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep", "PAGE", "--scheduler", "here"], "'here' is no address of a scheduler: give one such as tcp://"),
        (["sweep", "PAGE", "--scheduler", "tcp://h:x"], "'tcp://h:x' is no address of a scheduler"),
        (["sweep", "PAGE", "--scheduler", "tcp://127.0.0.1:9"], "No scheduler answers at tcp://127.0.0.1:9"),
        (["sweep", "PAGE", "--wait-for", "2"], "--wait-for and --tls-… are for a sweep on other machines"),
        (["sweep", "PAGE", "--scheduler", "tcp://127.0.0.1:9", "--wait-for", "-1"], "wait-for = -1"),
        (["sweep", "PAGE", "--scheduler", "tcp://127.0.0.1:9", "-j", "2"], "told to its worker: give -j there"),
        (["sweep", "PAGE", "--scheduler", "tls://127.0.0.1:9", "--tls-ca", "none"], "--tls-ca none is no file"),
        (["worker", "tcp://10.0.0.7:8786"], "Who can reach a worker can run code on it: say with --host"),
        (["worker", "tcp://10.0.0.7:8786", "--host", "192.0.2.1"], "192.0.2.1 cannot be listened on"),
        (["worker", "tcp://127.0.0.1:8786", "-j", "0"], "jobs = 0"),
        (["scheduler", "--host", "192.0.2.1"], "192.0.2.1:8786 cannot be listened on"),
    ],
)
def test_what_cannot_be_meant_gets_a_sentence(page: Path, capsys, monkeypatch, words: list[str], message: str):
    monkeypatch.setattr(clusters, "_CONNECT_WITHIN", 1)
    monkeypatch.chdir(page.parent)
    assert main([str(page) if word == "PAGE" else word for word in words]) == 2
    assert message in capsys.readouterr().err


def test_a_worker_waits_for_its_scheduler_and_ends_when_told(tmp_path: Path):
    with started(tmp_path, "-m", "mldrl_lite", "worker", "tcp://127.0.0.1:9") as worker:
        wait_until(lambda: "waiting for a scheduler at tcp://127.0.0.1:9" in (tmp_path / "log").read_text())
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=PATIENCE) == 143


def test_without_a_scheduler_distributed_is_not_imported():
    code = "import sys, mldrl_lite.__main__, mldrl_lite.runs.sweeps.sweep; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0


def test_the_commands_run_a_sweep_and_end_when_told(page: Path, tmp_path: Path):
    servers = ["-m", "mldrl_lite"]

    def said() -> str:
        return (tmp_path / "log").read_text()

    with started(tmp_path, *servers, "scheduler", "--port", "0") as scheduler:
        wait_until(lambda: "the scheduler is at tcp://127.0.0.1:" in said())
        address = said().split()[-1]
        with started(tmp_path, *servers, "worker", address) as worker:
            wait_until(lambda: f"works for {address}: 1 at once, listening on tcp://127.0.0.1:" in said())
            sweeping = ["sweep", "page.ipynb", "-o", "out", "--kernel", "python3", "--scheduler", address]
            with started(tmp_path, *servers, *sweeping) as client:
                assert "1 ok in out" in client.communicate(timeout=PATIENCE)[0]
            scheduler.send_signal(signal.SIGTERM)
            assert scheduler.wait(timeout=PATIENCE) == 143
            wait_until(lambda: f"{address} is lost" in said())
            worker.send_signal(signal.SIGINT)
            assert worker.wait(timeout=PATIENCE) == 130
    assert "Traceback" not in said()
