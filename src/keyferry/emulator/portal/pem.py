"""PEM files: public keys going out, private keys coming in."""

from typing import Any

from Crypto.PublicKey import ECC, RSA

from keyferry.emulator.keys import encoding
from keyferry.emulator.keys.kinds import CURVES
from keyferry.emulator.keys.material import EcPublic, RsaPublic, ec_public_key, rsa_public_key

MARK = b"-----BEGIN "


class NoPrivateKey(Exception):
    """A file that holds no private key that can be read. The message says why, and nothing of the file."""


def public_key(key: dict[str, Any]) -> bytes:
    """SubjectPublicKeyInfo in PEM (RFC 7468 section 13), of the members that the data plane shows of a key."""
    if "n" in key:
        text = rsa_public_key(RsaPublic(_number(key["n"]), _number(key["e"]))).export_key().decode()
    else:
        text = ec_public_key(EcPublic(CURVES[key["crv"]], _number(key["x"]), _number(key["y"]))).export_key(
            format="PEM"
        )
    return text.encode() + b"\n"


def private_members(content: bytes) -> dict[str, Any]:
    """The members of a JSON Web Key (RFC 7518 section 6) of the private key in a PEM file: PKCS#8, PKCS#1 or SEC1.

    Raises:
        NoPrivateKey: there is none, it is encrypted, or it is of a kind that a vault does not take.
    """
    if MARK not in content:
        raise NoPrivateKey("it is no PEM file: it has no line that begins with -----BEGIN")
    if b"ENCRYPTED" in content:
        raise NoPrivateKey("the private key in it is encrypted; give it without a passphrase")
    if b"PRIVATE KEY-----" not in content:
        raise NoPrivateKey("it holds no private key; a public key or a certificate alone cannot be imported")
    try:
        return _rsa(RSA.import_key(content))
    except (ValueError, IndexError, TypeError):
        pass
    try:
        return _ec(ECC.import_key(content))
    except (ValueError, IndexError, TypeError, ECC.UnsupportedEccFeature):
        raise NoPrivateKey("the private key in it is damaged, or neither RSA nor on an elliptic curve") from None


def _rsa(key: RSA.RsaKey) -> dict[str, Any]:
    return {"kty": "RSA", **{name: encoding.encode_integer(int(getattr(key, name))) for name in "nedpq"}}


def _ec(key: ECC.EccKey) -> dict[str, Any]:
    curve = next(
        (each for each in CURVES.values() if key.curve in {each.name, f"NIST {each.name}", each.library}), None
    )
    if curve is None:
        raise NoPrivateKey(f"the key is on a curve that a vault does not take; it takes {', '.join(CURVES)}")
    numbers = {"d": int(key.d), "x": int(key.pointQ.x), "y": int(key.pointQ.y)}
    written = {name: encoding.encode_integer(value, curve.bytes) for name, value in numbers.items()}
    return {"kty": "EC", "crv": curve.name, **written}


def _number(text: str) -> int:
    return int.from_bytes(encoding.decode(text), "big")
