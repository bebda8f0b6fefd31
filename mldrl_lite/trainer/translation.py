"""Rewrite a `Trainer(...)` call of 1.x for today's Trainer.

translate("Trainer(gpus=2, precision=16)")
"""

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent, fill
from typing import Any

from pytorch_lightning.accelerators import AcceleratorRegistry
from pytorch_lightning.strategies import StrategyRegistry

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.trainer.arguments import (
    REMOVED,
    REMOVED_ACCELERATORS,
    REMOVED_STRATEGIES,
    check_known,
    import_lines,
)


@dataclass(frozen=True, repr=False)
class Translation:
    """A 1.x call, rewritten for today's Trainer."""

    source: str
    """Today's call (or the statement that it was part of)."""
    notes: tuple[str, ...]
    """What changed and what to know about it, one sentence per change; empty where nothing did."""
    imports: tuple[str, ...]
    """The import lines that `source` needs beyond those of the old call."""

    def __str__(self) -> str:
        notes = (fill(note, 95, initial_indent="# ", subsequent_indent="#   ") for note in self.notes)
        return "\n".join([*self.imports, self.source, *notes])

    __repr__ = __str__


def translate(source: str) -> Translation:
    """Rewrite a 1.x `Trainer(...)` call, or a statement that holds one, for today's Trainer.

    The text is parsed, never executed. Expressions stay as they stand, so what a variable holds is unknown here: where
    that matters, a note says so. What the expressions themselves call (a logger, say) is not translated.

    Raises:
        InputError: the text does not hold exactly one such call, or has something that nothing replaces.
    """
    if not isinstance(source, str) or len(source) > _LONGEST:
        raise InputError(f"Give translate the text of one Trainer(...) call, at most {_LONGEST} characters long.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's opinion of the text, such as "\d" being no escape
            return _translate(dedent(source).strip())
    except InputError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or error
        raise InputError(f"The text cannot be read as Python ({reason}): give one Trainer(...) call.") from None


_LONGEST = 20_000


def _translate(source: str) -> Translation:
    tree = ast.parse(source)
    call = _find_call(tree)
    draft = _Draft(call)
    for name, rule in _RULES.items():
        if name in draft.arguments:
            rule(draft, name, draft.arguments.pop(name))
    changed = bool(draft.notes)
    draft.note_silent_changes()
    text = _with_call(tree, call, draft) if changed else source
    return Translation(text, tuple(draft.notes), import_lines(draft.added))


def _find_call(tree: ast.Module) -> ast.Call:
    if any(isinstance(node, ast.Attribute) and node.attr == "from_argparse_args" for node in ast.walk(tree)):
        raise InputError(
            "Trainer.from_argparse_args is gone: make a dictionary of today's arguments and give Trainer(**dictionary)."
        )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _last_name(node.func) == "Trainer"]
    if len(tree.body) != 1 or len(calls) != 1:
        raise InputError(
            f"Give one statement with one Trainer(...) call, not {len(tree.body)} statements with {len(calls)} calls."
        )
    return calls[0]


def _with_call(tree: ast.Module, call: ast.Call, draft: "_Draft") -> str:
    """Write the statement with the new call in the place of the old one, one argument a line if it is long."""
    function = ast.unparse(call.func)
    parts = [f"{name}={ast.unparse(draft.arguments[name])}" for name in draft.order()]
    parts += [f"**{ast.unparse(value)}" for value in draft.unpacked]
    text = f"{function}({', '.join(parts)})"
    if len(text) > 100:
        text = f"{function}(\n" + "".join(f"    {part},\n" for part in parts) + ")"
    # The old node becomes a name that the text cannot have had, and the name becomes the new call.
    call.func, call.args, call.keywords = ast.Name("\0"), [], []
    return ast.unparse(tree).replace("\0()", text)


