"""What every root that holds a key does: wrap, unwrap, and say clearly why not. PyCryptodome is the witness."""

import hashlib
import hmac

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.roots.base import RootKey

KEY = bytes(range(32))
CONTEXT = b"store 1, data key 1"


@pytest.fixture
def root() -> RootKey:
    return RootKey("file:root.key", Secret(KEY))


def refusal(root: RootKey, wrapped: bytes, context: bytes = CONTEXT) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        root.unwrap(wrapped, context)
    assert refused.value.code == "root-unavailable"
    assert refused.value.advice
    return refused.value


def hkdf_sha256(purpose: bytes, length: int) -> bytes:
    """RFC 5869 with an empty salt, for one block."""
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    return hmac.digest(extracted, b"keyferry root 1 " + purpose + b"\x01", "sha256")[:length]


@given(plaintext=st.binary(max_size=100), context=st.binary(max_size=100))
def test_what_is_wrapped_is_unwrapped_in_its_context(plaintext: bytes, context: bytes) -> None:
    root = RootKey("file:root.key", Secret(KEY))
    assert root.unwrap(root.wrap(Secret(plaintext), context), context).reveal() == plaintext


def test_another_implementation_reads_the_form_as_it_is_described(root: RootKey) -> None:
    wrapped = root.wrap(Secret(b"a data key"), CONTEXT)
    fingerprint, nonce, body, tag = wrapped[1:9], wrapped[9:21], wrapped[21:-16], wrapped[-16:]
    assert (wrapped[0], fingerprint) == (1, hkdf_sha256(b"fingerprint", 8))
    cipher = AES.new(hkdf_sha256(b"wrap", 32), AES.MODE_GCM, nonce=nonce)
    cipher.update(b"keyferry root 1" + fingerprint + CONTEXT)
    assert cipher.decrypt_and_verify(body, tag) == b"a data key"


def test_no_nonce_is_used_twice(root: RootKey) -> None:
    wrapped = {root.wrap(Secret(b"x"), CONTEXT)[9:21] for _ in range(100)}
    assert len(wrapped) == 100


def test_another_context_is_refused(root: RootKey) -> None:
    assert "does not verify" in refusal(root, root.wrap(Secret(b"x"), CONTEXT), b"store 2, data key 1").detail


def test_another_root_is_named_by_its_fingerprint(root: RootKey) -> None:
    other = RootKey("file:other.key", Secret(hashlib.sha256(b"other").digest()))
    refused = refusal(other, root.wrap(Secret(b"x"), CONTEXT))
    assert root.fingerprint in refused.detail
    assert other.fingerprint in refused.detail


def test_every_changed_byte_and_every_cut_is_refused(root: RootKey) -> None:
    wrapped = root.wrap(Secret(b"a data key"), CONTEXT)
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        refusal(root, bytes(changed))
        refusal(root, wrapped[:place])
    refusal(root, wrapped + b"\x00")


def test_nothing_shows_the_key(root: RootKey) -> None:
    assert KEY.hex() not in repr(root) + repr(vars(root))
    assert root.fingerprint in repr(root)


def test_a_root_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        RootKey("file:root.key", Secret(bytes(16)))
