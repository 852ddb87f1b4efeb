"""Keys that were made elsewhere: every kind, and what is refused of them."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.custody.reading import rows
from tests.custody.refusing import refused

from keyferry.byok.verify import verify
from keyferry.custody.caller import Caller
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.material.secret import Secret
from keyferry.testing import Kek, Kit

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
AES = bytes(range(32))
PASSPHRASE = b"a ferry at dawn"


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def take(kit: Kit, kim: Caller, algorithm: str, data: bytes, passphrase: bytes | None = None) -> KeyDetail:
    secret = None if passphrase is None else Secret(passphrase)
    return kit.custody.keys.import_(kim, NewKey(algorithm=algorithm), data, passphrase=secret)


def spki(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_private_keys_in_every_form(kit: Kit, kim: Caller) -> None:
    plain, pkcs8 = NoEncryption(), PrivateFormat.PKCS8
    sealed = RSA.private_bytes(Encoding.PEM, pkcs8, BestAvailableEncryption(PASSPHRASE))
    forms: list[tuple[str, bytes, bytes | None]] = [
        ("rsa-2048", RSA.private_bytes(Encoding.PEM, pkcs8, plain), None),
        ("rsa-2048", RSA.private_bytes(Encoding.DER, pkcs8, plain), None),
        ("rsa-2048", RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, plain), None),
        ("rsa-2048", sealed, PASSPHRASE),
        ("ec-p384", EC.private_bytes(Encoding.PEM, pkcs8, plain), None),
        ("ec-p384", EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, plain), None),
    ]
    for algorithm, data, passphrase in forms:
        made = take(kit, kim, algorithm, data, passphrase)
        assert made.version.public_key == spki(RSA if algorithm == "rsa-2048" else EC)
        assert made.version.origin == "imported"


def test_symmetric_keys_in_every_form(kit: Kit, kim: Caller) -> None:
    jwk = json.dumps({"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}).encode()
    check_values = {take(kit, kim, "aes-256", data).version.check_value for data in (AES, AES.hex().encode(), jwk)}
    assert len(check_values) == 1
    assert None not in check_values


def test_an_imported_key_leaves_as_itself(kit: Kit, kim: Caller, kek: Kek) -> None:
    data = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = kit.export(kim, take(kit, kim, "rsa-2048", data).key.id, kek)
    verify(file.content, kek.private, spki(RSA))


@pytest.mark.parametrize(
    ("algorithm", "data", "code"),
    [
        ("rsa-2048", b"", "material-refused"),
        ("rsa-2048", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "material-refused"),
        ("aes-256", AES[:16], "material-refused"),
        ("aes-256", b"x" * 33, "material-refused"),
        ("rsa-3072", RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "algorithm-mismatch"),
        ("ec-p256", EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "algorithm-mismatch"),
        (
            "ec-p384",
            EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)),
            "material-encrypted",
        ),
    ],
)
def test_material_that_is_refused(kit: Kit, kim: Caller, algorithm: str, data: bytes, code: str) -> None:
    with refused(code):
        take(kit, kim, algorithm, data)
    assert rows(kit, "keys") == rows(kit, "key_versions") == []


def test_a_wrong_passphrase(kit: Kit, kim: Caller) -> None:
    data = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    with refused("passphrase-refused"):
        take(kit, kim, "ec-p384", data, b"another ferry")


def test_an_administrator_imports_nothing_not_even_for_others(kit: Kit, kim: Caller) -> None:
    with refused("not-permitted"):
        kit.custody.keys.import_(kit.administrator, NewKey(algorithm="aes-256", owner="kim"), AES)
    assert rows(kit, "keys") == []
