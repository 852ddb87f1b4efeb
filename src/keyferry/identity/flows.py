"""A sign-in that is under way at an identity provider, as the browser that began it keeps it.

It is sealed, so that nobody can read or make one, and ends within minutes; the server keeps nothing of it until an
answer of the provider is verified, so that beginning many costs nothing. That it is used once alone is kept in the
transaction that lets somebody in: `Flow.presented` goes into the arrival.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody.arrival import Presented
from keyferry.errors import IntegrityViolation, NotAuthenticated
from keyferry.ids import new_id
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret

LASTS: Final[Microseconds] = 600 * SECOND
_BINDING: Final = CredentialBinding("sign-in flow", {"use": "browser"})


class Purpose(StrEnum):
    """What shall come of the provider's answer."""

    SIGN_IN = "sign-in"
    TEST = "test"
    SIGN_OUT = "sign-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a browser was sent to a provider for.

    Attributes:
        user_id: of the Administrator who tests.
        wanted: the page to go to afterwards.
        kept: what the protocol needs again: the request's id; a state, a nonce, a verifier.
    """

    id: str = field(default_factory=new_id)
    provider_id: str
    purpose: Purpose = Purpose.SIGN_IN
    user_id: str | None = None
    wanted: str = "/"
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    ends_at: Microseconds = field(default_factory=lambda: clock.now() + LASTS)

    @property
    def presented(self) -> Presented:
        """What makes it be used once alone."""
        return Presented("flow", self.id, self.ends_at)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a browser is sent, and what it is to keep until it comes back."""

    address: str = field(repr=False)
    flow: Flow


class Flows:
    """Seals flows for browsers, and opens what they bring back."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, flow: Flow) -> str:
        """For a cookie."""
        plain = Secret(json.dumps(asdict(flow)).encode())
        return base64.urlsafe_b64encode(self._sealer.seal_credential(plain, _BINDING).blob).decode()

    def open(self, text: str | None) -> Flow:
        """
        Raises:
            NotAuthenticated: the browser brings none, none of ours, or one that has ended.
        """
        try:
            blob = base64.urlsafe_b64decode((text or "").encode())
            found = json.loads(self._sealer.unseal_credential(SealedCredential(blob), _BINDING).reveal())
        except (ValueError, IntegrityViolation):
            raise _ended() from None
        flow = Flow(**{**found, "purpose": Purpose(found["purpose"])})
        if flow.ends_at <= clock.now():
            raise _ended()
        return flow


def _ended() -> NotAuthenticated:
    return NotAuthenticated(
        "This sign-in was not begun in this browser, or too long ago.",
        code="sign-in-refused",
        advice="Begin again from the sign-in page.",
    )
