"""The audit log, as answers."""

import json
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from keyferry.api.models.pages import NumberedPageQuery
from keyferry.api.models.values import Answer, Moment, Name, when
from keyferry.custody.audit_chain import Head
from keyferry.custody.audit_search import OUTCOMES, Sought
from keyferry.custody.audit_verification import Verification
from keyferry.store.records import AuditEvent

Outcome = StrEnum("Outcome", {name.upper(): name for name in OUTCOMES})  # type: ignore[misc]  # from custody's list


class Order(StrEnum):
    """Which event comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"


class AuditQuery(NumberedPageQuery):
    """What is looked for in the audit log. What is left out does not matter."""

    order: Annotated[Order, Field(description="Which events come first.")] = Order.OLDEST
    person: Annotated[Name | None, Field(description="Who did it: a user's name, or id.")] = None
    key: Annotated[Name | None, Field(description="The key that it was done to: its id, or its name then.")] = None
    operation: Annotated[
        Name | None, Field(description="Such as `key.export`; or `key`, for all that is done to keys.")
    ] = None
    outcome: Outcome | None = None
    since: Annotated[Moment | None, Field(description="Not before this time.")] = None
    until: Annotated[Moment | None, Field(description="Before this time.")] = None

    def sought(self) -> Sought:
        """As custody takes it."""
        return Sought(
            person=self.person,
            key=self.key,
            operation=self.operation,
            outcome=None if self.outcome is None else self.outcome.value,
            since=self.since,
            until=self.until,
        )


class AuditEventAnswer(Answer):
    """An event. Number, leaf hash and head are null for the second until it is chained; hashes are hexadecimal."""

    id: str
    number: int | None
    at: str
    operation: str
    outcome: str
    code: str | None
    actor_id: str | None
    actor_name: str | None
    token_id: str | None
    address: str | None
    object_type: str | None
    object_id: str | None
    object_name: str | None
    object_revision: int | None
    version_id: str | None
    version_revision: int | None
    details: dict[str, Any]
    leaf_hash: str | None
    head: str | None

    @classmethod
    def of(cls, event: AuditEvent) -> "AuditEventAnswer":
        """From custody's record, without its MAC."""
        head = None if event.number is None or event.head is None else str(Head(event.number, event.head))
        return cls(
            id=event.uid,
            number=event.number,
            at=when(event.at) or "",
            operation=event.operation,
            outcome=event.outcome,
            code=event.code,
            actor_id=event.actor_id,
            actor_name=event.actor_name,
            token_id=event.token_id,
            address=event.address,
            object_type=event.object_type,
            object_id=event.object_id,
            object_name=event.object_name,
            object_revision=event.object_revision,
            version_id=event.version_id,
            version_revision=event.version_revision,
            details=json.loads(event.details),
            leaf_hash=None if event.leaf_hash is None else event.leaf_hash.hex(),
            head=head,
        )


class VerificationAnswer(Answer):
    """A walk over the whole log. `head` is what a later verification can be asked to expect."""

    sound: bool
    events: int
    head: str
    findings: list[str]

    @classmethod
    def of(cls, verification: Verification) -> "VerificationAnswer":
        """From what custody found."""
        return cls(
            sound=not verification.findings,
            events=verification.events,
            head=str(verification.head),
            findings=list(verification.findings),
        )
