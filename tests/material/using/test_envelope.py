"""The envelope, byte by byte."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import InvalidInput
from keyferry.material.using.envelope import Header, names_key, read_envelope
from keyferry.material.using.methods import BY_CODE, METHODS

KEY_ID = "0193f5a4-7b1c-7d2e-8f30-0123456789ab"
HEADER = bytes.fromhex("4b46 01 03 0193f5a47b1c7d2e8f300123456789ab 00000102")
HEADERS = st.builds(
    Header,
    st.sampled_from(list(BY_CODE.values())),
    st.uuids().map(str),
    st.integers(1, 2**31 - 1),
)


def refused(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read_envelope(data, "ciphertext")
    assert (caught.value.code, caught.value.field) == ("envelope-refused", "ciphertext")
    assert caught.value.advice
    return caught.value


def test_the_header_is_as_documented() -> None:
    assert Header(METHODS["A256GCM"], KEY_ID, 258).encode() == HEADER


@given(HEADERS, st.binary(max_size=64))
def test_what_is_written_is_read_again(header: Header, body: bytes) -> None:
    envelope = read_envelope(header.encode() + body, "ciphertext")
    assert envelope.header == header
    assert envelope.header_bytes == header.encode()
    assert envelope.body == body
    assert names_key(header.encode() + body, header.key_id)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda rest: b"KF\x01" + rest))
def test_any_bytes_are_read_or_refused_and_what_is_read_is_what_stood_there(data: bytes) -> None:
    version = int.from_bytes(data[20:24], "big")
    if len(data) < 24 or data[:3] != b"KF\x01" or data[3] not in BY_CODE or not 0 < version < 2**31:
        refused(data)
        return
    envelope = read_envelope(data, "ciphertext")
    assert envelope.header.encode() == envelope.header_bytes == data[:24]
    assert envelope.header_bytes + envelope.body == data


@pytest.mark.parametrize("length", [0, 1])
def test_what_has_no_magic_is_none(length: int) -> None:
    assert "version" in refused(HEADER[:length]).advice
    assert "version" in refused(b"FK" + HEADER[2:]).advice


@pytest.mark.parametrize("length", range(2, 24))
def test_a_header_that_ends_early_is_refused(length: int) -> None:
    assert f"{length} bytes" in refused(HEADER[:length]).detail


@pytest.mark.parametrize("number", [0, 2, 255])
def test_another_format_is_refused(number: int) -> None:
    assert f"format {number}" in refused(HEADER[:2] + bytes([number]) + HEADER[3:]).detail


def test_every_code_that_stands_for_nothing_is_refused() -> None:
    for code in set(range(256)) - set(BY_CODE):
        assert str(code) in refused(HEADER[:3] + bytes([code]) + HEADER[4:]).detail


@pytest.mark.parametrize("version", [0, 2**31, 2**32 - 1])
def test_a_version_that_there_cannot_be_is_refused(version: int) -> None:
    assert str(version) in refused(HEADER[:20] + version.to_bytes(4, "big")).detail


def test_only_an_envelope_for_the_key_names_it() -> None:
    assert names_key(HEADER, KEY_ID)
    assert not names_key(HEADER, str(uuid.UUID(int=1)))
    assert not names_key(b"KF\x02" + HEADER[3:], KEY_ID)
    assert not names_key(HEADER[:19], KEY_ID)


@pytest.mark.parametrize(("name", "version"), [("ES256", 1), ("A128GCM", 0), ("A128GCM", 2**31)])
def test_there_is_no_envelope_of_a_signature_or_of_no_version(name: str, version: int) -> None:
    with pytest.raises(ValueError, match="no envelope"):
        Header(METHODS[name], KEY_ID, version).encode()
