import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import InvalidInput, MaterialRefused
from keyferry.material.keys import Material
from keyferry.material.secret import Secret
from keyferry.material.wrapping import OaepHash, longest_direct, unwrap, wrap, wrapped_length

Kek = Callable[[int], rsa.RSAPrivateKey]
MakeMaterial = Callable[[str], Material]
OAEP_SHA1 = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


def refusal_of(
    blob: bytes, kek: rsa.RSAPrivateKey, hash_: OaepHash = OaepHash.SHA1, *, direct: bool = False
) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        unwrap(blob, kek, hash_, direct=direct)
    assert caught.value.code == "unwrap-failed"
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("hash_", OaepHash)
@pytest.mark.parametrize("aes_bits", [128, 192, 256])
def test_what_is_wrapped_unwraps(kek: Kek, hash_: OaepHash, aes_bits: int, material_of: MakeMaterial) -> None:
    secret = material_of("ec-p256").secret
    blob = wrap(secret, kek(2048).public_key(), hash_, aes_bits=aes_bits)
    assert len(blob) == wrapped_length(len(secret), 2048)
    assert unwrap(blob, kek(2048), hash_).reveal() == secret.reveal()


@pytest.mark.parametrize("hash_", OaepHash)
def test_directly_too(kek: Kek, hash_: OaepHash, material_of: MakeMaterial) -> None:
    secret = material_of("aes-256").secret
    blob = wrap(secret, kek(2048).public_key(), hash_, direct=True)
    assert len(blob) == 256
    assert unwrap(blob, kek(2048), hash_, direct=True).reveal() == secret.reveal()


@given(plaintext=st.binary(min_size=1, max_size=3000))
def test_every_length_gives_the_length_that_was_said(plaintext: bytes, kek: Kek) -> None:
    blob = wrap(Secret(plaintext), kek(2048).public_key(), OaepHash.SHA1)
    assert len(blob) == wrapped_length(len(plaintext), 2048)
    assert unwrap(blob, kek(2048), OaepHash.SHA1).reveal() == plaintext


@pytest.mark.parametrize(
    ("plaintext", "bits", "length"),
    [(1, 2048, 272), (8, 2048, 272), (9, 3072, 408), (1217, 4096, 1744), (32, 4096, 552)],
)
def test_wrapped_lengths_known_beforehand(plaintext: int, bits: int, length: int) -> None:
    assert wrapped_length(plaintext, bits) == length


def test_two_wraps_of_one_key_have_nothing_in_common(kek: Kek) -> None:
    one, other = (wrap(Secret(b"k" * 32), kek(2048).public_key(), OaepHash.SHA1) for _ in range(2))
    assert one[:256] != other[:256]
    assert one[256:] != other[256:]


@pytest.mark.parametrize("hash_", OaepHash)
def test_direct_takes_the_longest_that_fits_and_refuses_one_byte_more(kek: Kek, hash_: OaepHash) -> None:
    longest = longest_direct(2048, hash_)
    assert longest == 256 - 2 * {"sha1": 20, "sha256": 32, "sha512": 64}[hash_] - 2
    blob = wrap(Secret(b"k" * longest), kek(2048).public_key(), hash_, direct=True)
    assert unwrap(blob, kek(2048), hash_, direct=True).reveal() == b"k" * longest
    with pytest.raises(MaterialRefused) as caught:
        wrap(Secret(b"k" * (longest + 1)), kek(2048).public_key(), hash_, direct=True)
    assert caught.value.code == "material-too-long"
    assert str(longest) in caught.value.detail
    assert "AES" in caught.value.advice


def test_a_kek_that_is_too_small_for_the_ephemeral_key_is_refused() -> None:
    small = rsa.generate_private_key(65537, 1024).public_key()
    with pytest.raises(MaterialRefused) as caught:
        wrap(Secret(b"k" * 32), small, OaepHash.SHA512)
    assert caught.value.code == "material-too-long"
    assert "takes 0" in caught.value.detail


