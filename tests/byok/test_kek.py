"""Reading a KEK's public key: every form it comes in, and every file that will not do."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from keyferry.byok.kek import MAX_BYTES, read_kek
from keyferry.errors import KekRefused

OpenSsl = Callable[..., bytes]
Certify = Callable[[bytes], bytes]


def b64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def numbers_of(pem: bytes) -> rsa.RSAPublicNumbers:
    key = load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)
    return key.public_numbers()


def jwk_of(pem: bytes, **members: Any) -> dict[str, Any]:
    numbers = numbers_of(pem)
    return {"kty": "RSA", "n": b64url(numbers.n), "e": b64url(numbers.e), **members}


def refusal_of(data: bytes) -> KekRefused:
    with pytest.raises(KekRefused) as caught:
        read_kek(data)
    assert caught.value.field == "public_key"
    assert caught.value.advice
    return caught.value


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


@pytest.fixture(scope="module")
def certificate_der(openssl: OpenSsl, certify: Certify, kek_private_pem: bytes) -> bytes:
    return openssl("x509", "-outform", "DER", stdin=certify(kek_private_pem))


class TestForms:
    """One key has one fingerprint, in whatever form it comes."""

    def test_pem_has_the_fingerprint_that_openssl_computes(self, kek_pem: bytes, kek_der: bytes) -> None:
        kek = read_kek(kek_pem)
        assert kek.spki == kek_der
        assert kek.spki_sha256 == hashlib.sha256(kek_der).hexdigest()
        assert kek.bits == 2048
        assert kek.key.public_numbers() == numbers_of(kek_pem)

    def test_der(self, kek_der: bytes) -> None:
        assert read_kek(kek_der).spki == kek_der

    @pytest.mark.parametrize("encoding", ["PEM", "DER"])
    def test_pkcs1_public_key(self, openssl: OpenSsl, kek_pem: bytes, kek_der: bytes, encoding: str) -> None:
        pkcs1 = openssl("rsa", "-pubin", "-RSAPublicKey_out", "-outform", encoding, stdin=kek_pem)
        assert read_kek(pkcs1).spki == kek_der

    def test_certificate(self, openssl: OpenSsl, certify: Certify, kek_private_pem: bytes, kek_der: bytes) -> None:
        certificate = certify(kek_private_pem)
        assert read_kek(certificate).spki == kek_der
        assert read_kek(openssl("x509", "-outform", "DER", stdin=certificate)).spki == kek_der

    @pytest.mark.parametrize("kty", ["RSA", "RSA-HSM"])
    def test_jwk(self, kek_pem: bytes, kek_der: bytes, kty: str) -> None:
        kek = read_kek(json.dumps(jwk_of(kek_pem, kty=kty)).encode())
        assert kek.spki == kek_der
        assert kek.claimed_identifier is None
        assert kek.claimed_operations is None

    def test_azure_key_bundle_with_its_identifier_and_null_private_members(
        self, kek_pem: bytes, kek_der: bytes
    ) -> None:
        kid = "https://contoso-kv.vault.azure.net/keys/KEK/f2c1e1a79714a757c3486f2be238a005"
        key = jwk_of(kek_pem, kty="RSA-HSM", kid=kid, keyOps=["import"], d=None, p=None, k=None)
        modulus = numbers_of(kek_pem).n.to_bytes(256, "big")
        key["n"] = base64.b64encode(modulus).decode()  # `az` prints the standard alphabet, with padding
        kek = read_kek(json.dumps({"attributes": {"enabled": True}, "key": key}, indent=2).encode())
        assert kek.spki == kek_der
        assert kek.claimed_identifier == kid
        assert kek.claimed_operations == ("import",)

    def test_byte_order_mark_and_crlf_and_bag_attributes_do_no_harm(self, kek_pem: bytes, kek_der: bytes) -> None:
        leading = b"Bag Attributes\n    friendlyName: kek\nKey Attributes: <No Attributes>\n"
        text = (leading + kek_pem + b"\ntrailing words\n").replace(b"\n", b"\r\n")
        assert read_kek(b"\xef\xbb\xbf" + text).spki == kek_der

    @pytest.mark.parametrize("bits", [3072, 4096])
    def test_larger_sizes(self, bits: int) -> None:
        key = rsa.generate_private_key(65537, bits).public_key()
        assert read_kek(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).bits == bits

    def test_the_key_does_not_print_its_numbers(self, kek_pem: bytes) -> None:
        kek = read_kek(kek_pem)
        assert repr(kek).startswith(f"KekPublicKey(bits=2048, spki_sha256='{kek.spki_sha256}'")
        assert "RSAPublicKey" not in repr(kek)


class TestPrivateKeys:
    """A private key is called one, in whatever form, and said to be exposed."""

    def assert_called_private(self, data: bytes) -> None:
        refused = refusal_of(data)
        assert refused.code == "kek-is-private"
        assert "exposed" in refused.advice
        assert "new key encryption key" in refused.advice

    def test_refuses_pkcs8_pem(self, kek_private_pem: bytes) -> None:
        self.assert_called_private(kek_private_pem)

    def test_refuses_pkcs1_pem(self, openssl: OpenSsl, kek_private_pem: bytes) -> None:
        self.assert_called_private(openssl("rsa", "-traditional", stdin=kek_private_pem))

    def test_refuses_encrypted_pkcs8(self, openssl: OpenSsl, kek_private_pem: bytes) -> None:
        arguments = ("pkcs8", "-topk8", "-passout", "pass:0123456789")
        self.assert_called_private(openssl(*arguments, stdin=kek_private_pem))
        self.assert_called_private(openssl(*arguments, "-outform", "DER", stdin=kek_private_pem))

    def test_refuses_pkcs8_and_pkcs1_der(self, openssl: OpenSsl, kek_private_pem: bytes) -> None:
        pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=kek_private_pem)
        self.assert_called_private(pkcs8)
        self.assert_called_private(pem("PUBLIC KEY", pkcs8))
        self.assert_called_private(openssl("rsa", "-traditional", "-outform", "DER", stdin=kek_private_pem))

    def test_refuses_sec1_der(self, openssl: OpenSsl) -> None:
        private = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        self.assert_called_private(openssl("ec", "-outform", "DER", stdin=private))

    def test_refuses_pkcs12(self, openssl: OpenSsl, certify: Certify, kek_private_pem: bytes) -> None:
        both = kek_private_pem + certify(kek_private_pem)
        self.assert_called_private(openssl("pkcs12", "-export", "-passout", "pass:0123456789", stdin=both))

    def test_refuses_a_jwk_with_private_members(self, kek_pem: bytes) -> None:
        for member in ("d", "p", "q", "dp", "dq", "qi"):
            self.assert_called_private(json.dumps(jwk_of(kek_pem, **{member: "AQAB"})).encode())
        self.assert_called_private(json.dumps({"key": {"kty": "oct", "k": "AAAA"}}).encode())

    def test_refuses_a_private_key_beside_the_public_one(self, kek_pem: bytes, kek_private_pem: bytes) -> None:
        self.assert_called_private(kek_pem + kek_private_pem)

    def test_refuses_a_private_key_in_utf16(self, kek_private_pem: bytes) -> None:
        self.assert_called_private(kek_private_pem.decode().encode("utf-16"))

    def test_refuses_a_putty_key_file(self) -> None:
        self.assert_called_private(b"PuTTY-User-Key-File-3: ssh-rsa\nPublic-Lines: 0\nPrivate-Lines: 0\n")


class TestRefusals:
    """Every other file that will not do, each by its code."""

    def test_refuses_several_blocks(self, kek_pem: bytes) -> None:
        refused = refusal_of(kek_pem + kek_pem)
        assert refused.code == "kek-several-blocks"
        assert "2 PEM blocks" in refused.detail

    def test_refuses_a_certificate_chain(self, certify: Certify, kek_private_pem: bytes) -> None:
        assert refusal_of(certify(kek_private_pem) * 2).code == "kek-several-blocks"

    def test_refuses_a_jwk_set(self, kek_pem: bytes) -> None:
        assert refusal_of(json.dumps({"keys": [jwk_of(kek_pem)]}).encode()).code == "kek-several-blocks"

    @pytest.mark.parametrize("algorithm", ["ED25519", "X25519", "EC"])
    def test_refuses_a_key_that_is_not_rsa(self, openssl: OpenSsl, algorithm: str) -> None:
        options = ("-pkeyopt", "ec_paramgen_curve:P-256") if algorithm == "EC" else ()
        private = openssl("genpkey", "-algorithm", algorithm, *options)
        assert refusal_of(openssl("pkey", "-pubout", stdin=private)).code == "kek-not-rsa"
        assert refusal_of(openssl("pkey", "-pubout", "-outform", "DER", stdin=private)).code == "kek-not-rsa"

    def test_refuses_a_certificate_whose_key_is_not_rsa(self, openssl: OpenSsl, certify: Certify) -> None:
        private = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        assert refusal_of(certify(private)).code == "kek-not-rsa"

    @pytest.mark.parametrize("kty", ["EC", "oct", "EC-HSM", None, 7])
    def test_refuses_a_jwk_that_is_not_rsa(self, kek_pem: bytes, kty: object) -> None:
        assert refusal_of(json.dumps(jwk_of(kek_pem, kty=kty)).encode()).code == "kek-not-rsa"

    def test_refuses_an_rsa_pss_key_in_every_form(self, openssl: OpenSsl, certify: Certify, kek_pem: bytes) -> None:
        private = openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
        public = openssl("pkey", "-pubout", stdin=private)
        for data in (
            public,
            openssl("pkey", "-pubin", "-pubout", "-outform", "DER", stdin=public),
            certify(private),
            json.dumps(jwk_of(kek_pem, alg="PS256")).encode(),
        ):
            assert refusal_of(data).code == "kek-rsa-pss"

    def test_takes_a_certificate_that_was_signed_with_rsa_pss(
        self, openssl: OpenSsl, kek_private_pem: bytes, kek_der: bytes, tmp_path: Any
    ) -> None:
        path = tmp_path / "private.pem"
        path.write_bytes(kek_private_pem)
        certificate = openssl(
            "req", "-x509", "-key", str(path), "-subj", "/CN=kek", "-sigopt", "rsa_padding_mode:pss", "-days", "30"
        )
        assert read_kek(certificate).spki == kek_der

    @pytest.mark.parametrize("bits", [1024, 2040, 2056, 8192])
    def test_refuses_other_sizes(self, bits: int) -> None:
        modulus = (1 << bits) - 1  # all ones: the size is looked at first, whatever the number
        data = json.dumps({"kty": "RSA", "n": b64url(modulus), "e": "AQAB"}).encode()
        refused = refusal_of(data)
        assert refused.code == "kek-size"
        assert str(bits) in refused.detail

    def test_refuses_1024_bits_in_pem(self, openssl: OpenSsl) -> None:
        private = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        assert refusal_of(openssl("pkey", "-pubout", stdin=private)).code == "kek-size"

    @pytest.mark.parametrize("exponent", [1, 3, 17, 65536, 65539, (1 << 64) + 1])
    def test_refuses_other_exponents(self, kek_pem: bytes, exponent: int) -> None:
        assert refusal_of(json.dumps(jwk_of(kek_pem, e=b64url(exponent))).encode()).code == "kek-exponent"

    def test_refuses_exponent_3_in_pem(self, openssl: OpenSsl) -> None:
        options = ("-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3")
        private = openssl("genpkey", "-algorithm", "RSA", *options)
        assert refusal_of(openssl("pkey", "-pubout", stdin=private)).code == "kek-exponent"

    @pytest.mark.parametrize("factor", [2, 3, 751])
    def test_refuses_a_modulus_with_a_small_factor(self, kek_pem: bytes, factor: int) -> None:
        damaged = numbers_of(kek_pem).n // factor * factor
        assert refusal_of(json.dumps(jwk_of(kek_pem, n=b64url(damaged))).encode()).code == "kek-unreadable"

    def test_refuses_more_than_64_kib(self, kek_pem: bytes) -> None:
        assert read_kek(kek_pem.ljust(MAX_BYTES, b"\n")).bits == 2048
        assert refusal_of(kek_pem.ljust(MAX_BYTES + 1, b"\n")).code == "kek-too-large"

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "empty"),
            (b" \r\n", "empty"),
            (b"hello", "no PEM"),
            (b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== kek", "no PEM"),
            ("-----BEGIN PUBLIC KEY-----".encode("utf-16"), "UTF-16"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n", "cut short"),
            (b"-----BEGIN PUBLIC KEY-----\nAA*A\n-----END PUBLIC KEY-----", "cut short"),
            (b"-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----", "damaged"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "label"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END CERTIFICATE-----", "cut short"),
            (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "CERTIFICATE REQUEST"),
            (b"{", "not JSON"),
            (b"[" * 40000, "no PEM"),
            (b'{"key":' + b"[" * 40000, "not JSON"),
            (b'{"kty":"RSA","kty":"RSA"}', "twice"),
            (b'{"kty":"RSA","n":NaN,"e":"AQAB"}', "not JSON"),
            (b'{"kty":"RSA","e":"AQAB"}', "'n'"),
            (b'{"kty":"RSA","n":5,"e":"AQAB"}', "not a string"),
            (b'{"kty":"RSA","n":"?","e":"AQAB"}', "base64url"),
            (b'{"kty":"RSA","n":"\xc3\xa9","e":"AQAB"}', "base64url"),
            (b'{"kty":"RSA\xff"}', "UTF-8"),
            (b'{"key":"RSA"}', "neither a JWK"),
        ],
    )
    def test_refuses_what_cannot_be_read_and_says_why(self, data: bytes, said: str) -> None:
        refused = refusal_of(data)
        assert refused.code == "kek-unreadable"
        assert said in refused.detail

    def test_refuses_bytes_after_the_der(self, kek_der: bytes) -> None:
        assert refusal_of(kek_der + b"\x00").code == "kek-unreadable"
        assert refusal_of(pem("PUBLIC KEY", kek_der + b"\x00")).code == "kek-unreadable"

    def test_refuses_a_label_that_does_not_match(self, kek_der: bytes) -> None:
        assert refusal_of(pem("CERTIFICATE", kek_der)).code == "kek-unreadable"
        assert refusal_of(pem("RSA PUBLIC KEY", kek_der)).code == "kek-unreadable"

    def test_refuses_a_certificate_without_a_public_key_where_it_belongs(self, certificate_der: bytes) -> None:
        for fields in ("0500", "a000" + "0500", "0500" * 6):
            tbs = f"30{len(fields) // 2:02x}{fields}"
            hollow = bytes.fromhex(f"30{len(tbs) // 2 + 4:02x}{tbs}" + "3000" + "0300")
            assert "damaged" in refusal_of(hollow).detail
        assert refusal_of(certificate_der[:-1]).code == "kek-unreadable"


class TestFuzz:
    """Whatever the bytes, the answer is a key or a refusal."""

    @given(
        st.binary(max_size=600)
        | st.binary(max_size=400).map(lambda body: pem("PUBLIC KEY", body))
        | st.binary(max_size=400).map(lambda body: pem("CERTIFICATE", body))
        | st.dictionaries(
            st.sampled_from(["kty", "n", "e", "d", "key", "keys", "kid", "alg", "key_ops"]),
            st.sampled_from(["RSA", "AQAB", "RSA-HSM", "_-8", "", None, 1, [], ["import"], {"kty": "RSA"}]),
        ).map(lambda members: json.dumps(members).encode())
    )
    def test_arbitrary_bytes_are_refused_and_nothing_else_is_raised(self, data: bytes) -> None:
        with pytest.raises(KekRefused):
            read_kek(data)

    @given(data=st.data())
    def test_a_changed_byte_gives_a_refusal_or_a_sound_key(
        self, data: st.DataObject, kek_pem: bytes, kek_der: bytes, certificate_der: bytes
    ) -> None:
        original = data.draw(st.sampled_from([kek_pem, kek_der, certificate_der]))
        at = data.draw(st.integers(0, len(original) - 1))
        changed = bytearray(original)
        changed[at] = data.draw(st.integers(0, 255))
        try:
            kek = read_kek(bytes(changed))
        except KekRefused:
            return
        assert (kek.bits, kek.key.public_numbers().e, kek.key.public_numbers().n % 2) == (2048, 65537, 1)
