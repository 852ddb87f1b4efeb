"""AES keys in the forms that people have them, when the key type is named."""

import base64
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import read_material
from keyferry.material.secret import Secret

NAMES = ["aes-128", "aes-192", "aes-256"]
KEY = bytes.fromhex("8f3a4b1c9de07762015aa9c4ee10f7d3f0b8264d8c55aa037e91b6c2fd481e9b")
"""Fixed, so that its text has what is hard: + and /, and therefore - and _."""


def refusal(data: bytes, name: str) -> MaterialRefused:
    with pytest.raises(MaterialRefused) as refused:
        read_material(data, algorithm=ALGORITHMS[name])
    assert refused.value.field == "material"
    assert refused.value.advice
    return refused.value


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "bytes": lambda key: key,
    "hexadecimal": lambda key: key.hex().encode(),
    "hexadecimal in capitals": lambda key: key.hex().upper().encode(),
    "hexadecimal and a line end": lambda key: key.hex().encode() + b"\r\n",
    "base64": base64.b64encode,
    "base64 and a line end": lambda key: base64.b64encode(key) + b"\n",
    "base64 without padding": lambda key: base64.b64encode(key).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode,
    "base64url without padding": lambda key: base64.urlsafe_b64encode(key).rstrip(b"="),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_read_in_every_form(form: str, name: str) -> None:
    key = KEY[: ALGORITHMS[name].bits // 8]
    material = read_material(FORMS[form](key), algorithm=ALGORITHMS[name])
    assert material.algorithm is ALGORITHMS[name]
    assert material.secret.reveal() == key


@given(data=st.data())
def test_every_random_key_is_read_back_from_its_text(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    size = ALGORITHMS[name].bits // 8
    key = bytes(data.draw(st.lists(st.integers(0, 255), min_size=size, max_size=size, unique=True)))
    for form in FORMS.values():
        if form(key) != key:
            assert read_material(form(key), algorithm=ALGORITHMS[name]).secret.reveal() == key


def test_bytes_are_taken_whole_with_the_white_space_at_their_ends() -> None:
    key = b"\n \t" + KEY[3:14] + b"\r\n"
    assert read_material(key, algorithm=ALGORITHMS["aes-128"]).secret.reveal() == key


@pytest.mark.parametrize("first", [b"0", b"{", b"\x30\x81", b"\x30\x82"])
def test_bytes_that_begin_like_another_form_are_still_the_bytes(first: bytes) -> None:
    key = first + KEY[len(first) :]
    assert read_material(key, algorithm=ALGORITHMS["aes-256"]).secret.reveal() == key


def test_text_that_begins_with_a_zero_is_not_taken_for_der() -> None:
    key = b"\x00\x81" + KEY[2:16]
    assert read_material(key.hex().encode(), algorithm=ALGORITHMS["aes-128"]).secret.reveal() == key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "pattern", [b"\x00", b"\xff", b"A", b"\x01\x02", b"\xde\xad\xbe\xef", bytes(range(8))], ids=bytes.hex
)
def test_a_key_that_repeats_itself_is_refused_in_every_form(pattern: bytes, name: str) -> None:
    key = (pattern * 32)[: ALGORITHMS[name].bits // 8]
    for form in ("hexadecimal", "base64"):
        refused = refusal(FORMS[form](key), name)
        assert refused.code == "material-refused"
        assert "repeats" in refused.detail


def test_raw_zeros_are_refused() -> None:
    assert "repeats" in refusal(bytes(32), "aes-256").detail


def test_the_text_of_a_shorter_key_is_not_taken_for_the_bytes_of_a_longer_one() -> None:
    text = KEY[:16].hex().encode()
    assert len(text) == 32
    refused = refusal(text, "aes-256")
    assert "look like the text of a key of another size" in refused.detail


@pytest.mark.parametrize(
    "data",
    [
        KEY + b"\n",
        KEY[:31],
        KEY[:16],
        KEY.hex().encode() + b"00",
        KEY.hex().encode()[:-1],
        KEY.hex().encode() + b" x",
        b"0x" + KEY.hex().encode(),
        b"A" * 45,
        b"key=" + KEY.hex().encode(),
        base64.b64encode(KEY) + b"=",
        base64.b64encode(KEY)[:20] + b"\n" + base64.b64encode(KEY)[20:],
        base64.b64encode(KEY) + base64.b64encode(KEY),
        KEY * 2,
        "ключ".encode(),
        b"\x30\x10",
    ],
)
def test_what_is_no_key_of_that_size_is_refused(data: bytes) -> None:
    refused = refusal(data, "aes-256")
    assert refused.code in {"material-refused", "algorithm-mismatch"}
    assert KEY.hex()[:8] not in refused.detail + refused.advice


def test_bytes_alone_are_no_key_when_no_type_is_named() -> None:
    with pytest.raises(MaterialRefused) as refused:
        read_material(secrets.token_bytes(32).replace(b"0", b"1").replace(b"{", b"1"))
    assert "for an AES key, name its type" in refused.value.advice


def test_a_private_key_is_not_taken_for_an_aes_key(rsa_pem: bytes, ec_pem: bytes) -> None:
    for pem, found in ((rsa_pem, "rsa-2048"), (ec_pem, "ec-p256")):
        refused = refusal(pem, "aes-256")
        assert refused.code == "algorithm-mismatch"
        assert found in refused.detail


def test_a_passphrase_has_nothing_to_open_here() -> None:
    with pytest.raises(MaterialRefused) as refused:
        read_material(KEY, algorithm=ALGORITHMS["aes-256"], passphrase=Secret(b"open sesame"))
    assert (refused.value.code, refused.value.field) == ("passphrase-refused", "passphrase")
