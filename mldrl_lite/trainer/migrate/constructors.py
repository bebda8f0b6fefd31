"""Calls of classes of Lightning other than the Trainer, and of its metrics."""

from typing import TYPE_CHECKING

import libcst as cst

from mldrl_lite.trainer.migrate.arguments import CLASSES
from mldrl_lite.trainer.migrate.expressions import appended, argument, is_, keyword, last_name, literal, value
from mldrl_lite.trainer.migrate.findings import CHANGED, DECIDE
from mldrl_lite.trainer.migrate.moved import TASK_METRICS

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def rewrite(book: "Book", old: cst.Call, new: cst.Call) -> cst.BaseExpression:
    """Rewrite the arguments of a class or function of Lightning."""
    from mldrl_lite.trainer.migrate.calls import renamed

    was, name = last_name(old.func), last_name(new.func)
    full = book.reading.full_name(old.func)
    if was == "LoggerCollection" and len(old.args) == 1:
        book.say(old, CHANGED, "LoggerCollection(loggers): now the loggers themselves.", "1.7r1", topic="name")
        return new.args[0].value
    if ".metrics." in full:
        return metric(book, old, new)
    if was == "ProgressBar":  # nobody makes an object of today's, which is a base class
        book.say(old, CHANGED, "ProgressBar: now TQDMProgressBar; the name is that of its base class today.", "1.6r18")
        book.added.add("TQDMProgressBar")
        new = new.with_changes(func=cst.Name("TQDMProgressBar"))
    if name in CLASSES:
        new = renamed(book, old, new, CLASSES[name], name)
    rule = _MORE.get(was) or _MORE.get(name)
    return rule(book, old, new) if rule else new


def metric(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    """The metrics of torchmetrics want to be told the task; with a number of classes it is known."""
    name = last_name(new.func)
    told = argument(old, "task") is not None or any(arg.star for arg in old.args)
    if book.reading.full_name(old.func).startswith("torchmetrics."):
        told = told or any(not arg.keyword for arg in old.args)  # it comes first
    if name not in TASK_METRICS or told:
        return new
    classes = argument(old, "num_classes")
    number = literal(classes)
    if isinstance(number, int) and number > 2:
        book.say(old, CHANGED, f"{name}: now with task='multiclass'.", "1.4r9", topic="task")
        task = keyword("task", value("multiclass"))
        return new.with_changes(args=appended(list(new.args), [task], new.whitespace_before_args))
    why = f"{name} wants task='binary', 'multiclass' (and num_classes) or 'multilabel' (and num_labels)."
    book.say(old, DECIDE, why, "1.4r9", "Replace calls", topic="task")
    return new


def _early_stopping(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    if not old.args or (argument(old, "monitor") is None and all(arg.keyword for arg in old.args)):
        book.say(old, CHANGED, "EarlyStopping: monitor='early_stop_on', the default of 1.x, is to be said.", "1.5r5")
        monitor = keyword("monitor", value("early_stop_on"))
        new = new.with_changes(args=appended(list(new.args), [monitor], new.whitespace_before_args))
    return _mode(book, old, new)


def _mode(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    """Until 1.0, `mode='auto'` went by the name of the monitor."""
    if not is_(argument(old, "mode"), "auto"):
        return new
    monitor = literal(argument(new, "monitor") or (new.args[0].value if new.args else None))
    if not isinstance(monitor, str):
        book.say(old, DECIDE, "mode='auto' is gone: write 'min' or 'max'.", topic="mode")
        return new
    mode = "max" if "acc" in monitor or monitor.startswith("fmeasure") else "min"
    book.say(old, CHANGED, f"mode='auto': now mode={mode!r}, as it was for {monitor!r}.", topic="mode")
    args = [
        arg.with_changes(value=value(mode)) if arg.keyword and arg.keyword.value == "mode" else arg for arg in new.args
    ]
    return new.with_changes(args=args)


def _checkpoint(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    path = argument(old, "filepath")
    if path is not None:
        why = "filepath of ModelCheckpoint is gone: give dirpath and filename."
        book.say(old, DECIDE, why, example="Replace calls", topic="filepath")
    return _mode(book, old, new)


def _spawn(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    if argument(new, "start_method") is not None:
        return new
    book.say(old, CHANGED, "DDPStrategy(start_method='spawn') does its work today.", "1.9a60", topic="name")
    start = keyword("start_method", value("spawn"))
    return new.with_changes(args=appended(list(new.args), [start], new.whitespace_before_args))


def _averaging(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    if not old.args:
        why = "StochasticWeightAveraging wants swa_lrs, its learning rate; 1.x took that of the optimizer."
        book.say(old, DECIDE, why, "1.6r4", "Replace the arguments")
    return new


def _cli(book: "Book", old: cst.Call, new: cst.Call) -> cst.Call:
    if not is_(argument(old, "seed_everything_default"), None):
        return new
    book.say(old, CHANGED, "seed_everything_default=None: now False.", "1.8r1")
    args = [
        arg.with_changes(value=value(False)) if arg.keyword and arg.keyword.value == "seed_everything_default" else arg
        for arg in new.args
    ]
    return new.with_changes(args=args)


_MORE = {
    "EarlyStopping": _early_stopping,
    "ModelCheckpoint": _checkpoint,
    "DDPSpawnPlugin": _spawn,
    "DDPSpawnStrategy": _spawn,
    "StochasticWeightAveraging": _averaging,
    "LightningCLI": _cli,
}
