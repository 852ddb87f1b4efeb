"""Requests for approval whose time is over: recorded, so that the audit log says so. They were of no use already."""

from dataclasses import replace
from functools import partial
from typing import Final

import structlog
from sqlalchemy import bindparam, select, text

from keyferry import clock
from keyferry.custody.approving import RequestState
from keyferry.custody.caller import Origin
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.view import APPROVAL_KIND
from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.sealed import APPROVAL_REQUESTS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import approval_requests
from keyferry.store.transaction import Transaction

MOST_AT_ONCE: Final = 200
_OPEN: Final = frozenset({RequestState.PENDING.value, RequestState.APPROVED.value})

log = structlog.get_logger("keyferry.approvals")

_OVER = Prepared(
    select(approval_requests.c.id)
    .where(text("state IN ('pending', 'approved')"), approval_requests.c.expires_at <= bindparam("now"))
    .order_by(approval_requests.c.id)
    .limit(MOST_AT_ONCE)
)


def expire_requests(store: Store, sealer: Sealer, told: set[str]) -> int:
    """Record of requests that they have expired; answers of how many.

    One that was changed behind Keyferry's back is left as it is: nothing can be done with it.

    Args:
        told: ids of such ones, of which the log has heard.
    """
    over = store.read(lambda tx: [str(row[0]) for row in tx.rows(_OVER, now=clock.now())])
    expired = 0
    for id_ in over:
        try:
            expired += store.write(partial(_expire, sealer, id_))
        except IntegrityViolation as violation:
            if id_ not in told:
                told.add(id_)
                log.critical("integrity violation", operation=Operation.APPROVAL_EXPIRE, detail=violation.detail)
    return expired


def _expire(sealer: Sealer, id_: str, tx: Transaction) -> bool:
    now = clock.now()
    found = APPROVAL_REQUESTS.get(tx, sealer, id_, Lock.UPDATE)
    if found is None or found.state not in _OPEN or found.expires_at > now:
        return False
    ended = replace(found, state=RequestState.EXPIRED.value, ended_at=now)
    expired = APPROVAL_REQUESTS.update(tx, sealer, found, ended)
    details = {"by": "date", "asked": found.operation, "about": found.object_id, "was": found.state}
    event = event_by(Origin(None), None, Operation.APPROVAL_EXPIRE, now, details)
    event = Subject(APPROVAL_KIND, expired.id, expired.object_name).on(event)
    write_event(tx, sealer, replace(event, object_revision=expired.revision))
    return True
