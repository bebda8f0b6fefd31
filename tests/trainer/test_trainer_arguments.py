"""`mldrl_lite.trainer_arguments`: the table, what was removed, and the translator of 1.x calls."""

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

import lightning_fabric.accelerators.cuda
import pytest
import pytorch_lightning as pl
import pytorch_lightning.accelerators.cuda
import torch
from pytorch_lightning import Trainer, callbacks, loggers
from pytorch_lightning.accelerators import CPUAccelerator, CUDAAccelerator, MPSAccelerator
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import DDPStrategy, FSDPStrategy, SingleDeviceStrategy
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher, _SubprocessScriptLauncher
from pytorch_lightning.trainer.connectors import accelerator_connector
from pytorch_lightning.tuner import Tuner
from torch.utils.data import DataLoader

from mldrl_lite.messages import InputError
from mldrl_lite.trainer import arguments as trainer_arguments
from mldrl_lite.trainer.arguments import NEW, _type_name, explain, table
from mldrl_lite.trainer.effect import READ, in_effect
from mldrl_lite.trainer.lookup import old_arguments, old_strategies
from mldrl_lite.trainer.migrate.snippet import Translation, translate
from mldrl_lite.trainer.names import _HOME, GROUPS, REMOVED, REMOVED_STRATEGIES

