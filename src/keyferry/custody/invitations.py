"""Invitations: a link with which a person sets the password of their own account, so that nobody else ever knows it.

An invitation is a ticket. It is good for three days, once, and for whoever has it; another one puts an end to it, and
so does a password that is set. Afterwards it tells nothing, not even whose it was.
"""

from dataclasses import dataclass
from typing import Final

from keyferry.clock import DAY, Microseconds
from keyferry.custody import tickets
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.opening import PASSWORD
from keyferry.custody.policy import Operation
from keyferry.custody.tickets import Needs
from keyferry.custody.users import load_user, require_reset_approved
from keyferry.custody.view import Change
from keyferry.errors import Conflict
from keyferry.material.secret import Secret
from keyferry.store.records import User
from keyferry.store.sealed import Lock

LASTS: Final[Microseconds] = 3 * DAY


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation and its text, which nobody can show again."""

    user: User
    text: Secret
    expires_at: Microseconds


class Invitations:
    """For Administrators: they hand the link on, and know no password."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def create(self, caller: Caller, reference: str) -> Invitation:
        """Invite the user of an account that has no password; an earlier invitation ends.

        Raises:
            Conflict: the account has a password, or is disabled.
            ApprovalRequired: others have to approve it, as for a password that is set.
        """

        def change(change: Change) -> Invitation:
            user = load_user(change, reference, Lock.UPDATE)
            if user.disabled or user.password_hash is not None:
                what = "is disabled" if user.disabled else "has a password"
                raise Conflict(
                    f"{user.name!r} {what}.",
                    advice="Enable the account first." if user.disabled else "Set a temporary password instead.",
                )
            require_reset_approved(change, user, {"password": "by invitation"})
            tickets.drop_of_user(change, user)
            ticket, text = tickets.issue(
                change, user, Needs.INVITATION, method=PASSWORD, network=None, idle_after=None, lasts=LASTS
            )
            change.note(ends=ticket.expires_at)
            return Invitation(user, text, ticket.expires_at)

        return self._gate.write(caller, Operation.USER_INVITE, change)
