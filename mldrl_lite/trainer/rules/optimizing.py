"""Optimizers and schedulers that Lightning does not see, or steps at another time than is meant."""

import ast
import re
from collections.abc import Iterator, Sequence

from mldrl_lite.trainer.rules.classes import (
    MODULE,
    Class,
    Function,
    Method,
    Problem,
    called,
    calls,
    constant,
    full_name,
    keywords,
    own_attribute,
)

_OWN_WAY = "Lightning counts a step only where an optimizer of self.optimizers() is stepped: global_step stays 0, and "


def raw_optimizers(classes: Sequence[Class]) -> Iterator[Problem]:
    """Manual optimization that steps an optimizer which Lightning has not wrapped."""
    for cls in _modules(classes):
        for method in cls.reached if cls.manual else ():
            call = next(_raw_steps(method, cls), None)
            if call is not None:
                what = f"{method.owner}.{method.name} steps an optimizer that Lightning does not see."
                why = _OWN_WAY + "what happens every n steps (checkpoints, max_steps) never happens."
                fix = "Step what self.optimizers() returns: opt = self.optimizers(); …; opt.step()."
                yield cls.problem("raw optimizer in manual optimization", what, method, call, why, fix)
                break


def _raw_steps(method: Method, cls: Class) -> Iterator[ast.Call]:
    unwrapped = {
        target.id
        for node in ast.walk(method.tree)
        if isinstance(node, ast.Assign) and _unwraps(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in calls(method.tree):
        stepped = call.func.value if called(call) == "step" and isinstance(call.func, ast.Attribute) else None
        if getattr(stepped, "id", None) in unwrapped or own_attribute(stepped, method.tree) in _raw_attributes(cls):
            yield call


def _unwraps(node: ast.expr) -> bool:
    return called(node) == "optimizers" and constant(keywords(node).get("use_pl_optimizer")) is False


def _raw_attributes(cls: Class) -> set[str]:
    """Return the attributes that only ever hold an optimizer of torch as it is made."""
    return {
        name
        for name, values in cls.assigned.items()
        if all(_makes_optimizer(value, method, cls) for method, value in values)
    }


def _makes_optimizer(value: ast.expr, method: Method, cls: Class) -> bool:
    name = full_name(value.func, cls.imports) if isinstance(value, ast.Call) else ""
    return name.startswith("torch.optim.") and ".lr_scheduler." not in name


def never_zeroed(classes: Sequence[Class]) -> Iterator[Problem]:
    """Manual optimization in which the gradients of all steps add up."""
    for cls in _modules(classes):
        method = cls.methods.get("training_step")
        steps = cls.mentions["manual_backward"] and cls.mentions["step"]
        if cls.manual and cls.complete and method and steps and not {"zero_grad", "grad"} & cls.mentions.keys():
            what = f"{cls.name} steps its optimizer by hand, and nothing sets the gradients to zero."
            why = "backward adds to the gradients that are there: each step follows the sum of all steps before."
            fix = "Call opt.zero_grad() before self.manual_backward(loss)."
            yield cls.problem("gradients that are never set to zero", what, method, method.tree, why, fix)


_BY_STEP = re.compile(r"OneCycleLR|CyclicLR|get_\w*_schedule_with_warmup|get_cosine_with_hard_restarts\w*")


def wrong_interval(classes: Sequence[Class]) -> Iterator[Problem]:
    """Schedules that are counted in steps, and that Lightning steps once an epoch."""
    for cls in _modules(classes):
        method = cls.methods.get("configure_optimizers")
        if method is None or cls.manual or {"lr_schedulers", "lr_scheduler_step"} & _all_names(cls):
            continue
        for call in calls(method.tree):
            name = called(call)
            if _BY_STEP.fullmatch(name) and not _counts_epochs(call) and not _says_interval(method.tree):
                what = f"{name} counts steps, and Lightning will step it once an epoch."
                why = "A scheduler that is returned bare has the interval 'epoch': the learning rate hardly moves."
                fix = 'Return {"optimizer": …, "lr_scheduler": {"scheduler": …, "interval": "step"}}.'
                yield cls.problem("scheduler stepped at the wrong interval", what, method, call, why, fix)


def _all_names(cls: Class) -> set[str]:
    return {*cls.mentions, *cls.methods}


def _says_interval(tree: Function) -> bool:
    words = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return any(word in ("interval", "step") for word in words) or any(
        keyword.arg == "interval" for call in calls(tree) for keyword in call.keywords
    )


def _counts_epochs(call: ast.Call) -> bool:
    """Tell whether the length of the schedule is given in epochs, as `total_steps=self.trainer.max_epochs` is."""
    given = keywords(call)
    if "steps_per_epoch" in given:
        return constant(given["steps_per_epoch"]) == 1
    lengths = [value for key, value in given.items() if "step" in key] or call.args[1:]
    text = " ".join(ast.unparse(value).lower() for value in lengths)
    return "epoch" in text and not re.search("step|batch|len|iter|loader", text.replace("num_steps", ""))


def blind_plateaus(classes: Sequence[Class]) -> Iterator[Problem]:
    """Schedulers that wait for a metric, returned without its name."""
    for cls in _modules(classes):
        method = cls.methods.get("configure_optimizers")
        if method is None or cls.manual or _may_name_a_monitor(method.tree):
            continue
        for call in calls(method.tree):
            waits = full_name(call.func, cls.imports).endswith("lr_scheduler.ReduceLROnPlateau")
            if waits and _is_returned_plainly(call, method.tree):
                what, why, fix = (words.format(name=cls.name) for words in BLIND_WORDS)
                yield cls.problem(BLIND_PLATEAU, what, method, call, why, fix)


BLIND_PLATEAU = "plateau without a monitor"
BLIND_WORDS = (
    "ReduceLROnPlateau waits for a metric, and {name} does not say for which.",
    "Lightning asks for its name before the first epoch, and stops there.",
    'Return {{"optimizer": …, "lr_scheduler": {{"scheduler": …, "monitor": "val_loss"}}}}.',
)


def _may_name_a_monitor(tree: Function) -> bool:
    nodes = list(ast.walk(tree))
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {keyword.arg for node in nodes if isinstance(node, ast.Call) for keyword in node.keywords}
    unpacked = any(None in node.keys for node in nodes if isinstance(node, ast.Dict))
    return unpacked or "monitor" in words | named


def _is_returned_plainly(made: ast.Call, tree: Function) -> bool:
    """Tell whether what a call makes is returned in lists and dictionaries alone, so that nothing is added to it."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value is made
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    parts = [part for value in returned for part in _parts(value)]
    return any(part is made or (isinstance(part, ast.Name) and part.id in names) for part in parts)


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the elements of nested lists, tuples and dictionaries."""
    if isinstance(value, ast.List | ast.Tuple | ast.Dict):
        for each in value.values if isinstance(value, ast.Dict) else value.elts:
            yield from _parts(each)
    else:
        yield value


def unstepped_schedulers(classes: Sequence[Class]) -> Iterator[Problem]:
    """Manual optimization with a scheduler, which Lightning then leaves to the user."""
    for cls in _modules(classes):
        method = cls.methods.get("configure_optimizers")
        if not (cls.manual and cls.complete and method) or cls.mentions["lr_schedulers"]:
            continue
        call = next((call for call in calls(method.tree) if _makes_scheduler(call, cls)), None)
        kept = any(isinstance(value, ast.Call) and _makes_scheduler(value, cls) for value in _values(cls))
        if call is not None and not kept:
            what = f"{cls.name} makes a {called(call)}, and nothing steps it."
            why = "In manual optimization Lightning steps no scheduler: the learning rate stays as it is."
            fix = "Call self.lr_schedulers().step() where it should be stepped, in on_train_epoch_end, say."
            yield cls.problem("scheduler that nobody steps", what, method, call, why, fix)


def _values(cls: Class) -> Iterator[ast.expr]:
    return (value for values in cls.assigned.values() for _, value in values)


def _makes_scheduler(call: ast.Call, cls: Class) -> bool:
    return ".lr_scheduler." in full_name(call.func, cls.imports)


def _modules(classes: Sequence[Class]) -> list[Class]:
    return [cls for cls in classes if cls.kind == MODULE]
