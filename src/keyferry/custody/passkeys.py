"""Passkeys (WebAuthn level 3): what a browser is asked, and what is made of its answer.

No attestation is asked for: which make an authenticator is of decides nothing here, and people need not tell it.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keyferry.errors import InvalidInput, NotAuthenticated, NotPermitted

T = TypeVar("T")

NAME: Final = "Keyferry"
TIMEOUT_MS: Final = 120_000
LONGEST_ANSWER: Final = 16 * 1024
#: a credential's id is at most so long (WebAuthn level 3 section 4, Credential ID)
LONGEST_ID: Final = 1023


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom passkeys are for: an origin (`https://keys.example.org:8420`), and its host as their scope."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class MadePasskey:
    """A passkey that an authenticator has just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """An authenticator's answer, read and not yet believed.

    Attributes:
        user_id: whose it says that it is; None where it does not say.
    """

    challenge: bytes
    credential_id: bytes
    user_id: str | None
    content: dict[str, Any]


def require_party(party: RelyingParty | None) -> RelyingParty:
    """
    Raises:
        NotPermitted: the server has no name that passkeys could be for.
    """
    if party is None:
        raise NotPermitted(
            "This server has no public name, and passkeys are made for one.",
            advice="Ask whoever runs the server to set public_url, such as https://keys.example.org.",
        )
    return party


def making_options(
    party: RelyingParty, user_id: str, user_name: str, challenge: bytes, known: Sequence[bytes]
) -> dict[str, Any]:
    """For `navigator.credentials.create`, in JSON's form (WebAuthn section 5.1.8). A passkey that is made so can be
    found by the authenticator itself and asks for a PIN or a finger, so that it will do as the only factor too.
    """
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_name=user_name,
        user_id=uuid.UUID(user_id).bytes,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        attestation=structs.AttestationConveyancePreference.NONE,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def asking_options(party: RelyingParty, challenge: bytes, known: Sequence[bytes], *, alone: bool) -> dict[str, Any]:
    """For `navigator.credentials.get`, in JSON's form (WebAuthn section 5.1.9).

    Args:
        known: the ids of the passkeys that will do; none to have the authenticator find one itself.
        alone: the passkey is the only factor, so that it must ask for a PIN or a finger.
    """
    import webauthn
    from webauthn.helpers import structs

    wanted = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
        user_verification=wanted.REQUIRED if alone else wanted.PREFERRED,
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def read_answer(text: str) -> PasskeyAnswer:
    """What a browser sent, as `PublicKeyCredential.toJSON` has it.

    Raises:
        InvalidInput: it is something else.
    """
    return _reading(lambda: _read(text))


def made_passkey(party: RelyingParty, answer: PasskeyAnswer) -> MadePasskey:
    """A new passkey, verified as WebAuthn section 7.1 has it. Its challenge is the caller's to require and spend.

    Raises:
        InvalidInput: it is for another origin, was not confirmed by the person, or is not sound.
    """
    import webauthn

    made = _reading(
        lambda: webauthn.verify_registration_response(
            credential=answer.content,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    )
    if len(made.credential_id) > LONGEST_ID:
        raise _unreadable()
    return MadePasskey(made.credential_id, made.credential_public_key, made.sign_count)


def require_signed(
    party: RelyingParty, answer: PasskeyAnswer, public_key: bytes, sign_count: int, *, alone: bool
) -> int:
    """Verify an answer as WebAuthn section 7.2 has it, and answer the authenticator's counter.

    A counter that does not move forward shows that there are two of this authenticator: the answer is refused.

    Raises:
        NotAuthenticated: it is for another origin, not signed by this passkey, not confirmed by the person, or its
            counter went back.
    """
    import webauthn

    try:
        signed = webauthn.verify_authentication_response(
            credential=answer.content,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=alone,
        )
    except Exception:  # noqa: BLE001  # whatever the library makes of what somebody sent, it is refused
        raise passkey_refused("The passkey's answer does not verify.") from None
    if (signed.new_sign_count or sign_count) and signed.new_sign_count <= sign_count:
        raise passkey_refused("The passkey's counter went back: there may be a copy of it.")
    return signed.new_sign_count


def passkey_refused(detail: str) -> NotAuthenticated:
    """The refusal of an answer that does not show who answers."""
    return NotAuthenticated(
        detail, code="second-factor-refused", field="passkey", advice="Try again, or use another second factor."
    )


def _read(text: str) -> PasskeyAnswer:
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    if len(text) > LONGEST_ANSWER:
        raise ValueError("too long")
    content = json.loads(text)
    response = content["response"]
    client = parse_client_data_json(base64url_to_bytes(response["clientDataJSON"]))
    handle = response.get("userHandle")
    user_id = None if not handle else str(uuid.UUID(bytes=base64url_to_bytes(handle)))
    return PasskeyAnswer(client.challenge, base64url_to_bytes(content["rawId"]), user_id, content)


def _reading(read: Callable[[], T]) -> T:
    try:
        return read()
    except Exception:  # noqa: BLE001  # whatever the library makes of what somebody sent, it is refused
        raise _unreadable() from None


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "That is no answer of a passkey to what it was asked here.",
        code="second-factor-refused",
        field="passkey",
        advice="Try again at this server's public address.",
    )
