"""Answers to the exercises of notebook 02."""

import torch
from pytorch_lightning import LightningModule, seed_everything
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss
from torchmetrics.classification import MulticlassF1Score
from torchmetrics.functional.classification import multiclass_f1_score

from answers import Answers, answers_to, quiet_trainer
from answers.quickstart import wdbc
from mldrl_lite.model import MMDynamic


def one_by_one(scores, labels):
    return [float(row.softmax(0)[label]) for row, label in zip(scores, labels, strict=True)]


@answers_to("check_tcp")
def tcp() -> Answers:
    rows = torch.arange
    right = [
        lambda s, y: s.softmax(1)[rows(len(y)), y],
        lambda s, y: torch.gather(torch.softmax(s, -1), 1, y[:, None])[:, 0],
        lambda s, y: (-nn.functional.cross_entropy(s, y, reduction="none")).exp(),
        one_by_one,
        lambda s, y: s.double().softmax(1)[rows(len(y)), y].requires_grad_(),
    ]
    wrong = [
        (lambda s, y: s.softmax(1).max(1).values, "most likely"),
        (lambda s, y: s[rows(len(y)), y], "scores"),
        (lambda s, y: s.softmax(0)[rows(len(y)), y], "dimension"),
        (lambda s, y: s.softmax(1).gather(1, y[:, None]), "(B, 1)"),
        (lambda s: s, "raised TypeError"),
        (lambda s, y: s.argmax(1), "from each row"),
        (lambda s, y: s.softmax(1)[y, y], "from each row"),
        (lambda s, y: s.softmax(1).diag(), "shape (3,), not (4,)"),
        (lambda s, y: s.log_softmax(1)[rows(len(y)), y], "logarithms"),
        (lambda s, y: s.sigmoid()[rows(len(y)), y], "one score alone"),
    ]
    return Answers(right, wrong)


def trained_model() -> MMDynamic:
    seed_everything(0, verbose=False)
    model = MMDynamic([10, 10, 10], 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4})
    quiet_trainer(max_epochs=1).fit(model, wdbc().train_dataloader())
    return model


@answers_to("check_validation_loss")
def validation_loss() -> Answers:
    model = trained_model().eval()
    with torch.no_grad():
        losses = [model.criterion(model(views).logit, labels) for views, labels in wdbc().val_dataloader()]
        part, train = wdbc().parts["val"], wdbc().parts["train"]
        output = model(part.views)
        whole = cross_entropy(output.logit, part.labels)
        view_0 = cross_entropy(output.view_logits[0], part.labels)
        in_all = sum(model.loss_terms(output, part.labels).values())
        of_train = cross_entropy(model(train.views).logit, train.labels)
    mean, mean_of_means = torch.cat(losses).mean(), torch.stack([loss.mean() for loss in losses]).mean()
    wrong = [
        (mean_of_means, "count more"),
        (torch.cat(losses).sum(), "sum"),
        (view_0, "which scores are fused"),
        (in_all, "four terms"),
        (of_train, "training part"),
        (mean + 0.01, "what is then still active"),
        (losses, "of type list"),
    ]
    return Answers(
        [mean, mean.item(), whole.numpy(), round(mean.item(), 4)], wrong, {"model": model.train(), "datamodule": wdbc()}
    )


class SideBySide(LightningModule):
    """One layer for all views side by side."""

    lr = 0.01

    def __init__(self, in_dim, num_class):
        super().__init__()
        self.layer = nn.Linear(sum(in_dim), num_class)

    def forward(self, views):
        return self.layer(torch.cat(views, dim=1))

    def training_step(self, batch, batch_idx):
        views, labels = batch
        return cross_entropy(self(views), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class ByTheirNames(SideBySide):
    """Takes a batch apart by its names, as the page does."""

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch.views), batch.labels)


