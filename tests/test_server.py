"""`keyferry serve` in a process of its own: which doors it opens, what it refuses, and how it ends."""

from pathlib import Path

import pytest

from keyferry.config.sources import load_settings
from keyferry.errors import CannotStart


def test_plain_http_elsewhere_than_on_loopback_is_refused(tmp_path: Path) -> None:
    given = {"allow_plain_http": True, "listen": "0.0.0.0:0"}
    with pytest.raises(CannotStart, match="no loopback address"):
        load_settings(tmp_path, given=given, environ={})
