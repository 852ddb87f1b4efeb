"""Signing in, signing out, and who is calling."""

from functools import partial

from fastapi import Request, Response

from keyferry.api.callers import Visit, Visiting
from keyferry.api.documented import ALWAYS, CHANGING, READING, refusals
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.factors import SessionAnswer, UnfinishedAnswer, texts_of
from keyferry.api.models.tokens import CurrentSessionAnswer, SignInRequest
from keyferry.api.models.users import UserAnswer
from keyferry.api.models.values import secret_of, when
from keyferry.api.routers import guarded_router, open_router
from keyferry.custody.caller import Caller
from keyferry.doors.addresses import address_of
from keyferry.errors import NotAuthenticated
from keyferry.identity.opening import SignedIn, Unfinished

opened = open_router("sessions")
router = guarded_router("sessions")

#: what a step of a sign-in can be refused with, and answer beside a session
STEP = {
    **refusals(400, 401, 403, 409, 415, *ALWAYS),
    200: {"model": UnfinishedAnswer, "description": "It is right so far, and needs one step more"},
}


@opened.post("/sessions", status_code=201, responses=STEP, dependencies=[NO_IDEMPOTENCY_KEY])
async def sign_in(body: SignInRequest, request: Request, response: Response) -> SessionAnswer | UnfinishedAnswer:
    """Sign in with a password. The answer's token goes into `Authorization: Bearer` from then on.

    200 instead of 201: there is no session yet, and the answer says what it needs.
    """
    services, address = request.app.state.services, address_of(request)
    signing_in = partial(services.sign_in.sign_in, body.user_name, secret_of(body.password), address)
    return await answer_step(request, response, await services.crew.sign_ins.run(signing_in))


@router.delete("/sessions", status_code=204, responses=CHANGING)
async def sign_out(visit: Visiting) -> None:
    """End the session, or the API token, that this request presents."""
    await visit.ask(visit.custody.tokens.revoke, _token_id(visit))


@router.get("/sessions/current", responses=READING)
async def show_current_session(visit: Visiting) -> CurrentSessionAnswer:
    """Who is calling, and until when the token, the client certificate, or the workload's binding lasts."""
    user = await visit.ask(visit.custody.users.show, visit.caller.user_id)
    if visit.caller.certificate_id is not None:
        found = await visit.ask(visit.custody.certificates.show, visit.caller.certificate_id)
        return CurrentSessionAnswer.by_certificate(user, found.certificate)
    if visit.caller.workload_id is not None:
        workload = (await visit.ask(visit.custody.workloads.show, visit.caller.workload_id)).workload
        return CurrentSessionAnswer(
            user=UserAnswer.of(user),
            workload_id=workload.id,
            workload_name=workload.name,
            expires_at=when(workload.expires_at),
        )
    token = (await visit.ask(visit.custody.tokens.show, _token_id(visit))).token
    return CurrentSessionAnswer(
        user=UserAnswer.of(user),
        token_id=token.id,
        token_name=token.name,
        certificate_id=token.certificate_id,
        certificate_name=None,
        expires_at=when(token.expires_at) or "",
    )


async def answer_step(
    request: Request, response: Response, came_to: SignedIn | Unfinished
) -> SessionAnswer | UnfinishedAnswer:
    """A session with 201, or what it needs with 200."""
    if isinstance(came_to, Unfinished):
        response.status_code = 200
        return UnfinishedAnswer.of(came_to)
    services, address = request.app.state.services, address_of(request)
    token = came_to.issued.token
    visit = Visit(Caller(token.user_id, token.id, address), services, services.crew.plain)
    user = await visit.ask(visit.custody.users.show, token.user_id)
    return SessionAnswer(
        token=came_to.issued.text.reveal().decode(),
        token_id=token.id,
        expires_at=when(token.expires_at) or "",
        user=UserAnswer.of(user),
        notices=list(came_to.notices),
        recovery_codes=texts_of(came_to.codes),
    )


def _token_id(visit: Visit) -> str:
    if visit.caller.token_id is None:
        raise NotAuthenticated("This request presented no token.")
    return visit.caller.token_id
