"""The rules for what a Trainer computes on: devices, accelerators, strategies and plugins."""

import re

import libcst as cst

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.trainer.migrate.draft import Draft
from mldrl_lite.trainer.migrate.expressions import (
    Unknown,
    build,
    cases,
    code,
    each_case,
    elements,
    is_,
    is_text,
    keyword,
    last_name,
    literal,
    short,
    value,
    with_items,
)
from mldrl_lite.trainer.migrate.findings import NOTE
from mldrl_lite.trainer.names import ACCELERATORS, REMOVED, REMOVED_ACCELERATORS, REMOVED_STRATEGIES, STRATEGIES

NOTHING = "left out, as it asked for nothing"
VARIABLE = (cst.Name, cst.Attribute, cst.Subscript)

STRATEGY_CLASSES = {
    "DDPPlugin": ("DDPStrategy", {}),
    "DDPSpawnPlugin": ("DDPStrategy", {"start_method": "spawn"}),
    "DDPSpawnStrategy": ("DDPStrategy", {"start_method": "spawn"}),
    "DeepSpeedPlugin": ("DeepSpeedStrategy", {}),
}
"""Classes of 1.x that have a successor: its name, and the arguments that it needs to do the same."""

_DROPPED = ("num_nodes", "sync_batchnorm")  # of strategies: the Trainer tells them
_REMOVED_CLASSES = re.compile("Sharded|Native|Apex|Horovod|Bagua|DataParallel|DDP2|Hivemind|ColossalAI|HPU|IPU")


def is_variable(node: cst.BaseExpression) -> bool:
    """Tell whether an expression is a variable, so that its value is unknown here."""
    return isinstance(node, VARIABLE) and literal(node) is Unknown