# Calls in the many ways in which people wrote them for 1.x; behind a line "->", what they are today.
CALLS = """
Trainer(logger=TensorBoardLogger(save_dir="./runs", name="one"), accelerator='gpu', devices=[3], max_epochs=30,
    log_every_n_steps=1, callbacks=[Printer()])
->
Trainer(logger=TensorBoardLogger(save_dir='./runs', name='one'), accelerator='gpu', devices=[3], max_epochs=30,
    log_every_n_steps=1, callbacks=[Printer()])

Trainer(deterministic=True)
->
Trainer(deterministic=True)

Trainer(gpus=-1, callbacks=[TQDMProgressBar(refresh_rate=5), StochasticWeightAveraging(swa_lrs=0.001),
    ModelCheckpoint(save_weights_only=False, monitor="val/loss")])
->
Trainer(accelerator='gpu', devices=-1, callbacks=[TQDMProgressBar(refresh_rate=5),
    StochasticWeightAveraging(swa_lrs=0.001), ModelCheckpoint(save_weights_only=False, monitor='val/loss')])

pl.Trainer(gpus=1, precision=32, callbacks=[pictures,checkpoint_callback],
    default_root_dir='./out/', enable_checkpointing = True, max_epochs=55)
->
pl.Trainer(accelerator='gpu', devices=1, precision=32, callbacks=[pictures, checkpoint_callback],
    default_root_dir='./out/', enable_checkpointing=True, max_epochs=55)

pl.Trainer(gpus=gpus, logger=wandb_logger, log_every_n_steps=1)
->
pl.Trainer(accelerator='gpu' if gpus else 'cpu', devices=gpus or 1, logger=wandb_logger, log_every_n_steps=1)

pl.Trainer(gpus=1, max_epochs=num_epochs, stochastic_weight_avg=True, precision=16)
->
pl.Trainer(accelerator='gpu', devices=1, max_epochs=num_epochs,
    callbacks=[StochasticWeightAveraging(swa_lrs=0.01)], precision='16-mixed')

pl.Trainer(gpus=torch.cuda.device_count(), max_epochs=args.epochs, accelerator='ddp', logger=logger,
    callbacks=[checkpoint])
->
pl.Trainer(accelerator='gpu' if torch.cuda.device_count() else 'cpu', devices=torch.cuda.device_count() or 1,
    max_epochs=args.epochs, strategy='ddp', logger=logger, callbacks=[checkpoint])

pl.Trainer(gpus=args.gpus, max_epochs=args.epochs, weights_summary=None, accelerator="ddp")
->
pl.Trainer(accelerator='gpu' if args.gpus else 'cpu', devices=args.gpus or 1, max_epochs=args.epochs,
    enable_model_summary=False, strategy='ddp')

pl.Trainer(gpus=1, distributed_backend='dp')
->
pl.Trainer(accelerator='gpu', devices=1, strategy='ddp')

pl.Trainer(gpus=2, distributed_backend='ddp')
->
pl.Trainer(accelerator='gpu', devices=2, strategy='ddp')

pl.Trainer(gpus=1, precision=32, auto_lr_find=True, accumulate_grad_batches=64)
->
pl.Trainer(accelerator='gpu', devices=1, precision=32, accumulate_grad_batches=64)

pl.Trainer(gpus=[0], max_epochs=epochs)
->
pl.Trainer(accelerator='gpu', devices=[0], max_epochs=epochs)

pl.Trainer(gpus=args.gpus, precision=32, max_epochs=args.epochs, callbacks=[early_stop, checkpoint_callback],
    accumulate_grad_batches=max(1, args.accumulate//args.batch_size), gradient_clip_val=50.0, logger=wandb_logger,
    **more)
->
pl.Trainer(accelerator='gpu' if args.gpus else 'cpu', devices=args.gpus or 1, precision=32,
    max_epochs=args.epochs, callbacks=[early_stop, checkpoint_callback], accumulate_grad_batches=max(1,
    args.accumulate // args.batch_size), gradient_clip_val=50.0, logger=wandb_logger, **more)

trainer= pl.Trainer(gpus=3,progress_bar_refresh_rate=10,max_epochs=30)
->
trainer = pl.Trainer(accelerator='gpu', devices=3, callbacks=[TQDMProgressBar(refresh_rate=10)], max_epochs=30)

pl.Trainer(max_epochs=1, val_check_interval=1.0, progress_bar_refresh_rate=0, profiler=profiler)
->
pl.Trainer(max_epochs=1, val_check_interval=1.0, enable_progress_bar=False, profiler=profiler)

pl.Trainer(max_epochs=args.epochs, gpus=gpus, progress_bar_refresh_rate=args.progress_refresh_rate)
->
pl.Trainer(max_epochs=args.epochs, accelerator='gpu' if gpus else 'cpu', devices=gpus or 1,
    callbacks=[TQDMProgressBar(refresh_rate=args.progress_refresh_rate)])

pl.Trainer(max_epochs=args.epochs, progress_bar_refresh_rate=20, gpus = args.gpus if torch.cuda.is_available()
    else None)
->
pl.Trainer(max_epochs=args.epochs, callbacks=[TQDMProgressBar(refresh_rate=20)], accelerator=('gpu' if args.gpus
    else 'cpu') if torch.cuda.is_available() else 'cpu', devices=args.gpus or 1 if torch.cuda.is_available() else 1)

Trainer(max_epochs=50, gpus=gpus, progress_bar_refresh_rate=0, logger=None, weights_summary=None,
    auto_lr_find=True, callbacks=[EarlyStopping(monitor='val_mae', patience=5)])
->
Trainer(max_epochs=50, accelerator='gpu' if gpus else 'cpu', devices=gpus or 1, enable_progress_bar=False,
    logger=False, enable_model_summary=False, callbacks=[EarlyStopping(monitor='val_mae', patience=5)])

pl.Trainer(gpus=config["num_gpus"], accelerator="ddp", default_root_dir=config["folder"],
    checkpoint_callback=True, max_epochs=config["num_epochs"], plugins=DDPPlugin(find_unused_parameters=False),
    num_sanity_val_steps=0, resume_from_checkpoint=config["resume_path"], check_val_every_n_epoch=1,
    logger=run_logger)
->
pl.Trainer(accelerator='gpu' if config['num_gpus'] else 'cpu', devices=config['num_gpus'] or 1,
    default_root_dir=config['folder'], enable_checkpointing=True, max_epochs=config['num_epochs'],
    strategy=DDPStrategy(find_unused_parameters=False), num_sanity_val_steps=0, check_val_every_n_epoch=1,
    logger=run_logger)

pl.Trainer(gpus=config["num_gpus"], num_nodes=config["num_nodes"], precision=config["precision"],
    accelerator="ddp", benchmark=True, deterministic=True, max_epochs=config["max_epoch"] if max_steps is None else
    1000, max_steps=max_steps, callbacks=callbacks, logger=logger, prepare_data_per_node=False,
    replace_sampler_ddp=False, accumulate_grad_batches=grad_steps, log_every_n_steps=10,
    flush_logs_every_n_steps=10, resume_from_checkpoint=config["resume_from"], weights_summary="top",
    fast_dev_run=config["fast_dev_run"], val_check_interval=config["val_check_interval"], num_sanity_val_steps=2)
->
pl.Trainer(accelerator='gpu' if config['num_gpus'] else 'cpu', devices=config['num_gpus'] or 1,
    num_nodes=config['num_nodes'], precision=config['precision'], strategy='ddp', benchmark=True,
    deterministic=True, max_epochs=config['max_epoch'] if max_steps is None else 1000, max_steps=max_steps,
    callbacks=callbacks, logger=logger, use_distributed_sampler=False, accumulate_grad_batches=grad_steps,
    log_every_n_steps=10, enable_model_summary=True, fast_dev_run=config['fast_dev_run'],
    val_check_interval=config['val_check_interval'], num_sanity_val_steps=2)

Trainer(logger=logger, max_epochs=hparams['max-epochs'], gpus=[rank] if GPUS > 0 else None,
    weights_summary=None, num_sanity_val_steps=0, progress_bar_refresh_rate=0, early_stop_callback=early_stop)
->
Trainer(logger=logger, max_epochs=hparams['max-epochs'], accelerator='gpu' if GPUS > 0 else 'cpu',
    devices=[rank] if GPUS > 0 else 1, enable_model_summary=False, num_sanity_val_steps=0,
    enable_progress_bar=False, callbacks=[early_stop])

pl.Trainer(logger=False, checkpoint_callback=False, max_steps=256, gpus=gpus, weights_summary=None)
->
pl.Trainer(logger=False, enable_checkpointing=False, max_steps=256, accelerator='gpu' if gpus else 'cpu',
    devices=gpus or 1, enable_model_summary=False)

pl.Trainer(logger=[tb_logger, csv_logger], accelerator="ddp", replace_sampler_ddp=False, gpus=num_gpus,
    max_epochs=num_epochs, progress_bar_refresh_rate=20, checkpoint_callback=checkpoint_callback,
    callbacks=callbacks, precision=16, benchmark=False, profiler=False, weights_summary="full", deterministic=True)
->
pl.Trainer(logger=[tb_logger, csv_logger], strategy='ddp', use_distributed_sampler=False, accelerator='gpu' if
    num_gpus else 'cpu', devices=num_gpus or 1, max_epochs=num_epochs, callbacks=[*callbacks, checkpoint_callback,
    TQDMProgressBar(refresh_rate=20), ModelSummary(max_depth=-1)], precision='16-mixed', benchmark=False,
    deterministic=True)

pl.Trainer(weights_summary=None, progress_bar_refresh_rate=1, num_sanity_val_steps=0, gpus=args.gpus,
    max_epochs=args.epochs, callbacks=[unfreezing])
->
pl.Trainer(enable_model_summary=False, num_sanity_val_steps=0, accelerator='gpu' if args.gpus else 'cpu',
    devices=args.gpus or 1, max_epochs=args.epochs, callbacks=[unfreezing,
    TQDMProgressBar(refresh_rate=1)])

Trainer(fast_dev_run=True, accelerator='ddp', gpus=1)
->
Trainer(fast_dev_run=True, strategy='ddp', accelerator='gpu', devices=1)

pl.Trainer(gpus=args.gpus, amp_level='O2', precision=16, accelerator='ddp', max_epochs=args.epochs,
    checkpoint_callback=False, logger=wandb_logger, replace_sampler_ddp=True, val_check_interval=0.5)
->
pl.Trainer(accelerator='gpu' if args.gpus else 'cpu', devices=args.gpus or 1, precision='16-mixed',
    strategy='ddp', max_epochs=args.epochs, enable_checkpointing=False, logger=wandb_logger,
    use_distributed_sampler=True, val_check_interval=0.5)

pl.Trainer(max_steps=config['steps'], gpus=config['gpus'],
    accumulate_grad_batches=config['accumulate_grad_batches'], precision=config['precision'],
    callbacks=[checkpoint], logger=logger, progress_bar_refresh_rate=config['log_steps'], accelerator='ddp' if
    config['gpus'] > 1 else None, plugins=pl.plugins.DDPPlugin(find_unused_parameters=True) if config['gpus'] > 1
    else None, resume_from_checkpoint=config['from_checkpoint'])
->
pl.Trainer(max_steps=config['steps'], accelerator='gpu' if config['gpus'] else 'cpu', devices=config['gpus'] or
    1, accumulate_grad_batches=config['accumulate_grad_batches'], precision=config['precision'],
    callbacks=[checkpoint, TQDMProgressBar(refresh_rate=config['log_steps'])], logger=logger,
    strategy=pl.strategies.DDPStrategy(find_unused_parameters=True) if config['gpus'] > 1 else 'auto')

pl.Trainer(precision=16 if args.fp16 else 32, gpus=args.gpus, limit_train_batches=1.0 if not args.debug else
    0.2, max_epochs=args.epochs if not args.debug else 2, checkpoint_callback=args.save_checkpoints,
    callbacks=callbacks)
->
pl.Trainer(precision='16-mixed' if args.fp16 else 32, accelerator='gpu' if args.gpus else 'cpu',
    devices=args.gpus or 1, limit_train_batches=1.0 if not args.debug else 0.2, max_epochs=args.epochs if not
    args.debug else 2, callbacks=[*callbacks, args.save_checkpoints])

Trainer(max_epochs=hparams.num_epochs, callbacks=[checkpoint_callback],
    resume_from_checkpoint=hparams.ckpt_path, logger=logger, weights_summary=None,
    progress_bar_refresh_rate=hparams.refresh_every, gpus=hparams.num_gpus, accelerator='ddp' if hparams.num_gpus >
    1 else None, num_sanity_val_steps=1, val_check_interval=int(1000), benchmark=True)
->
Trainer(max_epochs=hparams.num_epochs, callbacks=[checkpoint_callback,
    TQDMProgressBar(refresh_rate=hparams.refresh_every)], logger=logger, enable_model_summary=False,
    accelerator='gpu' if hparams.num_gpus else 'cpu', devices=hparams.num_gpus or 1, strategy='ddp' if
    hparams.num_gpus > 1 else 'auto', num_sanity_val_steps=1, val_check_interval=int(1000), benchmark=True)

pl.Trainer(gpus=args.gpus, num_nodes=1, precision=16, max_epochs=args.epochs, distributed_backend='ddp',
    sync_batchnorm=True if args.gpus > 1 else False)
->
pl.Trainer(accelerator='gpu' if args.gpus else 'cpu', devices=args.gpus or 1, num_nodes=1, precision='16-mixed',
    max_epochs=args.epochs, strategy='ddp', sync_batchnorm=True if args.gpus > 1 else False)

Trainer(max_epochs=200, accelerator=device, deterministic=False, log_every_n_steps=20, callbacks=callbacks,
    profiler=None, logger=wandb_logger, accumulate_grad_batches=1, gradient_clip_val=config["gradient_clip_val"],
    num_sanity_val_steps=0, limit_val_batches=10, replace_sampler_ddp=False)
->
Trainer(max_epochs=200, accelerator=device, deterministic=False, log_every_n_steps=20, callbacks=callbacks,
    profiler=None, logger=wandb_logger, accumulate_grad_batches=1, gradient_clip_val=config['gradient_clip_val'],
    num_sanity_val_steps=0, limit_val_batches=10, use_distributed_sampler=False)

pl.Trainer(devices=args.gpus, logger=logger, accelerator="gpu", check_val_every_n_epoch=None,
    replace_sampler_ddp=False, strategy=DDPPlugin(find_unused_parameters=False), callbacks=[checkpoint], **more)
->
pl.Trainer(devices=args.gpus, logger=logger, accelerator='gpu', check_val_every_n_epoch=None,
    use_distributed_sampler=False, strategy=DDPStrategy(find_unused_parameters=False), callbacks=[checkpoint],
    **more)

pl.Trainer(checkpoint_callback=False, gpus=n_devices, callbacks=callbacks, max_steps=early_stop_steps,
    accelerator="ddp", sync_batchnorm=True, precision=precision, replace_sampler_ddp=False,
    plugins=[DDPPlugin(find_unused_parameters=True)], profiler='simple')
->
pl.Trainer(enable_checkpointing=False, accelerator='gpu' if n_devices else 'cpu', devices=n_devices or 1,
    callbacks=callbacks, max_steps=early_stop_steps, sync_batchnorm=True, precision=precision,
    use_distributed_sampler=False, strategy=DDPStrategy(find_unused_parameters=True), profiler='simple')

Trainer(logger=wandb_logger, enable_checkpointing=True, callbacks=callbacks, auto_scale_batch_size=True,
    auto_lr_find=True, weights_save_path="", accumulate_grad_batches=accumulate_grad_batches, gpus=1)
->
Trainer(logger=wandb_logger, enable_checkpointing=True, callbacks=callbacks,
    accumulate_grad_batches=accumulate_grad_batches, accelerator='gpu', devices=1)

pl.Trainer(gpus=2, log_every_n_steps=20, logger=wandb_logger, max_epochs=40, default_root_dir='ckpt',
    accelerator='ddp', callbacks=[checkpoint_callback], accumulate_grad_batches=accum_batches,
    stochastic_weight_avg=swa)
->
pl.Trainer(accelerator='gpu', devices=2, log_every_n_steps=20, logger=wandb_logger, max_epochs=40,
    default_root_dir='ckpt', strategy='ddp', callbacks=[checkpoint_callback,
    *([StochasticWeightAveraging(swa_lrs=0.01)] if swa else [])], accumulate_grad_batches=accum_batches)

pl.Trainer(max_epochs=args.epochs, accelerator='gpu', gpus=1, precision=16, logger=wandb_logger, auto_lr_find=True)
->
pl.Trainer(max_epochs=args.epochs, accelerator='gpu', devices=1, precision='16-mixed', logger=wandb_logger)

pl.Trainer(gpus=[2], precision=16, accumulate_grad_batches=1, terminate_on_nan=True, max_epochs=n_epochs,
    logger=logger, callbacks=[LearningRateMonitor(logging_interval='step'), checkpoint])
->
pl.Trainer(accelerator='gpu', devices=[2], precision='16-mixed', accumulate_grad_batches=1, detect_anomaly=True,
    max_epochs=n_epochs, logger=logger, callbacks=[LearningRateMonitor(logging_interval='step'), checkpoint])

pl.Trainer(gpus=1, default_root_dir=OUT_DIR, terminate_on_nan=True,
    callbacks=[pl.callbacks.ModelCheckpoint(verbose=True, save_on_train_epoch_end=True)])
->
pl.Trainer(accelerator='gpu', devices=1, default_root_dir=OUT_DIR, detect_anomaly=True,
    callbacks=[pl.callbacks.ModelCheckpoint(verbose=True, save_on_train_epoch_end=True)])

Trainer(max_epochs=config["max_epochs"], callbacks=[checkpoint_callback, TQDMProgressBar(refresh_rate=1)],
    resume_from_checkpoint=resume, logger=logger, gpus=args.num_gpus, num_sanity_val_steps=0, benchmark=True,
    detect_anomaly=True, accumulate_grad_batches=config.get("accumulate_grad_batches", 1),
    fast_dev_run=args.fast_dev_run, strategy="ddp" if args.num_gpus != 1 else None, **config.get('trainer_part', {}))
->
Trainer(max_epochs=config['max_epochs'], callbacks=[checkpoint_callback, TQDMProgressBar(refresh_rate=1)],
    logger=logger, accelerator='gpu' if args.num_gpus else 'cpu', devices=args.num_gpus or 1,
    num_sanity_val_steps=0, benchmark=True, detect_anomaly=True,
    accumulate_grad_batches=config.get('accumulate_grad_batches', 1), fast_dev_run=args.fast_dev_run, strategy='ddp'
    if args.num_gpus != 1 else 'auto', **config.get('trainer_part', {}))

pl.Trainer(callbacks=callbacks, logger=logger, plugins=plugins, replace_sampler_ddp=True, sync_batchnorm=True,
    terminate_on_nan=True, multiple_trainloader_mode="min_size", **more)
->
pl.Trainer(callbacks=callbacks, logger=logger, plugins=plugins, use_distributed_sampler=True,
    sync_batchnorm=True, detect_anomaly=True, **more)

Trainer(gpus=1, check_val_every_n_epoch=1, max_epochs=epochs, min_epochs=1, progress_bar_refresh_rate=verbose,
    callbacks=[], multiple_trainloader_mode='max_size_cycle')
->
Trainer(accelerator='gpu', devices=1, check_val_every_n_epoch=1, max_epochs=epochs, min_epochs=1,
    callbacks=[TQDMProgressBar(refresh_rate=verbose)])

Trainer(tpu_cores=8)
->
Trainer(accelerator='tpu', devices=8)

Trainer(tpu_cores=[2])
->
Trainer(accelerator='tpu', devices=[1])

Trainer(tpu_cores=None)
->
Trainer()

pl.Trainer(logger=True, enable_checkpointing=True, default_root_dir=None, gpus=None, auto_select_gpus=False,
    tpu_cores=None, ipus=None, num_processes=1, devices=None, accelerator=None, strategy=None, log_gpu_memory=None,
    process_position=0, progress_bar_refresh_rate=None, track_grad_norm=-1, max_steps=-1, limit_train_batches=None,
    val_check_interval=None, flush_logs_every_n_steps=None, log_every_n_steps=50, sync_batchnorm=False,
    enable_model_summary=True, weights_save_path=None, weights_summary="top", num_sanity_val_steps=2,
    resume_from_checkpoint=None, benchmark=None, reload_dataloaders_every_n_epochs=0, auto_lr_find=False,
    replace_sampler_ddp=True, detect_anomaly=False, auto_scale_batch_size=False, plugins=None, amp_backend="native",
    amp_level=None, move_metrics_to_cpu=False, multiple_trainloader_mode="max_size_cycle")
->
pl.Trainer(logger=True, enable_checkpointing=True, default_root_dir=None, accelerator='cpu', max_steps=-1,
    limit_train_batches=None, val_check_interval=None, log_every_n_steps=50, sync_batchnorm=False,
    enable_model_summary=True, num_sanity_val_steps=2, benchmark=None, reload_dataloaders_every_n_epochs=0,
    use_distributed_sampler=True, detect_anomaly=False, plugins=None)

pl.Trainer(accelerator="gpu", auto_lr_find=True, enable_progress_bar=True, max_epochs=10,
    devices=torch.cuda.device_count() if torch.cuda.is_available() else 1, num_processes=1,
    resume_from_checkpoint=path, detect_anomaly=True, logger=[tb_logger, csv_logger])
->
pl.Trainer(accelerator='gpu', enable_progress_bar=True, max_epochs=10, devices=torch.cuda.device_count() if
    torch.cuda.is_available() else 1, detect_anomaly=True, logger=[tb_logger, csv_logger])

pl.Trainer(accelerator='gpu', devices=[7], max_epochs=n_epochs, logger=tb_logger, track_grad_norm=2,
    gradient_clip_val=1.5, log_every_n_steps=10, multiple_trainloader_mode='max_size_cycle')
->
pl.Trainer(accelerator='gpu', devices=[7], max_epochs=n_epochs, logger=tb_logger, gradient_clip_val=1.5,
    log_every_n_steps=10)

pl.Trainer(max_epochs=args.epochs, gpus=1, callbacks=[checkpoint_callback], check_val_every_n_epoch=1,
    deterministic=False, log_every_n_steps=1, amp_backend="apex", amp_level="O1")
->
pl.Trainer(max_epochs=args.epochs, accelerator='gpu', devices=1, callbacks=[checkpoint_callback],
    check_val_every_n_epoch=1, deterministic=False, log_every_n_steps=1)

Trainer(max_epochs=config["epochs"], progress_bar_refresh_rate=3, limit_train_batches=0.1, deterministic=True,
    gradient_clip_val=2, benchmark=True, distributed_backend="ddp", gpus=[0, 1], default_root_dir="root",
    num_sanity_val_steps=0, callbacks=[checkpoint, early_stop])
->
Trainer(max_epochs=config['epochs'], limit_train_batches=0.1, deterministic=True, gradient_clip_val=2,
    benchmark=True, strategy='ddp', accelerator='gpu', devices=[0, 1], default_root_dir='root',
    num_sanity_val_steps=0, callbacks=[checkpoint, early_stop, TQDMProgressBar(refresh_rate=3)])

Trainer(tb_logger, gpus="0,1", gradient_clip_val=0)
->
Trainer(logger=tb_logger, accelerator='gpu', devices='0,1', gradient_clip_val=0)

Trainer(num_processes=2, accelerator="ddp_cpu")
->
Trainer(devices=2, strategy='ddp_spawn', accelerator='cpu')

Trainer(gpus=8, accelerator="ddp2", num_nodes=4)
->
Trainer(accelerator='gpu', devices=8, strategy='ddp', num_nodes=4)

Trainer(gpus=4, strategy="ddp_sharded", precision="bf16")
->
Trainer(accelerator='gpu', devices=4, strategy='fsdp', precision='bf16-mixed')

Trainer(gpus=2, num_processes=2, strategy="ddp_spawn")
->
Trainer(accelerator='gpu', devices=2, strategy='ddp_spawn')

Trainer(accumulate_grad_batches={5: 3, 10: 20}, gpus=0)
->
Trainer(callbacks=[GradientAccumulationScheduler(scheduling={5: 3, 10: 20})], accelerator='cpu')

Trainer(reload_dataloaders_every_epoch=True, gpus=0, precision=64)
->
Trainer(reload_dataloaders_every_n_epochs=1, accelerator='cpu', precision='64-true')

Trainer(truncated_bptt_steps=2, automatic_optimization=False, gpus=0, move_metrics_to_cpu=True)
->
Trainer(accelerator='cpu')

Trainer(auto_select_gpus=True, gpus=1)
->
Trainer(accelerator='gpu', devices=1)

Trainer(weights_save_path="weights", callbacks=[ModelCheckpoint(monitor="loss")], process_position=1, gpus=0)
->
Trainer(callbacks=[ModelCheckpoint(monitor='loss', dirpath='weights'), TQDMProgressBar(process_position=1)],
    accelerator='cpu')

Trainer(early_stop_callback=True, log_gpu_memory="all", max_steps=None, overfit_batches=None, gpus="-1")
->
Trainer(callbacks=[EarlyStopping(monitor='val_loss'), DeviceStatsMonitor()], accelerator='gpu', devices='-1')

Trainer(plugins="ddp_find_unused_parameters_false", accelerator="ddp", gpus=2)
->
Trainer(strategy='ddp_find_unused_parameters_false', accelerator='gpu', devices=2)

Trainer(gpus=1 if torch.cuda.is_available() else 0, callbacks=EarlyStopping("a"), progress_bar_refresh_rate=20)
->
Trainer(accelerator='gpu' if torch.cuda.is_available() else 'cpu', devices=1,
    callbacks=[EarlyStopping('a'), TQDMProgressBar(refresh_rate=20)])

Trainer(**{"gpus": 2, "max_epochs": 3})
->
Trainer(accelerator='gpu', devices=2, max_epochs=3)
"""

