"""A command on a machine, and what it says."""

import subprocess
import sys

import pytest

from mldrl_lite.studies.machines.launching import Machine


class Here:
    """Hosts that are all this machine."""

    network = "lo"

    def start(self, host: int, command: list[str], **options) -> subprocess.Popen:
        return subprocess.Popen(command, **options)


def test_a_command_that_fails_tells_the_first_cause_and_its_last_words():
    script = (
        "import traceback\n"
        "try:\n    raise ConnectionError('the first cause')\n"
        "except ConnectionError: traceback.print_exc()\n"
        "print('x' * 5000, flush=True)\nraise ValueError('what came of it')"
    )
    with pytest.raises(RuntimeError, match="^host2 ended with 1:\n") as failure:
        Machine(Here(), 2, [sys.executable, "-c", script]).end()
    said = str(failure.value)
    assert "ConnectionError: the first cause" in said
    assert said.rstrip().endswith("ValueError: what came of it")
    assert len(said) < 4000
