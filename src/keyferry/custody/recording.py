"""Audit events in the making: what one is about, who caused it, what it says."""

import json
from dataclasses import dataclass, replace
from typing import Any

from keyferry.clock import Microseconds
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.policy import Operation
from keyferry.ids import new_id
from keyferry.store.records import AuditEvent

#: more of a name than this, which only one that is refused can have, is not kept
LONGEST_NAME = 200

_COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True)
class Subject:
    """The object of an operation, as far as it is known yet: what a refusal's audit event is about."""

    kind: str | None = None
    id: str | None = None
    name: str | None = None

    def on(self, event: AuditEvent) -> AuditEvent:
        """`event`, with this object as what it is about."""
        return replace(event, **self.members())

    def members(self) -> dict[str, Any]:
        """Of an event, what names this object. Its name may be anything that a caller has made up."""
        name = self.name if self.name is None or self.name.isprintable() else ascii(self.name)
        name = None if name is None else name[:LONGEST_NAME]
        return {"object_type": self.kind, "object_id": self.id, "object_name": name}


def event_by(
    who: Caller | Origin,
    name: str | None,
    operation: Operation,
    at: Microseconds,
    details: dict[str, Any],
    **about: Any,
) -> AuditEvent:
    """A new event, done by `who`; details are kept as compact JSON with sorted names, empty ones left out.

    Whoever came with a certificate is told with its id.

    Args:
        about: the members that say what the event is about.
    """
    came_with = {"certificate": who.certificate_id, "workload": who.workload_id} if isinstance(who, Caller) else {}
    kept = {key: value for key, value in {**details, **came_with}.items() if value is not None}
    return AuditEvent(
        uid=new_id(),
        at=at,
        operation=operation.value,
        outcome="done",
        actor_id=who.user_id if isinstance(who, Caller) else None,
        actor_name=name,
        token_id=who.token_id if isinstance(who, Caller) else None,
        address=who.address,
        details=_COMPACT.encode(kept),
        **about,
    )
