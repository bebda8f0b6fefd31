"""The DataModule: which samples train, which validate, which test, and how they come in batches.

It takes the samples from samples.py. To bring your own, change that file; here, only `prepare`.
"""

import pytorch_lightning as pl
import torch
from numpy import arange, asarray, ndarray
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from torch.utils.data import DataLoader, Subset, TensorDataset

import samples


class MyData(pl.LightningDataModule):
    """Three fifths of the samples train, one fifth validates, one fifth tests.

    Another `split_seed` draws other rows. With `augmented`, what trains is changed a little, where
    samples.py says how; what validates and tests never is.
    """

    def __init__(self, batch_size: int = 32, split_seed: int = 0, augmented: bool = True) -> None:
        super().__init__()
        self.save_hyperparameters()  # into each checkpoint: it is tested on its own split

    def setup(self, stage: str) -> None:
        inputs, labels = samples.load()
        known, test = self._split(arange(len(labels)), labels, 1 / 5)
        train, val = self._split(known, labels, 1 / 4)
        every = TensorDataset(prepare(inputs, train), labels)
        self.train_set, self.val_set, self.test_set = (
            Subset(every, rows.tolist()) for rows in (train, val, test)
        )

    def _split(self, rows: ndarray, labels: torch.Tensor, share: float) -> tuple[ndarray, ndarray]:
        how = {"test_size": share, "random_state": self.hparams.split_seed}
        groups = samples.groups()
        if groups is None:  # stratified: each part has the same share of each class
            return train_test_split(rows, stratify=labels[rows], **how)
        # A share of the groups, each of them whole.
        [(one, other)] = GroupShuffleSplit(1, **how).split(rows, groups=asarray(groups)[rows])
        return rows[one], rows[other]

    def on_after_batch_transfer(self, batch: list, dataloader_idx: int) -> list:
        """Change the inputs of a batch that trains; by now it is on the GPU, where there is one."""
        if self.hparams.augmented and samples.augment and self.trainer.training:
            batch[0] = samples.augment(batch[0])
        return batch

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_set, batch_size=self.hparams.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val_set, batch_size=self.hparams.batch_size)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test_set, batch_size=self.hparams.batch_size)

    def predict_dataloader(self) -> DataLoader:
        return self.test_dataloader()


def prepare(inputs: torch.Tensor, train_rows: ndarray) -> torch.Tensor:
    """Fill each value that is missing, NaN, by the median of its column in the rows that train.

    Whatever is computed from samples, to fill, to scale or to choose columns, belongs here, and
    comes from these rows alone. In samples.py it would come from the rows that test, too.
    """
    middle = inputs[train_rows].nanmedian(dim=0).values
    return torch.where(inputs.isnan(), middle, inputs)


def whole(part: Subset) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs and all labels of a part, in the order of its rows."""
    return part.dataset[part.indices]
