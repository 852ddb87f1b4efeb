"""PKCS#8, strictly: OpenSSL's keys are read and written back byte for byte; every other form is called by its name."""

import subprocess
from typing import Any

import pytest
from Crypto.Util.asn1 import DerBitString, DerObjectId, DerOctetString, DerSequence
from hypothesis import example, given
from hypothesis import strategies as st

from keyferry.emulator.keys import pkcs8
from keyferry.emulator.keys.kinds import CURVES
from keyferry.emulator.keys.material import EcPrivate, MaterialRefused, RsaPrivate, generate_ec, generate_rsa

OPENSSL_CURVES = {"P-256": "P-256", "P-384": "P-384", "P-521": "P-521", "P-256K": "secp256k1"}


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


def generated(algorithm: str, *options: str) -> bytes:
    """A key of OpenSSL's, PKCS#8 DER; `genpkey -outform DER` alone writes the older forms."""
    flags = [flag for option in options for flag in ("-pkeyopt", option)]
    pem = openssl("genpkey", "-algorithm", algorithm, *flags)
    return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=pem)


def openssl_rsa(bits: int) -> bytes:
    return generated("RSA", f"rsa_keygen_bits:{bits}")


def openssl_ec(curve: str) -> bytes:
    return generated("EC", f"ec_paramgen_curve:{curve}")


@pytest.fixture(scope="module")
def rsa_der() -> bytes:
    return pkcs8.write(generate_rsa(2048))


@pytest.fixture(scope="module")
def ec_der() -> bytes:
    return pkcs8.write(generate_ec(CURVES["P-256"]))


def refusal(der: bytes) -> str:
    with pytest.raises(MaterialRefused) as refused:
        pkcs8.read(der)
    return str(refused.value)


def sequence(der: bytes) -> list[Any]:
    decoded = DerSequence().decode(der)
    return [decoded[index] for index in range(len(decoded))]


def members(der: bytes) -> list[Any]:
    return sequence(der)


def with_members(der: bytes, **changed: object) -> bytes:
    parts = sequence(der)
    for index, value in changed.items():
        parts[int(index[1:])] = value
    return bytes(DerSequence(parts).encode())


def _inner_bytes(der: bytes) -> bytes:
    return bytes(DerOctetString().decode(sequence(der)[2]).payload)


def inner_of(der: bytes) -> list[Any]:
    return sequence(_inner_bytes(der))


def around(der: bytes, inner: list[Any]) -> bytes:
    return with_members(der, _2=DerOctetString(DerSequence(inner).encode()).encode())


@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_rsa_key_of_openssls_is_read_and_written_back_as_it_was(bits: int) -> None:
    der = openssl_rsa(bits)
    key = pkcs8.read(der)
    assert isinstance(key, RsaPrivate)
    assert key.public.bits == bits
    assert pkcs8.write(key) == der


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_a_curve_key_of_openssls_is_read_and_written_back_as_it_was(curve: str) -> None:
    der = openssl_ec(OPENSSL_CURVES[curve])
    key = pkcs8.read(der)
    assert isinstance(key, EcPrivate)
    assert key.curve.name == curve
    assert pkcs8.write(key) == der


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_openssl_finds_no_fault_with_a_curve_key_of_ours(curve: str) -> None:
    der = pkcs8.write(generate_ec(CURVES[curve]))
    assert b"Key is valid" in openssl("pkey", "-inform", "DER", "-check", "-noout", stdin=der)


def test_openssl_finds_no_fault_with_an_rsa_key_of_ours(rsa_der: bytes) -> None:
    assert b"Key is valid" in openssl("pkey", "-inform", "DER", "-check", "-noout", stdin=rsa_der)


def test_private_numbers_are_not_in_a_representation(rsa_der: bytes, ec_der: bytes) -> None:
    rsa, ec = pkcs8.read(rsa_der), pkcs8.read(ec_der)
    assert isinstance(rsa, RsaPrivate)
    assert str(rsa.d) not in repr(rsa)
    assert str(rsa.p) not in repr(rsa)
    assert str(ec.d) not in repr(ec)


def test_other_forms_are_called_by_their_names(rsa_der: bytes, ec_der: bytes) -> None:
    pkcs1 = openssl("rsa", "-inform", "DER", "-outform", "DER", "-traditional", stdin=rsa_der)
    sec1 = openssl("ec", "-inform", "DER", "-outform", "DER", stdin=ec_der)
    encrypted = openssl("pkcs8", "-topk8", "-inform", "DER", "-outform", "DER", "-passout", "pass:x", stdin=rsa_der)
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=rsa_der)
    assert "PKCS#1" in refusal(pkcs1)
    assert "SEC1" in refusal(sec1)
    assert "encrypted" in refusal(encrypted)
    assert "no PKCS#8 PrivateKeyInfo" in refusal(public)
    assert "version 1" in refusal(with_members(ec_der, _0=1))
    assert "it is not DER" in refusal(b"-----BEGIN PRIVATE KEY-----")
    assert "it is not DER" in refusal(b"")


def test_bytes_after_the_end_are_refused(rsa_der: bytes, ec_der: bytes) -> None:
    assert "bytes follow the end" in refusal(rsa_der + b"\0")
    assert "bytes follow the end" in refusal(ec_der + ec_der)
    assert "no RSAPrivateKey" in refusal(
        with_members(rsa_der, _2=DerOctetString(_inner_bytes(rsa_der) + b"\0").encode())
    )
    assert "it is not DER" in refusal(rsa_der[:-1])


