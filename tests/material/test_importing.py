"""Keys that OpenSSL made, in every form in which it writes them, are read as the same PKCS#8."""

from pathlib import Path

import pytest
from tests.material.conftest import OpenSsl
from tests.material.refusing import refusal_of

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import read_material
from keyferry.material.secret import Secret

CURVES = {"ec-p256": "P-256", "ec-p384": "P-384", "ec-p521": "P-521", "ec-p256k": "secp256k1"}
PASSPHRASE = "correct horse"
PASS = ("-passout", f"pass:{PASSPHRASE}")

# form -> what OpenSSL is called with, the key on standard input
RSA_FORMS = {
    "PKCS#8 PEM": ("pkey",),
    "PKCS#8 DER": ("pkey", "-outform", "DER"),
    "PKCS#1 PEM": ("rsa", "-traditional"),
    "PKCS#1 DER": ("rsa", "-traditional", "-outform", "DER"),
}
EC_FORMS = {
    "PKCS#8 PEM": ("pkey",),
    "PKCS#8 DER": ("pkey", "-outform", "DER"),
    "SEC1 PEM": ("ec",),
    "SEC1 DER": ("ec", "-outform", "DER"),
    "SEC1 without public key": ("ec", "-no_public", "-outform", "DER"),
    "SEC1 compressed": ("ec", "-conv_form", "compressed"),
    "SEC1 with the curve spelt out": ("ec", "-param_enc", "explicit"),
}
NOT_RECOGNISED = ("ec-p256k", "SEC1 with the curve spelt out")
"""The library knows the three curves of NIST by their parameters, and this one by its name alone."""

ENCRYPTED_FORMS = {
    "PBES2, AES-256": ("pkcs8", "-topk8", "-v2", "aes256", *PASS),
    "PBES2, AES-128, DER": ("pkcs8", "-topk8", "-v2", "aes128", "-outform", "DER", *PASS),
    "PBES2, SHA-512": ("pkcs8", "-topk8", "-v2", "aes256", "-v2prf", "hmacWithSHA512", *PASS),
    "PBES2, 3DES": ("pkcs8", "-topk8", "-v2", "des3", *PASS),
    "scrypt": ("pkcs8", "-topk8", "-scrypt", *PASS),
    "PKCS#12's, 3DES": ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", *PASS),
    "PKCS#1, AES-256": ("rsa", "-traditional", "-aes256", *PASS),
    "PKCS#1, 3DES": ("rsa", "-traditional", "-des3", *PASS),
}


def normal_form(openssl: OpenSsl, key: bytes) -> bytes:
    return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=key)


@pytest.mark.parametrize("form", RSA_FORMS)
def test_rsa_keys_are_read_in_every_form(form: str, rsa_pem: bytes, openssl: OpenSsl) -> None:
    given = openssl(*RSA_FORMS[form], stdin=rsa_pem)
    for algorithm in (None, ALGORITHMS["rsa-2048"]):
        material = read_material(given, algorithm=algorithm)
        assert material.algorithm.name == "rsa-2048"
        assert material.secret.reveal() == normal_form(openssl, rsa_pem)


@pytest.mark.parametrize("bits", [3072, 4096])
def test_rsa_keys_are_read_in_every_size(bits: int, openssl: OpenSsl) -> None:
    given = openssl("genrsa", "-traditional", str(bits))
    material = read_material(given)
    assert material.algorithm is ALGORITHMS[f"rsa-{bits}"]
    assert material.secret.reveal() == normal_form(openssl, given)


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in CURVES for form in EC_FORMS if (name, form) != NOT_RECOGNISED]
)
def test_ec_keys_are_read_in_every_form(name: str, form: str, openssl: OpenSsl) -> None:
    made = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[name]}")
    material = read_material(openssl(*EC_FORMS[form], stdin=made), algorithm=ALGORITHMS[name])
    assert material.algorithm.name == name
    assert material.secret.reveal() == normal_form(openssl, made)


def test_a_curve_spelt_out_that_is_not_recognised_is_refused(openssl: OpenSsl) -> None:
    made = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")
    assert refusal_of(openssl("ec", "-param_enc", "explicit", stdin=made)).code == "material-refused"


def test_ecparam_writes_the_curve_before_the_key_and_that_is_one_key(openssl: OpenSsl) -> None:
    given = openssl("ecparam", "-genkey", "-name", "prime256v1")
    assert given.count(b"-----BEGIN") == 2
    assert read_material(given).secret.reveal() == normal_form(openssl, given)


