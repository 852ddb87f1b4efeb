"""The rows of client certificates, as operations about users and about certificates need them."""

from typing import Final

from sqlalchemy import bindparam

from keyferry.clock import Microseconds
from keyferry.custody.view import Change, Query, View
from keyferry.store.records import Certificate, User
from keyferry.store.sealed import CERTIFICATES, Lock
from keyferry.store.tables import certificates

#: of one user, in force
MOST: Final = 100

BY_FINGERPRINT = Query(CERTIFICATES, certificates.c.fingerprint == bindparam("fingerprint"))
_IN_FORCE = Query(
    CERTIFICATES,
    certificates.c.user_id == bindparam("user_id"),
    certificates.c.epoch == bindparam("epoch"),
    certificates.c.revoked_at.is_(None),
    certificates.c.expires_at > bindparam("now"),
    order_by=certificates.c.id.desc(),
    limit=True,
)


def in_force(view: View, user: User, lock: Lock | None = None) -> list[Certificate]:
    """A user's certificates that still open something, the newest first."""
    now: Microseconds = view.now
    return view.find(CERTIFICATES, _IN_FORCE, lock, user_id=user.id, epoch=user.token_epoch, now=now, limit=MOST)


def carry_over(change: Change, user: User, epoch: int) -> None:
    """Let a user's certificates go on under another epoch: a password that is changed by its own user ends none.

    None of them came of the password, and programs hold them.
    """
    for certificate in in_force(change, user, Lock.UPDATE):
        change.update(CERTIFICATES, certificate, epoch=epoch)
