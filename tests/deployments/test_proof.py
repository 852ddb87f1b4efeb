"""A key is proved by use, whoever holds its private half: here, keys in hand."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyferry.clouds.azure.facts import VaultKey
from keyferry.deployments.proof import FORBIDDEN, NOT_AN_OPERATION, prove
from keyferry.errors import CloudFailed, Conflict

RSA = rsa.generate_private_key(65537, 2048)
ANOTHER_RSA = rsa.generate_private_key(65537, 2048)
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ES256K": ec.SECP256K1(),
}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
    "ES256K": hashes.SHA256(),
}
OAEP_256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


class InHand:
    """A private key, used as a vault uses it; some operations may be forbidden to whoever asks."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *forbidden: str) -> None:
        self._key = key
        self._forbidden = forbidden

    def unwrap(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        return self._opened("unwrap", algorithm, ciphertext)

    def decrypt(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        return self._opened("decrypt", algorithm, ciphertext)

    def sign(self, identifier: str, algorithm: str, digest: bytes) -> bytes:
        self._permit("sign")
        if isinstance(self._key, rsa.RSAPrivateKey):
            assert algorithm == "PS256"
            return self._key.sign(digest, PSS, Prehashed(hashes.SHA256()))
        signature = self._key.sign(digest, ec.ECDSA(Prehashed(HASHES[algorithm])))
        size = (self._key.curve.key_size + 7) // 8
        return b"".join(number.to_bytes(size) for number in decode_dss_signature(signature))

    def _opened(self, operation: str, algorithm: str, ciphertext: bytes) -> bytes:
        self._permit(operation)
        assert algorithm == "RSA-OAEP-256"
        assert isinstance(self._key, rsa.RSAPrivateKey)
        try:
            return self._key.decrypt(ciphertext, OAEP_256)
        except ValueError:
            raise CloudFailed("Azure refused: BadParameter") from None

    def _permit(self, operation: str) -> None:
        if operation in self._forbidden:
            raise CloudFailed("No permission.", code="azure-forbidden", advice="Grant a role.")


def spki(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


def found(*operations: str) -> VaultKey:
    return VaultKey(
        identifier="https://v.vault.azure.net/keys/n/1",
        vault="https://v.vault.azure.net",
        name="n",
        version="1",
        kty="RSA-HSM",
        operations=operations,
    )


@pytest.mark.parametrize(
    ("operations", "how", "algorithm"),
    [
        (("wrapKey", "unwrapKey"), "unwrapKey", "RSA-OAEP-256"),
        (("sign", "verify", "decrypt", "unwrapKey"), "unwrapKey", "RSA-OAEP-256"),
        (("decrypt", "sign"), "decrypt", "RSA-OAEP-256"),
        (("sign", "verify"), "sign", "PS256"),
        (("verify", "encrypt", "wrapKey"), "public key only", None),
    ],
)
def test_an_rsa_key_is_proved_by_the_best_that_it_may_do(
    operations: tuple[str, ...], how: str, algorithm: str | None
) -> None:
    proved = prove(InHand(RSA), found(*operations), spki(RSA))
    assert (proved.how, proved.algorithm) == (how, algorithm)
    assert set(proved.why_not) == {"unwrapKey", "decrypt", "sign"} - set(operations)
    assert set(proved.why_not.values()) <= {NOT_AN_OPERATION}


@pytest.mark.parametrize("algorithm", CURVES)
def test_an_ec_key_is_proved_by_a_signature(algorithm: str) -> None:
    key = ec.generate_private_key(CURVES[algorithm])
    proved = prove(InHand(key), found("sign", "verify"), spki(key))
    assert (proved.how, proved.algorithm, proved.why_not) == ("sign", algorithm, {})
    proved = prove(InHand(key), found("verify"), spki(key))
    assert (proved.how, proved.algorithm, proved.why_not) == ("public key only", None, {"sign": NOT_AN_OPERATION})


def test_what_is_forbidden_to_the_sign_in_is_done_otherwise() -> None:
    proved = prove(InHand(RSA, "unwrap"), found("unwrapKey", "sign"), spki(RSA))
    assert (proved.how, proved.algorithm) == ("sign", "PS256")
    assert proved.why_not == {"unwrapKey": FORBIDDEN, "decrypt": NOT_AN_OPERATION}


def test_a_sign_in_that_may_not_use_the_key_proves_nothing() -> None:
    with pytest.raises(CloudFailed) as caught:
        prove(InHand(RSA, "unwrap"), found("wrapKey", "unwrapKey"), spki(RSA))
    assert caught.value.code == "azure-forbidden"
    assert "reads back as ours" in caught.value.detail
    assert "somebody who may unwrapKey" in caught.value.advice
    assert "--public-key-proof" in caught.value.advice


@pytest.mark.parametrize(
    ("held", "there", "operations"),
    [
        (lambda: RSA, lambda: ANOTHER_RSA, ("sign",)),
        (*[lambda: ec.generate_private_key(ec.SECP256R1())] * 2, ("sign",)),
    ],
)
def test_another_private_key_is_found_out(
    held: Callable[[], Any], there: Callable[[], Any], operations: tuple[str, ...]
) -> None:
    with pytest.raises(Conflict) as caught:
        prove(InHand(there()), found(*operations), spki(held()))
    assert caught.value.code == "proof-failed"


def test_a_signature_of_another_length_is_no_proof() -> None:
    held, there = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())

    class Short(InHand):
        def sign(self, identifier: str, algorithm: str, digest: bytes) -> bytes:
            return super().sign(identifier, algorithm, digest)[:-1]

    with pytest.raises(Conflict) as caught:
        prove(Short(there), found("sign"), spki(held))
    assert caught.value.code == "proof-failed"


def test_a_vault_that_opens_something_else_is_found_out() -> None:
    class Liar(InHand):
        def unwrap(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
            return bytes(32)

    with pytest.raises(Conflict) as caught:
        prove(Liar(RSA), found("unwrapKey"), spki(RSA))
    assert caught.value.code == "proof-failed"


def test_what_a_vault_refuses_for_another_reason_is_told() -> None:
    with pytest.raises(CloudFailed) as caught:
        prove(InHand(ANOTHER_RSA), found("unwrapKey"), spki(RSA))
    assert caught.value.code == "azure-refused"
