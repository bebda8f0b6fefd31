"""What Binder builds and starts, as far as it can be seen without Binder; and that no server is open to all."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

BINDER = ROOT / "binder"
# .ci/run puts it into an environment of its own: the course does not need it.
REPO2DOCKER = shutil.which("jupyter-repo2docker", path=f"{ROOT}/build/repo2docker/bin{os.pathsep}{os.environ['PATH']}")
PREFIX = "/user/learner/"
TOKEN = "a-token-of-this-test"  # noqa: S105


# ---------------------------------------------------------------------------------------------------------------------
# The image


@pytest.mark.skipif(REPO2DOCKER is None, reason="repo2docker is not installed: pip install jupyter-repo2docker")
def test_repo2docker_plans_the_image(tmp_path: Path):
    shutil.copytree(BINDER, tmp_path / "binder")
    for name in ("constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [REPO2DOCKER, "--no-build", "--debug", "--user-id", "1000", "--user-name", "learner", tmp_path]
    planned = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert planned.returncode == 0, planned.stderr
    steps = [
        'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"',
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    places = [planned.stdout.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert re.search(r"^USER \$\{NB_USER\}", planned.stdout, re.M)
    assert "python=3.12" in planned.stderr


def test_the_scripts_are_programs():
    for name in ("start", "postBuild"):
        assert os.access(BINDER / name, os.X_OK)
        assert (BINDER / name).read_text().startswith("#!/bin/bash\n")


@pytest.fixture
def with_condas_torch(tmp_path: Path) -> Path:
    """The Python of an environment that has everything the tests have, but a torch of conda's choice."""
    venv.create(tmp_path / "conda", symlinks=True)
    python = tmp_path / "conda" / "bin" / "python"
    [site] = (tmp_path / "conda").glob("lib/python3.*/site-packages")
    (site / "tests.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    info = site / "torch-2.12.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.12.1\nRequires-Dist: sympy\n")
    (info / "INSTALLER").write_text("conda\n")
    return python


def pip_lines(path: Path) -> list[str]:
    [lines] = [part["pip"] for part in yaml.safe_load(path.read_text())["dependencies"] if isinstance(part, dict)]
    return shlex.split(" ".join(lines))


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="the exact versions have no wheels for it; conda takes 3.12")
def test_pip_leaves_the_torch_of_conda_alone(with_condas_torch: Path):
    """Of the two, what Binder installs is more; the other is the same without one extra."""
    asked = pip_lines(BINDER / "environment.yml")
    assert [line.replace("../", "").replace("..[", ".[").replace(",binder]", "]") for line in asked] == pip_lines(
        ROOT / "environment.yml"
    )
    pip = [sys.executable, "-m", "pip", "--python", with_condas_torch]
    command = [*pip, "install", "--dry-run", "--quiet", "--report", "-", *asked]
    planned = subprocess.run(command, cwd=BINDER, capture_output=True, text=True, timeout=300)
    assert planned.returncode == 0, planned.stderr
    wanted = {entry["metadata"]["name"] for entry in json.loads(planned.stdout)["install"]}
    assert "mldrl-lite" in wanted
    assert not {name for name in wanted if re.match(r"torch$|nvidia|cuda|triton", name)}


# ---------------------------------------------------------------------------------------------------------------------
# The start


