"""`mldrl-lite check`: for each rule offenders, innocents and near misses; files, notebooks, formats, exit status."""

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.trainer.check.entry import Remark, check
from mldrl_lite.trainer.recorder import hook_names
from mldrl_lite.trainer.rules.catalogue import CODES, RULES
from mldrl_lite.trainer.rules.hook_names import hooks, known

HEAD = """
import pytorch_lightning as pl
import torch
import torchmetrics
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
"""
INIT = """
class M(pl.LightningModule):
    def __init__(self):
        super().__init__()
"""
MANUAL = f"{INIT}        self.automatic_optimization = False\n        self.net = nn.Linear(2, 2)\n"


def read_cases() -> list[tuple[str, bool, str]]:
    """Return the rule, whether it must be found, and the code of each case."""
    text = (Path(__file__).parent / "check_cases.txt").read_text(encoding="utf-8")
    parts = re.split(r"^=== (.+): (found|left alone)\n", text, flags=re.M)[1:]
    return [
        (rule, word == "found", code.replace("@INIT\n", INIT).replace("@MANUAL\n", MANUAL))
        for rule, word, codes in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        for code in codes.split("\n---\n")
    ]


CASES = read_cases()


def remarks(text: str, name: str = "script.py", **how) -> list[Remark]:
    Path(name).write_text(text, encoding="utf-8")
    return list(check([name], **how))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_rule_of_check_has_cases():
    for wanted in (True, False):
        assert {rule for rule, found, _ in CASES if found is wanted} == {
            rule.name for rule in RULES if "check" in rule.seen_by
        }


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, found, code in CASES if found])
def test_an_offender_is_found(rule, code):
    assert [remark.rule for remark in remarks(HEAD + code, select=[CODES[rule]])] == [rule]


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, found, code in CASES if not found])
def test_an_innocent_is_left_alone(rule, code):
    assert remarks(HEAD + code, select=[CODES[rule]]) == []


def test_a_rule_that_is_off_is_not_looked_for_unless_told():
    bad = HEAD + next(code for rule, _, code in CASES if rule == "empty hparams")
    assert remarks(bad) == []
    assert [remark.code for remark in remarks(bad, select=["MLT6"])] == ["MLT601"]


def test_names_of_hooks_are_those_of_the_installed_lightning():
    from pytorch_lightning import Callback, LightningDataModule, LightningModule

    for owner in (LightningModule, LightningDataModule, Callback):
        assert set(hooks(owner.__name__)) == set(hook_names(Callback if owner is Callback else owner()))
        public = {name for name in dir(owner) if not name.startswith("_") and callable(getattr(owner, name))}
        assert public <= known(owner.__name__)


BAD = HEAD + "class M(pl.LightningModule):\n    def on_epoch_end(self):  # why\n        ...\n"


def test_a_remark_says_where():
    (remark,) = remarks(BAD)
    assert (remark.file, remark.cell, remark.line, remark.column) == ("script.py", None, 10, 5)
    assert remark.what == "M.on_epoch_end will never be called."
    assert "do this in on_train_epoch_end, on_validation_epoch_end and on_test_epoch_end" in remark.fix


@pytest.mark.parametrize(
    ("comment", "left"),
    [("noqa", 0), ("noqa: MLT101", 0), ("noqa: E501, mlt101", 0), ("noqa: MLT102", 1), ("see noqa", 1)],
)
def test_noqa_excuses_its_line(comment, left):
    assert len(remarks(BAD.replace("# why", f"# {comment}"))) == left


def test_a_helper_that_another_file_calls_is_no_misspelled_hook():
    Path("data.py").write_text(f"{HEAD}class D(pl.LightningDataModule):\n    def training_step(self): ...\n")
    assert [remark.rule for remark in check(["data.py"])] == ["dead hook"]
    Path("model.py").write_text("import pytorch_lightning\ntask.training_step(batch)\n")
    assert list(check(["."])) == []


