"""Sign-outs that a provider tells of by itself (OpenID Connect Back-Channel Logout 1.0)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody.arrival import Presented, ProviderSession
from keyferry.errors import InvalidInput
from keyferry.identity.jws import TokenRefused
from keyferry.identity.key_sets import KeySets
from keyferry.identity.oidc.id_token import require_recent, signed_claims
from keyferry.identity.oidc.kind import OidcConfiguration
from keyferry.store.records import IdentityProvider

#: what `typ` may say (section 2.4); some providers still leave it at JWT, and the event tells it from an ID token
_KINDS: Final = frozenset({"logout+jwt", "jwt"})
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class SignOut:
    """Whose sessions have ended at the provider, and what makes it be told once alone."""

    session: ProviderSession
    presented: Presented


def judge_sign_out(provider: IdentityProvider, token: str, key_sets: KeySets) -> SignOut:
    """
    Raises:
        InvalidInput: it is not to be believed; why, for the audit log alone.
    """
    configuration = OidcConfiguration.of(json.loads(provider.configuration))
    try:
        claims, _ = signed_claims(token, _KINDS, provider, configuration, key_sets)
        return _read(claims, provider.clock_skew * SECOND)
    except TokenRefused as refusal:
        raise InvalidInput(f"The logout token is refused: {refusal}.", code="provider-answer-refused") from None


def _read(claims: Mapping[str, Any], skew: Microseconds) -> SignOut:
    """Section 2.6."""
    ends = require_recent({"exp": claims.get("iat"), **claims}, clock.now(), max(skew, 120 * SECOND))
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise TokenRefused("it tells of no sign-out")
    if "nonce" in claims:
        raise TokenRefused("it is an ID token")
    known_as, subject, session = (_text(claims, name) for name in ("jti", "sub", "sid"))
    if known_as is None:
        raise TokenRefused("it does not say jti")
    if subject is None:
        raise TokenRefused("it does not say sub")
    return SignOut(ProviderSession({"sub": subject}, session), Presented("sign-out", known_as, ends))


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    found = claims.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST:
        raise TokenRefused(f"it does not say {name}")
    return found
