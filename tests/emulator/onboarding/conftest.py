from collections.abc import Iterator

import pytest
from tests.emulator.calling import operator_of
from tests.emulator.onboarding.pair import Pair

from keyferry.emulator.server import Running


@pytest.fixture
def pair(emulator: Running) -> Iterator[Pair]:
    """A pair of keys that may become a Customer Key, and the request that asks for it."""
    with operator_of(emulator) as operator:
        yield Pair.make(operator)
