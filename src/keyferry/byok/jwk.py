"""An RSA public key given as a JWK (RFC 7517, RFC 7518 section 6.3), bare or inside an Azure key bundle.

A bundle is what `az keyvault key show` prints: `{"key": {"kid": …, "kty": "RSA-HSM", "n": …, "e": …, "d": null}}`.
It prints `n` in either base64 alphabet, and every private member as null; both are taken here.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from keyferry.errors import KekRefused

PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_hsm")
"""Members that only a private or symmetric key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4), and Azure's wrapped key."""


@dataclass(frozen=True, slots=True)
class JwkPublicKey:
    """The public numbers, and what the JWK says about itself."""

    modulus: int
    exponent: int
    kid: str | None
    operations: tuple[str, ...] | None


def read_jwk(text: str) -> JwkPublicKey:
    """Read the public key from a JWK or an Azure key bundle.

    Raises:
        KekRefused: `kek-unreadable`, `kek-is-private`, `kek-several-blocks`, `kek-not-rsa` or `kek-rsa-pss`.
    """
    key = _key_object(_load(text))
    if any(key.get(member) is not None for member in PRIVATE_MEMBERS):
        raise private_key_given("The JWK holds private members")
    kty = key.get("kty")
    if kty not in ("RSA", "RSA-HSM"):
        raise KekRefused(
            "The JWK's 'kty' is not RSA or RSA-HSM",
            code="kek-not-rsa",
            field="public_key",
            advice="Make the key encryption key with key type RSA-HSM, and give its public key.",
        )
    if str(key.get("alg") or "").startswith("PS"):
        raise pss_key_given()
    return JwkPublicKey(_number(key, "n"), _number(key, "e"), _optional_text(key, "kid"), _operations(key))


def private_key_given(what: str) -> KekRefused:
    """The refusal of a private key: whoever sees it must know that the key is no longer a secret."""
    return KekRefused(
        f"{what}: this is a private key, and only the public key is needed",
        code="kek-is-private",
        field="public_key",
        advice=(
            "Treat this private key as exposed: make a new key encryption key in the vault, "
            "and give the public key that the vault lets you download."
        ),
    )


def pss_key_given() -> KekRefused:
    """The refusal of a key whose algorithm allows RSA-PSS signatures and nothing else (RFC 4055 section 1.2)."""
    return KekRefused(
        "The key is marked for RSA-PSS signatures only and may not wrap keys",
        code="kek-rsa-pss",
        field="public_key",
        advice="Give the public key of a key made for wrapping (in Azure: RSA-HSM, its only operation 'import').",
    )


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _unreadable("The file begins like JSON but is not JSON, or names a member twice") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _key_object(document: Any) -> dict[str, Any]:
    if isinstance(document, dict) and isinstance(document.get("keys"), list):
        raise KekRefused(
            "The file is a JWK set, which may hold several keys",
            code="kek-several-blocks",
            field="public_key",
            advice="Give the one public key of the key encryption key, not a set.",
        )
    key = document.get("key", document) if isinstance(document, dict) else None
    if not isinstance(key, dict):
        raise _unreadable("The JSON is neither a JWK nor an Azure key bundle")
    return key


def _number(key: dict[str, Any], member: str) -> int:
    text = _optional_text(key, member)
    if not text:
        raise _unreadable(f"The JWK has no member '{member}'")
    unpadded = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        octets = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(f"The JWK's member '{member}' is not base64url") from None
    return int.from_bytes(octets, "big")


def _optional_text(key: dict[str, Any], member: str) -> str | None:
    value = key.get(member)
    if value is None or isinstance(value, str):
        return value
    raise _unreadable(f"The JWK's member '{member}' is not a string")


def _operations(key: dict[str, Any]) -> tuple[str, ...] | None:
    for member in ("key_ops", "keyOps"):
        value = key.get(member)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    return None


def _unreadable(detail: str) -> KekRefused:
    return KekRefused(
        detail,
        field="public_key",
        advice="Give a JWK with 'kty', 'n' and 'e', the output of `az keyvault key show`, or a PEM file.",
    )