CASES = [tuple(block.split("\n->\n")) for block in CALLS.strip().split("\n\n")]

# What Lightning says of a machine that only pretends to have GPUs, or of a Trainer that is never used.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:torch.cuda.amp.GradScaler is enabled:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*CUDA is not available:UserWarning"),
    pytest.mark.filterwarnings("ignore:You passed `deterministic=True` and `benchmark=True`:UserWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
]


@pytest.fixture(autouse=True)
def _leave_no_trace(tmp_path, monkeypatch):
    """Write into a folder of the test's own, and undo the process-wide switches that a Trainer sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = benchmark


@pytest.fixture
def eight_gpus(monkeypatch):
    """Let Lightning believe that the machine has eight GPUs: enough to construct a Trainer."""
    for module in (lightning_fabric.accelerators.cuda, pytorch_lightning.accelerators.cuda):
        monkeypatch.setattr(module, "num_cuda_devices", lambda: 8)
    monkeypatch.setattr(pytorch_lightning.accelerators, "find_usable_cuda_devices", lambda n: list(range(n)))


def names() -> dict[str, object]:
    """What the variables in CALLS stand for; new objects each time, because a Trainer keeps what it is given."""
    numbers = dict.fromkeys(["gpus", "num_gpus", "n_devices"], 2)
    numbers |= dict.fromkeys(["epochs", "num_epochs", "n_epochs", "max_epochs", "max_epoch"], 3)
    numbers |= dict.fromkeys(["max-epochs", "steps", "max_steps", "early_stop_steps"], 10)
    numbers |= dict.fromkeys(["accum_batches", "accumulate_grad_batches", "grad_steps", "accumulate", "batch_size"], 1)
    numbers |= dict.fromkeys(["progress_refresh_rate", "refresh_every", "log_steps", "verbose"], 1)
    numbers |= {"num_nodes": 1, "gradient_clip_val": 1, "precision": 32, "rank": 0}
    flags = dict.fromkeys(["fp16", "debug", "swa", "fast_dev_run"], False)
    paths = dict.fromkeys(["resume", "path", "ckpt_path", "resume_path", "resume_from", "from_checkpoint"], None)
    config = Config(numbers | flags | paths, folder="out", val_check_interval=0.5)
    writers = {f"{name}logger": loggers.CSVLogger("logs") for name in ("", "wandb_", "tb_", "csv_", "run_")}
    checkpoint = callbacks.ModelCheckpoint(monitor="loss")
    given = {
        "args": Config(config, save_checkpoints=callbacks.ModelCheckpoint()),
        "checkpoint": checkpoint,
        "checkpoint_callback": checkpoint,
        "callbacks": [callbacks.LearningRateMonitor()],
        "pictures": callbacks.LearningRateMonitor(),
        "unfreezing": callbacks.LearningRateMonitor(),
        "early_stop": callbacks.EarlyStopping("loss"),
        "Printer": callbacks.Callback,
        "TensorBoardLogger": loggers.TensorBoardLogger,
    }
    more = {"config": config, "hparams": config, "more": {}, "plugins": None, "profiler": None, "device": "cpu"}
    constants = {"GPUS": 2, "OUT_DIR": "out", "pl": pl, "torch": torch, "Trainer": Trainer}
    return vars(callbacks) | config | writers | more | constants | given


class Config(dict):
    """A configuration that answers to both `config["gpus"]` and `config.gpus`."""

    __getattr__ = dict.__getitem__


def same_code(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


def run(*lines: str, **given: object) -> dict[str, object]:
    """Execute code that this file or the package holds."""
    namespace = dict(given)
    exec("\n".join(lines), namespace)  # noqa: S102
    return namespace


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_argument_of_the_installed_trainer():
    rows = table().set_index("name")
    parameters = dict(inspect.signature(Trainer.__init__).parameters)
    del parameters["self"]
    assert list(rows.index) == list(parameters)
    for name, parameter in parameters.items():
        assert rows.loc[name, "default"] == parameter.default
        assert type(rows.loc[name, "default"]) is type(parameter.default)


def test_every_argument_of_today_has_a_group_and_a_summary():
    rows = table()
    assert list(rows[rows.group == NEW].name) == []
    assert list(rows[rows.summary == ""].name) == []
    grouped = [name for names in GROUPS.values() for name in names.split()]
    assert sorted(grouped) == sorted(rows.name), "a group names an argument that is gone, or names it twice"


@pytest.mark.parametrize(
    ("name", "kind", "summary"),
    [
        ("max_epochs", "int | None", "Stop training once this number of epochs is reached."),
        ("devices", "int | str | list[int]", "The devices to use."),
        ("deterministic", "bool | 'warn' | None", None),
        ("max_time", "str | timedelta | dict[str, int] | None", None),
        (
            "inference_mode",
            "bool",
            "Whether to use inference_mode or no_grad during evaluation (validate/test/predict).",
        ),
        ("use_distributed_sampler", "bool", "Whether to wrap the DataLoader's sampler with DistributedSampler."),
    ],
)
def test_types_and_summaries_read_well(name, kind, summary):
    row = table().set_index("name").loc[name]
    assert row["type"] == kind
    assert summary in (None, row["summary"])


def test_an_argument_of_a_newer_lightning_falls_into_the_group_new(monkeypatch):
    class Newer:
        def __init__(self, *, max_epochs: int | None = None, suggest_integrations: bool = True) -> None:
            """Do it.

            Args:
                max_epochs: Stop. Really.
            """

    monkeypatch.setattr(trainer_arguments, "Trainer", Newer)
    rows = table().set_index("name")
    assert list(rows.group) == ["how long", NEW]
    assert list(rows.summary) == ["Stop.", ""]
    assert "suggest_integrations: bool = True   [new]" in explain("suggest_integrations")


# --- the default in effect ----------------------------------------------------------------------------------------


def test_an_argument_whose_default_is_no_value_says_what_is_in_effect():
    rows = table().set_index("name")
    says_nothing = (None, -1, "auto")
    assert rows[rows["in effect"].isin(says_nothing)].empty
    says_it = rows[~rows["default"].isin(says_nothing)]
    assert list(says_it["in effect"]) == list(says_it["default"])


def test_to_write_the_default_in_effect_changes_nothing(tmp_path):
    values = {
        name: value for name, value in in_effect().items() if name in READ and name not in ("logger", "callbacks")
    }
    assert (values["log_every_n_steps"], values["num_sanity_val_steps"], values["precision"]) == (50, 2, "32-true")
    plain, written = (Trainer(default_root_dir=tmp_path, **given) for given in ({}, values))
    assert [type(callback) for callback in written.callbacks] == [type(callback) for callback in plain.callbacks]
    for name in values:
        assert getattr(written, name, None) == getattr(plain, name, None)
        assert table().set_index("name").loc[name, "in effect"] == values[name]


def test_the_defaults_in_effect_are_what_the_trainer_has(tmp_path):
    trainer = Trainer(default_root_dir=tmp_path)
    names = [type(callback).__name__ for callback in trainer.callbacks]
    assert in_effect()["callbacks"] == ", ".join(names)
    assert in_effect()["logger"] == type(trainer.logger).__name__
    assert isinstance(trainer.profiler, PassThroughProfiler)
    assert not [callback for callback in trainer.callbacks if isinstance(callback, callbacks.Timer)]
    assert (trainer.max_steps, trainer.min_steps, trainer.min_epochs) == (-1, None, None)
    assert trainer.gradient_clip_val is None


@pytest.mark.parametrize(
    ("in_a_notebook", "devices", "strategy"), [(False, 2, DDPStrategy), (True, 1, SingleDeviceStrategy)]
)
def test_auto_takes_what_is_told_of_two_gpus(monkeypatch, in_a_notebook, devices, strategy):
    for package in ("lightning_fabric", "pytorch_lightning"):
        monkeypatch.setattr(f"{package}.accelerators.cuda.num_cuda_devices", lambda: 2)
    monkeypatch.setattr(MPSAccelerator, "is_available", lambda: False)
    monkeypatch.setattr(accelerator_connector, "_IS_INTERACTIVE", in_a_notebook)
    trainer = Trainer(**QUICK)
    assert isinstance(trainer.accelerator, CUDAAccelerator)
    assert (trainer.num_devices, type(trainer.strategy)) == (devices, strategy)
    assert in_effect()["devices"].startswith("all GPUs, or one in a notebook")


QUICK = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class Stopper(callbacks.Callback):
    """End the run after its first epoch, and keep the limit that it had."""

    def on_train_epoch_end(self, trainer, pl_module):
        self.limit, trainer.should_stop = trainer.max_epochs, True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("given", "limit"), [({}, 1000), ({"max_steps": 9}, -1), ({"max_time": {"hours": 1}}, -1)])
def test_epochs_are_limited_as_told_and_there_is_no_minimum(given, limit):
    stopper = Stopper()
    trainer = Trainer(accelerator="cpu", callbacks=[stopper], limit_train_batches=2, **given, **QUICK)
    trainer.fit(BoringModel())
    assert stopper.limit == limit
    assert str(limit).replace("-1", "no limit") in in_effect()["max_epochs"]
    assert trainer.current_epoch == 1


@pytest.mark.filterwarnings("ignore")
def test_gradients_are_clipped_by_the_algorithm_that_is_told():
    ends = {}
    for algorithm in (None, "norm", "value"):
        torch.manual_seed(0)
        model = BoringModel()
        clipped = {"gradient_clip_val": 0.1, "gradient_clip_algorithm": algorithm}
        Trainer(accelerator="cpu", max_steps=2, limit_val_batches=0, **clipped, **QUICK).fit(model)
        ends[algorithm] = model.layer.weight.detach()
    assert torch.equal(ends[None], ends[in_effect()["gradient_clip_algorithm"]])
    assert not torch.equal(ends[None], ends["value"])


@pytest.mark.parametrize("on", [True, False])
def test_a_trainer_that_is_told_nothing_leaves_the_switches_of_pytorch(on, monkeypatch):
    before = torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", on)
    try:
        torch.use_deterministic_algorithms(on)
        in_effect()
        assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == (on, on)
    finally:
        torch.use_deterministic_algorithms(before)


def test_to_ask_for_the_defaults_says_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    in_effect()
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


# --- explain ------------------------------------------------------------------------------------------------------


def test_explain_an_argument_of_today():
    text = explain("max_time")
    assert repr(text) == str(text), "the prompt should show the text, not a quoted string"
    first, second = text.splitlines()[:2]
    assert first == "max_time: str | timedelta | dict[str, int] | None = None (in effect: no limit)   [how long]"
    assert second.startswith("Stop training after")
    assert explain("devices").startswith("devices: int | str | list[int] = 'auto' (in effect: all GPUs, ")
    assert explain("detect_anomaly").startswith("detect_anomaly: bool = False   [debugging]\n")


def test_explain_an_argument_of_1x():
    assert explain("gpus").splitlines() == [
        "gpus is gone: Trainer(gpus=2) raises TypeError today. Write",
        "",
        "    from pytorch_lightning import Trainer",
        "    Trainer(accelerator='gpu', devices=2)",
        "",
        "Note: accelerator says what kind of device, devices says how many or which ones.",
    ]


@pytest.mark.parametrize(
    ("name", "near"), [("max_epoch", "max_epochs"), ("gpu", "gpus"), ("log_every_n_step", "log_every_n_steps")]
)
def test_explain_a_near_miss(name, near):
    with pytest.raises(InputError, match=rf"no argument '{name}', today or in 1.x \(did you mean '{near}'\?\)"):
        explain(name)


@pytest.mark.parametrize("name", ["zzzzz", 5, None, []])
def test_explain_what_is_near_nothing(name):
    with pytest.raises(InputError, match=r"1.x: table\(\) lists"):
        explain(name)


# --- what was removed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REMOVED)
def test_a_removed_argument_raises_today(name):
    assert f"{name}=" in REMOVED[name].old
    with pytest.raises(TypeError, match=name):
        run(REMOVED[name].old, Trainer=Trainer)


class TunedModel(BoringModel):
    """A model with a learning rate to find, under each of two names, and its own steps to take."""

    lr = rate = 0.1

    def training_step(self, batch, batch_idx):
        loss = self.step(torch.ones_like(batch["a"] if isinstance(batch, dict) else batch))
        if self.automatic_optimization:
            return loss
        self.manual_backward(loss)
        return None


class TunedData(BoringDataModule):
    """A datamodule with a batch size to find."""

    batch_size = 2

    def train_dataloader(self):
        return DataLoader(self.random_train, batch_size=self.batch_size)


@pytest.fixture
def tiny_runs(monkeypatch):
    """Keep the runs of `today` short: the environment overrides the Trainer's defaults."""
    for name, value in {
        "MAX_EPOCHS": 1,
        "LIMIT_TRAIN_BATCHES": 2,
        "LIMIT_VAL_BATCHES": 1,
        "LOG_EVERY_N_STEPS": 1,
    }.items():
        monkeypatch.setenv(f"PL_TRAINER_{name}", str(value))


