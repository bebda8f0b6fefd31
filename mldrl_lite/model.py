"""`MMDynamic`, the multi-view classifier of the course.

Source of the formulas: Z. Han, F. Yang, J. Huang, C. Zhang, J. Yao, "Multimodal Dynamics: Dynamical Fusion for
Trustworthy Multimodal Classification", CVPR 2022.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name that PyTorch's own documentation uses)

from mldrl_lite.messages import InputError, did_you_mean, require
from mldrl_lite.metrics import evaluate


class LinearLayer(nn.Module):
    """A linear layer with Xavier-normal weights and zero biases."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.clf = nn.Sequential(nn.Linear(in_dim, out_dim))
        nn.init.xavier_normal_(self.clf[0].weight)
        nn.init.zeros_(self.clf[0].bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_dim) to (B, out_dim)."""
        return self.clf(x)


class Output(NamedTuple):
    """What `MMDynamic` computes for B samples, V views of widths D_v and C classes."""

    logit: Tensor
    """Fused class scores, (B, C)."""
    gates: list[Tensor]
    """How informative each feature is, in (0, 1); V tensors of shape (B, D_v)."""
    view_logits: list[Tensor]
    """Class scores of each view alone; V tensors of shape (B, C)."""
    confidences: list[Tensor]
    """Each view's estimate of its true class probability (TCP); V tensors of shape (B, 1)."""


