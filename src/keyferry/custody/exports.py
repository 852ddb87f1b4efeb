"""Keys that leave: wrapped for a destination, and recorded. The file itself is never kept."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, desc, or_, select

from keyferry.byok.destinations import KeyIdentifier
from keyferry.byok.kek import KekPublicKey
from keyferry.byok.transfer_file import TransferFile
from keyferry.custody.caller import Caller
from keyferry.custody.export_rules import NEW, ExportRules, Ready, Request
from keyferry.custody.gate import Gate
from keyferry.custody.keks import bind_kek
from keyferry.custody.key_lookup import KeyDetail, detail_of, load_key
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.versions import unseal
from keyferry.custody.view import Change, Query, View
from keyferry.errors import IntegrityViolation
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.records import Export, Key
from keyferry.store.sealed import EXPORTS, KEYS, USERS
from keyferry.store.tables import exports, keys, memberships

_BY_ID = Query(EXPORTS, exports.c.id == bindparam("id"))
_OF_KEY = Query(
    EXPORTS,
    exports.c.key_id == bindparam("key_id"),
    exports.c.number > bindparam("after"),
    order_by=exports.c.number,
    limit=True,
)
_ALL = Query(EXPORTS, exports.c.number > bindparam("after"), order_by=exports.c.number, limit=True)
_BEFORE = exports.c.number < bindparam("before")
_NEWEST = desc(exports.c.number)
_OF_KEY_BACK = Query(EXPORTS, exports.c.key_id == bindparam("key_id"), _BEFORE, order_by=_NEWEST, limit=True)
_ALL_BACK = Query(EXPORTS, _BEFORE, order_by=_NEWEST, limit=True)
_MY_GROUPS = select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"))
_MY_KEYS = select(keys.c.id).where(
    or_(keys.c.owner_user_id == bindparam("user_id"), keys.c.owner_group_id.in_(_MY_GROUPS))
)
_MINE = Query(
    EXPORTS,
    exports.c.number > bindparam("after"),
    exports.c.key_id.in_(_MY_KEYS),
    order_by=exports.c.number,
    limit=True,
)
_MINE_BACK = Query(EXPORTS, _BEFORE, exports.c.key_id.in_(_MY_KEYS), order_by=_NEWEST, limit=True)

#: before this number is every export
AFTER_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class Preview:
    """What an export would do, before anything is recorded. `known_as`: registered, used before, or new."""

    key: KeyDetail
    destination: str
    kek: KekPublicKey
    identifier: KeyIdentifier
    known_as: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportDetail:
    """The record of an export, with the names of the key that left and of the user who exported it."""

    export: Export
    key_name: str | None
    user_name: str


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A recorded export and its file, handed out once."""

    detail: ExportDetail
    content: bytes
    file_name: str
    import_command: str
    warnings: tuple[str, ...]

    @property
    def export(self) -> Export:
        """The record."""
        return self.detail.export


class Exports:
    """Keys that leave, each wrapped for one destination under one key encryption key.

    Only an active version of a key that was made exportable leaves, and only under a KEK that the owning group, or else
    the server, accepts. Who, when, which version, where to and the file's SHA-256 are recorded; the file is handed out
    once and never kept.

    Args:
        kek_policy: whose KEKs are accepted where the owning group does not say: "any" or "registered".
    """

    def __init__(self, gate: Gate, kek_policy: str) -> None:
        self._gate = gate
        self._rules = ExportRules(kek_policy)

    def preview(self, caller: Caller, reference: str, request: Request) -> Preview:
        """Make every check that `export` makes, and record nothing (but a refusal).

        Raises:
            As `export`.
        """

        def read(view: View) -> Preview:
            key = load_key(view, reference)
            ready = self._rules.judge(view, key, request)
            detail = detail_of(view, key, ready.version)
            warnings = (*ready.warnings, *ready.approval_warnings(view))
            return Preview(detail, ready.destination.name, ready.kek, ready.identifier, ready.known_as, warnings)

        return self._gate.read(caller, Operation.KEY_EXPORT, read)

    def export(self, caller: Caller, reference: str, request: Request) -> ExportedFile:
        """Wrap a key's current version for its destination and record that it left.

        Raises:
            NotPermitted, NotFound: the caller may not export this key.
            Conflict: the version is not active, or the key not exportable.
            ApprovalRequired: others have to approve that exactly this leaves.
            IdentifierRefused, KekRefused, InvalidInput: the destination's identifier or public key, or the key's type,
                will not do; says why.
        """

        def leave(change: Change) -> ExportedFile:
            ready = self._rules.judge(change, load_key(change, reference), request)
            ready.require_approval(change)
            return record(change, ready, wrap_for(change, ready))

        return self._gate.write(caller, Operation.KEY_EXPORT, leave, about=reference)

    def show(self, caller: Caller, export_id: str) -> ExportDetail:
        """One export's record, for whoever may see the key that left.

        Raises:
            NotFound: there is none of that id, or none that the caller may see.
        """

        def read(view: View) -> ExportDetail:
            found = view.first(EXPORTS, _BY_ID, id=export_id) if is_id_shaped(export_id) else None
            key = None if found is None else view.get(KEYS, found.key_id)
            if found is None or key is None:
                raise view.missing("export", export_id)
            view.permit(view.actor.relation_to_key(key), "export", found.id, None)
            return _detail(view, found)

        return self._gate.read(caller, Operation.EXPORT_LIST, read)

    def list(self, caller: Caller, *, size: int, after: int = 0, key: str | None = None) -> Page[ExportDetail]:
        """Exports in the order in which they were made: of one key, or of every key that the caller may see."""

        def read(view: View) -> Page[ExportDetail]:
            if key is not None:
                found = view.find(EXPORTS, _OF_KEY, key_id=load_key(view, key).id, after=after, limit=size + 1)
            else:
                view.permit(Relation.OWN, "export", None, None)
                found = _visible(view, after, size + 1)
            details = [_detail(view, export) for export in found]
            return page_of(details, size, [str(export.number) for export in found])

        return self._gate.read(caller, Operation.EXPORT_LIST, read)

    def newest(
        self, caller: Caller, *, size: int, before: int = AFTER_ALL, key: str | None = None
    ) -> Page[ExportDetail]:
        """As `list`, from the newest back."""

        def read(view: View) -> Page[ExportDetail]:
            if key is not None:
                found = newest_exports_of(view, load_key(view, key), size + 1, before)
            else:
                view.permit(Relation.OWN, "export", None, None)
                query, mine = _back_for(view)
                found = view.find(EXPORTS, query, before=before, limit=size + 1, **mine)
            details = [_detail(view, export) for export in found]
            return page_of(details, size, [str(export.number) for export in found])

        return self._gate.read(caller, Operation.EXPORT_LIST, read)


