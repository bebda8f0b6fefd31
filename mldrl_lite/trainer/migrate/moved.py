"""Names that Lightning has moved, renamed or removed, as tables.

Each entry names the rows of Lightning's upgrade guides that it comes from (docs/source-pytorch/upgrade/sections):
`1.9r3` is row 3 of the section for regular users of 1.9; `a` stands for advanced users, `d` for developers. Entries
without rows were found in the sources of 0.9 to 1.9 beside those of today.
"""

from typing import NamedTuple


class Moved(NamedTuple):
    """A module, class or function of 1.x that has another full name today."""

    today: str
    rows: str = ""


class Gone(NamedTuple):
    """Something that has no name today; a person has to decide."""

    why: str
    rows: str = ""
    example: str = ""
    """The heading in notebook A2 under which a case of it is worked out."""


_BASE = {
    "callbacks.base": Moved("callbacks.callback", "1.8a1"),
    "core.decorators.data_loader": Moved("core.decorators.data_loader"),
    "core.lightning": Moved("core.module", "1.8r3"),
    "core.memory.ModelSummary": Moved("utilities.model_summary.ModelSummary"),
    "core.memory": Moved("utilities.model_summary"),
    "core.step_result": Moved("core.step_result"),
    "loggers.base": Moved("loggers.logger", "1.8d1"),
    "loggers.base.LightningLoggerBase": Moved("loggers.logger.Logger", "1.8d1"),
    "loggers.LightningLoggerBase": Moved("loggers.Logger", "1.8d1"),
    "loggers.base.rank_zero_experiment": Moved("loggers.logger.rank_zero_experiment"),
    "loops.base": Moved("loops.loop", "1.8a2"),
    "loops.base.Loop": Moved("loops.loop._Loop", "1.8a2"),
    "metrics": Moved("torchmetrics", "1.4r9"),
    "metrics.functional": Moved("torchmetrics.functional", "1.4r9"),
    "metrics.metric": Moved("torchmetrics.metric", "1.4r9"),
    "metrics.classification": Moved("torchmetrics.classification", "1.4r9"),
    "metrics.regression": Moved("torchmetrics.regression", "1.4r9"),
    "profiler": Moved("profilers", "1.8a4 1.9r12"),
    "profiler.profilers": Moved("profilers", "1.8a4 1.9r12"),
    "profiler.base": Moved("profilers", "1.8a4 1.9r12"),
    "profiler.BaseProfiler": Moved("profilers.Profiler", "1.7d12 1.8d2"),
    "profiler.base.BaseProfiler": Moved("profilers.Profiler", "1.7d12 1.8d2"),
    "profiler.profilers.BaseProfiler": Moved("profilers.Profiler", "1.7d12 1.8d2"),
    "profiler.AbstractProfiler": Moved("profilers.Profiler", "1.8d3"),
    "profiler.base.AbstractProfiler": Moved("profilers.Profiler", "1.8d3"),
    "utilities.cli": Moved("cli", "1.8a3"),
    "lite": Moved("lightning_fabric", "1.9a1"),
    "lite.LightningLite": Moved("lightning_fabric.Fabric", "1.9a1"),
    "accelerators.GPUAccelerator": Moved("accelerators.CUDAAccelerator", "1.8a5"),
    "accelerators.gpu.GPUAccelerator": Moved("accelerators.CUDAAccelerator", "1.8a5"),
    "accelerators.gpu": Moved("accelerators.cuda", "1.8a5"),
    "accelerators.tpu.TPUAccelerator": Moved("accelerators.XLAAccelerator"),
    "accelerators.TPUAccelerator": Moved("accelerators.XLAAccelerator"),
    "logging": Moved("loggers"),
    "callbacks.pt_callbacks": Moved("callbacks"),
    "root_module": Moved("core"),
}

