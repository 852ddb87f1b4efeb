"""Tickets: what takes a sign-in from one step to the next, since there is no session that is half open.

A right password of somebody who has a second factor, or has to set one up, or has to change the password, is answered
with a ticket. It is good for five minutes, from the same network, and once: the step that it serves takes it away in
the transaction that opens the session. It opens nothing else. An invitation is a ticket too; it lasts longer, and for
whoever has it, wherever they are.
"""

import json
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, delete

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.access import ticket_refused
from keyferry.custody.arrival import ProviderSession, Vouched
from keyferry.custody.view import Change
from keyferry.identity import tokens as token_form
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Ticket, User
from keyferry.store.sealed import TICKETS
from keyferry.store.statements import Prepared
from keyferry.store.tables import tickets
from keyferry.store.transaction import Transaction

LASTS: Final[Microseconds] = 5 * 60 * SECOND

_SPEND = Prepared(delete(tickets).where(tickets.c.id == bindparam("id_")))
_DROP_OF_USER = Prepared(delete(tickets).where(tickets.c.user_id == bindparam("user_id_")))
_DROP_OF_PROVIDER = Prepared(delete(tickets).where(tickets.c.provider_id == bindparam("provider_id_")))
_FORGET = Prepared(delete(tickets).where(tickets.c.expires_at <= bindparam("before")))


class Needs(StrEnum):
    """What is still to be done before there is a session."""

    FACTOR = "factor"
    PASSWORD = "password"  # noqa: S105  # the word, not one
    ENROLMENT = "enrolment"
    INVITATION = "invitation"


def issue(
    change: Change,
    user: User,
    needs: Needs,
    *,
    method: str,
    second_factor: str | None = None,
    network: str | None,
    idle_after: Microseconds | None,
    certificate_id: str | None = None,
    vouched: Vouched | None = None,
    lasts: Microseconds = LASTS,
) -> tuple[Ticket, Secret]:
    """A ticket, and its text, which nobody can show again."""
    issued = token_form.issue(new_id(), token_form.TICKET)
    session = None if vouched is None else vouched.session
    ticket = Ticket(
        id=issued.token_id,
        user_id=user.id,
        needs=needs.value,
        digest=issued.digest,
        epoch=user.token_epoch,
        method=method,
        second_factor=second_factor,
        network=network,
        idle_after=idle_after,
        certificate_id=certificate_id,
        provider_id=None if vouched is None else vouched.provider_id,
        provider_subject=None if session is None else session.subject_text,
        provider_session=None if session is None else session.session,
        created_at=change.now,
        expires_at=change.now + lasts,
    )
    return change.append(TICKETS, ticket), issued.text


def vouched_of(ticket: Ticket) -> Vouched | None:
    """Which provider the ticket's sign-in began with; None for none."""
    if ticket.provider_id is None:
        return None
    subject = ticket.provider_subject
    session = None if subject is None else ProviderSession(json.loads(subject), ticket.provider_session)
    return Vouched(ticket.provider_id, session)


def spend(change: Change, ticket: Ticket) -> None:
    """Take a ticket away, in the transaction of the step that it serves.

    Raises:
        NotAuthenticated: another request has used it.
    """
    if change.tx.run(_SPEND, id_=ticket.id) != 1:
        raise ticket_refused("there is no such ticket, or it was used")


def drop_of_user(change: Change, user: User) -> None:
    """Take away every ticket of a user."""
    change.tx.run(_DROP_OF_USER, user_id_=user.id)


def drop_of_provider(change: Change, provider_id: str) -> None:
    """Take away every ticket of a sign-in that a provider has vouched for."""
    change.tx.run(_DROP_OF_PROVIDER, provider_id_=provider_id)


def forget_old(tx: Transaction, now: Microseconds) -> None:
    """Drop what has expired: it would be refused anyway."""
    tx.run(_FORGET, before=now)
