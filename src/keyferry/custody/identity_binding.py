"""Whose account a provider's person comes to: bound by an Administrator, or when an account is made for them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam

from keyferry.custody.names import may_name_connection
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import Identity, IdentityProvider, User
from keyferry.store.sealed import IDENTITIES, IDENTITY_PROVIDERS, Lock
from keyferry.store.tables import identities, identity_providers

LONGEST_SUBJECT: Final = 512

PROVIDER_BY_NAME = Query(IDENTITY_PROVIDERS, identity_providers.c.name == bindparam("name"))
BY_SUBJECT = Query(
    IDENTITIES, identities.c.provider_id == bindparam("provider_id"), identities.c.subject == bindparam("subject")
)
BY_EXPECTED = Query(
    IDENTITIES, identities.c.provider_id == bindparam("provider_id"), identities.c.expected == bindparam("expected")
)
OF_USER = Query(IDENTITIES, identities.c.user_id == bindparam("user_id"), order_by=identities.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIdentity:
    """A person at a provider, whose account this shall be.

    Attributes:
        provider: its id or name.
        subject: what the provider calls the person for good, to the letter.
        user_name: the user name that the provider says when the person first comes; whatever its case. It is bound to
            the subject who comes first.
    """

    provider: str
    subject: str | None = None
    user_name: str | None = None


def find_provider(view: View, reference: str, lock: Lock | None = None) -> IdentityProvider | None:
    """The provider with this id or name, if it is not deleted; the caller's right to it is not asked."""
    found = None
    if is_id_shaped(reference):
        found = view.get(IDENTITY_PROVIDERS, reference, lock)
    elif may_name_connection(reference):
        found = view.first(IDENTITY_PROVIDERS, PROVIDER_BY_NAME, lock, name=reference)
    return None if found is None or found.deleted_at is not None else found


def bind(change: Change, user: User, new: NewIdentity) -> Identity:
    """Let a person at a provider come to this account.

    Raises:
        InvalidInput: there is no such provider, or nothing says who the person is.
        Conflict: (`identity-taken`) the person comes to an account already, or the account has one of that provider.
    """
    provider = find_provider(change, new.provider)
    if provider is None:
        raise InvalidInput(
            f"There is no identity provider {new.provider[:80]!r}.",
            field="identity.provider",
            advice="Create it first.",
        )
    subject, expected = _checked(new.subject, "subject"), _checked(new.user_name, "user_name")
    if subject is None and expected is None:
        raise InvalidInput(
            "Nothing says who the person is there.",
            field="identity.user_name",
            advice="Give the user name that the provider says of them, or its subject.",
        )
    expected = None if expected is None else expected.lower()
    taken = (
        (subject is not None and change.first(IDENTITIES, BY_SUBJECT, provider_id=provider.id, subject=subject))
        or (expected is not None and change.first(IDENTITIES, BY_EXPECTED, provider_id=provider.id, expected=expected))
        or any(each.provider_id == provider.id for each in change.find(IDENTITIES, OF_USER, user_id=user.id))
    )
    if taken:
        raise Conflict(
            f"At {provider.name}, this person comes to an account already, or the account has somebody there.",
            code="identity-taken",
            field="identity",
            advice="Unbind the other one first.",
        )
    change.note(provider=provider.name, subject=subject, expected=expected)
    return change.insert(
        IDENTITIES,
        Identity(
            id=new_id(),
            provider_id=provider.id,
            user_id=user.id,
            subject=subject,
            expected=expected,
            created_at=change.now,
            created_by=change.actor.user.id,
        ),
    )


def is_subject(text: str) -> bool:
    """Whether a provider may call a person this."""
    return 0 < len(text) <= LONGEST_SUBJECT and text.isprintable()


def _checked(text: str | None, member: str) -> str | None:
    if text is None or text == "":
        return None
    if not is_subject(text):
        raise InvalidInput(
            f"identity.{member} is too long, or holds control characters.",
            field=f"identity.{member}",
            advice=f"Give at most {LONGEST_SUBJECT} printable characters.",
        )
    return text
