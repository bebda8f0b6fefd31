"""Names that are monitored: whether something logs them, and in which direction they get better."""

import re
from collections.abc import Iterable
from typing import Literal

from mldrl_lite.messages import did_you_mean, listing
from mldrl_lite.trainer.rules.logs import Logs

_HIGHER = re.compile(
    r"acc|accuracy|auc|auroc|auprc|aupr|roc|f1|fscore|fbeta|precision|recall|sensitivity|specificity|dice|iou|miou"
    r"|jaccard|bleu|rouge|psnr|ssim|r2|kappa|mcc|top1|top5|ndcg|mrr"
)
_LOWER = re.compile(r"loss|losses|error|err|mse|mae|rmse|mape|nll|bce|perplexity|ppl|wer|cer|fid|hamming|divergence")
_TURNED = re.compile(r"neg|negative|minus|inv|inverse|non|not")
"""Words after which a name tells nothing."""


def better(name: str) -> Literal["max", "min"] | None:
    """Return the mode that fits a metric by its name, None where the name does not tell."""
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))
    higher, lower, turned = (any(map(words_of.fullmatch, words)) for words_of in (_HIGHER, _LOWER, _TURNED))
    if higher == lower or turned:
        return None
    return "max" if higher else "min"


def wrong_direction(watcher: str, monitor: str, mode: str) -> tuple[str, str, str] | None:
    """Return what, why and fix where a callback or a scheduler waits for the wrong end of a metric."""
    wanted = better(monitor)
    if wanted is None or mode not in ("min", "max") or wanted == mode:
        return None
    end = "lower" if mode == "min" else "higher"
    why = {
        "ModelCheckpoint": "The checkpoint that is kept as the best is the worst one.",
        "EarlyStopping": "The run stops when the metric gets better.",
    }.get(watcher, "The learning rate falls while the metric gets better.")
    return f"{watcher} takes a {end} {monitor} for a better one.", why, f'Give {watcher}(…, mode="{wanted}").'


def is_logged(monitor: str, logs: Logs, more: Iterable[str] = ()) -> bool:
    """Tell whether some class logs a metric under this name, or under one of the patterns `more`."""
    patterns = [*(log.pattern for log in logs.calls if log.pattern), *more]
    any_form = rf"({'|'.join(patterns)})(_step|_epoch)?(/dataloader_idx_\d+)?"
    return bool(patterns) and re.fullmatch(any_form, monitor) is not None


def unlogged(watcher: str, monitor: str, logs: Logs) -> tuple[str, str, str]:
    """Return what, why and fix for a monitor that nothing logs."""
    names = [name for name in logs.names() if not name.startswith("test")]  # a choice by them would spoil the test
    return (
        f"{watcher} monitors {monitor!r}, and nothing logs that{did_you_mean(monitor, names)}.",
        "The run stops with an error after its first epoch or, without validation batches, saves nothing.",
        f"Monitor {listing(names)}." if names else f"Call self.log({monitor!r}, …) in the model.",
    )