_CALLBACKS = {
    "callbacks.GPUStatsMonitor": Moved("callbacks.DeviceStatsMonitor", "1.6r19"),
    "callbacks.gpu_stats_monitor.GPUStatsMonitor": Moved("callbacks.DeviceStatsMonitor", "1.6r19"),
    "callbacks.XLAStatsMonitor": Moved("callbacks.DeviceStatsMonitor", "1.6r20"),
    "callbacks.xla_stats_monitor.XLAStatsMonitor": Moved("callbacks.DeviceStatsMonitor", "1.6r20"),
    "callbacks.LearningRateLogger": Moved("callbacks.LearningRateMonitor"),
    "callbacks.lr_logger.LearningRateLogger": Moved("callbacks.LearningRateMonitor"),
    "callbacks.progress.ProgressBarBase": Moved("callbacks.ProgressBar", "1.9d60"),
    "callbacks.ProgressBarBase": Moved("callbacks.ProgressBar", "1.9d60"),
    "callbacks.progress.base.ProgressBarBase": Moved("callbacks.ProgressBar", "1.9d60"),
    "callbacks.progress.base.get_standard_metrics": Moved("callbacks.progress.progress_bar.get_standard_metrics"),
    "callbacks.progress.base": Moved("callbacks.progress.progress_bar", "1.9d60"),
}

_PLUGINS = {
    "plugins.DDPPlugin": Moved("strategies.DDPStrategy", "1.7a3"),
    "plugins.DDPSpawnPlugin": Moved("strategies.DDPStrategy", "1.7a3 1.9a60"),
    "plugins.DeepSpeedPlugin": Moved("strategies.DeepSpeedStrategy", "1.7a3"),
    "plugins.SingleDevicePlugin": Moved("strategies.SingleDeviceStrategy", "1.7a3"),
    "plugins.ParallelPlugin": Moved("strategies.ParallelStrategy", "1.7a3"),
    "plugins.TrainingTypePlugin": Moved("strategies.Strategy", "1.7a3"),
    "plugins.training_type.DDPPlugin": Moved("strategies.DDPStrategy", "1.7a3"),
    "plugins.training_type.ddp.DDPPlugin": Moved("strategies.DDPStrategy", "1.7a3"),
    "plugins.training_type.DDPSpawnPlugin": Moved("strategies.DDPStrategy", "1.7a3 1.9a60"),
    "plugins.training_type.DeepSpeedPlugin": Moved("strategies.DeepSpeedStrategy", "1.7a3"),
    "plugins.training_type.TrainingTypePlugin": Moved("strategies.Strategy", "1.7a3"),
    "strategies.DDPSpawnStrategy": Moved("strategies.DDPStrategy", "1.9a60"),
    "strategies.ddp_spawn.DDPSpawnStrategy": Moved("strategies.DDPStrategy", "1.9a60"),
    "strategies.DDPFullyShardedNativeStrategy": Moved("strategies.FSDPStrategy"),
    "strategies.TPUSpawnStrategy": Moved("strategies.XLAStrategy"),
    "plugins.NativeMixedPrecisionPlugin": Moved("plugins.MixedPrecision", "1.9d7"),
    "plugins.precision.NativeMixedPrecisionPlugin": Moved("plugins.precision.MixedPrecision", "1.9d7"),
    "plugins.precision.MixedPrecisionPlugin": Moved("plugins.precision.MixedPrecision", "1.9d7"),
    "plugins.MixedPrecisionPlugin": Moved("plugins.MixedPrecision", "1.9d7"),
    "plugins.PrecisionPlugin": Moved("plugins.Precision"),
    "plugins.precision.PrecisionPlugin": Moved("plugins.precision.Precision"),
    "plugins.DoublePrecisionPlugin": Moved("plugins.DoublePrecision"),
    "overrides.data_parallel": Moved("overrides.data_parallel"),
}

