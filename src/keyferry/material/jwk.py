"""Private and symmetric keys given as a JWK (RFC 7517; members in RFC 7518 section 6)."""

import base64
import binascii
import json
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Material, PrivateKey
from keyferry.material.refusals import encrypted, not_kept, public_key_given, refused, several_keys, wrapped
from keyferry.material.soundness import validated
from keyferry.material.symmetric import symmetric_material

LARGEST_MODULUS_BITS = 4096

_RSA_CRT = ("p", "q", "dp", "dq", "qi")


def read_jwk(data: bytes, algorithm: Algorithm | None) -> Material:
    """Read one private or symmetric key. Members that describe the key (`kid`, `use`, `alg`, …) are passed over.

    Raises:
        MaterialRefused: no sound key is in it, or not of the type `algorithm`.
    """
    key = _object(data)
    if isinstance(key.get("keys"), list):
        raise several_keys()
    if "ciphertext" in key:
        raise wrapped() if "schema_version" in key else encrypted()
    match key.get("kty"):
        case "RSA":
            return validated(_rsa(key), algorithm)
        case "EC":
            return validated(_ec(key), algorithm)
        case "oct":
            return symmetric_material(_octets(key, "k"), algorithm)
        case "OKP":
            raise not_kept("an octet key pair (Ed25519, X25519 and the like)")
        case _:
            raise _unreadable("has no 'kty' of RSA, EC or oct")


def _object(data: bytes) -> dict[str, Any]:
    # The refusal is raised outside the library's, which holds the whole text.
    with suppress(ValueError, RecursionError):
        document = json.loads(data, object_pairs_hook=_unique_members, parse_constant=_no_constant)
        if isinstance(document, dict):
            return document
    raise _unreadable("is not JSON, or names a member twice")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _rsa(key: dict[str, Any]) -> PrivateKey:
    if key.get("d") is None:
        raise public_key_given()
    if key.get("oth") is not None:
        raise not_kept("an RSA key of more than two primes")
    public = rsa.RSAPublicNumbers(_integer(key, "e"), _integer(key, "n"))
    if public.n.bit_length() > LARGEST_MODULUS_BITS:
        raise not_kept(f"an RSA key of {public.n.bit_length()} bits")
    d = _integer(key, "d")
    p, q, dp, dq, qi = _primes(key, public, d)
    with suppress(ValueError):
        numbers = rsa.RSAPrivateNumbers(p=p, q=q, d=d, dmp1=dp, dmq1=dq, iqmp=qi, public_numbers=public)
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)
    raise _inconsistent()


def _primes(key: dict[str, Any], public: rsa.RSAPublicNumbers, d: int) -> tuple[int, int, int, int, int]:
    """The five CRT members: all given, or none (RFC 7518 section 6.3.2), and then computed from `n`, `e` and `d`."""
    present = [member for member in _RSA_CRT if key.get(member) is not None]
    if len(present) == len(_RSA_CRT):
        p, q, dp, dq, qi = (_integer(key, member) for member in _RSA_CRT)
        return p, q, dp, dq, qi
    if present:
        raise _unreadable("gives some of 'p', 'q', 'dp', 'dq', 'qi' and not all of them")
    if not 1 < d < public.n or not 1 < public.e < public.n:
        raise _inconsistent()
    with suppress(ValueError):
        p, q = rsa.rsa_recover_prime_factors(public.n, public.e, d)
        return p, q, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    raise _inconsistent()


def _ec(key: dict[str, Any]) -> PrivateKey:
    if key.get("d") is None:
        raise public_key_given()
    named = [row for row in ALGORITHMS.values() if row.jwk_curve is not None and row.jwk_curve == key.get("crv")]
    if not named or named[0].curve is None:
        raise not_kept("an EC key on a curve without a row in the table of key types")
    curve = named[0].curve()
    size = (curve.key_size + 7) // 8
    x, y, d = (_octets(key, member) for member in ("x", "y", "d"))
    if {len(x), len(y), len(d)} != {size}:
        raise _unreadable(f"must give 'x', 'y' and 'd' at their full length, {size} bytes (RFC 7518 section 6.2)")
    public = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve)
    with suppress(ValueError):
        return ec.EllipticCurvePrivateNumbers(int.from_bytes(d), public).private_key()
    raise _inconsistent()


def _integer(key: dict[str, Any], member: str) -> int:
    return int.from_bytes(_octets(key, member))


def _octets(key: dict[str, Any], member: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2), and exactly that."""
    text = key.get(member)
    if not isinstance(text, str) or not text:
        raise _unreadable(f"has no member '{member}' that is a string")
    with suppress(binascii.Error, ValueError):
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if base64.urlsafe_b64encode(octets).rstrip(b"=") == text.encode():
            return octets
    raise _unreadable(f"has a member '{member}' that is not base64url without padding")


def _unreadable(what: str) -> MaterialRefused:
    return refused(f"The JWK {what}", "Give one private or symmetric key as RFC 7517 writes it.")


def _inconsistent() -> MaterialRefused:
    return refused(
        "The JWK's numbers do not belong together, or give no key",
        "Write the JWK from the key again, and give that one.",
    )
