"""What a checkpoint says of itself."""

import ast
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from mldrl_lite.trainer.ckpt.files import Contents
from mldrl_lite.trainer.ckpt.pickles import Mark
from mldrl_lite.trainer.ckpt.refusals import Refusal, refusals, unusual_steps
from mldrl_lite.trainer.ckpt.tensors import Tensor, walk
from mldrl_lite.trainer.ckpt.values import Plain, Shower, text


@dataclass
class Score:
    """What a ModelCheckpoint says of the file that it wrote."""

    monitor: str | None
    mode: str | None
    """`min` or `max`, where the file tells it."""
    score: float | None
    """Of this file."""
    best: float | None
    """The best that the run had seen when this file was written."""
    best_path: str | None


@dataclass
class Checkpoint:
    """A file of weights, read without unpickling it."""

    path: Path
    size: int
    """Bytes."""
    form: str
    """How it was written."""
    kind: str
    """What it is."""
    hparams: dict[str, Plain]
    facts: dict[str, Plain]
    """Epoch, step, version and whatever else was found, by name."""
    scores: list[Score]
    tensors: dict[str, Tensor]
    """By name; those of a state_dict in a checkpoint begin with `state_dict.`."""
    refused: list[Refusal]
    steps: list[str]
    """Of the pickle, those that `weights_only=True` does not know."""
    warnings: list[str] = field(default_factory=list)
    """That it carries code, or is damaged."""
    notes: list[str] = field(default_factory=list)
    """What often surprises."""

    @property
    def weights(self) -> dict[str, Tensor]:
        """Return the tensors of the model, by their names in its state_dict."""
        inner = {
            name.removeprefix("state_dict."): t for name, t in self.tensors.items() if name.startswith("state_dict.")
        }
        return inner or self.tensors

    @property
    def others(self) -> dict[str, Tensor]:
        """Return the tensors that are no weights, such as those of the optimizer."""
        inner = any(name.startswith("state_dict.") for name in self.tensors)
        return {name: t for name, t in self.tensors.items() if inner and not name.startswith("state_dict.")}

    @property
    def loads(self) -> bool:
        """Say whether `torch.load` takes it with `weights_only=True`."""
        return not self.refused and not self.steps


def look(contents: Contents) -> Checkpoint:
    """Read what an opened file says.

    Raises:
        BrokenError: it lies about its tensors.
    """
    value = contents.pickle.value
    found = list(walk(value))
    shower = Shower(contents.numbers)
    tensors = _named([(str(place), thing) for thing, place in found if isinstance(thing, Tensor)])
    contents.numbers.check(tensors.values())
    marks = [(thing, place) for thing, place in found if isinstance(thing, Mark)]
    refused = refusals(contents.pickle, marks, shower)
    lightning = isinstance(value, dict) and "state_dict" in value
    top = value if isinstance(value, dict) else {}
    hparams = _hparams(top, shower)  # first, as there is a limit to what is shown
    return Checkpoint(
        contents.path,
        contents.size,
        contents.form,
        _kind(value, tensors),
        hparams,
        _facts(top, shower) if lightning else {},
        _scores(top, contents.path, shower) if lightning else [],
        tensors,
        refused,
        unusual_steps(contents.pickle),
        _code(top, refused),
        _prefixes(tensors),
    )


def _named(pairs: list[tuple[str, Tensor]]) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    times: Counter[str] = Counter()
    for name, tensor in pairs:
        times[name] += 1
        named[name if times[name] == 1 else f"{name} ({times[name]})"] = tensor
    return named


def _kind(value: object, tensors: dict[str, Tensor]) -> str:
    if isinstance(value, Mark | Tensor):
        whole = isinstance(value, Mark) and len(tensors) != 1
        return f"whole object of class {text(value.name)}, pickled" if whole else "tensor"
    if not isinstance(value, dict):
        return f"{type(value).__name__}, not a checkpoint of Lightning"
    if "state_dict" in value:
        return "Lightning checkpoint" if _VERSION in value else "checkpoint, not of Lightning"
    if value and len(tensors) >= len(value) and all(isinstance(part, Tensor | Mark) for part in value.values()):
        return "state_dict alone: weights, without the rest of a checkpoint"
    keys = ", ".join(text(str(key), 40) for key in list(value)[:8] if isinstance(key, str | int))
    return f"dictionary, not a checkpoint of Lightning; its keys: {keys or 'none'}"


# ---------------------------------------------------------------------------------------------------------------------
# What Lightning writes beside the weights

_VERSION = "pytorch-lightning_version"
_HPARAMS = ("hyper_parameters", "hparams", "module_arguments")  # the second and third: before 1.0
_KNOWN = {
    "epoch", "global_step", _VERSION, "state_dict", "loops", "callbacks", "optimizer_states", "lr_schedulers",
    "hparams_name", "hparams_type", "datamodule_hparams_name", "datamodule_hyper_parameters", *_HPARAMS,
}  # fmt: skip


def _facts(top: dict[object, object], shower: Shower) -> dict[str, Plain]:
    facts = {
        "epoch": shower.show(top.get("epoch")),
        "step": shower.show(top.get("global_step")),
        "batch": _batch(top, shower),
        "version": shower.show(top.get(_VERSION)),
        "callbacks": [text(name) for name, _ in _callbacks(top)],
        "optimizers": [_optimizer(state, shower) for state in _list(top.get("optimizer_states"))],
        "schedulers": [shower.show(state) for state in _list(top.get("lr_schedulers"))],
        "datamodule hyperparameters": shower.show(top.get("datamodule_hyper_parameters")),
        "more": [text(str(key), 60) for key in top if isinstance(key, str) and key not in _KNOWN],
    }
    return {name: fact for name, fact in facts.items() if fact not in (None, [], {})}


