"""Values in PowerShell: what is quoted reads back as it was, and nothing in it runs."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.customer_key.powershell import SINGLE_QUOTES, cmdlet, quoted, require_visible
from keyferry.errors import InvalidInput

VISIBLE = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")))


def read_back(text: str) -> tuple[str, str]:
    """The first single-quoted string of `text`, as PowerShell reads it, and what follows it.

    Its tokenizer ends the string at any of its quote characters, unless another one follows, which is then kept.
    """
    assert text[0] in SINGLE_QUOTES
    value, place = "", 1
    while True:
        character = text[place]
        if character in SINGLE_QUOTES:
            if text[place + 1 : place + 2] and text[place + 1] in SINGLE_QUOTES:
                place += 1
                character = text[place]
            else:
                return value, text[place + 1 :]
        value += character
        place += 1


@given(VISIBLE)
def test_a_quoted_value_reads_back_whole_and_ends_where_it_should(value: str) -> None:
    assert read_back(quoted(value)) == (value, "")


@given(st.lists(VISIBLE, min_size=1, max_size=4))
def test_several_values_stay_apart_on_a_line(values: list[str]) -> None:
    rest = cmdlet("Do-Thing", **{f"P{number}": value for number, value in enumerate(values)})
    rest = rest.removeprefix("Do-Thing")
    for number, value in enumerate(values):
        assert rest.startswith(f" -P{number} ")
        found, rest = read_back(rest.removeprefix(f" -P{number} "))
        assert found == value
    assert rest == ""


@given(VISIBLE, st.characters(categories=("Cc", "Cf", "Cs", "Zl", "Zp")), VISIBLE)
def test_what_cannot_be_seen_is_refused_wherever_it_stands(before: str, hidden: str, after: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        quoted(before + hidden + after, field="Scenario")
    assert refused.value.field == "Scenario"
    assert refused.value.advice
    assert refused.value.detail.startswith("The text holds a control character")


@pytest.mark.parametrize(
    "value",
    [
        "'; Remove-Item -Recurse / #",
        "\u2019; whoami; \u2019",
        "$(whoami)",
        "`whoami`",
        "$env:SECRET",
        '"',
        "\u201b\u201a\u2018\u2019'",
    ],
)
def test_nothing_in_a_value_runs(value: str) -> None:
    assert read_back(quoted(value) + " -Next") == (value, " -Next")


@pytest.mark.parametrize("hidden", ["\n", "\r", "\0", "\x1b[2J", "\u202e", "\u200b", "\u2028", "\x85", "\ufeff"])
def test_terminal_controls_and_reversed_text_are_refused(hidden: str) -> None:
    assert unicodedata.category(hidden[0]) in {"Cc", "Cf", "Zl"}
    with pytest.raises(InvalidInput):
        require_visible(f"a{hidden}b")
