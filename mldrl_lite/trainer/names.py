"""The names of a Trainer, as plain data: its arguments of today, those that are gone, and what took their place.

Reading this imports neither torch nor Lightning.
"""

import ast
from typing import NamedTuple

GROUPS = {
    "how long": "max_epochs min_epochs max_steps min_steps max_time",
    "hardware": "accelerator devices num_nodes strategy plugins sync_batchnorm use_distributed_sampler",
    "how much data": """limit_train_batches limit_val_batches limit_test_batches limit_predict_batches
        overfit_batches reload_dataloaders_every_n_epochs""",
    "validation and logging": """val_check_interval check_val_every_n_epoch num_sanity_val_steps
        logger log_every_n_steps enable_autolog_hparams enable_progress_bar enable_model_summary""",
    "checkpoints and callbacks": "callbacks enable_checkpointing default_root_dir model_registry",
    "numbers and gradients": """precision accumulate_grad_batches gradient_clip_val gradient_clip_algorithm
        inference_mode""",
    "debugging": "fast_dev_run detect_anomaly profiler barebones",
    "reproducibility": "deterministic benchmark",
}
"""What each argument is for; the only thing about today's arguments that is written here rather than read off."""


class Removed(NamedTuple):
    """An argument that the Trainer had in 1.x and has no more; today it answers TypeError."""

    old: str
    """A call of 1.x that uses it."""
    today: str
    """Code that does the same today, given a `model`, a `datamodule`, or the loaders `a` and `b`."""
    note: str
    """What to know about the change, in one sentence."""

    @property
    def imports(self) -> tuple[str, ...]:
        """The import lines that `today` needs."""
        return import_lines({node.id for node in ast.walk(ast.parse(self.today)) if isinstance(node, ast.Name)})


_GRAD_NORM_HOOK = """\
def on_before_optimizer_step(self, optimizer):
    self.log_dict(grad_norm(self, norm_type=2))"""

