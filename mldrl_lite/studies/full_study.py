"""Make `rosmap_study.json` anew: the whole study of notebook 09 on ROSMAP, with its origin.

    python -m mldrl_lite.studies.full_study --data-dir FOLDER --out rosmap_study.json

It takes some fifteen minutes of two cores. Stopped and started again, it goes on where it was.
"""

import argparse
import datetime
import platform
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from mldrl_lite import sources
from mldrl_lite.sources import Samples
from mldrl_lite.studies.findings import Findings, find, looked_at, write_findings
from mldrl_lite.studies.fits import process_pool
from mldrl_lite.studies.judging import ensembles
from mldrl_lite.studies.recipes import make_task
from mldrl_lite.studies.study import (
    CHOSEN,
    ENSEMBLES,
    IN_AN_ENSEMBLE,
    RECIPES,
    Settings,
    look_epochs,
    recipe_of,
    run_baselines,
    run_recipe,
    runs_for_ensembles,
    search_recipe,
    split_samples,
    two_classes,
)


def run_study(samples: Samples, settings: Settings, folder: Path, executor: Executor | None = None) -> Findings:
    """Run all steps of the study and judge them.

    Args:
        samples: of two classes or more; the two largest are compared.
        settings: how much of it.
        folder: of fits and search, where an interrupted study goes on.
        executor: where fits run; in this process by default.
    """
    samples = two_classes(samples)
    train, test = split_samples(samples)
    task, fits = make_task(samples, train, test), folder / "fits"
    search = search_recipe(samples, train, settings, folder / "search", executor)
    results, settled = run_baselines(task, settings.folds)
    for name, recipe in RECIPES.items():
        short = recipe.shortened(settings.share)
        looks = look_epochs(short) if name == "published protocol" else (short.epochs,)
        watched = run_recipe(short, settings.seeds, task, fits, executor, at=looks, label=name)
        results[name] = watched[:, -1]
    chosen = recipe_of(search.best().parameters, settings.share)
    single = run_recipe(chosen, runs_for_ensembles(settings.seeds), task, fits, executor, label=CHOSEN)[:, -1]
    results |= {CHOSEN: single[: settings.seeds], ENSEMBLES: ensembles(single, IN_AN_ENSEMBLE)}
    labels, counts = samples.labels[test], {"train": len(train), "test": len(test)}
    seen = looked_at(labels, watched, looks)
    return counts | {"baselines": settled} | seen | find(labels, results, search, watched)


def origin(settings: Settings, data_type: str) -> dict[str, object]:
    """Say of a study when, from what, with which versions and how it was made."""
    packages = ("mldrl-lite", "numpy", "optuna", "pytorch-lightning", "scikit-learn", "torch")
    return {
        "data": data_type,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "settings": asdict(settings),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "command": f"python -m mldrl_lite.studies.full_study --seeds {settings.seeds} --data-dir FOLDER",
    }


def _commit() -> str:
    git = shutil.which("git")
    if not git:
        return "unknown"
    words = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the full study on ROSMAP and write it to a file."""
    parser = argparse.ArgumentParser(
        prog="python -m mldrl_lite.studies.full_study", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data-dir", default=None, help="the folder that holds ROSMAP; downloaded if it is nowhere")
    parser.add_argument("--work", type=Path, default=Path("build/full_study"), help="for fits and the search")
    parser.add_argument("--out", type=Path, default=Path("rosmap_study.json"))
    parser.add_argument("--seeds", type=int, default=Settings().seeds, help="runs of each recipe")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    options = parser.parse_args(arguments)
    settings = Settings(seeds=options.seeds)
    pool = process_pool(options.jobs)
    try:
        found = run_study(sources.load("ROSMAP", options.data_dir), settings, options.work, pool)
    finally:
        pool.shutdown(cancel_futures=True)
    write_findings({"origin": origin(settings, "ROSMAP")} | found, options.out)


if __name__ == "__main__":
    main()
