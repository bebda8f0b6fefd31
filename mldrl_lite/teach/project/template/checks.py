"""What to look at before a long training. Each check takes seconds and finds a kind of mistake."""

import copy
import math

import pytorch_lightning as pl
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from data import MyData, whole
from model import MyModel
from samples import CLASSES, counts

NEAR = 0.3
"""How far the first loss may be from ln C; the random weights of the start move it a little."""


def baselines(data: MyData) -> dict[str, dict[str, float]]:
    """Return what simple methods reach: their accuracy on the rows that validate and that test.

    A network that does not beat them is not worth its trouble.
    """
    data.setup("fit")
    inputs, labels = whole(data.train_set)
    methods = {
        "largest class": DummyClassifier(),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    reached = {}
    for name, method in methods.items():
        method.fit(counts(inputs), labels)
        scores = {"val": whole(data.val_set), "test": whole(data.test_set)}
        reached[name] = {part: method.score(counts(x), y) for part, (x, y) in scores.items()}
    return reached


def first_loss(model: MyModel, data: MyData) -> float:
    """Return the loss on one batch before any training. The model stays as it is.

    A model that knows nothing gives each of C classes the same chance, and its cross-entropy is
    ln C. Far above, it is sure of something from the start: are the inputs scaled? Below, it knows
    what it cannot know, or the loss is not what you think.
    """
    data.setup("fit")
    with torch.no_grad(), torch.random.fork_rng():  # a look that changes no random number
        batch = next(iter(data.train_dataloader()))
        return copy.deepcopy(model).train().measures(batch)["loss"].item()


def knows_nothing(loss: float) -> bool:
    """Return whether this is the loss of a model that knows nothing yet."""
    return abs(loss - math.log(len(CLASSES))) < NEAR


def overfit_one_batch(model: MyModel, data: MyData, steps: int = 150) -> dict[str, float]:
    """Train on one batch only, and return the loss and the accuracy on it.

    A sound model learns 32 samples by heart: all are right, and the loss is almost 0. If not, it
    does not see its inputs, gets labels of other samples, or goes up where it should go down.
    """
    trainer = pl.Trainer(
        max_epochs=steps,  # an epoch is one batch
        overfit_batches=1,
        limit_val_batches=0,
        accelerator="auto",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data.setup("fit")
    loader = DataLoader(data.train_set, batch_size=data.hparams.batch_size)
    trainer.fit(model, loader, loader)  # loaders alone: without the DataModule's augmentation
    with torch.no_grad():
        measured = model.cpu().eval().measures(next(iter(loader)))
    return {name: value.item() for name, value in measured.items()}
