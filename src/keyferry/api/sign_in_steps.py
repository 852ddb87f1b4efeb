"""What follows a password that does not open a session by itself; and the passkey, which needs none."""

from functools import partial
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from keyferry.api.documented import ALWAYS, refusals
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.factors import (
    EnrolmentAnswer,
    EnrolmentCompletion,
    EnrolmentRequest,
    NewTotpAnswer,
    Options,
    OwnPassword,
    PasskeySignIn,
    SecondFactor,
    SessionAnswer,
    UnfinishedAnswer,
    answer_text,
)
from keyferry.api.models.values import secret_of
from keyferry.api.routers import open_router
from keyferry.api.sessions import STEP, answer_step
from keyferry.doors.addresses import address_of
from keyferry.doors.services import Services
from keyferry.errors import InvalidInput

opened = open_router("sessions")


@opened.post("/sessions/second-factor", status_code=201, responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def prove_second_factor(
    body: SecondFactor, request: Request, response: Response
) -> SessionAnswer | UnfinishedAnswer:
    """Go on with a code or a passkey, from the ticket that the password was answered with."""
    services, address = _services(request), address_of(request)
    steps = services.sign_in.steps
    require_one(body, "code", "passkey")
    if body.code is not None:
        work = partial(steps.by_code, body.ticket, secret_of(body.code), address)
    else:
        work = partial(steps.by_passkey, body.ticket, answer_text(body.passkey or {}), address)
    return await answer_step(request, response, await services.crew.plain.run(work))


@opened.post("/sessions/enrolment", responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def begin_enrolment(body: EnrolmentRequest, request: Request) -> EnrolmentAnswer:
    """Begin to set up the second factor that has to be there before there is a session. Nothing is kept yet."""
    services, address = _services(request), address_of(request)
    steps = services.sign_in.steps
    if body.kind == "totp":
        new = await services.crew.plain.run(partial(steps.begin_totp, body.ticket, address))
        return EnrolmentAnswer(totp=NewTotpAnswer.of(new))
    options = await services.crew.plain.run(partial(steps.begin_passkey, body.ticket, address))
    return EnrolmentAnswer(passkey_options=options)


@opened.post("/sessions/enrolment/complete", status_code=201, responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def complete_enrolment(
    body: EnrolmentCompletion, request: Request, response: Response
) -> SessionAnswer | UnfinishedAnswer:
    """Set it up, and go on. Recovery codes come with it."""
    services, address = _services(request), address_of(request)
    steps = services.sign_in.steps
    require_one(body, "code", "passkey")
    if body.code is not None:
        code = secret_of(body.code)
        work = partial(steps.enrol_totp, body.ticket, body.enrolment or "", body.name, code, address)
    else:
        work = partial(steps.enrol_passkey, body.ticket, answer_text(body.passkey or {}), body.name, address)
    return await answer_step(request, response, await services.crew.plain.run(work))


@opened.post("/sessions/new-password", status_code=201, responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def set_own_password(body: OwnPassword, request: Request, response: Response) -> SessionAnswer | UnfinishedAnswer:
    """Set one's own password, from the ticket that a temporary one was answered with, or an invitation; and go on."""
    services, address = _services(request), address_of(request)
    work = partial(services.sign_in.steps.set_password, body.ticket, secret_of(body.password), address)
    return await answer_step(request, response, await services.crew.sign_ins.run(work))


@opened.post(
    "/sessions/passkey-options",
    responses=refusals(400, 403, 415, *ALWAYS),
    dependencies=[NO_IDEMPOTENCY_KEY],
)
async def ask_passkey(request: Request) -> Options:
    """What a browser asks an authenticator for, to sign in with a passkey alone."""
    services = _services(request)
    options: dict[str, Any] = await services.crew.plain.run(services.sign_in.steps.ask_passkey)
    return options


@opened.post("/sessions/passkey", status_code=201, responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def sign_in_with_passkey(
    body: PasskeySignIn, request: Request, response: Response
) -> SessionAnswer | UnfinishedAnswer:
    """Sign in with a passkey that asks for a PIN or a finger: both factors at once."""
    services, address = _services(request), address_of(request)
    work = partial(services.sign_in.steps.with_passkey, answer_text(body.passkey), address)
    return await answer_step(request, response, await services.crew.plain.run(work))


def require_one(body: BaseModel, first: str, second: str) -> None:
    """
    Raises:
        InvalidInput: neither of the two was given, or both were.
    """
    if (getattr(body, first) is None) == (getattr(body, second) is None):
        raise InvalidInput(f"One of {first} and {second} is needed.", field=first, advice="Give one of the two.")


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services
