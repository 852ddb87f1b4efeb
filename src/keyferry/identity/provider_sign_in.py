"""The last step of every protocol: from a verified answer of an identity provider to a session."""

from dataclasses import dataclass

from keyferry.clock import Microseconds
from keyferry.custody.arrival import Arrival
from keyferry.custody.arrivals import provider_sign_in_refused
from keyferry.custody.custody import Custody
from keyferry.errors import NotAuthenticated
from keyferry.identity.flows import Flow, Purpose
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test: no session, but something to look at."""

    provider: str
    test_id: str


class ProviderSignIn:
    """Lets people in whom a provider vouches for, through the same sign-in as everybody else."""

    def __init__(self, custody: Custody, sign_in: SignIn) -> None:
        self._custody = custody
        self._sign_in = sign_in

    def arrive(
        self, arrival: Arrival, flow: Flow | None, address: str | None, *, idle_after: Microseconds | None = None
    ) -> SignedIn | Unfinished | Trial:
        """Open a session for whoever the provider vouches for, or answer what it needs; of a test, keep what was said.

        Args:
            flow: what the browser was sent to the provider for; None where it was not sent by us. It is among what
                `arrival` presents.

        Raises:
            NotAuthenticated: (`sign-in-refused`) for any reason; the audit log says which.
        """
        if flow is not None and flow.purpose is Purpose.TEST:
            test_id = self._custody.arrivals.test(arrival, flow.user_id or "", address)
            return Trial(arrival.provider.name, test_id)
        arrived = self._custody.arrivals.arrive(arrival, address)
        try:
            return self._sign_in.open(
                arrived.user,
                address,
                method=arrival.provider.kind,
                second_factor="provider" if arrival.provider.asks_second_factor else None,
                idle_after=idle_after,
                vouched=arrival.vouched,
            )
        except NotAuthenticated:
            raise provider_sign_in_refused() from None
