"""The authorities that issue client certificates, one after another: all nodes of a store issue under the newest.

The first is made when the first certificate is issued, and each further one when somebody asks for it. Their ids follow
from the store's and from their number, so that one that was removed is missed. A key lies sealed in its row, as other
credentials do, and is opened for as long as one signature takes. Whoever had it could issue certificates that pass TLS,
and that open nothing: callers are known by fingerprints that are bound in sealed rows.
"""

import uuid
from datetime import UTC, datetime

from keyferry.client_certificates import Authority, facts_of, make_authority
from keyferry.custody.approving import no_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.policy import Operation
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, IntegrityViolation
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import CertificateAuthority
from keyferry.store.sealed import CERTIFICATE_AUTHORITIES
from keyferry.store.transaction import Transaction


class ClientAuthority:
    """The store's newest authority, for those who are permitted to have a certificate issued."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, caller: Caller, user_id: str) -> Authority:
        """The authority, made if there is none yet.

        Args:
            user_id: for whom a certificate is to be issued.

        Raises:
            IntegrityViolation: its row was changed or removed behind Keyferry's back.
        """

        def read(view: View) -> CertificateAuthority | None:
            view.permit(view.actor.relation_to_user(user_id), "certificate-authority", None, None)
            rows = authorities_of(view.tx, self._gate.sealer)
            return rows[-1] if rows else None

        row = self._gate.read(caller, Operation.CERTIFICATE_ISSUE, read)
        if row is None:
            made = make_authority(datetime.now(UTC))
            row = self._gate.write(caller, Operation.CERTIFICATE_ISSUE, lambda change: _insert(change, user_id, made))
        return Authority(row.certificate, unseal_key(self._gate.sealer, row), row.id)


def authorities_of(tx: Transaction, sealer: Sealer) -> list[CertificateAuthority]:
    """Every authority of the store, the oldest first; none if nothing was issued yet.

    Raises:
        IntegrityViolation: a row was changed or removed behind Keyferry's back.
    """
    found: list[CertificateAuthority] = []
    while (row := _row(tx, sealer, len(found) + 1)) is not None:
        found.append(row)
    return found


def require_issuing(change: Change, authority_id: str) -> None:
    """Hold the authority that a certificate is about to be kept of.

    Raises:
        Conflict: it was retired since it has signed.
    """
    row = change.get(CERTIFICATE_AUTHORITIES, authority_id)
    if row is None or row.retired_at is not None:
        raise Conflict(
            "The authority of client certificates was retired meanwhile.",
            code="authority-retired",
            advice="Ask again: another issues now.",
        )


def seal_key(sealer: Sealer, row_id: str, authority: Authority) -> bytes:
    """The authority's private key as its row keeps it: bound to the certificate."""
    return sealer.seal_credential(authority.key, _binding(row_id, authority.certificate)).blob


def unseal_key(sealer: Sealer, row: CertificateAuthority) -> Secret:
    """The private key that `seal_key` sealed: PKCS#8, DER.

    Raises:
        IntegrityViolation: it does not verify.
    """
    return sealer.unseal_credential(SealedCredential(row.key), _binding(row.id, row.certificate))


def _insert(change: Change, user_id: str, made: Authority) -> CertificateAuthority:
    change.permit(change.actor.relation_to_user(user_id), "certificate-authority", None, None)
    no_approval(change)  # it opens nothing: what is issued under it for others can be under approval
    there = authorities_of(change.tx, change.sealer)
    return there[-1] if there else keep(change, made, 1)  # somebody else may have been quicker


def keep(change: Change, made: Authority, number: int) -> CertificateAuthority:
    """Write the row of an authority."""
    id_ = id_of(change.sealer, number)
    facts = facts_of(made.certificate)
    change.note(fingerprint=facts.fingerprint)
    return change.insert(
        CERTIFICATE_AUTHORITIES,
        CertificateAuthority(
            id=id_,
            certificate=made.certificate,
            key=seal_key(change.sealer, id_, made),
            expires_at=facts.not_after,
            created_at=change.now,
        ),
    )


def _row(tx: Transaction, sealer: Sealer, number: int) -> CertificateAuthority | None:
    id_ = id_of(sealer, number)
    row = CERTIFICATE_AUTHORITIES.get(tx, sealer, id_)
    if row is not None or not CERTIFICATE_AUTHORITIES.was_written(tx, sealer, id_):
        return row
    row = CERTIFICATE_AUTHORITIES.get(tx, sealer, id_)  # another node may have committed it in between
    if row is None:
        raise IntegrityViolation("The authority of client certificates was removed behind Keyferry's back.")
    return row


def id_of(sealer: Sealer, number: int) -> str:
    """The same on every node, so that there is one; no other object of the store has it (RFC 9562 section 5.5)."""
    name = "client authority" if number == 1 else f"client authority {number}"
    return str(uuid.uuid5(uuid.UUID(sealer.store_id), name))


def _binding(row_id: str, certificate: bytes) -> CredentialBinding:
    return CredentialBinding(row_id, {"purpose": "client authority", "certificate": certificate})
