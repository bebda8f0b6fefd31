"""The checks of notebook A2."""

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.callbacks import ModelSummary
from torch.utils.data import DataLoader

from mldrl_lite.teach.exercises.feedback import Feedback, in_steps, not_a_class, not_yet, number, right
from mldrl_lite.teach.exercises.trial import QUIET, apart, not_arguments
from mldrl_lite.trainer import diagnose


@in_steps
def check_todays_trainer(answer: object) -> Feedback:
    """Check Trainer arguments for the CPU and 3 epochs, without checkpoints, progress bar and model summary."""
    if nudge := not_arguments(answer):
        return nudge
    if answer.get("accelerator", "auto") == "auto":  # a Trainer knows the device that it found, and not what was asked
        return not_yet("gpus=0 meant the CPU on every machine, and this takes a GPU where there is one; who is to say?")
    try:
        with apart():
            trainer = Trainer(**answer)
    except Exception as error:
        return not_yet(f"a Trainer with these arguments ends in {type(error).__name__}: {str(error).strip()}")
    return _of_todays(trainer)


def _of_todays(trainer: Trainer) -> Feedback:
    if type(trainer.accelerator) is not CPUAccelerator or trainer.num_devices != 1:
        return not_yet("gpus=0 meant one CPU; which argument says the kind of device?")
    if trainer.max_epochs != 3:
        return not_yet(f"it would run for max_epochs={trainer.max_epochs}; that argument has not changed.")
    if not trainer.loggers:
        return not_yet("it writes no log, and the old call did.")
    if trainer.checkpoint_callbacks:
        return not_yet("it saves checkpoints; which argument that starts with enable_ turns that off?")
    if trainer.progress_bar_callback is not None:
        return not_yet("it still has a progress bar; a refresh rate of 0 meant none at all.")
    if any(isinstance(callback, ModelSummary) for callback in trainer.callbacks):
        return not_yet("it still prints a summary of the model; weights_summary=None meant none.")
    return right("the same run, in words that today's Trainer knows.")


@in_steps
def check_epoch_means(answer: object) -> Feedback:
    """Check a module class that keeps the mean training loss of each epoch in `means`, by training it."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        kept, losses = _means_and_losses(answer)
        if not losses or not all(losses):
            return not_yet("training_step returns no loss: the Trainer needs it, and so does this check.")
    except NotImplementedError as error:
        return not_yet(f"Lightning refuses it: {str(error).partition('. You can find')[0]}.")
    except Exception as error:
        return not_yet(f"training it ends in {type(error).__name__}: {error}")
    means = [sum(epoch) / len(epoch) for epoch in losses]
    pooled = [np.mean(np.concatenate(losses[: i + 1])) for i in range(len(losses))]
    if not kept:
        return not_yet("after a run the list means is empty; is the name of your method a hook of today?")
    if len(kept) != len(means):
        return not_yet(f"{len(means)} epochs left {len(kept)} values in means.")
    if np.allclose(kept, means, rtol=1e-4):
        return right("one mean for each epoch, from what the steps of that epoch have kept.")
    if np.allclose(kept, pooled, rtol=1e-4):
        return not_yet("each value also counts the losses of the epochs before; when is the list of losses emptied?")
    if np.allclose(kept, [epoch[-1] for epoch in losses], rtol=1e-4):
        return not_yet("that is the loss of the last batch; the mean is over all batches of the epoch.")
    return not_yet("the values differ from the means of the losses that training_step returned.")


@in_steps
def check_speaks_again(answer: object) -> Feedback:
    """Check a module class that logs `val_loss`, keeps a weight per training epoch in `trace`, and saves its `lr`."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    watch = _ValidationMeans()
    try:
        with apart():
            model, samples = answer(lr=0.25), DataLoader(torch.tensor([1.0, 5.0, 2.0, 4.0]))
            # The sanity check and one validation: epochs of validation are not the epochs of training.
            trainer = Trainer(max_epochs=3, check_val_every_n_epoch=3, callbacks=[watch], **QUIET)
            trainer.fit(model, samples, samples)
    except Exception as error:
        return not_yet(f"training it ends in {type(error).__name__}: {str(error).strip()}")
    return _of_the_mended(model, trainer, watch)


def _of_the_mended(model: LightningModule, trainer: Trainer, watch: "_ValidationMeans") -> Feedback:
    epochs = len(watch.weights)
    if "val_loss" not in trainer.callback_metrics:
        return not_yet("no val_loss is logged; what does today's Trainer do with the dictionary that a step returns?")
    if not np.isclose(trainer.callback_metrics["val_loss"].item(), watch.losses[-1], rtol=1e-4):
        return not_yet("val_loss is logged, and is not the mean of the loss over the validation batches.")
    if len(model.trace) != epochs:
        more = (
            "; which hook belongs to the epochs of training alone?" if model.trace else "; which hook of today comes?"
        )
        return not_yet(f"{epochs} epochs, the last with validation, left {len(model.trace)} values in trace{more}")
    if not np.allclose([number(weight) for weight in model.trace], watch.weights):
        return not_yet("trace has a value for each epoch, but not the weight that the epoch ended with.")
    if model.hparams.get("lr") != 0.25 or trainer.optimizers[0].defaults["lr"] != 0.25:
        return not_yet("made with lr=0.25, it does not keep that in its hyperparameters and train with it.")
    if dead := [finding.what for finding in diagnose(model) if finding.rule == "dead hook"]:
        return not_yet(f"it works, and yet {dead[0].rstrip('.')}; what is such a method still for?")
    return right("the loss is logged, each epoch of training leaves its weight, and a checkpoint knows the lr.")


class _ValidationMeans(Callback):
    """Work out the mean loss of each validation, and note the weight that each epoch of training ends with."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.weights: list[float] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        samples = torch.cat(list(trainer.val_dataloaders))
        self.losses.append(float((pl_module.weight.detach() - samples).square().mean()))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights.append(pl_module.weight.item())


def _means_and_losses(cls: type[LightningModule]) -> tuple[list[float], list[list[float]]]:
    """Train for three epochs of four batches; return what the model kept, and the losses of each epoch."""
    keeper = _LossKeeper()
    with apart():
        model = cls()
        Trainer(max_epochs=3, callbacks=[keeper], **QUIET).fit(model, DataLoader(torch.tensor([1.0, 5.0, 2.0, 4.0])))
    return [number(mean) for mean in model.means], keeper.losses


class _LossKeeper(Callback):
    """Keep the losses of each epoch."""

    def __init__(self) -> None:
        self.losses: list[list[float]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self.losses.append([])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: dict[str, torch.Tensor], *_: object
    ) -> None:
        if isinstance(outputs, dict) and "loss" in outputs:
            self.losses[-1].append(outputs["loss"].item())
