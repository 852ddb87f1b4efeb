"""One window at the portal for the tests of a file; they use vaults and keys of their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.emulator.portal.walking import Portal, walking

from keyferry.emulator.server import Running


@pytest.fixture(scope="module")
def portal(chromium: Browser, emulator: Running) -> Iterator[Portal]:
    with walking(chromium, emulator) as signed_in:
        yield signed_in