class MMDynamic(LightningModule):
    """Classify samples seen through several views, each weighted by the confidence it has earned.

    Args:
        in_dim: the width D_v of each of the V views.
        num_class: the number C of classes.
        binary: whether to report the binary metrics (accuracy, F1, AUROC) or the multi-class ones; see `evaluate`.
        config: `lr`, the learning rate; `reg`, the weight decay; `hidden_dim`, the width H of each view's encoding.

    Attributes:
        test_result: `test_metric_1..3` of the last `Trainer.test`, in the order of `evaluate`.

    Raises:
        InputError: an argument is missing, of the wrong type or out of range.
    """

    def __init__(self, in_dim: Sequence[int], num_class: int, binary: bool, config: Mapping[str, Any]) -> None:
        super().__init__()
        _check(in_dim, num_class, binary, config)
        # Plain Python numbers: a checkpoint with NumPy's is refused on loading.
        in_dim, num_class = [int(width) for width in in_dim], int(num_class)
        config = dict(config) | {"hidden_dim": int(config["hidden_dim"])}
        config |= {name: float(config[name]) for name in ("lr", "reg")}
        self.save_hyperparameters()
        self.lr, self.reg, hidden = config["lr"], config["reg"], config["hidden_dim"]
        # These names, misspellings included, are those of the published weights, which load with strict=True.
        self.FeatureInforEncoder = nn.ModuleList(LinearLayer(d, d) for d in in_dim)
        self.TCPConfidenceLayer = nn.ModuleList(LinearLayer(hidden, 1) for _ in in_dim)
        self.TCPClassifierLayer = nn.ModuleList(LinearLayer(hidden, num_class) for _ in in_dim)
        self.FeatureEncoder = nn.ModuleList(LinearLayer(d, hidden) for d in in_dim)
        self.MMClasifier = nn.Sequential(LinearLayer(len(in_dim) * hidden, num_class))
        self.criterion = nn.CrossEntropyLoss(reduction="none")
        self.test_result: dict[str, float] = {}
        self._tested: list[tuple[Tensor, Tensor]] = []

    def setup(self, stage: str) -> None:
        """Look whether the model has a score for every class of the data.

        Raises:
            InputError: the Trainer's datamodule tells of more classes in its `num_class`.
        """
        classes = getattr(self.trainer.datamodule, "num_class", 0)
        if classes > self.hparams.num_class:
            raise InputError(
                f"The data have {classes} classes, but the model was built for {self.hparams.num_class}: give "
                "MMDynamic(…, datamodule.num_class, …) the classes of your data."
            )

    def forward(self, views: Sequence[Tensor]) -> Output:
        """Compute the fused scores of a batch and what they are made of.

        Raises:
            InputError: the batch has other views than the model was built for.
        """
        self._check_views(views)
        gates, view_logits, confidences, weighted = [], [], [], []
        for v, x in enumerate(views):
            gate = torch.sigmoid(self.FeatureInforEncoder[v](x))
            hidden = F.dropout(F.relu(self.FeatureEncoder[v](x * gate)), 0.5, self.training)
            confidence = self.TCPConfidenceLayer[v](hidden)
            gates.append(gate)
            view_logits.append(self.TCPClassifierLayer[v](hidden))
            confidences.append(confidence)
            weighted.append(hidden * confidence)
        return Output(self.MMClasifier(torch.cat(weighted, dim=1)), gates, view_logits, confidences)

    def loss_terms(self, output: Output, labels: Tensor) -> dict[str, Tensor]:
        """Return the four terms of the loss: means over the batch, summed over the views.

        `fusion`: cross-entropy of the fused scores.
        `gate`: the mean gate; it is small when few features stay open.
        `confidence`: squared distance of each confidence from the true class probability.
        `view`: cross-entropy of each view's own scores.
        """
        true_class = labels.unsqueeze(1)
        tcp = [view.softmax(dim=1).gather(1, true_class) for view in output.view_logits]
        return {
            "fusion": self.criterion(output.logit, labels).mean(),
            "gate": sum(gate.mean() for gate in output.gates),
            "confidence": sum(map(F.mse_loss, output.confidences, tcp)),
            "view": sum(self.criterion(view, labels).mean() for view in output.view_logits),
        }

    def training_step(self, batch: tuple[Sequence[Tensor], Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch, the sum of its four terms."""
        views, labels = batch
        loss = sum(self.loss_terms(self(views), labels).values())
        self.log("ptl/train_loss", loss, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Sequence[Tensor], Tensor], batch_idx: int) -> None:
        """Log `ptl/val_loss`, the cross-entropy of the fused scores, and `ptl/val_accuracy`; means over the epoch."""
        views, labels = batch
        logit = self(views).logit
        loss = self.criterion(logit, labels).mean()
        accuracy = (logit.argmax(dim=1) == labels).float().mean()
        values = {"ptl/val_loss": loss, "ptl/val_accuracy": accuracy}
        self.log_dict(values, batch_size=len(labels), sync_dist=True, prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Forget an earlier test."""
        self._tested.clear()

    def test_step(self, batch: tuple[Sequence[Tensor], Tensor], batch_idx: int) -> None:
        """Keep the class probabilities of a batch; the metrics need all of them."""
        views, labels = batch
        self._tested.append((labels, self(views).logit.softmax(dim=1)))

    def on_test_epoch_end(self) -> None:
        """Log the metrics of `evaluate` under `test/…` and keep them in `test_result`."""
        labels, probabilities = (torch.cat(part) for part in zip(*self._tested, strict=True))
        # With use_distributed_sampler=False every process has seen all samples.
        if self.trainer.world_size > 1 and len(labels) < (n_samples := len(self.trainer.test_dataloaders.dataset)):
            gathered = (self.all_gather(part) for part in (labels, probabilities))
            # The sampler deals samples out in turn and repeats a few at the end, so that all ranks get as many.
            labels, probabilities = (part.transpose(0, 1).flatten(0, 1)[:n_samples] for part in gathered)
        metrics = evaluate(labels.cpu(), probabilities.float().cpu(), self.hparams.binary)
        # Every process has the same metrics by now; sync_dist=True only tells Lightning so.
        self.log_dict({f"test/{name}": value for name, value in metrics.items()}, sync_dist=True)
        self.test_result = {f"test_metric_{i}": value for i, value in enumerate(metrics.values(), start=1)}
        self._tested.clear()

    def predict_step(self, batch: tuple[Sequence[Tensor], Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Return `probability` (B, C), `confidence` (B, V) and the batch's `label` (B,)."""
        views, labels = batch
        output = self(views)
        confidence = torch.cat(output.confidences, dim=1)
        return {"probability": output.logit.softmax(dim=1), "confidence": confidence, "label": labels}

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[Any]]:
        """Adam with weight decay `reg`; the learning rate falls to 0.9 of itself every 10 epochs."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, weight_decay=self.reg)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.9)]

    def _check_views(self, views: Sequence[Tensor]) -> None:
        wanted, given = self.hparams.in_dim, [view.shape[-1] for view in views]
        if given != wanted:
            raise InputError(
                f"The batch has {len(given)} views of widths {given}, but the model was built for {len(wanted)} of "
                f"widths {wanted}: give MMDynamic(datamodule.in_dim, …) the widths of your data."
            )


def _check(in_dim: Sequence[int], num_class: int, binary: bool, config: Mapping[str, Any]) -> None:
    if not isinstance(config, Mapping):
        raise InputError(f"config = {config!r} is a {type(config).__name__}: give a dict such as {EXAMPLE_CONFIG}.")
    if isinstance(in_dim, str | Mapping) or not hasattr(in_dim, "__len__"):
        raise InputError(f"in_dim = {in_dim!r} is not a list: give the width of each view, such as [300, 300, 300].")
    if not len(in_dim):
        raise InputError("in_dim = [] has no view: give the width of each view, such as [300, 300, 300].")
    for width in in_dim:
        require("in_dim", width, int, at_least=1)
    require("num_class", num_class, int, at_least=2)
    require("binary", binary, bool)
    if binary and num_class != 2:
        raise InputError(f"binary=True goes with num_class=2, not {num_class}: give binary=False for more classes.")
    for name in ("lr", "reg", "hidden_dim"):
        if name not in config:
            near = did_you_mean(name, config)
            raise InputError(f"config has no {name!r}{near}: give lr, reg and hidden_dim, such as {EXAMPLE_CONFIG}.")
    require("config['lr']", config["lr"], float, above=0)
    require("config['reg']", config["reg"], float, at_least=0)
    require("config['hidden_dim']", config["hidden_dim"], int, at_least=1)


EXAMPLE_CONFIG = {"lr": 1e-3, "reg": 1e-5, "hidden_dim": 50}
