"""The listings of the 2023 chapter, from top to bottom, as a reader would paste them.

Changed are the import lines, the device, the data (SIMULATED has the chapter's shape), one typing slip that is not Python
(`layer_1_dim=128, **kwargs`), and nothing else; tests/test_seed.py checks that against the chapter where it is at hand.
"""

# listing 0
from argparse import Namespace
from typing import Dict, Optional, Union

from torch import nn
from mldrl_lite.datamodule import TCP_DataModule
from mldrl_lite.model import MMDynamic

from pytorch_lightning import LightningModule
from pytorch_lightning.demos.boring_classes import BoringModel as Model
from typing import Mapping as DictConfig
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

# listing 1
dataloader = TCP_DataModule(data_type='SIMULATED', cv=0, batch_size=32, num_workers=10)

# listing 2
# Model Define
config = {
    "lr": 1e-5,
    "reg": 1e-5,
    "hidden_dim": 50}

model = MMDynamic([300, 300, 300], 2, True, config)

# listing 3
class MyPrintingCallback(Callback):
    def on_train_start(self, trainer, pl_module):
        print("Training is starting")

    def on_train_end(self, trainer, pl_module):
        print("Training is ending")

# listing 4
trainer = Trainer(
    logger=TensorBoardLogger(save_dir="./Logs", name="exp"), # 실험 로거 정의
    accelerator='cpu',
    devices=1,
    max_epochs=30,
    log_every_n_steps=1,
    callbacks=[MyPrintingCallback()],
)

trainer.fit(model, dataloader)

# listing 5
trainer.test(model, dataloader)
print(model.test_result)

# listing 6
class LitMNIST(LightningModule):
    def __init__(self, layer_1_dim=128, learning_rate=1e-2, **kwargs):
        super().__init__()
        # call this to save (layer_1_dim=128, learning_rate=1e-4) to the checkpoint
        self.save_hyperparameters()

        # equivalent
        self.save_hyperparameters("layer_1_dim", "learning_rate")

        # Now possible to access layer_1_dim from hparams
        self.hparams.layer_1_dim

# listing 7
class LitMNIST(LightningModule):
    def __init__(self, loss_fx, generator_network, layer_1_dim=128, **kwargs):
        super().__init__()
        self.layer_1_dim = layer_1_dim
        self.loss_fx = loss_fx

        # call this to save (layer_1_dim=128) to the checkpoint
        self.save_hyperparameters("layer_1_dim")

# listing 8
class LitMNIST(LightningModule):
    def __init__(self, conf: Optional[Union[Dict, Namespace, DictConfig]] = None, **kwargs):
        super().__init__()
        # save the config and any extra arguments
        self.save_hyperparameters(conf)
        self.save_hyperparameters(kwargs)

        self.layer_1 = nn.Linear(28 * 28, self.hparams.layer_1_dim)
        self.layer_2 = nn.Linear(self.hparams.layer_1_dim, self.hparams.layer_2_dim)
        self.layer_3 = nn.Linear(self.hparams.layer_2_dim, 10)

# listing 9
import torch
checkpoint = torch.load('./Logs/exp/version_3/checkpoints/epoch=9-step=100.ckpt', map_location=lambda storage, loc: storage)
print(checkpoint["hyper_parameters"])

# listing 10
model = MMDynamic.load_from_checkpoint("./Logs/exp/version_3/checkpoints/epoch=9-step=100.ckpt")
print('lr: {}, reg: {}'.format(model.lr, model.reg))

# listing 11
from pytorch_lightning import Trainer, seed_everything

seed_everything(42, workers=True)
# sets seeds for numpy, torch and python.random.
model = Model()
trainer = Trainer(deterministic=True)