def newest_exports_of(view: View, key: Key, limit: int, before: int = AFTER_ALL) -> list[Export]:
    """The newest exports of a key, the last one first."""
    return view.find(EXPORTS, _OF_KEY_BACK, key_id=key.id, before=before, limit=limit)


def wrap_for(change: Change, ready: Ready) -> TransferFile:
    """Unseal and wrap a key that may leave, for where it goes.

    Raises:
        IntegrityViolation: the material does not verify.
        KeyferryError: what the destination refuses.
    """
    key = ready.key
    return ready.destination.wrap(unseal(change.sealer, key, ready.version), ready.kek, ready.identifier, name=key.name)


def record(change: Change, ready: Ready, file: TransferFile) -> ExportedFile:
    """Record that a key leaves in this file, and under whose KEK where that was not known."""
    key, identifier = ready.key, ready.identifier
    command = ready.destination.import_command(
        identifier, ALGORITHMS[key.algorithm], name=key.name or f"key-{key.id}", file=file.file_name
    )
    if ready.known_as == NEW:
        bind_kek(change, identifier.canonical, ready.kek, source="export", registered=False)
    detail = ExportDetail(_record(change, ready, file), key.name, change.actor.user.name)
    return ExportedFile(detail, file.content, file.file_name, command, ready.warnings)


def _record(change: Change, ready: Ready, file: TransferFile) -> Export:
    facts = {
        "destination": ready.destination.name,
        "key_identifier": ready.identifier.text,
        "kek_sha256": ready.kek.spki_sha256,
        "file_sha256": file.sha256,
        "file_bytes": len(file.content),
    }
    record = Export(
        id=new_id(),
        key_id=ready.key.id,
        version_id=ready.version.id,
        version_number=ready.version.number,
        user_id=change.actor.user.id,
        destination=ready.destination.name,
        key_identifier=ready.identifier.text,
        kek_sha256=ready.kek.spki_sha256,
        file_sha256=file.sha256,
        file_bytes=len(file.content),
        created_at=change.now,
    )
    change.note(export=record.id, version=ready.version.number, **facts)
    return change.append(EXPORTS, record)


def _detail(view: View, export: Export) -> ExportDetail:
    key, user = view.get(KEYS, export.key_id), view.get(USERS, export.user_id)
    if key is None or user is None:
        raise IntegrityViolation(f"The key or the user of export {export.id} is not there.")
    return ExportDetail(export, key.name, user.name)


def _visible(view: View, after: int, limit: int) -> list[Export]:
    if view.actor.role.sees_everything:
        return view.find(EXPORTS, _ALL, after=after, limit=limit)
    return view.find(EXPORTS, _MINE, after=after, limit=limit, user_id=view.actor.user.id)


def _back_for(view: View) -> tuple[Query, dict[str, Any]]:
    if view.actor.role.sees_everything:
        return _ALL_BACK, {}
    return _MINE_BACK, {"user_id": view.actor.user.id}
