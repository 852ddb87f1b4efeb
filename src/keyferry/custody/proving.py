"""Proving a second factor, inside the transaction that acts on it.

A code is read into its normal form once, before anything is compared. What it uses up (a time step, a recovery code, a
challenge, a step of a passkey's counter) is written in the same transaction, on rows that are held: of two uses of one
code, the second finds it used.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from keyferry.custody import challenges, recovery_codes, totp
from keyferry.custody.factor_rows import Kind, of_credential, standing, unseal_seed
from keyferry.custody.passkeys import PasskeyAnswer, RelyingParty, passkey_refused, require_signed
from keyferry.custody.view import Change
from keyferry.errors import NotAuthenticated
from keyferry.identity import attempts
from keyferry.material.secret import Secret
from keyferry.store.records import Factor, User
from keyferry.store.sealed import FACTORS, Lock

Prove = Callable[[Change, User], Kind]
"""Proves a factor of the user's, and answers which; refuses with NotAuthenticated."""


def by_code(given: Secret) -> Prove:
    """A code of an authenticator app, or a recovery code: which it is, its form says."""

    def prove(change: Change, user: User) -> Kind:
        found = standing(change, user, Lock.UPDATE)
        text = _text(given)
        code, recovery = totp.normal_form(text), recovery_codes.normal_form(text)
        if code is not None:
            kind = _use_totp(change, user, found, code)
        elif recovery is not None:
            kind = _use_recovery(change, found, recovery)
        else:
            raise code_refused()
        attempts.forget_factor_failures(change.tx, user.id)
        change.note(second_factor=kind.value)
        return kind

    return prove


@dataclass(frozen=True, slots=True)
class Challenged:
    """What a passkey's answer must answer: a challenge for this purpose and subject."""

    purpose: str
    subject: str
    alone: bool


def by_passkey(party: RelyingParty, answer: PasskeyAnswer, challenged: Challenged) -> Prove:
    """An answer of one of the user's passkeys."""

    def prove(change: Change, user: User) -> Kind:
        standing(change, user, Lock.UPDATE)
        factor = of_credential(change, answer.credential_id, Lock.UPDATE)
        if factor is None or factor.user_id != user.id or answer.user_id not in {None, user.id}:
            raise passkey_refused("This passkey is not known.")
        challenges.require(change.sealer, answer.challenge, challenged.purpose, challenged.subject, change.now)
        count = require_signed(party, answer, factor.public_key or b"", factor.sign_count or 0, alone=challenged.alone)
        challenges.spend(change.tx, answer.challenge)
        change.update(FACTORS, factor, sign_count=count, last_used_at=change.now)
        attempts.forget_factor_failures(change.tx, user.id)
        change.note(second_factor=Kind.PASSKEY.value)
        return Kind.PASSKEY

    return prove


def code_refused() -> NotAuthenticated:
    """One answer to a code that is wrong, of no form, too old or used: which it was does not matter to its owner."""
    return NotAuthenticated(
        "That code is not right, or was used before.",
        code="second-factor-refused",
        field="code",
        advice="Give the code that the app shows now, or a recovery code that was not used. Check the device's clock.",
    )


def _use_totp(change: Change, user: User, found: list[Factor], code: str) -> Kind:
    """Every app of the user's is tried, whichever matches: how long it takes tells nothing of the code."""
    used: tuple[Factor, int] | None = None
    for factor in found:
        if factor.kind != Kind.TOTP:
            continue
        seed = unseal_seed(change.sealer, factor.id, user.id, factor.secret or b"")
        step = totp.matching_step(seed, code, change.now)
        if step is not None and step > (factor.last_step or 0):
            used = (factor, step)
    if used is None:
        raise code_refused()
    factor, step = used
    change.update(FACTORS, factor, last_step=step, last_used_at=change.now)
    return Kind.TOTP


def _use_recovery(change: Change, found: list[Factor], code: str) -> Kind:
    for factor in found:
        if factor.kind != Kind.RECOVERY:
            continue
        left = recovery_codes.without(json.loads(factor.codes or "[]"), recovery_codes.digest(factor.id, code))
        if left is not None:
            change.update(FACTORS, factor, codes=json.dumps(left), last_used_at=change.now)
            change.note(recovery_codes_left=len(left))
            return Kind.RECOVERY
    raise code_refused()


def _text(given: Secret) -> str:
    try:
        return given.reveal().decode()
    except UnicodeDecodeError:
        return ""