BASE = f"""{HEAD}
class Base(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.automatic_optimization = False
    def log_it(self, value): self.log('val_acc', value)
"""


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("base", "imported"),
    [
        ("base.py", "from base import Base"),
        ("base.py", "import base as b\nBase = None\nclass Base(b.Base): ..."),
        ("project/__init__.py", "from project import Base"),
        ("project/parts/base.py", "from project.parts.base import Base"),
    ],
)
def test_a_base_in_another_file_is_followed(base, imported):
    write({base: BASE})
    text = f"import lightning\n{imported}\nclass M(Base):\n    def on_epoch_end(self): ...\n"
    assert [remark.rule for remark in remarks(text)] == ["dead hook"]


def test_a_base_is_followed_from_file_to_file_and_seen_from_within_a_package():
    write(
        {
            "pkg/__init__.py": "from .base import Base\n",
            "pkg/base.py": BASE,
            "pkg/tasks/task.py": "import lightning\nfrom .. import Base\nclass T(Base):\n    on_epoch_end = None\n"
            "    def on_batch_end(self): ...\n",
            "pkg/tasks/other.py": "import lightning\nfrom pkg.tasks.task import T\nclass U(T):\n"
            "    def on_epoch_end(self): ...\n",
        }
    )
    found = [(Path(remark.file).name, remark.line) for remark in check(["pkg"], select=["MLT101"])]
    assert found == [("other.py", 4), ("task.py", 5)]


def test_what_a_parent_elsewhere_does_counts():
    uses = BASE.replace(
        "def log_it(self, value)", "def forward(self, x): return self.extra(x)\n    def log_it(self, value)"
    )
    write({"base.py": uses})
    text = f"""{HEAD}
from base import Base
class M(Base):
    def __init__(self):
        super().__init__()
        self.extra = nn.Linear(2, 2)
    def training_step(self, batch, batch_idx):
        loss = self(batch).mean()
        loss.backward()
        self.log_it(loss)
ModelCheckpoint(monitor='val_acc', mode='max')
"""
    assert remarks(text, ignore=["MLT304"]) == []
    assert [remark.rule for remark in remarks(text.replace("'val_acc'", "'val_f1'"), select=["MLT201"])] == [
        "monitor that nothing logs"
    ]


def test_what_is_wrong_in_a_parent_elsewhere_is_said_once_and_there():
    write(
        {
            "base.py": BASE + "    def on_epoch_end(self): ...\n",
            "m.py": "import lightning\nfrom base import Base\nclass M(Base): ...\n",
        }
    )
    assert list(check(["m.py"])) == []
    assert [Path(remark.file).name for remark in check(["."], select=["MLT101"])] == ["base.py"]


@pytest.mark.parametrize(
    "base",
    [
        "from gone import Base",
        "from base import *",
        "from . import Base",
        "from ...... import Base",
        "import base.Base",
    ],
)
def test_a_base_that_is_not_found_leaves_the_class_alone(base):
    write({"base.py": "class Other: ...\nfrom base import Base\n"})  # a circle, too
    text = f"import lightning\n{base}\nclass M(Base):\n    def on_epoch_end(self): ...\n"
    assert remarks(text) == []


def test_a_base_in_a_file_that_cannot_be_read_leaves_the_class_alone():
    for content in (b"class Base(:", b"\xff\xfe", b"x = 0\0", b"#" * 2_000_000):
        Path("base.py").write_bytes(content)
        assert (
            remarks("import lightning\nfrom base import Base\nclass M(Base):\n    def on_epoch_end(self): ...\n") == []
        )


def test_select_and_ignore():
    assert remarks(BAD, ignore=["MLT1"]) == []
    assert remarks(BAD, ignore=["dead hook"]) == []
    assert remarks(BAD, select=["MLT2"]) == []
    assert len(remarks(BAD, select=["MLT101", "MLT2"])) == 1
    with pytest.raises(InputError, match=r"select names no rule with 'MLT999'"):
        remarks(BAD, select=["MLT999"])


def cell(text: str, kind: str = "code") -> dict:
    return {"cell_type": kind, "source": text.splitlines(keepends=True), "metadata": {}}


