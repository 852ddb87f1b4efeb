"""Second factors: one's own, and their reset for another."""

from typing import Annotated, Literal

from fastapi import Path, Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.factors import (
    EnrolmentAnswer,
    FactorAnswer,
    FactorCreation,
    FactorsAnswer,
    KeptFactorAnswer,
    NewTotpAnswer,
    Proof,
    RecoveryCodesAnswer,
    answer_text,
    texts_of,
)
from keyferry.api.models.users import UserAnswer
from keyferry.api.models.values import Id, Reference, Request, secret_of
from keyferry.api.routers import guarded_router
from keyferry.api.sign_in_steps import require_one

router = guarded_router("factors")
FactorId = Annotated[Id, Path()]


class FactorsQuery(Request):
    """Whose: the caller's own without a user; those of others are shown to Administrators."""

    user: Reference | None = None


class FactorBeginning(Request):
    """What is to be set up."""

    kind: Literal["totp", "passkey"]


@router.get("/factors", responses=READING)
async def list_factors(query: Annotated[FactorsQuery, Query()], visit: Visiting) -> FactorsAnswer:
    """A user's second factors, without their secrets."""
    return FactorsAnswer.of(await visit.ask(visit.custody.factors.list, query.user))


@router.post("/factors/enrolment", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def begin_factor(body: FactorBeginning, visit: Visiting) -> EnrolmentAnswer:
    """Begin to set up a second factor. Nothing is kept yet: it counts once it has shown that it works."""
    if body.kind == "totp":
        return EnrolmentAnswer(totp=NewTotpAnswer.of(await visit.ask(visit.custody.factors.begin_totp)))
    return EnrolmentAnswer(passkey_options=await visit.ask(visit.custody.factors.begin_passkey))


@router.post("/factors", status_code=201, responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def add_factor(body: FactorCreation, visit: Visiting) -> KeptFactorAnswer:
    """Set up an authenticator app with its first code, or keep a passkey that was just made."""
    require_one(body, "code", "passkey")
    ask, factors = visit.ask, visit.custody.factors
    if body.code is not None:
        kept = await ask(factors.add_totp, body.enrolment or "", body.name, secret_of(body.code), body.again())
    else:
        kept = await ask(factors.add_passkey, answer_text(body.passkey or {}), body.name, body.again())
    return KeptFactorAnswer.kept(kept)


@router.post("/factors/recovery-codes", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def make_recovery_codes(body: Proof, visit: Visiting) -> RecoveryCodesAnswer:
    """New recovery codes in place of all that there were."""
    codes = await visit.ask(visit.custody.factors.recovery_codes, body.again())
    return RecoveryCodesAnswer(recovery_codes=texts_of(codes))


@router.post("/factors/{factor:segment}/remove", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def remove_factor(factor: FactorId, body: Proof, visit: Visiting) -> FactorAnswer:
    """Take one of one's own factors away; with the last one the recovery codes go."""
    return FactorAnswer.of(await visit.ask(visit.custody.factors.remove, factor, body.again()))


@router.post("/users/{user:segment}/reset-factors", responses=CHANGING)
async def reset_factors(user: Annotated[Reference, Path()], visit: Visiting) -> UserAnswer:
    """Take all second factors of another's account away; its sessions and tokens end. For Administrators."""
    await visit.ask(visit.custody.factors.reset, user)
    return UserAnswer.of(await visit.ask(visit.custody.users.show, user))
