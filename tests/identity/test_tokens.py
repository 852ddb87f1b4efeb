"""API tokens: how they look, and how they are known again."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import NotAuthenticated
from keyferry.identity.tokens import PATTERN, IssuedToken, check, issue, parse
from keyferry.ids import is_id_shaped


@pytest.fixture
def token() -> IssuedToken:
    return issue()


def text_of(token: IssuedToken) -> str:
    return token.text.reveal().decode()


def test_a_token_that_was_issued_is_known_again(token: IssuedToken) -> None:
    claim = parse(text_of(token))
    assert claim.token_id == token.token_id
    check(claim, token.digest)


def test_its_id_is_a_fresh_one_or_the_given_one(token: IssuedToken) -> None:
    assert is_id_shaped(token.token_id)
    assert token.token_id[14] == "7"
    given_id = "0190f5a0-7c00-7abc-8def-0123456789ab"
    assert parse(text_of(issue(given_id))).token_id == given_id


def test_a_scanner_finds_it_in_text(token: IssuedToken) -> None:
    found = re.findall(PATTERN, f'curl -H "Authorization: Bearer {text_of(token)}" https://keys.example.org')
    assert found == [text_of(token)]
    assert len(text_of(token)) == 109


def test_what_is_kept_is_the_hash_of_the_secret_and_nothing_of_the_secret(token: IssuedToken) -> None:
    secret = bytes.fromhex(text_of(token).split("_")[2])
    assert len(secret) == 32
    assert token.digest == hashlib.sha256(secret).digest()


def test_nothing_shows_the_secret(token: IssuedToken) -> None:
    secret = text_of(token).split("_")[2]
    assert secret not in repr(token) + repr(parse(text_of(token)))


def test_two_tokens_differ_in_id_and_secret() -> None:
    tokens = [issue() for _ in range(50)]
    assert len({each.token_id for each in tokens}) == len({each.digest for each in tokens}) == 50


def test_another_tokens_digest_and_no_digest_are_refused_in_the_same_words(token: IssuedToken) -> None:
    answers = set()
    for digest in (issue().digest, None, b"", bytes(32)):
        with pytest.raises(NotAuthenticated) as refused:
            check(parse(text_of(token)), digest)
        answers.add((refused.value.code, refused.value.detail, refused.value.advice))
    assert len(answers) == 1


def test_every_mistyped_character_and_every_cut_is_noticed(token: IssuedToken) -> None:
    text = text_of(token)
    for place, character in enumerate(text):
        other = "1" if character == "0" else "0"
        for wrong in (text[:place] + other + text[place + 1 :], text[:place]):
            with pytest.raises(NotAuthenticated) as refused:
                parse(wrong)
            assert text[36:] not in refused.value.detail + refused.value.advice


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text + "\n", lambda text: " " + text, lambda text: text + "0"]
)
def test_only_the_one_spelling_is_taken(token: IssuedToken, change: object) -> None:
    assert callable(change)
    with pytest.raises(NotAuthenticated):
        parse(change(text_of(token)))


@given(st.text(max_size=150) | st.from_regex(PATTERN, fullmatch=True))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        parse(text)
    assert refused.value.code == "not-authenticated"