# Replacements that the installed Lightning accepts, but this machine cannot run.
NEEDS = {"tpu_cores": pytest.raises(ModuleNotFoundError, match="torch_xla")}


ROWS = {row.old: row for row in old_arguments()}
STRATEGY_ROWS = {row.old: row for row in old_strategies()}
COPIED = [old for old, row in (ROWS | STRATEGY_ROWS).items() if row.code]


def callback(trainer: Trainer, kind: type, **wanted: object) -> bool:
    found = [part for part in trainer.callbacks if isinstance(part, kind)]
    return bool(found) and all(getattr(found[-1], name) == value for name, value in wanted.items())


def runs_on(trainer: Trainer, accelerator: type, ids: list[int]) -> bool:
    return type(trainer.accelerator) is accelerator and trainer.device_ids == ids


def shares(trainer: Trainer, strategy: type, launcher: type) -> bool:
    return type(trainer.strategy) is strategy and isinstance(trainer.strategy.launcher, launcher)


def uses_fsdp(_, trainer: Trainer) -> bool:
    return type(trainer.strategy) is FSDPStrategy


# What the old value asked for, of what the row has left: the names, and the value of its last line.
MEANT = {
    "gpus=2": lambda _, t: runs_on(t, CUDAAccelerator, [0, 1]),
    "gpus=n": lambda _, t: runs_on(t, CUDAAccelerator, [0, 1]),
    "gpus=0": lambda _, t: runs_on(t, CPUAccelerator, [0]),
    "gpus=None": lambda _, t: runs_on(t, CPUAccelerator, [0]),
    "num_processes=2": lambda _, t: runs_on(t, CPUAccelerator, [0, 1]),
    "auto_select_gpus=True": lambda _, t: runs_on(t, CUDAAccelerator, [0]),
    "distributed_backend='ddp'": lambda _, t: shares(t, DDPStrategy, _SubprocessScriptLauncher),
    "distributed_backend='dp'": lambda _, t: runs_on(t, CUDAAccelerator, list(range(8))),
    "distributed_backend='ddp_cpu'": lambda _, t: (
        runs_on(t, CPUAccelerator, [0]) and shares(t, DDPStrategy, _MultiProcessingLauncher)
    ),
    "replace_sampler_ddp=False": lambda _, t: not t._accelerator_connector.use_distributed_sampler,
    "prepare_data_per_node=False": lambda names, _: names["datamodule"].prepare_data_per_node is False,
    "resume_from_checkpoint='last.ckpt'": lambda names, _: names["model"].trainer.ckpt_path == "last.ckpt",
    "checkpoint_callback=False": lambda _, t: not callback(t, callbacks.ModelCheckpoint),
    "checkpoint_callback=True": lambda _, t: callback(t, callbacks.ModelCheckpoint),
    "checkpoint_callback=ModelCheckpoint()": lambda _, t: callback(t, callbacks.ModelCheckpoint),
    "early_stop_callback=True": lambda _, t: callback(t, callbacks.EarlyStopping, monitor="val_loss", patience=3),
    "early_stop_callback=EarlyStopping('val_loss')": lambda _, t: callback(
        t, callbacks.EarlyStopping, monitor="val_loss"
    ),
    "weights_save_path='weights'": lambda _, t: Path(t.checkpoint_callback.dirpath).name == "weights",
    "progress_bar_refresh_rate=20": lambda _, t: callback(t, callbacks.TQDMProgressBar, refresh_rate=20),
    "progress_bar_refresh_rate=0": lambda _, t: not callback(t, callbacks.ProgressBar),
    "process_position=1": lambda _, t: callback(t, callbacks.TQDMProgressBar, process_position=1),
    "weights_summary=None": lambda _, t: not callback(t, callbacks.ModelSummary),
    "weights_summary='top'": lambda _, t: callback(t, callbacks.ModelSummary, _max_depth=1),
    "weights_summary='full'": lambda _, t: callback(t, callbacks.ModelSummary, _max_depth=-1),
    "stochastic_weight_avg=True": lambda _, t: callback(t, callbacks.StochasticWeightAveraging),
    "log_gpu_memory='all'": lambda _, t: callback(t, callbacks.DeviceStatsMonitor),
    "flush_logs_every_n_steps=10": lambda _, t: (
        type(t.logger) is loggers.CSVLogger and t.logger._flush_logs_every_n_steps == 10
    ),
    "terminate_on_nan=True": lambda _, t: t._detect_anomaly,
    "track_grad_norm=2": lambda names, _: callable(names["on_before_optimizer_step"]),  # tested below
    "auto_lr_find=True": lambda names, finder: names["model"].lr == finder.suggestion() != 0.1,
    "auto_lr_find='rate'": lambda names, finder: names["model"].rate == finder.suggestion() != 0.1,
    "auto_scale_batch_size='power'": lambda names, size: names["datamodule"].batch_size == size > 2,
    "auto_scale_batch_size=True": lambda names, size: names["datamodule"].batch_size == size > 2,
    "amp_backend='apex'": lambda _, t: t.precision == "16-mixed",
    "amp_level='O2'": lambda _, t: t.precision == "16-mixed",
    "multiple_trainloader_mode='min_size'": lambda names, _: (
        names["model"].trainer.fit_loop._combined_loader._mode == "min_size"
    ),
    "reload_dataloaders_every_epoch=True": lambda _, t: t.reload_dataloaders_every_n_epochs == 1,
    "move_metrics_to_cpu=True": lambda names, _: names["metric"].compute_on_cpu,
    "truncated_bptt_steps=2": lambda names, _: not names["model"].automatic_optimization,
    "automatic_optimization=False": lambda names, _: not names["model"].automatic_optimization,
    "strategy='dp'": lambda _, t: runs_on(t, CUDAAccelerator, list(range(8))),
    "strategy='ddp2'": lambda _, t: runs_on(t, CUDAAccelerator, list(range(8))),
    "strategy='ddp_cpu'": lambda _, t: (
        runs_on(t, CPUAccelerator, [0]) and shares(t, DDPStrategy, _MultiProcessingLauncher)
    ),
    "strategy='ddp_sharded'": uses_fsdp,
    "strategy='ddp_sharded_spawn'": uses_fsdp,
    "strategy='ddp_fully_sharded'": uses_fsdp,
    "strategy='fsdp_native'": uses_fsdp,
}


