"""Hooks around the step of the optimizer, by their old parameters."""

import json

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from pytorch_lightning.plugins import DDPPlugin
from torch.utils.data import DataLoader


class Warm(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        torch.nn.init.ones_(self.layer.weight)
        torch.nn.init.zeros_(self.layer.bias)
        self.norms = []

    def training_step(self, batch, batch_idx):
        return (self.layer(batch) ** 2).mean()

    def optimizer_step(
        self,
        epoch,
        batch_idx,
        optimizer,
        optimizer_idx,
        optimizer_closure,
        on_tpu=False,
        using_native_amp=False,
        using_lbfgs=False,
    ):
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, (self.trainer.global_step + 1) / 4) * 0.1
        super().optimizer_step(
            epoch, batch_idx, optimizer, optimizer_idx, optimizer_closure, on_tpu, using_native_amp, using_lbfgs
        )

    def optimizer_zero_grad(self, epoch, batch_idx, optimizer, optimizer_idx):
        optimizer.zero_grad(set_to_none=True)

    def configure_gradient_clipping(self, optimizer, optimizer_idx, gradient_clip_val, gradient_clip_algorithm):
        self.clip_gradients(
            optimizer, gradient_clip_val=gradient_clip_val, gradient_clip_algorithm=gradient_clip_algorithm
        )
        self.norms.append(sum(float(p.grad.norm()) ** 2 for p in self.parameters()) ** 0.5)

    def backward(self, loss, optimizer, optimizer_idx):
        loss.backward()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main(many=False):
    model = Warm()
    trainer = Trainer(
        max_epochs=2,
        gpus=2 if many else None,
        strategy="ddp" if many else None,
        plugins=[DDPPlugin(find_unused_parameters=False)] if many else [],
        gradient_clip_val=0.5,
        callbacks=[ProgressBar(refresh_rate=0)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(torch.arange(6.0).reshape(6, 1), batch_size=2))
    return {"norms": model.norms, "weight": model.layer.weight.item(), "bias": model.layer.bias.item()}


if __name__ == "__main__":
    print(json.dumps(main()))
