"""What is no private key of a kept type, or no sound one, is refused with what it is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from tests.certificates import of_version_2
from tests.material.conftest import OpenSsl
from tests.material.refusing import refusal_of

from keyferry.material.importing import MAX_BYTES, read_material
from keyferry.material.secret import Secret

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Certify = Callable[[bytes], bytes]


@pytest.fixture
def certify(openssl: OpenSsl, tmp_path: Path) -> Certify:
    def run(pem: bytes) -> bytes:
        (tmp_path / "key.pem").write_bytes(pem)
        return openssl("req", "-x509", "-key", tmp_path / "key.pem", "-subj", "/CN=someone", "-days", "30")

    return run


class TestOtherThings:
    def test_a_public_key(self, ec_pem: bytes, rsa_pem: bytes, openssl: OpenSsl) -> None:
        for given in (
            openssl("pkey", "-pubout", stdin=ec_pem),
            openssl("pkey", "-pubout", "-outform", "DER", stdin=rsa_pem),
            openssl("rsa", "-RSAPublicKey_out", stdin=rsa_pem),
        ):
            assert "public key" in refusal_of(given).detail

    def test_a_certificate(self, ec_pem: bytes, certify: Certify, openssl: OpenSsl) -> None:
        pem = certify(ec_pem)
        for given in (pem, openssl("x509", "-outform", "DER", stdin=pem)):
            assert "certificate" in refusal_of(given).detail

    def test_a_certificate_of_a_version_that_is_not_known(self, ec_pem: bytes, certify: Certify) -> None:
        der = x509.load_pem_x509_certificate(certify(ec_pem)).public_bytes(Encoding.DER)
        assert refusal_of(of_version_2(der)).code == "material-refused"

    def test_several_keys_or_a_key_with_its_certificate(self, ec_pem: bytes, rsa_pem: bytes, certify: Certify) -> None:
        for given in (ec_pem + rsa_pem, ec_pem + ec_pem, ec_pem + certify(ec_pem), ec_pem * 20):
            assert "several" in refusal_of(given).detail

    def test_openssh_s_own_form(self) -> None:
        given = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA=\n-----END OPENSSH PRIVATE KEY-----\n"
        assert "ssh-keygen" in refusal_of(given).advice

    def test_a_certificate_request_and_other_blocks(self) -> None:
        for label in ("CERTIFICATE REQUEST", "DSA PRIVATE KEY", "EC PARAMETERS", "X"):
            given = f"-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n".encode()
            assert refusal_of(given).code == "material-refused"

    def test_a_pkcs12_store(self, ec_pem: bytes, certify: Certify, openssl: OpenSsl, tmp_path: Path) -> None:
        (tmp_path / "both.pem").write_bytes(ec_pem + certify(ec_pem))
        given = openssl("pkcs12", "-export", "-in", tmp_path / "both.pem", "-passout", "pass:x")
        assert refusal_of(given).code == "material-refused"

    @pytest.mark.parametrize(
        "given", [b"", b" \n", b"hello", b"\x00", b"0", b"[]", b"\xff\xfe-\x00-\x00", b"-----BEGIN "]
    )
    def test_nothing_or_next_to_nothing(self, given: bytes) -> None:
        assert refusal_of(given).code == "material-refused"

    def test_more_than_a_key_can_need(self, ec_pem: bytes) -> None:
        assert refusal_of(ec_pem.rjust(MAX_BYTES + 1)).detail.endswith(f"{MAX_BYTES}")


class TestAfterTheKey:
    def test_something_follows_it(self, ec_pem: bytes, openssl: OpenSsl) -> None:
        der = openssl("pkey", "-outform", "DER", stdin=ec_pem)
        for given in (ec_pem + b"x", der + b"\n", der + b"\x00", der + der):
            assert "follows" in refusal_of(given).detail

    def test_it_is_cut_short(self, ec_pem: bytes, openssl: OpenSsl) -> None:
        der = openssl("pkey", "-outform", "DER", stdin=ec_pem)
        for given in (ec_pem[:-10], ec_pem[: len(ec_pem) // 2], der[:-1], der[:60]):
            assert refusal_of(given).code == "material-refused"

    def test_two_labels_that_do_not_fit(self, ec_pem: bytes) -> None:
        assert "END" in refusal_of(ec_pem.replace(b"END PRIVATE", b"END EC PRIVATE")).detail


class TestOldEncryption:
    """The header lines that OpenSSL's old encrypted form has, changed. The library would panic on some of them."""

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            (rb"DEK-Info: (AES-256-CBC),\w{2}(\w{30})", rb"DEK-Info: \1,\2"),
            (rb"DEK-Info: (AES-256-CBC),(\w{31})\w", rb"DEK-Info: \1,\2"),
            (rb"DEK-Info: (AES-256-CBC),\w{32}", rb"DEK-Info: \1,"),
            (rb"DEK-Info: (AES-256-CBC),\w{32}", rb"DEK-Info: \1"),
            (rb"DEK-Info: (AES-256-CBC),(\w{32})", rb"DEK-Info: \1,\2\2"),
            (rb"DEK-Info: AES-256-CBC,(\w{16})\w{16}", rb"DEK-Info: AES-256-CBC,\1"),
            (rb"DEK-Info: AES-256-CBC,(\w{16})\w{16}", rb"dek-info: AES-256-CBC,\1"),
            (rb"DEK-Info: AES-256-CBC,(\w{16})\w{16}", rb" DEK-Info:AES-256-CBC,\1"),
            (rb"DEK-Info: AES-256", rb"DEK-Info: CAMELLIA-256"),
            (rb"DEK-Info: AES-256-CBC", rb"DEK-Info: DES-EDE3-CBC"),
        ],
    )
    def test_a_damaged_header_is_refused(self, was: bytes, becomes: bytes, rsa_pem: bytes, openssl: OpenSsl) -> None:
        given = openssl("rsa", "-traditional", "-aes256", "-passout", "pass:x", stdin=rsa_pem)
        damaged, count = re.subn(was, becomes, given)
        assert count == 1
        for passphrase in (None, b"x"):
            assert "DEK-Info" in refusal_of(damaged, passphrase=passphrase).detail

    def test_windows_line_ends_do_not_damage_it(self, ec_pem: bytes, openssl: OpenSsl) -> None:
        given = openssl("ec", "-aes128", "-passout", "pass:x", stdin=ec_pem).replace(b"\n", b"\r\n")
        assert refusal_of(given).code == "material-encrypted"
        assert read_material(given, passphrase=Secret(b"x")).algorithm.name == "ec-p256"


