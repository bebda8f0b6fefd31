"""Whether the result for one sample depends on the other samples of its batch."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mldrl_lite.trainer.diagnosis.run import no_trace
from mldrl_lite.trainer.verification.probe import Call

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_SAME = 1e-3
"""How far the results may differ, relative to their size, for one that only rounding has changed."""


def mixing_parts(calls: list[Call], size: int | None) -> Iterator[str]:
    """Yield the names of the parts of a model in which the samples of a batch of this size influence each other.

    Normalisation over the batch is taken out: the parts are called in eval mode.
    """
    seen: set[str] = set()
    for call in calls if size is not None and size > 1 else ():
        if call.name not in seen and _goes_by_sample(call, size):
            seen.add(call.name)
            if _mixes(call):
                yield call.name


def _goes_by_sample(call: Call, size: int) -> bool:
    """Tell whether the first input and the output have one entry per sample, in their first dimension only."""
    parts = [call.inputs[0] if call.inputs else None, call.output]
    tensors = all(isinstance(part, Tensor) and part.ndim and len(part) == size for part in parts)
    if not tensors or size in (*parts[0].shape[1:], *parts[1].shape[1:]):
        return False
    return not any(isinstance(part, _BATCH_NORMS) and not part.track_running_stats for part in call.module.modules())


def _mixes(call: Call) -> bool:
    first = call.inputs[0].detach()
    changed = first.clone()
    changed[0] = first[1]  # another sample, which is as possible as the one before
    if torch.equal(changed, first):
        return False
    try:
        with no_trace(), torch.no_grad():
            module = copy.deepcopy(call.module).eval()
            before, after = (module(value, *call.inputs[1:], **call.named) for value in (first, changed))
    except Exception:
        return False  # it can be called only in its place
    return _differ(before, after)


def _differ(before: Any, after: Any) -> bool:
    if not isinstance(before, Tensor) or not before.is_floating_point() or before.shape != after.shape:
        return False
    gap = (before[1:] - after[1:]).abs().max()
    return bool(gap > _SAME * before.abs().max().clamp(min=1e-6))
