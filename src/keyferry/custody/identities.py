"""Identities: which person at which provider comes to which account."""

from dataclasses import dataclass

from keyferry.custody.approval_holders import require_credential_approved
from keyferry.custody.approving import Fact
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.identity_binding import OF_USER, NewIdentity, bind
from keyferry.custody.policy import Operation
from keyferry.custody.users import load_user
from keyferry.custody.view import Change, View
from keyferry.errors import IntegrityViolation
from keyferry.ids import is_id_shaped
from keyferry.store.records import Identity, User
from keyferry.store.sealed import IDENTITIES, IDENTITY_PROVIDERS, USERS, Lock


@dataclass(frozen=True, slots=True)
class IdentityDetail:
    """An identity as people see it: with names."""

    identity: Identity
    provider: str
    user: User


class Identities:
    """Bindings of accounts to people at identity providers. Administrators make and end them; everyone sees their own.

    Each provider is a name space of its own: what one calls a person means nothing at another, and nothing here. No
    account is bound because its name is the same as somebody's there.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def bind(self, caller: Caller, user: str, new: NewIdentity) -> IdentityDetail:
        """Let a person at a provider come to this account.

        Raises:
            InvalidInput: there is no such provider, or nothing says who the person is.
            Conflict: (`identity-taken`) the person comes to an account already, or the account has one there.
            ApprovalRequired: it is another's account, and others have to approve it.
        """

        def change(change: Change) -> IdentityDetail:
            owner = load_user(change, user, Lock.UPDATE)
            asked: dict[str, Fact] = {
                "provider": new.provider,
                "subject": new.subject,
                "user_name": None if new.user_name is None else new.user_name.lower(),
            }
            require_credential_approved(change, owner, asked)
            return _detail(change, bind(change, owner, new), owner)

        return self._gate.write(caller, Operation.IDENTITY_BIND, change)

    def list(self, caller: Caller, *, user: str | None = None) -> list[IdentityDetail]:
        """Those of a user; the caller's own without one."""

        def read(view: View) -> list[IdentityDetail]:
            owner = load_user(view, user or view.actor.user.id)
            return [_detail(view, each, owner) for each in view.find(IDENTITIES, OF_USER, user_id=owner.id)]

        return self._gate.read(caller, Operation.IDENTITY_LIST, read)

    def unbind(self, caller: Caller, identity_id: str) -> User:
        """Let the person come to this account no more; every session and token of the account ends.

        Raises:
            NotFound: there is no such identity.
        """

        def change(change: Change) -> User:
            found = change.get(IDENTITIES, identity_id, Lock.UPDATE) if is_id_shaped(identity_id) else None
            if found is None:
                raise change.missing("identity", identity_id)
            relation = change.actor.relation_to_user(found.user_id)
            change.permit(relation, "identity", found.id, None, asked_as=identity_id)
            owner = change.get(USERS, found.user_id, Lock.UPDATE)
            if owner is None:
                raise IntegrityViolation(f"The user of identity {found.id} is not there.")
            change.note(subject=found.subject, expected=found.expected)
            ended = change.update(USERS, owner, token_epoch=owner.token_epoch + 1)
            change.remove(IDENTITIES, found)
            return ended

        return self._gate.write(caller, Operation.IDENTITY_UNBIND, change)


def _detail(view: View, identity: Identity, user: User) -> IdentityDetail:
    provider = view.get(IDENTITY_PROVIDERS, identity.provider_id)
    return IdentityDetail(identity, "" if provider is None else provider.name, user)
