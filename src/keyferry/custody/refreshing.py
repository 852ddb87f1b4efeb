"""What identity providers publish, fetched anew by the server itself: certificates and keys change now and then."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import select

from keyferry.custody.connection_facts import as_json
from keyferry.custody.local import local_event
from keyferry.custody.policy import Operation
from keyferry.custody.provider_kinds import Configuration, Fetch, Kind, protocol
from keyferry.custody.recording import Subject
from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import AuditEvent, IdentityProvider
from keyferry.store.sealed import IDENTITY_PROVIDERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import identity_providers
from keyferry.store.transaction import Transaction

_ALL = Prepared(
    select(identity_providers.c.id).where(identity_providers.c.deleted_at.is_(None)).order_by(identity_providers.c.id)
)
_WHO = "the server, by itself"

log = structlog.get_logger("keyferry.refreshing")


class Refreshing:
    """Fetches what enabled providers publish; `run` is called once an hour by one node.

    Args:
        fetch: reads what a provider publishes, from hosts that the settings allow.
    """

    def __init__(self, store: Store, sealer: Sealer, fetch: Fetch) -> None:
        self._store = store
        self._sealer = sealer
        self._fetch = fetch

    def run(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Fetch anew what enabled providers publish; while `go_on` says so. Answers how many have changed.

        A provider that cannot be had, or says what will not do, stays as it was, and the audit log says so;
        as of one whose row was changed behind Keyferry's back.
        """
        changed = 0
        for id_ in self._store.read(lambda tx: [str(row[0]) for row in tx.rows(_ALL)]):
            if not go_on():
                break
            try:
                changed += self._refresh(id_)
            except IntegrityViolation as violation:  # the others are still to be asked
                log.critical("integrity violation", operation=Operation.PROVIDER_REFRESH, detail=violation.detail)
                event = Subject("identity-provider", id_).on(self._event({"detail": violation.detail}))
                self._write(replace(event, outcome="failed", code=violation.code))
        return changed

    def _refresh(self, id_: str) -> int:
        seen = self._store.read(lambda tx: IDENTITY_PROVIDERS.get(tx, self._sealer, id_))
        if seen is None or not seen.enabled or seen.deleted_at is not None:
            return 0
        before: Configuration = json.loads(seen.configuration)
        try:
            completed = protocol(Kind(seen.kind)).completed(before, self._fetch)
        except Exception as fault:  # noqa: BLE001  # whatever a provider publishes, the others are still to be asked
            code = getattr(fault, "code", "internal-error")
            detail = getattr(fault, "detail", type(fault).__name__)
            self._tell(seen, "failed", code, {"detail": detail})
            return 0
        if completed | {"read_at": None} == before | {"read_at": None}:
            return 0

        def write(tx: Transaction) -> int:
            found = IDENTITY_PROVIDERS.get(tx, self._sealer, id_, Lock.UPDATE)
            if found is None or found.revision != seen.revision:
                return 0
            kept = IDENTITY_PROVIDERS.update(tx, self._sealer, found, replace(found, configuration=as_json(completed)))
            event = Subject("identity-provider", kept.id, kept.name).on(self._event({"by": "date"}))
            write_event(tx, self._sealer, replace(event, object_revision=kept.revision))
            return 1

        return self._store.write(write)

    def _tell(self, provider: IdentityProvider, outcome: str, code: str, details: dict[str, Any]) -> None:
        event = Subject("identity-provider", provider.id, provider.name).on(self._event(details))
        self._write(replace(event, outcome=outcome, code=code))

    def _event(self, details: dict[str, Any]) -> AuditEvent:
        return local_event(_WHO, Operation.PROVIDER_REFRESH, details)

    def _write(self, event: AuditEvent) -> None:
        self._store.write(lambda tx: write_event(tx, self._sealer, event))