class _Draft:
    """The arguments of a call while it is being rewritten."""

    def __init__(self, call: ast.Call) -> None:
        self.arguments: dict[str, ast.expr] = {}
        self.unpacked: list[ast.expr] = []
        self.notes: list[str] = []
        self.added: set[str] = set()
        self._places: dict[str, int] = {}
        self._take_positional(call.args)
        for keyword in call.keywords:
            self._take(keyword.arg, keyword.value)

    def _take_positional(self, values: list[ast.expr]) -> None:
        if not values:
            return
        if len(values) > 1 or isinstance(values[0], ast.Starred):
            raise InputError(
                "Only the first argument of Trainer can be told without its name, because the 1.x versions disagree on "
                "the others: name them."
            )
        self._take("logger", values[0])
        self.note("logger", values[0], "named: the first argument of 1.x was the logger, today's is the accelerator")

    def _take(self, name: str | None, value: ast.expr) -> None:
        if name is None and isinstance(value, ast.Dict) and all(_is_text(key) for key in value.keys):
            for key, item in zip(value.keys, value.values, strict=True):
                self._take(key.value, item)
        elif name is None:
            self.unpacked.append(value)
            text = ast.unparse(value)
            self.notes.append(f"**{text}: kept unread; what it holds may need translating too.")
        else:
            check_known(name)
            if name in self.arguments:
                raise InputError(f"The call has {name} twice: give it once.")
            self.arguments[name] = value
            self._places[name] = len(self._places)

    def note(self, name: str, value: ast.expr, after: str) -> None:
        """Note that `name=value` became what `after` says."""
        self.notes.append(f"{name}={ast.unparse(value)}: {after}.")

    def order(self) -> list[str]:
        """Return the names of the arguments in the order of the old call; new ones stand where the old ones stood."""
        return sorted(self.arguments, key=lambda name: self._places[name])

    def set(self, name: str, value: ast.expr, instead_of: str) -> None:
        """Set today's argument `name` in the place of an old one."""
        if name not in self.arguments:
            self._places[name] = self._places[instead_of]
        self.arguments[name] = value

    def put(self, name: str, value: ast.expr, instead_of: str, old: ast.expr, why: str = "") -> None:
        """Set today's argument `name` in the place of an old one, and note it."""
        self.set(name, value, instead_of)
        after = f"now {name}={ast.unparse(value)}"
        self.note(instead_of, old, f"{after}; {why}" if why else after)

    def add_callback(self, name: str, instead_of: str, old: ast.expr, **arguments: ast.expr) -> None:
        """Put a callback of Lightning into `callbacks`; one that is there already gets the arguments it lacks."""
        for present in _elements(self.arguments.get("callbacks")):
            if isinstance(present, ast.Call) and _last_name(present.func) == name:
                has = {keyword.arg for keyword in present.keywords}
                present.keywords += [ast.keyword(key, value) for key, value in arguments.items() if key not in has]
                self.note(instead_of, old, f"now an argument of the {name} in callbacks")
                return
        self.added.add(name)
        keywords = [ast.keyword(key, value) for key, value in arguments.items()]
        self.append_callback(ast.Call(ast.Name(name), [], keywords), instead_of, old)

    def append_callback(self, callback: ast.expr, instead_of: str, old: ast.expr, why: str = "") -> None:
        """Append to `callbacks`, whatever form it has."""
        present = self.arguments.get("callbacks")
        if present is None or isinstance(present, ast.List | ast.Tuple) or _is(present, None) or _constructs(present):
            elements = _elements(present)
        else:  # a variable or an expression, most likely a list
            elements = [ast.Starred(_each_case(present, lambda case: ast.List([]) if _is(case, None) else case))]
            why = why or f"{ast.unparse(present)} is taken for a list"
        self.set("callbacks", ast.List([*elements, callback]), instead_of)
        after = f"now {ast.unparse(callback).removeprefix('*')} in callbacks"
        self.note(instead_of, old, f"{after}; {why}" if why else after)

    def note_silent_changes(self) -> None:
        """Note what the same words do differently today."""
        if not self.unpacked and not self.arguments.keys() & {"accelerator", "devices"}:
            self.notes.append(
                "No device is named: 1.x took the CPU, today's Trainer takes any GPU it finds unless accelerator='cpu'."
            )


