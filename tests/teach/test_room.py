"""The stick holds what a laptop without a network needs, and its check says what is wrong there, in a sentence."""

import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

from mldrl_lite.messages import InputError
from mldrl_lite.teach.room import check_room, making, wheels
from mldrl_lite.teach.room.check_room import Trouble
from mldrl_lite.teach.room.wheels import SYSTEMS, download, missing


def wheel(folder: Path, name: str, *needs: str, tag: str = "py3-none-any") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-{tag}.whl"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", "\n".join(lines))
        archive.writestr(f"{name}/_vendor/other-2.0.dist-info/METADATA", "Requires-Dist: never")
    return path


NEEDS = {
    "mldrl_lite": ["plain>=1", 'course_tool[fast]; extra == "course"', 'other; extra == "test"'],
    "plain": ['pywinpty>=2; os_name == "nt"', 'old; python_version < "3.12"'],
    "course_tool": ['Quick.Part; extra == "fast"', 'slow; extra == "slow"'],
    "pywinpty": ['colorama; sys_platform == "win32"'],
    "Quick_Part": [],
    "colorama": [],
    "old": [],
}


class Pip:
    """A pip that brings what it is asked for, and nothing that this system would need."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.commands = folder, []

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(list(command))
        for wanted in command[command.index("--dest") + 2 :]:
            name = {"Quick.Part": "Quick_Part", "course-tool": "course_tool"}.get(wanted) or re.split(r"[\[>]", wanted)[
                0
            ]
            wheel(self.folder, name, *NEEDS[name])


@pytest.mark.parametrize(
    ("system", "python", "more"),
    [
        ("linux", "3.12", {"Quick_Part"}),
        ("linux", "3.11", {"Quick_Part", "old"}),
        ("windows", "3.12", {"Quick_Part", "pywinpty", "colorama"}),
        ("macos", "3.13", {"Quick_Part"}),
    ],
)
def test_another_system_gets_what_it_needs_and_this_one_does_not(
    tmp_path: Path, system: str, python: str, more: set[str]
):
    pip = Pip(tmp_path / "wheels")
    own = wheel(tmp_path, "mldrl_lite", *NEEDS["mldrl_lite"])
    found = download(own, "course", tmp_path / "wheels", SYSTEMS[system], python, ["--no-cache-dir"], pip)
    assert {path.name.split("-")[0] for path in found} == {"mldrl_lite", "plain", "course_tool"} | more
    for command in pip.commands:
        assert command[command.index("--python-version") + 1] == f"{python}.9"
        assert SYSTEMS[system].tags[0] in command
        assert {"--only-binary=:all:", "--no-deps", "--no-cache-dir"} <= {*command}
    assert missing(tmp_path / "wheels", SYSTEMS[system], python, {"mldrl-lite": {"course"}}) == []


def test_a_wheel_that_does_not_come_is_named_and_not_asked_for_again(tmp_path: Path):
    own = wheel(tmp_path, "mldrl_lite", *NEEDS["mldrl_lite"])
    with pytest.raises(InputError, match=r"no wheel of plain>=1 or course_tool\[fast\] for this system"):
        download(own, "course", tmp_path / "wheels", SYSTEMS["linux"], "3.12", [], lambda _: None)


def test_pip_s_word_is_handed_on(tmp_path: Path):
    command = [sys.executable, "-c", "import sys; print('ERROR: no such wheel', file=sys.stderr); sys.exit(1)"]
    with pytest.raises(InputError, match="pip has not found all wheels: ERROR: no such wheel"):
        wheels.run_quietly(command)


def test_a_stick_is_made_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root, out = tmp_path / "root", tmp_path / "stick"
    (root / "build" / "site").mkdir(parents=True)
    (root / "build" / "site" / "index.html").touch()
    monkeypatch.setattr(
        making, "make_workshop", lambda _, place: (place / "notebooks").mkdir(parents=True, exist_ok=True)
    )
    commands: list[Sequence[str]] = []

    def pip(command: Sequence[str]) -> None:
        commands.append(command)
        if "wheel" in command:
            wheel(Path(command[command.index("--wheel-dir") + 1]), "mldrl_lite", *NEEDS["mldrl_lite"])
        else:
            Pip(Path(command[command.index("--dest") + 1]))(command)

    wheel(out / "wheels" / "windows", "mldrl_lite-0.9")
    for _ in range(2):
        sizes = making.make_room(root, out, ["windows", "macos"], ["3.12"], "https://example.org/cpu", pip)
        assert list(sizes) == ["windows", "macos"]
        assert (out / "course" / "notebooks").is_dir()
        assert (out / "site" / "index.html").is_file()
        for name in ("windows", "macos"):
            found = [path.name for path in (out / "wheels" / name).glob("mldrl_lite*")]
            assert found == ["mldrl_lite-1.0-py3-none-any.whl"]
        assert "Python 3.12.9" in (out / "README.md").read_text()
    extra = [("--extra-index-url" in command, "win_amd64" in command) for command in commands if "download" in command]
    assert {given == windows for given, windows in extra} == {True}  # macOS takes PyTorch's usual builds
    help_text = subprocess.run(
        [sys.executable, "-I", "-S", out / "check_room.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "--place" in help_text.stdout  # it needs Python alone
    shutil.rmtree(root / "build")
    making.make_room(root, out, ["macos"], ["3.12"], run=pip)
    assert not (out / "site").exists()


def test_a_system_that_is_not_known_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert making.main(["--root", str(tmp_path), "-o", str(tmp_path / "out"), "--systems", "window"]) == 2
    assert "No system 'window' (did you mean 'windows'?): give linux, windows or macos." in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------------
# The check of a laptop


def test_a_python_that_does_not_fit_is_named_with_those_that_do(tmp_path: Path):
    folder = tmp_path / "linux"
    with pytest.raises(Trouble, match="no wheels for this system"):
        check_room.python_fits(folder, (3, 12))
    wheel(folder, "torch", tag="cp311-cp311-manylinux_2_28_x86_64")
    wheel(folder, "torch", tag="cp313-cp313-manylinux_2_28_x86_64")
    assert check_room.python_fits(folder, (3, 13)) == "3.13"
    with pytest.raises(Trouble, match=r"Python 3.12, and the stick has wheels for 3.11 and 3.13"):
        check_room.python_fits(folder, (3, 12))
    with pytest.raises(Trouble, match=r"install 3.11 or newer"):
        check_room.python_fits(folder, (3, 10))


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert check_room.enough_space(tmp_path / "not" / "yet").endswith("GB left")
    monkeypatch.setattr(check_room.shutil, "disk_usage", lambda _: SimpleNamespace(free=1.5e9))
    with pytest.raises(Trouble, match=r"has 1.5 GB left, and 4 are needed"):
        check_room.enough_space(tmp_path)


def put_program(place: Path, name: str, code: str) -> None:
    path = check_room.program(place, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
    path.chmod(0o755)


SERVER = """
    import http.server, json, os, sys
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/lab?token=secret" else 403)
            self.end_headers()
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    with open(os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], "jpserver-1.json"), "w") as file:
        json.dump({"url": f"http://127.0.0.1:{server.server_port}/", "token": "secret"}, file)
    server.serve_forever()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="the programs of these tests are scripts of Unix")


