"""Single sign-on, whatever the protocol: a browser is sent to a provider, and what it brings back is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from keyferry.clock import Microseconds
from keyferry.custody.arrival import Arrival, Presented, ProviderSession
from keyferry.custody.arrivals import provider_sign_in_refused
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.provider_kinds import Kind
from keyferry.errors import InvalidInput, KeyferryError, NotAuthenticated, NotFound
from keyferry.identity.fetching import Fetcher
from keyferry.identity.flows import Begun, Flow, Flows, Purpose
from keyferry.identity.key_sets import KeySets
from keyferry.identity.oidc.dialogue import OidcDialogue
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.provider_sign_in import ProviderSignIn, Trial
from keyferry.identity.saml.dialogue import SamlDialogue, subjects_of
from keyferry.material.sealing import Sealer
from keyferry.store.records import IdentityProvider


class Dialogue(Protocol):
    """How a sign-in begins in one protocol."""

    def begin(self, provider: IdentityProvider, *, purpose: Purpose, user_id: str | None, wanted: str) -> Begun:
        """Where the browser is sent, and what it is to keep meanwhile.

        Raises:
            Conflict: (`provider-incomplete`) something is not set up yet.
        """
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider that people may sign in through."""

    name: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of a provider's answer, and the page to go to."""

    result: SignedIn | Unfinished | Trial
    wanted: str


