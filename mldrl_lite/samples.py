"""What every source of data gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """N people (or other things) seen through V views.

    Attributes:
        views: V arrays of shape (N, D_v), float32. The widths D_v may differ.
        labels: class numbers 0..C-1, shape (N,), int64.
        view_names: V names.
        class_names: C names.
        published_test: which samples belong to the published test set, shape (N,); None where nobody published a split.
        corrupted: which views of which samples were spoiled on purpose, shape (N, V); None for real data.
        warnings: a sentence for each thing in the files that is possible, but is probably not what was meant.
    """

    views: tuple[Floats, ...]
    labels: Ints
    view_names: tuple[str, ...]
    class_names: tuple[str, ...]
    published_test: Flags | None = None
    corrupted: Flags | None = None
    warnings: tuple[str, ...] = ()
