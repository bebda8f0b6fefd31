"""Each test of this room has a folder of its own, and hears nothing of what Lightning says of any small run."""

from pathlib import Path

import pytest

_SAID_OF_SMALL_RUNS = (
    "ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning",
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning",
    "ignore:The number of training batches",
)


def pytest_itemcollected(item: pytest.Item) -> None:
    for said in _SAID_OF_SMALL_RUNS:
        item.add_marker(pytest.mark.filterwarnings(said))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
