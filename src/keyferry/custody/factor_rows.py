"""A user's second factors as rows: read whole, kept, counted, taken away. Who may do that, the operations say.

How many factors stand is in the user's own row as well: one that is taken out of the table behind Keyferry's back is
missed, and a password alone does not open a session then.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam

from keyferry.custody import recovery_codes
from keyferry.custody.names import check_text
from keyferry.custody.passkeys import MadePasskey
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, IntegrityViolation, InvalidInput
from keyferry.ids import new_id
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import Factor, User
from keyferry.store.sealed import FACTORS, USERS, Lock
from keyferry.store.tables import factors

MOST: Final = 20
_OF_USER = Query(FACTORS, factors.c.user_id == bindparam("user_id"), order_by=factors.c.id)
BY_CREDENTIAL = Query(FACTORS, factors.c.credential_id == bindparam("credential_id"))


class Kind(StrEnum):
    """What a factor is. RECOVERY, codes on paper, stands in for one of the others and is none itself."""

    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Kept:
    """A factor that was just set up.

    Attributes:
        codes: recovery codes that were made with the first factor, shown this once; none with a further one.
    """

    factor: Factor
    user: User
    codes: tuple[Secret, ...]


def standing(view: View, user: User, lock: Lock | None = None) -> list[Factor]:
    """A user's factors, each verified, and all of them there.

    Raises:
        IntegrityViolation: there are more or fewer than the user's row says.
    """
    found = view.find(FACTORS, _OF_USER, lock, user_id=user.id)
    if sum(factor.kind != Kind.RECOVERY for factor in found) != (user.factors or 0):
        raise IntegrityViolation(f"The second factors of user {user.id} are not those that were set up.")
    return found


def of_credential(view: View, credential_id: bytes, lock: Lock | None = None) -> Factor | None:
    """The passkey with this id, whoever's it is."""
    return view.first(FACTORS, BY_CREDENTIAL, lock, credential_id=credential_id)


def seal_seed(sealer: Sealer, factor_id: str, user_id: str, seed: Secret) -> bytes:
    """A seed as a row keeps it: of use in this row and for this user alone."""
    return sealer.seal_credential(seed, _binding(factor_id, user_id)).blob


def unseal_seed(sealer: Sealer, factor_id: str, user_id: str, sealed: bytes) -> Secret:
    """
    Raises:
        IntegrityViolation: it was sealed for another row or user, or changed.
    """
    return sealer.unseal_credential(SealedCredential(sealed), _binding(factor_id, user_id))


def keep_totp(change: Change, user: User, factor_id: str, name: str, sealed: bytes, step: int) -> Kept:
    """Keep an authenticator app whose first code, of time step `step`, was right."""
    if change.get(FACTORS, factor_id) is not None:
        raise Conflict("This authenticator app is set up already.", field="enrolment", advice="Begin again.")
    factor = Factor(
        id=factor_id,
        user_id=user.id,
        kind=Kind.TOTP.value,
        name=_checked(name),
        secret=sealed,
        last_step=step,
        created_at=change.now,
    )
    return _keep(change, user, factor)


def keep_passkey(change: Change, user: User, name: str, made: MadePasskey) -> Kept:
    """Keep a passkey.

    Raises:
        Conflict: it is set up already.
    """
    if of_credential(change, made.credential_id) is not None:
        raise Conflict("This passkey is set up already.", field="passkey", advice="Use another authenticator.")
    factor = Factor(
        id=new_id(),
        user_id=user.id,
        kind=Kind.PASSKEY.value,
        name=_checked(name),
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        created_at=change.now,
    )
    return _keep(change, user, factor)


def new_recovery_codes(change: Change, user: User, found: list[Factor]) -> tuple[Secret, ...]:
    """Codes in place of all that there were."""
    codes = recovery_codes.new_codes()
    old = next((factor for factor in found if factor.kind == Kind.RECOVERY), None)
    factor_id = new_id() if old is None else old.id
    kept = json.dumps(
        [recovery_codes.digest(factor_id, recovery_codes.normal_form(code.reveal().decode()) or "") for code in codes]
    )
    if old is not None:
        change.update(FACTORS, old, codes=kept, created_at=change.now, last_used_at=None)
        return codes
    change.insert(
        FACTORS,
        Factor(
            id=factor_id,
            user_id=user.id,
            kind=Kind.RECOVERY.value,
            name="recovery codes",
            codes=kept,
            created_at=change.now,
        ),
    )
    return codes


def codes_left(found: list[Factor]) -> int:
    """How many recovery codes a user has not used."""
    return sum(len(json.loads(factor.codes or "[]")) for factor in found if factor.kind == Kind.RECOVERY)


def take_away(change: Change, user: User, gone: list[Factor], found: list[Factor], **changes: object) -> User:
    """Take factors away; with the last one the recovery codes go. `changes` are further ones of the user's row."""
    left = [factor for factor in found if factor not in gone and factor.kind != Kind.RECOVERY]
    if not left:
        gone = found
    for factor in gone:
        change.remove(FACTORS, factor)
    return change.update(USERS, user, factors=len(left), **changes)


def _keep(change: Change, user: User, factor: Factor) -> Kept:
    found = standing(change, user, Lock.UPDATE)
    if len(found) >= MOST:
        raise Conflict(f"An account has at most {MOST} second factors.", advice="Remove one that is not used.")
    written = change.insert(FACTORS, factor)
    changed = change.update(USERS, user, factors=(user.factors or 0) + 1)
    has_codes = any(each.kind == Kind.RECOVERY for each in found)
    change.note(kind=factor.kind, recovery_codes=None if has_codes else recovery_codes.HOW_MANY)
    return Kept(written, changed, () if has_codes else new_recovery_codes(change, changed, found))


def _checked(name: str) -> str:
    text = check_text(name, "name") or ""
    if not text.strip():
        raise InvalidInput("A second factor needs a name.", field="name", advice="Name the device that it is on.")
    return text


def _binding(factor_id: str, user_id: str) -> CredentialBinding:
    return CredentialBinding(factor_id, {"user_id": user_id, "kind": Kind.TOTP.value})
