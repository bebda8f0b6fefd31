"""The checks of notebook 02."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pytorch_lightning import LightningModule, Trainer
from sklearn.metrics import f1_score
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from mldrl_lite.datamodule import Batch, MultiViewDataset, TCPDataModule, already_batched
from mldrl_lite.model import MMDynamic
from mldrl_lite.reproducibility import fingerprint
from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    in_steps,
    in_words,
    not_a_class,
    not_a_function,
    not_answered,
    not_yet,
    number,
    right,
)
from mldrl_lite.teach.exercises.trial import QUIET, apart, elsewhere


@in_steps
def check_tcp(answer: object) -> Feedback:
    """Check a function from scores (B, C) and labels (B,) to true class probabilities (B,)."""
    if nudge := not_a_function(answer, "a function of two arguments"):
        return nudge
    logit = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0], [0.5, 0.0, 0.0], [1.0, 2.0, -2.0]])
    labels = torch.tensor([2, 0, 1, 1])
    try:
        given = torch.as_tensor(answer(logit.clone(), labels.clone())).detach().float()
    except Exception as error:
        return not_yet(f"your function raised {type(error).__name__}: {error}")
    if given.shape == (4, 1):
        return not_yet("the shape is (B, 1); return one number per sample, shape (B,).")
    if given.shape != (4,):
        return not_yet(f"for 4 samples and 3 classes your function returns the shape {tuple(given.shape)}, not (4,).")
    return _judge_tcp(given, logit, labels)


def _judge_tcp(given: torch.Tensor, logit: torch.Tensor, labels: torch.Tensor) -> Feedback:
    def of_class(values: torch.Tensor) -> torch.Tensor:
        return values.gather(1, labels.unsqueeze(1)).squeeze(1)

    if torch.allclose(given, of_class(logit.softmax(dim=1))):
        return right("it is the probability of the class that is right, not of the class that looks most likely.")
    nudges = [
        (
            logit.softmax(dim=1).amax(dim=1),
            "this is the probability of the most likely class; which do the labels ask for?",
        ),
        (of_class(logit), "these are scores; what turns scores into probabilities?"),
        (of_class(logit.log_softmax(dim=1)), "these are logarithms of probabilities; what undoes a logarithm?"),
        (of_class(logit.sigmoid()), "a sigmoid looks at one score alone; the probabilities of a sample add up to 1."),
        (
            of_class(logit.softmax(dim=0)),
            "the probabilities of each sample should add up to 1; over which dimension does the softmax go?",
        ),
    ]
    near = [nudge for values, nudge in nudges if torch.allclose(given, values)]
    return not_yet(
        near[0] if near else "the numbers differ; is it one probability from each row, the one at that row's label?"
    )


@in_steps
def check_validation_loss(answer: object, model: MMDynamic, datamodule: TCPDataModule) -> Feedback:
    """Check the mean cross-entropy of the fused scores over the validation part."""
    if nudge := not_answered(answer, "a number"):
        return nudge
    given = number(answer)
    if given is None:
        return not_yet(f"this is of type {type(answer).__name__}; give one number.")
    if not _has_met_a_trainer(model):
        return not_yet(
            "no Trainer has had this model, so it is untrained; run 'Hand it to the Trainer', and what follows."
        )
    with _evaluating(model):
        feedback = _of_validation_losses(model, datamodule)
    nearest = min(feedback, key=lambda value: abs(given - value))
    if math.isclose(given, nearest, rel_tol=1e-4, abs_tol=5e-4):  # somebody may have rounded
        return feedback[nearest]
    if model.training:
        return not_yet("the number differs, and the model is in training mode; what is then still active?")
    return not_yet("the number differs; are these the scores and the samples that were asked for?")


def _has_met_a_trainer(model: LightningModule) -> bool:
    try:
        return model.trainer is not None
    except RuntimeError:  # Lightning's word for a module that is not attached to one
        return False


@contextmanager
def _evaluating(model: MMDynamic) -> Iterator[None]:
    was_training = model.training
    model.eval()
    with torch.no_grad():
        yield
    model.train(was_training)


def _of_validation_losses(model: MMDynamic, datamodule: TCPDataModule) -> dict[float, Feedback]:
    """Return the right number and what comes near it, with what to say of each; the right one wins where two agree."""
    losses = [model.criterion(model(views).logit, labels) for views, labels in datamodule.val_dataloader()]
    val, train = datamodule.parts["val"], datamodule.parts["train"]
    output = model(val.views)
    wrong = {
        torch.stack([loss.mean() for loss in losses]).mean(): (
            "this is the mean of the batches' means, in which the samples of a small last batch count more."
        ),
        torch.cat(losses).sum(): "this is the sum over the samples; the loss is their mean.",
        sum(
            model.loss_terms(output, val.labels).values()
        ): "this is the sum of all four terms; which one is asked for?",
        cross_entropy(model(train.views).logit, train.labels): "this is the loss of the training part.",
    }
    for view in output.view_logits:
        wrong[cross_entropy(view, val.labels)] = "this is the loss of one view alone; which scores are fused?"
    feedback = {value.item(): not_yet(message) for value, message in wrong.items()}
    return feedback | {torch.cat(losses).mean().item(): right("every sample counts the same, dropout is off.")}


@in_steps
def check_mended_steps(answer: object) -> Feedback:
    """Check a module class, made as `answer(in_dim, num_class)`, that learns from all views and logs two values."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with elsewhere(), apart():
            return _judge_steps(answer) or _judge_own_model(answer)
    except Exception as error:
        if "empty parameter list" in str(error):
            return not_yet("the optimizer finds no weights; layers in a plain list are invisible to PyTorch.")
        return not_yet(f"making or training it ends in {type(error).__name__}: {error}")


