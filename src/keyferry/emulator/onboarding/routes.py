"""The stand-in's door: onboarding requests below /emulator/customer-key.

    POST /emulator/customer-key/onboarding-requests        a request (see content.py); 201, or 200 for what is active
    GET  /emulator/customer-key/onboarding-requests        those that the caller may see; ?OrganizationId= narrows
    GET  /emulator/customer-key/onboarding-requests/{id}   one

The token is one for the management plane. Who asks must be able to read both subscriptions (learned from runbooks; no
page of Microsoft's names the role).
"""

from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access, arm
from keyferry.emulator.management.subscriptions import Subscriptions
from keyferry.emulator.onboarding import content as contents
from keyferry.emulator.onboarding.content import Content
from keyferry.emulator.onboarding.requests import OnboardingRecord, OnboardingRequests, Result
from keyferry.emulator.requests import emulator_of, object_of, principal_of

PATH: Final = "/emulator/customer-key/onboarding-requests"
READ: Final = "Microsoft.KeyVault/vaults/read"
STAND_IN: Final = (
    "Answered by Keyferry's emulator, which stands in for Microsoft's Customer Key onboarding service. It looked at "
    "its own vaults. Nothing was sent to Microsoft, and no Microsoft 365 data is protected."
)


def routes() -> list[Route]:
    """The routes of onboarding."""
    return [
        Route(PATH, _standing_in(receive), methods=["POST"]),
        Route(PATH, _standing_in(list_requests), methods=["GET"]),
        Route(PATH + "/{id}", _standing_in(show), methods=["GET"]),
    ]


def receive(request: Request) -> Response:
    """Validate or enable."""
    content, mode = contents.read(object_of(request))
    _require_reader(request, content)
    record, is_new = OnboardingRequests(emulator_of(request)).receive(content, mode, principal_of(request))
    return JSONResponse(_shown(request, record), status_code=201 if is_new else 200)


def list_requests(request: Request) -> Response:
    """The requests that the caller may see."""
    organization = request.query_params.get("OrganizationId", "").lower()
    found = OnboardingRequests(emulator_of(request)).all()
    mine = [each for each in found if _may_see(request, each) and organization in ("", each.content.organization_id)]
    return JSONResponse({"StandIn": STAND_IN, "value": [_shown(request, each) for each in mine]})


def show(request: Request) -> Response:
    """One request."""
    found = OnboardingRequests(emulator_of(request)).find(request.path_params["id"])
    if found is None or not _may_see(request, found):
        raise AzureFailure(
            404, "RequestNotFound", "There is no onboarding request of that id, or none that the caller may see."
        )
    return JSONResponse(_shown(request, found))


def _shown(request: Request, record: OnboardingRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "StandIn": STAND_IN,
        "ID": record.id,
        "CreatedDate": arm.moment(record.created),
        "OnboardingMode": record.mode,
        **record.content.document(),
        "ValidationResult": record.validation,
        "EnablementResult": record.enablement,
        "PassedValidations": list(record.passed),
        "FailedValidations": list(record.failed),
        "Status": _status(record),
    }
    if record.keys is None or record.activated is None:
        return shown
    opens = OnboardingRequests(emulator_of(request)).keys_that_open(record)
    keys = [
        {"KeyIdentifier": identifier, "OpensRootSecret": does}
        for identifier, does in zip(record.keys, opens, strict=True)
    ]
    return {**shown, "ActivatedDate": arm.moment(record.activated), "ActiveKeys": keys}


def _status(record: OnboardingRecord) -> str:
    if record.keys is not None:
        return "Active"
    return "Validated" if record.validation is Result.SUCCESS and not record.failed else "Refused"


def _require_reader(request: Request, content: Content) -> None:
    """Raises AzureFailure 403 AuthorizationFailed for a subscription that is there and not the caller's to read."""
    state = emulator_of(request).state
    for subscription_id in content.subscriptions:
        found = Subscriptions(state).find(subscription_id)
        if found is not None:
            access.require_action(state, principal_of(request), READ, found.resource_id)


def _may_see(request: Request, record: OnboardingRecord) -> bool:
    principal = principal_of(request)
    if record.created_by == principal.object_id:
        return True
    scopes = [f"/subscriptions/{each}" for each in record.content.subscriptions]
    return all(access.may(emulator_of(request).state, principal, READ, scope) for scope in scopes)


def _standing_in(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """The same handler, whose refusals say that a stand-in made them."""

    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except AzureFailure as failure:
            document = {"StandIn": STAND_IN, **failure.document()}
            return JSONResponse(document, status_code=failure.status, headers=failure.headers)

    return answer