def start(*command: str, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        [BINDER / "start", *command], env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize(
    ("variables", "url"),
    [({"JUPYTERHUB_SERVICE_PREFIX": PREFIX}, "/user/learner/proxy/%PORT%/"), ({}, "/proxy/%PORT%/")],
)
def test_the_tensorboard_magic_is_told_of_the_proxy(variables: dict[str, str], url: str):
    code = (
        "import base64\nfrom unittest import mock\nfrom IPython import display\nfrom tensorboard import notebook\n"
        "with mock.patch.object(display, 'display') as shown:\n    notebook._display_ipython(6006, 500, None)\n"
        "print(shown.call_args[0][0].data)"
    )
    assert f'"{url.replace("%PORT%", "6006")}"' in start(sys.executable, "-c", code, **variables)


def test_the_command_of_the_image_is_run_as_it_is_given():
    assert start("printf", "[%s]", "two words", "*") == "[two words][*]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab as Binder's machine starts it, in a copy of the course without notebooks' runs."""
    if importlib.util.find_spec("jupyter_server_proxy") is None:
        pytest.skip("jupyter-server-proxy is not installed: pip install .[binder]")
    folder = tmp_path_factory.mktemp("binder")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("runs", ".*"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "NB_PYTHON_PREFIX": str(folder / "prefix"),
        "JUPYTER_CONFIG_DIR": str(folder / "prefix" / "etc" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_TOKEN": TOKEN,
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
    }
    subprocess.run([BINDER / "postBuild"], env=environment, cwd=folder, check=True, timeout=300)
    options = ["--ServerApp.base_url", PREFIX, "--ServerApp.port", str(port), "--allow-root", "--no-browser"]
    command = [BINDER / "start", "jupyter", "server", *options]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}{PREFIX}api", process, folder / "log.txt")
            yield f"http://127.0.0.1:{port}{PREFIX}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def wait_until_it_answers(url: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()  # noqa: S310
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(log.read_text())


def get(url: str, token: str = TOKEN) -> tuple[str, str]:
    """Return where a request ends and what it answers."""
    headers = {"Authorization": f"token {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=90) as answer:  # noqa: S310
        return answer.url, answer.read().decode(errors="replace")


def test_jupyterlab_opens_on_the_first_notebook(server: str):
    place, text = get(server)
    assert place == f"{server}lab/tree/notebooks/00_quickstart.ipynb"
    assert "JupyterLab" in text


def test_the_launcher_offers_a_tensorboard_that_answers_behind_the_proxy(server: str):
    offers = json.loads(get(f"{server}server-proxy/servers-info")[1])["server_processes"]
    assert [offer["launcher_entry"]["title"] for offer in offers if offer["name"] == "tensorboard"] == ["TensorBoard"]
    assert "<title>TensorBoard</title>" in get(f"{server}tensorboard/")[1]
    assert json.loads(get(f"{server}tensorboard/data/environment")[1])["version"]


def test_what_the_magic_shows_answers_behind_the_proxy(server: str, tmp_path: Path):
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", tmp_path, "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", said)):
            said = process.stderr.readline()
            assert said
        shown = start("sh", "-c", 'printf %s "$TENSORBOARD_PROXY_URL"', JUPYTERHUB_SERVICE_PREFIX=PREFIX)
        url = server.removesuffix(PREFIX) + shown.replace("%PORT%", found.group(1))
        assert "<title>TensorBoard</title>" in get(url)[1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("path", ["api/contents", "tensorboard/", "proxy/22/", "lab"])
def test_nobody_gets_in_without_the_token(server: str, path: str):
    try:
        place, _ = get(server + path, token="")
    except urllib.error.HTTPError as error:
        assert error.code == 403  # noqa: PT017
    else:
        assert place.startswith(f"{server}login")


# ---------------------------------------------------------------------------------------------------------------------
# Authentication stays on, everywhere

OPEN_DOORS = re.compile(
    r"""(token|password)["']?\s*[=:]\s*(''|"")|--(Server|Notebook)App\.(token|password)|--IdentityProvider\.token"""
    r"""|disable_check_xsrf|allow_unauthenticated_access["']?\s*[=:]\s*True|allow_remote_access|--bind[-_]all"""
    r"""|--(ip|host)[= ]["']?(0\.0\.0\.0|\*|::)"""
)


def texts() -> Iterator[Path]:
    """The files of the course that people write."""
    unread = {".git", ".venv", "build", "runs", "__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in unread and not name.endswith(".egg-info")]
        yield from (Path(folder) / name for name in files if not name.endswith((".png", ".ico")))


def test_no_file_opens_a_server_to_all():
    mine = Path(__file__).resolve()
    found = {str(path): OPEN_DOORS.search(path.read_text(errors="replace")) for path in texts() if path != mine}
    assert BINDER / "start" in map(Path, found)
    assert {path: match.group() for path, match in found.items() if match} == {}


@pytest.mark.parametrize(
    "line",
    [
        "jupyter lab --ServerApp.token=''",
        "--NotebookApp.token abc",
        'c.ServerApp.token = ""',
        '"token": ""',
        "jupyter lab --ip 0.0.0.0",
        "tensorboard --bind_all",
        "tensorboard --host=0.0.0.0",
        "c.ServerApp.disable_check_xsrf = True",
    ],
)
def test_the_finder_of_open_doors_finds_one(line: str):
    assert OPEN_DOORS.search(line)