REMOVED = {
    "gpus": Removed(
        "Trainer(gpus=2)",
        "Trainer(accelerator='gpu', devices=2)",
        "accelerator says what kind of device, devices says how many or which ones",
    ),
    "tpu_cores": Removed(
        "Trainer(tpu_cores=8)",
        "Trainer(accelerator='tpu', devices=8)",
        "accelerator says what kind of device, devices says how many or which ones",
    ),
    "ipus": Removed("Trainer(ipus=4)", "Trainer()", "Lightning no longer runs on IPUs"),
    "num_processes": Removed(
        "Trainer(num_processes=2)",
        "Trainer(accelerator='cpu', devices=2)",
        "on a CPU, devices is the number of processes",
    ),
    "auto_select_gpus": Removed(
        "Trainer(auto_select_gpus=True)",
        "Trainer(accelerator='gpu', devices=find_usable_cuda_devices(1))",
        "with gpus=n beside it: find_usable_cuda_devices(n) of pytorch_lightning.accelerators picks n free GPUs, "
        "devices=n takes the first n",
    ),
    "distributed_backend": Removed(
        "Trainer(distributed_backend='ddp')",
        "Trainer(strategy='ddp')",
        "how processes share the work is the strategy",
    ),
    "replace_sampler_ddp": Removed(
        "Trainer(replace_sampler_ddp=False)",
        "Trainer(use_distributed_sampler=False)",
        "the argument has a new name",
    ),
    "prepare_data_per_node": Removed(
        "Trainer(prepare_data_per_node=False)",
        "datamodule.prepare_data_per_node = False",
        "it is an attribute of the datamodule (or of the model that has its own loaders), True unless you set it",
    ),
    "resume_from_checkpoint": Removed(
        "Trainer(resume_from_checkpoint='last.ckpt')",
        "Trainer().fit(model, ckpt_path='last.ckpt')",
        "give the path to fit: trainer.fit(model, ckpt_path=...)",
    ),
    "checkpoint_callback": Removed(
        "Trainer(checkpoint_callback=False)",
        "Trainer(enable_checkpointing=False)",
        "True or False go to enable_checkpointing, a ModelCheckpoint goes into callbacks",
    ),
    "early_stop_callback": Removed(
        "Trainer(early_stop_callback=True)",
        "Trainer(callbacks=[EarlyStopping(monitor='val_loss')])",
        "EarlyStopping is a callback like any other, and has to be told what to monitor",
    ),
    "weights_save_path": Removed(
        "Trainer(weights_save_path='weights')",
        "Trainer(callbacks=[ModelCheckpoint(dirpath='weights')])",
        "ModelCheckpoint says where checkpoints go: right into this folder, not into one for each run, as in 1.x",
    ),
    "progress_bar_refresh_rate": Removed(
        "Trainer(progress_bar_refresh_rate=20)",
        "Trainer(callbacks=[TQDMProgressBar(refresh_rate=20)])",
        "the bar is a callback; enable_progress_bar=False turns it off",
    ),
    "process_position": Removed(
        "Trainer(process_position=1)",
        "Trainer(callbacks=[TQDMProgressBar(process_position=1)])",
        "the bar is a callback",
    ),
    "weights_summary": Removed(
        "Trainer(weights_summary=None)",
        "Trainer(enable_model_summary=False)",
        "None is enable_model_summary=False, 'top' is the default, 'full' is the callback ModelSummary(max_depth=-1)",
    ),
    "stochastic_weight_avg": Removed(
        "Trainer(stochastic_weight_avg=True)",
        "Trainer(callbacks=[StochasticWeightAveraging(swa_lrs=0.01)])",
        "it is a callback, and its learning rate swa_lrs, here a common value, is yours to choose; 1.x took that of "
        "the optimizer",
    ),
    "log_gpu_memory": Removed(
        "Trainer(log_gpu_memory='all')",
        "Trainer(callbacks=[DeviceStatsMonitor()])",
        "DeviceStatsMonitor logs the memory of any kind of device",
    ),
    "flush_logs_every_n_steps": Removed(
        "Trainer(flush_logs_every_n_steps=10)",
        "Trainer(logger=CSVLogger('logs', flush_logs_every_n_steps=10))",
        "when to write to disk is an argument of the logger: flush_logs_every_n_steps of CSVLogger, flush_secs of "
        "TensorBoardLogger",
    ),
    "terminate_on_nan": Removed(
        "Trainer(terminate_on_nan=True)",
        "Trainer(detect_anomaly=True)",
        "detect_anomaly raises at a NaN in the backward pass and is slow; EarlyStopping('train_loss', patience=10**9) "
        "costs less: it ends the run where that logged value is NaN or infinite, and looks once an epoch",
    ),
    "track_grad_norm": Removed(
        "Trainer(track_grad_norm=2)",
        _GRAD_NORM_HOOK,
        "log grad_norm(self, norm_type=...) of pytorch_lightning.utilities in the model's on_before_optimizer_step",
    ),
    "auto_lr_find": Removed(
        "Trainer(auto_lr_find=True)",
        "Tuner(Trainer()).lr_find(model)",
        "call Tuner(trainer).lr_find(model) before fit (from pytorch_lightning.tuner import Tuner), "
        "with attr_name='rate' if the value was 'rate'",
    ),
    "auto_scale_batch_size": Removed(
        "Trainer(auto_scale_batch_size='power')",
        "Tuner(Trainer()).scale_batch_size(model, datamodule=datamodule, mode='power')",
        "call Tuner(trainer).scale_batch_size(model) before fit (from pytorch_lightning.tuner import Tuner)",
    ),
    "amp_backend": Removed(
        "Trainer(amp_backend='apex')",
        "Trainer(precision='16-mixed')",
        "Apex is gone, and PyTorch's own mixed precision does it: leave it out where precision was not 16",
    ),
    "amp_level": Removed(
        "Trainer(amp_level='O2')",
        "Trainer(precision='16-mixed')",
        "Apex is gone, and PyTorch's own mixed precision does what O1 and O2 did: leave it out with O0, or where "
        "precision was not 16",
    ),
    "multiple_trainloader_mode": Removed(
        "Trainer(multiple_trainloader_mode='min_size')",
        "Trainer().fit(model, CombinedLoader({'a': a, 'b': b}, mode='min_size'))",
        "put the loaders into CombinedLoader(loaders, mode=...) of pytorch_lightning.utilities",
    ),
    "reload_dataloaders_every_epoch": Removed(
        "Trainer(reload_dataloaders_every_epoch=True)",
        "Trainer(reload_dataloaders_every_n_epochs=1)",
        "say after how many epochs",
    ),
    "move_metrics_to_cpu": Removed(
        "Trainer(move_metrics_to_cpu=True)",
        "metric = CatMetric(compute_on_cpu=True)",
        "a metric of torchmetrics takes compute_on_cpu=True; other values are yours to move",
    ),
    "truncated_bptt_steps": Removed(
        "Trainer(truncated_bptt_steps=2)",
        "model.automatic_optimization = False",
        "cut the sequence in training_step yourself and step the optimizer after each piece (manual optimization): "
        "with this line alone, nothing is trained",
    ),
    "automatic_optimization": Removed(
        "Trainer(automatic_optimization=False)",
        "model.automatic_optimization = False",
        "it is an attribute of the model: set self.automatic_optimization = False in its __init__",
    ),
    "enable_pl_optimizer": Removed(
        "Trainer(enable_pl_optimizer=False)", "Trainer()", "self.optimizers() always returns wrapped optimizers"
    ),
}
"""The arguments that some Trainer between 1.0 and 1.9 had and today's has not."""

