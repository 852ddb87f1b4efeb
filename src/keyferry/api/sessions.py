"""Signing in, signing out, and who is calling."""

from functools import partial

from fastapi import Request

from keyferry.api.callers import Visit, Visiting
from keyferry.api.documented import ALWAYS, CHANGING, READING, refusals
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.tokens import CurrentSessionAnswer, SessionAnswer, SignInRequest
from keyferry.api.models.users import UserAnswer
from keyferry.api.models.values import secret_of, when
from keyferry.api.routers import guarded_router, open_router
from keyferry.custody.caller import Caller
from keyferry.doors.addresses import address_of
from keyferry.errors import NotAuthenticated

opened = open_router("sessions")
router = guarded_router("sessions")


@opened.post(
    "/sessions", status_code=201, responses=refusals(400, 401, 415, *ALWAYS), dependencies=[NO_IDEMPOTENCY_KEY]
)
async def sign_in(body: SignInRequest, request: Request) -> SessionAnswer:
    """Sign in with a password. The answer's token goes into `Authorization: Bearer` from then on."""
    services, address = request.app.state.services, address_of(request)
    signing_in = partial(services.sign_in.sign_in, body.user_name, secret_of(body.password), address)
    signed_in = await request.app.state.services.crew.sign_ins.run(signing_in)
    token = signed_in.issued.token
    visit = Visit(Caller(token.user_id, token.id, address), services, request.app.state.services.crew.plain)
    user = await visit.ask(visit.custody.users.show, token.user_id)
    return SessionAnswer(
        token=signed_in.issued.text.reveal().decode(),
        token_id=token.id,
        expires_at=when(token.expires_at) or "",
        user=UserAnswer.of(user),
        notices=list(signed_in.notices),
    )


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


def _token_id(visit: Visit) -> str:
    if visit.caller.token_id is None:
        raise NotAuthenticated("This request presented no token.")
    return visit.caller.token_id
