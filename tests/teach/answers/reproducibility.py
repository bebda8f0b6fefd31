"""Answers to the exercises of notebook 06."""

import contextlib
import random

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from answers import OFF, Answers, answers_to
from mldrl_lite.trainer import StepTrace


def seeds_everything(seed):
    seed_everything(seed, verbose=False)
    return nn.Linear(4, 2)


def forks(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(4, 2)


def isolated(seed):
    with isolate_rng():
        torch.manual_seed(seed)
        layer = nn.Linear(in_features=4, out_features=2)
    return layer


def own_generator(seed):
    layer, own = nn.Linear(4, 2), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.uniform_(-0.5, 0.5, generator=own)
    return layer


def no_seed(seed):
    return nn.Linear(4, 2)


def one_seed(seed):
    return seeds_everything(0)


def seeds_too_late(seed):
    layer = nn.Linear(4, 2)
    torch.manual_seed(seed)
    return layer


ONE_LAYER = nn.Linear(4, 2)


@answers_to("check_make_linear")
def make_linear() -> Answers:
    wrong = [
        (no_seed, "two different layers"),
        (seeds_too_late, "where does the generator stand"),
        (one_seed, "is the argument used"),
        (lambda seed: ONE_LAYER, "same object"),
        (lambda seed: seeds_everything(seed).weight, "nn.Linear(4, 2) each time"),
        (nn.Linear(4, 2), "TypeError"),
    ]
    return Answers([seeds_everything, forks, isolated, own_generator], wrong)


class OwnGenerator(Callback):
    def __init__(self):
        self.drawn, self.generator = [], torch.Generator().manual_seed(0)

    def draw(self):
        return torch.rand((), generator=self.generator).item()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.drawn.append(self.draw())


class PutsBack(OwnGenerator):
    def draw(self):
        state = torch.get_rng_state()
        drawn = torch.rand(1)
        torch.set_rng_state(state)
        return drawn


class Forks(OwnGenerator):
    def draw(self):
        with torch.random.fork_rng():
            torch.manual_seed(len(self.drawn))
            return torch.randn(()).item()


class DrawsFromAll(OwnGenerator):
    def draw(self):
        return torch.rand(1).item()


class DrawsAheadFromAll(OwnGenerator):
    def __init__(self):
        super().__init__()
        self.ahead = iter(torch.rand(1000).tolist())

    def draw(self):
        return next(self.ahead)


class SeedsEachTime(OwnGenerator):
    def draw(self):
        return torch.rand((), generator=torch.Generator().manual_seed(0)).item()


class DrawsWithNumPy(OwnGenerator):
    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng(0)

    def draw(self):
        return self.generator.random()


class DrawsWithPython(OwnGenerator):
    def draw(self):
        return torch.tensor(random.random())  # noqa: S311


class DrawsAheadOnItsOwn(OwnGenerator):
    def __init__(self):
        super().__init__()
        self.ahead = iter(torch.empty(1000).normal_(generator=self.generator).tolist())

    def draw(self):
        return next(self.ahead)


class DrawsPerEpoch(OwnGenerator):
    on_train_batch_end = Callback.on_train_batch_end

    def on_train_epoch_end(self, trainer, pl_module):
        self.drawn.append(self.draw())


class SeedsAgain(OwnGenerator):
    def draw(self):
        torch.manual_seed(len(self.drawn))
        return torch.rand(1).item()


@answers_to("check_quiet_noise")
def quiet_noise() -> Answers:
    wrong = [
        (DrawsFromAll, "who else uses it"),
        (DrawsAheadFromAll, "who else uses it"),
        (SeedsAgain, "who else uses it"),
        (SeedsEachTime, "same number comes"),
        (DrawsWithNumPy, "numbers of torch"),
        (DrawsWithPython, "numbers of torch"),
        (DrawsPerEpoch, "one per batch"),
        (Callback, "AttributeError"),
        (OwnGenerator(), "class itself"),
    ]
    return Answers([OwnGenerator, PutsBack, Forks, DrawsAheadOnItsOwn], wrong)


def puts_back(function):
    was_on, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        return function()
    finally:
        torch.use_deterministic_algorithms(was_on, warn_only=warn_only)


@contextlib.contextmanager
def deterministic():
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def in_a_context(function):
    with deterministic():
        return function()


def by_trainer(function):
    mode, error = torch.get_deterministic_debug_mode(), None
    Trainer(deterministic=True, accelerator="cpu", logger=False)
    try:
        result = function()
    except Exception as caught:
        error = caught
    torch.set_deterministic_debug_mode(mode)
    if error is not None:
        raise error
    return result


def leaves_it_on(function):
    torch.use_deterministic_algorithms(True)
    return function()


def turns_it_off(function):
    torch.use_deterministic_algorithms(True)
    try:
        return function()
    finally:
        torch.use_deterministic_algorithms(False)


def without_finally(function):
    mode = torch.get_deterministic_debug_mode()
    torch.use_deterministic_algorithms(True)
    result = function()
    torch.set_deterministic_debug_mode(mode)
    return result


def off_after_an_error(function):
    mode = torch.get_deterministic_debug_mode()
    torch.use_deterministic_algorithms(True)
    try:
        result = function()
    except Exception:
        torch.use_deterministic_algorithms(False)
        raise
    torch.set_deterministic_debug_mode(mode)
    return result


def only_warns(function):
    mode = torch.get_deterministic_debug_mode()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        return function()
    finally:
        torch.set_deterministic_debug_mode(mode)


def forgets_to_warn(function):
    was_on = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        return function()
    finally:
        torch.use_deterministic_algorithms(was_on)


def swallows(function):
    with contextlib.suppress(Exception), deterministic():
        return function()


def returns_nothing(function):
    in_a_context(function)


@answers_to("check_deterministically")
def deterministically() -> Answers:
    wrong = [
        (leaves_it_on, "outlives the call"),
        (turns_it_off, "what is to be put back"),
        (forgets_to_warn, "only warned"),
        (without_finally, "raises an error"),
        (off_after_an_error, "not taken back"),
        (only_warns, "would not be refused"),
        (lambda function: function(), "would not be refused"),
        (swallows, "swallowed"),
        (returns_nothing, "return what the function returns"),
    ]
    return Answers([puts_back, in_a_context, by_trainer], wrong)


class SmallNet(LightningModule):
    """That of the exercise."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 2))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


ORDER = torch.Generator().manual_seed(0)


def train(folder, net, noise, trace=True, **loading):
    samples = TensorDataset(torch.eye(4).repeat(8, 1) + noise, torch.arange(32) % 2)
    loader = DataLoader(samples, batch_size=8, **{"shuffle": True, **loading})
    callbacks = [StepTrace(dirpath=folder)] if trace else []
    Trainer(accelerator="cpu", **OFF, max_epochs=2, callbacks=callbacks).fit(net, loader)
    return net


def noise_of(seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(32, 4))).float()


def all_from_one_seed(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), torch.randn(32, 4))


def generators_of_their_own(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(0), generator=torch.Generator().manual_seed(0))


def seeds_again_before_the_training(folder):
    torch.manual_seed(3)
    net = SmallNet()
    torch.manual_seed(3)
    return train(folder, net, noise_of(3))


def order_that_starts_anew(folder):
    seed_everything(1, workers=True, verbose=False)
    net, noise = SmallNet(), torch.from_numpy(np.random.normal(size=(32, 4))).float()
    return train(folder, net, noise, generator=ORDER.manual_seed(1))


def model_before_the_seed(folder):
    net = SmallNet()
    seed_everything(0, verbose=False)
    return train(folder, net, noise_of(0))


def order_from_call_to_call(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(0), generator=ORDER)


def noise_without_a_seed(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(None))


def always_the_same_order(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(0), shuffle=False)


def without_noise(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), torch.zeros(32, 4))


def with_less_noise(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(0) / 100)


def without_dropout(folder):
    seed_everything(0, verbose=False)
    net = SmallNet()
    net.layers[1] = nn.Dropout(p=0)
    return train(folder, net, noise_of(0))


def with_dropout_off(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet().eval(), noise_of(0))


def without_a_trace(folder):
    seed_everything(0, verbose=False)
    return train(folder, SmallNet(), noise_of(0), trace=False)


def returns_another_model(folder):
    all_from_one_seed(folder)
    torch.seed()
    return SmallNet()


@answers_to("check_mended_training")
def mended_training() -> Answers:
    wrong = [
        (model_before_the_seed, "made before the seed"),
        (order_from_call_to_call, "in another order"),
        (noise_without_a_seed, "changed in another way"),
        (always_the_same_order, "keep shuffling"),
        (without_noise, "noise is gone"),
        (with_less_noise, "noise is gone, or smaller"),
        (without_dropout, "layers are not those"),
        (with_dropout_off, "dropout of SmallNet is off"),
        (without_a_trace, "no trace lies"),
        (returns_another_model, "is it the trained one"),
        (lambda folder: None, "return the trained model"),
    ]
    right = [all_from_one_seed, generators_of_their_own, seeds_again_before_the_training, order_that_starts_anew]
    return Answers(right, wrong)