def with_result(code: str) -> str:
    """Keep the value of the last line, if it has one."""
    tree = ast.parse(code)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1] = ast.Assign([ast.Name("result", ast.Store())], tree.body[-1].value)
    return ast.unparse(ast.fix_missing_locations(tree))


def test_what_each_row_meant_is_told():
    on_tpus = {old for old in COPIED if "tpu" in old}
    assert set(MEANT) == set(COPIED) - on_tpus


@pytest.mark.filterwarnings("ignore:.*`IterableDataset` has `__len__` defined:UserWarning")
@pytest.mark.parametrize("old", COPIED)
def test_what_the_index_gives_can_be_copied_and_does_what_the_old_value_did(old, eight_gpus, tiny_runs, capsys):
    code = with_result((ROWS | STRATEGY_ROWS)[old].code)
    given = {"Trainer": Trainer, "model": TunedModel(), "datamodule": TunedData(), "n": 2}
    given["a"] = given["b"] = DataLoader(torch.zeros(8, 32))
    if "last.ckpt" in code:
        trainer = Trainer(accelerator="cpu", max_epochs=0, logger=False, enable_checkpointing=False)
        trainer.fit(TunedModel(), TunedData())
        trainer.save_checkpoint("last.ckpt")
    with pytest.MonkeyPatch.context() as patch:
        if "model" in code:  # it fits, and there is no GPU to fit on
            patch.setenv("PL_TRAINER_ACCELERATOR", "cpu")
        if "lr_find" in code:  # it takes a hundred steps
            patch.setenv("PL_TRAINER_MAX_EPOCHS", "50")
        if "tpu" in old:
            with NEEDS["tpu_cores"]:
                run(code, **given)
        else:
            left = run(code, **given)
            assert MEANT[old](left, left.get("result"))


