"""Three hosts for each test; without root or iproute2 the tests say so and are skipped."""

from collections.abc import Iterator

import pytest
from net import Net, why_not

_REASON = why_not()


@pytest.fixture
def net() -> Iterator[Net]:
    """Three hosts on one machine, `net.address(1)` to 3, named host1 to host3."""
    if _REASON:
        pytest.skip(_REASON)
    with Net(3) as net:
        yield net
