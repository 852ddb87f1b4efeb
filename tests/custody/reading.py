"""What tests read of an installation beside what callers may: the audit log, and rows as they lie in the database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from keyferry.clock import Microseconds
from keyferry.store.records import AuditEvent
from keyferry.store.tables import metadata
from keyferry.testing import Kit


def events_of(kit: Kit, operation: str, outcome: str = "done") -> list[AuditEvent]:
    """The events of an operation with this outcome, the newest last."""
    found = kit.custody.audit.list(kit.administrator, size=100_000).items
    return [event for event in found if (event.operation, event.outcome) == (operation, outcome)]


def details_of(event: AuditEvent) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(event.details)
    return details


def rows(kit: Kit, table: str) -> list[dict[str, Any]]:
    """All rows of a table, as the database holds them."""
    with kit.installation.store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(metadata.tables[table].select()).mappings()]


def later(duration: Microseconds) -> time_machine.travel:
    """The clock set on by so much; it runs on from there."""
    return time_machine.travel(datetime.now(UTC) + timedelta(microseconds=duration))
