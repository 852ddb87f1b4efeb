"""Idempotency keys: a request that is sent again creates nothing again.

Kept 24 hours, per caller and route, as HMACs of the key and of the request, with the id of what was made, never a body.
"""

import hmac
from dataclasses import dataclass

from sqlalchemy import bindparam, delete

from keyferry.clock import DAY, Microseconds
from keyferry.custody.caller import Caller
from keyferry.errors import InvalidInput
from keyferry.material.sealing import Sealer, encode_columns
from keyferry.store.records import Idempotency
from keyferry.store.sealed import IDEMPOTENCY
from keyferry.store.statements import Prepared
from keyferry.store.tables import idempotency
from keyferry.store.transaction import Transaction

KEPT: Microseconds = DAY

_FORGET = Prepared(delete(idempotency).where(idempotency.c.id == bindparam("id")))


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's promise that requests with this key are the same request.

    Args:
        key: the Idempotency-Key header's value.
        route: method and path.
        request: the normalised request.
    """

    key: str
    route: str
    request: bytes

    def earlier(self, tx: Transaction, sealer: Sealer, caller: Caller, now: Microseconds) -> str | None:
        """The id of what an earlier request under this key made, or None.

        Raises:
            InvalidInput: the earlier request was another one.
        """
        found = IDEMPOTENCY.get(tx, sealer, self._id(sealer, caller))
        if found is None or found.created_at + KEPT <= now:
            return None
        if not hmac.compare_digest(found.request, self._digest(sealer)):
            raise InvalidInput(
                "This Idempotency-Key was used for another request.",
                code="idempotency-key-reused",
                field="Idempotency-Key",
                advice="Use a fresh key for a new request.",
            )
        return found.resource_id

    def require_unused(self, tx: Transaction, sealer: Sealer, caller: Caller, now: Microseconds) -> None:
        """
        Raises:
            InvalidInput: the key was used meanwhile.
        """
        if self.earlier(tx, sealer, caller, now) is not None:
            raise InvalidInput(
                "The same request is being handled already.",
                code="idempotency-key-reused",
                field="Idempotency-Key",
                advice="Send it again under the same key to get its answer.",
            )

    def remember(self, tx: Transaction, sealer: Sealer, caller: Caller, resource_id: str, now: Microseconds) -> None:
        """Keep the id of what this request made, for 24 hours; in the transaction that makes it."""
        made = Idempotency(
            id=self._id(sealer, caller), request=self._digest(sealer), resource_id=resource_id, created_at=now
        )
        tx.run(_FORGET, id=made.id)  # one that has expired, and that the job has not removed yet
        IDEMPOTENCY.insert(tx, sealer, made)

    def _id(self, sealer: Sealer, caller: Caller) -> str:
        name = encode_columns("idempotency", {"caller": caller.user_id, "route": self.route, "key": self.key})
        return hmac.new(_key(sealer), name, "sha256").hexdigest()

    def _digest(self, sealer: Sealer) -> bytes:
        return hmac.digest(_key(sealer), self.request, "sha256")


def _key(sealer: Sealer) -> bytes:
    return sealer.derive("idempotency", generation=1).reveal()  # the first one's for good: what was kept is found again
