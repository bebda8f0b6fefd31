"""The package as a whole: what `from mldrl_lite import …` gives, and what importing it costs."""

import subprocess
import sys

import pytest

import mldrl_lite


@pytest.mark.parametrize("name", mldrl_lite.__all__)
def test_every_name_on_offer_is_there(name: str):
    assert callable(getattr(mldrl_lite, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no mldrl_lite attribute diagnos|attribute .*diagnos"):
        _ = mldrl_lite.diagnos


def test_the_package_and_its_command_do_not_import_torch():
    code = "import sys, mldrl_lite.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
