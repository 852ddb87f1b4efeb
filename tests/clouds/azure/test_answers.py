"""Refusals as Azure words them: whatever comes is read, and nothing of it reaches a terminal as it came."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.clouds.azure.answers import MAX_QUOTED, MAX_WAIT_SECONDS, clean, read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "innererror", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def error(**members: Any) -> dict[str, Any]:
    return {"error": members}


def test_the_innermost_code_says_most() -> None:
    inner = {"code": "Middle", "innererror": {"code": "ForbiddenByRbac"}}
    answer = read_answer(403, {}, error(code="Forbidden", message="Caller is not\r\nauthorized.", innererror=inner))
    assert (answer.code, answer.inner, answer.message) == ("Forbidden", "ForbiddenByRbac", "Caller is not authorized.")
    assert str(answer) == "403 Forbidden ForbiddenByRbac: Caller is not authorized."


def test_a_code_is_not_said_twice() -> None:
    assert str(read_answer(409, {}, error(code="Conflict", innererror={"code": "Conflict"}))) == "409 Conflict"


@pytest.mark.parametrize("document", [None, "text", 1, [], {}, {"error": None}, {"error": []}, {"error": {"code": 7}}])
def test_an_answer_that_says_nothing_still_has_its_status(document: object) -> None:
    assert str(read_answer(502, {}, document)) == "502"


@given(JSON, st.integers(100, 599))
def test_any_document_is_read(document: object, status: int) -> None:
    answer = read_answer(status, {}, document)
    assert str(answer).startswith(str(status))
    assert str(answer).isprintable()


@given(st.text())
def test_any_text_becomes_one_line_of_bounded_length(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= MAX_QUOTED
    assert cleaned == cleaned.strip()


def test_what_a_terminal_would_act_on_is_left_out() -> None:
    assert clean("a\x1b[31mred\x07\u202etxt.exe\u2028b") == "a [31mred txt.exe b"


def test_a_long_message_is_cut_where_one_sees_it() -> None:
    cut = clean("word " * 1000)
    assert len(cut) <= MAX_QUOTED
    assert cut.endswith("…")


class TestRetryAfter:
    def wait(self, header: str) -> int | None:
        return read_answer(429, {"Retry-After": header}, None).retry_after

    def test_seconds(self) -> None:
        assert self.wait("7") == 7
        assert self.wait(" 7 ") == 7

    def test_a_date(self) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=90)
        wait = self.wait(format_datetime(soon, usegmt=True))
        assert wait is not None
        assert 30 < wait <= 91

    def test_a_date_that_has_passed(self) -> None:
        assert self.wait("Tue, 01 Jan 2019 00:00:00 GMT") == 0

    def test_it_is_bounded(self) -> None:
        assert self.wait("99999999") == MAX_WAIT_SECONDS
        assert self.wait("Fri, 01 Jan 2999 00:00:00 GMT") == MAX_WAIT_SECONDS

    @pytest.mark.parametrize("header", ["", "soon", "-1", "1.5", "\u0667", "9" * 30])
    def test_what_is_neither_is_passed_over(self, header: str) -> None:
        assert self.wait(header) is None