NOTES = [removed.note for removed in REMOVED.values()] + [note for _, note in REMOVED_STRATEGIES.values()]
NOTES += [row.note for row in [*ROWS.values(), *STRATEGY_ROWS.values()]]
CALLS_IN_NOTES = sorted({call for note in NOTES for call in re.findall(r"\b\w+\([^()]*\)", note)})


def test_there_are_calls_in_notes():
    assert "ModelSummary(max_depth=-1)" in CALLS_IN_NOTES


@pytest.mark.parametrize("call", CALLS_IN_NOTES)
def test_what_a_note_says_to_write_has_the_arguments_it_needs(call):
    tree = ast.parse(call, mode="eval").body
    name, named = tree.func.id, {keyword.arg: None for keyword in tree.keywords}
    objects = (Tuner, Trainer, pl.LightningModule)
    if method := next((getattr(kind, name) for kind in objects if inspect.isfunction(getattr(kind, name, None))), None):
        inspect.signature(method).bind(None, *tree.args, **named)
    else:
        inspect.signature(getattr(importlib.import_module(_HOME[name]), name)).bind(*tree.args, **named)


class NotANumber(BoringModel):
    def training_step(self, batch, batch_idx):
        self.log("train_loss", torch.tensor(float("nan")) if self.current_epoch else 1.0)
        return super().training_step(batch, batch_idx)