def test_attributes_may_follow_the_key_and_nothing_else(ec_der: bytes) -> None:
    assert pkcs8.read(DerSequence([*sequence(ec_der), b"\xa0\x00"]).encode()) == pkcs8.read(ec_der)
    assert "other than attributes" in refusal(DerSequence([*sequence(ec_der), b"\x04\x00"]).encode())


def test_rsa_numbers_that_do_not_belong_together_are_refused(rsa_der: bytes) -> None:
    numbers = inner_of(rsa_der)
    assert "no RSAPrivateKey" in refusal(around(rsa_der, numbers[:8]))
    assert "not of version 0" in refusal(around(rsa_der, [1, *numbers[1:]]))
    for index, words in [(1, "product"), (2, "even"), (3, "belong together"), (4, "product"), (6, "dp, dq"), (8, "qi")]:
        changed = list(numbers)
        changed[index] = int(numbers[index]) + (2 if index != 2 else 1)
        assert words in refusal(around(rsa_der, changed)), index
    swapped = [numbers[index] for index in (0, 1, 2, 3, 5, 4, 7, 6, 8)]
    assert "qi" in refusal(around(rsa_der, swapped))


@pytest.mark.parametrize("bits", [1024, 2056])
def test_an_rsa_key_of_a_size_that_vaults_do_not_take_is_refused(bits: int) -> None:
    assert f"{bits} bits" in refusal(openssl_rsa(bits))


def test_a_key_whose_primes_are_not_prime_is_refused(rsa_der: bytes) -> None:
    key = pkcs8.read(rsa_der)
    assert isinstance(key, RsaPrivate)
    composite = (1 << 1023) + 1
    forged = RsaPrivate(key.p * composite, key.e, key.d, key.p, composite)
    assert forged.n.bit_length() == 2047
    wide = RsaPrivate(key.p * (3 * (1 << 1022) + 3), key.e, key.d, key.p, 3 * (1 << 1022) + 3)
    assert "belong together" in refusal(pkcs8.write(wide)) or "bits" in refusal(pkcs8.write(wide))
    assert "2047 bits" in refusal(pkcs8.write(forged))


def test_rsa_parameters_must_be_null(rsa_der: bytes) -> None:
    without = DerSequence([DerObjectId("1.2.840.113549.1.1.1").encode()]).encode()
    assert "other parameters than NULL" in refusal(with_members(rsa_der, _1=without))


def test_a_structure_with_members_of_other_types_is_refused(rsa_der: bytes) -> None:
    assert "damaged" in refusal(with_members(rsa_der, _1=5))
    assert "damaged" in refusal(with_members(rsa_der, _1=DerSequence([5]).encode()))
    numbers = inner_of(rsa_der)
    assert "no RSAPrivateKey" in refusal(around(rsa_der, [*numbers[:8], b"\x04\x01\x01"]))


def test_another_algorithm_is_refused(rsa_der: bytes) -> None:
    ed25519 = generated("ED25519")
    assert "neither an RSA nor an elliptic curve key" in refusal(ed25519)
    pss = generated("RSA-PSS", "rsa_keygen_bits:2048")
    assert "neither an RSA nor an elliptic curve key" in refusal(pss)


def test_a_curve_that_vaults_do_not_take_is_refused() -> None:
    assert "does not take" in refusal(openssl_ec("brainpoolP256r1"))
    explicit = generated("EC", "ec_paramgen_curve:P-256", "ec_param_enc:explicit")
    assert "not given by name" in refusal(explicit)


def test_curve_numbers_that_do_not_belong_together_are_refused(ec_der: bytes) -> None:
    version, number, point = inner_of(ec_der)
    other = inner_of(pkcs8.write(generate_ec(CURVES["P-256"])))
    zero, order = DerOctetString(bytes(32)).encode(), DerOctetString(b"\xff" * 32).encode()
    short = DerOctetString(b"\1" * 31).encode()
    named = DerObjectId(CURVES["P-384"].oid, explicit=0).encode()
    compressed = DerBitString(b"\2" + bytes(32), explicit=1).encode()
    assert "another curve" in refusal(around(ec_der, [version, number, named, point]))
    assert "not the one" in refusal(around(ec_der, [version, number, other[2]]))
    assert "none of the curve" in refusal(around(ec_der, [version, zero]))
    assert "none of the curve" in refusal(around(ec_der, [version, order]))
    assert "31 bytes" in refusal(around(ec_der, [version, short]))
    assert "uncompressed" in refusal(around(ec_der, [version, number, compressed]))
    assert "damaged" in refusal(around(ec_der, [version, number, b"\xa1\x02\x05\x00"]))
    assert "no ECPrivateKey" in refusal(around(ec_der, [0, number, point]))


def test_the_optional_members_of_a_curve_key_may_be_there_or_not(ec_der: bytes) -> None:
    version, number, point = inner_of(ec_der)
    named = DerObjectId(CURVES["P-256"].oid, explicit=0).encode()
    for parts in ([version, number], [version, number, named], [version, number, named, point]):
        assert pkcs8.read(around(ec_der, parts)) == pkcs8.read(ec_der)


@given(st.binary(max_size=300))
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30\x03\x02\x01\x00")
def test_arbitrary_bytes_are_refused_with_a_reason(der: bytes) -> None:
    assert refusal(der)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_never_breaks_the_reader(ec_der: bytes, position: int, value: int) -> None:
    changed = bytearray(ec_der)
    changed[position % len(changed)] = value
    assert outcome(bytes(changed)) in {"read", "refused"}


def outcome(der: bytes) -> str:
    try:
        pkcs8.read(der)
    except MaterialRefused as refused:
        return "refused" if str(refused) else "refused without a reason"
    return "read"
