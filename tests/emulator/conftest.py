"""What the emulator's tests share."""

import pytest
from tests.emulator.asking import Asker

from keyferry.emulator.server import Running


@pytest.fixture(scope="session")
def asker(emulator: Running) -> Asker:
    """A client of the shared emulator."""
    return Asker(emulator)