def test_what_costs_less_than_detect_anomaly_ends_the_run(tiny_runs):
    [call] = [call for call in CALLS_IN_NOTES if call.startswith("EarlyStopping(")]
    stopper = eval(call, vars(callbacks).copy())  # noqa: S307
    trainer = Trainer(accelerator="cpu", max_epochs=9, callbacks=[stopper], **QUICK)
    trainer.fit(NotANumber())
    assert trainer.current_epoch == 2


# The kinds of values that each argument took in 1.x, beside None and False.
KINDS = {
    "gpus": [1, 0, -1, [0, 1], "'0,1'", "n"],
    "tpu_cores": [1, 8, [1]],
    "num_processes": [1, 4],
    "auto_select_gpus": [True],
    "distributed_backend": ["'ddp'", "'dp'", "'ddp_cpu'", "'ddp_spawn'"],
    "replace_sampler_ddp": [True],
    "prepare_data_per_node": [True],
    "resume_from_checkpoint": ["path"],
    "checkpoint_callback": [True, "ModelCheckpoint('kept')", "checkpoint"],
    "early_stop_callback": [True, "EarlyStopping('loss')", "stopper"],
    "weights_save_path": ["'weights'", "folder"],
    "progress_bar_refresh_rate": [0, 1, 50, "n"],
    "process_position": [0, 1],
    "weights_summary": ["'top'", "'full'"],
    "stochastic_weight_avg": [True],
    "log_gpu_memory": ["'all'", "'min_max'"],
    "flush_logs_every_n_steps": [100],
    "terminate_on_nan": [True],
    "track_grad_norm": [-1, 2, "'inf'"],
    "auto_lr_find": [True, "'rate'"],
    "auto_scale_batch_size": [True, "'power'", "'binsearch'"],
    "amp_backend": ["'native'", "'apex'"],
    "amp_level": ["'O1'"],
    "multiple_trainloader_mode": ["'max_size_cycle'", "'min_size'"],
    "reload_dataloaders_every_epoch": [True],
    "move_metrics_to_cpu": [True],
    "truncated_bptt_steps": [0, 5],
    "automatic_optimization": [True],
    "enable_pl_optimizer": [True],
}


def shape(call: str, value: str) -> str:
    """Return a call without its value: what stays the same for others of its kind."""
    tree = ast.parse(call)
    wanted = ast.dump(ast.parse(value, mode="eval").body)
    for node in ast.walk(tree):
        for name, child in ast.iter_fields(node):
            if isinstance(child, ast.expr) and ast.dump(child) == wanted:
                setattr(node, name, ast.Name("value"))
            if isinstance(child, list):
                child[:] = [ast.Name("value") if ast.dump(part) == wanted else part for part in child]
    return ast.unparse(tree)


def shapes(name: str) -> set[str]:
    found = set()
    for old, row in ROWS.items():
        if old.startswith(f"{name}="):
            code = [line for line in row.code.splitlines() if not line.startswith("from ")]
            found.add(shape("\n".join(code) or "Trainer()", old.partition("=")[2]))
    return found


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in KINDS for value in [None, False, *KINDS[name]]])
def test_the_index_shows_each_kind_of_value_that_changes_the_answer(name, value):
    nothing = value is None or value is False
    try:
        new = translate(f"Trainer({name}={value})")
    except InputError:
        assert nothing  # no Trainer took it
        return
    if new.source != "Trainer()":
        assert shape(new.source, str(value)) in shapes(name)
    elif "left out" in " ".join(new.notes):
        assert nothing or "Trainer()" in shapes(name)
    else:  # what it did has moved out of the call
        assert shapes(name) - {"Trainer()"} or REMOVED[name].today == "Trainer()"


def test_the_index_has_all_that_was_removed():
    assert {old.partition("=")[0] for old in ROWS} == set(REMOVED) == {*KINDS, "ipus"}


def test_the_replacement_of_track_grad_norm_logs_the_norm(tiny_runs):
    removed = REMOVED["track_grad_norm"]
    hook = run(*removed.imports, removed.today)["on_before_optimizer_step"]
    model = type("Model", (BoringModel,), {"on_before_optimizer_step": hook})()
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(model)
    assert trainer.callback_metrics["grad_2.0_norm_total"] > 0


# Nothing replaces IPUs, so that they are refused.
@pytest.mark.parametrize("name", sorted(set(REMOVED) - {"ipus"}))
def test_the_translator_agrees_with_the_table_of_what_was_removed(name):
    new = translate(REMOVED[name].old)
    assert new.notes
    if new.source != "Trainer()":  # else what it did has moved out of the call, and the note says where to
        assert same_code(new.source, REMOVED[name].today)
        assert new.imports == tuple(line for line in REMOVED[name].imports if "import Trainer" not in line)
    else:
        assert REMOVED[name].note.split("=...")[0] in " ".join(new.notes)


@pytest.mark.parametrize("name", REMOVED_STRATEGIES)
def test_a_removed_strategy_is_refused_today(name):
    with pytest.raises(ValueError, match=name):
        Trainer(accelerator="cpu", strategy=name)


@pytest.mark.parametrize("name", ["strategy", "accelerator", "distributed_backend"])
def test_ddp_cpu_stays_on_the_cpu(name, eight_gpus):
    for more, ids in (("", [0]), (", num_processes=2", [0, 1])):
        new = translate(f"Trainer({name}='ddp_cpu'{more})")
        trainer = run(f"trainer = {new.source}", Trainer=Trainer)["trainer"]
        assert runs_on(trainer, CPUAccelerator, ids)


@pytest.mark.parametrize("name", [today for today, _ in REMOVED_STRATEGIES.values() if today])
def test_what_replaces_a_strategy_exists(name):
    assert name in pl.strategies.StrategyRegistry.available_strategies()


# --- translate ----------------------------------------------------------------------------------------------------


def test_there_are_enough_calls():
    assert len(CASES) >= 40


@pytest.mark.parametrize(("old", "new"), CASES)
def test_translate(old, new):
    translation = translate(old)
    assert same_code(translation.source, new)
    assert bool(translation.notes) or same_code(old, new), "a change goes without a note"
    assert not set(REMOVED) & {keyword.arg for keyword in the_call(translation.source).keywords}


def the_call(source: str) -> ast.Call:
    return next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


@pytest.mark.parametrize(("old", "new"), CASES)
def test_the_translation_constructs(old, new, eight_gpus):
    translation = translate(old)
    code = "\n".join([*translation.imports, translation.source])
    if "'tpu'" in new:
        with NEEDS["tpu_cores"]:
            run(code, **names())
    else:
        run(code, **names())


@pytest.mark.parametrize(("old", "new"), CASES)
def test_a_translation_translates_into_itself(old, new):
    source = translate(old).source
    assert translate(source).source == source


