"""The audit log as people read it: in pages, as a file, verified as a whole. `audit_chain` tells how it is written."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import func, select

from keyferry.custody.audit_chain import BATCH, Head
from keyferry.custody.audit_search import ANYTHING, Sought, start, walk
from keyferry.custody.audit_verification import Progress, Verification, unseen, verify_log
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.pages import Page
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import View
from keyferry.store.events import check_event
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events

_NEWEST = Prepared(select(func.max(audit_events.c.id)))


class Audit:
    """The audit log as Administrators see it: read in pages, or verified as a whole.

    Nobody writes to it here: events come from the gate alone. Each reading and each verification is recorded in it too.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(
        self,
        caller: Caller,
        *,
        size: int,
        after: int | None = None,
        sought: Sought = ANYTHING,
        newest_first: bool = False,
    ) -> Page[AuditEvent]:
        """Events that are looked for, in the order in which they were written, or the newest first.

        A page looks at a bounded number of events: it may hold fewer than `size`, none even, and still not be the last.
        Reading the log is itself recorded.

        Raises:
            IntegrityViolation: one of them was edited.
        """
        page = self._gate.read(caller, Operation.AUDIT_READ, _reading(size, after, sought, newest_first=newest_first))
        told = {"after": after or None, "newest_first": newest_first or None, **sought.told()}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details={**told, "events": len(page.items)})
        return page

    def export(self, caller: Caller, sought: Sought = ANYTHING, *, form: str) -> Iterator[tuple[AuditEvent, ...]]:
        """All events that are looked for, up to the newest that there is now, in the order in which they were written.

        They come in pieces, each read by itself: no transaction is open in between, however slowly they are taken.
        Beginning is recorded, and coming to the end.

        Args:
            form: what is made of them, for the record.
        """

        def begin(view: View) -> int:
            view.permit(Relation.NONE, "audit log", None, None)
            newest = view.tx.row(_NEWEST)
            return 0 if newest is None else int(newest[0] or 0)

        up_to = self._gate.read(caller, Operation.AUDIT_READ, begin)
        details = {"export": form, **sought.told()}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details=details)
        return self._pieces(caller, sought, up_to, details)

    def _pieces(
        self, caller: Caller, sought: Sought, up_to: int, details: Mapping[str, Any]
    ) -> Iterator[tuple[AuditEvent, ...]]:
        after: int | None = None
        total = 0
        while True:
            page = self._gate.read(caller, Operation.AUDIT_READ, _reading(BATCH, after, sought, up_to=up_to))
            total += len(page.items)
            yield page.items
            if page.next is None:
                break
            after = int(page.next)
        self._gate.record(caller, Operation.AUDIT_READ, "done", details={**details, "exported": total})

    def verify(self, caller: Caller, *, expected: Head | None = None, progress: Progress = unseen) -> Verification:
        """Walk the whole log on one snapshot; see `verify_log`."""

        def read(view: View) -> Verification:
            view.permit(Relation.NONE, "audit log", None, None)
            return verify_log(view.tx, view.sealer, expected, progress)

        result = self._gate.read(caller, Operation.AUDIT_READ, read)
        details = {"verified": result.events, "head": str(result.head), "findings": len(result.findings)}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details=details)
        return result


def _reading(
    size: int, after: int | None, sought: Sought, *, newest_first: bool = False, up_to: int | None = None
) -> Callable[[View], Page[AuditEvent]]:
    def read(view: View) -> Page[AuditEvent]:
        view.permit(Relation.NONE, "audit log", None, None)
        since = start(newest_first=newest_first) if after is None else after
        found = walk(view.tx, sought, size=size, after=since, newest_first=newest_first, up_to=up_to)
        for event in found.events:
            check_event(view.sealer, event)
        return Page(found.events, None if found.end is None else str(found.end))

    return read