REMOVED_STRATEGIES = {
    "dp": ("ddp", "every process gets batches of batch_size, where dp split one batch over the GPUs"),
    "ddp2": ("ddp", "every process gets batches of batch_size, where ddp2 split one batch over the GPUs of a machine"),
    "ddp_cpu": ("ddp_spawn", "the kind of device goes to accelerator, and num_processes of then to devices"),
    "ddp_sharded": ("fsdp", "PyTorch's FSDP took the place of FairScale, and needs GPUs"),
    "ddp_sharded_spawn": ("fsdp", "PyTorch's FSDP took the place of FairScale, and needs GPUs"),
    "ddp_fully_sharded": ("fsdp", "PyTorch's FSDP took the place of FairScale, and needs GPUs"),
    "fsdp_native": ("fsdp", "the strategy has a new name"),
    "tpu_spawn": ("xla", "the strategy has a new name"),
    "tpu_spawn_debug": ("xla_debug", "the strategy has a new name"),
    "horovod": (None, "Horovod is a package of its own now, lightning-Horovod"),
    "bagua": (None, "Bagua is a package of its own now, lightning-Bagua"),
    "colossalai": (None, "ColossalAI is a package of its own now, lightning-ColossalAI"),
    "hivemind": (None, "Hivemind is a package of its own now, lightning-Hivemind"),
}
"""Strategies of 1.x (early on, values of `accelerator`): today's name, None where there is none, and what to know."""

REMOVED_ACCELERATORS = {
    "ipu": "Lightning no longer runs on IPUs",
    "hpu": "HPUs are served by a package of their own now, lightning-habana",
}

_DDP = ("ddp", "ddp_spawn", "ddp_fork", "ddp_notebook")
STRATEGIES = (
    *_DDP,
    *(f"{name}_find_unused_parameters_{answer}" for name in _DDP for answer in ("false", "true")),
    *("deepspeed", "deepspeed_stage_1", "deepspeed_stage_2", "deepspeed_stage_2_offload", "deepspeed_stage_3"),
    *("deepspeed_stage_3_offload", "deepspeed_stage_3_offload_nvme", "fsdp", "fsdp_cpu_offload"),
    *("single_device", "single_xla", "single_tpu", "xla", "xla_debug"),
)
"""The strategies that today's Lightning has registered; `"auto"` beside them."""

ACCELERATORS = ("auto", "gpu", "cpu", "cuda", "mps", "tpu")
"""The accelerators of today."""

RENAMED_BEFORE_1 = {
    "max_nb_epochs": "max_epochs",
    "min_nb_epochs": "min_epochs",
    "train_percent_check": "limit_train_batches",
    "val_percent_check": "limit_val_batches",
    "test_percent_check": "limit_test_batches",
    "overfit_pct": "overfit_batches",
    "row_log_interval": "log_every_n_steps",
    "add_row_log_interval": "log_every_n_steps",
    "log_save_interval": "flush_logs_every_n_steps",
    "default_save_path": "default_root_dir",
    "gradient_clip": "gradient_clip_val",
    "nb_gpu_nodes": "num_nodes",
    "nb_sanity_val_steps": "num_sanity_val_steps",
    "num_tpu_cores": "tpu_cores",
    "show_progress_bar": "enable_progress_bar",
}
"""Arguments of 0.x by the name that they have today, or had last."""

GONE_BEFORE_1 = {
    "use_amp": "precision='16-mixed' says so today",
    "print_nan_grads": "detect_anomaly=True looks for NaN in the gradients today",
}
"""Arguments of 0.x that have no later name."""

_HOME = {
    "Trainer": "pytorch_lightning",
    "CombinedLoader": "pytorch_lightning.utilities",
    "find_usable_cuda_devices": "pytorch_lightning.accelerators",
    "grad_norm": "pytorch_lightning.utilities",
    "CSVLogger": "pytorch_lightning.loggers",
    "Tuner": "pytorch_lightning.tuner",
    "CatMetric": "torchmetrics",
    "DDPStrategy": "pytorch_lightning.strategies",
    "DeepSpeedStrategy": "pytorch_lightning.strategies",
    "DeviceStatsMonitor": "pytorch_lightning.callbacks",
    "EarlyStopping": "pytorch_lightning.callbacks",
    "GradientAccumulationScheduler": "pytorch_lightning.callbacks",
    "ModelCheckpoint": "pytorch_lightning.callbacks",
    "ModelSummary": "pytorch_lightning.callbacks",
    "StochasticWeightAveraging": "pytorch_lightning.callbacks",
    "TQDMProgressBar": "pytorch_lightning.callbacks",
    "recursive_detach": "pytorch_lightning.utilities.memory",
}


def import_lines(names: set[str]) -> tuple[str, ...]:
    """Return the import statements for those of `names` that live in Lightning, one per module."""
    homes = sorted({_HOME[name] for name in names if name in _HOME})
    lists = [", ".join(sorted(name for name in names if _HOME.get(name) == home)) for home in homes]
    return tuple(f"from {home} import {names}" for home, names in zip(homes, lists, strict=True))
