"""The audit log, read and verified."""

from typing import Annotated

from fastapi import Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import READING
from keyferry.api.models.audit import AuditEventAnswer, AuditQuery, Order, VerificationAnswer
from keyferry.api.models.pages import PageAnswer, page_size
from keyferry.api.routers import guarded_router
from keyferry.custody.audit_chain import Head

router = guarded_router("audit")


@router.get("/audit-events", responses=READING)
async def list_audit_events(query: Annotated[AuditQuery, Query()], visit: Visiting) -> PageAnswer[AuditEventAnswer]:
    """Events that are looked for, in the order in which they were written or the newest first. A page looks at 10,000
    events at most: it may hold few, none even, and have a `next` all the same. Reading the log is itself recorded.
    """
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(
        visit.custody.audit.list,
        size=size,
        after=None if query.cursor is None else query.after,
        sought=query.sought(),
        newest_first=query.order is Order.NEWEST,
    )
    return PageAnswer(items=[AuditEventAnswer.of(event) for event in page.items], next=page.next)


@router.get("/audit-events/verification", responses=READING)
async def verify_audit_log(
    visit: Visiting,
    expect_head: Annotated[
        str | None, Query(max_length=128, description="A head that was noted earlier: `NUMBER:HASH`.")
    ] = None,
) -> VerificationAnswer:
    """Walk the whole log: every event's MAC, the numbers, the chain, and that the expected head lies on it."""
    expected = None if expect_head is None else Head.parse(expect_head)
    return VerificationAnswer.of(await visit.ask(visit.custody.audit.verify, expected=expected))
