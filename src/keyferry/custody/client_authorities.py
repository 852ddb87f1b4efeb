"""Another authority for client certificates: it issues from now on, and the earlier ones can be retired."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from keyferry.client_certificates import facts_of, make_authority, name_of_authority
from keyferry.custody.caller import Caller
from keyferry.custody.client_authority import authorities_of, id_of, keep
from keyferry.custody.gate import Gate
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.trusted_certificates import TrustedCertificates
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict
from keyferry.store.records import CertificateAuthority
from keyferry.store.sealed import CERTIFICATE_AUTHORITIES, CERTIFICATES, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import certificates, users

_KIND = "certificate-authority"
_EPOCH = select(users.c.token_epoch).where(users.c.id == certificates.c.user_id).correlate(certificates)
#: certificates of before there was a second authority do not say which has issued them: it was the first
_NOT_OVER = (
    certificates.c.origin == "issued",
    func.coalesce(certificates.c.authority_id, bindparam("first")) == bindparam("authority_id"),
    certificates.c.revoked_at.is_(None),
    certificates.c.expires_at > bindparam("now"),
)
#: of whatever epoch: a user's certificates go on to the next one while a password is changed
_ISSUED = Query(CERTIFICATES, *_NOT_OVER, order_by=certificates.c.id)
_COUNT = Prepared(
    select(func.count()).select_from(certificates).where(*_NOT_OVER, certificates.c.epoch == _EPOCH.scalar_subquery())
)


@dataclass(frozen=True, slots=True)
class AuthorityDetail:
    """An authority as people see it.

    Attributes:
        name: its common name; one store has each once.
        issues: it is the newest.
        in_force: how many of its certificates open something.
    """

    authority: CertificateAuthority
    name: str
    fingerprint: str
    issues: bool
    in_force: int


@dataclass(frozen=True, slots=True)
class RetiredAuthority:
    """An authority that was retired, and how many certificates have ended with it."""

    detail: AuthorityDetail
    ended: int


class ClientAuthorities:
    """The authorities of client certificates: Administrators have a new one made, and retire earlier ones.

    What an earlier one has issued holds until it expires or is revoked; that it was retired ends all of it at once.
    """

    def __init__(self, gate: Gate, trusted: TrustedCertificates) -> None:
        self._gate = gate
        self._trusted = trusted

    def list(self, caller: Caller) -> list[AuthorityDetail]:
        """All of them, retired ones included, the oldest first; none before a certificate was issued."""

        def read(view: View) -> list[AuthorityDetail]:
            view.permit(Relation.NONE, _KIND, None, None)
            rows = authorities_of(view.tx, view.sealer)
            return [_detail(view, row, number, len(rows)) for number, row in enumerate(rows, 1)]

        return self._gate.read(caller, Operation.AUTHORITY_LIST, read)

    def rotate(self, caller: Caller) -> AuthorityDetail:
        """Make another authority, which issues from now on, on every node. Earlier certificates hold as before.

        Raises:
            Conflict: somebody else does so at the same moment.
        """

        def read(view: View) -> int:
            view.permit(Relation.NONE, _KIND, None, None)
            return len(authorities_of(view.tx, view.sealer)) + 1

        number = self._gate.read(caller, Operation.AUTHORITY_ROTATE, read)
        made = make_authority(datetime.now(UTC), number)

        def change(change: Change) -> AuthorityDetail:
            change.permit(Relation.NONE, _KIND, None, name_of_authority(number))
            if number > 1:  # held, so that of two who ask at once the second sees what the first has made
                change.get(CERTIFICATE_AUTHORITIES, id_of(change.sealer, number - 1), Lock.UPDATE)
            if len(authorities_of(change.tx, change.sealer)) + 1 != number:
                raise Conflict(
                    "Another authority was made at the same moment.", advice="Look whether yours is still wanted."
                )
            row = keep(change, made, number)
            change.note(name=name_of_authority(number))
            change.permit(Relation.NONE, _KIND, row.id, name_of_authority(number))
            return _detail(change, row, number, number)

        made_known = self._gate.write(caller, Operation.AUTHORITY_ROTATE, change)
        self._trusted.tell()
        return made_known

    def retire(self, caller: Caller, authority_id: str) -> RetiredAuthority:
        """End every certificate that an earlier authority has issued, at once and on every node.

        Raises:
            NotFound: there is no such authority.
            Conflict: (`authority-issues`) it is the one that issues; (`authority-retired`) it was retired before.
        """

        def change(change: Change) -> RetiredAuthority:
            rows = authorities_of(change.tx, change.sealer)
            number = next((place for place, row in enumerate(rows, 1) if row.id == authority_id), 0)
            found = change.get(CERTIFICATE_AUTHORITIES, authority_id, Lock.UPDATE) if number else None
            if found is None:
                raise change.missing(_KIND, authority_id)
            change.permit(Relation.NONE, _KIND, found.id, name_of_authority(number))
            if number == len(rows):
                raise Conflict(
                    "This authority issues: without it no certificate could be.",
                    code="authority-issues",
                    advice="Have another one made first: keyferry certificate authority rotate.",
                )
            if found.retired_at is not None:
                raise Conflict(
                    "This authority is retired already.",
                    code="authority-retired",
                    advice="There is nothing left to do: nothing that it has issued opens anything.",
                )
            retired = change.update(CERTIFICATE_AUTHORITIES, found, retired_at=change.now)
            ended = _in_force(change, found)
            _end(change, found)
            change.note(name=name_of_authority(number), ended_certificates=ended)
            return RetiredAuthority(_detail(change, retired, number, len(rows)), ended)

        return self._gate.write(caller, Operation.AUTHORITY_RETIRE, change)


def _end(change: Change, authority: CertificateAuthority) -> None:
    """Revoke what it has issued. Whoever has one issued meanwhile holds the authority's row, and is refused there."""
    for certificate in change.find(CERTIFICATES, _ISSUED, Lock.UPDATE, **_asked(change, authority)):
        change.update(CERTIFICATES, certificate, revoked_at=change.now)


def _in_force(view: View, authority: CertificateAuthority) -> int:
    row = view.tx.row(_COUNT, **_asked(view, authority))
    return 0 if row is None else int(row[0])


def _asked(view: View, authority: CertificateAuthority) -> dict[str, Any]:
    return {"first": id_of(view.sealer, 1), "authority_id": authority.id, "now": view.now}


def _detail(view: View, row: CertificateAuthority, number: int, newest: int) -> AuthorityDetail:
    return AuthorityDetail(
        authority=row,
        name=name_of_authority(number),
        fingerprint=facts_of(row.certificate).fingerprint,
        issues=number == newest,
        in_force=_in_force(view, row),
    )