def _judge_steps(model_class: type[LightningModule]) -> Feedback | None:
    torch.manual_seed(0)
    views, labels = _views_that_need_each_other()
    model = model_class([view.shape[1] for view in views], 4)
    loader = _loader(views, labels, 40)
    trainer = Trainer(max_epochs=1, **QUIET)
    trainer.fit(model.cpu(), loader, loader)
    if "val/loss" not in trainer.callback_metrics:
        return not_yet(
            "after a fit with validation there is no 'val/loss'; does the Trainer know the method by its name?"
        )
    scores = _scores(model, views)
    if _are_probabilities(model, views):
        return not_yet(
            "forward returns probabilities: each row adds up to 1. It is to return scores, as they are before a "
            "softmax; cross_entropy expects those, and takes the softmax itself."
        )
    if abs(trainer.callback_metrics["val/loss"].item() - cross_entropy(scores, labels).item()) > 1e-3:
        return not_yet("'val/loss' is logged, but it is not the cross-entropy of the scores that forward returns.")
    if "val/f1" not in trainer.callback_metrics:
        return not_yet("'val/loss' is right; 'val/f1' is not logged.")
    return _judge_f1(trainer.callback_metrics["val/f1"].item(), scores, labels)


def _judge_f1(given: float, scores: torch.Tensor, labels: torch.Tensor) -> Feedback | None:
    def f1(these: slice) -> float:
        return float(f1_score(labels[these], scores[these].argmax(dim=1), average="macro"))

    if math.isclose(given, f1(slice(None)), abs_tol=1e-4):
        return None
    of_batches = [f1(slice(start, start + 40)) for start in range(0, len(labels), 40)]
    if math.isclose(given, sum(of_batches) / len(of_batches), abs_tol=1e-4):
        return not_yet(
            "'val/f1' is the mean of the batches' F1, and not the F1 of the whole part; what gathers the counts?"
        )
    return not_yet(
        "'val/f1' is not the F1 of the whole part; do its counts begin anew each time, and is it the mean over the "
        "classes?"
    )


@in_steps
def check_own_model(answer: object) -> Feedback:
    """Check a module class, made as `answer(in_dim, num_class)`, that learns from all views, by training it."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with apart():
            return _judge_own_model(answer)
    except Exception as error:
        if "empty parameter list" in str(error):
            return not_yet("the optimizer finds no weights; layers in a plain list are invisible to PyTorch.")
        return not_yet(f"making or training it ends in {type(error).__name__}: {error}")


def _judge_own_model(model_class: type[LightningModule]) -> Feedback:
    torch.manual_seed(0)
    views, labels = _views_that_need_each_other()
    model = model_class([view.shape[1] for view in views], 4)
    shape, before = tuple(_scores(model, views).shape), fingerprint(model)
    if shape != (len(labels), 4):
        return not_yet(f"for {len(labels)} samples and 4 classes, forward returns shape {shape}, and not (B, C).")
    if _are_probabilities(model, views):
        return not_yet("forward returns probabilities: each row adds up to 1. Scores are asked for; who takes softmax?")
    trainer = Trainer(max_epochs=40, **QUIET)
    trainer.fit(model.cpu(), _loader(views, labels, 15, shuffle=True))
    if fingerprint(model) == before:
        return not_yet("training moves no weight; does training_step return the loss, and who steps the weights?")
    scores = _scores(model, views)
    for v in range(len(views)):
        others = [view.flip(0) if w == v else view for w, view in enumerate(views)]
        if torch.equal(_scores(model, others), scores):
            return not_yet(f"its scores stay the same when views[{v}] changes; no view alone tells the class.")
    found = int((scores.argmax(dim=1) == labels).sum())
    if found < 0.85 * len(labels):
        return not_yet(
            f"{found} of {len(labels)} samples right after {trainer.global_step} steps; is the learning rate too small?"
        )
    return right(f"after {trainer.global_step} steps it gets {found} of {len(labels)} samples right.")


def _are_probabilities(model: LightningModule, views: list[torch.Tensor]) -> bool:
    scores = _scores(model, views)
    return bool((scores >= 0).all()) and torch.allclose(scores.sum(dim=1), torch.ones(len(scores)), atol=1e-4)


def _views_that_need_each_other() -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return three views of 120 samples: each tells one class from all others, and none knows the fourth."""
    labels = torch.arange(120) % 4
    views = [torch.randn(120, 4), torch.randn(120, 3), torch.randn(120, 2)]
    for label, view in enumerate(views):
        view[:, 0] += 6.0 * (labels == label) - 3.0
    return views, labels


def _loader(
    views: list[torch.Tensor], labels: torch.Tensor, batch_size: int, shuffle: bool = False
) -> DataLoader[Batch]:
    """Make batches as those of the notebook: pairs, of views and labels, that also go by these names."""
    return DataLoader(MultiViewDataset(views, labels), batch_size, shuffle=shuffle, collate_fn=already_batched)


def _scores(model: LightningModule, views: list[torch.Tensor]) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        output = model([view.clone() for view in views])
    model.train()
    scores = output if isinstance(output, torch.Tensor) else getattr(output, "logit", None)
    if not isinstance(scores, torch.Tensor):
        raise TypeError(f"forward returns {in_words(output)}, and not one tensor of scores")
    return scores
