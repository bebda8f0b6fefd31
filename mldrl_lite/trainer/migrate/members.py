"""Attributes and methods that objects of Lightning had in 1.x, and arguments of their methods, as tables.

How rows are named is told in `moved`.
"""

from typing import NamedTuple


class Member(NamedTuple):
    """An attribute or method: what to write for it, or why a person has to decide."""

    today: str
    """The attribute of today; or an expression in which `{o}` is the object; "" where there is none."""
    why: str = ""
    rows: str = ""
    example: str = ""


_CALLS = "Replace calls"
_ARGPARSE = "the bridge to argparse is gone: use inspect.signature(Trainer), or LightningCLI"
_LOOPS = "loops cannot be replaced any more: write the loop with lightning.fabric, or use manual optimization"
_DEVICES = "num_devices counts devices of all kinds, the CPU as 1; device_ids has their numbers"
_DATALOADERS = "trainer.fit_loop.setup_data() and its sisters reload loaders"

TRAINER = {
    "running_sanity_check": Member("sanity_checking", rows="1.4a2"),
    "disable_validation": Member("(not {o}.enable_validation)", rows="1.5a15"),
    "train_loop": Member("fit_loop", "the loops have changed inside: look at what you use", "1.5d3"),
    "progress_bar_dict": Member("progress_bar_metrics", rows="1.6a6"),
    "training_type_plugin": Member("strategy", rows="1.7a2"),
    "num_processes": Member("num_devices", _DEVICES, "1.7a15 1.7a20"),
    "gpus": Member("num_devices", _DEVICES, "1.7a16"),
    "num_gpus": Member("num_devices", _DEVICES, "1.7a17"),
    "ipus": Member("num_devices", _DEVICES, "1.7a18"),
    "tpu_cores": Member("num_devices", _DEVICES, "1.7a19"),
    "validated_ckpt_path": Member("ckpt_path", rows="1.7a25"),
    "tested_ckpt_path": Member("ckpt_path", rows="1.7a26"),
    "predicted_ckpt_path": Member("ckpt_path", rows="1.7a27"),
    "data_parallel_device_ids": Member("device_ids", rows="1.7d10"),
    "root_gpu": Member("strategy.root_device.index", rows="1.7d16"),
    "proc_rank": Member("global_rank"),
    "data_parallel": Member(
        "", "ask isinstance(trainer.strategy, ParallelStrategy) of pytorch_lightning.strategies", "1.9d10"
    ),
    "lr_schedulers": Member("", "trainer.lr_scheduler_configs has objects: config.scheduler", "1.7r2"),
    "use_amp": Member("", "trainer.precision says it", "1.7d17"),
    "using_native_amp": Member("", "trainer.precision says it", "1.9a16"),
    "amp_backend": Member("", "trainer.precision says it", "1.9a17"),
    "amp_level": Member("", "trainer.precision says it", "1.9a18"),
    "truncated_bptt_steps": Member("", "cut the sequence in training_step, with manual optimization", "1.4r2"),
    "verbose_evaluate": Member("", "give verbose to validate and test", "1.7d19"),
    "should_rank_save_checkpoint": Member("", "trainer.is_global_zero comes nearest", "1.7d20"),
    "lightning_optimizers": Member("", "the model's self.optimizers() has them", "1.7d23"),
    "call_hook": Member("", "it is private: call the hook itself", "1.7d24"),
    "run_stage": Member("", "call fit, validate, test or predict", "1.7d2"),
    "get_deprecated_arg_names": Member("", "it was removed", "1.7d1"),
    "weights_save_path": Member("", "ask the ModelCheckpoint: trainer.checkpoint_callback.dirpath", "1.7r9"),
    "optimizer_frequencies": Member("", "use manual optimization", "1.9a52", "Two optimizers"),
    "reset_train_val_dataloaders": Member("", _DATALOADERS, "1.8r2"),
    "reset_train_dataloader": Member("", _DATALOADERS, "1.9d55"),
    "reset_val_dataloader": Member("", _DATALOADERS, "1.9d55"),
    "reset_test_dataloader": Member("", _DATALOADERS, "1.9d55"),
    "reset_predict_dataloader": Member("", _DATALOADERS, "1.9d55"),
    "prediction_writer_callbacks": Member("", "look for BasePredictionWriter in trainer.callbacks", "1.9d65"),
    "default_attributes": Member("", _ARGPARSE, "1.9d33", _CALLS),
    "parse_argparser": Member("", _ARGPARSE, "1.9d35", _CALLS),
    "match_env_arguments": Member("", _ARGPARSE, "1.9d36", _CALLS),
    "tune": Member("", "Tuner(trainer) of pytorch_lightning.tuner has lr_find and scale_batch_size", "1.9r13", _CALLS),
    "tuner": Member("", "make one: Tuner(trainer) of pytorch_lightning.tuner", "1.9r13", _CALLS),
    "detect_nan_tensors": Member("", "Trainer(detect_anomaly=True) tells", "1.4a4"),
    "print_nan_gradients": Member("", "Trainer(detect_anomaly=True) tells", "1.4a5"),
    "metrics_to_scalars": Member("", "call .item() of the metrics", "1.4a6"),
    "run_evaluation": Member("", "call validate or test"),
    "total_batch_idx": Member("", "trainer.global_step counts the steps of the optimizers"),
    "validate_loop.replace": Member("", _LOOPS, "1.9a32"),
}
"""Of a Trainer: whatever is called `trainer`, or is assigned one."""

