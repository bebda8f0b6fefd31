"""The checks of notebook 08."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, Dataset

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_class, not_a_function, not_yet, right
from mldrl_lite.teach.exercises.trial import LogsItsLoss, apart, callbacks_in


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
        """Count the calls of the Trainer's loggers, and its checkpoints."""
        self.logged, bar = bool(trainer.loggers), trainer.progress_bar_callback
        self.bar = bar is not None and not getattr(bar, "is_disabled", False)
        self.monitored = any(getattr(keeper, "monitor", None) for keeper in trainer.checkpoint_callbacks)
        for logger in trainer.loggers:
            logger.log_metrics = self._counted("writes", logger.log_metrics)
        # The hook on_save_checkpoint would not do: nobody calls it for a checkpoint of the weights alone.
        trainer.save_checkpoint = self._counted("saves", trainer.save_checkpoint)

    def _counted(self, what: str, function: Callable) -> Callable:
        def counted(*args: object, **kwargs: object) -> object:
            setattr(self, what, getattr(self, what) + 1)
            return function(*args, **kwargs)

        return counted

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


@in_steps
def check_quick_samples(answer: object) -> Feedback:
    """Check a dataset that scales its samples, and works out how to only once.

    When the samples change after the first was taken, a scale that is worked out at each access changes with them.
    """
    if nudge := not_a_class(answer, Dataset):
        return nudge
    features = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    low, high = features.amin(0), features.amax(0)
    try:
        with apart():
            given = features.clone()
            samples = answer(given)
            lengths, first = len(samples), torch.as_tensor(samples[4]).clone()
            spoiled = not torch.equal(given, features)
            given[7] = 100.0
            again = torch.as_tensor(samples[4])
    except Exception as error:
        return not_yet(f"made from a tensor, and asked for a sample, it ends in {type(error).__name__}: {error}")
    if lengths != len(features):
        return not_yet(f"of 20 samples, its len() says {lengths}.")
    if first.shape != low.shape or not torch.allclose(first, (features[4] - low) / (high - low)):
        return not_yet("a sample is not what it was: each feature from 0, at its lowest in all samples, to 1.")
    if spoiled:
        return not_yet("the tensor that it is given is scaled in place; whoever made it still needs it as it was.")
    if not torch.allclose(first, again):
        return not_yet("it still looks through all samples whenever one is asked for; where is there a moment before?")
    return right("once for all samples: what is the same at each access belongs into `__init__`.")
