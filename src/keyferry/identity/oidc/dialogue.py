"""Talking OpenID Connect with a provider, through a person's browser: the authorization code flow with PKCE.

    1. The browser is sent away with a state, a nonce and a challenge, all new; it keeps them, sealed, in a cookie that
       no other site can set or read.
    2. What it brings back is to this sign-in (state), from this provider (`iss`, RFC 9207; an address of its own), and
       brings a code.
    3. The code is exchanged at the token endpoint, with the verifier of the challenge (RFC 7636) and our credential.
    4. The ID token is checked: signature, issuer, audience, time, nonce.
    5. The state is used up in the transaction that lets the person in: `Flow.presented`.

Neither the code nor a token is kept or logged.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody.arrival import Arrival, Presented, ProviderSession
from keyferry.custody.provider_mapping import mapping_of
from keyferry.custody.provider_writing import unseal
from keyferry.errors import InvalidInput, ProviderFailed
from keyferry.identity.fetching import Fetcher
from keyferry.identity.flows import Begun, Flow, Purpose
from keyferry.identity.jws import TokenRefused
from keyferry.identity.key_sets import KeySets
from keyferry.identity.oidc.addresses import Relying, relying
from keyferry.identity.oidc.client import prove
from keyferry.identity.oidc.id_token import (
    attributes_of,
    require_access_token,
    require_nonce,
    require_recent,
    signed_claims,
    subject_of,
)
from keyferry.identity.oidc.kind import OidcConfiguration
from keyferry.identity.oidc.sign_outs import SignOut, judge_sign_out
from keyferry.material.sealing import Sealer
from keyferry.store.records import IdentityProvider

MOST_QUERY: Final = 16 * 1024
_LONGEST_CODE: Final = 8 * 1024
_LONGEST_TOKEN: Final = 64 * 1024
_STATE, _NONCE, _VERIFIER = "state", "nonce", "verifier"
#: what `typ` of an ID token may say
_KINDS: Final = frozenset({"jwt"})
#: of `amr` (RFC 8176): that more than one factor was asked for
_SEVERAL: Final = frozenset({"mfa"})
#: what a provider may answer instead of a code (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section 3.1.2.6)
_ERRORS: Final = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)


class OidcDialogue:
    """
    Args:
        public_url: the console's address as browsers see it; empty when nobody has said.
    """

    def __init__(self, sealer: Sealer, public_url: str, fetcher: Fetcher, key_sets: KeySets) -> None:
        self._sealer = sealer
        self._public_url = public_url
        self._fetcher = fetcher
        self._key_sets = key_sets

    def addresses(self, provider: IdentityProvider) -> Relying:
        """What is registered at the provider.

        Raises:
            Conflict: (`provider-incomplete`) nobody has said what the console's address is.
        """
        return relying(self._public_url, provider.name)

    def begin(self, provider: IdentityProvider, *, purpose: Purpose, user_id: str | None, wanted: str) -> Begun:
        """Where the browser is sent, and what it is to keep meanwhile.

        Raises:
            Conflict: (`provider-incomplete`) nobody has said what the console's address is.
        """
        configuration = OidcConfiguration.of(json.loads(provider.configuration))
        verifier = secrets.token_urlsafe(48)
        kept = {_STATE: secrets.token_urlsafe(32), _NONCE: secrets.token_urlsafe(32), _VERIFIER: verifier}
        asked = {
            "response_type": "code",
            "client_id": configuration.client_id,
            "redirect_uri": self.addresses(provider).redirect_uri,
            "scope": " ".join(configuration.scopes),
            "state": kept[_STATE],
            "nonce": kept[_NONCE],
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if configuration.prompt is not None:
            asked["prompt"] = configuration.prompt
        endpoint = configuration.metadata.authorization_endpoint
        address = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        flow = Flow(provider_id=provider.id, purpose=purpose, user_id=user_id, wanted=wanted, kept=kept)
        return Begun(address, flow)

    def begin_sign_out(self, provider: IdentityProvider) -> Begun | None:
        """Where the browser is sent to sign out at the provider, too (OpenID Connect RP-Initiated Logout 1.0).

        None where the configuration does not ask for it, or the provider does not offer it. No ID token is kept that
        could name the session, so the provider may ask the person.
        """
        configuration = OidcConfiguration.of(json.loads(provider.configuration))
        endpoint = configuration.metadata.end_session_endpoint
        if not configuration.sign_out or endpoint is None or not self._public_url:
            return None
        asked = {
            "client_id": configuration.client_id,
            "post_logout_redirect_uri": self.addresses(provider).signed_out_uri,
        }
        address = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return Begun(address, Flow(provider_id=provider.id, purpose=Purpose.SIGN_OUT))

    def receive_sign_out(self, provider: IdentityProvider, token: str) -> SignOut:
        """Whose sessions have ended at the provider, as it says itself.

        Raises:
            InvalidInput: it is not to be believed; why, for the audit log alone.
        """
        return judge_sign_out(provider, token, self._key_sets)

    def receive(self, provider: IdentityProvider, query: str, flow: Flow | None) -> Arrival:
        """Whom the provider vouches for, in what a browser brings back from it.

        Args:
            flow: what the browser has kept of the sign-in that it began.

        Raises:
            InvalidInput: it is not to be believed; why, for the audit log alone.
        """
        try:
            return self._receive(provider, query, flow)
        except TokenRefused as refusal:
            raise _refused(f"the ID token is refused: {refusal}") from None
        except ProviderFailed as failure:
            raise _refused(failure.detail.rstrip(".")) from None

    def _receive(self, provider: IdentityProvider, query: str, flow: Flow | None) -> Arrival:
        configuration = OidcConfiguration.of(json.loads(provider.configuration))
        said = _parameters(query)
        if flow is None or flow.provider_id != provider.id or _STATE not in flow.kept:
            raise _refused("the sign-in was not begun in this browser, or was begun at another provider")
        if not hmac.compare_digest(said.get("state", "").encode(), flow.kept[_STATE].encode()):
            raise _refused("its state is not that of the sign-in that this browser began")
        issuer = said.get("iss")
        if issuer != configuration.issuer and (issuer is not None or configuration.metadata.tells_issuer):
            raise _refused("the answer is another issuer's, or does not say whose it is")
        if "error" in said:
            raise _refused(f"the provider answered {said['error'] if said['error'] in _ERRORS else 'an error'}")
        code = said.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise _refused("the answer holds no code")
        told = self._exchange(provider, configuration, code, flow.kept[_VERIFIER])
        return self._judge(provider, configuration, told, flow)

    def _exchange(
        self, provider: IdentityProvider, configuration: OidcConfiguration, code: str, verifier: str
    ) -> Mapping[str, Any]:
        """What the token endpoint gives for a code (OpenID Connect Core 1.0 section 3.1.3)."""
        metadata = configuration.metadata
        shown = prove(
            configuration.authentication,
            unseal(self._sealer, provider),
            configuration.client_id,
            metadata.token_endpoint,
            in_form=metadata.takes_post,
        )
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.addresses(provider).redirect_uri,
            "code_verifier": verifier,
        }
        answer = self._fetcher.post(metadata.token_endpoint, form | shown.form, headers=shown.headers)
        if answer.status != 200:
            raise _refused(f"the token endpoint refused the code, with status {answer.status}")
        told = _object(answer.body)
        if str(told.get("token_type", "")).lower() != "bearer" or not isinstance(told.get("id_token"), str):
            raise _refused("the token endpoint gave no ID token")
        return told

    def _judge(
        self, provider: IdentityProvider, configuration: OidcConfiguration, told: Mapping[str, Any], flow: Flow
    ) -> Arrival:
        id_token: str = told["id_token"]
        claims, algorithm = signed_claims(id_token, _KINDS, provider, configuration, self._key_sets)
        require_nonce(claims, flow.kept[_NONCE])
        ends = require_recent(claims, clock.now(), provider.clock_skew * SECOND)
        require_access_token(claims, algorithm, told.get("access_token"))
        subject = subject_of(claims)
        mapping = mapping_of(provider.mapping)
        if configuration.userinfo:
            claims = {**self._userinfo(configuration, told, subject), **claims}
        attributes = attributes_of(claims, user_name=mapping.user_name)
        if mapping.subject is not None:
            subject = _only(attributes, mapping.subject)
        session = claims.get("sid")
        methods = claims.get("amr")
        return Arrival(
            provider=provider,
            subject=subject,
            attributes=attributes,
            presented=(flow.presented, Presented("id-token", hashlib.sha256(id_token.encode()).hexdigest(), ends)),
            session=ProviderSession({"sub": claims["sub"]}, session if isinstance(session, str) else None),
            second_factor=isinstance(methods, list) and any(each in _SEVERAL for each in methods),
        )

    def _userinfo(self, configuration: OidcConfiguration, told: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """What the provider says further of the person (section 5.3); the ID token's own claims are believed first."""
        address, token = configuration.metadata.userinfo_endpoint, told.get("access_token")
        if address is None or not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
            raise _refused("what the provider says of the person cannot be asked for")
        found = _object(self._fetcher.get(address, bearer=token).body)
        if found.get("sub") != subject:  # section 5.3.4
            raise _refused("the provider's userinfo is of another person")
        return found


def _parameters(query: str) -> dict[str, str]:
    """What the browser brings, each once (RFC 6749 section 3.1)."""
    if len(query) > MOST_QUERY:
        raise _refused("the answer is too long")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise _refused("the answer cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("a parameter of the answer stands twice")
    return found


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _refused("the provider answered with something other than a JSON object")
    return found


def _only(attributes: Mapping[str, list[str]], name: str) -> str:
    found = attributes.get(name, [])
    if len(found) != 1:
        raise _refused("the attribute for the subject has no value, or several")
    return found[0]


def _challenge(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused(why: str) -> InvalidInput:
    return InvalidInput(why[:1].upper() + why[1:] + ".", code="provider-answer-refused")
