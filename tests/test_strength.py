"""How hard a password is to guess."""

from hypothesis import given
from hypothesis import strategies as st

from keyferry.strength import estimate


def test_a_common_password_is_weak_and_the_advice_says_why() -> None:
    weak = estimate("password12")
    assert weak.score <= 1
    assert "common password" in weak.warning
    assert weak.suggestions
    assert weak.advice.startswith(weak.warning)


def test_four_uncommon_words_are_strong_and_need_no_advice() -> None:
    strong = estimate("copper lantern ferry moss")
    assert strong.score == 4
    assert strong.advice == ""


def test_known_words_are_taken_as_tried_first() -> None:
    assert estimate("zyxquibbleforth", ["zyxquibbleforth"]).score < estimate("zyxquibbleforth").score


def test_the_products_own_name_is_tried_first() -> None:
    assert estimate("keyferry").score == 0


@given(st.text(max_size=200))
def test_any_text_has_an_estimate(text: str) -> None:
    assert 0 <= estimate(text, [text[:5]]).score <= 4