_RANK_ZERO = ("rank_zero_only", "rank_zero_debug", "rank_zero_info", "rank_zero_warn", "rank_zero_deprecation")
_ROWS = {
    "distributed.rank_zero_only": "1.7d3",
    "distributed.rank_zero_debug": "1.7d4",
    "distributed.rank_zero_info": "1.7d5",
    "distributed.rank_zero_warn": "1.5a4",
    "warnings.rank_zero_warn": "1.7d6",
    "warnings.rank_zero_deprecation": "1.7d7",
}
_UTILITIES = {
    f"utilities.{module}.{name}": Moved(f"utilities.rank_zero.{name}", _ROWS.get(f"{module}.{name}", ""))
    for module in ("distributed", "warnings")
    for name in _RANK_ZERO
}
_UTILITIES |= {
    "utilities.warnings.LightningDeprecationWarning": Moved(
        "utilities.rank_zero.LightningDeprecationWarning", "1.7d8 1.7d9"
    ),
    "utilities.seed.seed_everything": Moved("seed_everything", "1.9d19"),
    "utilities.seed.isolate_rng": Moved("utilities.seed.isolate_rng"),
    "utilities.cloud_io": Moved("lightning_fabric.utilities.cloud_io", "1.9d13"),
    "utilities.cloud_io.load": Moved("lightning_fabric.utilities.cloud_io._load", "1.9d13"),
    "utilities.device_parser": Moved("lightning_fabric.utilities.device_parser", "1.9d12"),
    "utilities.apply_func": Moved("lightning_utilities.core.apply_func", "1.9d14"),
    "utilities.apply_func.move_data_to_device": Moved("lightning_fabric.utilities.apply_func.move_data_to_device"),
    "utilities.apply_func.apply_to_collection": Moved("lightning_utilities.apply_to_collection", "1.9d14"),
    "utilities.apply_to_collection": Moved("lightning_utilities.apply_to_collection", "1.9d14"),
    "utilities.memory.ModelSummary": Moved("utilities.model_summary.ModelSummary"),
    "utilities.supporters.CombinedLoader": Moved("utilities.CombinedLoader"),
    "trainer.supporters.CombinedLoader": Moved("utilities.CombinedLoader"),
    "utilities.distributed.all_gather_ddp_if_available": Moved(
        "lightning_fabric.utilities.distributed._all_gather_ddp_if_available"
    ),
    "utilities.enums.DistributedType": Moved("utilities.enums.DistributedType"),
    "utilities.types._METRIC_COLLECTION": Moved("utilities.types._METRIC"),
    "utilities.xla_device.XLADeviceUtils.tpu_device_exists": Moved("accelerators.XLAAccelerator.is_available"),
}

_OUTSIDE = ("torchmetrics", "lightning_fabric", "lightning_utilities")


def _full(name: str) -> str:
    return name if name.split(".")[0] in _OUTSIDE else f"pytorch_lightning.{name}"


MOVED = {
    _full(old): Moved(_full(new.today), new.rows)
    for old, new in (_BASE | _CALLBACKS | _PLUGINS | _UTILITIES).items()
    if old != new.today
}
"""Full names of 1.x and what they are today. What is below a module in the table moves with it."""

METRICS = {
    "Fbeta": "FBetaScore",
    "FBeta": "FBetaScore",
    "F1": "F1Score",
    "IoU": "JaccardIndex",
    "PSNR": "PeakSignalNoiseRatio",
    "SSIM": "StructuralSimilarityIndexMeasure",
    "MatthewsCorrcoef": "MatthewsCorrCoef",
    "EmbeddingSimilarity": "functional.pairwise_cosine_similarity",
}
"""Metrics that were renamed on their way to torchmetrics."""

TASK_METRICS = (
    *("Accuracy", "Precision", "Recall", "F1Score", "FBetaScore", "ConfusionMatrix", "AUROC", "ROC", "StatScores"),
    *("AveragePrecision", "PrecisionRecallCurve", "JaccardIndex", "HammingDistance", "CohenKappa", "MatthewsCorrCoef"),
)
"""Metrics that want to be told `task=` today."""
