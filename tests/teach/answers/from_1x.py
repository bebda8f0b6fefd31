"""Answers to the exercises of notebook A2."""

import torch
from pytorch_lightning import LightningModule

from answers import OFF, Answers, answers_to, quiet_trainer


@answers_to("check_todays_trainer")
def todays_trainer() -> Answers:
    cpu = {"accelerator": "cpu", "max_epochs": 3}
    off = {name: value for name, value in OFF.items() if name != "logger"}
    right = [cpu | off, {"devices": 1} | cpu | off, cpu | off | {"log_every_n_steps": 5}]
    right += [cpu | off | {"devices": "auto", "logger": True, "callbacks": None}]
    wrong = [
        ("Trainer(accelerator='cpu')", "give a dictionary"),
        (quiet_trainer(max_epochs=3), "give a dictionary"),
        ({"max_epochs": 3} | off, "on every machine"),
        ({"max_epochs": 3, "devices": 1} | off, "on every machine"),
        (cpu | off | {"accelerator": "auto"}, "on every machine"),
        (cpu | off | {"gpus": 0}, "TypeError"),
        (cpu | off | {"devices": 2}, "one CPU"),
        ({"accelerator": "cpu"} | off, "max_epochs=None"),
        (cpu | OFF, "writes no log"),
        (cpu | off | {"enable_checkpointing": True}, "saves checkpoints"),
        (cpu | off | {"enable_progress_bar": True}, "progress bar"),
        (cpu | off | {"enable_model_summary": True}, "summary"),
    ]
    return Answers(right, wrong)


class KeepsLosses(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.means, self.losses = [], []

    def training_step(self, batch, batch_idx):
        loss = ((self.weight - batch) ** 2).mean()
        self.log("loss", loss, on_epoch=True, on_step=False)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class ReturnsNothing(KeepsLosses):
    def training_step(self, batch, batch_idx):
        super().training_step(batch, batch_idx)


def model_with(**hooks: object) -> type[LightningModule]:
    return type("Answer", (KeepsLosses,), hooks)


def keep_mean(self):
    self.means.append(sum(self.losses) / len(self.losses))
    self.losses.clear()


def keep_tensor(self):
    self.means.append(torch.tensor(self.losses).mean())
    self.losses = []


def keep_pooled(self):
    self.means.append(sum(self.losses) / len(self.losses))


def keep_last(self):
    self.means.append(self.losses[-1])


def keep_first(self):
    self.means.append(self.losses[0])


class KeepsOutputs(KeepsLosses):
    def training_step(self, batch, batch_idx):
        return {"loss": ((self.weight - batch) ** 2).mean()}

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())

    on_train_epoch_end = keep_mean


class AsksForWhatIsLogged(KeepsLosses):
    def on_train_epoch_end(self):
        self.means.append(self.trainer.callback_metrics["loss"].item())


class CountsAndAdds(KeepsLosses):
    def on_train_epoch_start(self):
        self.total, self.count = 0.0, 0

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.total, self.count = self.total + loss.detach(), self.count + 1
        return loss

    def on_train_epoch_end(self):
        self.means.append(self.total / self.count)


@answers_to("check_epoch_means")
def epoch_means() -> Answers:
    right = [model_with(on_train_epoch_end=keep) for keep in (keep_mean, keep_tensor)]
    right.append(model_with(on_train_epoch_start=lambda self: self.losses.clear(), on_train_epoch_end=keep_pooled))
    right += [KeepsOutputs, AsksForWhatIsLogged, CountsAndAdds]
    wrong = [
        (model_with(on_train_epoch_end=keep_pooled), "epochs before"),
        (model_with(on_train_epoch_end=keep_last), "last batch"),
        (model_with(on_train_epoch_end=keep_first), "differ"),
        (model_with(on_epoch_end=keep_mean), "a hook of today"),
        (model_with(on_train_batch_end=lambda self, *_: self.means.append(0)), "12 values"),
        (model_with(training_epoch_end=lambda self, outputs: None), "refuses"),
        (model_with(on_train_epoch_end=lambda self: self.nothing), "AttributeError"),
        (ReturnsNothing, "returns no loss"),
        (KeepsLosses(), "class itself"),
    ]
    return Answers(right, wrong)


class Mended(LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.trace = []
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_idx):
        return ((self.weight - batch) ** 2).mean()

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", ((self.weight - batch) ** 2).mean())

    def on_train_epoch_end(self):
        self.trace.append(self.weight.item())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


class KeepsTensors(Mended):
    def on_train_epoch_end(self):
        self.trace.append(self.weight.detach().clone())


class NamesWhatItSaves(Mended):
    def __init__(self, lr=0.1, width=1):
        super().__init__(lr)
        self.save_hyperparameters("lr")

    def validation_step(self, batch, batch_idx):
        self.log_dict({"val_loss": ((self.weight - batch) ** 2).mean()})


class KeepsItsRateToo(Mended):
    def __init__(self, lr=0.1):
        super().__init__(lr)
        self.lr = lr

    def validation_step(self, batch, batch_idx):
        loss = ((self.weight - batch) ** 2).mean()
        self.log("val_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class TracesTheWeightItself(Mended):
    def on_train_epoch_end(self):
        self.trace.append(self.weight.detach())


class ReturnsADictionary(Mended):
    def validation_step(self, batch, batch_idx):
        return {"log": {"val_loss": ((self.weight - batch) ** 2).mean()}}


class LogsTheSum(Mended):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", ((self.weight - batch) ** 2).mean(), reduce_fx="sum")


class TracesNothing(Mended):
    on_train_epoch_end = LightningModule.on_train_epoch_end

    def on_epoch_end(self):
        self.trace.append(self.weight.item())


class TracesTwice(Mended):
    def on_validation_epoch_end(self):
        self.trace.append(self.weight.item())


class TracesAtValidation(Mended):
    on_train_epoch_end = LightningModule.on_train_epoch_end

    def on_validation_epoch_end(self):
        self.trace.append(self.weight.item())


class TracesAtValidationOfTraining(TracesAtValidation):
    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.trace.append(self.weight.item())


class LeavesADeadHook(Mended):
    def on_epoch_end(self):
        self.trace.append(self.weight.item())


class TracesTheFirst(Mended):
    def on_train_epoch_start(self):
        self.first = self.weight.item()

    def on_train_epoch_end(self):
        self.trace.append(self.first)


class ForgetsItsRate(Mended):
    def __init__(self, lr=0.1):
        LightningModule.__init__(self)
        self.lr, self.trace = lr, []
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class IgnoresItsRate(Mended):
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@answers_to("check_speaks_again")
def speaks_again() -> Answers:
    wrong = [
        (ReturnsADictionary, "no val_loss"),
        (LogsTheSum, "not the mean"),
        (TracesNothing, "left 0 values"),
        (TracesTwice, "training alone"),
        (TracesAtValidation, "left 2 values"),
        (TracesAtValidationOfTraining, "left 1 values"),
        (LeavesADeadHook, "on_epoch_end will never be called"),
        (TracesTheFirst, "ended with"),
        (TracesTheWeightItself, "ended with"),
        (ForgetsItsRate, "hyperparameters"),
        (IgnoresItsRate, "train with it"),
        (Mended(), "class itself"),
        (type("Old", (Mended,), {"training_epoch_end": lambda self, outputs: None}), "NotImplementedError"),
    ]
    return Answers([Mended, KeepsTensors, NamesWhatItSaves, KeepsItsRateToo], wrong)
