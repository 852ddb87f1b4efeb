"""A fault of Keyferry's own: the log has all of it, under a reference, and whoever asked gets the reference alone."""

import structlog

from keyferry.errors import KeyferryError
from keyferry.ids import new_id

log = structlog.get_logger("keyferry.faults")


def log_fault(error: KeyferryError) -> str:
    """Write it to the log; answers the reference that finds it there."""
    reference = new_id()
    log.error("request failed", reference=reference, code=error.code, detail=error.detail, exc_info=error)
    return reference
