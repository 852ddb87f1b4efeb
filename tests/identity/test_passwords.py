"""What a password must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import InvalidInput
from keyferry.identity.passwords import MAX_CHARACTERS, check_new_password, normal_form
from keyferry.material.secret import Secret


def secret(text: str) -> Secret:
    return Secret(text.encode())


def refusal(password: Secret, user_name: str = "operator") -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        check_new_password(password, user_name=user_name)
    assert (refused.value.code, refused.value.field) == ("password-refused", "password")
    assert refused.value.advice
    return refused.value


def test_ten_characters_that_are_hard_to_guess_are_taken() -> None:
    assert check_new_password(secret("vK3#qz!Lp0"), user_name="operator").score >= 3


def test_nine_are_not_and_the_length_is_said() -> None:
    assert "9 characters; it needs at least 10" in refusal(secret("vK3#qz!Lp")).detail


def test_a_password_of_middling_strength_is_taken_with_feedback() -> None:
    strength = check_new_password(secret("lanternmos"), user_name="operator")
    assert strength.score == 2
    assert strength.advice


@pytest.mark.parametrize(
    "weak", ["password12", "aaaaaaaaaaaa", "abcdefghijkl", "qwertyuiop", "keyferrykeyferry", "1234567890"]
)
def test_what_an_attacker_tries_first_is_refused_with_advice(weak: str) -> None:
    refused = refusal(secret(weak))
    assert "too easy to guess" in refused.detail
    assert weak not in refused.detail + refused.advice


@pytest.mark.parametrize("password", ["operator-vK3#qz", "vK3#OPERATOR#qz", "\uff4f\uff50\uff45\uff52ator-vK3#qz"])
def test_a_password_that_holds_the_user_name_is_refused_in_any_case_and_width(password: str) -> None:
    assert "user name" in refusal(secret(password)).detail


def test_the_user_name_itself_is_refused_and_a_short_name_inside_is_not() -> None:
    assert "user name" in refusal(secret("m.fontaine-lyon"), "M.Fontaine-Lyon").detail
    assert check_new_password(secret("vK3#ann!Lp0z"), user_name="ann").score >= 2


@pytest.mark.parametrize("bad", ["\n", "\x00", "\t", "\x7f", "\u0085", "\u2028", "\u0378"])
def test_control_and_unassigned_characters_are_refused(bad: str) -> None:
    assert "control character" in refusal(secret(f"vK3#qz{bad}!Lp0zz")).detail


def test_spaces_and_other_scripts_are_taken() -> None:
    for password in ("lanterne mousse étang quartz", "замок фонарь паром мох", "鍵渡船灯苔石英港鐘塔"):
        assert check_new_password(secret(password), user_name="operator").score >= 2


def test_length_is_counted_after_normalisation() -> None:
    assert "9 characters" in refusal(secret("vK3#qz!e\u0301p")).detail  # ten code points, nine characters
    assert check_new_password(secret("vK3#qz!e\u0301pW"), user_name="operator").score >= 2


def test_too_long_is_refused_and_never_cut() -> None:
    longest = "".join(chr(0x4E00 + place * 7919 % 20_000) for place in range(MAX_CHARACTERS))
    assert check_new_password(secret(longest), user_name="operator").score == 4
    assert "longer than 1024" in refusal(secret(longest + "a")).detail
    assert "longer than 1024" in refusal(secret("\ufdfa" * 100)).detail  # one character that becomes eighteen
    normal = normal_form(secret(longest))
    assert normal is not None
    assert normal.reveal() == longest.encode()
    assert normal_form(secret(longest + "a")) is None


def test_what_is_no_text_is_refused_and_nobodys() -> None:
    assert "UTF-8" in refusal(Secret(b"\xff" * 20)).detail
    assert normal_form(Secret(b"\xff" * 20)) is None


def test_one_password_has_one_form_from_every_keyboard() -> None:
    forms = [normal_form(secret(text)) for text in ("e\u0301tang \u2460", "\u00e9tang \u2460", "\u00e9tang 1")]
    assert {form.reveal() for form in forms if form is not None} == {"\u00e9tang 1".encode()}


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_taken_or_refused_and_what_is_taken_can_be_hashed(password: bytes) -> None:
    try:
        check_new_password(Secret(password), user_name="operator")
    except InvalidInput:
        return
    assert normal_form(Secret(password)) is not None