def test_a_notebook_is_read_by_its_code_cells():
    cells = [
        cell("# not code: lightning", "markdown"),
        cell("%matplotlib inline\n!pip install x\nfiles = !ls\n" + HEAD),
        cell("%%bash\nfor x in a; do echo $x; done"),
        cell("this is no Python"),
        cell("class M(pl.LightningModule):\n    def on_epoch_end(self): ..."),
    ]
    found = remarks(json.dumps({"cells": cells}), "a.ipynb")
    assert [(r.code, r.cell, r.line) for r in found] == [("MLT001", 4, 1), ("MLT101", 5, 2)]


@pytest.mark.parametrize(
    "text", ["lightning", '{"lightning": 1}', '{"cells": ["lightning"]}', "[" * 100_000 + "lightning"]
)
def test_what_is_no_notebook_is_said(text):
    assert [remark.code for remark in remarks(text, "a.ipynb")] == ["MLT001"]


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe lightning", b"lightning\0", b"x = '" + b"(" * 9 + b"lightning", b"# coding: nonsense\nlightning"]
)
def test_what_is_no_python_is_said(raw):
    Path("a.py").write_bytes(raw)
    assert [remark.code for remark in check(["a.py"])] == ["MLT001"]


def test_deep_expressions_do_not_stop_it():
    text = HEAD + "class M(pl.LightningModule):\n    def training_step(self, b, i): return " + "-" * 3000 + "b\n"
    assert all(remark.code == "MLT001" for remark in remarks(text))


LIBRARY = (
    "argparse",
    "ast",
    "dataclasses",
    "enum",
    "inspect",
    "logging",
    "tarfile",
    "strange",
    "typing",
    "unittest.mock",
)


@pytest.mark.parametrize("name", LIBRARY)
def test_real_code_never_stops_it(name):
    text = inspect.getsource(importlib.import_module(name)) if name != "strange" else STRANGE
    text = re.sub(r"^( *class \w+)(\(.*?\))?:", r"\1(pl.LightningModule):", text, flags=re.M)
    assert {remark.code for remark in remarks(HEAD + text, select=["MLT"])} <= set(CODES.values()) - {"MLT001"}


# What people rarely write, and Python allows.
STRANGE = """
class M(pl.LightningModule, metaclass=type, **{}):
    log = lambda self, *a, **k: None
    training_step = log
    async def on_epoch_end(*args): return (yield)
    def validation_step(): return {**{}, 'log': 1, 2: 3}
    def __init__(self, /, a, *, b=(c := 1), **k):
        self.x, (self.y, *self.z) = [nn.Linear(1, 1)], (1, 2)
        self.x: list = [*self.x]
        self.log(*[f"{a!r:>{b}}"], **{'on_step': True})
        self.log_dict({**k}); self.log(); self.log_dict()
        for self.automatic_optimization in [False]: ...
        match a:
            case {'x': [1, *_], **rest} if rest: return
class M(M): ...
class A(B): ...
class B(A): ...
EarlyStopping(); ModelCheckpoint(*a, **k); pl.Trainer(max_epochs=True, callbacks=x); OneCycleLR()
"""


BASES = st.sampled_from(
    ["pl.LightningModule", "pl.LightningDataModule", "pl.Callback", "nn.Module", "A", "B", "base.A"]
)
METHODS = st.sampled_from(
    ["training_step", "on_epoch_end", "__init__", "configure_optimizers", "forward", "on_train_epoch_end"]
)
LINES = st.sampled_from(
    [
        "self.x = nn.Linear(2, 2)", "self.x = [nn.Linear(1, 1)]", "self.acc = torchmetrics.Accuracy('binary')",
        "self.log('a', self.acc.compute())", "value = self.acc.compute(); self.log('b', value)", "self.acc.reset()",
        "return F.cross_entropy(F.softmax(self(x), 1), y)", "return {'loss': self.x(x).mean().detach(), 'log': 1}",
        "self.opt.step(); self.opt.zero_grad()", "return [self.opt], [OneCycleLR(self.opt, 0.1, 10)]",
        "super().__init__()",
        "self.automatic_optimization = False", "self.log_dict({'a': 1, **self.more})", "self.log(*x, **y)",
        "async def inner(): await x", "lambda self: self.log(self)", "self.log(name=f'{x}_loss', value=[y for y in x])",
        "match x:\n            case {'a': self.y}: ...", "del self.x, x[0]", "self.x, (self.y, *self.z) = 1, (2, 3)",
    ]
)  # fmt: skip
OTHERS = st.sampled_from(
    ["pl.Trainer(max_epochs=1, check_val_every_n_epoch=2, callbacks=[ModelCheckpoint(every_n_epochs=3)])",
     "EarlyStopping('val_acc')", "ModelCheckpoint(monitor=x, mode='max', **y)", "import lightning",
     "from . import base"]
)  # fmt: skip


