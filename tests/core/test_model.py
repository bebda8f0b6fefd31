"""MMDynamic does what its formulas say, and what the chapter printed."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.utilities.model_summary import ModelSummary

from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.messages import InputError
from mldrl_lite.metrics import evaluate
from mldrl_lite.model import MMDynamic

CONFIG = {"lr": 1e-5, "reg": 1e-5, "hidden_dim": 50}


def small(in_dim: tuple[int, ...] = (5, 3), num_class: int = 3) -> tuple[MMDynamic, list[torch.Tensor], torch.Tensor]:
    torch.manual_seed(0)
    model = MMDynamic(in_dim, num_class, num_class == 2, {"lr": 1e-2, "reg": 0, "hidden_dim": 4}).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)  # biases of zero would hide a missing bias
    return model, [torch.rand(6, width) for width in in_dim], torch.arange(6) % num_class


def by_hand(model: MMDynamic, views: list[torch.Tensor], labels: torch.Tensor) -> tuple[np.ndarray, float]:
    """The formulas of the paper, written once more with NumPy."""
    weights = {name: value.numpy() for name, value in model.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.clf.0.weight"].T + weights[f"{name}.clf.0.bias"]

    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    rows, loss, encoded = np.arange(len(labels)), 0.0, []
    for v, view in enumerate(views):
        gate = 1 / (1 + np.exp(-linear(f"FeatureInforEncoder.{v}", view.numpy())))
        hidden = np.maximum(linear(f"FeatureEncoder.{v}", view.numpy() * gate), 0)
        confidence = linear(f"TCPConfidenceLayer.{v}", hidden)
        tcp = softmax(linear(f"TCPClassifierLayer.{v}", hidden))[rows, labels]
        loss += gate.mean() + ((confidence[:, 0] - tcp) ** 2).mean() - np.log(tcp).mean()
        encoded.append(hidden * confidence)
    logit = linear("MMClasifier.0", np.concatenate(encoded, axis=1))
    return logit, loss - np.log(softmax(logit)[rows, labels]).mean()


def test_forward_and_loss_are_the_formulas():
    model, views, labels = small()
    logit, loss = by_hand(model, views, labels)
    with torch.no_grad():
        output = model(views)
        terms = model.loss_terms(output, labels)
    assert output.logit.numpy() == pytest.approx(logit, abs=1e-4)
    assert sum(terms.values()).item() == pytest.approx(loss, abs=1e-4)
    assert set(terms) == {"fusion", "gate", "confidence", "view"}


def test_dropout_is_one_half_and_on_in_training_only():
    model, views, _ = small()
    assert torch.equal(model(views).logit, model(views).logit)
    model.train()
    with torch.no_grad():
        model.FeatureEncoder[0].clf[0].bias.fill_(100.0)  # so that relu passes everything
        confidences = torch.cat([model([views[0].repeat(400, 1), views[1].repeat(400, 1)]).confidences[0]])
        model.TCPConfidenceLayer[0].clf[0].weight.copy_(torch.tensor([[1.0, 0, 0, 0]]))
        model.TCPConfidenceLayer[0].clf[0].bias.zero_()
        kept = model([views[0].repeat(400, 1), views[1].repeat(400, 1)]).confidences[0] > 0
    assert confidences.std() > 0
    assert kept.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_weights_start_xavier_normal_and_biases_zero():
    seed_everything(0, verbose=False)
    model = MMDynamic([300, 300, 300], 2, True, CONFIG)
    weight = model.FeatureInforEncoder[0].clf[0].weight
    assert weight.std().item() == pytest.approx((2 / 600) ** 0.5, rel=0.02)
    assert all((value == 0).all() for name, value in model.named_parameters() if name.endswith("bias"))


def test_the_table_of_the_chapter():
    summary = ModelSummary(MMDynamic([300, 300, 300], 2, True, CONFIG))
    rows = dict(zip(summary.layer_names, zip(summary.layer_types, summary.param_nums, strict=True), strict=True))
    assert list(rows.items()) == [
        ("FeatureInforEncoder", ("ModuleList", 270_900)),
        ("TCPConfidenceLayer", ("ModuleList", 153)),
        ("TCPClassifierLayer", ("ModuleList", 306)),
        ("FeatureEncoder", ("ModuleList", 45_150)),
        ("MMClasifier", ("Sequential", 302)),
        ("criterion", ("CrossEntropyLoss", 0)),
    ]
    assert summary.total_parameters == 316_811
    assert round(summary.model_size, 3) == 1.267


# Names and shapes of the weights that the authors of the paper have published for ROSMAP; see NOTICE.
PUBLISHED_SHAPES = {
    **{f"FeatureInforEncoder.{v}": (200, 200) for v in range(3)},
    **{f"TCPConfidenceLayer.{v}": (1, 1000) for v in range(3)},
    **{f"TCPClassifierLayer.{v}": (2, 1000) for v in range(3)},
    **{f"FeatureEncoder.{v}": (1000, 200) for v in range(3)},
    "MMClasifier.0": (2, 3000),
}


def test_weights_of_the_published_names_and_shapes_are_taken_and_used():
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for layer, (rows, columns) in PUBLISHED_SHAPES.items():
        weights[f"{layer}.clf.0.weight"] = torch.randn(rows, columns, generator=generator) / columns**0.5
        weights[f"{layer}.clf.0.bias"] = torch.randn(rows, generator=generator)
    model = MMDynamic([200, 200, 200], 2, True, CONFIG | {"hidden_dim": 1000})
    model.load_state_dict(weights, strict=True)
    assert list(model.state_dict()) == list(weights)
    views = [torch.randn(4, 200, generator=generator) for _ in range(3)]
    logit, _ = by_hand(model, views, torch.zeros(4, dtype=torch.long))
    assert model.eval()(views).logit.detach().numpy() == pytest.approx(logit, rel=1e-4)


def test_hyperparameters_as_the_chapter_prints_them():
    model = MMDynamic([300, 300, 300], 2, True, {"lr": 1e-5, "reg": 1e-5, "hidden_dim": 50})
    start, config = (
        "{'in_dim': [300, 300, 300], 'num_class': 2, 'binary': True, ",
        "{'lr': 1e-05, 'reg': 1e-05, 'hidden_dim': 50}",
    )
    assert str(dict(model.hparams)) == f"{start}'config': {config}}}"
    assert (model.lr, model.reg) == (1e-5, 1e-5)


def test_optimizer_and_scheduler():
    model = MMDynamic([3], 2, True, {"lr": 0.1, "reg": 0.01, "hidden_dim": 2})
    [optimizer], [scheduler] = model.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 0.1
    assert optimizer.defaults["weight_decay"] == 0.01
    assert (scheduler.step_size, scheduler.gamma) == (10, 0.9)


@pytest.mark.parametrize("data_type", ["SIMULATED", "WDBC"])
def test_fit_test_predict_and_reload(quiet_trainer: Callable[..., Trainer], data_type: str):
    seed_everything(0, verbose=False)
    datamodule = TCPDataModule(data_type)
    model = MMDynamic(datamodule.in_dim, 2, True, CONFIG | {"lr": 1e-3})
    trainer = quiet_trainer(max_epochs=3)
    trainer.fit(model, datamodule)
    model.eval()
    losses = [model.criterion(model(views).logit, labels) for views, labels in datamodule.val_dataloader()]
    assert trainer.callback_metrics["ptl/val_loss"].item() == pytest.approx(torch.cat(losses).mean().item(), rel=1e-4)
    trainer.test(model, datamodule, verbose=False)
    logged = trainer.callback_metrics["test/auroc"].item()
    predictions = trainer.predict(model, datamodule)
    probability, label = (torch.cat([batch[key] for batch in predictions]) for key in ("probability", "label"))
    expected = evaluate(label, probability, binary=True)
    assert list(model.test_result) == ["test_metric_1", "test_metric_2", "test_metric_3"]
    assert list(model.test_result.values()) == pytest.approx(list(expected.values()))
    assert logged == pytest.approx(expected["auroc"])
    checkpoint = io.BytesIO()
    torch.save(
        {
            "state_dict": model.state_dict(),
            "hyper_parameters": dict(model.hparams),
            "pytorch-lightning_version": "2.6.6",
        },
        checkpoint,
    )
    checkpoint.seek(0)
    again = MMDynamic.load_from_checkpoint(checkpoint)
    views, _ = next(iter(datamodule.test_dataloader()))
    assert torch.equal(again.eval()(views).logit, model.eval()(views).logit)


def test_it_learns_and_hardly_with_the_learning_rate_of_2023(quiet_trainer: Callable[..., Trainer]):
    losses = {}
    for lr in (1e-3, 1e-5):
        seed_everything(42, verbose=False)
        datamodule = TCPDataModule()
        model = MMDynamic(datamodule.in_dim, 2, True, CONFIG | {"lr": lr})
        trainer = quiet_trainer(max_epochs=30)
        trainer.fit(model, datamodule)
        losses[lr] = trainer.callback_metrics["ptl/val_loss"].item()
        trainer.test(model, datamodule, verbose=False)
        if lr == 1e-3:
            assert model.test_result["test_metric_3"] > 0.85
    guessing = np.log(2)
    assert losses[1e-3] < guessing - 0.15
    assert losses[1e-5] > guessing - 0.05


def test_metrics_of_two_and_of_more_classes():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    assert evaluate([0, 0, 1, 1], probabilities, True) == pytest.approx({"accuracy": 0.5, "f1": 0.5, "auroc": 0.75})
    assert np.isnan(evaluate([1, 1, 1, 1], probabilities, True)["auroc"])
    for binary in (True, False):  # a training that has diverged
        assert np.isnan(list(evaluate([0, 1, 1], np.full((3, 2), np.nan), binary).values())).all()
    three = evaluate([0, 1, 2, 2], np.eye(3)[[0, 1, 2, 1]], False)
    assert three == pytest.approx(
        {"accuracy": 0.75, "f1_weighted": (1 + 2 / 3 + 4 / 3) / 4, "f1_macro": (1 + 4 / 3) / 3}
    )


BAD = [
    (([], 2, True, CONFIG), "in_dim = \\[\\] has no view"),
    (([3, 0], 2, True, CONFIG), "in_dim = 0 .*at least 1"),
    (([3], 1, False, CONFIG), "num_class = 1 .*at least 2"),
    (([3], 3, True, CONFIG), "binary=True goes with num_class=2, not 3"),
    (([3], 2, "yes", CONFIG), "binary = 'yes' .*True or False"),
    (([3], 2, True, {"reg": 0, "hidden_dim": 5}), "config has no 'lr'"),
    (
        ([3], 2, True, {"lr": 1, "reg": 0, "hiden_dim": 5}),
        "config has no 'hidden_dim' \\(did you mean 'hiden_dim'\\?\\)",
    ),
    (([3], 2, True, CONFIG | {"lr": "1e-3"}), "config\\['lr'\\] = '1e-3' .*a number above 0"),
    (([3], 2, True, CONFIG | {"reg": -1}), "config\\['reg'\\] = -1"),
    (([3], 2, True, CONFIG | {"hidden_dim": 5.0}), "config\\['hidden_dim'\\] = 5.0 .*a whole number"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_arguments_get_one_sentence(arguments: tuple[object, ...], message: str):
    with pytest.raises(InputError, match=message):
        MMDynamic(*arguments)


def test_a_batch_of_other_views_is_refused():
    model, views, _ = small()
    with pytest.raises(InputError, match=r"3 views of widths \[5, 3, 3\].*built for 2 of widths \[5, 3\]"):
        model([*views, views[1]])
    with pytest.raises(InputError, match=r"widths \[3, 5\]"):
        model(views[::-1])


@pytest.mark.parametrize("config", [None, [1], "lr", 3])
def test_a_config_that_is_no_mapping(config: object):
    with pytest.raises(InputError, match="config = .*give a dict such as"):
        MMDynamic([3], 2, True, config)


@pytest.mark.parametrize("in_dim", [3, None, "300", {3: 1}])
def test_in_dim_that_is_no_list(in_dim: object):
    with pytest.raises(InputError, match="in_dim = .* is not a list"):
        MMDynamic(in_dim, 2, True, CONFIG)


def test_numbers_from_numpy_load_back(tmp_path: Path):
    config = {"lr": np.float64(1e-3), "reg": np.float32(0), "hidden_dim": np.int64(2)}
    model = MMDynamic(np.array([3, 4]), np.int64(2), True, config)
    torch.save({"hyper_parameters": dict(model.hparams)}, tmp_path / "hparams.pt")
    assert torch.load(tmp_path / "hparams.pt")["hyper_parameters"]["config"] == {
        "lr": 1e-3,
        "reg": 0.0,
        "hidden_dim": 2,
    }


def test_three_classes_from_end_to_end(quiet_trainer: Callable[..., Trainer], tmp_path: Path):
    random = np.random.default_rng(0)
    for part, n in (("tr", 60), ("te", 31)):
        labels = np.arange(n) % 3
        for view, width in (("a", 4), ("b", 2)):
            np.savetxt(
                tmp_path / f"{view}_{part}.csv", 2 * labels[:, None] + random.normal(size=(n, width)), delimiter=","
            )
        np.savetxt(tmp_path / f"labels_{part}.csv", labels)
    datamodule = TCPDataModule(tmp_path.name, cv=None, batch_size=30, data_dir=str(tmp_path))  # last batch: one sample
    with pytest.raises(InputError, match="have 3 classes, but the model was built for 2: give"):
        quiet_trainer(max_epochs=1).fit(MMDynamic(datamodule.in_dim, 2, True, CONFIG), datamodule)
    model = MMDynamic(datamodule.in_dim, datamodule.num_class, False, CONFIG | {"lr": 1e-2})
    trainer = quiet_trainer(max_epochs=20)
    trainer.fit(model, datamodule)
    accuracy = trainer.callback_metrics["ptl/val_accuracy"].item()
    part = datamodule.parts["val"]
    right = (model.eval()(part.views).logit.argmax(dim=1) == part.labels).float().mean().item()
    assert accuracy == pytest.approx(right, abs=1e-6)
    trainer.test(model, datamodule, verbose=False)
    assert set(model.test_result) == {"test_metric_1", "test_metric_2", "test_metric_3"}
    assert model.test_result["test_metric_1"] > 0.4


TWO_PROCESSES = """
import warnings
warnings.simplefilter("ignore")
from pytorch_lightning import Callback, Trainer, seed_everything
from mldrl_lite import MMDynamic, TCPDataModule

class Note(Callback):
    def on_test_end(self, trainer, pl_module):
        if trainer.is_global_zero:
            print("RESULT", sorted(pl_module.test_result.items()), flush=True)

seed_everything(0, verbose=False)
datamodule = TCPDataModule("WDBC")
model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4})
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
for devices, strategy, dealt_out in ((1, "auto", False), (2, "ddp_fork", True), (2, "ddp_fork", False)):
    quiet["use_distributed_sampler"] = dealt_out
    Trainer(devices=devices, strategy=strategy, callbacks=[Note()], **quiet).test(model, datamodule, verbose=False)
"""


@pytest.mark.usefixtures("meeting_port")
def test_two_processes_report_the_metrics_of_one(tmp_path: Path):
    """Whether Lightning deals the samples out, or every process sees all of them."""
    (tmp_path / "script.py").write_text(TWO_PROCESSES)
    command = [sys.executable, "script.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    results = [line for line in run.stdout.splitlines() if line.startswith("RESULT")]
    assert len(results) == 3
    assert len(set(results)) == 1
