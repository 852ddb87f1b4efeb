"""What may be presented once alone, on whichever node: assertions, states, nonces, identifiers of tokens."""

import hashlib

from sqlalchemy import bindparam, delete, insert, select

from keyferry.clock import SECOND, Microseconds
from keyferry.store.statements import Prepared
from keyferry.store.tables import seen_once
from keyferry.store.transaction import Transaction

#: kept for longer than it could be presented: clocks of nodes may differ
_SLACK: Microseconds = 600 * SECOND

_SEEN = Prepared(select(seen_once.c.id).where(seen_once.c.id == bindparam("id")))
_KEEP = Prepared(insert(seen_once).values(id=bindparam("id"), expires_at=bindparam("expires_at")))
_FORGET = Prepared(delete(seen_once).where(seen_once.c.expires_at <= bindparam("now")))


def first_time(tx: Transaction, kind: str, issuer: str, what: str, until: Microseconds) -> bool:
    """Whether `what`, of `issuer`, is presented for the first time; from now on it was.

    In the writing transaction alone. Of two nodes that ask at the same moment, one has its transaction undone by the
    database, and done again: it then finds what the other has kept.

    Args:
        kind: keeps what is of one kind from being taken for another's.
        until: when it could not be presented any more anyway.
    """
    parts = (kind, issuer, what)
    encoded = b"".join(len(part.encode()).to_bytes(8) + part.encode() for part in parts)
    id_ = hashlib.sha256(encoded).hexdigest()
    if tx.row(_SEEN, id=id_) is not None:
        return False
    tx.run(_KEEP, id=id_, expires_at=until + _SLACK)
    return True


def forget_seen(tx: Transaction, now: Microseconds) -> None:
    """Drop what nobody could present any more."""
    tx.run(_FORGET, now=now)
