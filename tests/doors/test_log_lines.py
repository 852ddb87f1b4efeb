"""A line for people is what structlog's own renderer writes."""

from typing import Any

import pytest
import structlog

from keyferry.doors.log_lines import PlainLines

HEAD = {"timestamp": "2030-01-31T12:00:00.000001Z", "level": "info", "event": "request"}


@pytest.mark.parametrize(
    "further",
    [
        {},
        {"method": "GET", "path": "/api/v1/keys", "status": 200, "ms": 1.5, "address": "127.0.0.1"},
        {"level": "critical", "event": "an event whose name is longer than the place that it has"},
        {"b": None, "a": "", "c": "two words", "d": "a=b", "e": "new\nline", "f": 'quo"te', "g": b"\x00", "h": [1]},
        {"level": "warning", "event": "a stack", "stack": "Stack (most recent call last):\n  here"},
        {"level": "error", "event": "a fault", "exception": "Traceback:\n  there", "reference": "0"},
        {"logger": "keyferry.gate", "x": 1},
    ],
)
def test_it_is_the_same_text(further: dict[str, Any]) -> None:
    theirs = structlog.dev.ConsoleRenderer(colors=False)
    assert PlainLines(theirs)(None, "info", HEAD | further) == theirs(None, "info", HEAD | further)


def test_a_traceback_is_written_as_theirs() -> None:
    theirs = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    with pytest.raises(LookupError) as raised:
        [].pop()
    event = HEAD | {"exc_info": raised.value}
    written = PlainLines(theirs)(None, "error", dict(event))
    assert written == theirs(None, "error", dict(event))
    assert "IndexError: pop from empty list" in written


def test_nothing_in_a_value_reaches_the_terminal_as_a_command() -> None:
    line = PlainLines(structlog.dev.ConsoleRenderer(colors=False))(None, "info", HEAD | {"name": "a\x1b[2Jb"})
    assert "\x1b" not in line
    assert r"name='a\x1b[2Jb'" in line
