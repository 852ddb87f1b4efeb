"""The rules of names: what fits is taken as it is, and everything else is refused, never folded or trimmed."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.custody.refusing import refused

from keyferry.custody.names import check_email, check_group_id, check_key_name, check_text, check_user_name
from keyferry.errors import InvalidInput

LOWER = string.ascii_lowercase
MIDDLE = LOWER + string.digits + "-_."
IN_USER_NAMES = string.ascii_letters + string.digits + "._-@"


def names(first: str, rest: str) -> st.SearchStrategy[str]:
    return st.builds("".join, st.tuples(st.sampled_from(first), st.text(rest, max_size=63)))


GROUP_IDS = names(LOWER + string.digits, MIDDLE)
KEY_NAMES = names(LOWER, MIDDLE)
USER_NAMES = names(IN_USER_NAMES, IN_USER_NAMES)

RULES: list[tuple[Callable[[str], str], str, str, str]] = [
    (check_group_id, LOWER + string.digits, MIDDLE, "id"),
    (check_key_name, LOWER, MIDDLE, "name"),
    (check_user_name, IN_USER_NAMES, IN_USER_NAMES, "name"),
]


def is_good(name: str, first: str, rest: str) -> bool:
    """The rule in other words than a regular expression."""
    return 1 <= len(name) <= 64 and name[0] in first and all(character in rest for character in name)


@given(GROUP_IDS)
def test_group_ids_that_fit_are_taken(name: str) -> None:
    assert check_group_id(name) == name


@given(KEY_NAMES)
def test_key_names_that_fit_are_taken(name: str) -> None:
    assert check_key_name(name) == name


@given(USER_NAMES)
def test_user_names_that_fit_are_taken(name: str) -> None:
    assert check_user_name(name) == name


@given(
    st.text(max_size=70)
    | st.text(MIDDLE + string.ascii_uppercase + " \n/@", max_size=70)
    | USER_NAMES.map(lambda name: name + "\n")
)
def test_anything_else_is_refused(name: str) -> None:
    for check, first, rest, field in RULES:
        if is_good(name, first, rest):
            assert check(name) == name
        else:
            with refused("name-refused", field):
                check(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Payments",
        "PAYMENTS",
        "-payments",
        ".payments",
        "_payments",
        "a b",
        " a",
        "a ",
        "ä",
        "a/b",
        "a" * 65,
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_group_ids_and_key_names_that_do_not_fit(name: str) -> None:
    for check, field in ((check_group_id, "id"), (check_key_name, "name")):
        with refused("name-refused", field):
            check(name)


def test_a_key_name_begins_with_a_letter_and_a_group_id_may_begin_with_a_digit() -> None:
    assert check_group_id("1st") == "1st"
    with refused("name-refused", "name"):
        check_key_name("1st")


def test_a_single_lower_case_k_is_not_the_kelvin_sign() -> None:
    with refused("name-refused", "name"):
        check_user_name("\N{KELVIN SIGN}im")


@given(st.uuids().map(str), st.booleans())
def test_names_of_the_shape_of_an_id_are_refused(uuid: str, upper: bool) -> None:
    with refused("name-refused", "name"):
        check_user_name(uuid.upper() if upper else uuid)
    with refused("name-refused", "id"):
        check_group_id(uuid)
    with refused("name-refused", "name"):
        check_key_name("a" + uuid[1:])


def test_a_refusal_shows_a_long_name_cut() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_key_name("A" * 100_000)
    assert len(caught.value.detail) < 200


@given(st.text(max_size=1100))
def test_texts_are_one_printable_line_or_refused(text: str) -> None:
    if len(text) <= 1024 and text.isprintable():
        assert check_text(text, "description") == (text or None)
    else:
        with refused("invalid-input", "description"):
            check_text(text, "description")


@pytest.mark.parametrize("email", ["a@b", "kim.lee+keys@example.org", "kim@bücher.example"])
def test_addresses(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize("email", ["kim", "@example.org", "kim@", "kim@@example.org", "kim lee@example.org", "a" * 255])
def test_what_is_no_address(email: str) -> None:
    with refused("invalid-input", "email"):
        check_email(email)


def test_no_text_and_an_empty_one_are_the_same() -> None:
    assert check_text(None, "description") is None
    assert check_text("", "description") is None
    assert check_email("") is None
