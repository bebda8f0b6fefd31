"""Arguments that classes and methods of Lightning had in 1.x, as a table."""

from typing import NamedTuple


class Argument(NamedTuple):
    """What becomes of an argument."""

    today: str | None
    """Its name of today; "" if it can be left out; None if a person has to decide."""
    why: str = ""
    rows: str = ""


_CONTROL = "the Trainer tells the strategy"
_STEPS = "the steps of today log at once"
_FILES = "give dirpath and filename"

CLASSES = {
    "ModelCheckpoint": {
        "period": Argument("every_n_epochs", rows="1.4r4"),
        "every_n_val_epochs": Argument("every_n_epochs", rows="1.5r6"),
        "prefix": Argument(None, "put it in front of filename"),
    },
    "DDPStrategy": {
        "num_nodes": Argument("", _CONTROL, "1.5r3"),
        "sync_batchnorm": Argument("", _CONTROL, "1.5r4"),
    },
    "DeviceStatsMonitor": {
        name: Argument("", "DeviceStatsMonitor logs all that there is")
        for name in (
            *("memory_utilization", "gpu_utilization", "intra_step_time", "inter_step_time", "fan_speed"),
            *("temperature", "xla_stats", "verbose"),
        )
    },
    "PyTorchProfiler": {
        "profiled_functions": Argument("record_functions", rows="1.4r6"),
        "output_filename": Argument(None, _FILES, "1.4r5"),
    },
    "SimpleProfiler": {"output_filename": Argument(None, _FILES, "1.4r5")},
    "AdvancedProfiler": {"output_filename": Argument(None, _FILES, "1.4r5")},
    "LightningCLI": {
        "save_config_overwrite": Argument(None, "give save_config_kwargs={'overwrite': …}", "1.9a26"),
        "save_config_multifile": Argument(None, "give save_config_kwargs={'multifile': …}", "1.9a27"),
    },
    "Logger": {
        "agg_key_funcs": Argument(None, "log what you have put together yourself", "1.7a23"),
        "agg_default_func": Argument(None, "log what you have put together yourself", "1.7a24"),
    },
    "NeptuneLogger": {
        name: Argument(None, "NeptuneLogger follows Neptune's new client", "1.7r3")
        for name in (
            "experiment_name",
            "offline_mode",
            "close_after_fit",
            "upload_source_files",
            "params",
            "experiment_id",
        )
    },
}
"""By class, as it is called today, and argument."""

METHODS = {
    "fit": {
        "train_dataloader": Argument("train_dataloaders", rows="1.5r1"),
        "val_dataloader": Argument("val_dataloaders"),
    },
    "validate": {"val_dataloaders": Argument("dataloaders", rows="1.5r2"), "val_dataloader": Argument("dataloaders")},
    "test": {"test_dataloaders": Argument("dataloaders"), "test_dataloader": Argument("dataloaders")},
}
"""Of a Trainer's methods."""

LOG = {
    "sync_dist_op": Argument("reduce_fx", rows="1.5a1"),
    "tbptt_reduce_fx": Argument("", _STEPS),
    "tbptt_pad_token": Argument("", _STEPS),
}
"""Of self.log and self.log_dict."""

LOADING = {"tags_csv": Argument("hparams_file")}
"""Of load_from_checkpoint."""
