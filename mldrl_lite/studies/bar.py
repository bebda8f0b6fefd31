"""Progress bars: one that costs little, for fits of many short epochs, and Lightning's own as a terminal shows it."""

import sys

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar, TQDMProgressBar
from tqdm import tqdm as text_bar
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


class TerminalBar(TQDMProgressBar):
    """Lightning's own bar as a script in a terminal draws it, in a notebook too.

    In a notebook, Lightning's bar is a widget, and each move of it a message or two to the front end: over three
    hundred in a fit of five short epochs. A client that reads messages only when a cell has ended loses the last ones.
    """

    def init_sanity_tqdm(self) -> text_bar:
        """Return the bar of the sanity check."""
        return self._text_bar(self.sanity_check_description, leave=False)

    def init_train_tqdm(self) -> text_bar:
        """Return the bar of an epoch."""
        return self._text_bar(self.train_description, leave=True)

    def init_validation_tqdm(self) -> text_bar:
        """Return the bar of a validation during a fit."""
        return self._text_bar(self.validation_description, leave=False)

    def _text_bar(self, description: str, leave: bool) -> text_bar:
        return text_bar(
            desc=description, leave=leave, disable=self.is_disabled, dynamic_ncols=True, file=sys.stdout, smoothing=0
        )