class TestOtherKinds:
    @pytest.mark.parametrize("kind", ["ED25519", "ED448", "X25519", "X448"])
    def test_of_the_edwards_and_montgomery_curves(self, kind: str, openssl: OpenSsl) -> None:
        refusal = refusal_of(openssl("genpkey", "-algorithm", kind))
        assert kind.lower() in refusal.detail.lower()
        assert "rsa-2048" in refusal.advice

    def test_dsa(self, openssl: OpenSsl, tmp_path: Path) -> None:
        parameters = tmp_path / "dsa.pem"
        parameters.write_bytes(openssl("dsaparam", "1024"))
        assert "DSA" in refusal_of(openssl("genpkey", "-paramfile", parameters)).detail

    @pytest.mark.parametrize("curve", ["P-224", "brainpoolP256r1", "sect233k1"])
    def test_other_curves(self, curve: str, openssl: OpenSsl) -> None:
        given = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")
        assert refusal_of(given).code == "material-refused"

    @pytest.mark.parametrize("bits", [1024, 2047, 2056])
    def test_other_sizes(self, bits: int, openssl: OpenSsl) -> None:
        assert f"{bits} bits" in refusal_of(openssl("genrsa", str(bits))).detail

    def test_more_than_two_primes(self, openssl: OpenSsl) -> None:
        given = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_primes:3")
        assert refusal_of(given).code == "material-refused"

    @pytest.mark.parametrize("exponent", [3, 17, 257])
    def test_a_small_public_exponent(self, exponent: int, openssl: OpenSsl) -> None:
        given = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_pubexp:{exponent}")
        assert "exponent" in refusal_of(given).detail


