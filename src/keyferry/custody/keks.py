"""Key encryption keys of destinations, each bound to one public key for ever.

A versioned key identifier names one public key. The first export under it, or an Administrator's registration, records
which; another public key under the same identifier is refused from then on. The row's id follows from the identifier,
so that the audit log still knows of a row that was removed behind Keyferry's back.
"""

import hashlib
import uuid
from functools import lru_cache

from sqlalchemy import bindparam

from keyferry.byok.destinations import destination_named
from keyferry.byok.kek import KekPublicKey, read_kek
from keyferry.custody.approval_holders import holders_of_groups
from keyferry.custody.approving import Exact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, IntegrityViolation, KekRefused
from keyferry.ids import is_id_shaped
from keyferry.store.records import Kek
from keyferry.store.sealed import KEKS, Lock
from keyferry.store.tables import keks

_PAGE = Query(KEKS, keks.c.id > bindparam("after"), order_by=keks.c.id, limit=True)


class Keks:
    """The key encryption keys that are known, by their identifiers at the destination.

    Administrators register and unregister them: only registered ones are accepted where the policy says `registered`.
    Neither act, nor any other, binds an identifier to a second public key.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def register(
        self, caller: Caller, destination: str, identifier: str, public_key: bytes, *, source: str = "administrator"
    ) -> Kek:
        """Record whose public key an identifier names, and that exports under it are welcome.

        Raises:
            KekRefused: the public key will not do, or another is bound to the identifier.
            IdentifierRefused: the identifier will not do.
            ApprovalRequired: a group has others approve it.
        """
        known = destination_named(destination)

        def change(change: Change) -> Kek:
            change.permit(Relation.NONE, "kek", None, identifier)
            parsed = known.parse_identifier(identifier)
            kek = read_kek(public_key)
            known.require_kek_belongs(kek, parsed)
            found = bound_kek(change, parsed.canonical, Lock.UPDATE)
            if found is not None:
                require_same_kek(found, kek)
                if found.registered:
                    no_approval(change)
                    return found
            facts = {"destination": known.name, "key_identifier": parsed.canonical, "kek_sha256": kek.spki_sha256}
            exact = Exact("kek", None, parsed.canonical, facts)
            require_approval(change, exact, holders_of_groups(change))
            if found is None:
                return bind_kek(change, parsed.canonical, kek, source=source, registered=True)
            return change.update(KEKS, found, registered=True, source=source)

        return self._gate.write(caller, Operation.KEK_REGISTER, change)

    def unregister(self, caller: Caller, reference: str) -> Kek:
        """Withdraw a registration; the binding of the identifier to its public key stays.

        Raises:
            Conflict: it is not registered.
        """

        def change(change: Change) -> Kek:
            found = _find(change, reference, Lock.UPDATE)
            if found is None:
                raise change.missing("kek", reference)
            change.permit(Relation.NONE, "kek", found.id, found.identifier)
            if not found.registered:
                raise Conflict(
                    "This key encryption key is not registered.",
                    code="kek-not-registered",
                    advice="There is nothing to withdraw; what is bound to the identifier stays so.",
                )
            return change.update(KEKS, found, registered=False)

        return self._gate.write(caller, Operation.KEK_UNREGISTER, change)

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[Kek]:
        """Every identifier that a public key is bound to; anyone who is signed in may know them."""

        def read(view: View) -> Page[Kek]:
            view.permit(Relation.OWN, "kek", None, None)
            found = view.find(KEKS, _PAGE, after=after, limit=size + 1)
            return page_of(found, size, [kek.id for kek in found])

        return self._gate.read(caller, Operation.KEK_LIST, read)


def bound_kek(view: View, canonical: str, lock: Lock | None = None) -> Kek | None:
    """The public key bound to a canonical identifier, if any.

    Raises:
        IntegrityViolation: one was bound, and its row has been removed.
    """
    id_ = kek_id(canonical)
    found = view.get(KEKS, id_, lock)
    if found is None and KEKS.was_written(view.tx, view.sealer, id_):
        # Looked for once more: somebody may have bound the identifier between the two statements.
        found = view.get(KEKS, id_, lock)
        if found is None:
            raise IntegrityViolation(f"The public key that was bound to {canonical} has been removed.")
    return found


def bind_kek(change: Change, canonical: str, kek: KekPublicKey, *, source: str, registered: bool) -> Kek:
    """Write which public key an identifier names; none may be bound to it yet.

    Args:
        canonical: the identifier in its canonical form, which gives the row its id.
        source: who said so: `administrator`, or `export` for the first export under it.
    """
    made = Kek(
        id=kek_id(canonical),
        identifier=canonical,
        public_key=kek.spki,
        spki_sha256=kek.spki_sha256,
        bits=kek.bits,
        source=source,
        registered=registered,
        created_at=change.now,
        created_by=change.actor.user.id,
    )
    return change.insert(KEKS, made)


def require_same_kek(bound: Kek, given: KekPublicKey) -> None:
    """
    Raises:
        KekRefused: another public key is bound to this identifier; names both fingerprints.
    """
    if bound.spki_sha256 != given.spki_sha256:
        raise KekRefused(
            f"{bound.identifier} is bound to the public key {bound.spki_sha256}; the one given is {given.spki_sha256}.",
            code="kek-mismatch",
            field="public_key",
            advice=(
                "A versioned key identifier names one public key for ever. Download the public key of this very "
                "version again, or copy the identifier of the version that your file belongs to. If both are right, "
                "somebody gave you, or an earlier exporter, a false key: find out who before you export."
            ),
        )


@lru_cache(maxsize=64)
def kek_id(canonical: str) -> str:
    """A UUID that follows from the identifier (RFC 9562 section 5.8, version 8, of a SHA-256)."""
    digest = bytearray(hashlib.sha256(b"keyferry kek 1 " + canonical.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _find(change: Change, reference: str, lock: Lock) -> Kek | None:
    if is_id_shaped(reference):
        return change.get(KEKS, reference, lock)
    canonical = destination_named("azure").parse_identifier(reference).canonical
    return change.get(KEKS, kek_id(canonical), lock)