def _batch(top: dict[object, object], shower: Shower) -> Plain:
    """Return how many batches of an unfinished epoch were done, or None at the end of an epoch."""
    fit = _dict(_dict(top.get("loops")).get("fit_loop"))
    batches, epochs = (
        _dict(fit.get("epoch_loop.batch_progress")),
        _dict(_dict(fit.get("epoch_progress")).get("current")),
    )
    under_way = epochs.get("ready") != epochs.get("processed") and not batches.get("is_last_batch", True)
    return shower.show(_dict(batches.get("current")).get("processed")) if under_way else None


def _callbacks(top: dict[object, object]) -> list[tuple[str, dict[object, object]]]:
    """Return the name and the state of each; Lightning before 1.5 used classes as keys."""
    states = _dict(top.get("callbacks"))
    return [(_callback_name(key), _dict(state)) for key, state in states.items()]


def _callback_name(key: object) -> str:
    if isinstance(key, Mark) and key.name == "key":
        return "…"
    return key.name.rpartition(".")[2] if isinstance(key, Mark) else str(key)


def _optimizer(state: object, shower: Shower) -> Plain:
    groups = [_dict(group) for group in _list(_dict(state).get("param_groups"))]
    shown = [
        {text(str(key)): shower.show(value) for key, value in group.items() if key != "params"} for group in groups
    ]
    kept = Counter(text(str(key)) for moments in _dict(_dict(state).get("state")).values() for key in _dict(moments))
    return {"groups": shown, "state": dict(kept.most_common(10))}


def _hparams(top: dict[object, object], shower: Shower) -> dict[str, Plain]:
    found = next((top[name] for name in _HPARAMS if name in top), None)
    shown = shower.show(found)
    return shown if isinstance(shown, dict) else {} if found is None else {"": shown}


def _scores(top: dict[object, object], path: Path, shower: Shower) -> list[Score]:
    """Return what the ModelCheckpoint that wrote this file says; where none is known to have, what all say."""
    keepers = [(name, state) for name, state in _callbacks(top) if "best_model_score" in state or "kth_value" in state]
    writers = [(name, state) for name, state in keepers if path.absolute().parts[-2:] in _written(state)]
    scores = [_score(name, state, shower) for name, state in writers or keepers]
    old = "checkpoint_callback_best_model_score"  # before 1.0
    if old in top:
        scores.append(Score(None, None, None, _number(top[old], shower), None))
    return scores


def _written(state: dict[object, object]) -> set[tuple[str, ...]]:
    """Return folder and name of the files that a ModelCheckpoint has written and kept."""
    paths = [state.get("best_model_path"), state.get("last_model_path"), *_dict(state.get("best_k_models"))]
    return {PurePath(path.replace("\\", "/")).parts[-2:] for path in paths if isinstance(path, str)}


def _score(name: str, state: dict[object, object], shower: Shower) -> Score:
    monitor, path = state.get("monitor"), state.get("best_model_path")
    return Score(
        text(monitor) if isinstance(monitor, str) else None,
        _mode(name),
        _number(state.get("current_score"), shower),
        _number(state.get("best_model_score"), shower),
        text(path) if isinstance(path, str) and path else None,
    )


def _mode(name: str) -> str | None:
    """Return the mode from the key of a callback: its class, then a dictionary of what tells it from others."""
    try:
        told = ast.literal_eval(name[name.index("{") :]) if len(name) < 2000 else {}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    mode = told.get("mode") if isinstance(told, dict) else None
    return mode if mode in ("min", "max") else None


def _number(value: object, shower: Shower) -> float | None:
    shown = shower.show(value)
    return float(shown) if isinstance(shown, int | float) and not isinstance(shown, bool) else None


def _dict(value: object) -> dict[object, object]:
    if isinstance(value, Mark):
        return value.pairs or {}
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# ---------------------------------------------------------------------------------------------------------------------
# What often surprises

_PREFIXES = {
    "_orig_mod.": "torch.compile",
    "module.": "DataParallel or DistributedDataParallel",
    "_forward_module.": "a strategy of Lightning",
    "_fsdp_wrapped_module.": "FSDP",
}


def _prefixes(tensors: dict[str, Tensor]) -> list[str]:
    found = [
        (prefix, maker) for prefix, maker in _PREFIXES.items() if any(f".{prefix}" in f".{name}" for name in tensors)
    ]
    return [
        f"Names of weights hold {prefix!r}, which {maker} puts there: a plain model has none."
        for prefix, maker in found
    ]


def _code(top: dict[object, object], refused: list[Refusal]) -> list[str]:
    calls = [refusal.call or text(refusal.name) for refusal in refused if refusal.verdict == "code"]
    found = [f"Carries code: unpickling it would call {call}. Do not load it." for call in calls]
    for name in (*_HPARAMS, "datamodule_hyper_parameters"):
        made = _dict(top.get(name)).get("_instantiator")
        if isinstance(made, str) and not made.startswith(("lightning.pytorch.cli.", "pytorch_lightning.cli.")):
            words = f"Carries code: {name} names {text(made, 100)!r} as what is to be called"
            found.append(f"{words}; Lightning before 2.6.6 calls it while loading.")
    return found
