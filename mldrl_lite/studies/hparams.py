"""What TensorBoard's page of hyperparameters shows, read back from the event files."""

from pathlib import Path

from mldrl_lite.figures import read_scalars
from mldrl_lite.messages import InputError, extras_named

with extras_named():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

_HPARAMS = "_hparams_/session_start_info"


def read_hparams(log_dir: str | Path) -> dict[str, float | str | bool]:
    """Return what `log_hyperparams` has left in a TensorBoard event folder: parameters, then the last of each metric.

    Raises:
        InputError: the folder has no event file, or one without hyperparameters.
    """
    metrics = read_scalars(log_dir).groupby("tag", sort=False)["value"].last()
    metadata = EventAccumulator(str(log_dir)).Reload().summary_metadata
    if _HPARAMS not in metadata:
        raise InputError(
            f"{str(log_dir)!r} holds no hyperparameters: log them with logger.log_hyperparams(params, metrics)."
        )
    started = HParamsPluginData.FromString(metadata[_HPARAMS].plugin_data.content).session_start_info
    return {
        name: getattr(value, value.WhichOneof("kind")) for name, value in started.hparams.items()
    } | metrics.to_dict()
