"""The last of 1.x: hooks with the outputs and the number of an optimizer, predictions, and a run that goes on."""

import json

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch.utils.data import DataLoader


class Predictions(Callback):
    def __init__(self):
        self.kept = []

    def on_predict_epoch_end(self, trainer, pl_module, outputs):
        self.kept.append([batch.tolist() for part in [outputs] for batch in _flat(part)])


def _flat(outputs):
    return [batch for part in outputs for batch in (part if isinstance(part, list) else [part])]


class Point(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.gradients, self.means = [], []

    def training_step(self, batch, batch_idx):
        if batch_idx == 1:
            return None  # a step that is skipped
        return ((self.weight - batch) ** 2).mean()

    def training_epoch_end(self, training_step_outputs):
        self.means.append(sum(out["loss"].item() for out in training_step_outputs) / len(training_step_outputs))

    def on_before_optimizer_step(self, optimizer, optimizer_idx):
        gradient = self.weight.grad  # none after a step that was skipped, with newer versions of torch
        self.gradients.append(0.0 if gradient is None else gradient.item())

    def validation_step(self, batch, batch_idx):
        return (self.weight - batch).abs().mean()

    def validation_epoch_end(self, outputs) -> None:
        self.log("distance", sum(outputs) / len(outputs))

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return self.weight * batch

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main():
    data = DataLoader(torch.arange(9.0).reshape(9, 1), batch_size=3)
    quiet = dict.fromkeys(["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False)
    first = Trainer(max_epochs=2, accelerator="cpu", num_processes=1, replace_sampler_ddp=False, **quiet)
    first.fit(Point(), data, data)
    first.save_checkpoint("two.ckpt")
    kept = Predictions()
    trainer = Trainer(
        accelerator="cpu", max_epochs=4, resume_from_checkpoint="two.ckpt", track_grad_norm=-1, precision=32,
        callbacks=[kept, EarlyStopping("distance", patience=5)], **quiet,
    )  # fmt: skip
    model = Point()
    trainer.fit(model, data, data)
    distance = float(trainer.callback_metrics["distance"])
    trainer.predict(model, data)
    return {
        "gradients": model.gradients,
        "means": model.means,
        "distance": distance,
        "predictions": kept.kept,
        "weight": model.weight.item(),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
