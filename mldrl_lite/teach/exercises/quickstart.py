"""The checks of notebook 00."""

import torch
from pytorch_lightning import LightningModule, Trainer
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.reproducibility import fingerprint
from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    described,
    in_steps,
    not_a_class,
    not_answered,
    not_yet,
    number,
    right,
)
from mldrl_lite.teach.exercises.trial import QUIET, apart, elsewhere


@in_steps
def check_sample_count(answer: object, datamodule: TCPDataModule) -> Feedback:
    """Check the number of samples in all parts: an exercise to rehearse how exercises work."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given, sizes = number(answer), {name: len(part) for name, part in datamodule.parts.items()}
    if given == sum(sizes.values()):
        terms = " + ".join(map(str, sizes.values()))
        return right(f"{terms}. Every exercise works like this one: fill in, run, check.")
    if given is None:
        return not_yet(f"{described(answer)}; give a number.")
    if given in sizes.values():
        return not_yet(f"that is one part alone, and there are {len(sizes)}: {', '.join(sizes)}.")
    if given == sum(datamodule.in_dim):
        return not_yet("that is the number of features, the widths of all views together; how many people are there?")
    return not_yet("look at the line that says 'samples:', below the cell that loads the data.")


@in_steps
def check_steps_per_epoch(answer: object, datamodule: TCPDataModule) -> Feedback:
    """Check the number of optimizer steps in an epoch."""
    n_samples, batch_size = len(datamodule.parts["train"]), datamodule.hparams.batch_size
    whole, rest = divmod(n_samples, batch_size)
    steps = whole + (rest > 0)
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    if given == steps:
        return right(f"{n_samples} samples make {steps} batches, and each batch is one optimizer step.")
    if given == n_samples:
        return not_yet("that is one step per sample, or all steps of a run; in an epoch, there is one step per batch.")
    if given is not None and given * batch_size == n_samples:
        return not_yet(f"the batch after the {whole}th is not full; is it a step all the same, or a part of one?")
    if given == whole:
        return not_yet("some samples are left over after the full batches; what happens to them?")
    return not_yet("how many batches does it take until every training sample has been seen once?")


@in_steps
def check_trainer(answer: object, max_epochs: int) -> Feedback:
    """Check a Trainer that trains for `max_epochs` epochs and logs nothing."""
    if nudge := not_answered(answer, "a Trainer"):
        return nudge
    if not isinstance(answer, Trainer):
        return not_yet(f"this is of type {type(answer).__name__}; give the object that Trainer(...) returns.")
    if answer.max_epochs != max_epochs:
        return not_yet(
            f"this Trainer would run for max_epochs={answer.max_epochs}; the exercise asks for {max_epochs}."
        )
    if answer.max_steps != -1:
        return not_yet("it also counts steps, and may stop before its epochs are over.")
    if answer.logger is not None:
        return not_yet(
            "this Trainer still has a logger; which argument of the Trainer holds it, and how is it turned off?"
        )
    return right(f"it stops after {max_epochs} epochs and writes no log.")


@in_steps
def check_mended_classifier(answer: object) -> Feedback:
    """Check a module class that learns to tell handwritten digits, by training it."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with elsewhere(), apart():
            return _judge_classifier(answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")


def _judge_classifier(model_class: type[LightningModule]) -> Feedback:
    images, labels = load_digits(return_X_y=True)
    digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    torch.manual_seed(0)
    model = model_class()
    before = fingerprint(model)
    trainer = Trainer(max_epochs=2, **QUIET)
    trainer.fit(model, DataLoader(digits, batch_size=16, shuffle=True))
    if fingerprint(model) == before:
        return not_yet("the training moves no weight; what does the Trainer need to get back from training_step?")
    said = torch.cat(trainer.predict(model, DataLoader(digits, batch_size=64)))
    right_ones = int((said == digits.tensors[1]).sum())
    if right_ones < 0.8 * len(digits):
        return not_yet(
            f"the weights move, but {right_ones} of {len(digits)} digits are right after {trainer.global_step} steps, "
            "and a guess gets one in ten; how far does one step go?"
        )
    return right(f"after {trainer.global_step} steps it gets {right_ones} of {len(digits)} digits right.")
