"""Find, before a run, what Lightning lets pass in silence.

    diagnose(model, datamodule, trainer)

Each rule looks for one mistake that raises no error. A rule that cannot be sure (the source is not to be had, a name is
put together at run time, `setup` fails) keeps silent, so that a finding is worth reading.
"""

import ast
import copy
import functools
import html
import inspect
import io
import math
import os
import random
import re
import sys
import warnings
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, astuple, dataclass, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from mldrl_lite.callbacks import hook_names
from mldrl_lite.messages import InputError, did_you_mean, listing


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong and raises no error."""

    rule: str
    """Which rule found it; see `RULES`."""
    what: str
    where: str
    """`file:line` of the code in question, or the place in the Trainer that the object was given to."""
    why: str
    """Why it matters: what will happen, or not happen, in the run."""
    fix: str


class Findings(list[Finding]):
    """What `diagnose` found; shows as text at the prompt and as a table in a notebook."""

    def __repr__(self) -> str:
        lines = [f"{f.what}\n    where  {f.where}\n    why    {f.why}\n    fix    {f.fix}" for f in self]
        return "\n".join(lines) or _NOTHING

    def _repr_html_(self) -> str:
        rows = [
            [f'<td style="text-align: left">{html.escape(text)}</td>' for text in astuple(finding)[1:]]
            for finding in self
        ]
        head = "".join(f"<th>{title}</th>" for title in ("what", "where", "why it matters", "fix"))
        body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>" if rows else f"<p>{_NOTHING}</p>"


_NOTHING = "Nothing found."


class Run(NamedTuple):
    """What is about to run."""

    model: LightningModule
    datamodule: LightningDataModule | None
    trainer: Trainer | None

    @property
    def callbacks(self) -> list[Callback]:
        """The callbacks of the Trainer."""
        return list(self.trainer.callbacks) if self.trainer else []


def diagnose(
    model: LightningModule, datamodule: LightningDataModule | None = None, trainer: Trainer | None = None
) -> Findings:
    """Look for mistakes that raise no error, before `trainer.fit(model, datamodule)`.

    The objects and the global random number generators are left as they are: `setup` is called on copies, and never
    `prepare_data`, which may download. The copies cost time and memory when the datamodule holds much.

    Raises:
        InputError: an argument is of the wrong type (a class in place of an instance, say).
    """
    wanted = {"model": LightningModule, "datamodule": LightningDataModule, "trainer": Trainer}
    for (name, kind), given in zip(wanted.items(), (model, datamodule, trainer), strict=True):
        if not isinstance(given, kind) and (given is not None or name == "model"):
            raise InputError(f"diagnose wants a {kind.__name__} as its {name}, not {_describe(given)}.")
    with _no_trace():
        return Findings(finding for rule in RULES for finding in rule(Run(model, datamodule, trainer)))


def _describe(given: object) -> str:
    return f"the class {given.__name__}: give an instance" if isinstance(given, type) else type(given).__name__


@contextmanager
def _no_trace() -> Iterator[None]:
    # Asking CUDA for its generators would start it, after which processes can no longer be forked.
    with isolate_rng(include_cuda=torch.cuda.is_initialized()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(io.StringIO()):
            yield


# --- hooks that nobody calls --------------------------------------------------------------------------------------

REMOVED_HOOKS = {
    "on_epoch_start": "on_train_epoch_start",
    "on_epoch_end": "on_train_epoch_end",
    "on_batch_start": "on_train_batch_start",
    "on_batch_end": "on_train_batch_end",
    "training_step_end": "on_train_batch_end",
    "validation_step_end": "on_validation_batch_end",
    "test_step_end": "on_test_batch_end",
    "training_epoch_end": "on_train_epoch_end",
    "validation_epoch_end": "on_validation_epoch_end",
    "test_epoch_end": "on_test_epoch_end",
    "on_pretrain_routine_start": "on_fit_start",
    "on_pretrain_routine_end": "on_fit_start",
    "on_init_start": "setup",
    "on_init_end": "setup",
    "on_before_accelerator_backend_setup": "setup",
    "on_configure_sharded_model": "setup",
    "on_keyboard_interrupt": "on_exception",
    "on_train_dataloader": "train_dataloader",
    "on_val_dataloader": "val_dataloader",
    "on_test_dataloader": "test_dataloader",
    "on_predict_dataloader": "predict_dataloader",
    "on_hpc_save": "on_save_checkpoint",
    "on_hpc_load": "on_load_checkpoint",
    "tbptt_split_batch": "training_step",
}
"""Hooks of 1.x, and the hook of today in which to do the same."""

_LOUD = ("training_epoch_end", "validation_epoch_end", "test_epoch_end")

_OTHER_NAMES = {
    "train_step": "training_step",
    "val_step": "validation_step",
    "valid_step": "validation_step",
    "validate_step": "validation_step",
    "eval_step": "validation_step",
    "train_loader": "train_dataloader",
    "val_loader": "val_dataloader",
    "valid_dataloader": "val_dataloader",
    "validation_dataloader": "val_dataloader",
    "test_loader": "test_dataloader",
    "on_train_begin": "on_train_start",
    "on_epoch_begin": "on_train_epoch_start",
    "on_batch_begin": "on_train_batch_start",
    "on_train_batch_begin": "on_train_batch_start",
}
"""Names that people bring along from elsewhere."""

# A method called on_... can only be meant as a hook; others have to be nearer to be taken for one.
_NEAR = {True: 0.75, False: 0.86}


def _dead_hooks(run: Run) -> Iterator[Finding]:
    """Methods that look like a hook, but that neither Lightning nor these classes themselves ever call."""
    seen: set[Callable[..., Any]] = set()
    owners = [owner for owner in (run.model, run.datamodule, *run.callbacks) if owner is not None]
    called = {name for owner in owners for name in _names_used(type(owner))}
    for owner in owners:
        for name, method in _own_methods(type(owner)):
            real = _real_hook(name, owner)
            if real and (name not in called or name in _LOUD) and method not in seen:
                seen.add(method)
                yield _dead_hook(name, real, method)


def _dead_hook(name: str, real: str, method: Callable[..., Any]) -> Finding:
    why = "Lightning calls methods by name; a name that it does not know is no error, the method just never runs."
    if name in _LOUD:
        why = "Lightning 2 refuses to run a model that has it, in the stage that it belongs to."
    name = method.__qualname__.rpartition("<locals>.")[2]
    return Finding("dead hook", f"{name} will never be called.", _place(method), why, real)


def _real_hook(name: str, owner: Any) -> str | None:
    """Return what to do instead of a method called `name`, or None if there is nothing wrong with it."""
    base = _base(owner)
    if hasattr(base, name):
        return None
    hooks = hook_names(Callback) if base is Callback else hook_names(owner)
    if name in REMOVED_HOOKS:
        return f"It is a hook of 1.x: do this in {REMOVED_HOOKS[name]}."
    for other, others in _hooks_of_others().items():
        if other is not base and name in others:
            return f"It is a hook of {other.__name__}: move it there."
    near = _OTHER_NAMES.get(name) or _nearest(name, hooks)
    missing = near in hooks and (name.startswith("on_") or not _overrides(owner, base, near))
    return f"Call it {near}, if that is what you mean." if missing else None


def _nearest(name: str, hooks: list[str]) -> str:
    name = re.sub("_val(id)?_", "_validation_", name)
    return next(iter(get_close_matches(name, hooks, n=1, cutoff=_NEAR[name.startswith("on_")])), "")


@functools.cache
def _hooks_of_others() -> dict[type, set[str]]:
    return {
        LightningModule: set(hook_names(LightningModule())) - {"forward", "backward"},
        LightningDataModule: set(hook_names(LightningDataModule())),
        Callback: set(hook_names(Callback)),
    }


def _base(owner: Any) -> type:
    return next(base for base in (LightningModule, LightningDataModule, Callback) if isinstance(owner, base))


def _overrides(owner: Any, base: type, name: str) -> bool:
    return getattr(type(owner), name, None) is not getattr(base, name, None)


# --- reading the source of classes --------------------------------------------------------------------------------

_LIBRARIES = {"pytorch_lightning", "lightning", "lightning_fabric", "torch", "torchmetrics"}


def _own_methods(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods of a class and of its bases that are not Lightning's or PyTorch's."""
    for name, function in _own_functions(cls):
        if not name.startswith("_"):
            yield name, function