class TestUnsoundRsa:
    """Numbers that parse, and are no key to rely on: FIPS 186-5 section A.1.1."""

    def test_a_private_exponent_or_crt_member_that_is_not_its_own(self, rsa_pem: bytes) -> None:
        good = numbers_of(rsa_pem)
        for changed in (
            {"d": good.d + 2},
            {"dmp1": good.dmp1 + 2},
            {"dmq1": good.dmq1 + 2},
            {"iqmp": good.iqmp + 1},
            {"d": 65537, "dmp1": 65537, "dmq1": 65537},
            {"e": 65539},
        ):
            assert "do not belong together" in refusal_of(encoded(good, **changed)).detail

    def test_a_prime_that_is_none(self) -> None:
        # The top two bits of every prime that is generated are set, so that the products keep their full lengths.
        composite = rsa.generate_private_key(65537, 1024).private_numbers().public_numbers.n
        prime = rsa.generate_private_key(65537, 2048).private_numbers().p
        if (composite * prime).bit_length() < 2048:
            composite, prime = prime, rsa.generate_private_key(65537, 2048).private_numbers().p
        assert "do not belong together" in refusal_of(encoded(key_of(composite, prime))).detail

    def test_primes_of_unequal_size(self) -> None:
        p = rsa.generate_private_key(65537, 1024).private_numbers().p
        q = rsa.generate_private_key(65537, 3072).private_numbers().p
        assert (p.bit_length(), q.bit_length()) == (512, 1536)
        assert "do not belong together" in refusal_of(encoded(key_of(p, q))).detail

    def test_primes_so_close_that_anyone_finds_them(self) -> None:
        p = rsa.generate_private_key(65537, 2048).private_numbers().p
        q = next(q for q in range(p + 2, p + 100_000, 2) if probably_prime(q))
        assert "do not belong together" in refusal_of(encoded(key_of(p, q))).detail


class TestUnsoundEc:
    def test_a_public_key_of_another(self, ec_pem: bytes, openssl: OpenSsl) -> None:
        der = openssl("pkey", "-outform", "DER", stdin=ec_pem)
        other = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER")
        assert refusal_of(der[:-64] + other[-64:]).code == "material-refused"

    def test_a_point_that_is_not_on_the_curve(self, ec_pem: bytes, openssl: OpenSsl) -> None:
        der = bytearray(openssl("pkey", "-outform", "DER", stdin=ec_pem))
        der[-1] ^= 1
        assert refusal_of(bytes(der)).code == "material-refused"

    @pytest.mark.parametrize("scalar", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
    def test_a_scalar_out_of_range(self, scalar: int, ec_pem: bytes, openssl: OpenSsl) -> None:
        der = openssl("ec", "-no_public", "-outform", "DER", stdin=ec_pem)
        at = der.index(b"\x04\x20") + 2
        assert refusal_of(der[:at] + scalar.to_bytes(32, "big") + der[at + 32 :]).code == "material-refused"


def numbers_of(pem: bytes) -> rsa.RSAPrivateNumbers:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.private_numbers()


def public_of(n: int, e: int = 65537) -> rsa.RSAPublicNumbers:
    return rsa.RSAPublicNumbers(e, n)


def key_of(p: int, q: int) -> rsa.RSAPrivateNumbers:
    """A key of two primes, all of it consistent; of 2048 bits, or the test would be of something else."""
    p, q = max(p, q), min(p, q)
    assert (p * q).bit_length() == 2048
    d = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p), public_numbers=public_of(p * q)
    )


def encoded(numbers: rsa.RSAPrivateNumbers, **changed: int) -> bytes:
    values = {name: getattr(numbers, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")} | changed
    public = public_of(numbers.public_numbers.n, values.pop("e", 65537))
    key = rsa.RSAPrivateNumbers(**values, public_numbers=public).private_key(unsafe_skip_rsa_key_validation=True)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def probably_prime(number: int) -> bool:
    return all(number % small for small in (3, 5, 7, 11, 13, 17, 19)) and pow(2, number - 1, number) == 1