GETTERS = {"get_model": "{o}.lightning_module"}
"""Methods of a Trainer that are attributes today."""

SUMMED = {
    "num_val_batches": "2.0r5",
    "num_test_batches": "2.0r6",
    "num_sanity_val_batches": "2.0r7",
}
"""Attributes of a Trainer that are lists today, one number for each loader."""

LOOPS = {"fit_loop": "1.9a31", "validate_loop": "1.9a32", "test_loop": "1.9a33", "predict_loop": "1.9a34"}
"""Loops of a Trainer: to read them is fine, to assign them is not."""

MODULE = {
    "datamodule": Member("trainer.datamodule", rows="1.4r10"),
    "model_size": Member(
        "(sum(p.nbytes for p in {o}.parameters()) / 1024**2)", "buffers, if any, are not counted", "1.6r11"
    ),
    "use_amp": Member("", "self.trainer.precision says it", "1.7d18"),
    "precision": Member("trainer.precision", rows="1.9d56"),
    "loaded_optimizer_states_dict": Member("", "the property has been removed", "1.5d4"),
    "write_predictions": Member("", "return predictions from predict_step and call trainer.predict", "1.4r3"),
    "write_predictions_dict": Member("", "return predictions from predict_step and call trainer.predict", "1.4r3"),
    "grad_norm": Member("", "call grad_norm(self, norm_type=2) of pytorch_lightning.utilities", "1.4a3"),
    "log_grad_norm": Member("", "call self.log_dict in on_before_optimizer_step", "1.9a8", "Replace the arguments"),
    "get_progress_bar_dict": Member("", "a progress bar's get_metrics(trainer, model) chooses what it shows", "1.6a4"),
    "add_to_queue": Member("", "processes that are spawned send back what trainer.callback_metrics has", "1.6a3"),
    "get_from_queue": Member("", "processes that are spawned send back what trainer.callback_metrics has", "1.6a3"),
    "truncated_bptt_steps": Member(
        "", "cut the sequence in training_step, with manual optimization", "1.9d20", "Replace the arguments"
    ),
    "tbptt_split_batch": Member(
        "", "cut the sequence in training_step, with manual optimization", "1.9d21", "Replace the arguments"
    ),
    "manual_optimizer_step": Member("", "call optimizer.step()", example="Two optimizers"),
}
"""Of a LightningModule: `self` in its methods."""

DATAMODULE = {
    **{
        f"has_{stage}": Member("", "remember it yourself: hooks may run more than once", f"1.5a{row}")
        for row, stage in enumerate(
            ("prepared_data", "setup_fit", "setup_validate", "setup_test", "setup_predict"), start=5
        )
    },
    **{
        f"has_teardown_{stage}": Member("", "remember it yourself: hooks may run more than once", f"1.5a{row}")
        for row, stage in enumerate(("fit", "validate", "test", "predict"), start=10)
    },
    "train_transforms": Member("", "an attribute like any other: set it in __init__", "1.6a11"),
    "val_transforms": Member("", "an attribute like any other: set it in __init__", "1.6a11"),
    "test_transforms": Member("", "an attribute like any other: set it in __init__", "1.6a11"),
}
"""Of a LightningDataModule: `self` in its methods."""

ANYWHERE = {
    "has_setup_fit": DATAMODULE["has_setup_fit"],
    "lr_sch_names": Member("", "list(monitor.lrs) has the names", "1.6a10"),
    "task_idx": Member("", "of a DDPStrategy: local_rank", "1.5a14"),
    "hpc_load": Member("", "of the checkpoint connector, which is private: fit(ckpt_path=…) restores", "1.5d1"),
    "is_slurm_managing_tasks": Member("", "it is private", "1.6d3"),
    "configure_slurm_ddp": Member("", "it is private", "1.6d4"),
    "creates_children": Member("", "of a ClusterEnvironment: the property creates_processes_externally", "1.6d5"),
    "master_params": Member("main_params", rows="1.6d6"),
    "agg_and_log_metrics": Member("log_metrics", rows="1.7a22"),
    "save_function": Member("", "of a ModelCheckpoint: call trainer.save_checkpoint(path)", "1.4a1"),
    "profile_iterable": Member("", "of a profiler: profiler.profile(name)", "1.7d25 1.7d26"),
    "on_hpc_load": Member("", "on_load_checkpoint", "1.7r6"),
    "train_batch_idx": Member("", "of a progress bar: trainer.fit_loop.batch_idx", "1.9d61"),
    "val_batch_idx": Member("", "of a progress bar: keep batch_idx of its hooks", "1.9d62"),
    "test_batch_idx": Member("", "of a progress bar: keep batch_idx of its hooks", "1.9d63"),
    "predict_batch_idx": Member("", "of a progress bar: keep batch_idx of its hooks", "1.9d64"),
    "add_argparse_args": Member("", _ARGPARSE, "1.9d29", _CALLS),
    "parse_argparser": Member("", _ARGPARSE, "1.9d30", _CALLS),
    "from_argparse_args": Member("", _ARGPARSE, "1.9d31", _CALLS),
    "get_init_arguments_and_types": Member("", _ARGPARSE, "1.9d32", _CALLS),
    "tpu_device_exists": Member("", "accelerators.XLAAccelerator.is_available()", "1.9d11"),
}
"""Of objects that cannot be told by their names, unless the file has such an attribute of its own."""

COLLECTIVES = ("barrier", "broadcast", "all_gather")
"""Methods that `trainer.accelerator` had and `trainer.strategy` has (1.6a8)."""