@pytest.mark.parametrize("direct", [False, True])
def test_nothing_is_not_wrapped(kek: Kek, direct: bool) -> None:
    with pytest.raises(MaterialRefused) as caught:
        wrap(Secret(b""), kek(2048).public_key(), OaepHash.SHA1, direct=direct)
    assert caught.value.code == "material-refused"


def test_an_aes_size_that_does_not_exist_is_a_fault_of_the_caller(kek: Kek) -> None:
    with pytest.raises(ValueError, match="AES"):
        wrap(Secret(b"k" * 32), kek(2048).public_key(), OaepHash.SHA1, aes_bits=512)


@given(data=st.data())
def test_a_change_of_any_one_bit_is_refused(data: st.DataObject, kek: Kek) -> None:
    blob = bytearray(wrap(Secret(b"k" * 40), kek(2048).public_key(), OaepHash.SHA256))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    refusal_of(bytes(blob), kek(2048), OaepHash.SHA256)


@given(blob=st.binary(max_size=600), direct=st.booleans())
def test_bytes_that_were_never_wrapped_are_refused(blob: bytes, direct: bool, kek: Kek) -> None:
    refusal_of(blob, kek(2048), direct=direct)


@pytest.mark.parametrize("cut", [1, 7, 8, 40, 48, 303])
def test_a_blob_cut_short_or_drawn_out_is_refused(kek: Kek, cut: int) -> None:
    blob = wrap(Secret(b"k" * 40), kek(2048).public_key(), OaepHash.SHA1)
    refusal_of(blob[:-cut], kek(2048))
    refusal_of(blob + bytes(cut), kek(2048))


def test_the_wrong_kek_the_wrong_hash_and_the_wrong_variant_are_refused(kek: Kek) -> None:
    blob = wrap(Secret(b"k" * 32), kek(2048).public_key(), OaepHash.SHA1)
    refusal_of(blob, rsa.generate_private_key(65537, 2048))
    refusal_of(blob, kek(3072))
    refusal_of(blob, kek(2048), OaepHash.SHA256)
    refusal_of(blob, kek(2048), direct=True)
    refusal_of(blob[:256], kek(2048))


def test_whatever_fails_the_refusal_is_word_for_word_the_same(kek: Kek) -> None:
    public = kek(2048).public_key()
    good = wrap(Secret(b"k" * 32), public, OaepHash.SHA1)
    failures = {
        "the length": good[:-1],
        "RSA-OAEP": bytes(255) + b"\x01" + good[256:],
        "an RSA number above the modulus": b"\xff" * 256 + good[256:],
        "the size of the ephemeral key": public.encrypt(b"k" * 31, OAEP_SHA1) + good[256:],
        "an empty ephemeral key": public.encrypt(b"", OAEP_SHA1) + good[256:],
        "another ephemeral key": public.encrypt(b"k" * 32, OAEP_SHA1) + good[256:],
        "AES-KWP": good[:-8] + bytes(8),
    }
    said = {
        (refusal.detail, refusal.field, refusal.advice)
        for refusal in (refusal_of(f, kek(2048)) for f in failures.values())
    }
    assert len(said) == 1


def test_the_work_goes_on_after_rsa_has_failed_so_that_time_does_not_tell(
    kek: Kek, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []

    def watched(key: bytes, part: bytes) -> bytes:
        opened.append(key)
        return keywrap.aes_key_unwrap_with_padding(key, part)

    monkeypatch.setattr("keyferry.material.wrapping.aes_key_unwrap_with_padding", watched)
    blob = wrap(Secret(b"k" * 32), kek(2048).public_key(), OaepHash.SHA1)
    refusal_of(bytes(255) + b"\x01" + blob[256:], kek(2048))
    assert [len(key) for key in opened] == [32]


def test_a_random_key_that_happens_to_open_the_rest_does_not_help(kek: Kek, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", bytes)  # every random key is all zero
    blob = wrap(Secret(b"k" * 32), kek(2048).public_key(), OaepHash.SHA1)
    assert unwrap(blob, kek(2048), OaepHash.SHA1).reveal() == b"k" * 32
    refusal_of(bytes(255) + b"\x01" + blob[256:], kek(2048))
