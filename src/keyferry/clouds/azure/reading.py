"""The SDK's keys as facts."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyferry.clouds.azure.facts import DeletedVaultKey, ListedKey, VaultKey

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.keyvault.keys import DeletedKey, JsonWebKey, KeyProperties, KeyVaultKey

_CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
_IRRECOVERABLE: Final = "Purgeable"


def key_fact(key: "KeyVaultKey") -> VaultKey:
    """A key version.

    Raises:
        ValueError: the public key in it is none.
    """
    properties, jwk = key.properties, key.key
    members: Any = jwk  # the SDK sets them by name, which no type tells
    public = public_key_of(jwk)
    return VaultKey(
        identifier=key.id,
        vault=properties.vault_url.rstrip("/"),
        name=properties.name,
        version=properties.version or "",
        kty=_text(members.kty) or "",
        bits=None if public is None else public.key_size,
        curve=_text(members.crv),
        public_key=None if public is None else public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        operations=tuple(_text(each) or "" for each in members.key_ops or ()),
        enabled=properties.enabled is not False,
        not_before=_seconds(properties.not_before),
        expires=_seconds(properties.expires_on),
        recovery_level=_text(properties.recovery_level),
        recoverable_days=properties.recoverable_days,
        created=_seconds(properties.created_on),
        updated=_seconds(properties.updated_on),
        hsm_platform=properties.hsm_platform,
        tags=dict(properties.tags or {}),
    )


def listed_fact(properties: "KeyProperties") -> ListedKey:
    """A key, or a version of one, in a list."""
    return ListedKey(
        identifier=properties.id,
        vault=properties.vault_url.rstrip("/"),
        name=properties.name,
        version=properties.version,
        enabled=properties.enabled is not False,
        not_before=_seconds(properties.not_before),
        expires=_seconds(properties.expires_on),
        recovery_level=_text(properties.recovery_level),
        recoverable_days=properties.recoverable_days,
        created=_seconds(properties.created_on),
        updated=_seconds(properties.updated_on),
        tags=dict(properties.tags or {}),
    )


def deleted_fact(key: "DeletedKey") -> DeletedVaultKey:
    """A deleted key; the service names a recovery id where it can be brought back."""
    return DeletedVaultKey(
        name=key.properties.name,
        identifier=key.id,
        scheduled_purge=_seconds(key.scheduled_purge_date),
        recoverable=bool(key.recovery_id) and _text(key.properties.recovery_level) != _IRRECOVERABLE,
    )


def public_key_of(jwk: "JsonWebKey") -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None:
    """The public key in a JWK (RFC 7518 section 6); None in that of a symmetric key.

    Raises:
        ValueError: the numbers in it are no key.
    """
    members: Any = jwk
    if members.n and members.e:
        return rsa.RSAPublicNumbers(_number(members.e), _number(members.n)).public_key()
    if members.x and members.y:
        curve = _CURVES.get(_text(members.crv) or "")
        if curve is None:
            raise ValueError("an unknown curve")
        return ec.EllipticCurvePublicNumbers(_number(members.x), _number(members.y), curve).public_key()
    return None


def name_and_version(identifier: str) -> tuple[str, str]:
    """`…/keys/NAME/VERSION` taken apart.

    Raises:
        ValueError: it is no identifier of a key version.
    """
    parts = urlsplit(identifier).path.split("/")
    if len(parts) != 4 or parts[1] != "keys" or not parts[2] or not parts[3]:
        raise ValueError("no identifier of a key version")
    return parts[2], parts[3]


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _text(value: Any) -> str | None:
    """Text, or the text of one of the SDK's enumerations, which it uses for the values that it knows."""
    return None if value is None else str(getattr(value, "value", value))
