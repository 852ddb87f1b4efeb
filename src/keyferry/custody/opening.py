"""What is left to do between a right password (or whatever a sign-in began with) and a session.

    begun with a password, single sign-on, a certificate
      1. a second factor, if the account has one, and none was proven on the way
      2. another password, if the one that was given is good for that alone
      3. the setting up of a second factor, if the role needs one and the account has none

Each is a step of its own, from a ticket; a passkey that asks for a PIN or a finger is both factors at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from keyferry.clock import Microseconds
from keyferry.custody.admission import needs_second_factor, server_policy_of
from keyferry.custody.arrival import Vouched
from keyferry.custody.policy import Role
from keyferry.custody.tickets import Needs
from keyferry.custody.token_scopes import TokenScope
from keyferry.custody.view import Change
from keyferry.material.secret import Secret
from keyferry.store.records import Ticket, Token, User

PASSWORD = "password"  # noqa: S105  # the word, not one


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step came to.

    Attributes:
        user: the account's row as the step left it.
        second_factor: what was proven by now; None for nothing.
        codes: recovery codes that were made on the way, shown this once.
    """

    user: User
    second_factor: str | None = None
    codes: tuple[Secret, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What a person does for a ticket.

    Attributes:
        serves: the needs that it meets; a ticket with another is refused.
        take: does it, in the transaction that goes on from there; refuses by raising.
    """

    serves: frozenset[Needs]
    take: Callable[[Change, User], Progress]


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A sign-in that is not complete: what it needs next, and the text that shows that it came so far."""

    ticket: Ticket
    text: Secret
    user: User
    codes: tuple[Secret, ...] = field(default=(), repr=False)

    @property
    def needs(self) -> Needs:
        """What is still to be done."""
        return Needs(self.ticket.needs)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its text, which nobody can show again."""

    token: Token
    text: Secret
    user: User
    codes: tuple[Secret, ...] = field(default=(), repr=False)
    scope: TokenScope | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """How a sign-in began.

    Attributes:
        method: password, passkey, saml, oidc or certificate.
        idle_after: without a use for so long, the session ends; None for one that may lie idle.
        vouched: by which provider; None where no provider has a part in it.
    """

    method: str = PASSWORD
    second_factor: str | None = None
    idle_after: Microseconds | None = None
    vouched: Vouched | None = None


def what_remains(change: Change, user: User, method: str, second_factor: str | None) -> Needs | None:
    """The next step; None when there is nothing left to do."""
    if second_factor is None and user.factors:
        return Needs.FACTOR
    if user.must_change and method == PASSWORD:
        return Needs.PASSWORD
    if second_factor is None and needs_second_factor(server_policy_of(change.tx, change.sealer), Role(user.role)):
        return Needs.ENROLMENT
    return None
