"""JSON Web Keys (RFC 7517, RFC 7518 section 6): private keys coming in, public keys going out."""

from typing import Any

from keyferry.emulator.keys import documents, encoding
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import CURVES, Curve, Kind
from keyferry.emulator.keys.material import (
    Crt,
    EcPrivate,
    MaterialRefused,
    Private,
    Public,
    RsaPrivate,
    RsaPublic,
    ec_of_number,
    require_rsa,
)
from keyferry.emulator.keys.refusals import bad_parameter

_LONGEST_NUMBER = 4096 // 8 + 1
"""Bytes of the longest number in a key: a modulus of 4096 bits, and a leading zero that some tools write."""


def require_kind(kty: str | None) -> Kind:
    """The kind of key that `kty` names.

    Raises:
        AzureFailure: 400, it is missing, unknown, or a symmetric key's.
    """
    if kty is None:
        raise bad_parameter("Property kty has invalid value: it is missing.")
    if kty.lower() in {"oct", "oct-hsm"}:
        raise bad_parameter(
            f"Keys of type {kty} are not supported in a key vault: symmetric keys live in a Managed HSM only."
        )
    for kind in Kind:
        if kind.lower() == kty.lower():
            return kind
    raise bad_parameter(f"Property kty has invalid value: it is none of {', '.join(Kind)}.")


def require_curve(crv: str) -> Curve:
    """The curve that `crv` names.

    Raises:
        AzureFailure: 400, it is none that a vault takes.
    """
    curve = CURVES.get(crv.upper())
    if curve is None:
        raise bad_parameter(f"Property crv has invalid value: it is none of {', '.join(CURVES)}.")
    return curve


def read_private(key: Document, kind: Kind) -> Private:
    """The private key in a JSON Web Key, every number checked.

    Raises:
        AzureFailure: 400, a member is missing or unreadable, or the numbers do not belong together.
    """
    try:
        return _read_rsa(key) if kind.rsa else _read_ec(key)
    except MaterialRefused as refused:
        raise bad_parameter(f"The key cannot be imported: {refused}.") from None


def public_members(public: Public) -> dict[str, Any]:
    """The members that show a public key; there is no function that shows a private one."""
    if isinstance(public, RsaPublic):
        return {"n": encoding.encode_integer(public.n), "e": encoding.encode_integer(public.e)}
    length = public.curve.bytes
    return {
        "crv": public.curve.name,
        "x": encoding.encode_integer(public.x, length),
        "y": encoding.encode_integer(public.y, length),
    }


def _read_rsa(key: Document) -> RsaPrivate:
    n, e, d, p, q = (_number(key, name) for name in ("n", "e", "d", "p", "q"))
    private = RsaPrivate(n, e, d, p, q)
    crt = Crt(*(_number(key, name) if key.get(name) is not None else None for name in ("dp", "dq", "qi")))
    require_rsa(private, crt)
    return private


def _read_ec(key: Document) -> EcPrivate:
    crv = documents.text(key, "crv")
    if crv is None:
        raise bad_parameter("Property crv has invalid value: it is missing.")
    curve = require_curve(crv)
    return ec_of_number(curve, _number(key, "d"), (_number(key, "x"), _number(key, "y")))


def _number(key: Document, name: str) -> int:
    value = documents.octets(key, name)
    if not value or len(value) > _LONGEST_NUMBER:
        raise bad_parameter(f"Property {name} has invalid value: it has {len(value)} bytes.")
    return int.from_bytes(value, "big")
