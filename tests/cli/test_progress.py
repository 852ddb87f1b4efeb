"""A sign of life, on a terminal only."""

import io
import time

import pytest

from keyferry.cli.progress import bar, counting, working


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


def test_a_bar_is_as_long_at_the_end_as_at_the_beginning() -> None:
    assert bar("Exporting", 0, 40) == "Exporting [..............................]  0/40"
    assert bar("Exporting", 20, 40) == "Exporting [###############...............] 20/40"
    assert bar("Exporting", 40, 40) == "Exporting [##############################] 40/40"


def test_a_terminal_sees_how_many_are_done_and_nothing_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    with counting("Exporting", 2) as advance:
        advance()
        advance()
    _, *shown, wiped, rest = screen.getvalue().split("\r")
    assert shown == [bar("Exporting", done, 2) for done in range(3)]
    assert (wiped.strip(), len(wiped), rest) == ("", len(shown[0]), "")


def test_a_file_sees_no_bar_and_neither_does_who_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file, screen = io.StringIO(), Screen()
    monkeypatch.setattr("sys.stderr", file)
    with counting("Exporting", 2) as advance:
        advance()
    monkeypatch.setattr("sys.stderr", screen)
    with counting("Exporting", 0):
        pass
    assert file.getvalue() == screen.getvalue() == ""
