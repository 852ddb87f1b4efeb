"""Issuers whose tokens are taken in place of Keyferry's own, from programs that hold no secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.approval_holders import holders_for_everybody
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.issuer_facts import (
    LONGEST_LIFETIME,
    LONGEST_SKEW,
    USUAL_ALGORITHMS,
    USUAL_LIFETIME,
    USUAL_SKEW,
    Keys,
    KeySource,
    NewKeys,
    check_algorithms,
    check_audience,
    check_issuer,
    check_keys,
    check_span,
)
from keyferry.custody.names import check_issuer_name, may_name_issuer
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput, ProviderFailed
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import TrustedIssuer
from keyferry.store.sealed import TRUSTED_ISSUERS, Lock
from keyferry.store.tables import trusted_issuers

MayFetch = Callable[[str, str], object]
"""Returns when requests may go to an address, which a field of the name gave; raises ProviderFailed when not."""

BY_NAME = Query(TRUSTED_ISSUERS, trusted_issuers.c.name == bindparam("name"))
BY_ISSUER = Query(
    TRUSTED_ISSUERS, trusted_issuers.c.issuer == bindparam("issuer"), trusted_issuers.c.deleted_at.is_(None)
)
_PAGE = Query(
    TRUSTED_ISSUERS,
    trusted_issuers.c.id > bindparam("after"),
    trusted_issuers.c.deleted_at.is_(None),
    order_by=trusted_issuers.c.id,
    limit=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIssuer:
    """What a new trusted issuer shall be. Times in microseconds."""

    name: str
    issuer: str
    audience: str
    keys: NewKeys = field(default_factory=NewKeys)
    algorithms: tuple[str, ...] = USUAL_ALGORITHMS
    longest_lifetime: Microseconds = USUAL_LIFETIME
    clock_skew: Microseconds = USUAL_SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEdit:
    """What to change; None leaves as it is. Another `iss` is another issuer."""

    audience: str | None = None
    keys: NewKeys | None = None
    algorithms: tuple[str, ...] | None = None
    longest_lifetime: Microseconds | None = None
    clock_skew: Microseconds | None = None
    disabled: bool | None = None


class TrustedIssuers:
    """Issuers that Administrators trust to say which program is calling. Which user it acts as, its binding says.

    An edit, disabling and deleting hold from the next request on, whatever was taken before. A name is not used again.

    Args:
        may_fetch: judges the addresses that keys shall be fetched from.
    """

    def __init__(self, gate: Gate, may_fetch: MayFetch) -> None:
        self._gate = gate
        self._may_fetch = may_fetch

    def create(self, caller: Caller, new: NewIssuer, *, once: Once | None = None) -> TrustedIssuer:
        """Trust an issuer; nothing is asked of it.

        Raises:
            InvalidInput: a field will not do, or requests may not go to where the keys are; says which.
            Conflict: the name is, or was, taken; or the issuer is trusted already.
        """

        def change(change: Change) -> TrustedIssuer:
            change.permit(Relation.NONE, "trusted-issuer", None, new.name)
            check_issuer_name(new.name)
            issuer, keys = check_issuer(new.issuer), check_keys(new.keys)
            self._require_reachable(issuer, keys)
            row = TrustedIssuer(
                id=new_id(),
                name=new.name,
                issuer=issuer,
                audience=check_audience(new.audience),
                **_columns(keys),
                algorithms=check_algorithms(new.algorithms),
                longest_lifetime=_lifetime(new.longest_lifetime),
                clock_skew=_skew(new.clock_skew),
                created_at=change.now,
                created_by=change.actor.user.id,
            )
            _require_new(change, new.name, issuer)
            change.note(**_noted(row))
            return change.insert(TRUSTED_ISSUERS, row)

        return self._gate.write(caller, Operation.ISSUER_CREATE, change, once=once)

    def show(self, caller: Caller, reference: str) -> TrustedIssuer:
        """The issuer with this id or name.

        Raises:
            NotFound: there is none, or none that the caller may see.
        """
        return self._gate.read(caller, Operation.ISSUER_READ, lambda view: load_issuer(view, reference))

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[TrustedIssuer]:
        """All that are not deleted, disabled ones included."""

        def read(view: View) -> Page[TrustedIssuer]:
            view.permit(Relation.NONE, "trusted-issuer", None, None)
            found = view.find(TRUSTED_ISSUERS, _PAGE, after=after, limit=size + 1)
            return page_of(found, size, [issuer.id for issuer in found])

        return self._gate.read(caller, Operation.ISSUER_LIST, read)

    def edit(self, caller: Caller, reference: str, edit: IssuerEdit, *, revision: int | None = None) -> TrustedIssuer:
        """Change what its tokens must be, where its keys are, or whether it is trusted.

        Raises:
            InvalidInput: a field will not do.
            PreconditionFailed: the issuer is not at `revision`.
            ApprovalRequired: it is trusted, and others have to approve whose word is taken for what.
        """

        def change(change: Change) -> TrustedIssuer:
            found = load_issuer(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            changes = self._changes(found, edit)
            _require_approved(change, replace(found, **changes))
            written = change.update(TRUSTED_ISSUERS, found, **changes)
            change.note(**{name: value for name, value in _noted(written).items() if name in changes})
            return written

        return self._gate.write(caller, Operation.ISSUER_EDIT, change)

    def delete(self, caller: Caller, reference: str, *, revision: int | None = None) -> None:
        """Trust it no longer, for good: what is bound to its subjects opens nothing any more."""

        def change(change: Change) -> TrustedIssuer:
            found = load_issuer(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            return change.update(TRUSTED_ISSUERS, found, deleted_at=change.now, disabled=True)

        self._gate.write(caller, Operation.ISSUER_DELETE, change)

    def _changes(self, found: TrustedIssuer, edit: IssuerEdit) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if edit.audience is not None:
            changes["audience"] = check_audience(edit.audience)
        if edit.keys is not None:
            keys = check_keys(edit.keys)
            self._require_reachable(found.issuer, keys)
            changes |= _columns(keys)
        if edit.algorithms is not None:
            changes["algorithms"] = check_algorithms(edit.algorithms)
        if edit.longest_lifetime is not None:
            changes["longest_lifetime"] = _lifetime(edit.longest_lifetime)
        if edit.clock_skew is not None:
            changes["clock_skew"] = _skew(edit.clock_skew)
        if edit.disabled is not None:
            changes["disabled"] = edit.disabled
        return changes

    def _require_reachable(self, issuer: str, keys: Keys) -> None:
        try:
            if keys.source is KeySource.DISCOVERY:
                self._may_fetch(issuer, "issuer")
            elif keys.url is not None:
                self._may_fetch(keys.url, "jwks_url")
        except ProviderFailed as refusal:
            raise InvalidInput(refusal.detail, code=refusal.code, field=refusal.field, advice=refusal.advice) from None


def load_issuer(view: View, reference: str, lock: Lock | None = None) -> TrustedIssuer:
    """The issuer with this id or name, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = find_issuer(view, reference, lock)
    if found is None:
        raise view.missing("trusted-issuer", reference)
    view.permit(Relation.NONE, "trusted-issuer", found.id, found.name, asked_as=reference)
    return found


