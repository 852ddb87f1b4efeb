"""Talking SAML with a provider, through a person's browser: signing in, and signing out on both sides."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody.arrival import Arrival, Presented, ProviderSession
from keyferry.custody.provider_mapping import mapping_of
from keyferry.custody.provider_writing import unseal_needed
from keyferry.errors import Conflict
from keyferry.identity.flows import Begun, Flow, Purpose
from keyferry.identity.saml import messages
from keyferry.identity.saml.addresses import ServiceProvider, service_provider
from keyferry.identity.saml.certificates import pinned
from keyferry.identity.saml.kind import SamlConfiguration
from keyferry.identity.saml.metadata import own_metadata
from keyferry.identity.saml.own_keys import OwnKeys
from keyferry.identity.saml.responses import TRANSIENT, UNSPECIFIED, Assertion, Expected, judge
from keyferry.identity.saml.sign_outs import SignOut, read_answer, read_sign_out
from keyferry.identity.saml.xml import MOST_BYTES, XmlRefused
from keyferry.material.sealing import Sealer
from keyferry.store.records import IdentityProvider

_REQUEST: Final = "request_id"


@dataclass(frozen=True, slots=True)
class _Sides:
    """A provider and we, as both are set up."""

    configuration: SamlConfiguration
    sp: ServiceProvider
    own: OwnKeys


class SamlDialogue:
    """
    Args:
        public_url: the console's address as browsers see it; empty when nobody has said.
    """

    def __init__(self, sealer: Sealer, public_url: str) -> None:
        self._sealer = sealer
        self._public_url = public_url

    def metadata(self, provider: IdentityProvider) -> bytes:
        """Ours, for this provider.

        Raises:
            Conflict: (`provider-incomplete`) nobody has said how browsers reach the console.
        """
        sp = service_provider(self._public_url, provider.name)
        configuration = SamlConfiguration.of(json.loads(provider.configuration))
        return own_metadata(
            sp.entity_id,
            sp.acs_url,
            sp.slo_url,
            configuration.certificates,
            sign_requests=configuration.sign_requests,
        )

    def begin(self, provider: IdentityProvider, *, purpose: Purpose, user_id: str | None, wanted: str) -> Begun:
        """Where the browser is sent to sign in, and what it is to keep meanwhile.

        Raises:
            Conflict: (`provider-incomplete`) nobody has said how browsers reach the console.
        """
        sides = self._sides(provider)
        id_, idp = messages.new_message_id(), sides.configuration.idp
        flow = Flow(provider_id=provider.id, purpose=purpose, user_id=user_id, wanted=wanted, kept={_REQUEST: id_})
        request = messages.authn_request(sides.sp, idp.sso_url, id_, sides.configuration.name_id_format)
        return Begun(self._redirect(sides, idp.sso_url, "SAMLRequest", request, flow.id), flow)

    def receive(self, provider: IdentityProvider, response: str, flow: Flow | None) -> Arrival:
        """What a provider's answer, as a form brings it, says of a person.

        Args:
            flow: what this browser was sent for; None where it was sent for nothing.

        Raises:
            XmlRefused: it is not believed; says why, for the audit log alone.
        """
        sides = self._sides(provider)
        if flow is not None and (flow.provider_id != provider.id or flow.purpose is Purpose.SIGN_OUT):
            raise XmlRefused("not what this browser was sent for", code="provider-answer-refused")
        expected = Expected(
            configuration=sides.configuration,
            sp=sides.sp,
            own=sides.own.opening,
            request_id=None if flow is None else flow.kept[_REQUEST],
            now=clock.now(),
            skew=_skew(provider),
        )
        found = judge(_decoded(response), expected)
        presented = [Presented("assertion", found.id, found.until)]
        if flow is not None:
            presented.append(flow.presented)
        return Arrival(
            provider=provider,
            subject=_subject(provider, found),
            attributes=found.attributes,
            presented=tuple(presented),
            session=ProviderSession({"name_id": found.name_id, "format": found.name_id_format}, found.session),
            second_factor=found.second_factor,
        )

    def begin_sign_out(self, provider: IdentityProvider, session: ProviderSession) -> Begun | None:
        """Where a browser whose session here has just ended is sent to sign out there; None where that is nowhere."""
        idp = SamlConfiguration.of(json.loads(provider.configuration)).idp
        if idp.slo_url is None or not self._public_url:
            return None
        sides, id_ = self._sides(provider), messages.new_message_id()
        flow = Flow(provider_id=provider.id, purpose=Purpose.SIGN_OUT, kept={_REQUEST: id_})
        request = messages.logout_request(
            sides.sp,
            idp.slo_url,
            id_,
            name_id=str(session.subject["name_id"]),
            name_id_format=str(session.subject.get("format", UNSPECIFIED)),
            session=session.session,
        )
        return Begun(self._redirect(sides, idp.slo_url, "SAMLRequest", request, flow.id, sign=True), flow)

    def receive_sign_out(self, provider: IdentityProvider, query: str, flow: Flow | None) -> SignOut | None:
        """What a provider sends about a sign-out: its own, whose sessions are to end; None for its answer to ours.

        Raises:
            XmlRefused: it is not believed; says why, for the audit log alone.
        """
        sides = self._sides(provider)
        idp = sides.configuration.idp
        received = messages.receive_redirect(query, [pinned(each) for each in idp.certificates])
        now, skew = clock.now(), _skew(provider)
        if received.kind == "SAMLRequest":
            return read_sign_out(received, idp.entity_id, sides.sp.slo_url, now, skew)
        expected = None if flow is None or flow.purpose is not Purpose.SIGN_OUT else flow.kept[_REQUEST]
        read_answer(received, idp.entity_id, sides.sp.slo_url, expected)
        return None

    def answer_sign_out(self, provider: IdentityProvider, sign_out: SignOut) -> str:
        """Where the browser is sent once the sessions that a provider named have ended.

        Raises:
            Conflict: (`provider-incomplete`) the provider has published no address for it.
        """
        sides = self._sides(provider)
        idp = sides.configuration.idp
        destination = idp.slo_answer_url or idp.slo_url
        if destination is None:
            raise Conflict("The provider has told no address for sign-outs.", code="provider-incomplete")
        answer = messages.logout_response(sides.sp, destination, sign_out.id)
        return self._redirect(sides, destination, "SAMLResponse", answer, sign_out.relay, sign=True)

    def _sides(self, provider: IdentityProvider) -> _Sides:
        return _Sides(
            SamlConfiguration.of(json.loads(provider.configuration)),
            service_provider(self._public_url, provider.name),
            OwnKeys.of(unseal_needed(self._sealer, provider)),
        )

    @staticmethod
    def _redirect(
        sides: _Sides, destination: str, kind: str, message: str, relay: str | None, *, sign: bool = False
    ) -> str:
        own = sides.own.current if sign or sides.configuration.sign_requests else None
        return messages.redirect(destination, kind, message, relay, own)


def subjects_of(sign_out: SignOut) -> list[ProviderSession]:
    """The sessions that a provider names, as they were remembered; one without a session's name for all of them."""
    subject = {"name_id": sign_out.name_id, "format": sign_out.name_id_format}
    return [ProviderSession(subject, each) for each in sign_out.sessions or (None,)]


def _subject(provider: IdentityProvider, found: Assertion) -> str:
    """What the person is called for good.

    Raises:
        XmlRefused: the provider says nothing that lasts.
    """
    attribute = mapping_of(provider.mapping).subject
    if attribute is None:
        if found.name_id_format == TRANSIENT:
            raise XmlRefused("a NameID that is another each time", code="provider-answer-refused")
        return found.name_id
    values = found.attributes.get(attribute, ())
    if len(values) != 1 or not values[0]:
        raise XmlRefused("the attribute for the subject has no value, or several", code="provider-answer-refused")
    return values[0]


def _skew(provider: IdentityProvider) -> Microseconds:
    return provider.clock_skew * SECOND


def _decoded(response: str) -> bytes:
    if len(response) > 2 * MOST_BYTES:
        raise XmlRefused("a response that is too long", code="provider-answer-refused")
    try:
        return base64.b64decode("".join(response.split()), validate=True)
    except (ValueError, binascii.Error):
        raise XmlRefused("a response that is no base64", code="provider-answer-refused") from None