class SingleSignOn:
    """Sends browsers to identity providers, and lets in whom these vouch for."""

    def __init__(
        self,
        custody: Custody,
        sign_in: ProviderSignIn,
        sealer: Sealer,
        public_url: str,
        fetcher: Fetcher,
        key_sets: KeySets,
    ) -> None:
        self._custody = custody
        self._sign_in = sign_in
        self.flows = Flows(sealer)
        self.saml = SamlDialogue(sealer, public_url)
        self.oidc = OidcDialogue(sealer, public_url, fetcher, key_sets)
        self._dialogues: dict[Kind, Dialogue] = {Kind.SAML: self.saml, Kind.OIDC: self.oidc}

    def offers(self) -> list[Offer]:
        """For the sign-in page."""
        return [Offer(provider.name) for provider in self._custody.arrivals.offered()]

    def begin(self, name: str, *, wanted: str = "/") -> Begun:
        """Where a browser is sent to sign in.

        Raises:
            NotFound: there is no such provider, or it is disabled.
            Conflict: (`provider-incomplete`) something is not set up yet.
        """
        provider = self.provider(name)
        if not provider.enabled:
            raise _not_found(name)
        return self._dialogue(provider).begin(provider, purpose=Purpose.SIGN_IN, user_id=None, wanted=wanted)

    def begin_test(self, caller: Caller, reference: str) -> Begun:
        """Where an Administrator's browser is sent to test a sign-in, through a provider that may be disabled.

        Raises:
            NotPermitted, NotFound: as custody has it.
            Conflict: (`provider-incomplete`) something is not set up yet.
        """
        provider = self._custody.providers.begin_test(caller, reference)
        return self._dialogue(provider).begin(provider, purpose=Purpose.TEST, user_id=caller.user_id, wanted="/")

    def receive(
        self,
        name: str,
        kept: str | None,
        address: str | None,
        judge: Callable[[IdentityProvider, Flow | None], Arrival],
        *,
        kind: Kind = Kind.SAML,
        which: Callable[[Flow | None], Flow | None] = lambda flow: flow,
        idle_after: Microseconds | None = None,
    ) -> Arrived:
        """What comes of an answer that a browser brings.

        Args:
            kept: what the browser has kept of a flow, if anything.
            kind: the protocol that the answer is of.
            which: the protocol's: whether the answer is to this flow; None if it is to none.
            judge: the protocol's: from the provider and the flow to whom it vouches for; what it raises is for the
                audit log alone.

        Raises:
            NotAuthenticated: (`sign-in-refused`) for any reason; the audit log says which.
        """
        arrivals = self._custody.arrivals
        try:
            provider = self.provider(name)
        except NotFound:
            arrivals.refuse(name[:64], "there is no such provider", address)
            raise provider_sign_in_refused() from None
        self._require(provider, kind, address)
        flow = which(self._flow(kept))
        try:
            arrival = judge(provider, flow)
        except InvalidInput as refusal:
            arrivals.refuse(provider.name, refusal.detail, address)
            raise provider_sign_in_refused() from None
        result = self._sign_in.arrive(arrival, flow, address, idle_after=idle_after)
        return Arrived(result, "/" if flow is None else flow.wanted)

    def begin_sign_out(self, token_id: str) -> Begun | None:
        """Where a browser is sent to sign out at the provider, too; None for a session that none has vouched for.

        To be asked before the session ends, or after.
        """
        found = self._custody.arrivals.session(token_id)
        provider = None if found is None else self._custody.arrivals.provider(found[0])
        if found is None or provider is None:
            return None
        if Kind(provider.kind) is Kind.OIDC:
            return self.oidc.begin_sign_out(provider)
        return self.saml.begin_sign_out(provider, found[1])

    def receive_sign_out(self, name: str, query: str, kept: str | None, address: str | None) -> str | None:
        """What comes of a message about a sign-out: of the provider's own, sessions end.

        Returns:
            Where the browser is sent with the answer; None after the provider's answer to ours.

        Raises:
            NotAuthenticated: (`sign-in-refused`) it is not believed; the audit log says why.
        """
        provider = self.provider(name)
        arrivals = self._custody.arrivals
        self._require(provider, Kind.SAML, address)
        try:
            sign_out = self.saml.receive_sign_out(provider, query, self._flow(kept))
        except InvalidInput as refusal:
            arrivals.refuse(provider.name, refusal.detail, address)
            raise provider_sign_in_refused() from None
        if sign_out is None:
            return None
        self._end(provider, subjects_of(sign_out), Presented("sign-out", sign_out.id, sign_out.until), address)
        return self.saml.answer_sign_out(provider, sign_out)

    def receive_back_channel(self, name: str, token: str, address: str | None) -> None:
        """End the sessions that a provider says have ended there (OpenID Connect Back-Channel Logout 1.0).

        Raises:
            NotAuthenticated: (`sign-in-refused`) it is not believed; the audit log says why.
        """
        provider = self.provider(name)
        self._require(provider, Kind.OIDC, address)
        try:
            sign_out = self.oidc.receive_sign_out(provider, token)
        except InvalidInput as refusal:
            self._custody.arrivals.refuse(provider.name, refusal.detail, address)
            raise provider_sign_in_refused() from None
        self._end(provider, [sign_out.session], sign_out.presented, address)

    def provider(self, name: str) -> IdentityProvider:
        """
        Raises:
            NotFound: there is none of this name.
        """
        found = self._custody.arrivals.named(name)
        if found is None:
            raise _not_found(name)
        return found

    def _require(self, provider: IdentityProvider, kind: Kind, address: str | None) -> None:
        """
        Raises:
            NotAuthenticated: (`sign-in-refused`) the provider speaks another protocol.
        """
        if Kind(provider.kind) is not kind:
            self._custody.arrivals.refuse(provider.name, f"it does not speak {kind.value}", address)
            raise provider_sign_in_refused()

    def _flow(self, kept: str | None) -> Flow | None:
        try:
            return self.flows.open(kept)
        except NotAuthenticated:
            return None

    def _end(
        self,
        provider: IdentityProvider,
        sessions: list[ProviderSession],
        presented: Presented,
        address: str | None,
    ) -> None:
        found = self._custody.arrivals.sessions_of(provider, sessions, presented)
        if found is None:
            self._custody.arrivals.refuse(provider.name, "sign-out: presented before", address)
            raise provider_sign_in_refused()
        for token_id, user_id in found:
            try:  # as the session itself would
                self._custody.tokens.revoke(Caller(user_id, token_id, None), token_id)
            except KeyferryError:
                continue  # it has ended by itself

    def _dialogue(self, provider: IdentityProvider) -> Dialogue:
        return self._dialogues[Kind(provider.kind)]


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no identity provider {name[:64]!r} to sign in through.", field="provider")