# Small questions about expressions.


class _Unknown:
    """What an expression that is no literal is worth here."""


def _literal(node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return _Unknown


def _is(node: ast.expr, *values: object) -> bool:
    """Tell whether an expression is one of these literals; 0 is not False here."""
    value = _literal(node)
    return any(type(value) is type(other) and value == other for other in values)


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(_literal(node), str) if node else False


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _constructs(node: ast.expr) -> bool:
    """Tell whether an expression makes an object, going by the capital letter of what it calls."""
    return isinstance(node, ast.Call) and _last_name(node.func)[:1].isupper()


def _elements(node: ast.expr | None) -> list[ast.expr]:
    if isinstance(node, ast.List | ast.Tuple):
        return list(node.elts)
    return [] if node is None or _is(node, None) else [node]


def _cases(node: ast.expr) -> list[ast.expr]:
    """Return what an expression can be: both sides of `a if c else b`, else the expression itself."""
    return [*_cases(node.body), *_cases(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def _each_case(node: ast.expr, change: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """Apply `change` to both sides of `a if c else b`, however deep."""
    if isinstance(node, ast.IfExp):
        return ast.IfExp(node.test, _each_case(node.body, change), _each_case(node.orelse, change))
    return change(node)


# The rules. Each is given the draft, the name of the argument that it has just taken out of it, and the value.

_VARIABLE = (ast.Name, ast.Attribute, ast.Subscript)
_NOTHING = "left out, as it asked for nothing"
_Rule = Callable[[_Draft, str, ast.expr], None]


def _moved(*off: object) -> _Rule:
    """What it did is done elsewhere today; `off` are the values with which it did nothing."""

    def rule(draft: _Draft, name: str, value: ast.expr) -> None:
        note = REMOVED[name].note.replace("=...", f"={ast.unparse(value)}")
        draft.note(name, value, _NOTHING if _is(value, *off) else note)

    return rule


def _values(today: dict[Any, Any]) -> _Rule:
    """The argument stays, but some values have other names today, or None: then it is left out."""

    def new(case: ast.expr) -> ast.expr:
        hits = [after for before, after in today.items() if _is(case, before)]
        return ast.Constant(hits[0]) if hits else case

    def rule(draft: _Draft, name: str, value: ast.expr) -> None:
        after = _each_case(value, new)
        if ast.dump(after) == ast.dump(value):
            draft.arguments[name] = value
        elif _is(value, None) or _is(after, None):
            draft.note(name, value, _NOTHING)
        else:
            draft.put(name, after, name, value)

    return rule


def _distributed_backend(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, None):
        draft.note(name, value, _NOTHING)
    elif "accelerator" in draft.arguments:
        raise InputError("The call has both accelerator and distributed_backend: give the one that it should follow.")
    else:
        _accelerator(draft, name, value)


def _accelerator(draft: _Draft, name: str, value: ast.expr) -> None:
    """In 1.x up to 1.6 the accelerator could be a strategy; so it could as distributed_backend."""
    cases = [case for case in _cases(value) if not _is(case, None)]
    strategies = [case for case in cases if _names_strategy(case)]
    if not cases:
        draft.note(name, value, _NOTHING)
    elif not strategies:
        _accelerator_today(draft, name, value, cases)
    elif strategies == cases:
        _strategy(draft, name, value)
        if all(_is(case, "ddp_cpu") for case in cases):
            draft.set("accelerator", ast.Constant("cpu"), name)
    else:
        raise InputError(f"{name}={ast.unparse(value)} mixes strategies and kinds of device: split it in two.")


def _accelerator_today(draft: _Draft, name: str, value: ast.expr, cases: list[ast.expr]) -> None:
    known = ["auto", "gpu", *sorted(AcceleratorRegistry.available_accelerators())]
    for text in (_literal(case) for case in cases if _literal(case) is not _Unknown):
        if text not in known:
            why = f"Lightning knows {listing(known)}{did_you_mean(text, known)}"
            why = REMOVED_ACCELERATORS.get(str(text), why)
            raise InputError(f"{name}={text!r} cannot be translated: {why}.")
    today = _each_case(value, lambda case: ast.Constant("auto") if _is(case, None) else case)
    if name != "accelerator" or ast.dump(today) != ast.dump(value):
        draft.put("accelerator", today, name, value)
    else:
        draft.arguments[name] = value
    _note_variable(draft, name, value)


def _note_variable(draft: _Draft, name: str, value: ast.expr) -> None:
    if any(isinstance(case, _VARIABLE) for case in _cases(value)):
        draft.note(name, value, "kept; should it hold a strategy, such as 'ddp', give it as strategy")


def _names_strategy(case: ast.expr) -> bool:
    if _is_text(case):
        return _literal(case).lower() in [*REMOVED_STRATEGIES, *StrategyRegistry.available_strategies()]
    name = _last_name(case.func) if isinstance(case, ast.Call) else ""
    return name.endswith("Strategy") or name in _STRATEGY_CLASSES or bool(_REMOVED_CLASSES.search(name))


_STRATEGY_CLASSES = {
    "DDPPlugin": ("DDPStrategy", {}),
    "DDPSpawnPlugin": ("DDPStrategy", {"start_method": "spawn"}),
    "DDPSpawnStrategy": ("DDPStrategy", {"start_method": "spawn"}),
    "DeepSpeedPlugin": ("DeepSpeedStrategy", {}),
}
_REMOVED_CLASSES = re.compile("Sharded|Native|Apex|Horovod|Bagua|DataParallel|DDP2|Hivemind|ColossalAI|HPU|IPU")


def _plugins(draft: _Draft, name: str, value: ast.expr) -> None:
    """From 1.2 to 1.5 strategies were given as plugins."""
    items = _elements(value)
    strategies = [item for item in items if any(_names_strategy(case) for case in _cases(item))]
    if not strategies:
        draft.arguments[name] = value
        _note_variable(draft, name, value)
        return
    draft.arguments.pop("strategy", None)  # of the two, 1.x followed the plugin
    _strategy(draft, name, strategies[0])
    rest = [item for item in items if item not in strategies]
    if rest:
        draft.arguments[name] = ast.List(rest)


def _strategy(draft: _Draft, name: str, value: ast.expr) -> None:
    if name != "strategy" and "strategy" in draft.arguments:
        raise InputError(f"The call has both strategy and {name}={ast.unparse(value)}: give the one to follow.")
    whys: list[str] = []
    after = _each_case(value, lambda case: _strategy_today(draft, case, whys))
    if _is(after, "auto") and not _is(value, "auto"):
        draft.note(name, value, _NOTHING)
    elif name == "strategy" and ast.dump(after) == ast.dump(value):
        draft.arguments[name] = value
    else:
        draft.put("strategy", after, name, value, "; ".join(dict.fromkeys(whys)))


def _strategy_today(draft: _Draft, case: ast.expr, whys: list[str]) -> ast.expr:
    if _is(case, None):
        return ast.Constant("auto")
    if _is_text(case):
        today, why = _strategy_name_today(_literal(case).lower())
        whys += [why] if why else []
        return ast.Constant(today)
    if not isinstance(case, ast.Call):
        return case
    old = _last_name(case.func)
    if _REMOVED_CLASSES.search(old):
        raise InputError(f"{old} cannot be translated: it is gone, and nothing takes its arguments as they are.")
    if old not in _STRATEGY_CLASSES:
        return case
    new, more = _STRATEGY_CLASSES[old]
    draft.added.add(new)
    keywords = [*case.keywords, *(ast.keyword(key, ast.Constant(value)) for key, value in more.items())]
    return ast.Call(ast.Name(new), case.args, keywords)


def _strategy_name_today(old: str) -> tuple[str, str]:
    known = StrategyRegistry.available_strategies()
    today, why = REMOVED_STRATEGIES.get(old, (old, ""))
    if today is None:
        raise InputError(f"The strategy {old!r} cannot be translated: {why}.")
    if today not in [*known, "auto"]:
        near = did_you_mean(old, [*known, *REMOVED_STRATEGIES])
        raise InputError(
            f"The strategy {old!r} is unknown, today and in 1.x{near}: register it first, or give another."
        )
    return today, why


def _gpus(draft: _Draft, name: str, value: ast.expr) -> None:
    given = draft.arguments.get("accelerator")
    accelerator, devices = _hardware(value)
    off = _is(accelerator, "cpu")
    if given is not None and (off or _is(given, "cpu")):
        draft.note(name, value, f"left out, as the accelerator is {ast.unparse(given)}")
        return
    if "devices" in draft.arguments:
        draft.note("devices", draft.arguments["devices"], "left out, as 1.x followed gpus where both were given")
    if given is None or not _is(accelerator, "gpu"):
        draft.set("accelerator", accelerator, name)
    if off:
        draft.arguments.pop("devices", None)
    else:
        draft.set("devices", devices, name)
    now = f"now accelerator={ast.unparse(draft.arguments['accelerator'])}"
    now += "" if off else f", devices={ast.unparse(devices)}"
    draft.note(name, value, now + _hardware_remark(draft, value))


def _hardware(value: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Return today's accelerator and devices for a value of `gpus`."""
    if isinstance(value, ast.IfExp):
        accelerators, devices = zip(_hardware(value.body), _hardware(value.orelse), strict=True)
        return _either(value.test, *accelerators), _either(value.test, *devices)
    if _is(value, None, 0, False, [], ()):
        return ast.Constant("cpu"), ast.Constant(1)
    if isinstance(value, ast.List | ast.Tuple):
        return ast.Constant("gpu"), value
    literal = _literal(value)
    if literal is _Unknown:
        kind = ast.IfExp(value, ast.Constant("gpu"), ast.Constant("cpu"))
        return kind, ast.BoolOp(ast.Or(), [value, ast.Constant(1)])
    if isinstance(literal, str) and literal.strip().isdigit():
        raise InputError(
            f"gpus={literal!r} was a GPU's number before 1.5, then a count: write gpus=[{literal}] or gpus={literal}."
        )
    if type(literal) not in (int, str) or not re.fullmatch(r"-1|[1-9]\d*|\d+(\s*,\s*\d+)*\s*,?", str(literal).strip()):
        raise InputError(f"gpus={literal!r} means nothing: give a count, a list of GPU numbers, or -1 for all.")
    return ast.Constant("gpu"), value


def _either(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    return yes if ast.dump(yes) == ast.dump(no) else ast.IfExp(test, yes, no)


def _hardware_remark(draft: _Draft, value: ast.expr) -> str:
    if any(_literal(case) is _Unknown and not isinstance(case, ast.List) for case in _cases(value)):
        return "; its value is unknown here, and 0 or None has to become the CPU"
    literal = _literal(value)
    several = literal in (-1, "-1") or (isinstance(literal, int) and literal > 1) or len(str(literal).split(",")) > 1
    if several and "strategy" not in draft.arguments and "plugins" not in draft.arguments:
        return "; with several devices and no strategy, 1.x took 'ddp_spawn' where today takes 'ddp'"
    return ""


def _tpu_cores(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, None, 0):
        draft.note(name, value, _NOTHING)
        return
    draft.set("accelerator", ast.Constant("tpu"), name)
    draft.set("devices", value, name)
    draft.note(name, value, f"now accelerator='tpu', devices={ast.unparse(value)}")


def _ipus(draft: _Draft, name: str, value: ast.expr) -> None:
    if not _is(value, None, 0):
        raise InputError(f"ipus={ast.unparse(value)} cannot be translated: {REMOVED[name].note}.")
    draft.note(name, value, _NOTHING)


def _num_processes(draft: _Draft, name: str, value: ast.expr) -> None:
    """Processes on the CPU; on other devices, 1.x paid no attention to it."""
    on_cpu = _is(draft.arguments.get("accelerator", ast.Constant("cpu")), "cpu")
    if _is(value, None, 1) or not on_cpu or "devices" in draft.arguments:
        draft.note(name, value, _NOTHING if on_cpu else "left out, as it is about the CPU alone")
        return
    draft.set("accelerator", ast.Constant("cpu"), name)
    draft.set("devices", value, name)
    draft.note(name, value, f"now accelerator='cpu', devices={ast.unparse(value)}; {REMOVED[name].note}")


def _checkpoint_callback(draft: _Draft, name: str, value: ast.expr) -> None:
    if all(_is(case, True, False, None) for case in _cases(value)):
        _flag("enable_checkpointing")(draft, name, value)
    else:
        why = "" if isinstance(value, ast.Call) else "if it is True or False, write enable_checkpointing instead"
        draft.append_callback(_unless_none(value), name, value, why)


def _early_stop_callback(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, None, False):
        draft.note(name, value, _NOTHING)
    elif _is(value, True):
        draft.add_callback("EarlyStopping", name, value, monitor=ast.Constant("val_loss"))
    else:
        draft.append_callback(_unless_none(value), name, value)


def _unless_none(value: ast.expr) -> ast.expr:
    """`x if c else None` as an element of a list: `*([x] if c else [])`."""
    if not any(_is(case, None, False) for case in _cases(value)):
        return value
    return ast.Starred(_each_case(value, lambda case: ast.List([] if _is(case, None, False) else [case])))


def _flag(new: str) -> _Rule:
    """A flag that took None for "as usual" became today's flag `new`."""

    def rule(draft: _Draft, name: str, value: ast.expr) -> None:
        if _is(value, None):
            draft.note(name, value, _NOTHING)
        elif new in draft.arguments:
            draft.note(name, value, f"left out, as {new} says the same")
        else:
            draft.put(new, value, name, value, REMOVED[name].note)

    return rule


def _callback(new: str, argument: str, *off: object) -> _Rule:
    """The value became an argument of a callback of Lightning."""

    def rule(draft: _Draft, name: str, value: ast.expr) -> None:
        switch = {"TQDMProgressBar": "enable_progress_bar", "ModelCheckpoint": "enable_checkpointing"}[new]
        if _is(value, None, *off) or _is(draft.arguments.get(switch, ast.Constant(None)), False):
            draft.note(name, value, _NOTHING)
        else:
            draft.add_callback(new, name, value, **{argument: value})

    return rule


def _progress_bar_refresh_rate(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, 0):
        draft.put("enable_progress_bar", ast.Constant(False), name, value)
        draft.arguments.pop("process_position", None)  # of a bar that is not there
    else:
        _callback("TQDMProgressBar", "refresh_rate")(draft, name, value)


def _weights_summary(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, "full"):
        draft.add_callback("ModelSummary", name, value, max_depth=ast.Constant(-1))
        return
    shown = _each_case(
        value,
        lambda case: (
            ast.Compare(case, [ast.IsNot()], [ast.Constant(None)])
            if _literal(case) is _Unknown
            else ast.Constant(not _is(case, None))
        ),
    )
    known = _is(value, None, "top")
    draft.put("enable_model_summary", shown, name, value, "" if known else REMOVED[name].note)


def _stochastic_weight_avg(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, False, None):
        draft.note(name, value, _NOTHING)
        return
    draft.added.add("StochasticWeightAveraging")
    swa = ast.parse("StochasticWeightAveraging(swa_lrs=0.01)", mode="eval").body
    if not _is(value, True):
        swa = ast.Starred(ast.IfExp(value, ast.List([swa]), ast.List([])))
    draft.append_callback(swa, name, value, REMOVED[name].note)


def _log_gpu_memory(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, None, False):
        draft.note(name, value, _NOTHING)
    else:
        draft.add_callback("DeviceStatsMonitor", name, value)


def _reload_every_epoch(draft: _Draft, name: str, value: ast.expr) -> None:
    if _is(value, None, False):
        draft.note(name, value, _NOTHING)
    else:
        number = ast.Constant(1) if _is(value, True) else ast.Call(ast.Name("int"), [value], [])
        draft.put("reload_dataloaders_every_n_epochs", number, name, value, REMOVED[name].note)


def _accumulate(draft: _Draft, name: str, value: ast.expr) -> None:
    if isinstance(value, ast.Dict):
        draft.add_callback("GradientAccumulationScheduler", name, value, scheduling=value)
    else:
        _values({None: 1})(draft, name, value)


def _max_steps(draft: _Draft, name: str, value: ast.expr) -> None:
    _values({None: -1})(draft, name, value)
    if any(isinstance(case, _VARIABLE) for case in _cases(value)):
        draft.note(name, value, "kept; should it be None, give -1, because today None is refused")


_PRECISIONS = {
    16: "16-mixed",
    "16": "16-mixed",
    "mixed": "16-mixed",
    "bf16": "bf16-mixed",
    64: "64-true",
    "64": "64-true",
}

# In the order in which they apply: what is a device and what is a strategy has to be known before the rest.
_RULES: dict[str, _Rule] = {
    "devices": _values({None: "auto"}),
    "num_nodes": _values({None: 1}),
    "strategy": _strategy,
    "accelerator": _accelerator,
    "distributed_backend": _distributed_backend,
    "plugins": _plugins,
    "tpu_cores": _tpu_cores,
    "ipus": _ipus,
    "gpus": _gpus,
    "num_processes": _num_processes,
    "auto_select_gpus": _moved(False, None),
    "precision": _values(_PRECISIONS),
    "profiler": _values({True: "simple", False: None}),
    "max_steps": _max_steps,
    "overfit_batches": _values({None: 0.0}),
    "detect_anomaly": _values({None: False}),
    "accumulate_grad_batches": _accumulate,
    "reload_dataloaders_every_n_epochs": _values({None: 0}),
    "reload_dataloaders_every_epoch": _reload_every_epoch,
    "replace_sampler_ddp": _flag("use_distributed_sampler"),
    "terminate_on_nan": _flag("detect_anomaly"),
    "checkpoint_callback": _checkpoint_callback,
    "early_stop_callback": _early_stop_callback,
    "weights_save_path": _callback("ModelCheckpoint", "dirpath", ""),
    "progress_bar_refresh_rate": _progress_bar_refresh_rate,
    "process_position": _callback("TQDMProgressBar", "process_position", 0),
    "weights_summary": _weights_summary,
    "stochastic_weight_avg": _stochastic_weight_avg,
    "log_gpu_memory": _log_gpu_memory,
    "resume_from_checkpoint": _moved(None),
    "auto_lr_find": _moved(False, None),
    "auto_scale_batch_size": _moved(False, None),
    "track_grad_norm": _moved(-1, None),
    "amp_backend": _moved("native", None),
    "amp_level": _moved(None),
    "multiple_trainloader_mode": _moved("max_size_cycle", None),
    "prepare_data_per_node": _moved(True, None),
    "move_metrics_to_cpu": _moved(False, None),
    "flush_logs_every_n_steps": _moved(None),
    "truncated_bptt_steps": _moved(None, 0),
    "automatic_optimization": _moved(True, None),
    "enable_pl_optimizer": _moved(True, None),
}
