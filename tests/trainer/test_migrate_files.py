"""`mldrl-lite migrate`: what it shows, what it writes, and how it ends."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from mldrl_lite.__main__ import main
from mldrl_lite.trainer.paths import watched

OLD = "import pytorch_lightning as pl\n\ntrainer = pl.Trainer(gpus=2)  # two\n"
NEW = 'import pytorch_lightning as pl\n\ntrainer = pl.Trainer(accelerator="gpu", devices=2)  # two\n'
DECIDE = "import pytorch_lightning as pl\n\npl.Trainer(track_grad_norm=2, accelerator='cpu')\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "train.py"
    file.write_text(OLD)
    return file


def test_the_difference_is_shown_and_nothing_written(script, capsys):
    assert main(["migrate", str(script)]) == 0
    shown = capsys.readouterr()
    assert "-trainer = pl.Trainer(gpus=2)  # two\n+trainer = pl.Trainer(accelerator=" in shown.out
    assert "\033" not in shown.out
    assert shown.err == "1 file read, 1 to change.\n"
    assert script.read_text() == OLD


def test_the_difference_has_colours_on_request(script, capsys):
    main(["migrate", "--colour", "always", str(script)])
    assert "\033[32m+trainer" in capsys.readouterr().out


def test_write_keeps_the_mode_and_is_final(script, capsys):
    script.chmod(0o750)
    assert main(["migrate", "--write", str(script)]) == 0
    assert script.read_text() == NEW
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert [file.name for file in script.parent.iterdir()] == ["train.py"]
    assert main(["migrate", "--check", str(script)]) == 0
    assert capsys.readouterr().err.endswith("1 file read, 0 to change.\n")


def test_a_link_stays_a_link(script, tmp_path):
    link = tmp_path / "link.py"
    link.symlink_to(script)
    main(["migrate", "--write", str(link)])
    assert link.is_symlink()
    assert script.read_text() == NEW


@pytest.mark.parametrize(("source", "status"), [(OLD, 1), (DECIDE, 1), (NEW, 0), ("x = 1\n", 0)])
def test_check_tells_by_its_exit_status(script, source, status):
    script.write_text(source)
    assert main(["migrate", "--check", str(script)]) == status
    assert script.read_text() == source


def test_what_is_to_be_decided_has_a_place_a_row_and_an_example(script, capsys):
    script.write_text(DECIDE)
    main(["migrate", str(script)])
    shown = capsys.readouterr()
    assert f"{script}:3: decide: track_grad_norm=2" in shown.out
    assert "(upgrade guide 1.9a8; A2, Replace the arguments)" in shown.out
    assert "1 place for you to decide" in shown.err


@pytest.mark.parametrize(
    "data",
    [
        OLD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + OLD.encode(),
        b"# -*- coding: latin-1 -*-\n" + OLD.replace("two", "zwei Stück").encode("latin-1"),
        OLD.replace("  # two\n", "").encode(),
        b"\x0c\n" + OLD.encode() + b"\r\nx = 1\r\n",
    ],
)
def test_bytes_that_need_no_change_stay(script, data):
    script.write_bytes(data)
    main(["migrate", "--write", str(script)])
    assert script.read_bytes() == data.replace(b"gpus=2", b'accelerator="gpu", devices=2')


@pytest.mark.parametrize(
    "data", [b"\xff\xfe lightning", b"lightning = (", b"# coding: none\nlightning = 1\n", b"import lightning\r"]
)
def test_a_file_that_cannot_be_read_is_one_sentence_and_holds_up_no_other(script, tmp_path, data, capsys):
    bad = tmp_path / "bad.py"
    bad.write_bytes(data)
    assert main(["migrate", "--write", str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith(f"mldrl-lite: {bad}: The text cannot be")
    assert errors[1] == "2 files read, 1 written, 1 file that cannot be read."
    assert bad.read_bytes() == data
    assert script.read_text() == NEW


@pytest.mark.parametrize(("name", "words"), [("none.py", "does not exist"), ("a.txt", "neither a Python file nor")])
def test_a_path_that_is_no_python(tmp_path, name, words, capsys):
    (tmp_path / "a.txt").write_text("lightning")
    assert main(["migrate", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_is_searched_but_not_what_is_installed_in_it(script, tmp_path, capsys):
    for folder in (".git", "venv/lib", "site-packages", "src/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text(OLD)
    main(["migrate", "--write", str(tmp_path), str(script)])
    assert capsys.readouterr().err == "2 files read, 2 written.\n"
    assert (tmp_path / "venv/lib/a.py").read_text() == OLD


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(script, capsys):
    script.parent.chmod(0o500)
    try:
        assert main(["migrate", "--write", str(script)]) == 2
    finally:
        script.parent.chmod(0o700)
    assert script.read_text() == OLD
    assert "it is as it was" in capsys.readouterr().err


def test_nothing_is_executed(script, tmp_path):
    script.write_text(f"{OLD}\nopen({str(tmp_path / 'owned')!r}, 'w')\n")
    main(["migrate", "--write", str(script)])
    assert not (tmp_path / "owned").exists()


# --- notebooks ----------------------------------------------------------------------------------------------------


def notebook(*cells: str | list[str], **settings: object) -> str:
    """Return the text of a notebook with code cells that have an output each."""
    output = {"name": "stdout", "output_type": "stream", "text": ["Trainer(gpus=2)\n", "é\n"]}
    made = [
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": f"c{i}",
            "metadata": {},
            "outputs": [output],
            "source": source,
        }
        for i, source in enumerate(cells)
    ]
    text = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["Trainer(gpus=2)"]}
    return json.dumps({"cells": [text, *made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, **settings)


@pytest.mark.parametrize(
    "settings",
    [{"indent": 1, "ensure_ascii": False}, {"indent": 2}, {"indent": 4, "ensure_ascii": False}, {}],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_notebook_changes_only_where_it_must(tmp_path, settings, end):
    file = tmp_path / "a.ipynb"
    cells = [
        ["%matplotlib inline\n", "!pip install x\n", "import pytorch_lightning as pl"],
        ["%%bash\n", "echo Trainer(gpus=2)"],
        ["trainer = pl.Trainer(gpus=2)\n", "trainer.fit?\n", "files = !ls\n", "if x:\n", "    %time y"],
    ]
    file.write_text(notebook(*cells, **settings) + end)
    assert main(["migrate", "--write", str(file)]) == 0
    cells[2][0] = 'trainer = pl.Trainer(accelerator="gpu", devices=2)\n'
    assert file.read_text() == notebook(*cells, **settings) + end
    assert main(["migrate", "--check", str(file)]) == 0


def test_what_is_found_in_a_notebook_has_its_cell(tmp_path, capsys):
    file = tmp_path / "a.ipynb"
    file.write_text(notebook("import pytorch_lightning as pl", "x = 1\npl.Trainer(track_grad_norm=2)"))
    main(["migrate", str(file)])
    assert f"{file}: cell 3, line 2: decide: track_grad_norm=2" in capsys.readouterr().out


def test_a_cell_has_the_same_number_for_migrate_and_check(tmp_path, capsys):
    file = tmp_path / "a.ipynb"
    model = "class A(pl.LightningModule):\n    def on_epoch_end(self): pass\n"
    file.write_text(notebook("%%bash\nls", "import pytorch_lightning as pl", model))
    main(["migrate", str(file)])
    main(["check", str(file)])
    shown = capsys.readouterr().out
    assert f"{file}: cell 4, line 2: decide: on_epoch_end" in shown
    assert f"{file}:cell 4:2:5: MLT101" in shown


@pytest.mark.parametrize(("magic", "changes"), [("%%bash", False), ("%%time", True), ("%%writefile a.py", True)])
def test_a_cell_in_another_language_stays(tmp_path, magic, changes):
    file = tmp_path / "a.ipynb"
    before = notebook(f"{magic}\nimport pytorch_lightning as pl\npl.Trainer(gpus=2)")
    file.write_text(before)
    main(["migrate", "--write", str(file)])
    assert (file.read_text() != before) == changes


@pytest.mark.parametrize("text", ["lightning", '{"lightning": 1}', '{"cells": [{"lightning": 1}]}', "[]lightning"])
def test_what_is_no_notebook(tmp_path, text, capsys):
    file = tmp_path / "a.ipynb"
    file.write_text(text)
    assert main(["migrate", str(file)]) == 2
    assert "no notebook" in capsys.readouterr().err


# --- long work ----------------------------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "bar"), [(_Terminal, "0/2"), (io.StringIO, "")])
def test_long_work_shows_how_far_it_is_on_a_terminal_only(stream, bar, monkeypatch):
    monkeypatch.setattr("sys.stderr", stream())
    assert list(watched(["a", "b"], "read", delay=0)) == ["a", "b"]
    assert bar in sys.stderr.getvalue()
    assert bool(sys.stderr.getvalue()) == bool(bar)


def test_all_paths_are_looked_at_before_anything_is_written(script, tmp_path):
    assert main(["migrate", "--write", str(script), str(tmp_path / "none.py")]) == 2
    assert script.read_text() == OLD


def test_what_is_left_to_decide_of_metrics_is_said_again_after_their_import_has_moved(tmp_path: Path, capsys):
    file = tmp_path / "metrics.py"
    file.write_text("from pytorch_lightning.metrics import Accuracy\n\nscore = Accuracy()\n")
    assert main(["migrate", str(file), "--write"]) == 0
    assert "lightning" not in file.read_text()
    capsys.readouterr()
    assert main(["migrate", str(file), "--check"]) == 1
    assert "Accuracy wants task='binary'" in capsys.readouterr().out
    file.write_text("from torchmetrics import Accuracy\n\nscore = Accuracy(num_classes=10)\n")
    assert main(["migrate", str(file), "--check"]) == 0
