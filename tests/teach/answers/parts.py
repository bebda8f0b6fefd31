"""Answers to the exercises of notebook A4."""

from pytorch_lightning import Callback
from pytorch_lightning.callbacks import GradientAccumulationScheduler, LearningRateMonitor, ModelCheckpoint, Timer

from answers import Answers, answers_to


class ByHand(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        trainer.accumulate_grad_batches = 4 if trainer.current_epoch < 2 else 1


@answers_to("check_accumulation")
def accumulation() -> Answers:
    scheduler = GradientAccumulationScheduler
    right = [scheduler({0: 4, 2: 1}), scheduler(scheduling={0: 4, 1: 4, 2: 1}), ByHand()]
    wrong = [
        (scheduler({0: 4}), "each epoch takes 1 step"),
        (Timer(), "each epoch takes 4 step"),
        (scheduler({0: 4, 3: 1}), "epochs count from 0"),
        (scheduler({0: 2, 2: 1}), "[2, 2, 4, 4]"),
        ({0: 4, 2: 1}, "give a callback"),
        ([scheduler({0: 4, 2: 1})], "give a callback"),
    ]
    return Answers(right, wrong)


@answers_to("check_mended_watchers")
def mended_watchers() -> Answers:
    def watchers(checkpoint, *others):
        return lambda folder: [ModelCheckpoint(folder, **checkpoint), *others]

    second, every = {"every_n_epochs": 2, "save_top_k": -1}, LearningRateMonitor(logging_interval="step")
    right = [
        watchers(second, every),
        watchers(second | {"filename": "{epoch}"}, LearningRateMonitor("step", log_momentum=True)),
        lambda folder: [LearningRateMonitor("step"), ModelCheckpoint(folder, save_top_k=-1, every_n_epochs=2)],
    ]
    wrong = [
        (watchers({"every_n_epochs": 2}, every), "1 file(s)"),
        (watchers({"save_top_k": -1}, every), "6 file(s)"),
        (watchers(second), "no learning rate"),
        (watchers(second, LearningRateMonitor()), "6 time(s)"),
        (watchers(second, LearningRateMonitor("epoch")), "6 time(s)"),
        (lambda folder: None, "a list of callbacks"),
        (lambda: None, "TypeError"),
    ]
    return Answers(right, wrong)