def _own_functions(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for parent in cls.__mro__:
        if parent.__module__.partition(".")[0] in _LIBRARIES:
            continue
        for name, member in vars(parent).items():
            function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
            if inspect.isfunction(function) and (not name.startswith("__") or name in ("__init__", "__call__")):
                yield name, function


@functools.lru_cache(1000)
def _tree(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Parse the source of a function; None where it is not to be had (at a bare prompt, say)."""
    try:
        tree = ast.parse(dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    return tree if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _names_used(cls: type) -> set[str]:
    """Return every attribute name that the methods of a class mention: what they may call, they call."""
    trees = [_tree(function) for _, function in _own_functions(cls)]
    return {node.attr for tree in trees if tree for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _place(code: Callable[..., Any] | type | None) -> str:
    """Return `file:line` of a function, or of the `__init__` or first method of a class."""
    if isinstance(code, type):
        methods = dict(_own_functions(code))
        code = methods.get("__init__") or next(iter(methods.values()), None)
    if code is None:
        return "unknown"
    code = inspect.unwrap(code).__code__
    return f"{_file(code.co_filename)}:{code.co_firstlineno}"


def _file(name: str) -> str:
    """Name a file as short as can be: a notebook cell by its number, a file here by its relative path."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    compiler = getattr(get_ipython(), "compile", None)
    cell = compiler.format_code_name(name) if hasattr(compiler, "format_code_name") else None
    if cell:
        return " ".join(cell)
    near = os.path.relpath(name) if os.path.exists(name) else name
    return name if near.startswith("..") else near


# --- hyperparameters ----------------------------------------------------------------------------------------------


def _empty_hparams(run: Run) -> Iterator[Finding]:
    """A model with arguments and no hyperparameters: its checkpoints cannot be loaded without giving them again."""
    cls = type(run.model)
    arguments = [p.name for p in inspect.signature(cls.__init__).parameters.values() if p.kind not in _VARIADIC][1:]
    init = next((function for name, function in _own_functions(cls) if name == "__init__"), None)
    if _hparams(run.model) or not arguments or init is None:
        return
    source = ast.unparse(_tree(init)) if _tree(init) else ""
    if "ignore=" in source:  # then nothing is saved on purpose
        return
    fix = "Call self.save_hyperparameters() in __init__, right after super().__init__()."
    if "save_hyperparameters" in source:
        fix = (
            "Write super().__init__() rather than Base.__init__(self), without which save_hyperparameters finds no "
            "arguments, and give it nothing empty to save."
        )
    yield Finding(
        "empty hparams",
        f"{cls.__name__} takes {', '.join(arguments)}, and its hparams are empty.",
        _place(init),
        "A checkpoint will not know them: load_from_checkpoint asks for them again, or quietly takes the defaults.",
        fix,
    )


def _hparams(owner: LightningModule | LightningDataModule) -> dict[str, Any]:
    # Not owner.hparams, which would create what is not there.
    hparams = vars(owner).get("_hparams", {})
    return hparams if isinstance(hparams, dict) else {"hparams": hparams}


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _unloadable_hparams(run: Run) -> Iterator[Finding]:
    """Hyperparameters that a checkpoint can hold, but that are refused when it is loaded."""
    for owner in (owner for owner in (run.model, run.datamodule) if owner is not None):
        for name, value in _hparams(owner).items():
            problem = _problem_of_saving({name: value})
            if problem:
                yield Finding(
                    "hparam that will not load back",
                    f"The hyperparameter {name} of {type(owner).__name__} is a {type(value).__name__}, which {problem}",
                    _place(type(owner)),
                    "The run saves its checkpoints; loading one fails, or the value is missing, when it is needed.",
                    _simple_form(name, value),
                )


def _problem_of_saving(value: dict[str, Any]) -> str | None:
    """Save a value as a checkpoint would, load it as Lightning does, and return what went wrong."""
    file = io.BytesIO()
    try:
        torch.save(value, file)
    except Exception:  # whatever a foreign __reduce__ may raise
        return "cannot be pickled: Lightning leaves it out of the checkpoint."
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except Exception:
        return "a checkpoint loaded with weights_only (the default) does not accept."
    return None


_SIMPLE_FORMS = (
    ((PurePath,), "Save its text: str({name})."),
    ((np.generic,), "Save a plain number: {name}.item()."),
    ((np.ndarray,), "Save a list, {name}.tolist(), or a tensor, torch.from_numpy({name})."),
    ((Namespace,), "Save a dictionary: vars({name})."),
    ((Enum,), "Save its value: {name}.value."),
)


def _simple_form(name: str, value: object) -> str:
    for kinds, form in _SIMPLE_FORMS:
        if isinstance(value, kinds):
            return form.format(name=name)
    if is_dataclass(value) and not isinstance(value, type):
        return f"Save a dictionary: dataclasses.{asdict.__name__}({name})."
    return f"Leave it out, save_hyperparameters(ignore=[{name!r}]), or save its name and build it in __init__."


# --- what is logged -----------------------------------------------------------------------------------------------


class Log(NamedTuple):
    """A call of `self.log`, or one entry of a `self.log_dict`."""

    pattern: str | None
    """A regular expression for the name; None if nothing is known of it."""
    method: str
    on_step: bool | None
    """What the call says, None if nothing."""


class Logs(NamedTuple):
    """What the source of some classes logs."""

    calls: list[Log]
    complete: bool
    """Whether all the source was read, and nothing in it may log elsewhere."""

    def names(self) -> list[str]:
        """The names that are written out."""
        return [re.sub(r"\\(.)", r"\1", log.pattern) for log in self.calls if log.pattern and ".*" not in log.pattern]


def _logs(*classes: type) -> Logs:
    calls, complete = [], True
    for name, function in (pair for cls in classes for pair in _own_functions(cls)):
        tree = _tree(function)
        if tree is None:
            complete = False
            continue
        modules = _module_names(tree)
        calls += [log for node in ast.walk(tree) for log in _logged(node, name, modules)]
        complete = complete and not _escapes(tree, modules)
    return Logs(calls, complete and all(log.pattern is not None for log in calls))


def _module_names(tree: ast.FunctionDef) -> set[str]:
    """Return the names under which a method knows what it can log with: its first argument and the module's."""
    arguments = [argument.arg for argument in (*tree.args.posonlyargs, *tree.args.args)]
    after_trainer = arguments[2:3] if arguments[1:2] == ["trainer"] else []
    return {*arguments[:1], *after_trainer, *({"pl_module"} & set(arguments))}


def _is_module(node: ast.expr, modules: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in modules) or (
        isinstance(node, ast.Attribute) and node.attr == "lightning_module"
    )


def _logged(node: ast.AST, method: str, modules: set[str]) -> list[Log]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    if node.func.attr not in ("log", "log_dict") or not _is_module(node.func.value, modules):
        return []
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    first = node.args[0] if node.args else keywords.get("name") or keywords.get("dictionary")
    on_step = getattr(keywords.get("on_step"), "value", None)
    patterns = _patterns(first) if node.func.attr == "log" else _keys(first)
    return [Log(pattern, method, on_step) for pattern in patterns]


def _keys(node: ast.expr | None) -> list[str | None]:
    if isinstance(node, ast.DictComp):
        return _patterns(node.key)
    if isinstance(node, ast.Dict):
        return [pattern for key in node.keys for pattern in _patterns(key)]
    return [None]


def _patterns(node: ast.expr | None) -> list[str | None]:
    """Return regular expressions for what a text expression can be; [None] if nothing is known of it."""
    if isinstance(node, ast.IfExp):
        return _patterns(node.body) + _patterns(node.orelse)
    text = _pattern(node)
    return [None if text == ".*" else text]


def _pattern(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pattern(node.left) + _pattern(node.right)
    return ".*"


_HARMLESS = {"super", "isinstance", "type", "id", "repr", "str", "len", "print", "hasattr", "grad_norm", "__init__"}


def _escapes(tree: ast.FunctionDef, modules: set[str]) -> bool:
    """Tell whether a method lets something else log (by handing the module on), or writes the metrics itself."""
    users = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names = [node for node in users if isinstance(node, ast.Name) and node.id in modules]
    return any(_is_handed_on(name, users) for name in names) or "callback_metrics" in _written(tree)


def _is_handed_on(name: ast.Name, users: dict[ast.AST, ast.AST]) -> bool:
    user = users[name]
    if isinstance(user, ast.Attribute):  # self.log("x", …) logs here, but what is done with self.log is unknown
        return user.attr in ("log", "log_dict") and getattr(users[user], "func", None) is not user
    called = getattr(user, "func", None)
    return called is not name and getattr(called, "attr", getattr(called, "id", "")) not in _HARMLESS


def _written(tree: ast.FunctionDef) -> str:
    """Return what a method assigns to or updates, as text."""
    targets = [
        node.value
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr in ("update", "setdefault"))
    ]
    return " ".join(ast.unparse(target) for target in targets)


def _unlogged_monitors(run: Run) -> Iterator[Finding]:
    """Callbacks that watch a metric under a name that nothing logs."""
    logs = _logs(type(run.model), *(type(callback) for callback in run.callbacks))
    patterns = [log.pattern for log in logs.calls if log.pattern]
    patterns += ["lr-.*" for callback in run.callbacks if isinstance(callback, LearningRateMonitor)]
    any_form = re.compile(rf"({'|'.join(patterns)})(_step|_epoch)?(/dataloader_idx_\d+)?")
    names = list(dict.fromkeys(logs.names()))
    for place, callback in enumerate(run.callbacks):
        monitor = getattr(callback, "monitor", None)
        own = ("epoch", "step") if isinstance(callback, ModelCheckpoint) else ()
        if not logs.complete or not isinstance(monitor, str) or monitor in own:
            continue
        if not patterns or not any_form.fullmatch(monitor):
            yield Finding(
                "monitor that nothing logs",
                f"{type(callback).__name__} monitors {monitor!r}, and nothing logs that{did_you_mean(monitor, names)}.",
                f"{_place(type(run.model))}, trainer.callbacks[{place}]",
                "The run stops with an error after its first epoch or, without validation batches, saves nothing.",
                f"Monitor {listing(names)}." if names else f"Call self.log({monitor!r}, …) in the model.",
            )


_NOT_PER_STEP = re.compile(r"(on_)?(validation|test|predict)_|.*_epoch_(start|end)$")


def _sparse_logging(run: Run) -> Iterator[Finding]:
    """What is logged per step is written at every log_every_n_steps-th step of the run, so perhaps never."""
    trainer = run.trainer
    if trainer is None or not trainer.loggers or trainer.fast_dev_run or not trainer.log_every_n_steps:
        return
    calls = [log for log in _logs(type(run.model)).calls if not _NOT_PER_STEP.match(log.method)]
    batches = _training_batches(run)
    every = trainer.log_every_n_steps
    if batches is None or batches >= every or all(log.on_step is False for log in calls):
        return
    steps = _steps_of_the_run(trainer, batches)
    yield Finding(
        "log_every_n_steps above the batches",
        f"log_every_n_steps is {every}, and an epoch has {batches} steps: what training_step logs is written "
        f"{steps // every} times in the {steps} steps of the run.",
        _place(_owner_of_loaders(run).train_dataloader),
        "It counts steps, not epochs: the curves of the training are sparse, or empty.",
        f"Give Trainer(log_every_n_steps={max(1, batches // 10)}), or log with on_step=False, on_epoch=True.",
    )


def _steps_of_the_run(trainer: Trainer, steps_per_epoch: int) -> int:
    by_epochs = trainer.max_epochs * steps_per_epoch if (trainer.max_epochs or -1) > 0 else math.inf
    by_steps = trainer.max_steps if trainer.max_steps > 0 else math.inf
    return min(by_epochs, by_steps, 10**6)


def _owner_of_loaders(run: Run) -> LightningDataModule | LightningModule:
    return run.model if run.datamodule is None else run.datamodule


def _training_batches(run: Run) -> int | None:
    """Return the number of optimizer steps in an epoch, None if it cannot be told."""
    owner, trainer = _owner_of_loaders(run), run.trainer
    if owner is run.model and not _overrides(owner, LightningModule, "train_dataloader"):
        return None  # the loader will be given to fit
    loader = _loader(_set_up(owner, "fit"), "train")
    try:
        batches = math.ceil(len(loader) / trainer.world_size) if isinstance(loader, DataLoader) else None
    except TypeError:
        return None  # an IterableDataset has no length
    limit, accumulated = trainer.limit_train_batches, trainer.accumulate_grad_batches
    if batches is None or not isinstance(accumulated, int):
        return None
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    return math.ceil(batches / accumulated)


# --- callbacks ----------------------------------------------------------------------------------------------------

_HAS_RUN = {
    EarlyStopping: (
        lambda early: early.wait_count or early.stopped_epoch or math.isfinite(float(early.best_score)),
        "It still knows the best score of the run before, and how long that is ago: it stops the next run early.",
    ),
    ModelCheckpoint: (
        lambda checkpoint: checkpoint.best_model_path or checkpoint.last_model_path or checkpoint.best_k_models,
        "It still knows the best scores of the run before: a worse model of the next run is not saved, and "
        "best_model_path may name the older file.",
    ),
    Timer: (
        lambda timer: timer.start_time("train") is not None,
        "It still knows when the run before ended: the next one stops at once if the time was up, and otherwise never.",
    ),
}


def _used_callbacks(run: Run) -> Iterator[Finding]:
    """Callbacks that another Trainer has used, with what they remember."""
    if run.trainer is None or run.trainer.global_step:  # then this very Trainer has used them
        return
    for place, callback in enumerate(run.callbacks):
        for kind, (has_run, why) in _HAS_RUN.items():
            if isinstance(callback, kind) and has_run(callback):
                name = type(callback).__name__
                where, fix = f"trainer.callbacks[{place}]", f"Make a new {name} for each run."
                yield Finding("callback that already ran", f"This {name} has been in a run before.", where, why, fix)


# --- the split ----------------------------------------------------------------------------------------------------


def _unstable_split(run: Run) -> Iterator[Finding]:
    """A part of the data that differs according to which stage was set up before."""
    datamodule = run.datamodule
    if datamodule is None or not _overrides(datamodule, LightningDataModule, "setup"):
        return
    both = _set_up(datamodule, "fit")
    train = set(_samples_of(_loader(both, "train")) or ())
    for stage, part in (("test", "test"), ("validate", "val")):
        alone = _samples_of(_loader(_set_up(datamodule, stage), part))
        after_fit = _samples_of(_loader(_set_up_further(both, stage), part))
        if None in (alone, after_fit) or Counter(alone) == Counter(after_fit):
            continue
        leaked = sum(sample in train for sample in after_fit)
        leak = f" {leaked} of its {len(after_fit)} samples are among those that fit trains on." if leaked else ""
        yield Finding(
            "split that depends on the stages",
            f"The {part} part of {type(datamodule).__name__} is another after setup('fit') than without.{leak}",
            _place(type(datamodule).setup),
            "setup runs once per stage and draws at random each time, so that the model is judged on what it has seen.",
            "Split with a generator of its own, torch.Generator().manual_seed(…), or once and for all in __init__.",
        )


def _set_up(owner: LightningDataModule | LightningModule, stage: str) -> Any:
    """Return a copy after `setup(stage)`, the random generators having started from 0; None if that fails."""
    trainer = getattr(owner, "_trainer", None) or vars(owner).get("trainer")
    torch.default_generator.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    try:
        own = copy.deepcopy(owner, {id(trainer): trainer})
    except Exception:
        return None  # it holds something that cannot be copied, such as an open file
    for name in [name for name, value in vars(own).items() if hasattr(value, "__wrapped__")]:
        delattr(own, name)  # a recorder's wrapper, which would call the original's hook
    return _set_up_further(own, stage)


def _set_up_further(own: Any, stage: str) -> Any:
    try:
        own.setup(stage=stage)
    except Exception:
        return None  # what it needs is not there before the run
    torch.rand(3)  # random numbers, as the stage itself would draw
    np.random.rand(3)
    random.random()  # noqa: S311
    return own


def _loader(own: Any, part: str) -> Any:
    try:
        return getattr(own, f"{part}_dataloader")()
    except Exception:
        return None


def _samples_of(loader: Any) -> list[Hashable] | None:
    """Return something that tells the samples of a loader apart, in order; None if nothing is known of them."""
    if isinstance(loader, list | tuple):
        parts = [_samples_of(each) for each in loader]
        return None if None in parts else [sample for part in parts for sample in part]
    if not isinstance(loader, DataLoader):
        return None
    indices = getattr(loader.sampler, "indices", None)  # of a SubsetRandomSampler, say
    try:
        return _samples(loader.dataset if indices is None else Subset(loader.dataset, indices))
    except Exception:
        return None  # a dataset like no other


def _samples(dataset: Dataset) -> list[Hashable] | None:
    if isinstance(dataset, Subset):
        known = _samples(dataset.dataset)
        return [known[i] if known else int(i) for i in dataset.indices]
    held = vars(dataset) if hasattr(dataset, "__dict__") else dataset
    columns = list(_columns(held, len(dataset)))
    return list(zip(*columns, strict=True)) if columns else None


def _columns(held: Any, length: int) -> Iterator[list[Hashable]]:
    """Yield, for each array or list with one entry per sample that is held somewhere, those entries."""
    if isinstance(held, pd.DataFrame | pd.Series):
        held = pd.util.hash_pandas_object(held, index=False).to_numpy()
    if isinstance(held, Tensor | np.ndarray) and held.shape[:1] == (length,):
        yield [_key(row) for row in held]
    elif isinstance(held, list | tuple | range) and len(held) == length and _key(held[0]) is not None:
        yield [_key(entry) for entry in held]
    elif isinstance(held, dict | list | tuple) and len(held) < _FEW:
        for inner in held.values() if isinstance(held, dict) else held:
            yield from _columns(inner, length)


_FEW = 100


def _key(entry: object) -> Hashable | None:
    """Return what tells one entry from another, None if nothing does."""
    if isinstance(entry, Tensor):
        entry = entry.detach().cpu().numpy()
    if isinstance(entry, np.ndarray | np.generic):
        return hash(entry.tobytes())
    if isinstance(entry, tuple | list):
        return tuple(_key(part) for part in entry)
    return entry if isinstance(entry, str | int | float) else None


RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (
    _dead_hooks,
    _empty_hparams,
    _unloadable_hparams,
    _unlogged_monitors,
    _sparse_logging,
    _used_callbacks,
    _unstable_split,
)
