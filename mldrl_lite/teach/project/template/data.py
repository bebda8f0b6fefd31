"""The DataModule: which samples train, which validate, which test, and how they come in batches.

It takes the samples from samples.py. To bring your own, change that file, and leave this one.
"""

import pytorch_lightning as pl
import torch
from sklearn.model_selection import train_test_split
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
        every = TensorDataset(inputs, labels)
        # Stratified: each part has the same share of each class.
        known, test = self._split(torch.arange(len(labels)), labels, 1 / 5)
        train, val = self._split(known, labels, 1 / 4)
        self.train_set, self.val_set, self.test_set = (
            Subset(every, rows.tolist()) for rows in (train, val, test)
        )

    def _split(
        self, rows: torch.Tensor, labels: torch.Tensor, share: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        seed = self.hparams.split_seed
        parts = train_test_split(
            rows.numpy(), test_size=share, stratify=labels[rows], random_state=seed
        )
        return torch.from_numpy(parts[0]), torch.from_numpy(parts[1])

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


def whole(part: Subset) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs and all labels of a part, in the order of its rows."""
    return part.dataset[part.indices]
