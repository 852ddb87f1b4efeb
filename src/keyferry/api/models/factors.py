"""Second factors and the steps of a sign-in, as requests and answers."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, SecretStr

from keyferry.api.models.users import UserAnswer
from keyferry.api.models.values import Answer, Line, Password, Request, secret_of, when
from keyferry.custody.factor_rows import Kept, Kind
from keyferry.custody.factors import Again, FactorList, NewTotp
from keyferry.custody.tickets import Needs
from keyferry.identity.opening import Unfinished
from keyferry.material.secret import Secret
from keyferry.store.records import Factor

Ticket = Annotated[str, Field(max_length=256, description="As the step before answered it; good for minutes, once.")]
Code = Annotated[SecretStr, Field(max_length=64, description="Six digits of an authenticator app, or a recovery code.")]
Passkey = Annotated[dict[str, JsonValue], Field(description="A browser's PublicKeyCredential, as its toJSON has it.")]
Options = Annotated[
    dict[str, Any], Field(description="What a browser asks an authenticator for, as WebAuthn's JSON form has it.")
]
Enrolment = Annotated[str, Field(max_length=512)]


class UnfinishedAnswer(Answer):
    """A sign-in that is right so far, and needs one step more.

    `needs` is `factor` (POST /sessions/second-factor), `password` (POST /sessions/new-password) or `enrolment` (POST
    /sessions/enrolment). There is no session yet.
    """

    needs: Needs
    ticket: str
    expires_at: str
    user_name: str
    factors: list[Kind]
    passkey_options: Options | None
    recovery_codes: list[str]

    @classmethod
    def of(cls, unfinished: Unfinished) -> "UnfinishedAnswer":
        """As identity has it."""
        return cls(
            needs=unfinished.needs,
            ticket=unfinished.ticket.reveal().decode(),
            expires_at=when(unfinished.expires_at) or "",
            user_name=unfinished.user_name,
            factors=list(unfinished.factors),
            passkey_options=unfinished.passkey_options,
            recovery_codes=texts_of(unfinished.codes),
        )


class SessionAnswer(Answer):
    """A session that has just begun. The token, and recovery codes that were made on the way, are shown this once."""

    token: str
    token_id: str
    expires_at: str
    user: UserAnswer
    notices: list[str]
    recovery_codes: list[str]


class SecondFactor(Request):
    """One of the two: a code, or a passkey's answer to the options that came with the ticket."""

    ticket: Ticket
    code: Code | None = None
    passkey: Passkey | None = None


class OwnPassword(Request):
    """A password of one's own, in place of one that was good for this alone, or by an invitation."""

    ticket: Ticket
    password: Password


class InvitationAnswer(Answer):
    """An invitation, shown this once: `path` is to be opened at the server's public address."""

    ticket: str
    path: str
    expires_at: str
    user_name: str


class EnrolmentRequest(Request):
    """The setting up of a second factor that has to be there before there is a session."""

    ticket: Ticket
    kind: Literal["totp", "passkey"]


class EnrolmentCompletion(Request):
    """The first code of an app with the `enrolment` that it was begun with, or a passkey that was just made."""

    ticket: Ticket
    name: Line
    enrolment: Enrolment | None = None
    code: Code | None = None
    passkey: Passkey | None = None


class PasskeySignIn(Request):
    """A passkey's answer to POST /sessions/passkey-options."""

    passkey: Passkey


class NewTotpAnswer(Answer):
    """An authenticator app that is being set up: its key, as text and as the address in a QR code. Shown this once."""

    enrolment: str
    key: str
    address: str

    @classmethod
    def of(cls, new: NewTotp) -> "NewTotpAnswer":
        """As custody has it."""
        return cls(enrolment=new.enrolment, key=new.key.reveal().decode(), address=new.address.reveal().decode())


class EnrolmentAnswer(Answer):
    """What a second factor is set up with, of the kind that was asked for."""

    totp: NewTotpAnswer | None = None
    passkey_options: Options | None = None


class Proof(Request):
    """One of the two: the password that one signs in with, or a code of a factor that one has."""

    current_password: Password | None = None
    current_code: Code | None = None

    def again(self) -> Again:
        """As custody takes it."""
        return Again(
            None if self.current_password is None else secret_of(self.current_password),
            None if self.current_code is None else secret_of(self.current_code),
        )


class FactorCreation(Proof):
    """As EnrolmentCompletion; with the present password, or a code of a factor that is there already."""

    name: Line
    enrolment: Enrolment | None = None
    code: Code | None = None
    passkey: Passkey | None = None


class FactorAnswer(Answer):
    """A second factor, without its secret."""

    id: str
    kind: Kind
    name: str
    created_at: str
    last_used_at: str | None

    @classmethod
    def of(cls, factor: Factor) -> "FactorAnswer":
        """As custody has it."""
        return cls(**_members(factor))


class KeptFactorAnswer(FactorAnswer):
    """A second factor that was just set up; with the first one come recovery codes, shown this once."""

    recovery_codes: list[str]

    @classmethod
    def kept(cls, kept: Kept) -> "KeptFactorAnswer":
        """As custody has it."""
        return cls(**_members(kept.factor), recovery_codes=texts_of(kept.codes))


class FactorsAnswer(Answer):
    """A user's second factors, and how many recovery codes are left."""

    items: list[FactorAnswer]
    recovery_codes_left: int

    @classmethod
    def of(cls, found: FactorList) -> "FactorsAnswer":
        """As custody has it."""
        return cls(items=[FactorAnswer.of(factor) for factor in found.factors], recovery_codes_left=found.codes_left)


class RecoveryCodesAnswer(Answer):
    """New recovery codes, in place of all before them. Shown this once."""

    recovery_codes: list[str]


def texts_of(secrets: Sequence[Secret]) -> list[str]:
    """For an answer that shows them this once."""
    return [secret.reveal().decode() for secret in secrets]


def answer_text(passkey: dict[str, JsonValue]) -> str:
    """A passkey's answer, as custody reads it."""
    return json.dumps(passkey)


def _members(factor: Factor) -> dict[str, Any]:
    return {
        "id": factor.id,
        "kind": Kind(factor.kind),
        "name": factor.name,
        "created_at": when(factor.created_at) or "",
        "last_used_at": when(factor.last_used_at),
    }