def find_issuer(view: View, reference: str, lock: Lock | None = None) -> TrustedIssuer | None:
    """The issuer with this id or name, if it is not deleted; the caller's right to it is not asked."""
    found = None
    if is_id_shaped(reference):
        found = view.get(TRUSTED_ISSUERS, reference, lock)
    elif may_name_issuer(reference):
        found = view.first(TRUSTED_ISSUERS, BY_NAME, lock, name=reference)
    return None if found is None or found.deleted_at is not None else found


def _require_new(change: Change, name: str, issuer: str) -> None:
    if change.first(TRUSTED_ISSUERS, BY_NAME, name=name) is not None:
        raise Conflict(
            f"A trusted issuer {name!r} exists, or existed before.",
            code="name-taken",
            field="name",
            advice="Choose another; names of deleted issuers are not used again.",
        )
    known = change.first(TRUSTED_ISSUERS, BY_ISSUER, issuer=issuer)
    if known is not None:
        raise Conflict(
            f"The issuer {issuer} is trusted already, as {known.name!r}.",
            field="issuer",
            advice="Edit that one, or delete it first.",
        )


def _columns(keys: Keys) -> dict[str, Any]:
    return {"key_source": keys.source.value, "key_set_url": keys.url, "key_set": keys.document}


def _lifetime(value: Microseconds) -> Microseconds:
    return check_span(value, "longest_lifetime", 60 * SECOND, LONGEST_LIFETIME)


def _skew(value: Microseconds) -> Microseconds:
    return check_span(value, "clock_skew", 0, LONGEST_SKEW)


def _require_approved(change: Change, becoming: TrustedIssuer) -> None:
    """
    Raises:
        ApprovalNeeded: programs come in at this issuer's word, and others have to approve what it will be.
    """
    if becoming.disabled:
        no_approval(change)
        return
    facts: dict[str, Fact] = dict(_noted(becoming))
    facts["key_set_sha256"] = None if becoming.key_set is None else sha256(becoming.key_set.encode()).hexdigest()
    require_approval(change, Exact("trusted-issuer", becoming.id, becoming.name, facts), holders_for_everybody(change))


def _noted(row: TrustedIssuer) -> Mapping[str, Any]:
    return {
        "issuer": row.issuer,
        "audience": row.audience,
        "key_source": row.key_source,
        "key_set_url": row.key_set_url,
        "algorithms": row.algorithms,
        "longest_lifetime": row.longest_lifetime // SECOND,
        "clock_skew": row.clock_skew // SECOND,
        "disabled": row.disabled,
    }
