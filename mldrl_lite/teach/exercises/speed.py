"""The checks of notebook 08."""

import contextlib
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_function, not_answered, not_yet, number, right
from mldrl_lite.teach.exercises.trial import LogsItsLoss, apart, callbacks_in, within


@in_steps
def check_shared_steps(answer: object, n_samples: int, processes: int, batch_size: int) -> Feedback:
    """Check the number of optimizer steps of an epoch that processes share under `ddp`."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    each = math.ceil(n_samples / processes)
    given = number(answer)
    if given == math.ceil(each / batch_size):
        return right(f"each process has {each} samples in batches of {batch_size}, and all step together.")
    if given in (n_samples / batch_size, math.ceil(n_samples / batch_size)):
        return not_yet("that is what one process takes alone; how many of the samples does each process see?")
    if given is not None and math.floor(each / batch_size) <= given < math.ceil(each / batch_size):
        return not_yet("some samples of each process are left over after the full batches; what happens to them?")
    if given == each:
        return not_yet("that is the number of samples of one process; it takes them in batches.")
    if given == processes * math.ceil(each / batch_size):
        return not_yet("that adds up the steps of all processes; do they step one after the other, or together?")
    return not_yet("first share the samples out, then cut the share of one process into batches.")


@in_steps
def check_break_even(answer: object) -> Feedback:
    """Check a function that says after how many steps compiling has paid."""
    if nudge := not_a_function(answer, "a function of three times"):
        return nudge
    pays = [(8.0, 0.5, 0.25), (5.0, 1.0, 0.25), (3.0, 0.75, 0.25), (4.0, 1.0, 0.25)]
    never = [(1.0, 0.25, 0.5), (1.0, 0.5, 0.5)]
    try:
        with apart(), within(seconds=5):
            given = [answer(*case) for case in pays + never]
    except TimeoutError:
        return not_yet("where a compiled step is no faster, it counts on and on; does compiling ever pay then?")
    except ZeroDivisionError:
        return not_yet(
            "it divides by zero where a compiled step takes as long as before; does compiling ever pay then?"
        )
    except Exception as error:
        return not_yet(f"called with three times, it ends in {type(error).__name__}: {str(error).strip()}")
    return _judge_break_even([None if steps is None else number(steps) for steps in given], given)


def _judge_break_even(steps: list[float | None], given: list[object]) -> Feedback:
    if given[4] is not None or given[5] is not None:
        return not_yet("it also names a step where a compiled step is no faster; None is asked for there.")
    if steps == [32, 7, 6, 6, None, None]:
        return right("the price, shared out over what each step saves, rounded up.")
    if steps[0] == 16:
        return not_yet("a compiled step takes time, too; how much does each step save?")
    if steps[0] == 32 and None not in steps[:4] and (6 <= steps[1] < 7 or 5 <= steps[3] < 6):
        cost = 5 if steps[1] < 7 else 4
        return not_yet(f"at a cost of {cost} s and 0.75 s saved per step, so many steps have saved less than was paid.")
    return not_yet(
        f"a cost of 8 s, and steps of 0.25 s instead of 0.5 s: it returns {given[0]!r}. What has been saved by then?"
    )


@in_steps
def check_lean_run(answer: object) -> Feedback:
    """Check a function of a folder whose Trainer arguments make a run with few writes and few saves, by that run."""
    if nudge := not_a_function(answer, "a function that takes a folder"):
        return nudge
    try:
        return _judge_lean_run(_lean_run(answer))
    except Exception as error:
        return not_yet(
            f"the function, or a run with what it returns, ends in {type(error).__name__}: {str(error).strip()}"
        )


def _lean_run(answer: Callable) -> "_LeanRun":
    """Train with the arguments of `answer`, in an empty working folder beside the one that it is given."""
    from IPython.utils.capture import capture_output

    run = _LeanRun()
    with tempfile.TemporaryDirectory() as place, capture_output(), apart():
        folder, elsewhere = Path(place, "folder"), Path(place, "elsewhere")
        folder.mkdir()
        elsewhere.mkdir()
        with contextlib.chdir(elsewhere):
            arguments = answer(str(folder))
            if not isinstance(arguments, dict):
                raise TypeError(f"a dictionary of arguments is wanted, not a value of type {type(arguments).__name__}")
            own = {"accelerator": "cpu", "devices": 1, "callbacks": [*callbacks_in(arguments), run]}
            trainer = Trainer(**{"max_epochs": 6, **arguments, **own})
            run.watch(trainer)
            trainer.fit(_FallsThenRises(), DataLoader(torch.zeros(10)), DataLoader(torch.zeros(1)))
        run.strays = len(list(elsewhere.iterdir()))
        run.left = [torch.load(path)["epoch"] for path in sorted(folder.rglob("*.ckpt"))]
    return run


def _judge_lean_run(run: "_LeanRun") -> Feedback:
    if not run.logged:
        return not_yet("this run has no logger, so nothing of it can be looked at later.")
    if run.strays:
        return not_yet("this run writes outside the folder that the function is given; which argument decides where?")
    if not run.bar:
        return not_yet("this run shows no progress bar.")
    if run.validations != len(_FallsThenRises.losses):
        return not_yet(f"this run validates {run.validations} time(s); after each of the epochs is asked for.")
    if run.writes > 14:
        return not_yet(f"the logger is called {run.writes} times; which argument spaces the losses of the steps out?")
    if run.saves > 4 and not run.monitored:
        return not_yet(f"it saves {run.saves} checkpoints: always the latest. How would it know a better one?")
    if run.saves > 4:
        return not_yet(f"it saves {run.saves} checkpoints; only an epoch that is better than all before needs one.")
    if 3 not in run.left and run.monitored:
        return not_yet(
            f"at the end there are checkpoints of epochs {run.left}, counted from 0; was the fourth passed over, or "
            "taken for a worse one?"
        )
    if 3 not in run.left:
        return not_yet(
            f"at the end there are checkpoints of epochs {run.left}, counted from 0; how would it know which is best?"
        )
    return right(f"{run.writes} writes, {run.saves} save(s), and the best epoch is kept.")


class _LeanRun(Callback):
    """Count what a run writes, saves and validates; end a run of more than twenty epochs."""

    def __init__(self) -> None:
        self.writes = self.saves = self.validations = self.strays = 0
        self.left: list[int] = []
        self.logged = self.bar = self.monitored = False

    def watch(self, trainer: Trainer) -> None:
        """Count the calls of the Trainer's loggers."""
        self.logged, bar = bool(trainer.loggers), trainer.progress_bar_callback
        self.bar = bar is not None and not getattr(bar, "is_disabled", False)
        self.monitored = any(getattr(keeper, "monitor", None) for keeper in trainer.checkpoint_callbacks)
        for logger in trainer.loggers:
            logger.log_metrics = self._counted(logger.log_metrics)

    def _counted(self, write: Callable) -> Callable:
        def counted(*args: object, **kwargs: object) -> object:
            self.writes += 1
            return write(*args, **kwargs)

        return counted

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        self.saves += 1

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validations += not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or trainer.current_epoch >= 20


class _FallsThenRises(LogsItsLoss):
    """A model whose validation loss is lowest in its fourth epoch."""

    losses = (0.9, 0.8, 0.7, 0.5, 0.6, 0.8)

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        epoch = min(self.current_epoch, len(self.losses) - 1)
        self.log("val_loss", torch.tensor(self.losses[epoch]), batch_size=1)
