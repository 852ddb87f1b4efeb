"""What a provider says of a person, in a token that it has signed (OpenID Connect Core 1.0 section 3.1.3.7)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.issuer_facts import KeySource
from keyferry.identity import jws
from keyferry.identity.jws import TokenRefused
from keyferry.identity.key_sets import KeySets
from keyferry.identity.oidc.kind import OidcConfiguration
from keyferry.identity.workload_sign_in import require_times
from keyferry.store.records import IdentityProvider

#: an ID token that was made longer ago than this was not made for this sign-in
OLDEST: Final[Microseconds] = 600 * SECOND
_LONGEST: Final[Microseconds] = 24 * 3600 * SECOND
_DIGESTS: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class KeysOf:
    """Where a provider's keys are, as `KeySets` asks."""

    id: str
    revision: int
    issuer: str
    key_set_url: str
    key_source: str = KeySource.ADDRESS.value
    key_set: str | None = None

    @classmethod
    def provider(cls, provider: IdentityProvider, configuration: OidcConfiguration) -> "KeysOf":
        """As its row is now."""
        return cls(provider.id, provider.revision, configuration.issuer, configuration.metadata.jwks_uri)


def signed_claims(
    text: str, kinds: frozenset[str], provider: IdentityProvider, configuration: OidcConfiguration, key_sets: KeySets
) -> tuple[Mapping[str, Any], str]:
    """The claims of a token of the provider's, and the algorithm that it is signed with; for us, and for us alone.

    Raises:
        TokenRefused: it is not the provider's, not for us, or of another kind.
    """
    token = jws.read(text)
    jws.require_kind(token, kinds)
    algorithm = jws.require_algorithm(token, configuration.algorithms)
    key = key_sets.key(KeysOf.provider(provider, configuration), token.key_id, algorithm)
    jws.require_signature(token, key, algorithm)
    if token.claims.get("iss") != configuration.issuer:
        raise TokenRefused("it is another issuer's")
    if token.claims.get("aud") not in (configuration.client_id, [configuration.client_id]):
        raise TokenRefused("it is for another audience, or for others too")
    if token.claims.get("azp", configuration.client_id) != configuration.client_id:
        raise TokenRefused("it was issued to another party")
    return token.claims, algorithm


def require_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    """
    Raises:
        TokenRefused: it was not made for the sign-in that this browser began.
    """
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise TokenRefused("its nonce is not that of this sign-in")


def require_recent(claims: Mapping[str, Any], now: Microseconds, skew: Microseconds) -> Microseconds:
    """When the token ends.

    Raises:
        TokenRefused: it has ended, has not begun, or was made too long ago.
    """
    ends = require_times(claims, now, skew, _LONGEST)
    if now - int(claims["iat"] * SECOND) > OLDEST + skew:
        raise TokenRefused("it was made too long ago")
    return ends


def require_access_token(claims: Mapping[str, Any], algorithm: str, access_token: object) -> None:
    """
    Raises:
        TokenRefused: it came with another access token than it says (`at_hash`, section 3.1.3.6).
    """
    said = claims.get("at_hash")
    if said is None:
        return
    digest = _DIGESTS[algorithm[2:]](access_token.encode() if isinstance(access_token, str) else b"").digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), half.encode()):
        raise TokenRefused("it came with another access token")


def subject_of(claims: Mapping[str, Any]) -> str:
    """What the provider calls the person.

    Raises:
        TokenRefused: it does not say, or at greater length than the standard allows (section 2: 255 ASCII).
    """
    found = claims.get("sub")
    if not isinstance(found, str) or not 0 < len(found) <= 255 or not found.isascii() or not found.isprintable():
        raise TokenRefused("it does not say sub")
    return found


def attributes_of(claims: Mapping[str, Any], *, user_name: str | None) -> dict[str, list[str]]:
    """Claims as a mapping takes them: each a list of texts; members of an object under `OBJECT.MEMBER`.

    An address that the provider has not verified is nobody's name: who may write any address into their profile could
    come to another's account.

    Args:
        user_name: the attribute that is the user name here.
    """
    found: dict[str, list[str]] = {}
    for name, value in claims.items():
        if isinstance(value, dict):
            for member, inner in value.items():
                found.setdefault(f"{name}.{member}", _values(inner))
    found |= {name: _values(value) for name, value in claims.items() if not isinstance(value, dict)}
    if user_name == "email" and claims.get("email_verified") is not True:
        found.pop("email", None)
    return found


def _values(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _values(each) if not isinstance(each, list)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)] if isinstance(value, str | int) else []