@st.composite
def made_up_classes(draw: st.DrawFn) -> str:
    name, bases = draw(st.sampled_from("ABC")), draw(st.lists(BASES, max_size=2))
    text = f"class {name}({', '.join(bases)}):\n    pass\n"
    for method in draw(st.lists(METHODS, max_size=3)):
        lines = draw(st.lists(LINES, min_size=1, max_size=4))
        text += f"    def {method}(self, x, y=None):\n" + "".join(f"        {line}\n" for line in lines)
    return text


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(made_up_classes() | OTHERS, min_size=1, max_size=4))
def test_made_up_files_never_stop_it(tmp_path_factory, parts):
    folder = Path(tmp_path_factory.getbasetemp()) / "made_up"
    folder.mkdir(exist_ok=True)
    (folder / "base.py").write_text(HEAD + parts[-1])
    (folder / "m.py").write_text(HEAD + "import base\n" + "\n".join(parts))
    for remark in check([folder], select=["MLT"]):
        assert remark.code != "MLT001", parts
        assert remark.line <= len((folder / Path(remark.file).name).read_text().splitlines())


def test_folders_are_walked_without_environments(tmp_path):
    for folder in ("a/b", ".hidden", "env", "a/node_modules"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.py").write_text(BAD)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    assert [remark.file for remark in check([tmp_path])] == [str(tmp_path / "a/b/x.py")]


def test_the_command_says_what_it_found(capsys):
    Path("script.py").write_text(BAD)
    assert main(["check", "script.py"]) == 1
    assert "script.py:10:5: MLT101 M.on_epoch_end will never be called." in capsys.readouterr().out
    assert main(["check", "script.py", "--ignore", "MLT101,MLT2"]) == 0
    assert capsys.readouterr().out == "Nothing found.\n"


def test_json_sarif_and_annotations(capsys):
    Path("script.py").write_text(BAD)
    assert main(["check", ".", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["line"] == 10
    main(["check", ".", "--format", "sarif"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    (result,) = run["results"]
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 10, "startColumn": 5}
    main(["check", ".", "--format", "github"])
    line = capsys.readouterr().out
    assert line.startswith("::warning file=script.py,title=MLT101 dead hook,line=10,col=5::M.on_epoch_end will")


@pytest.mark.parametrize("arguments", [["nowhere.py"], [], ["a.txt"], [".", "--select", "X1"]])
def test_input_that_cannot_be_used_is_one_sentence(arguments, capsys):
    Path("a.txt").touch()
    assert main(["check", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_rules_are_listed(capsys):
    assert main(["check", "--rules"]) == 0
    assert [line[:6] for line in capsys.readouterr().out.splitlines()] == list(CODES.values())


def test_torch_and_lightning_are_not_imported():
    Path("script.py").write_text(BAD)
    code = (
        "import sys; from mldrl_lite.__main__ import main; main(['check', 'script.py']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytorch_lightning')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_nobody_is_told_to_choose_by_a_test_metric():
    text = "class A(pl.LightningModule):\n    def test_step(self, b, i):\n        self.log('test_loss', 1)\n"
    [remark] = remarks(f"{HEAD}\n{text}EarlyStopping('test_los')\n", select=["MLT201"])
    assert "Monitor test_loss" not in str(remark)
    assert "Call self.log('test_los'" in str(remark)
