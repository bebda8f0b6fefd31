"""A notebook run as papermill runs it, with those parameters that it declares; and data that nobody wrote it for."""

import tempfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import papermill
from nbformat import NotebookNode

from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.runs.process.engine import Engine
from mldrl_lite.runs.process.kernel import driving

THREE = "THREE"
"""A folder with three classes and two views."""


def run(node: NotebookNode | Path, folder: Path, parameters: dict[str, object], declared: list[str]) -> NotebookNode:
    """Return the executed notebook; of the parameters it gets those that it declares."""
    chosen = {name: value for name, value in parameters.items() if name in declared} | {"out_dir": "out"}
    node = nbformat.read(node, as_version=4) if isinstance(node, Path) else node
    options = {"kernel_name": default_kernel(), "progress_bar": False, "resources": {"metadata": {"path": str(folder)}}}
    with tempfile.TemporaryFile() as words, driving(words) as kernel:
        return papermill.execute_notebook(
            node, str(folder / "copy.ipynb"), chosen, engine_name=Engine.__name__, timeout=300, **options, **kernel
        )


def write_three(folder: Path) -> Path:
    """Write 150 samples of three classes, with views of 12 and 7 features of which a third tells the class."""
    random = np.random.default_rng(0)
    labels = np.arange(150) % 3
    views = {"blood": random.normal(size=(150, 12)), "scan": random.normal(size=(150, 7))}
    for view in views.values():
        view[:, ::3] += labels[:, None]
    place = folder / THREE
    place.mkdir(parents=True)
    for part, chosen in {"tr": slice(0, 105), "te": slice(105, None)}.items():
        pd.DataFrame({"label": labels[chosen]}).to_csv(place / f"labels_{part}.csv", index=False)
        for name, view in views.items():
            columns = [f"{name} {i}" for i in range(view.shape[1])]
            pd.DataFrame(view[chosen].round(3), columns=columns).to_csv(place / f"{name}_{part}.csv", index=False)
    return folder