class Vote(SideBySide):
    """A network per view; their probabilities are averaged."""

    def __init__(self, in_dim, num_class):
        super().__init__(in_dim, num_class)
        self.networks = nn.ModuleList(
            nn.Sequential(nn.Linear(d, 8), nn.ReLU(), nn.Linear(8, num_class)) for d in in_dim
        )

    def forward(self, views):
        each = [network(view).softmax(dim=1) for network, view in zip(self.networks, views, strict=True)]
        return torch.stack(each).mean(dim=0).log()


class ByHand(SideBySide):
    """Manual optimization, with plain gradient descent."""

    def __init__(self, in_dim, num_class):
        super().__init__(in_dim, num_class)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(super().training_step(batch, batch_idx))
        optimizer.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class OfTheCourse(MMDynamic):
    def __init__(self, in_dim, num_class):
        super().__init__(in_dim, num_class, num_class == 2, {"lr": 0.01, "reg": 0.0, "hidden_dim": 8})


class Lazy(SideBySide):
    """Its layer learns its width from the first batch."""

    def __init__(self, in_dim, num_class):
        super().__init__(in_dim, num_class)
        self.layer = nn.LazyLinear(num_class)


class TwoViews(SideBySide):
    def forward(self, views):
        return self.layer(torch.cat([views[0], views[1], torch.zeros_like(views[2])], dim=1))


class ScoresInAList(SideBySide):
    def forward(self, views):
        return [super().forward(views)]


class ForgetsTheLoss(SideBySide):
    def training_step(self, batch, batch_idx):
        super().training_step(batch, batch_idx)


class ForgetsTheOptimizer(SideBySide):
    def configure_optimizers(self):
        pass


class FirstViewAlone(SideBySide):
    def forward(self, views):
        return self.layer(torch.cat([views[0], *(torch.zeros_like(view) for view in views[1:])], dim=1))


class PlainList(LightningModule):
    def __init__(self, in_dim, num_class):
        super().__init__()
        self.layers = [nn.Linear(d, num_class) for d in in_dim]

    def forward(self, views):
        return sum(layer(view) for layer, view in zip(self.layers, views, strict=True))

    training_step, configure_optimizers, lr = SideBySide.training_step, SideBySide.configure_optimizers, 0.01


class TinySteps(SideBySide):
    lr = 1e-5


class TheClassItself(SideBySide):
    def forward(self, views):
        return super().forward(views).argmax(dim=1)


class SoftmaxTwice(SideBySide):
    def forward(self, views):
        return super().forward(views).softmax(dim=1)


@answers_to("check_own_model")
def own_model() -> Answers:
    wrong = [
        (ForgetsTheLoss, "return the loss"),
        (ForgetsTheOptimizer, "who steps the weights"),
        (FirstViewAlone, "stay the same when views[1] changes"),
        (PlainList, "in a plain list"),
        (TinySteps, "learning rate too small"),
        (SoftmaxTwice, "adds up to 1"),
        (TwoViews, "stay the same when views[2] changes"),
        (ScoresInAList, "forward returns a list"),
        (TheClassItself, "not (B, C)"),
        (MMDynamic, "TypeError"),
        (SideBySide([4, 3], 3), "the class itself"),
    ]
    return Answers([SideBySide, ByTheirNames, Vote, ByHand, OfTheCourse, Lazy], wrong)


class OneLayerEach(LightningModule):
    """Right; each of those below it has one fault."""

    def __init__(self, in_dim, num_class):
        super().__init__()
        self.num_class, self.f1 = num_class, MulticlassF1Score(num_class)
        self.layers = nn.ModuleList(nn.Linear(width, num_class) for width in in_dim)

    def forward(self, views):
        return torch.stack([layer(view) for layer, view in zip(self.layers, views, strict=True)]).sum(dim=0)

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", cross_entropy(self(batch[0]), batch[1]))
        self.measure(batch)

    def measure(self, batch):
        self.f1.update(self(batch[0]), batch[1])
        self.log("val/f1", self.f1)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class OneLayerForAll(OneLayerEach):
    def __init__(self, in_dim, num_class):
        super().__init__(in_dim, num_class)
        self.layers = nn.Linear(sum(in_dim), num_class)

    def forward(self, views):
        return self.layers(torch.cat(views, dim=1))


