"""Scripts of 0.9 to 1.9, migrated, give today what they gave then.

`scripts_of_1x/results.json` has what each script printed under the version in its name (0.9.0, 1.2.10, 1.4.9,
1.5.10.post0, 1.6.5.post0, 1.9.5) with Python 3.8 and torch 1.10.2 on a CPU: `python SCRIPT.py`, once, by hand.
"""

import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest

from mldrl_lite.trainer.migrate.engine import migrate_source

FOLDER = Path(__file__).parent / "scripts_of_1x"
SCRIPTS = sorted(FOLDER.glob("v*.py"))
RESULTS = json.loads((FOLDER / "results.json").read_text())


def test_there_are_ten_scripts_with_their_results():
    assert len(SCRIPTS) >= 10
    assert sorted(RESULTS) == [script.stem for script in SCRIPTS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_migrated_script_gives_what_it_gave(script, tmp_path, monkeypatch):
    old = script.read_text()
    new = migrate_source(old)
    assert new.source != old
    assert [finding.text for finding in new.findings if finding.kind == "decide"] == []
    assert migrate_source(new.source).source == new.source
    file = tmp_path / "migrated.py"
    file.write_text(new.source)
    monkeypatch.chdir(tmp_path)
    same(runpy.run_path(str(file))["main"](), RESULTS[script.stem])


def same(new: Any, old: Any) -> None:
    """Compare results, numbers within the tolerance of 32 bits."""
    assert type(new) is type(old)
    if isinstance(old, dict):
        assert new.keys() == old.keys()
        same(list(new.values()), [old[name] for name in new])
    elif isinstance(old, list):
        assert len(new) == len(old)
        for one, other in zip(new, old, strict=True):
            same(one, other)
    elif isinstance(old, float):
        assert math.isclose(new, old, rel_tol=1e-5, abs_tol=1e-6)
    else:
        assert new == old
