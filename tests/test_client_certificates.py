"""Client certificates as values: what is issued holds before OpenSSL, what will not do is refused."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.certificates import of_serial_below_zero, of_version_2, own

from keyferry import client_certificates
from keyferry.client_certificates import KEY_TYPES, Authority, facts_of, judge, pem_of, read_request
from keyferry.errors import InvalidInput
from keyferry.ids import new_id
from keyferry.material.secret import Secret

NOW = datetime.now(UTC)
PASSWORD = Secret(b"of-the-file-alone-42")
#: the library reads such a certificate still, and says that it will not for long
_BAD_SERIAL = "ignore:Parsed a serial number"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return client_certificates.make_authority(NOW)


def issue(
    authority: Authority, key_type: str = "ec-p256", lifetime: timedelta = timedelta(days=1)
) -> tuple[bytes, str]:
    user_id, key = new_id(), KEY_TYPES[key_type]()
    der = client_certificates.issue(
        authority, key.public_key(), user_id=user_id, user_name="kim", now=NOW, lifetime=lifetime
    )
    return der, user_id


def openssl(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/usr/bin/openssl", *map(str, words)], input=stdin, capture_output=True, timeout=60, check=False
    )


def build(**changed: object) -> bytes:
    """PEM of a certificate that would do, but for what is changed."""
    key = changed.get("key") or ec.generate_private_key(ec.SECP256R1())
    assert isinstance(
        key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, dsa.DSAPrivateKey, ed25519.Ed25519PrivateKey)
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
    )
    for extension, critical in changed.get("extensions", ()):  # type: ignore[attr-defined]  # pairs
        builder = builder.add_extension(extension, critical)
    hash_ = None if isinstance(key, ed25519.Ed25519PrivateKey) else changed.get("hash", hashes.SHA256())
    return builder.sign(key, hash_).public_bytes(Encoding.PEM)  # type: ignore[arg-type]  # a hash


def usage(*, digital_signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


class TestIssued:
    @pytest.mark.parametrize("key_type", KEY_TYPES)
    def test_openssl_verifies_the_chain_for_clients_and_for_nothing_else(
        self, authority: Authority, tmp_path: Path, key_type: str
    ) -> None:
        der, user_id = issue(authority, key_type)
        (tmp_path / "ca").write_text(pem_of(authority.certificate))
        (tmp_path / "one").write_text(pem_of(der))
        strict = ("verify", "-x509_strict", "-CAfile", tmp_path / "ca", "-purpose")
        assert openssl(*strict, "sslclient", tmp_path / "one").returncode == 0
        assert openssl(*strict, "sslserver", tmp_path / "one").returncode != 0
        shown = openssl("x509", "-in", tmp_path / "one", "-noout", "-text").stdout.decode()
        assert f"URI:urn:uuid:{user_id}" in shown
        assert "CA:FALSE" in shown
        assert facts_of(der).key_type == key_type

    def test_no_certificate_outlasts_its_authority(self, authority: Authority) -> None:
        der, _ = issue(authority, lifetime=timedelta(days=30 * 365))
        assert facts_of(der).not_after == facts_of(authority.certificate).not_after

    def test_a_pkcs12_that_openssl_reads_with_its_password_alone(self, authority: Authority, tmp_path: Path) -> None:
        key = KEY_TYPES["rsa-3072"]()
        der = client_certificates.issue(
            authority, key.public_key(), user_id=new_id(), user_name="kim", now=NOW, lifetime=timedelta(days=1)
        )
        bundle = client_certificates.pkcs12("kim's laptop", key, der, authority.certificate, PASSWORD)
        assert bundle.file_name == "kim-s-laptop.p12"
        file = tmp_path / "p12"
        file.write_bytes(bundle.content.reveal())
        told = openssl("pkcs12", "-in", file, "-passin", "pass:of-the-file-alone-42", "-noenc", "-info")
        assert told.returncode == 0
        assert b"AES-256-CBC, Iteration 600000, PRF hmacWithSHA256" in told.stderr
        assert openssl("pkcs12", "-in", file, "-passin", "pass:another", "-noenc").returncode != 0

    def test_a_pem_whose_key_is_encrypted_if_there_is_a_password(self, authority: Authority) -> None:
        key = KEY_TYPES["ec-p256"]()
        der, _ = issue(authority)
        for password, begins in ((None, b"-----BEGIN PRIVATE"), (PASSWORD, b"-----BEGIN ENCRYPTED PRIVATE")):
            bundle = client_certificates.pem_bundle("a", key, der, authority.certificate, password)
            assert bundle.content.reveal().startswith(begins)
            assert bundle.content.reveal().count(b"BEGIN CERTIFICATE") == 2
            assert "PRIVATE" not in repr(bundle)

    @pytest.mark.parametrize("name", ["", "..", "/etc/passwd", "ключ", "a\nb", "x" * 300])
    def test_file_names_lead_nowhere(self, authority: Authority, name: str) -> None:
        der, _ = issue(authority)
        found = client_certificates.pem_bundle(name, None, der, authority.certificate, None).file_name
        assert "/" not in found
        assert not found.startswith(".")
        assert found.isprintable()
        assert len(found) <= 84

    @pytest.mark.parametrize("length", [0, 11, 1025])
    def test_passwords_of_files_that_are_refused(self, length: int) -> None:
        with pytest.raises(InvalidInput) as refused:
            client_certificates.require_password(Secret(b"x" * length))
        assert (refused.value.code, refused.value.field) == ("password-refused", "password")


class TestRequests:
    def test_of_a_version_that_is_not_known_is_refused(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        der = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)
        version = b"\x02\x01\x00"  # RFC 2986 section 4.1
        later = der.replace(version, b"\x02\x01\x05", 1)
        assert read_refused(pem("CERTIFICATE REQUEST", later)).field == "request"

    def test_its_key_alone_is_looked_at(self, authority: Authority) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "first-admin")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        public = read_request(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert public.public_bytes(*form) == key.public_key().public_bytes(*form)
        der = client_certificates.issue(
            authority, public, user_id=new_id(), user_name="kim", now=NOW, lifetime=timedelta(days=1)
        )
        assert facts_of(der).subject == "CN=kim"
        constraints = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints)
        assert not constraints.value.ca

    def test_one_that_another_key_has_signed(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kim")])
        der = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        spoilt = bytearray(der.public_bytes(Encoding.DER))
        spoilt[-1] ^= 1
        refused = read_refused(pem("CERTIFICATE REQUEST", bytes(spoilt)))
        assert "not signed by the key" in refused.detail

    @pytest.mark.parametrize("text", [b"", b"nonsense", b"x" * 70_000, own().pem])
    def test_what_is_none(self, text: bytes) -> None:
        assert read_refused(text).field == "request"


class TestJudged:
    @pytest.mark.parametrize(
        "key",
        [
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP521R1()),
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
        ],
        ids=["ec-p256", "ec-p384", "ec-p521", "rsa-2048", "ed25519"],
    )
    def test_keys_that_are_taken(self, key: object, request: pytest.FixtureRequest) -> None:
        facts = judge(build(key=key), NOW)
        assert facts.key_type in request.node.name
        assert facts.fingerprint == client_certificates.fingerprint_of(facts.certificate)
        assert (facts.subject, facts.serial) == ("CN=own", "5")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"key": rsa.generate_private_key(65537, 1024)}, "type or size"),
            ({"key": ec.generate_private_key(ec.SECP256K1())}, "type or size"),
            ({"key": ec.generate_private_key(ec.SECP224R1())}, "type or size"),
            ({"key": dsa.generate_private_key(2048)}, "type or size"),
            ({"extensions": [(x509.BasicConstraints(ca=True, path_length=None), True)]}, "an authority's"),
            ({"extensions": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]}, "TLS clients"),
            (
                {"extensions": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)]},
                "TLS clients",
            ),
            ({"extensions": [(usage(digital_signature=False), True)]}, "not for signatures"),
            ({"extensions": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"x"), True)]}, "1.2.3.4"),
        ],
    )
    def test_what_is_refused(self, changed: dict[str, object], said: str) -> None:
        assert said in judged_refused(build(**changed)).detail

    def test_what_a_client_usually_has(self) -> None:
        extensions = [
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), True),
            (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"x"), False),
        ]
        assert judge(build(extensions=extensions), NOW).subject == "CN=own"

    @pytest.mark.parametrize("moment", [NOW - timedelta(days=2), NOW + timedelta(days=31)])
    def test_out_of_its_time(self, moment: datetime) -> None:
        with pytest.raises(InvalidInput, match="expired, or is not valid yet"):
            judge(build(), moment)

    def test_old_hashes_are_refused(self, tmp_path: Path) -> None:
        files = (
            "-keyout",
            tmp_path / "k",
            "-out",
            tmp_path / "c",
            "-subj",
            "/CN=x",
            "-addext",
            "basicConstraints=CA:FALSE",
        )
        assert openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-sha1", *files).returncode == 0
        assert "MD5 or SHA-1" in judged_refused((tmp_path / "c").read_bytes()).detail

    def test_of_version_1_is_refused(self, tmp_path: Path) -> None:
        openssl(
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-keyout",
            tmp_path / "k",
            "-out",
            tmp_path / "r",
            "-subj",
            "/CN=x",
        )
        assert (
            openssl(
                "x509", "-req", "-in", tmp_path / "r", "-signkey", tmp_path / "k", "-out", tmp_path / "c"
            ).returncode
            == 0
        )
        assert judged_refused((tmp_path / "c").read_bytes()).detail == "The certificate is not of X.509 version 3."

    def test_of_a_version_that_is_not_known_is_refused(self) -> None:
        assert judged_refused(pem("CERTIFICATE", of_version_2(_DER))).detail == "This is no certificate in PEM."

    @pytest.mark.filterwarnings(_BAD_SERIAL)
    def test_a_serial_number_has_to_be_above_zero(self) -> None:
        refused = judged_refused(pem("CERTIFICATE", of_serial_below_zero(_DER)))
        assert refused.detail == "The certificate's serial number is not above zero."

    def test_a_private_key_beside_it_is_told(self) -> None:
        refused = judged_refused(own().with_key)
        assert refused.detail == "A private key came with the certificate. It was not kept."

    def test_several_in_one_file_and_none(self) -> None:
        assert judged_refused(own().pem + own().pem).detail == "There is more than one certificate."
        for text in (b"", b"nonsense", b"\xff" * 9, own().certificate.public_bytes(Encoding.DER), b"x" * 70_000):
            assert judged_refused(text).code == "certificate-refused"

    def test_names_are_shown_without_what_could_deceive(self) -> None:
        facts = judge(own("a\u202eb\x07").pem, NOW)
        assert facts.subject.isprintable()
        assert facts.subject.isascii()


@pytest.mark.filterwarnings(_BAD_SERIAL)
@settings(max_examples=200)
@given(data=st.data())
def test_any_damage_is_a_refusal_or_another_certificate(data: st.DataObject) -> None:
    """Class P: whatever is in it, nothing but a refusal comes of a certificate that will not do."""
    der = bytearray(_DER)
    for place in data.draw(st.lists(st.integers(0, len(der) - 1), min_size=1, max_size=4)):
        der[place] = data.draw(st.integers(0, 255))
    refused = None
    try:
        facts = judge(pem("CERTIFICATE", bytes(der)), NOW)
    except InvalidInput as refusal:
        refused = refusal
    if refused is not None:
        assert refused.code == "certificate-refused"
        return
    assert facts.subject.isprintable()
    assert facts.fingerprint == client_certificates.fingerprint_of(facts.certificate)


_DER = own().certificate.public_bytes(Encoding.DER)


def pem(label: str, der: bytes) -> bytes:
    return pem_of(der).replace("CERTIFICATE", label).encode()


def judged_refused(text: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        judge(text, NOW)
    assert (refused.value.code, refused.value.advice is not None) == ("certificate-refused", True)
    return refused.value


def read_refused(text: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        read_request(text)
    assert refused.value.code == "certificate-refused"
    return refused.value
