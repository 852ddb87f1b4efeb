"""A sign of life, on a terminal only."""

import io
import time

import pytest

from keyferry.cli.progress import working


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_what_goes_on_and_nothing_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("keyferry.cli.progress._FIRST", 0.0)
    with working("Generating"):
        while "Generating" not in screen.getvalue():
            time.sleep(0.001)
    assert screen.getvalue().startswith("\rGenerating ... 0 s")
    assert screen.getvalue().endswith("\r" + " " * len("Generating ... 0 s") + "\r")


def test_what_is_done_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("keyferry.cli.progress._FIRST", 60.0)
    with working("Generating"):
        pass
    assert screen.getvalue() == ""


def test_a_file_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    monkeypatch.setattr("keyferry.cli.progress._FIRST", 0.0)
    with working("Generating"):
        time.sleep(0.01)
    assert file.getvalue() == ""
