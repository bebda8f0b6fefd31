"""Folds, scaling and loaders of the data module."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from torch.utils.data import DataLoader

from mldrl_lite import sources
from mldrl_lite.datamodule import TCP_DataModule, TCPDataModule, fold_split, published_split
from mldrl_lite.messages import InputError
from mldrl_lite.model import MMDynamic


def ready(**arguments: object) -> TCPDataModule:
    datamodule = TCPDataModule(**arguments)
    datamodule.prepare_data()
    datamodule.setup()
    return datamodule


@pytest.mark.filterwarnings("ignore:This DataLoader will create 10 worker processes")
def test_the_call_of_the_chapter_works_as_written(rosmap: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLDRL_LITE_DATA", str(rosmap))
    datamodule = TCP_DataModule(data_type="ROSMAP", cv=0, batch_size=32, num_workers=10)
    assert datamodule.in_dim == [200, 200, 200]
    assert datamodule.train_dataloader().num_workers == 10


def test_simulated_parts_are_300_38_38():
    assert {name: len(part) for name, part in ready().parts.items()} == {"train": 300, "val": 38, "test": 38}


def test_rosmap_folds_are_281_35_35_and_the_published_split_keeps_its_test_set(rosmap: Path):
    sizes = [tuple(map(len, ready(data_type="ROSMAP", data_dir=str(rosmap), cv=cv).split)) for cv in range(10)]
    assert set(sizes) <= {(281, 35, 35), (280, 35, 36), (280, 36, 35), (281, 36, 34), (281, 34, 36)}
    split = ready(data_type="ROSMAP", data_dir=str(rosmap), cv=None).split
    assert split.test.tolist() == list(range(245, 351))
    assert len(split.train) + len(split.val) == 245


def test_folds_cover_all_samples_once_and_keep_the_share_of_the_classes():
    labels = sources.simulated().labels
    splits = [fold_split(labels, cv) for cv in range(10)]
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(376))
    for split in splits:
        assert sorted(np.concatenate(split)) == list(range(376))
        assert labels[split.test].mean() == pytest.approx(labels.mean(), abs=0.03)


def test_the_published_split_holds_a_stratified_validation_part_out_of_train(rosmap: Path):
    samples = sources.load("ROSMAP", str(rosmap))
    split = published_split(samples)
    assert sorted(np.concatenate(split)) == list(range(351))
    assert not samples.published_test[split.val].any()
    assert samples.labels[split.val].mean() == pytest.approx(samples.labels[~samples.published_test].mean(), abs=0.03)


@pytest.mark.parametrize("stages", list(permutations(["fit", "validate", "test"])))
def test_the_split_is_the_same_whatever_the_order_of_the_stages(stages: tuple[str, ...]):
    datamodule = TCPDataModule()
    for stage in stages:
        seed_everything(hash(stage) % 1000, verbose=False)
        datamodule.setup(stage)
    assert all(np.array_equal(mine, right) for mine, right in zip(datamodule.split, ready().split, strict=True))


def test_scaling_is_fitted_on_the_training_part_alone():
    datamodule = ready(data_type="WDBC")
    for train, test in zip(datamodule.parts["train"].views, datamodule.parts["test"].views, strict=True):
        assert train.amin(0).tolist() == pytest.approx([0] * 10, abs=1e-6)
        assert train.amax(0).tolist() == pytest.approx([1] * 10, abs=1e-6)
        assert not torch.allclose(test.amax(0), torch.ones(10))


def test_a_batch_is_one_indexing_operation_per_view(monkeypatch: pytest.MonkeyPatch):
    datamodule = ready()
    calls = []
    part = type(datamodule.parts["train"])
    original = part.__getitem__
    monkeypatch.setattr(part, "__getitem__", lambda self, index: calls.append(index) or original(self, index))
    views, labels = next(iter(datamodule.train_dataloader()))
    assert len(calls) == 1
    assert [tuple(view.shape) for view in views] == [(32, 300)] * 3
    assert labels.shape == (32,)


def test_loaders_give_every_sample_of_their_part_once():
    datamodule = ready()
    seed_everything(1, verbose=False)
    loader = datamodule.train_dataloader()
    epochs = [torch.cat([batch.views[0] for batch in loader]) for _ in range(2)]
    part = datamodule.parts["train"].views[0]
    assert not torch.equal(epochs[0], epochs[1])
    assert all(torch.equal(epoch.sum(0).round(decimals=2), part.sum(0).round(decimals=2)) for epoch in epochs)
    for name in ("val", "test", "predict"):
        loader = getattr(datamodule, f"{name}_dataloader")()
        part = datamodule.parts["val" if name == "val" else "test"]
        assert torch.equal(torch.cat([batch.labels for batch in loader]), part.labels)


def test_workers_give_the_same_batches():
    datamodule, with_workers = ready(), ready(num_workers=2)
    seed_everything(3, verbose=False)
    one = [batch.labels for batch in datamodule.train_dataloader()]
    loader = with_workers.train_dataloader()
    two = [batch.labels for batch in loader]
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    loader._iterator._shutdown_workers()


def test_validating_or_not_does_not_change_what_is_learned(quiet_trainer: Callable[..., Trainer]):
    weights = []
    for limit in (0, 1.0):
        seed_everything(0, verbose=False)
        datamodule = TCPDataModule(data_type="WDBC")
        model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4})
        quiet_trainer(max_epochs=2, limit_val_batches=limit).fit(model, datamodule)
        weights.append(model.FeatureEncoder[0].clf[0].weight)
    assert torch.equal(*weights)


def test_lightning_may_replace_the_sampler(quiet_trainer: Callable[..., Trainer]):
    datamodule = TCPDataModule()
    model = MMDynamic(datamodule.in_dim, 2, True, {"lr": 1e-3, "reg": 0, "hidden_dim": 4})
    trainer = quiet_trainer(max_epochs=1, overfit_batches=2)
    with pytest.warns(UserWarning, match="shuffl"):
        trainer.fit(model, datamodule)
    assert trainer.global_step == 2
    assert isinstance(trainer.train_dataloader, DataLoader)


BAD = [
    ({"data_type": "ROSMPA"}, "did you mean 'ROSMAP'"),
    ({"cv": 10}, "cv = 10 .*at least 0 and at most 9, or None"),
    ({"cv": -1}, "cv = -1"),
    ({"cv": 1.0}, "cv = 1.0 .*a whole number"),
    ({"cv": True}, "cv = True"),
    ({"cv": 4, "n_folds": 4}, "at most 3"),
    ({"n_folds": 2}, "n_folds = 2 .*at least 3"),
    ({"batch_size": 0}, "batch_size = 0 .*at least 1"),
    ({"num_workers": -1}, "num_workers = -1 .*at least 0"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_arguments_stop_at_once(arguments: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        TCPDataModule(**arguments)


def test_a_source_without_a_published_split_says_so():
    with pytest.raises(InputError, match="cv=None asks for the published split.*cv=0..9"):
        ready(cv=None)


def test_too_few_samples_for_the_folds():
    with pytest.raises(InputError, match="smallest class has 4 samples.*n_folds=4 or less"):
        fold_split(np.array([0] * 40 + [1] * 4), cv=0)
    with pytest.raises(InputError, match="smallest class has 2 samples.*n_folds=10: keep the test set .* with cv=None"):
        fold_split(np.array([0] * 40 + [1] * 2), cv=0)


def test_too_few_samples_to_hold_some_out_of_the_published_split():
    few = sources.Samples(
        (np.zeros((6, 2), np.float32),), np.array([0, 0, 0, 1, 0, 1]), ("a",), ("x", "y"), np.arange(6) > 3
    )
    with pytest.raises(InputError, match="has 4 samples, 1 of its rarest class"):
        published_split(few)


def test_split_seed_draws_other_folds_and_is_checked():
    assert not np.array_equal(ready().split.test, ready(split_seed=1).split.test)
    for wrong in (None, -1, "a", 2**40):
        with pytest.raises(InputError, match="split_seed"):
            TCPDataModule(split_seed=wrong)


def test_numbers_from_numpy_become_plain_and_no_path_reaches_the_checkpoint(tmp_path: Path):
    datamodule = TCPDataModule(cv=np.int64(1), batch_size=np.int64(8), data_dir=str(tmp_path))
    assert {type(value) for value in datamodule.hparams.values()} <= {int, str}
    assert str(tmp_path) not in str(datamodule.hparams)


def test_the_data_is_read_once(monkeypatch: pytest.MonkeyPatch):
    reads = []
    load = sources.load
    monkeypatch.setattr(sources, "load", lambda *given, **how: reads.append(given) or load(*given, **how))
    datamodule = TCPDataModule()
    for stage in ("fit", "validate", "test"):
        datamodule.setup(stage)
    assert len(reads) == 1
