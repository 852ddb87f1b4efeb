"""base64 in all its flavours, names, and the identifiers that are made of names."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import documents, encoding, names
from keyferry.emulator.keys.names import KeyIdentifier, NoKeyIdentifier

VERSION = "0123456789abcdef0123456789abcdef"


@given(st.binary(max_size=60))
def test_every_flavour_says_the_same_bytes(value: bytes) -> None:
    standard, url = base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()
    for text in (standard, url, standard.rstrip("="), url.rstrip("=")):
        assert encoding.decode(text) == value
    assert encoding.encode(value) == url.rstrip("=")


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AA=", "AAAA=", "AAA==", "A===", "=", "AA=A", "A A", "AA\n", "é", "-+AA", "a.b"]
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        encoding.decode(text)


@given(st.text(max_size=40))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    try:
        value = encoding.decode(text)
    except ValueError as refused:
        value = None
        reason = str(refused)
    assert (value is not None and encoding.decode(encoding.encode(value)) == value) or "base64" in reason


def test_a_number_takes_as_few_bytes_as_it_needs_or_as_many_as_asked_for() -> None:
    assert encoding.encode_integer(65537) == "AQAB"
    assert encoding.decode(encoding.encode_integer(1, 66)) == bytes(65) + b"\1"


@pytest.mark.parametrize(("content", "words"), [(b"[]", "but no object"), (b"{", "not JSON"), (b"\xff", "not JSON")])
def test_what_is_no_json_object_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(documents.NotJson, match=words):
        documents.parse_object(content)


@pytest.mark.parametrize("name", ["a", "A-1", "9", "-", "x" * 127])
def test_names_that_a_key_may_have(name: str) -> None:
    assert names.require_name(name) == name


@pytest.mark.parametrize("name", ["", "a_b", "a.b", "a b", "ä", "x" * 128, "a/b", "a\n", "٣"])
def test_names_that_no_key_may_have(name: str) -> None:
    with pytest.raises(AzureFailure, match="1 to 127 letters, digits and '-'") as refused:
        names.require_name(name)
    assert (refused.value.status, refused.value.code) == (400, "BadParameter")


def test_a_version_is_32_hex_digits_in_any_case() -> None:
    assert names.require_version(VERSION.upper()) == VERSION
    assert names.require_version(names.new_version())
    for wrong in (VERSION[:-1], VERSION + "0", "g" * 32, "٣" * 32):
        with pytest.raises(AzureFailure, match="32 hex digits"):
            names.require_version(wrong)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (f"https://V.vault.azure.net/keys/KEK/{VERSION}", "v.vault.azure.net"),
        (f"https://v.vault.azure.net:443/keys/KEK/{VERSION.upper()}", "v.vault.azure.net"),
        (f"HTTPS://localhost:8443/keys/KEK/{VERSION}", "localhost:8443"),
        (f"https://[::1]:8443/keys/KEK/{VERSION}", "[::1]:8443"),
    ],
)
def test_an_identifier_is_taken_apart(text: str, host: str) -> None:
    assert names.parse_identifier(text) == KeyIdentifier(host, "KEK", VERSION)


@given(st.text(max_size=80) | st.text("htps:/.keyv0123456789abcdef@?#[]%", max_size=80).map("https://".__add__))
def test_arbitrary_text_is_no_identifier(text: str) -> None:
    with pytest.raises(NoKeyIdentifier):
        names.parse_identifier(text)
