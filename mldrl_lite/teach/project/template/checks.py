"""What to look at before a long training. Each check takes seconds and finds a kind of mistake."""

import copy
import math

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from data import MyData, whole
from model import MyModel
from samples import CLASSES, SCORE, counts, load

NEAR = 0.3
"""How far the first loss may be from ln C; the random weights of the start move it a little."""


def baselines(data: MyData) -> dict[str, dict[str, float]]:
    """Return what simple methods reach: their score on the rows that validate and that test.

    A network that does not beat them is not worth its trouble.
    """
    data.setup("fit")
    inputs, labels = whole(data.train_set)
    weight = "balanced" if SCORE == "balanced_accuracy" else None
    linear = LogisticRegression(max_iter=1000, class_weight=weight)
    methods = {
        "largest class": DummyClassifier(),
        "logistic regression": make_pipeline(StandardScaler(), linear),
    }
    reached = {}
    for name, method in methods.items():
        method.fit(counts(inputs), labels)
        parts = {"val": whole(data.val_set), "test": whole(data.test_set)}
        reached[name] = {
            part: score(y, torch.from_numpy(method.predict(counts(x))))
            for part, (x, y) in parts.items()
        }
    return reached


def score(labels: torch.Tensor, predicted: torch.Tensor) -> float:
    """Return the SCORE of samples.py on a whole part; both are numbers of classes, (samples,)."""
    return getattr(metrics, f"{SCORE}_score")(labels, predicted)


def by_chance(reached: float, labels: torch.Tensor) -> float:
    """Return how far a score on these test rows may be off by luck: two standard errors.

    The error of a share p of n rows is sqrt(p (1 - p) / n). Two rows right and two wrong are added,
    so that it is not 0 where all are right (Agresti and Coull, 1998). Of a balanced accuracy, n
    counts each class as the smallest.
    """
    n = len(labels)
    if SCORE == "balanced_accuracy":
        n = len(CLASSES) * labels.bincount().min().item()
    share = (reached * n + 2) / (n + 4)
    return 2 * math.sqrt(share * (1 - share) / (n + 4))


def measured_on() -> dict[str, object]:
    """Return what repeats.json belongs to: the score, and how many samples each class has."""
    sizes = load()[1].bincount(minlength=len(CLASSES)).tolist()
    return {"score": SCORE, "samples": dict(zip(CLASSES, sizes, strict=True))}


def first_loss(model: MyModel, data: MyData) -> float:
    """Return the loss on one batch before any training. The model stays as it is.

    A model that knows nothing gives each of C classes the same chance, and its cross-entropy is
    ln C. Far above, it is sure of something from the start: are the inputs scaled? Below, it knows
    what it cannot know, or the loss is not what you think.
    """
    data.setup("fit")
    with torch.no_grad(), torch.random.fork_rng():  # a look that changes no random number
        batch = next(iter(data.train_dataloader()))
        return copy.deepcopy(model).train().loss_and_logits(batch)[0].item()


def knows_nothing(loss: float) -> bool:
    """Return whether this is the loss of a model that knows nothing yet."""
    return abs(loss - math.log(len(CLASSES))) < NEAR


def overfit_one_batch(model: MyModel, data: MyData, steps: int = 500) -> dict[str, float]:
    """Train on one batch only, until it is known; return the loss and the accuracy on it.

    A sound model learns 32 samples by heart: all are right, and the loss is almost 0. If not, it
    does not see its inputs, gets labels of other samples, or goes up where it should go down.
    """
    trainer = pl.Trainer(
        max_epochs=steps,  # an epoch is one batch
        callbacks=EarlyStopping(
            "train_loss", stopping_threshold=0.02, patience=steps, check_on_train_epoch_end=True
        ),
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
    batch = next(iter(loader))
    with torch.no_grad():
        loss, logits = model.cpu().eval().loss_and_logits(batch)
    right = (logits.argmax(dim=1) == batch[1]).float().mean()
    return {"loss": loss.item(), "accuracy": right.item()}
