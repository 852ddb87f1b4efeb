"""Requests for a Microsoft 365 Customer Key."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.deployments import pushes_of
from keyferry.api.documented import CHANGING, READING, THROUGH_CONNECTION
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.customer_key_requests import (
    CheckReport,
    CustomerKeyRequestAnswer,
    CustomerKeyRequestChange,
    CustomerKeyRequestCreation,
    StateReport,
    ValidationWishes,
)
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Id
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.customer_key.principals import principals_named

router = guarded_router("customer-key-requests")
RequestId = Annotated[Id, Path()]


@router.get("/customer-key-requests", responses=READING)
async def list_customer_key_requests(
    query: Annotated[PageQuery, Query()], visit: Visiting
) -> PageAnswer[CustomerKeyRequestAnswer]:
    """Every request for Administrators and Auditors; one's own and one's groups' for others."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.customer_key_requests.list, size=size, after=query.after)
    return PageAnswer(items=[CustomerKeyRequestAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/customer-key-requests", status_code=201, responses=CHANGING)
async def draft_customer_key_request(
    body: CustomerKeyRequestCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> CustomerKeyRequestAnswer:
    """Begin a request. Nothing is sent anywhere."""

    async def create(once: Once | None) -> CustomerKeyDetail:
        return await visit.ask(visit.custody.customer_key_requests.draft, body.new_request(), once=once)

    async def find(request_id: str) -> CustomerKeyDetail:
        return await visit.ask(visit.custody.customer_key_requests.show, request_id)

    once = once_of(request, body, idempotency_key)
    detail = await create_once(visit, once, Operation.CUSTOMER_KEY_DRAFT, create, find)
    response.headers["Location"] = f"/api/v1/customer-key-requests/{detail.request.id}"
    return _answer(detail, response)


@router.get("/customer-key-requests/{request_id:segment}", responses=READING)
async def show_customer_key_request(
    request_id: RequestId, visit: Visiting, response: Response
) -> CustomerKeyRequestAnswer:
    """A request: what it says, where it stands, and what the last checks found."""
    return _answer(await visit.ask(visit.custody.customer_key_requests.show, request_id), response)


@router.patch("/customer-key-requests/{request_id:segment}", responses=CHANGING)
async def edit_customer_key_request(
    request_id: RequestId, body: CustomerKeyRequestChange, visit: Visiting, response: Response, revision: IfMatch
) -> CustomerKeyRequestAnswer:
    """Change what it says. It is a draft again, and what earlier checks found is void."""
    edit = visit.custody.customer_key_requests.edit
    return _answer(await visit.ask(edit, request_id, body.edit(), revision=revision), response)


@router.post("/customer-key-requests/{request_id:segment}/checks", responses=CHANGING)
async def record_customer_key_check(
    request_id: RequestId, body: CheckReport, visit: Visiting, response: Response
) -> CustomerKeyRequestAnswer:
    """Keep what a check of its two keys found."""
    record = visit.custody.customer_key_requests.record_checks
    return _answer(await visit.ask(record, request_id, body.lines), response)


@router.post("/customer-key-requests/{request_id:segment}/validation", responses=THROUGH_CONNECTION)
async def validate_customer_key_request(
    request_id: RequestId, visit: Visiting, response: Response, body: ValidationWishes | None = None
) -> CustomerKeyRequestAnswer:
    """Have the server look at both keys, through the connections that brought them to their vaults; the request is
    validated if every required line passes, and else a draft. What was found is its last check.
    """
    wishes = body or ValidationWishes()
    principals = principals_named(wishes.principals)
    detail = await visit.ask(
        pushes_of(visit).validate,
        request_id,
        principals=principals,
        accept_unseen=wishes.accept_unseen,
    )
    return _answer(detail, response)


@router.post("/customer-key-requests/{request_id:segment}/state", responses=CHANGING)
async def set_customer_key_request_state(
    request_id: RequestId, body: StateReport, visit: Visiting, response: Response, revision: IfMatch
) -> CustomerKeyRequestAnswer:
    """Record where it stands: validated, submitted, accepted or refused by Microsoft, or a draft again."""
    detail = await visit.ask(
        visit.custody.customer_key_requests.set_state,
        request_id,
        body.state,
        reference=body.reference,
        note=body.note,
        validations=body.validations,
        vouched=body.vouched,
        revision=revision,
    )
    return _answer(detail, response)


def _answer(detail: CustomerKeyDetail, response: Response) -> CustomerKeyRequestAnswer:
    tag(response, detail.request.revision)
    return CustomerKeyRequestAnswer.of(detail)
