"""Commands on the server's own machine: nobody signs in for them, and the audit log says which command it was."""

from typing import Any

from keyferry import clock
from keyferry.custody.caller import Origin
from keyferry.custody.policy import Operation
from keyferry.custody.recording import event_by
from keyferry.store.records import AuditEvent


def local_event(command: str, operation: Operation, details: dict[str, Any]) -> AuditEvent:
    """An audit event of a command, such as `keyferry backup create`, that its actor is named after."""
    return event_by(Origin(None), command, operation, clock.now(), details)
