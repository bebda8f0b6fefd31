"""`mldrl-lite ckpt`: what it tells of checkpoints, and that nothing in a file is ever run, whatever the file holds."""

import argparse
import collections
import datetime
import decimal
import enum
import functools
import io
import json
import os
import pathlib
import pickle
import pickletools
import re
import struct
import sys
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.utilities.parsing import AttributeDict
from torch import nn
from torch.utils.data import DataLoader

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.reproducibility import fingerprint as fingerprint_of_model
from mldrl_lite.trainer.ckpt.files import opened
from mldrl_lite.trainer.ckpt.names import verdict
from mldrl_lite.trainer.ckpt.pickles import BrokenError, Mark, read_pickle
from mldrl_lite.trainer.ckpt.refusals import recipe
from mldrl_lite.trainer.ckpt.report import as_text
from mldrl_lite.trainer.ckpt.summary import Checkpoint, look
from mldrl_lite.trainer.ckpt.tensors import Numbers, fingerprint
from mldrl_lite.trainer.ckpt.values import Shower

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


class Small(LightningModule):
    def __init__(self, width: int = 3, lr: float = 0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(4, width)

    def training_step(self, batch, batch_idx):
        return self.layer(batch).pow(2).mean()

    def validation_step(self, batch, batch_idx):
        self.log("loss", self.layer(batch).pow(2).mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def loader() -> DataLoader:
    return DataLoader(torch.ones(8, 4), batch_size=2)


def train(folder: Path, **arguments) -> Trainer:
    keeper = ModelCheckpoint(folder, monitor="loss", mode="min", save_top_k=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(**QUIET, max_epochs=3, callbacks=[keeper, EarlyStopping("loss")], **arguments)
        trainer.fit(Small(), loader(), loader())
    return trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    return train(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def best(run: Trainer) -> Path:
    return Path(run.checkpoint_callback.best_model_path)


def looked(path: Path) -> Checkpoint:
    with opened(path) as contents:
        return look(contents)


def ckpt(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Return the exit status and all that is printed."""
    status = main(["ckpt", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out + err


def ckpt_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict]:
    status, words = ckpt(capsys, "--format", "json", *arguments)
    return status, json.loads(words, parse_constant=pytest.fail)


# ---------------------------------------------------------------------------------------------------------------------
# A checkpoint of Lightning


def test_a_checkpoint_is_described(best: Path, run: Trainer, capsys: pytest.CaptureFixture[str]):
    status, found = ckpt_json(capsys, best)
    truth = torch.load(best)
    assert status == 0
    assert found["kind"] == "Lightning checkpoint"
    assert (found["epoch"], found["step"]) == (truth["epoch"], truth["global_step"])
    assert found["version"] == truth["pytorch-lightning_version"]
    assert found["hyperparameters"] == {"width": 3, "lr": 0.1}
    assert found["bytes"] == best.stat().st_size
    assert {name: (t["dtype"], t["shape"]) for name, t in found["tensors"].items() if name.startswith("state")} == {
        f"state_dict.{name}": ("float32", list(t.shape)) for name, t in truth["state_dict"].items()
    }
    [score] = found["scores"]
    assert (score["monitor"], score["mode"]) == ("loss", "min")
    assert score["score"] == pytest.approx(float(run.checkpoint_callback.best_model_score))
    assert [name.partition("{")[0] for name in found["callbacks"]] == ["EarlyStopping", "ModelCheckpoint"]
    assert found["optimizers"][0]["groups"][0]["lr"] == 0.1
    assert found["optimizers"][0]["state"] == {"step": 2, "exp_avg": 2, "exp_avg_sq": 2}
    assert found["weights_only"] == {"loads": True, "refused": [], "steps": []}


def test_the_page_says_the_same_in_words(best: Path, capsys: pytest.CaptureFixture[str]):
    status, words = ckpt(capsys, best)
    assert status == 0
    inside = torch.load(best, weights_only=True)
    assert f"epoch {inside['epoch']}, {inside['global_step']} steps" in words
    for part in ("width: 3", "lr 0.1", "loss (min)", "15 numbers in 2 tensors of float32"):
        assert part in words
    assert "layer.weight  float32 [3, 4]" in words
    assert "with their defaults" in words


def test_the_fingerprint_is_that_of_the_model(best: Path, capsys: pytest.CaptureFixture[str]):
    assert ckpt_json(capsys, best)[1]["fingerprint"] == fingerprint_of_model(Small.load_from_checkpoint(best))


def test_a_checkpoint_in_the_middle_of_an_epoch_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    keeper = ModelCheckpoint(tmp_path, every_n_train_steps=3, save_top_k=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Trainer(**QUIET, max_steps=3, callbacks=[keeper]).fit(Small(), loader(), loader())
    [path] = tmp_path.glob("*.ckpt")
    assert ckpt_json(capsys, path)[1]["batch"] == 3
    assert "in the middle of an epoch, after 3 of its batches" in ckpt(capsys, path)[1]


def test_a_compiled_model_is_told_by_its_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    weights = {"_orig_mod.layer.weight": torch.ones(2)}
    torch.save({"state_dict": weights, "pytorch-lightning_version": "2.6.6"}, tmp_path / "c.ckpt")
    status, words = ckpt(capsys, tmp_path / "c.ckpt")
    assert status == 0
    assert "'_orig_mod.', which torch.compile puts there" in words


@pytest.mark.parametrize("version", ["1.2", "0.9"])
def test_checkpoints_of_1x_are_read(version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    old = {"epoch": 3, "global_step": 6, "pytorch-lightning_version": version, "state_dict": {"w": torch.ones(2)}}
    if version == "1.2":  # classes as keys of the callbacks
        state = {"monitor": "loss", "best_model_score": torch.tensor(0.5), "current_score": torch.tensor(0.5)}
        old |= {"callbacks": {ModelCheckpoint: state}, "hyper_parameters": {"width": 4}}
    else:
        old |= {"checkpoint_callback_best_model_score": torch.tensor(0.5), "hparams_name": "hparams"}
        old |= {"hyper_parameters": AttributeDict(width=4)}
    torch.save(old, tmp_path / "old.ckpt")
    status, found = ckpt_json(capsys, tmp_path / "old.ckpt")
    assert status == 1  # both hold a class that weights_only refuses
    assert found["hyperparameters"] == {"width": 4}
    assert found["scores"][0]["best"] == 0.5
    assert {refusal["verdict"] for refusal in found["weights_only"]["refused"]} == {"harmless"}
    assert found["epoch"] == 3


# ---------------------------------------------------------------------------------------------------------------------
# Other files of weights


def test_a_state_dict_alone_in_each_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).to(torch.bfloat16)
    for zipped in (True, False):
        torch.save(model.state_dict(), tmp_path / "s.pt", _use_new_zipfile_serialization=zipped)
        status, found = ckpt_json(capsys, tmp_path / "s.pt")
        assert status == 0
        assert found["kind"].startswith("state_dict alone")
        assert ("before torch 1.6" in found["format"]) != zipped
        assert found["fingerprint"] == fingerprint_of_model(model)


def safetensors(header: dict, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def test_safetensors_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    weights = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
    }
    data = safetensors(header, b"".join(t.numpy().tobytes() for t in weights.values()))
    (tmp_path / "m.safetensors").write_bytes(data)
    status, found = ckpt_json(capsys, tmp_path / "m.safetensors")
    assert status == 0
    assert "safetensors" in found["format"]
    assert found["fingerprint"] == fingerprint_of_model(weights)
    (tmp_path / "m.safetensors").write_bytes(data[:-1])
    status, words = ckpt(capsys, tmp_path / "m.safetensors")
    assert status == 2
    assert "cut off" in words


def test_a_whole_model_is_named_and_its_weights_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    torch.save(model, tmp_path / "model.pt")
    status, found = ckpt_json(capsys, tmp_path / "model.pt")
    assert status == 1
    assert "whole object of class torch.nn.modules.container.Sequential" in found["kind"]
    assert found["fingerprint"] == fingerprint_of_model(model)
    assert "model.state_dict()" in ckpt(capsys, tmp_path / "model.pt")[1]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(10)[2:9:3],
        torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        torch.ones(3).expand(4, 3),
        torch.zeros(0, 3),
        torch.tensor(1.5),
        nn.Parameter(torch.ones(2, dtype=torch.float16)),
        torch.ones(2).to(torch.float8_e4m3fn),
        torch.ones(2, dtype=torch.complex64),
        torch.tensor([True, False]),
    ],
    ids=str,
)
def test_views_and_all_types_have_the_fingerprint_of_their_values(tensor: torch.Tensor, tmp_path: Path):
    torch.save({"w": tensor}, tmp_path / "w.pt")
    with opened(tmp_path / "w.pt") as contents:
        found = look(contents)
        assert fingerprint(found.weights, contents.numbers) == fingerprint_of_model({"w": tensor})


def test_tied_weights_are_listed_at_both_places(tmp_path: Path):
    weight = torch.ones(2)
    torch.save({"encoder": weight, "decoder": weight}, tmp_path / "w.pt")
    assert list(looked(tmp_path / "w.pt").tensors) == ["encoder", "decoder"]


def test_sharded_checkpoints_are_named_and_their_rest_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rest = {"epoch": 4, "global_step": 9, "pytorch-lightning_version": "2.6.6", "state_dict": {}}
    fsdp, deep = tmp_path / "fsdp.ckpt", tmp_path / "deep.ckpt"
    (deep / "checkpoint").mkdir(parents=True)
    fsdp.mkdir()
    for name in (".metadata", "__0_0.distcp"):
        (fsdp / name).touch()
    (deep / "latest").write_text("checkpoint")
    torch.save(rest, fsdp / "meta.pt")
    torch.save(rest, deep / "checkpoint" / "mp_rank_00_model_states.pt")
    for folder, words in ((fsdp, "consolidate_checkpoint"), (deep, "convert_zero_checkpoint_to_fp32_state_dict")):
        status, page = ckpt(capsys, folder)
        assert status == 0
        assert words in page
        assert "epoch 4, 9 steps" in page
    status, page = ckpt(capsys, tmp_path)
    assert status == 0
    assert page.count("sharded checkpoint") == 2


# ---------------------------------------------------------------------------------------------------------------------
# A folder, and two files


def test_a_folder_is_listed_the_best_first(run: Trainer, capsys: pytest.CaptureFixture[str]):
    folder = run.checkpoint_callback.dirpath
    status, found = ckpt_json(capsys, folder)
    [group] = found["groups"]
    assert status == 0
    assert (group["monitor"], group["mode"]) == ("loss", "min")
    truth = {path: float(score) for path, score in run.checkpoint_callback.best_k_models.items()}
    assert [entry["file"] for entry in group["files"]] == sorted(truth, key=truth.get)
    words = ckpt(capsys, folder)[1].splitlines()
    assert words[2].startswith("best")
    assert not any(line.startswith("best") for line in words[3:])


def test_of_two_keepers_the_one_that_wrote_a_file_tells_its_score(tmp_path: Path, capsys):
    keepers = [
        ModelCheckpoint(tmp_path / "low", monitor="loss", mode="min", save_last=True),
        ModelCheckpoint(tmp_path / "new", monitor="epoch", mode="max", filename="{epoch}"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Trainer(**QUIET, max_epochs=2, callbacks=keepers).fit(Small(), loader(), loader())
    groups = ckpt_json(capsys, tmp_path)[1]["groups"]
    files = {group["monitor"]: {Path(entry["file"]).parent.name for entry in group["files"]} for group in groups}
    assert files == {"loss": {"low"}, "epoch": {"new"}}


def save_score(path: Path, score: float, best: float, key: str, step: int = 0) -> None:
    state = {"monitor": "accuracy", "current_score": torch.tensor(score), "best_model_score": torch.tensor(best)}
    torch.save({"state_dict": {}, "global_step": step, "callbacks": {key: state}}, path)


@pytest.mark.parametrize("key", ["ModelCheckpoint{'monitor': 'accuracy', 'mode': 'max'}", "ModelCheckpoint"])
def test_large_is_good_where_the_file_says_so_or_the_scores_tell(key: str, tmp_path: Path, capsys):
    save_score(tmp_path / "a.ckpt", 0.7, 0.7, key)
    save_score(tmp_path / "b.ckpt", 0.9, 0.9, key)
    save_score(tmp_path / "c.ckpt", 0.8, 0.9, key)
    [group] = ckpt_json(capsys, tmp_path)[1]["groups"]
    assert group["mode"] == "max"
    assert [Path(entry["file"]).stem for entry in group["files"]] == ["b", "c", "a"]


def test_where_nothing_tells_the_direction_the_latest_comes_first(tmp_path: Path, capsys):
    save_score(tmp_path / "a.ckpt", 0.7, 0.7, "ModelCheckpoint", step=1)
    save_score(tmp_path / "b.ckpt", 0.9, 0.9, "ModelCheckpoint", step=2)
    words = ckpt(capsys, tmp_path)[1]
    assert "do not tell" in words
    assert words.index("b.ckpt") < words.index("a.ckpt")
    assert "\nbest" not in words


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path, capsys):
    torch.save({"state_dict": {}, "epoch": 7}, tmp_path / "a.ckpt")
    (tmp_path / "b.ckpt").write_bytes(b"")
    status, words = ckpt(capsys, tmp_path)
    assert status == 2
    assert "a.ckpt" in words
    assert "b.ckpt cannot be read as a checkpoint: it is empty" in words


def test_two_files_are_compared(tmp_path: Path, capsys):
    base = {"state_dict": {"a": torch.ones(2), "b": torch.ones(2), "c": torch.ones(2)}, "epoch": 1}
    changed = {"a": torch.ones(2), "b": torch.tensor([1, 1 + 2**-23]), "c": torch.ones(3), "d": torch.ones(1)}
    torch.save(base | {"hyper_parameters": {"lr": 0.1, "net": {"width": 3}}}, tmp_path / "1.ckpt")
    torch.save(
        {"state_dict": changed, "epoch": 2, "hyper_parameters": {"lr": 0.1, "net": {"width": 4}}}, tmp_path / "2.ckpt"
    )
    status, found = ckpt_json(capsys, tmp_path / "1.ckpt", tmp_path / "2.ckpt")
    assert status == 1
    assert found["hparams"] == {"net.width": [3, 4]}
    assert found["facts"] == {"epoch": [1, 2]}
    assert found["equal"] == ["a"]
    assert found["unequal"] == ["b"]  # one bit
    assert found["only_second"] == ["d"]
    assert found["other_shape"] == {"c": ["float32 [2]", "float32 [3]"]}
    assert ckpt(capsys, tmp_path / "1.ckpt", tmp_path / "1.ckpt")[0] == 0
    assert "net.width  3  ->  4" in ckpt(capsys, tmp_path / "1.ckpt", tmp_path / "2.ckpt")[1]


def test_the_same_weights_in_another_layout_and_form_are_equal(tmp_path: Path, capsys):
    weight = torch.arange(6.0).reshape(2, 3)
    torch.save({"w": weight}, tmp_path / "1.pt")
    torch.save({"w": weight.T.contiguous().T}, tmp_path / "2.pt", _use_new_zipfile_serialization=False)
    assert ckpt(capsys, tmp_path / "1.pt", tmp_path / "2.pt")[0] == 0


def test_a_prefix_before_all_names_is_named(tmp_path: Path, capsys):
    torch.save({"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "1.pt")
    torch.save({"model.a": torch.ones(2), "model.b": torch.ones(2)}, tmp_path / "2.pt")
    status, words = ckpt(capsys, tmp_path / "1.pt", tmp_path / "2.pt")
    assert status == 1
    assert "the same but for 'model.' before those of one" in words


# ---------------------------------------------------------------------------------------------------------------------
# What weights_only refuses

Colour = enum.Enum("Colour", ["RED"])


@dataclass
class Settings:
    width: int = 8


THINGS = {
    "plain": {"a": [1, (2.5, "x", None, True)], "b": {1: b"raw"}},
    "set": {1, 2},
    "complex": 1j,
    "bytearray": bytearray(b"a"),
    "counter": collections.Counter("aab"),
    "ordered": collections.OrderedDict(a=1),
    "tensor": torch.ones(2),
    "dtype": torch.float32,
    "device": torch.device("cpu"),
    "size": torch.Size([1, 2]),
    "long": 2**100,
    "path": pathlib.PurePosixPath("data/x"),
    "numpy number": np.float64(1.5),
    "numpy int": np.int64(3),
    "numpy array": np.ones(2),
    "namespace": argparse.Namespace(a=1),
    "date": datetime.date(2020, 1, 2),
    "timedelta": datetime.timedelta(1),
    "decimal": decimal.Decimal("1.5"),
    "range": range(3),
    "frozenset": frozenset({1}),
    "deque": collections.deque([1]),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "partial": functools.partial(nn.functional.relu, inplace=True),
    "attribute dict": AttributeDict(a=1),
    "layer": nn.ReLU(),
    "layers": nn.Sequential(nn.Linear(1, 1)),
    "enum": Colour.RED,
    "dataclass": Settings(),
    "function": nn.functional.relu,
    "own function": looked,
}
HARMLESS = [
    "path", "numpy number", "numpy int", "numpy array", "namespace", "date", "timedelta", "decimal", "range",
    "frozenset", "deque", "defaultdict", "partial", "attribute dict", "layer", "layers", "function",
]  # fmt: skip
NEED_PYTHON = ["frozenset", "deque", "defaultdict", "attribute dict"]
"""torch cannot load these with `weights_only=True`, whatever one calls safe."""


def save_thing(thing: object, path: Path) -> None:
    torch.save({"state_dict": {}, "hyper_parameters": {"thing": thing}}, path)


def torch_loads(path: Path) -> bool:
    try:
        torch.load(path, weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


@pytest.mark.parametrize("name", THINGS)
def test_what_would_be_refused_is_what_torch_refuses(name: str, tmp_path: Path, capsys):
    path = tmp_path / "thing.ckpt"
    save_thing(THINGS[name], path)
    found = looked(path)
    assert found.loads == torch_loads(path)
    assert ckpt(capsys, path)[0] == (0 if found.loads else 1)
    if not found.loads:
        harmless = {refusal.verdict for refusal in found.refused} == {"harmless"}
        assert harmless == (name in HARMLESS)


@pytest.mark.parametrize("name", HARMLESS)
def test_the_recipe_saves_a_file_that_loads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    save_thing(THINGS[name], Path("thing.ckpt"))
    lines = recipe(looked(Path("thing.ckpt")).refused, "thing.ckpt")
    assert bool(lines) != (name in NEED_PYTHON)
    if lines:
        exec("\n".join(lines), {})  # noqa: S102 - what the user is told to run
        assert torch_loads(Path("thing-plain.ckpt"))


def test_the_recipe_of_a_whole_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU()), "model.pt")
    exec("\n".join(recipe(looked(Path("model.pt")).refused, "model.pt", whole=True)), {})  # noqa: S102
    assert set(torch.load("model-plain.pt")) >= {"0.weight", "1.running_mean"}


def test_where_and_as_what_a_refused_thing_stands(tmp_path: Path, capsys):
    save_thing({"deep": [np.float64(2.5)]}, tmp_path / "t.ckpt")
    status, found = ckpt_json(capsys, tmp_path / "t.ckpt")
    assert status == 1
    assert found["hyperparameters"] == {"thing": {"deep": [2.5]}}
    assert found["weights_only"]["refused"][0]["places"] == ["hyper_parameters.thing.deep.0"]
    for thing, words in ((pathlib.PurePosixPath("data/x"), "PurePosixPath('data/x')"), (Colour.RED, "Colour(1)")):
        save_thing(thing, tmp_path / "t.ckpt")
        assert ckpt_json(capsys, tmp_path / "t.ckpt")[1]["hyperparameters"] == {"thing": words}


def test_another_protocol_is_refused_as_torch_refuses_it(tmp_path: Path, capsys):
    torch.save({"a": frozenset({1}), "b": torch.ones(1)}, tmp_path / "4.pt", pickle_protocol=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not torch_loads(tmp_path / "4.pt")
    status, words = ckpt(capsys, tmp_path / "4.pt")
    assert status == 1
    assert "of another protocol than 2" in words


def test_the_names_that_are_accepted_are_those_of_torch():
    from torch._weights_only_unpickler import _get_allowed_globals

    allowed = set(_get_allowed_globals())
    assert {name for name in allowed if verdict(name, "called") != "accepted"} == set()
    near = {f"{name}x" for name in allowed} | {f"x{name}" for name in allowed} | {"torch.load", "torch.nn.parameter"}
    near |= {"torch._utils._rebuild_x", "builtins.eval", "builtins.getattr", "os.system", "torch.hub.load"}
    assert {name for name in near - allowed if verdict(name, "called") == "accepted"} == set()


@pytest.mark.parametrize(
    "name",
    ["os.system", "posix.system", "builtins.eval", "builtins.getattr", "subprocess.Popen", "io.open", "torch.load",
     "torch.hub.load", "numpy.load", "torch.nn.functional.relu", "operator.attrgetter", "torch.nn.modules.module.x"],
)  # fmt: skip
def test_functions_that_are_called_are_code(name: str):
    assert verdict(name, "called") == "code"


# ---------------------------------------------------------------------------------------------------------------------
# Hostile files: one clear line, and nothing happens


class Bomb:
    def __init__(self, call: object, *arguments: object):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def test_code_is_named_and_not_run(tmp_path: Path, capsys):
    marker = tmp_path / "marker"
    save_thing(Bomb(os.system, f"touch {marker}"), tmp_path / "bomb.ckpt")
    status, words = ckpt(capsys, tmp_path / "bomb.ckpt")
    assert status == 1
    assert f"Carries code: unpickling it would call {os.system.__module__}.system('touch {marker}')" in words
    assert "safe_globals" not in words
    assert not marker.exists()


def test_what_is_named_is_not_imported(tmp_path: Path, capsys):
    data = b"\x80\x02cantigravity\nfly\n(tR."
    (tmp_path / "a.pt").write_bytes(data)
    assert ckpt(capsys, tmp_path / "a.pt")[0] == 1
    assert "antigravity" not in sys.modules


def test_what_is_made_on_the_way_and_called_is_code(tmp_path: Path):
    # functools.partial is harmless; calling what it has made is not.
    data = b"\x80\x02cfunctools\npartial\ncos\nsystem\nX\x01\x00\x00\x00x\x86R(tR."
    (tmp_path / "a.pt").write_bytes(data)
    assert looked(tmp_path / "a.pt").refused[0].verdict == "code"


def test_an_instantiator_is_code(tmp_path: Path, capsys):
    torch.save({"state_dict": {}, "hyper_parameters": {"_instantiator": "builtins.print"}}, tmp_path / "a.ckpt")
    status, words = ckpt(capsys, tmp_path / "a.ckpt")
    assert status == 1
    assert "names 'builtins.print' as what is to be called" in words


def zipped(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


PLAIN = pickle.dumps({"a": 1}, protocol=2)


def lying_pickle(numel: int, shape: tuple[int, ...]) -> bytes:
    """Return the pickle of a checkpoint with a tensor of this shape, in a storage that is said to have so many."""
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(4)}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        data = archive.read("archive/data.pkl")
    data = data.replace(b"K\x04tq", b"J" + struct.pack("<i", numel) + b"tq", 1)
    return data.replace(
        b"K\x00K\x04\x85", b"K\x00(" + b"".join(b"\x8a\x08" + n.to_bytes(8, "little") for n in shape) + b"t"
    )


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("nothing", b"", "it is empty"),
        ("zeros", b"\0" * 100, "zeros only"),
        ("words", b"hello, I am no checkpoint", "neither what torch.save writes nor safetensors"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("page", b"<!DOCTYPE html><html>", "page of the web"),
        ("gzip", b"\x1f\x8b\x08\0", "gzip"),
        ("cut pickle", PLAIN[:-2], "cut off"),
        ("lying header", struct.pack("<Q", 2**62) + b"{}", "longer than the file"),
        ("deep header", struct.pack("<Q", 100_000) + b'{"a":' * 20_000, "no header of safetensors"),
        ("program", b"\x80\x02}q\x00X\xff\xff\xff\xff", "cut off"),
    ],
)
def test_a_file_that_is_no_checkpoint_gets_one_line(name: str, data: bytes, words: str, tmp_path: Path, capsys):
    (tmp_path / name).write_bytes(data)
    status, said = ckpt(capsys, tmp_path / name)
    assert status == 2
    assert words in said
    assert said.count("\n") == 1


def test_zip_files_that_are_none_of_torch_or_lie(tmp_path: Path, capsys):
    def said(path: Path) -> str:
        status, words = ckpt(capsys, path)
        assert status == 2
        assert words.count("\n") == 1
        return words

    assert "none of torch" in said(zipped(tmp_path / "a.pt", {"x": b""}))
    bomb = {"a/data.pkl": b"\0" * 10_000_000}
    assert "compressed" in said(zipped(tmp_path / "b.pt", bomb, zipfile.ZIP_DEFLATED))
    assert "TorchScript" in said(zipped(tmp_path / "c.pt", {"a/data.pkl": PLAIN, "a/constants.pkl": PLAIN}))
    with (
        zipfile.ZipFile(zipped(tmp_path / "d.pt", {"a/data.pkl": PLAIN}), "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("a/data.pkl", PLAIN)
    assert "two parts of the same name" in said(tmp_path / "d.pt")
    whole = zipped(tmp_path / "e.pt", {"a/data.pkl": PLAIN, "a/data/0": b"\0" * 16}).read_bytes()
    larger = whole.replace(struct.pack("<LL", 16, 16), struct.pack("<LL", 10**6, 10**6))
    (tmp_path / "e.pt").write_bytes(larger)
    assert "lies about its size" in said(tmp_path / "e.pt")
    (tmp_path / "f.pt").write_bytes(whole[:-30])
    assert "cut off" in said(tmp_path / "f.pt")


@pytest.mark.parametrize(("numel", "shape"), [(10**9, (4,)), (4, (10**9,)), (4, (2**62,)), (4, (5,))])
def test_tensors_that_lie_about_their_size(numel: int, shape: tuple[int, ...], tmp_path: Path, capsys):
    parts = {"archive/data.pkl": lying_pickle(numel, shape), "archive/data/0": torch.ones(4).numpy().tobytes()}
    status, words = ckpt(capsys, zipped(tmp_path / "a.pt", parts))
    assert (status == 2) == (shape != (4,))
    assert ("lies about its size" in words) == (shape != (4,))


def test_damaged_numbers_are_named(tmp_path: Path, capsys):
    torch.save({"w": torch.full((64,), 3.0)}, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data.replace(struct.pack("<f", 3.0), struct.pack("<f", 3.5), 1))
    status, words = ckpt(capsys, tmp_path / "a.pt")
    assert status == 1
    assert "the bytes of w do not fit" in words


BOMBS = {
    "nested lists": b"\x80\x02" + b"](" * 50_000 + b"e" * 50_000 + b".",
    "nested tuples": b"\x80\x02" + b")" + b"\x85" * 50_000 + b".",
    "doubled tuples": b"\x80\x02)" + b"2\x86" * 200 + b".",
    "doubled lists": b"\x80\x02]" + b"q\x00](h\x00h\x00e" * 200 + b".",
    "doubled key": b"\x80\x02})" + b"2\x86" * 100 + b"K\x01s.",
    "list in itself": b"\x80\x02]q\x00h\x00a.",
    "long number": b"\x80\x02\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000 + b".",
    "long decimal": b"L" + b"9" * 100_000 + b"L\n.",
    "many marks": b"\x80\x02" + b"(" * 100_000 + b".",
    "escapes": b"\x80\x02X\x08\x00\x00\x00\x1b[2Jdear.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_pickles_that_would_grow_without_end(name: str, tmp_path: Path, capsys):
    (tmp_path / "bomb.pt").write_bytes(BOMBS[name])
    status, words = ckpt(capsys, tmp_path / "bomb.pt")
    assert status in (0, 1, 2)
    assert len(words) < 100_000
    assert "\x1b" not in words
    save = zipped(tmp_path / "bomb.ckpt", {"a/data.pkl": b"\x80\x02}X\x0a\0\0\0state_dict}sX\x10\0\0\0hyper_parameters"
                                           + BOMBS[name].removeprefix(b"\x80\x02")[:-1] + b"s."})  # fmt: skip
    status, words = ckpt(capsys, save)
    assert status in (0, 1, 2)
    assert len(words) < 200_000
    assert "\x1b" not in words


def test_names_in_a_file_cannot_write_lines_or_orders_to_the_terminal(tmp_path: Path, capsys):
    evil = "\x1b[2J\nfake line"
    state = {"monitor": evil, "current_score": torch.tensor(1.0), "best_model_score": torch.tensor(1.0)}
    state |= {"best_model_path": evil}
    said = {"state_dict": {evil: torch.ones(2)}, evil: torch.full((9,), 3.0), "hyper_parameters": {evil: evil}}
    said |= {"callbacks": {evil: state}, "epoch": evil, "pytorch-lightning_version": evil}
    said |= {"optimizer_states": [{"param_groups": [{"lr": evil}], "state": {0: {evil: torch.ones(1)}}}]}
    said |= {"lr_schedulers": [{evil: evil}], "datamodule_hyper_parameters": {evil: evil}, "p": Bomb(os.system, evil)}
    torch.save(said, tmp_path / "1.ckpt")
    data = (tmp_path / "1.ckpt").read_bytes()
    (tmp_path / "2.ckpt").write_bytes(data.replace(struct.pack("<f", 3.0), struct.pack("<f", 3.5), 1))
    one, two = tmp_path / "1.ckpt", tmp_path / "2.ckpt"
    for arguments in ([one], [two], [tmp_path], [one, two]):
        words = ckpt(capsys, *arguments)[1]
        assert "\x1b" not in words
        assert not [line for line in words.splitlines() if line.startswith("fake line")]


def test_a_folder_that_is_no_file_and_a_file_that_is_not_there(tmp_path: Path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert ckpt(capsys, tmp_path / "pipe") == (
        2,
        f"mldrl-lite: {tmp_path / 'pipe'} is no regular file: give a checkpoint, or a folder of checkpoints.\n",
    )
    assert ckpt(capsys, tmp_path / "none.ckpt")[0] == 2
    assert "holds no files of weights" in ckpt(capsys, tmp_path)[1]
    assert ckpt(capsys, "a", "b", "c")[0] == 2


# ---------------------------------------------------------------------------------------------------------------------
# Whatever the bytes are

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_are_read_as_pickle_reads_them(value: object, protocol: int):
    assert read_pickle(io.BytesIO(pickle.dumps(value, protocol))).value == value


@pytest.mark.parametrize("opcode", pickletools.opcodes, ids=lambda opcode: opcode.name)
def test_every_step_of_a_pickle_is_known(opcode: pickletools.OpcodeInfo):
    step = opcode.code.encode("latin-1").replace(b".", b"R") + b"1\n1\n" * 8
    with pytest.raises(BrokenError) as refused:
        read_pickle(io.BytesIO(b"\x80\x02N" + step))
    assert "do not use" not in str(refused.value)


class Seeds:
    """Files to be damaged."""

    @functools.cached_property
    def all(self) -> list[bytes]:
        values = [
            {"state_dict": {"w": torch.ones(2, 3)}, "epoch": 1, "hyper_parameters": {"p": pathlib.PurePosixPath("a")}},
            {"w": torch.ones(3), "n": np.float64(1), "s": {1, 2}, "e": Colour.RED},
            nn.Linear(1, 1),
        ]
        files = []
        for value in values:
            for zipped in (True, False):
                buffer = io.BytesIO()
                torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
                files.append(buffer.getvalue())
        return [*files, pickle.dumps({"a": [1, {2}], "b": "x"}, 4), safetensors({"a": _ENTRY}, b"\0" * 8)]


_ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
SEEDS = Seeds()


def survives(data: bytes, path: Path) -> None:
    """Look into a file; that it is refused in one line is fine."""
    path.write_bytes(data)
    try:
        with opened(path) as contents:
            found = look(contents)
            fingerprint(found.weights, contents.numbers)
            assert as_text(found, "", every=False)
    except InputError as error:
        refused = str(error)
    else:
        refused = ""
    assert "\n" not in refused


@settings(max_examples=250, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_damage_makes_it_crash(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    seed = data.draw(st.sampled_from(range(len(SEEDS.all))))
    mutated = bytearray(SEEDS.all[seed])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        kind = data.draw(st.sampled_from(["byte", "cut", "insert", "copy"]))
        if kind == "byte":
            mutated[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del mutated[place : place + data.draw(st.integers(1, 30))]
        elif kind == "insert":
            mutated[place:place] = data.draw(st.binary(max_size=8))
        else:
            mutated[place:place] = mutated[: data.draw(st.integers(1, 40))]
        if not mutated:
            break
    survives(bytes(mutated), Path(tmp_path_factory.getbasetemp()) / "mutated.ckpt")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    body=st.lists(
        st.sampled_from(
            [bytes([code]) for code in range(256)] + [b"h\x00", b"q\x00", b"K\x01", b"cos\nsystem\n", b"X\x01\0\0\0a"]
        ),
        max_size=40,
    )
)
def test_no_program_makes_it_crash(body: list[bytes], tmp_path_factory: pytest.TempPathFactory):
    survives(b"\x80\x02" + b"".join(body) + b".", Path(tmp_path_factory.getbasetemp()) / "program.pt")


def test_what_is_shown_is_bounded():
    shown = Shower(Numbers(io.BytesIO(), {}, 0)).show({"a": ["x" * 10_000] * 10_000, "b": list(range(10**5))})
    assert len(json.dumps(shown)) < 10**6
    loop: list[object] = []
    loop.append(loop)
    assert "…" in json.dumps(Shower(Numbers(io.BytesIO(), {}, 0)).show(loop), ensure_ascii=False)
    assert Shower(Numbers(io.BytesIO(), {}, 0)).show(Mark("a.b", "called", (float("nan"),))) == "b('nan')"


def test_help_needs_no_torch(capsys):
    with pytest.raises(SystemExit):
        main(["ckpt", "--help"])
    assert re.search(r"nothing in a\s+file\s+is\s+run", capsys.readouterr().out)
