"""Who has issued the certificate of a provider on loopback."""

import pytest
from tests.identity.provider import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Made once: nothing that is changed by a test."""
    return Authority.make(tmp_path_factory.mktemp("tls"))