class LogsADictionary(OneLayerEach):
    def validation_step(self, batch, batch_idx):
        self.f1(self(batch[0]), batch[1])
        self.log_dict({"val/loss": cross_entropy(self(batch[0]), batch[1]), "val/f1": self.f1}, prog_bar=True)


class UnseenLayers(OneLayerEach):
    def __init__(self, in_dim, num_class):
        LightningModule.__init__(self)
        self.layers = [nn.Linear(width, num_class) for width in in_dim]


class SumOfProbabilities(OneLayerEach):
    def forward(self, views):
        return super().forward(views).softmax(dim=1)


class Misspelled(OneLayerEach):
    validation_steps = OneLayerEach.validation_step
    validation_step = LightningModule.validation_step


class LogsAnother(OneLayerEach):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", cross_entropy(self(batch[0]), batch[1]))


class LogsTwice(OneLayerEach):
    def validation_step(self, batch, batch_idx):
        self.log("val/loss", 2 * cross_entropy(self(batch[0]), batch[1]))


class SoftmaxInTheSteps(OneLayerEach):
    """Scores from forward; the steps take the probabilities themselves, and their logarithm."""

    def loss_of(self, batch):
        return nll_loss(self(batch[0]).softmax(dim=1).log(), batch[1])

    def training_step(self, batch, batch_idx):
        return self.loss_of(batch)

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.loss_of(batch))
        self.measure(batch)


class LogarithmsAsScores(OneLayerEach):
    """A softmax of these gives the same probabilities, so they are scores like any others."""

    def forward(self, views):
        return super().forward(views).log_softmax(dim=1)


class ProbabilitiesAndTheirLogarithm(SumOfProbabilities):
    def training_step(self, batch, batch_idx):
        return nll_loss(self(batch[0]).log(), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", nll_loss(self(batch[0]).log(), batch[1]))


class SoftmaxTwiceInTheSteps(OneLayerEach):
    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]).softmax(dim=1), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", cross_entropy(self(batch[0]).softmax(dim=1), batch[1]))


class OneLayerEachByNames(OneLayerEach):
    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch.views), batch.labels)

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", cross_entropy(self(batch.views), batch.labels))
        self.measure(batch)


class MeanOfTheScores(OneLayerEach):
    def forward(self, views):
        return super().forward(views) / len(views)


class NeverResets(OneLayerEach):
    def measure(self, batch):
        self.f1.update(self(batch[0]), batch[1])

    def on_validation_epoch_end(self):
        self.log("val/f1", self.f1.compute())


class ResetsByHand(NeverResets):
    def on_validation_epoch_end(self):
        super().on_validation_epoch_end()
        self.f1.reset()


class MeanOfTheBatches(OneLayerEach):
    def measure(self, batch):
        self.log("val/f1", multiclass_f1_score(self(batch[0]), batch[1], self.num_class))


class NoF1(OneLayerEach):
    def measure(self, batch):
        pass


@answers_to("check_mended_steps")
def mended_steps() -> Answers:
    wrong = [
        (ProbabilitiesAndTheirLogarithm, "as they are before a softmax"),
        (SoftmaxTwiceInTheSteps, "not the cross-entropy"),
        (UnseenLayers, "plain list"),
        (SumOfProbabilities, "probabilities"),
        (Misspelled, "by its name"),
        (LogsAnother, "no 'val/loss'"),
        (LogsTwice, "not the cross-entropy"),
        (NoF1, "'val/f1' is not logged"),
        (MeanOfTheBatches, "mean of the batches"),
        (NeverResets, "begin anew"),
        (nn.Linear, "LightningModule"),
    ]
    right = [OneLayerEach, OneLayerForAll, LogsADictionary, SoftmaxInTheSteps, LogarithmsAsScores, MeanOfTheScores]
    right += [OneLayerEachByNames, ResetsByHand]
    return Answers(right, wrong)
