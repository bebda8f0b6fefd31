"""What of a Trainer's arguments goes to other calls of the file: the checkpoint to `fit`, the tuning to a Tuner."""

from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.draft import spelled_out
from mldrl_lite.trainer.migrate.expressions import Unknown, argument, code, is_, literal
from mldrl_lite.trainer.migrate.reading import Reading


@dataclass
class Plan:
    """Which node of the old text gets what. Nodes are known by their identity."""

    resumed: dict[int, cst.BaseExpression] = field(default_factory=dict)
    """By call of `fit`: the path of the checkpoint to start from."""
    tuned: dict[int, dict[str, cst.BaseExpression]] = field(default_factory=dict)
    """By call of `tune`: what its Trainer was told to find, and how."""
    moves: dict[int, dict[str, str]] = field(default_factory=dict)
    """By call of the Trainer, or dictionary for it: the arguments that are dealt with so, and the words for it."""
    dictionaries: dict[int, list[cst.Call]] = field(default_factory=dict)
    """By dictionary that is unpacked into Trainers: those calls."""

    def is_known(self, reading: Reading, name: str) -> bool:
        """Tell whether a variable holds such a dictionary."""
        return any(id(value) in self.dictionaries for value in reading.meanings(name))


TUNED = ("auto_lr_find", "auto_scale_batch_size")


def plan(reading: Reading) -> Plan:
    """Look up who fits and tunes with which Trainer."""
    made = Plan()
    for call, names in _trainers(reading):
        source = _dictionary(reading, call)
        if source is not None:
            made.dictionaries.setdefault(id(source), []).append(call)
        holders = [call, *([source] if source is not None else [])]
        _plan_resuming(reading, made, call, names, holders)
        _plan_tuning(reading, made, names, holders)
    return made


def _trainers(reading: Reading) -> list[tuple[cst.Call, list[str]]]:
    """Return every call of the Trainer, with the names of what it is assigned to."""
    names: dict[int, list[str]] = {}
    for name, calls in reading.trainers.items():
        for call in calls:
            names.setdefault(id(call), []).append(name)
    return [(call, names.get(id(call), [])) for call in reading.trainer_calls]


def _dictionary(reading: Reading, call: cst.Call) -> cst.BaseExpression | None:
    """Return the dictionary that a call unpacks, if the file shows it."""
    for arg in call.args:
        if arg.star == "**" and isinstance(arg.value, cst.Name):
            known = reading.meanings(arg.value.value)
            if len(known) == 1 and spelled_out(known[0]) is not None:
                return known[0]
    return None


def _value(holders: list[cst.BaseExpression], name: str) -> cst.BaseExpression | None:
    for holder in holders:
        pairs = dict(spelled_out(holder) or []) if not _is_trainer(holder) else {}
        found = pairs.get(name) if pairs else argument(holder, name) if isinstance(holder, cst.Call) else None
        if found is not None:
            return found
    return None


def _is_trainer(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and code(node.func) != "dict"


def _calls(reading: Reading, trainer: cst.Call, names: list[str], method: str) -> list[cst.Call]:
    """Return the calls of a method of a Trainer, also those right behind its making."""
    found = [call for name in names if name for call in reading.methods[name, method]]
    return [*found, *(call for call in reading.methods["", method] if call.func.value is trainer)]


def _plan_resuming(
    reading: Reading, made: Plan, trainer: cst.Call, names: list[str], holders: list[cst.BaseExpression]
) -> None:
    path = _value(holders, "resume_from_checkpoint")
    fits = _calls(reading, trainer, names, "fit")
    if path is None or is_(path, None) or not fits or m.findall(path, m.Call() | m.Await() | m.NamedExpr()):
        return
    free = [fit for fit in fits if argument(fit, "ckpt_path") is None and len(_starless(fit)) < 5]
    others = [made.resumed[id(fit)] for fit in fits if id(fit) in made.resumed]
    if len(free) < len(fits) or any(code(other) != code(path) for other in others):
        return
    made.resumed.update({id(fit): path for fit in fits})
    for holder in holders:
        words = f"now ckpt_path={' '.join(code(path).split())} of fit"
        made.moves.setdefault(id(holder), {})["resume_from_checkpoint"] = words


def _starless(call: cst.Call) -> list[cst.Arg]:
    """Return the arguments without a name; one with a star may stand for any number."""
    if any(arg.star for arg in call.args):
        return [*call.args] * 5
    return [arg for arg in call.args if not arg.keyword]


def _plan_tuning(reading: Reading, made: Plan, names: list[str], holders: list[cst.BaseExpression]) -> None:
    wanted = {name: _value(holders, name) for name in TUNED}
    wanted = {name: value for name, value in wanted.items() if value is not None and not is_(value, False, None)}
    if not wanted or any(literal(value) is Unknown for value in wanted.values()):
        return
    if reading.alone and not any(reading.methods[name, "tune"] for name in names):
        return
    tunes = [call for name in names if name for call in reading.methods[name, "tune"]]
    made.tuned.update({id(tune): wanted for tune in tunes})
    for holder in holders:
        words = "now the Tuner's work" if tunes else "left out: without a call of tune it did nothing since 1.0"
        made.moves.setdefault(id(holder), {}).update(dict.fromkeys(wanted, words))
