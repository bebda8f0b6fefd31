"""Rules for a file as a whole: what it imports, and the calls of Trainer and callbacks in it."""

import ast
from collections.abc import Iterator

from mldrl_lite.trainer.check.reading import Source
from mldrl_lite.trainer.rules import synced
from mldrl_lite.trainer.rules.classes import MODULE, PACKAGES, Class, Problem, calls, constant, full_name, keywords
from mldrl_lite.trainer.rules.logs import logs_of
from mldrl_lite.trainer.rules.monitors import is_logged, unlogged, wrong_direction
from mldrl_lite.trainer.rules.reach import no_checkpoint, no_validation


def mixed_packages(source: Source) -> Iterator[Problem]:
    """Imports of `pytorch_lightning` and of `lightning` that are not alternatives of each other."""
    first: dict[str, ast.AST] = {}
    for node in _unconditional(source.tree):
        for name in _imported(node):
            package = name.partition(".")[0]
            if package in PACKAGES and not name.startswith(("lightning.fabric", "lightning.app", "lightning.data")):
                first.setdefault(package, node)
    if len(first) == 2:
        later = max(first, key=lambda package: first[package].lineno)
        what = f"The file imports {later} beside {next(name for name in first if name != later)}."
        why = "They are two packages with the same names: what comes from one does not pass as the other's."
        yield Problem(
            "two packages mixed", what, source.path, first[later], why, "Import all of it from one of the two."
        )


def _unconditional(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the imports that are not one way out of several (`try`, `if`)."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.Try | ast.If):
            pending += ast.iter_child_nodes(node)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""] if not node.level else []
    return [name.name for name in getattr(node, "names", ())]


def _lightning_calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    for call in calls(source.tree):
        name = full_name(call.func, source.imports)
        if name.partition(".")[0] in PACKAGES:
            yield name.rpartition(".")[2], call


_WATCHERS = ("EarlyStopping", "ModelCheckpoint")


def wrong_directions(source: Source) -> Iterator[Problem]:
    """Callbacks that wait for the wrong end of a metric."""
    for name, call in _lightning_calls(source):
        mode = keywords(call).get("mode", ast.Constant("min"))
        monitor, mode = _monitor(name, call), constant(mode)
        if isinstance(monitor, str) and isinstance(mode, str) and not _given_as_dict(call):
            words = wrong_direction(name, monitor, mode)
            if words:
                what, why, fix = words
                yield Problem("monitor in the wrong direction", what, source.path, call, why, fix)


def _monitor(name: str, call: ast.Call) -> object:
    if name not in _WATCHERS:
        return None
    first = call.args[0] if call.args and name == "EarlyStopping" else None
    return constant(keywords(call).get("monitor", first))


def _given_as_dict(call: ast.Call) -> bool:
    return any(keyword.arg is None for keyword in call.keywords)


def unlogged_monitors(source: Source) -> Iterator[Problem]:
    """Monitors that nothing in the file logs, where the file has all that may log."""
    modules = [cls for cls in source.classes if cls.kind == MODULE]
    logs = logs_of(source.classes_that_log)
    found = list(_lightning_calls(source))
    more = ["lr-.*"] * any(name == "LearningRateMonitor" for name, _ in found)
    for name, call in found if modules and logs.complete and logs.calls else ():
        monitor = _monitor(name, call)
        own = ("epoch", "step") if name == "ModelCheckpoint" else ()
        if isinstance(monitor, str) and monitor not in own and not is_logged(monitor, logs, more):
            what, why, fix = unlogged(name, monitor, logs)
            yield Problem("monitor that nothing logs", what, source.path, call, why, fix)


def beyond_the_run(source: Source) -> Iterator[Problem]:
    """A Trainer whose run ends before its first validation or before a checkpoint is due."""
    for name, call in _lightning_calls(source):
        given = {key: constant(value) for key, value in keywords(call).items()}
        epochs, every = given.get("max_epochs"), given.get("check_val_every_n_epoch")
        if name != "Trainer" or not _is_count(epochs):
            continue
        if _is_count(every) and every > epochs:
            what, why, fix = no_validation(every, epochs)
            yield Problem("validation that this run never reaches", what, source.path, call, why, fix)
        for inner in _checkpoints(call, source):
            every = constant(keywords(inner).get("every_n_epochs"))
            if _is_count(every) and every > epochs:
                what, why, fix = no_checkpoint("every_n_epochs", every, f"{epochs} epochs")
                yield Problem("checkpoint that this run never reaches", what, source.path, inner, why, fix)


def _checkpoints(call: ast.Call, source: Source) -> list[ast.Call]:
    inside = calls(keywords(call).get("callbacks", ast.Constant(None)))
    return [inner for inner in inside if full_name(inner.func, source.imports).endswith(".ModelCheckpoint")]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def unsynced_values(source: Source) -> Iterator[Problem]:
    """What a step logs of one process's share alone, where a Trainer of the file has several processes."""
    given = [keywords(call) for name, call in _lightning_calls(source) if name == "Trainer"]
    if any(_is_several(constant(each.get(key))) for each in given for key in ("devices", "num_nodes")):
        yield from synced.unsynced_values([cls for cls in source.classes if cls.kind == MODULE])


def _is_several(value: object) -> bool:
    return _is_count(value) and value > 1


def empty_hparams(classes: list[Class]) -> Iterator[Problem]:
    """Modules with arguments that a checkpoint will not know."""
    for cls in classes:
        init = cls.methods.get("__init__")
        if cls.kind != MODULE or not cls.complete or init is None or init.owner != cls.name:
            continue
        arguments = [*init.tree.args.args[1:], *init.tree.args.kwonlyargs]
        names = [argument.arg for argument in arguments if not _may_be_module(argument)]
        if len(names) == len(arguments) and names and not {"save_hyperparameters", "hparams"} & cls.mentions.keys():
            what = f"{cls.name} takes {', '.join(names)}, and never saves them."
            why = "A checkpoint will not know them: load_from_checkpoint asks for them again, or takes the defaults."
            fix = "Call self.save_hyperparameters() in __init__, right after super().__init__()."
            yield Problem("empty hparams", what, init.file, init.tree, why, fix)


def _may_be_module(argument: ast.arg) -> bool:
    """Tell whether an argument without a plain type may be a module, which is not to be saved."""
    return argument.annotation is None or ast.unparse(argument.annotation).split(".")[-1] in ("Module", "Any")
