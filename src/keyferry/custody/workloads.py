"""Workloads: which subject of a trusted issuer acts as which user."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam

from keyferry.clock import Microseconds, to_rfc3339
from keyferry.custody.approval_holders import require_credential_approved
from keyferry.custody.approving import Fact
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.issuer_facts import check_claims, check_subject
from keyferry.custody.names import check_text
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation, permits
from keyferry.custody.trusted_issuers import find_issuer
from keyferry.custody.users import find_user, load_user
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput
from keyferry.identity.networks import edited_networks
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import TrustedIssuer, User, Workload
from keyferry.store.sealed import TRUSTED_ISSUERS, USERS, WORKLOADS, Lock
from keyferry.store.tables import workloads

BY_SUBJECT = Query(
    WORKLOADS,
    workloads.c.issuer_id == bindparam("issuer_id"),
    workloads.c.subject == bindparam("subject"),
    workloads.c.revoked_at.is_(None),
    order_by=workloads.c.id,
)
_PAGE = Query(WORKLOADS, workloads.c.id > bindparam("after"), order_by=workloads.c.id, limit=True)
_OF_USER = Query(
    WORKLOADS,
    workloads.c.user_id == bindparam("user_id"),
    workloads.c.id > bindparam("after"),
    order_by=workloads.c.id,
    limit=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkload:
    """What a new binding shall be.

    Attributes:
        issuer: the trusted issuer's name or id.
        subject: what `sub` must say, to the letter.
        claims: what further claims must say, by their names: a line, a whole number, true or false, to the letter.
        user: name or id of the user whom the workload acts as.
        networks: from where it may call; None for everywhere that the user may.
        expires_at: when the binding ends; None for never.
    """

    name: str
    issuer: str
    subject: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    user: str
    networks: tuple[str, ...] | None = None
    expires_at: Microseconds | None = None


@dataclass(frozen=True, slots=True)
class WorkloadDetail:
    """A binding as people see it: with the names of its issuer and user; None where they are gone."""

    workload: Workload
    issuer: str | None
    user: str | None

    @property
    def claims(self) -> dict[str, Any]:
        """What further claims must say."""
        found: dict[str, Any] = json.loads(self.workload.claims)
        return found

    @property
    def networks(self) -> list[str] | None:
        """From where it may call; None for everywhere that the user may."""
        found: list[str] | None = None if self.workload.networks is None else json.loads(self.workload.networks)
        return found


class Workloads:
    """Programs that present a trusted issuer's token. Each binding lets one subject act as one user, and no further.

    Administrators make bindings; they and the user may end them. A binding never changes: another subject, user or
    claim is another binding. Like tokens, all of a user's bindings end when the account is disabled or deleted, or its
    password is set.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def create(self, caller: Caller, new: NewWorkload, *, once: Once | None = None) -> WorkloadDetail:
        """Bind a subject to a user.

        Raises:
            InvalidInput: a field will not do; says which.
            Conflict: the subject, with these claims, is bound already.
            ApprovalRequired: it is to another, and others have to approve it.
        """

        def change(change: Change) -> Workload:
            user = find_user(change, new.user)
            change.permit(Relation.NONE, "workload", None, new.name)
            if user is None:
                raise InvalidInput(
                    f"There is no user {new.user[:80]!r}.", field="user", advice="Create one for the workload first."
                )
            issuer = find_issuer(change, new.issuer, Lock.SHARE)
            if issuer is None:
                raise InvalidInput(
                    f"There is no trusted issuer {new.issuer[:80]!r}.", field="issuer", advice="Create it first."
                )
            row = _row(change, new, issuer, user)
            for bound in change.find(WORKLOADS, BY_SUBJECT, issuer_id=issuer.id, subject=row.subject):
                if bound.claims == row.claims and (bound.expires_at is None or bound.expires_at > change.now):
                    raise Conflict(
                        f"This subject, with these claims, is bound already, as {bound.name!r}.",
                        field="subject",
                        advice="Revoke that binding first, or name further claims that tell the two apart.",
                    )
            asked: dict[str, Fact] = {
                "workload": row.name,
                "issuer": issuer.name,
                "subject": row.subject,
                "claims": row.claims,
                "networks": row.networks,
                "expires_at": None if row.expires_at is None else to_rfc3339(row.expires_at),
            }
            require_credential_approved(change, user, asked)
            change.note(
                issuer=issuer.name,
                subject=row.subject,
                claims=new.claims or None,
                user=user.name,
                networks=None if row.networks is None else json.loads(row.networks),
            )
            return change.insert(WORKLOADS, row)

        written = self._gate.write(caller, Operation.WORKLOAD_CREATE, change, once=once)
        return self.show(caller, written.id)

    def show(self, caller: Caller, workload_id: str) -> WorkloadDetail:
        """
        Raises:
            NotFound: there is none of that id, or none that the caller may see.
        """
        return self._gate.read(caller, Operation.WORKLOAD_READ, lambda view: _detail(view, _load(view, workload_id)))

    def list(self, caller: Caller, *, user: str | None = None, size: int, after: str = "") -> Page[WorkloadDetail]:
        """A user's bindings, revoked and expired ones included; without a user everybody's, or the caller's own where
        they may see no others.
        """

        def read(view: View) -> Page[WorkloadDetail]:
            if user is None and permits(view.actor.role, Operation.WORKLOAD_LIST, Relation.NONE):
                view.permit(Relation.NONE, "workload", None, None)
                found = view.find(WORKLOADS, _PAGE, after=after, limit=size + 1)
            else:
                owner = load_user(view, user or view.actor.user.id)
                found = view.find(WORKLOADS, _OF_USER, user_id=owner.id, after=after, limit=size + 1)
            return page_of([_detail(view, each) for each in found], size, [each.id for each in found])

        return self._gate.read(caller, Operation.WORKLOAD_LIST, read)

    def revoke(self, caller: Caller, workload_id: str) -> WorkloadDetail:
        """End a binding at once.

        Raises:
            Conflict: it was revoked before.
        """

        def change(change: Change) -> WorkloadDetail:
            found = _load(change, workload_id, Lock.UPDATE)
            if found.revoked_at is not None:
                raise Conflict(
                    "This binding is revoked already.",
                    field="workload",
                    advice="There is nothing left to do: it is of no use.",
                )
            return _detail(change, change.update(WORKLOADS, found, revoked_at=change.now))

        return self._gate.write(caller, Operation.WORKLOAD_REVOKE, change)


