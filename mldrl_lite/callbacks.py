"""The callback of the 2023 chapter."""

from pytorch_lightning import Callback, LightningModule, Trainer


class PrintingCallback(Callback):
    """Say when training starts and ends, as in the 2023 chapter."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that training starts."""
        print("Training is starting")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that training ends."""
        print("Training is ending")
