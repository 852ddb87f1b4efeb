"""Telling key formats apart by their outermost tags, with OpenSSL's files as the examples."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.byok.der import (
    RSASSA_PSS,
    Shape,
    certificate_public_key,
    public_key_algorithm,
    sequence_members,
    shape_of,
)

OpenSsl = Callable[..., bytes]


class TestShapes:
    def test_every_form_that_openssl_writes(self, openssl: OpenSsl, kek_private_pem: bytes, kek_pem: bytes) -> None:
        written = {
            Shape.PUBLIC_KEY: openssl("pkey", "-pubout", "-outform", "DER", stdin=kek_private_pem),
            Shape.RSA_PUBLIC_KEY: openssl("rsa", "-pubin", "-RSAPublicKey_out", "-outform", "DER", stdin=kek_pem),
            Shape.PRIVATE_KEY_INFO: openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=kek_private_pem),
            Shape.OTHER_PRIVATE_KEY: openssl("rsa", "-traditional", "-outform", "DER", stdin=kek_private_pem),
        }
        assert {shape: shape_of(der) for shape, der in written.items()} == {shape: shape for shape in written}

    def test_a_certificate_holds_the_public_key_that_it_is_for(
        self, openssl: OpenSsl, certify: Callable[[bytes], bytes], kek_private_pem: bytes, kek_der: bytes
    ) -> None:
        certificate = openssl("x509", "-outform", "DER", stdin=certify(kek_private_pem))
        assert shape_of(certificate) is Shape.CERTIFICATE
        assert certificate_public_key(certificate) == kek_der

    def test_a_certificate_of_a_short_key_too(self, openssl: OpenSsl, certify: Callable[[bytes], bytes]) -> None:
        private = openssl("genpkey", "-algorithm", "ED25519")
        certificate = openssl("x509", "-outform", "DER", stdin=certify(private))
        assert certificate_public_key(certificate) == openssl("pkey", "-pubout", "-outform", "DER", stdin=private)

    @pytest.mark.parametrize(
        "data", [b"", b"\x30", b"\x30\x80", b"\x30\x00", b"\x30\x03\x02\x01", b"\x30\x84\x00\x00\x00\x00"]
    )
    def test_what_is_empty_cut_short_or_indefinite_has_no_members(self, data: bytes) -> None:
        assert sequence_members(data) == []
        assert shape_of(data) is Shape.UNKNOWN

    def test_bytes_after_the_sequence_make_it_none(self, kek_der: bytes) -> None:
        assert shape_of(kek_der) is Shape.PUBLIC_KEY
        assert shape_of(kek_der + b"\x00\x00") is Shape.UNKNOWN


class TestAlgorithm:
    def test_an_rsa_pss_key_is_told_from_an_rsa_key(self, openssl: OpenSsl, kek_der: bytes) -> None:
        private = openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
        pss = openssl("pkey", "-pubout", "-outform", "DER", stdin=private)
        assert public_key_algorithm(pss) == RSASSA_PSS
        assert public_key_algorithm(kek_der).hex() == "2a864886f70d010101"

    def test_what_is_no_public_key_has_no_algorithm(self) -> None:
        assert public_key_algorithm(b"\x30\x03\x02\x01\x05") == b""
        assert certificate_public_key(b"\x30\x03\x02\x01\x05") == b""


@given(st.binary(max_size=200) | st.binary(max_size=120).map(lambda body: b"\x30" + bytes([len(body)]) + body))
def test_any_bytes_have_a_shape_and_nothing_is_raised(data: bytes) -> None:
    assert isinstance(shape_of(data), Shape)
    assert sum(2 + len(content) for _, content in sequence_members(data)) <= max(len(data), 2)
    certificate_public_key(data)
    public_key_algorithm(data)