@pytest.mark.parametrize(
    ("old", "today"),
    [
        *((16, "16-mixed"), ("16", "16-mixed"), ("mixed", "16-mixed"), ("bf16", "bf16-mixed")),
        *((64, "64-true"), ("64", "64-true"), (32, "32-true"), ("32", "32-true")),
    ],
)
def test_precision_is_what_it_was(old, today, eight_gpus):
    new = translate(f"Trainer(gpus=1, precision={old!r})")
    trainer = run(f"trainer = {new.source}", Trainer=Trainer)["trainer"]
    assert trainer.precision == today


def test_gpus_zero_in_a_variable_becomes_the_cpu():
    new = translate("Trainer(gpus=gpus, logger=False)")
    for gpus in (0, None, []):
        trainer = run(f"trainer = {new.source}", gpus=gpus, Trainer=Trainer)["trainer"]
        assert type(trainer.accelerator).__name__ == "CPUAccelerator"
        assert trainer.num_devices == 1


def test_gpus_in_a_variable_become_devices(eight_gpus):
    new = translate("Trainer(gpus=gpus, logger=False)")
    for gpus, ids in ((2, [0, 1]), ([3], [3]), (-1, list(range(8))), ("0,1", [0, 1])):
        trainer = run(f"trainer = {new.source}", gpus=gpus, Trainer=Trainer)["trainer"]
        assert trainer.device_ids == ids


@pytest.mark.parametrize("name", REMOVED)
def test_none_for_what_was_removed_leaves_nothing_of_it(name):
    if name == "weights_summary":  # whose None asks for something
        return
    translation = translate(f"Trainer({name}=None, accelerator='cpu')")
    assert same_code(translation.source, "Trainer(accelerator='cpu')")
    assert [note.split(":")[0] for note in translation.notes] == [f"{name}=None"]


def test_each_change_has_its_note():
    notes = translate("Trainer(gpus=2, precision=16, resume_from_checkpoint=path, max_epochs=3)").notes
    assert [note.split(":")[0] for note in notes] == ["gpus=2", "precision=16", "resume_from_checkpoint=path"]
    assert "trainer.fit(model, ckpt_path=path)" in notes[2]


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ("Trainer(max_epochs=3)", "1.x took the CPU"),
        ("Trainer(tpu_cores=None)", "1.x took the CPU"),
        ("Trainer(gpus=2)", "1.x took 'ddp_spawn'"),
        ("Trainer(gpus=n)", "0 or None has to become the CPU"),
        ("Trainer(gpus=1, **more)", "**more: kept unread"),
        ("Trainer(checkpoint_callback=save, gpus=1)", "if it is True or False"),
        ("Trainer(callbacks=mine, process_position=1, gpus=1)", "mine is taken for a list"),
        ("Trainer(accelerator=kind)", "should it hold a strategy"),
        ("Trainer(max_steps=n, gpus=1)", "should it be None, give -1"),
        ("Trainer(False, gpus=1)", "the first argument of 1.x was the logger"),
        ("Trainer(gpus=2, devices=3)", "1.x followed gpus"),
        ("Trainer(gpus=2, accelerator='dp')", "dp split one batch over the GPUs"),
    ],
)
def test_a_note_warns_of(old, words):
    assert words in " ".join(translate(old).notes)


def test_a_call_of_today_stays_as_it_was_typed():
    source = 'trainer = Trainer(accelerator="gpu", devices=[3],  # the fourth\n    max_epochs=30)'
    assert translate(source) == Translation(source, (), ())


def test_the_statement_around_the_call_stays():
    new = translate("    if ready:\n        self.trainer = pl.Trainer(gpus=1)")
    assert new.source == 'if ready:\n    self.trainer = pl.Trainer(accelerator="gpu", devices=1)'


def test_a_translation_shows_as_code():
    text = repr(translate("Trainer(gpus=1, progress_bar_refresh_rate=5)"))
    assert text.startswith('from pytorch_lightning.callbacks import TQDMProgressBar\nTrainer(accelerator="gpu"')
    assert "\n# gpus=1: now accelerator='gpu', devices=1." in text
    ast.parse(text)


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ("Trainer(gpus='0')", "write gpus=[0] or gpus=0"),
        ("Trainer(gpus='all')", "gpus='all' means nothing"),
        ("Trainer(gpus=True)", "gpus=True means nothing"),
        ("Trainer(gpus=-2)", "gpus=-2 means nothing"),
        ("Trainer(ipus=2)", "no longer runs on IPUs"),
        ("Trainer(accelerator='ipu')", "no longer runs on IPUs"),
        ("Trainer(accelerator='hpu')", "lightning-habana"),
        ("Trainer(accelerator='cup')", "did you mean 'cpu'?"),
        ("Trainer(strategy='horovod')", "lightning-Horovod"),
        ("Trainer(distributed_backend='horovod', gpus=1)", "lightning-Horovod"),
        ("Trainer(strategy='dpp')", "did you mean"),
        ("Trainer(plugins=DDPShardedPlugin())", "DDPShardedPlugin cannot be translated"),
        ("Trainer(accelerator='ddp', strategy='ddp')", "both strategy and accelerator"),
        ("Trainer(accelerator='gpu', distributed_backend='dp')", "both accelerator and distributed_backend"),
        ("Trainer(accelerator='ddp' if n > 1 else 'cpu')", "split it in two"),
        ("Trainer(max_epoch=3)", "did you mean 'max_epochs'?"),
        ("Trainer(True, False)", "name them"),
        ("Trainer(*args)", "name them"),
        ("Trainer(gpus=1, **{'gpus': 2})", "gpus twice"),
        ("Trainer(gpus=1, gpus=2)", "gpus twice"),
        ("x = 1", "nothing of Lightning"),
        ("", "nothing of Lightning"),
        ("Trainer(", "cannot be read as Python"),
        ("Trainer(gpus=1))", "cannot be read as Python"),
    ],
)
def test_what_cannot_be_translated_is_refused_in_one_sentence(old, words):
    with pytest.raises(InputError) as refusal:
        translate(old)
    message = str(refusal.value)
    assert words in message
    assert "\n" not in message
    assert message.endswith(".")


HOSTILE = [
    "Trainer(gpus=open('owned', 'w').write('x'))",
    "Trainer(gpus=__import__('pathlib').Path('owned').touch() or 1, precision=16)",
    "Trainer(callbacks=[(lambda: open('owned', 'w'))()], progress_bar_refresh_rate=1)",
    "Trainer(**{'gpus': open('owned', 'w')})",
    "Trainer(logger=f\"{open('owned', 'w')}\", gpus=0)",
    "[open('owned', 'w') for _ in Trainer(gpus=1)]",
    "@open('owned', 'w')\ndef f(): Trainer(gpus=1)",
    "Trainer(gpus=(gpus := open('owned', 'w')))",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_hostile_code_is_read_and_never_executed(source, tmp_path):
    new = translate(source)
    assert "owned" in new.source
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "Trainer(gpus=0x" + "f" * 5000 + ")",
        "Trainer(gpus=" + "9" * 5000 + ")",
        "Trainer(gpus=" + "-" * 5000 + "1)",
        "Trainer(gpus=" + "(" * 500 + "1" + ")" * 500 + ")",
        "Trainer(gpus=" + "f(" * 90 + ")" * 90 + ", precision=" + "not " * 3000 + "1)",
        "Trainer(logger='\ud800')",
        "Trainer(gpus=1\0)",
        "Trainer(logger='" + "x" * 30_000 + "')",
        b"Trainer(gpus=1)",
        None,
        Trainer,
    ],
    ids=lambda source: str(source)[:30].encode("unicode_escape").decode(),
)
def test_what_would_choke_the_parser_is_refused(source):
    with pytest.raises(InputError):
        translate(source)


def test_nesting_that_python_reads_and_the_rewriting_does_not_is_refused():
    nested, limit = "Trainer(gpus=" + "f(" * 90 + ")" * 90 + ")", sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 300)  # Python 3.13 reads such a text at its usual limit
    try:
        with pytest.raises(InputError, match="cannot be read as Python"):
            translate(nested)
    finally:
        sys.setrecursionlimit(limit)


def test_an_odd_escape_does_not_warn():
    assert "weights" in translate(r"Trainer(weights_save_path='C:\data\weights', gpus=0)").source


def test_the_types_of_an_argument_stand_in_one_order():
    assert _type_name(int | float | None) == _type_name(float | None | int) == "float | int | None"
