"""How far something has come, on a terminal only."""

import io

import pytest
from tests.cli.test_progress import Screen

from keyferry.cli.advance import advancing


def test_a_terminal_sees_how_far_it_has_come_and_nothing_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("keyferry.cli.advance._EVERY", 0.0)
    with advancing() as show:
        show("Verifying", 1200, 3000)
        show("Verifying", 3000, 3000)
    first = "Verifying ... 1,200 of 3,000"
    assert screen.getvalue().startswith(f"\r{first}\rVerifying ... 3,000 of 3,000")
    assert screen.getvalue().endswith("\r" + " " * len(first) + "\r")


def test_what_is_done_soon_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("keyferry.cli.advance._EVERY", 60.0)
    with advancing() as show:
        show("Verifying", 1, 2)
    assert screen.getvalue() == ""


def test_a_file_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    monkeypatch.setattr("keyferry.cli.advance._EVERY", 0.0)
    with advancing() as show:
        show("Verifying", 1, 2)
    assert file.getvalue() == ""