def _load(view: View, workload_id: str, lock: Lock | None = None) -> Workload:
    found = view.get(WORKLOADS, workload_id, lock) if is_id_shaped(workload_id) else None
    if found is None:
        raise view.missing("workload", workload_id)
    view.permit(view.actor.relation_to_user(found.user_id), "workload", found.id, found.name, asked_as=workload_id)
    return found


def _row(change: Change, new: NewWorkload, issuer: TrustedIssuer, user: User) -> Workload:
    name = check_text(new.name, "name")
    if name is None:
        raise InvalidInput("A workload needs a name.", field="name", advice="Name what will use it.")
    if new.expires_at is not None and new.expires_at <= change.now:
        raise InvalidInput(
            "The binding would have ended already.", field="expires_at", advice="Give a time to come, or leave it out."
        )
    return Workload(
        id=new_id(),
        issuer_id=issuer.id,
        subject=check_subject(new.subject),
        claims=check_claims(new.claims),
        user_id=user.id,
        name=name,
        networks=edited_networks(None, new.networks, enforce=None),
        epoch=user.token_epoch,
        expires_at=new.expires_at,
        created_at=change.now,
        created_by=change.actor.user.id,
    )


def _detail(view: View, workload: Workload) -> WorkloadDetail:
    issuer, user = view.get(TRUSTED_ISSUERS, workload.issuer_id), view.get(USERS, workload.user_id)
    alive = issuer is not None and issuer.deleted_at is None
    return WorkloadDetail(
        workload, issuer.name if issuer is not None and alive else None, None if user is None else user.name
    )