def distributed_backend(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """Of 0.x to 1.1: a strategy."""
    if is_(node, None):
        draft.note(name, node, NOTHING)
    elif "accelerator" in draft.arguments:
        raise InputError("The call has both accelerator and distributed_backend: give the one that it should follow.")
    else:
        accelerator(draft, name, node)


def accelerator(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """In 1.x up to 1.6 the accelerator could be a strategy; so it could as distributed_backend."""
    kinds = [case for case in draft.around.cases(node) if not is_(case, None)]
    strategies = [case for case in kinds if _names_strategy(case)]
    if not kinds:
        draft.note(name, node, NOTHING)
    elif not strategies:
        _accelerator_today(draft, name, node)
    elif strategies == kinds:
        strategy(draft, name, node)
    else:
        raise InputError(f"{name}={short(node)} mixes strategies and kinds of device: split it in two.")


def _accelerator_today(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    for text in (literal(case) for case in cases(node) if literal(case) not in (Unknown, None)):
        if text not in ACCELERATORS:
            why = f"Lightning knows {listing(ACCELERATORS)}{did_you_mean(text, ACCELERATORS)}"
            why = REMOVED_ACCELERATORS.get(str(text), why)
            raise InputError(f"{name}={text!r} cannot be translated: {why}.")
    today = each_case(node, lambda case: value("auto") if is_(case, None) else case)
    if name != "accelerator" or today is not node:
        draft.put("accelerator", today, name, node)
    else:
        draft.arguments[name] = node
    _note_variable(draft, name, node)


def _note_variable(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    if any(is_variable(case) for case in draft.around.cases(node)):
        draft.note(name, node, "kept; should it hold a strategy, such as 'ddp', give it as strategy", NOTE)


def _names_strategy(case: cst.BaseExpression) -> bool:
    if is_text(case):
        return literal(case).lower() in [*REMOVED_STRATEGIES, *STRATEGIES]
    name = last_name(case.func) if isinstance(case, cst.Call) else ""
    return name.endswith("Strategy") or name in STRATEGY_CLASSES or bool(_REMOVED_CLASSES.search(name))


def plugins(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """From 1.2 to 1.5 strategies were given as plugins; of the two, the plugin won."""
    if not any(_strategies(case) for case in cases(node)):
        draft.arguments[name] = node
        if not isinstance(node, cst.List) and not is_(node, None):
            _note_variable(draft, name, node)
        return
    other = draft.arguments.pop("strategy", None)
    strategy(draft, name, _chosen(node, other), old=node)
    rest = each_case(node, lambda case: with_items(None, [e for e in elements(case) if not _is_strategy(e)]))
    if any(elements(case) for case in cases(rest)):
        draft.arguments[name] = rest


def _chosen(node: cst.BaseExpression, other: cst.BaseExpression | None) -> cst.BaseExpression:
    """Return the strategy among plugins, side by side of `a if c else b`; `other` where a side has none."""
    if not isinstance(node, cst.IfExp):
        return next(iter(_strategies(node)), other or build("None"))
    sides = (other, other)
    if isinstance(other, cst.IfExp) and code(other.test) == code(node.test):
        sides = (other.body, other.orelse)
    return node.with_changes(body=_chosen(node.body, sides[0]), orelse=_chosen(node.orelse, sides[1]))


def _strategies(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    return [item for item in elements(node) if _is_strategy(item)]


def _is_strategy(node: cst.BaseExpression) -> bool:
    return any(_names_strategy(case) for case in cases(node))


def strategy(draft: Draft, name: str, node: cst.BaseExpression, old: cst.BaseExpression | None = None) -> None:
    """Give a strategy its name of today; `old` is what stood in the call, if it was more than the strategy."""
    if name != "strategy" and "strategy" in draft.arguments:
        raise InputError(f"The call has both strategy and {name}={short(node)}: give the one to follow.")
    whys: list[str] = []
    after = each_case(node, lambda case: _strategy_today(draft, case, whys))
    if is_(after, "auto") and not is_(node, "auto"):
        draft.note(name, old or node, NOTHING)
    elif name == "strategy" and after is node:
        draft.arguments[name] = node
    else:
        draft.put("strategy", after, name, old or node, "; ".join(dict.fromkeys(whys)))
        _keep_on_the_cpu(draft, name, node)


def _keep_on_the_cpu(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """What takes the place of `ddp_cpu` runs on any device; today's Trainer would take a GPU."""
    kinds = [case for case in draft.around.cases(node) if not is_(case, None)]
    if "accelerator" not in draft.arguments and all(is_(case, "ddp_cpu") for case in kinds):
        draft.set("accelerator", value("cpu"), name)


def _strategy_today(draft: Draft, case: cst.BaseExpression, whys: list[str]) -> cst.BaseExpression:
    if is_(case, None):
        return value("auto")
    if is_text(case):
        today, why = _name_today(literal(case).lower())
        whys += [why] if why else []
        return case if today == literal(case) else value(today)
    if not isinstance(case, cst.Call):
        return case
    old = last_name(case.func)
    if _REMOVED_CLASSES.search(old):
        raise InputError(f"{old} cannot be translated: it is gone, and nothing takes its arguments as they are.")
    if old not in STRATEGY_CLASSES:
        return case
    new, more = STRATEGY_CLASSES[old]
    draft.added.add(new)
    args = [arg for arg in case.args if not (arg.keyword and arg.keyword.value in _DROPPED)]
    has = {arg.keyword.value for arg in args if arg.keyword}
    more = [keyword(key, value(constant)) for key, constant in more.items() if key not in has]
    return case.with_changes(func=cst.Name(new), args=[*args, *more])


def _name_today(old: str) -> tuple[str, str]:
    today, why = REMOVED_STRATEGIES.get(old, (old, ""))
    if today is None:
        raise InputError(f"The strategy {old!r} cannot be translated: {why}.")
    if today not in [*STRATEGIES, "auto"]:
        near = did_you_mean(old, [*STRATEGIES, *REMOVED_STRATEGIES])
        raise InputError(
            f"The strategy {old!r} is unknown, today and in 1.x{near}: register it first, or give another."
        )
    return today, why


def gpus(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """`gpus` became an accelerator and its devices; 1.x followed `gpus` rather than `devices`."""
    given = draft.arguments.get("accelerator")
    kind, devices = _hardware(node)
    off = is_(kind, "cpu")
    if given is not None and (off or is_(given, "cpu")):
        draft.note(name, node, f"left out, as the accelerator is {short(given)}")
        return
    if "devices" in draft.arguments:
        draft.note("devices", draft.arguments["devices"], "left out, as 1.x followed gpus where both were given")
    if given is None or not is_(kind, "gpu"):
        draft.set("accelerator", kind, name)
    if off:
        draft.arguments.pop("devices", None)
    else:
        draft.set("devices", devices, name)
    now = f"now accelerator={short(draft.arguments['accelerator'])}"
    now += "" if off else f", devices={short(devices)}"
    draft.note(name, node, now + _remark(draft, node))


def _hardware(node: cst.BaseExpression) -> tuple[cst.BaseExpression, cst.BaseExpression]:
    """Return today's accelerator and devices for a value of `gpus`."""
    if isinstance(node, cst.IfExp):
        kinds, devices = zip(_hardware(node.body), _hardware(node.orelse), strict=True)
        return _either(node.test, *kinds), _either(node.test, *devices)
    if is_(node, None, 0, False, [], ()):
        return value("cpu"), value(1)
    if isinstance(node, cst.List | cst.Tuple):
        return value("gpu"), node
    number = literal(node)
    if number is Unknown:
        return build('"gpu" if {gpus} else "cpu"', gpus=node), build("{gpus} or 1", gpus=node)
    if isinstance(number, str) and number.strip().isdigit():
        raise InputError(
            f"gpus={number!r} was a GPU's number before 1.5, then a count: write gpus=[{number}] or gpus={number}."
        )
    if type(number) not in (int, str) or not re.fullmatch(r"-1|[1-9]\d*|\d+(\s*,\s*\d+)*\s*,?", str(number).strip()):
        raise InputError(f"gpus={number!r} means nothing: give a count, a list of GPU numbers, or -1 for all.")
    return value("gpu"), node


def _either(test: cst.BaseExpression, yes: cst.BaseExpression, no: cst.BaseExpression) -> cst.BaseExpression:
    return yes if code(yes) == code(no) else build("{yes} if {test} else {no}", yes=yes, test=test, no=no)


def _remark(draft: Draft, node: cst.BaseExpression) -> str:
    if any(literal(case) is Unknown and not isinstance(case, cst.List) for case in cases(node)):
        return "; its value is unknown here, and 0 or None has to become the CPU"
    return _spawned(draft, literal(node))


def _spawned(draft: Draft, number: object) -> str:
    """Say which strategy 1.x took for several devices, where the call names none."""
    listed = [part for part in str(number).split(",") if part.strip()] if isinstance(number, str) else []
    several = number in (-1, "-1") or (isinstance(number, int) and number > 1) or len(listed) > 1
    if several and "strategy" not in draft.arguments and "plugins" not in draft.arguments:
        return "; with several devices and no strategy, 1.x took 'ddp_spawn' where today takes 'ddp'"
    return ""


def num_processes(draft: Draft, name: str, node: cst.BaseExpression) -> None:
    """Processes on the CPU; on other devices, 1.x paid no attention to it."""
    on_cpu = is_(draft.arguments.get("accelerator", value("cpu")), "cpu")
    if is_(node, None, 1) or not on_cpu or "devices" in draft.arguments:
        draft.note(name, node, NOTHING if on_cpu else "left out, as it is about the CPU alone")
        return
    draft.set("accelerator", value("cpu"), name)
    draft.set("devices", node, name)
    why = REMOVED[name].note + _spawned(draft, literal(node))
    draft.note(name, node, f"now accelerator='cpu', devices={short(node)}; {why}")