@pytest.mark.parametrize("form", ENCRYPTED_FORMS)
def test_encrypted_keys_open_with_their_passphrase_alone(form: str, rsa_pem: bytes, openssl: OpenSsl) -> None:
    given = openssl(*ENCRYPTED_FORMS[form], stdin=rsa_pem)
    material = read_material(given, passphrase=Secret(PASSPHRASE.encode()))
    assert material.secret.reveal() == normal_form(openssl, rsa_pem)
    assert refusal_of(given).code == "material-encrypted"
    assert refusal_of(given, passphrase=b"").code == "material-encrypted"
    wrong = refusal_of(given, passphrase=b"battery staple")
    assert (wrong.code, wrong.field) == ("passphrase-refused", "passphrase")
    assert "battery" not in wrong.detail + wrong.advice


def test_an_encrypted_sec1_key_opens_too(ec_pem: bytes, openssl: OpenSsl) -> None:
    given = openssl("ec", "-aes256", *PASS, stdin=ec_pem)
    material = read_material(given, algorithm=ALGORITHMS["ec-p256"], passphrase=Secret(PASSPHRASE.encode()))
    assert material.secret.reveal() == normal_form(openssl, ec_pem)


def test_a_passphrase_for_a_key_that_is_not_encrypted_is_worth_a_refusal(ec_pem: bytes) -> None:
    refusal = refusal_of(ec_pem, passphrase=b"x")
    assert refusal.code == "passphrase-refused"
    assert "not encrypted" in refusal.detail


@pytest.mark.parametrize(
    "dress",
    [
        pytest.param(lambda pem: pem.replace(b"\n", b"\r\n"), id="Windows line ends"),
        pytest.param(lambda pem: b"\xef\xbb\xbf" + pem, id="byte order mark"),
        pytest.param(
            lambda pem: b"Bag Attributes\n    friendlyName: kek\nKey Attributes: <No Attributes>\n" + pem, id="bag"
        ),
        pytest.param(lambda pem: pem.rstrip(), id="no last line end"),
        pytest.param(lambda pem: b"\n\n" + pem + b"\n \n", id="blank lines"),
    ],
)
def test_what_editors_and_tools_put_around_pem_is_passed_over(dress: object, ec_pem: bytes) -> None:
    assert callable(dress)
    assert read_material(dress(ec_pem)).secret.reveal() == read_material(ec_pem).secret.reveal()


@pytest.mark.parametrize(
    "options", [(), ("-pkeyopt", "rsa_pss_keygen_md:sha256", "-pkeyopt", "rsa_pss_keygen_saltlen:32")]
)
def test_a_key_for_rsa_pss_only_is_refused_since_the_mark_would_be_lost(
    options: tuple[str, ...], openssl: OpenSsl
) -> None:
    made = openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", *options)
    for given in (made, made.replace(b"\n", b"\r\n"), openssl("pkey", "-outform", "DER", stdin=made)):
        assert "RSA-PSS" in refusal_of(given, type_name="rsa-2048").detail


def test_reading_again_what_was_read_changes_nothing(rsa_pem: bytes) -> None:
    once = read_material(rsa_pem)
    assert read_material(once.secret.reveal()).secret.reveal() == once.secret.reveal()


def test_another_type_than_the_one_named_is_refused_by_both_names(ec_pem: bytes, rsa_pem: bytes) -> None:
    for given, named, found in (
        (ec_pem, "ec-p384", "ec-p256"),
        (ec_pem, "rsa-2048", "ec-p256"),
        (rsa_pem, "rsa-4096", "rsa-2048"),
        (rsa_pem, "aes-256", "rsa-2048"),
        (read_material(rsa_pem).secret.reveal(), "aes-256", "rsa-2048"),
    ):
        refusal = refusal_of(given, type_name=named)
        assert refusal.code == "algorithm-mismatch"
        assert named in refusal.detail
        assert found in refusal.detail


def test_the_passphrase_may_hold_any_bytes(ec_pem: bytes, openssl: OpenSsl, tmp_path: Path) -> None:
    passphrase = "pässword ☃".encode()
    (tmp_path / "passphrase").write_bytes(passphrase)
    given = openssl("pkcs8", "-topk8", "-v2", "aes256", "-passout", f"file:{tmp_path / 'passphrase'}", stdin=ec_pem)
    assert read_material(given, passphrase=Secret(passphrase)).algorithm.name == "ec-p256"
    with pytest.raises(MaterialRefused):
        read_material(given, passphrase=Secret(passphrase + b" "))