@posix
def test_a_laptop_is_checked_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    stick, place = tmp_path / "stick", tmp_path / "room"
    folder = stick / "wheels" / check_room.system()
    wheel(folder, "torch", tag=f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-any")
    (stick / "course" / "notebooks").mkdir(parents=True)
    put_program(place, "python", "import sys; sys.exit(0 if '--no-index' in sys.argv else 1)")
    (place / "pyvenv.cfg").touch()
    put_program(place, "mldrl-lite", "import sys\nprint('notebook   status\\n00_quickstart   ok', sys.argv[-1])")
    put_program(place, "jupyter", SERVER)
    assert check_room.main(["--stick", str(stick), "--place", str(place)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == [
        "ok   Python",
        "ok   disk",
        "ok   environment",
        "ok   a run of one epoch",
        "ok   JupyterLab",
    ]
    assert "00_quickstart ok 1" in lines[3]
    assert "it answers (200)" in lines[4]
    put_program(
        place, "mldrl-lite", "import sys\nprint('Traceback\\nImportError: torch', file=sys.stderr)\nsys.exit(1)"
    )
    assert check_room.main(["--stick", str(stick), "--place", str(place)]) == 1
    assert "NOT  The first notebook does not run: ImportError: torch" in capsys.readouterr().out


@posix
def test_a_jupyterlab_that_does_not_start_says_its_last_words(tmp_path: Path):
    put_program(tmp_path, "jupyter", "import sys\nprint('No module named jupyterlab', file=sys.stderr)\nsys.exit(1)")
    with pytest.raises(Trouble, match="JupyterLab does not open: it has not started No module named jupyterlab"):
        check_room.jupyter_opens(tmp_path, ROOT)
