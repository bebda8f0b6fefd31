"""A progress bar that costs little, for fits of many short epochs."""

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from tqdm.auto import tqdm


class EpochBar(ProgressBar):
    """One progress bar for the whole fit: a tick per epoch, and the values logged with `prog_bar=True` behind it.

    Lightning's own bar is drawn anew in every epoch, and another one for every validation. Where an epoch takes less
    than a second, nobody can follow them, and drawing them is a good part of the time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._bar: tqdm | None = None

    def disable(self) -> None:
        """Show nothing; Lightning calls this in every process but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show the bar again."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar, at the epoch from which a resumed run goes on."""
        endless = trainer.max_epochs in (None, -1)
        shape = {"total": None if endless else trainer.max_epochs, "initial": trainer.current_epoch, "unit": "epoch"}
        self._bar = tqdm(desc="Training", disable=not self._enabled, **shape)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tick."""
        metrics = self.get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)  # the number of the log folder
        self._bar.set_postfix(metrics, refresh=False)
        self._bar.update()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the last state."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the bar where the run broke off."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
