"""The checks of notebook 11."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from mldrl_lite.messages import InputError
from mldrl_lite.teach.exercises.feedback import (
    Feedback,
    described,
    in_steps,
    not_a_class,
    not_a_function,
    not_answered,
    not_yet,
    right,
)
from mldrl_lite.teach.exercises.trial import QUIET, apart, elsewhere
from mldrl_lite.teach.project.judging import judge_project
from mldrl_lite.teach.project.making import has_own_readme, has_own_samples

# ---------------------------------------------------------------------------------------------------------------------
# One batch by heart


class _Blind(nn.Module):
    """A network that does not see its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _sound()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(torch.zeros_like(inputs))


def _sound() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 4))


def _with_dropout() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Dropout(0.7), nn.Linear(128, 4))


def _two_softmaxes() -> nn.Sequential:
    return nn.Sequential(*_sound(), nn.Softmax(dim=1))


_TRIED: tuple[tuple[Callable[[], nn.Module], bool, str], ...] = (
    (_sound, True, "a sound network is turned down; does it get enough steps, of enough size?"),
    (_Blind, False, "it accepts a network that gives every sample the same answer; what tells that one apart?"),
    (
        _two_softmaxes,
        False,
        "it accepts a network whose loss goes down and never comes near 0; how low has the loss to be?",
    ),
    (
        _with_dropout,
        True,
        "a network with dropout is turned down: it needs more steps, or is judged in training mode; which is it?",
    ),
)


@in_steps
def check_learns_by_heart(answer: object) -> Feedback:
    """Check a function that tells whether a network can learn a few samples by heart, with networks that can or not."""
    if nudge := not_a_function(answer):
        return nudge
    try:
        with elsewhere(), apart():
            return _judge_by_heart(answer)
    except Exception as error:  # whatever the answer did wrong is feedback
        return not_yet(f"called with a network, inputs and labels, it stops with {type(error).__name__}: {error}")


def _judge_by_heart(answer: Callable[[nn.Module, Tensor, Tensor], object]) -> Feedback:
    torch.manual_seed(0)
    inputs, labels = torch.randn(32, 8), torch.arange(32) % 4
    for make, sound, nudge in _TRIED:
        verdict = answer(make(), inputs.clone(), labels.clone())
        if verdict is None:
            return not_yet("it returns nothing; which two values shall it choose from?")
        if not isinstance(verdict, bool | np.bool_) and getattr(verdict, "dtype", None) != torch.bool:
            return not_yet(f"it returns {type(verdict).__name__}; True or False is wanted.")
        if bool(verdict) is not sound:
            return not_yet(nudge)
    return right("it passes two sound networks, and finds one that is blind and one that cannot come near 0.")


# ---------------------------------------------------------------------------------------------------------------------
# The broken project


@in_steps
def check_mended_project(answer: object) -> Feedback:
    """Check a module class that learns a batch by heart, judges a sample by itself, and keeps its best epoch."""
    if nudge := not_a_class(answer, LightningModule):
        return nudge
    try:
        with elsewhere(), apart():
            torch.manual_seed(0)
            return _judge_learning(answer) or _judge_alone(answer) or _judge_keeping(answer)
    except Exception as error:
        return not_yet(f"a run with it ends in {type(error).__name__}: {error}")


def _digits(n: int) -> TensorDataset:
    images, labels = load_digits(return_X_y=True)
    pixels = torch.tensor(images / 16, dtype=torch.float32).view(-1, 1, 8, 8)
    return TensorDataset(pixels[:n], torch.tensor(labels[:n]))


def _judge_learning(model_class: type[LightningModule]) -> Feedback | None:
    batch, model = _digits(32), model_class()
    Trainer(max_epochs=200, **QUIET).fit(model, DataLoader(batch, batch_size=32))
    with torch.no_grad():
        loss = cross_entropy(model.eval()(batch.tensors[0]), batch.tensors[1]).item()
    if loss < 0.3:
        return None
    return not_yet(
        f"after 200 steps on one batch its loss is {loss:.2f}, and it should be near 0; what does cross_entropy expect?"
    )


def _judge_alone(model_class: type[LightningModule]) -> Feedback | None:
    images, model = _digits(8).tensors[0], model_class().eval()
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(images[i : i + 1]) for i in range(8)])
    if torch.allclose(together, alone, atol=1e-4):
        return None
    return not_yet("an image alone gets other logits than among others; along which dimension does it mix them?")


def _judge_keeping(model_class: type[LightningModule]) -> Feedback:
    watch, parts = _Watch(), [DataLoader(_digits(n), batch_size=32) for n in (256, 64)]
    trainer = Trainer(max_epochs=4, **QUIET | {"enable_checkpointing": True, "callbacks": [watch]})
    model = model_class()
    [untrained] = Trainer(**QUIET).validate(model, parts[1], verbose=False)
    trainer.fit(model, *parts)
    keeper = trainer.checkpoint_callback
    if keeper is None or keeper.monitor is None or keeper.best_model_score is None:
        return not_yet("no callback of it keeps an epoch by what validation_step logs.")
    values = [measured[keeper.monitor].item() for measured in watch.epochs]
    # It learns, so what is higher now than before the training is better where it is high.
    rises = values[-1] > untrained.get(keeper.monitor, values[0])
    best = max(values) if rises else min(values)
    if keeper.best_model_score.item() != best:
        return not_yet(f"of {keeper.monitor} it does not keep the best epoch; is more of it better, or less?")
    return right("it learns a batch by heart, judges each image by itself, and keeps its best epoch.")


class _Watch(Callback):
    """Note what is measured in each epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, Tensor]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.epochs.append(dict(trainer.callback_metrics))


# ---------------------------------------------------------------------------------------------------------------------
# The final project


@in_steps
def check_my_project(answer: object) -> Feedback:
    """Check the folder of a final project: its own samples, a stated result, and the points that its tests show."""
    if nudge := not_answered(answer, "the folder of your project"):
        return nudge
    if not isinstance(answer, str | Path):
        return not_yet(f"{described(answer)}; give the folder as a text or a path.")
    folder = Path(answer).expanduser()
    if not (folder / "samples.py").is_file():
        return not_yet(f"there is no samples.py in {str(answer)!r}; which folder has mldrl-lite new made?")
    if not has_own_samples(folder):
        return not_yet("its samples are still those that it was made with; which data are yours?")
    if not has_own_readme(folder):
        return not_yet("its README still tells of the samples that it was made with; what do yours show?")
    try:
        judged = judge_project(folder)
    except InputError as error:
        return not_yet(str(error))
    if judged.reasons:
        more = f", and {len(judged.reasons) - 3} more" if len(judged.reasons) > 3 else ""
        return not_yet(f"tests show {judged.shown} points. These fail: {'; '.join(judged.reasons[:3])}{more}.")
    return right(" ".join([f"{judged.shown} points are shown. Ask a partner for the other three.", *judged.remarks]))
