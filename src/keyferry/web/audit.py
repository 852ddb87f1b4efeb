"""The audit log: looked through, taken along as a file, verified. For Administrators."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from keyferry.custody.audit_chain import Head
from keyferry.custody.audit_search import NOUNS, OUTCOMES, Sought
from keyferry.custody.audit_verification import Progress, Verification
from keyferry.custody.pages import Page
from keyferry.custody.policy import Operation
from keyferry.doors.statuses import status_of
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.store.records import AuditEvent
from keyferry.web.audit_export import FORMS, ExportForm, export_answer
from keyferry.web.forms import Form
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit

#: where, in the page of a verification, its progress and its result go
WALK: Final = "<!-- the walk -->"
#: seconds between two words about how far it has come
_PACE: Final = 0.5

FILTERS: Final = ("person", "key", "operation", "outcome", "since", "until")


async def show(visit: Visit) -> Response:
    """What a filter finds, the newest first."""
    form = _asked(visit)
    found: Page[AuditEvent] = Page((), None)
    status = 200
    try:
        found = await visit.ask(
            visit.custody.audit.list,
            size=visit.page_size,
            after=_number(visit.query("after")),
            sought=_sought(form),
            newest_first=True,
        )
    except InvalidInput as refusal:
        form, status = form.refused(refusal), status_of(refusal)
    about = {
        "form": form,
        "events": found.items,
        "filters": urlencode(_filters(form)),
        "next": _following(form, found.next),
        "is_short": found.next is not None and len(found.items) < visit.page_size,
    }
    if visit.wants_part:
        return visit.part("audit/events.html", **about)
    return visit.page(
        "audit/show.html",
        status=status,
        operations=list(_operations()),
        outcomes=[("", "any"), *((each, each) for each in OUTCOMES)],
        **about,
    )


async def export(visit: Visit) -> Response:
    """What a filter finds, as a file."""
    wanted = visit.query("format")
    if wanted not in FORMS:
        raise InvalidInput(
            f"There is no format {wanted[:40]!r}.", field="format", advice=f"Give one of {', '.join(ExportForm)}."
        )
    form = ExportForm(wanted)
    pieces = await visit.ask(visit.custody.audit.export, _sought(_asked(visit)), form=form.value)
    return export_answer(pieces, form, visit.console.services.crew.batches)


async def show_verify(visit: Visit, form: Form) -> Response:
    """What a verification is, and its button."""
    await visit.require(Operation.AUDIT_READ)
    return visit.page("audit/verify.html", form=form, walking=False)


async def verify(visit: Visit, form: Form) -> Response:
    """Walk the whole log, and say how far it has come. It may take long: it is done where long things are."""
    await visit.require(Operation.AUDIT_READ)
    given = form.optional("expect_head")
    expected = None if given is None else Head.parse(given)
    before, after = _text(visit.page("audit/verify.html", form=form, walking=True)).split(WALK)
    work = partial(visit.custody.audit.verify, visit.caller, expected=expected)
    return StreamingResponse(_walked(visit, form, work, before, after), media_type="text/html")


async def _walked(
    visit: Visit, form: Form, work: Callable[..., Verification], before: str, after: str
) -> AsyncIterator[str]:
    """The page as far as there is something to say: how many events are done, then what was found."""
    told: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(step: tuple[int, int]) -> None:
        loop.call_soon_threadsafe(lambda: told.put_nowait(step))

    walking = asyncio.ensure_future(
        visit.console.services.crew.batches.run(partial(work, progress=_now_and_then(tell)))
    )
    walking.add_done_callback(lambda _: told.put_nowait(None))
    yield before
    while (step := await told.get()) is not None:
        yield f"<li>{step[0]:,} of {step[1]:,} events</li>"
    yield _text(visit.part("audit/verified.html", form=form, **_result(walking))) + after


def _text(answer: Response) -> str:
    return bytes(answer.body).decode()


def _now_and_then(tell: Callable[[tuple[int, int]], object]) -> Progress:
    """Progress that is told every `_PACE` seconds."""
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PACE:
            last = time.monotonic()
            tell((done, total))

    return progress


def _result(walking: "asyncio.Future[Verification]") -> dict[str, Any]:
    """What came of it. The answer has begun: what goes wrong now is said on the page."""
    try:
        return {"result": walking.result(), "refusal": None}
    except KeyferryError as refusal:
        return {"result": None, "refusal": refusal}


def _asked(visit: Visit) -> Form:
    return Form.showing(**{name: visit.query(name) for name in FILTERS})


def _filters(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in FILTERS if form.text(name)}


def _sought(form: Form) -> Sought:
    """
    Raises:
        InvalidInput: nothing can be found by it; names the field.
    """
    return Sought(
        person=form.optional("person"),
        key=form.optional("key"),
        operation=form.optional("operation"),
        outcome=form.optional("outcome"),
        since=form.date("since"),
        until=form.date("until"),
    )


def _following(form: Form, after: str | None) -> str:
    return "" if after is None else "/audit?" + urlencode({**_filters(form), "after": after})


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= 18 else None


def _operations() -> Iterator[tuple[str, str]]:
    yield "", "any"
    for noun in NOUNS:
        yield noun, f"{noun}: all"
        for operation in Operation:
            if operation.value.startswith(f"{noun}."):
                yield operation.value, operation.value


routes = [
    page("/audit", show),
    page("/audit/export", export),
    form_page("/audit/verify", show_verify, verify),
]
