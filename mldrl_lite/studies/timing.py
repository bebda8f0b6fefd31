"""How notebook 08 measures: one fit with a profiler or a clock, what a profile says, calls of functions, compiling."""

import cProfile
import os
import pstats
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from IPython.utils.capture import capture_output
from pytorch_lightning import Trainer
from pytorch_lightning.profilers import Profiler
from torch import Tensor
from torch.utils.data import Dataset

from mldrl_lite.model import MMDynamic
from mldrl_lite.studies.speed import fresh, in_threads, recommended_arguments


def profiled_fit(profiler: Profiler, seed: int, eval_batch_size: int = 32, **arguments: Any) -> Profiler:
    """Train a fresh model with a profiler and return it.

    Args:
        profiler: of Lightning.
        seed: of weights, order and dropout.
        eval_batch_size: samples in a batch of validation.
        arguments: of the Trainer.
    """
    model, datamodule = fresh(seed=seed, eval_batch_size=eval_batch_size)
    with capture_output():  # the bars of short fits
        Trainer(accelerator="cpu", profiler=profiler, **arguments).fit(model, datamodule)
    return profiler


def total(times: Mapping[str, list[float]], *endings: str) -> float:
    """Return the seconds of all actions of a simple profile whose names end so."""
    return sum(sum(spent) for action, spent in times.items() if action.endswith(endings))


def shares(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Take a simple profile apart into seconds that can be added up: what is nested is subtracted."""
    whole = total(times, "run_training_epoch", ".on_train_epoch_end")
    parts = {
        "get the batch": total(times, "train_dataloader_next", "Strategy.batch_to_device"),
        "forward, loss, log": total(times, "Strategy.training_step"),
        "backward": total(times, "Strategy.backward"),
        "optimizer": total(times, ".optimizer_step") - total(times, ".training_step", ".backward"),
        "validation batches": total(times, "Strategy.validation_step", "val_next"),
        "checkpoints": total(times, "save_checkpoint"),
    }
    return parts | {"the rest": whole - sum(parts.values())}


def seconds_of_fit(
    folder: str | Path,
    seed: int,
    max_epochs: int,
    data: Mapping[str, int] | None = None,
    model_class: type[MMDynamic] = MMDynamic,
    threads: int = 1,
    **changes: Any,
) -> tuple[float, Trainer]:
    """Time one fit as recommended, but for what is changed.

    Args:
        folder: where its log and checkpoint go.
        seed: of weights, order and dropout.
        max_epochs: passes over the training data.
        data: arguments of the DataModule.
        model_class: what is trained.
        threads: that PyTorch computes in.
        changes: arguments of the Trainer.

    Returns:
        Seconds from the Trainer to the trained weights, and the Trainer.
    """
    model, datamodule = fresh(seed=seed, model_class=model_class, **({"eval_batch_size": 512} | dict(data or {})))
    arguments = {"accelerator": "cpu"} | recommended_arguments(folder, max_epochs) | changes
    with capture_output(), warnings.catch_warnings(), in_threads(threads):
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        trainer = Trainer(**arguments)
        trainer.fit(model, datamodule)
        return time.perf_counter() - start, trainer


def count_calls(function: Callable[..., object], *arguments: object) -> int:
    """Return how many functions are called while this one runs."""
    counter = cProfile.Profile()
    with capture_output():
        counter.runcall(function, *arguments)
    return pstats.Stats(counter).total_calls


class SlowToRead(Dataset[Tensor]):
    """Samples that take 5 ms each, as if they were read from files and decoded."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        """Wait, then return the sample."""
        time.sleep(0.005)
        return torch.full((900,), float(index))


@contextmanager
def stderr_to(path: str | Path) -> Iterator[None]:
    """Send what is written to standard error into a file, also what goes past Python, as tracers and copies do."""
    with open(path, "w") as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


class Compiled(NamedTuple):
    """Seconds of a function: the first call once compiled, a call as written, a call compiled."""

    first: float
    before: float
    after: float


def compare_compiled(function: Callable[[Tensor], Tensor], x: Tensor, calls: int = 100) -> Compiled:
    """Time a function as written and compiled by `torch.compile`; the results have to agree."""
    import torch._inductor.config as inductor

    quiet = {
        "compile_threads": 1,  # no helper processes that would stay behind
        "cpp_cache_precompile_headers": False,  # they would be kept outside the folder of the notebook
    }
    for name, value in quiet.items():
        if hasattr(inductor, name):  # it has no settings that PyTorch promises to keep
            setattr(inductor, name, value)
    compiled = torch.compile(function)
    first = _seconds(compiled, x)
    if not torch.allclose(function(x), compiled(x), atol=1e-5):
        raise RuntimeError("the compiled function returns something else")
    return Compiled(first, _seconds(function, x, calls), _seconds(compiled, x, calls))


def _seconds(function: Callable[[Tensor], Tensor], x: Tensor, calls: int = 1) -> float:
    """Return the median seconds of some calls."""
    spent = []
    for _ in range(calls):
        start = time.perf_counter()
        function(x)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def seconds_on_gpu(work: Callable[[], object], times: int = 50) -> tuple[float, float]:
    """Return the seconds of asking a GPU for some work, and those until it is done."""
    work()  # the first time pays for what is loaded once
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(times):
        work()
    asked = time.perf_counter() - start
    torch.cuda.synchronize()
    return asked, time.perf_counter() - start


def draw_dots(
    rows: Mapping[str, Mapping[str, list[float]] | list[float]],
    xlabel: str,
    title: str,
    line: float | None = None,
    log: bool = False,
) -> Any:
    """Draw a row of dots for each case, and a bar at their median; the cases may have two colours each.

    Args:
        rows: values by case, or by case and kind: `{"optimizer": {"everyday": [...], "recommended": [...]}}`.
        xlabel: what the values are, with their unit.
        title: of the picture.
        line: where to draw a line to compare with.
        log: draw on a logarithmic axis.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    from mldrl_lite.figures import COLOURS

    cases = {name: row if isinstance(row, Mapping) else {"": row} for name, row in rows.items()}
    kinds = list(next(iter(cases.values())))
    colours = dict(zip(kinds, ("orange", "blue") if len(kinds) > 1 else ("blue",), strict=True))
    axes = plt.figure(figsize=(7.5, 0.32 * len(cases) * len(kinds) ** 0.5 + 1.1)).add_subplot()
    for y, row in enumerate(cases.values()):
        for place, (kind, values) in enumerate(row.items()):
            height = y + 0.36 * (place - (len(kinds) - 1) / 2)
            axes.plot(values, [height] * len(values), "o", color=COLOURS[colours[kind]], markersize=4, alpha=0.6)
            axes.plot(statistics.median(values), height, "|", color=COLOURS[colours[kind]], markersize=14, mew=3)
    for place, kind in enumerate(kinds):
        axes.text(0.75 + 0.25 * place, 1.03, kind, color=COLOURS[colours[kind]], transform=axes.transAxes, ha="right")
    if line is not None:
        axes.axvline(line, color=COLOURS["grey"], linestyle=":", linewidth=1)
    axes.set(xlabel=xlabel, title=title, ylim=(len(cases) - 0.4, -0.6), xscale="log" if log else "linear")
    axes.set_yticks(range(len(cases)), list(cases))
    if log:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))  # 0.7, 1, 1.5, …
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    return axes
