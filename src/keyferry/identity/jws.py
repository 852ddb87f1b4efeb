"""Signed tokens of others (RFC 7515, RFC 7519): read strictly, and checked with one key under one algorithm.

What two readers might read differently is refused and never repaired: a member that stands twice, padding, bits beyond
the last byte. What a header says of keys (`jku`, `jwk`, `x5u`, `x5c`) is not looked at; a `crit`, which asks for more
than is understood here, is refused (section 4.1.11). joserfc is loaded when a signature is first checked.
"""

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from keyferry.custody.issuer_facts import ALGORITHMS

LARGEST: Final = 16 * 1024
LONGEST_HEADER: Final = 8 * 1024
LEAST_RSA_BITS: Final = 2048
MOST_RSA_BITS: Final = 8192

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
#: from an algorithm to the type of key that it takes, and the curve (RFC 7518 sections 3.3 to 3.5)
_KEYS: Final = {
    name: ("EC", {"256": "P-256", "384": "P-384", "512": "P-521"}[name[2:]]) if name.startswith("ES") else ("RSA", None)
    for name in ALGORITHMS
}


class TokenRefused(Exception):
    """A token will not do. The text says why, for the audit log; nothing in it is from the token."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token that was read, and is not believed yet."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """What the header says that it is signed with."""
        return str(self.header.get("alg"))

    @property
    def key_id(self) -> str | None:
        """Which of the issuer's keys the header says has signed it."""
        found = self.header.get("kid")
        return found if isinstance(found, str) and 0 < len(found) <= 4096 else None


def read(text: str) -> Unverified:
    """A token in its compact form; nothing of it is believed yet.

    Raises:
        TokenRefused: it is too large, is no signed token, or is written in a way that could be read differently.
    """
    if len(text) > LARGEST:
        raise TokenRefused("it is too large")
    if _COMPACT.fullmatch(text) is None:
        raise TokenRefused("it is no signed token")
    first, second, _ = text.split(".")
    if len(first) > LONGEST_HEADER:
        raise TokenRefused("its header is too large")
    header, claims = _object(first), _object(second)
    if "crit" in header:
        raise TokenRefused("its header asks for what is not understood here")
    return Unverified(text, header, claims)


def require_kind(token: Unverified, kinds: Collection[str]) -> None:
    """
    Raises:
        TokenRefused: `typ` says that it is for something else (RFC 8725 section 3.11); it may say nothing.
    """
    typ = token.header.get("typ")
    if typ is None:
        return
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in kinds:
        raise TokenRefused("it is a token of another kind")


def require_algorithm(token: Unverified, allowed: Collection[str]) -> str:
    """The algorithm that a token is signed with.

    Raises:
        TokenRefused: it is none of `allowed`, or one that nobody may allow.
    """
    found = token.header.get("alg")
    if not isinstance(found, str) or found not in allowed or found not in _KEYS:
        raise TokenRefused("it is signed with an algorithm that is not allowed, or not signed at all")
    return found


def require_signature(token: Unverified, key: Mapping[str, Any], algorithm: str) -> None:
    """
    Args:
        key: public parts of one JWK.
        algorithm: as `require_algorithm` has found it.

    Raises:
        TokenRefused: the signature is not that key's under that algorithm, or the key is not for it.
    """
    from joserfc import jws  # heavy, and of no use to a server that trusts no issuer
    from joserfc.errors import JoseError  # (as above)

    kind, curve = _KEYS[algorithm]
    if key.get("kty") != kind or key.get("crv") != curve or key.get("alg", algorithm) != algorithm:
        raise TokenRefused("its key is not for its algorithm")
    try:
        checked = jws.deserialize_compact(
            token.text, _imported(json.dumps(dict(key), sort_keys=True)), registry=_registry(algorithm)
        )
    except (JoseError, ValueError, TypeError, binascii.Error):
        raise TokenRefused("its signature is not valid") from None
    if checked.headers().get("alg") != algorithm:
        raise TokenRefused("its signature is not valid")


def is_written_as_one(text: str) -> bool:
    """Whether a text looks like a signed token, rather than like one of Keyferry's."""
    return text.startswith("ey") and text.count(".") == 2


@lru_cache(maxsize=256)
def _imported(key: str) -> Any:
    """A key as joserfc has it; to read one takes longer than to use it."""
    from joserfc.jwk import ECKey, RSAKey  # (as above)

    public = json.loads(key)
    if public["kty"] == "EC":
        return ECKey.import_key(public)
    modulus = base64.urlsafe_b64decode(public["n"] + "=" * (-len(public["n"]) % 4))
    if not LEAST_RSA_BITS <= int.from_bytes(modulus).bit_length() <= MOST_RSA_BITS:
        raise TokenRefused("its key is too short, or too long")
    return RSAKey.import_key(public)


@lru_cache(maxsize=16)
def _registry(algorithm: str) -> Any:
    """One algorithm alone; sizes were judged before, and members that are not understood mean nothing."""
    from joserfc.jws import JWSRegistry  # (as above)

    class Registry(JWSRegistry):
        max_header_length = LONGEST_HEADER
        max_payload_length = LARGEST
        max_signature_length = 4096

    return Registry(algorithms=[algorithm], strict_check_header=False)


def _object(part: str) -> dict[str, Any]:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
            raise TokenRefused("it is not written as it must be")
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise TokenRefused("it holds something other than JSON") from None
    if not isinstance(found, dict):
        raise TokenRefused("it holds something other than claims")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TokenRefused("a member stands twice in it")
    return found


def _no_constant(_: str) -> Any:
    raise TokenRefused("it holds a number that is none")
