"""Find, before a run, what Lightning lets pass in silence."""

from collections.abc import Callable, Iterator

from pytorch_lightning import LightningDataModule, LightningModule, Trainer

from mldrl_lite.messages import InputError
from mldrl_lite.trainer.diagnosis.callbacks import used_callbacks
from mldrl_lite.trainer.diagnosis.findings import Finding, Findings
from mldrl_lite.trainer.diagnosis.hooks import dead_hooks
from mldrl_lite.trainer.diagnosis.hparams import empty_hparams, unloadable_hparams
from mldrl_lite.trainer.diagnosis.monitors import sparse_logging, unlogged_monitors
from mldrl_lite.trainer.diagnosis.run import Run, no_trace
from mldrl_lite.trainer.diagnosis.split import unstable_split


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
    with no_trace():
        return Findings(finding for rule in RULES for finding in rule(Run(model, datamodule, trainer)))


def _describe(given: object) -> str:
    return f"the class {given.__name__}: give an instance" if isinstance(given, type) else type(given).__name__


RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (
    dead_hooks,
    empty_hparams,
    unloadable_hparams,
    unlogged_monitors,
    sparse_logging,
    used_callbacks,
    unstable_split,
)
