"""Connections: sign-ins to Azure that the server holds, for members of the groups that they are granted to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam

from keyferry.byok.vault_address import parse_vault_address
from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import Cloud
from keyferry.custody.connection_lookup import (
    BY_NAME,
    ConnectionDetail,
    detail_of,
    load_connection,
    relation_to_connection,
    require_usable,
)
from keyferry.custody.connection_writing import ConnectionEdit, NewConnection, changes_of, endpoints_of, made
from keyferry.custody.credentials import CredentialKind, unseal
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.names import check_connection_name
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict
from keyferry.material.secret import Secret
from keyferry.store.records import Connection
from keyferry.store.sealed import CONNECTIONS, Lock
from keyferry.store.tables import connections

_PAGE = Query(
    CONNECTIONS,
    connections.c.id > bindparam("after"),
    connections.c.deleted_at.is_(None),
    order_by=connections.c.id,
    limit=True,
)
_LOOKED_THROUGH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConnection:
    """A connection for one use, by one caller, of one vault. Nobody keeps it.

    Attributes:
        endpoints: of a custom cloud.
        secret: the client secret, or PEM of the certificate and its private key; None for a managed identity.
        vault: the vault's address, `https://HOST`.
    """

    id: str
    name: str
    cloud: Cloud
    endpoints: Mapping[str, Any] | None
    tenant_id: str | None
    client_id: str | None
    kind: CredentialKind
    secret: Secret | None = field(repr=False)
    vault: str


class Connections:
    """Sign-ins to Azure. Administrators make, edit and delete them, and use none; members of granted groups use them.

    A credential goes in and is never shown. Each use is audited, and hands the credential to the server alone: no door
    has an answer for it. A connection's name is not used again, so that records of what was done through it stay true.
    """

    def __init__(self, gate: Gate, erased: Callable[[], None]) -> None:
        """
        Args:
            erased: hears that a credential was replaced or deleted, and must not linger in the store's files.
        """
        self._gate = gate
        self._erased = erased

    def create(self, caller: Caller, new: NewConnection, *, once: Once | None = None) -> ConnectionDetail:
        """Make a connection; nothing is asked of Azure.

        Raises:
            InvalidInput: a field or the credential will not do; says which.
            Conflict: the name is, or was, taken.
        """

        def change(change: Change) -> Connection:
            change.permit(Relation.NONE, "connection", None, new.name)
            check_connection_name(new.name)
            if change.first(CONNECTIONS, BY_NAME, name=new.name) is not None:
                raise Conflict(
                    f"A connection {new.name!r} exists, or existed before.",
                    code="name-taken",
                    field="name",
                    advice="Choose another; names of deleted connections are not used again.",
                )
            row = made(change, new)
            change.note(
                cloud=row.cloud,
                tenant=row.tenant_id,
                client=row.client_id,
                credential=row.credential_kind,
                certificate_sha256=row.certificate_sha256,
                vaults=json.loads(row.vaults),
                groups=json.loads(row.groups),
            )
            return change.insert(CONNECTIONS, row)

        written = self._gate.write(caller, Operation.CONNECTION_CREATE, change, once=once)
        return self.show(caller, written.id)

    def show(self, caller: Caller, reference: str) -> ConnectionDetail:
        """The connection with this id or name, without its credential.

        Raises:
            NotFound: there is none, or none that is granted to a group of the caller's.
        """

        def read(view: View) -> ConnectionDetail:
            return detail_of(view, load_connection(view, reference))

        return self._gate.read(caller, Operation.CONNECTION_READ, read)

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[ConnectionDetail]:
        """All for who sees everything; for others those that are granted to a group of theirs."""

        def read(view: View) -> Page[ConnectionDetail]:
            if view.actor.role.sees_everything:
                view.permit(Relation.NONE, "connection", None, None)
                found = view.find(CONNECTIONS, _PAGE, after=after, limit=size + 1)
            else:
                view.permit(Relation.OWN, "connection", None, None)
                found = _granted(view, after, size + 1)
            details = [detail_of(view, connection) for connection in found]
            return page_of(details, size, [connection.id for connection in found])

        return self._gate.read(caller, Operation.CONNECTION_LIST, read)

    def edit(
        self, caller: Caller, reference: str, edit: ConnectionEdit, *, revision: int | None = None
    ) -> ConnectionDetail:
        """Change what a connection reaches, who may use it, whether it is in use, or renew its credential.

        Raises:
            InvalidInput: a field or the credential will not do.
            PreconditionFailed: the connection is not at `revision`.
        """

        def change(change: Change) -> ConnectionDetail:
            found = load_connection(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            changes = changes_of(change, found, edit)
            change.note(
                vaults=_noted(changes, "vaults"),
                groups=_noted(changes, "groups"),
                disabled=changes.get("disabled"),
                credential=changes.get("credential_kind"),
                certificate_sha256=changes.get("certificate_sha256"),
            )
            return detail_of(change, change.update(CONNECTIONS, found, **changes))

        edited = self._gate.write(caller, Operation.CONNECTION_EDIT, change)
        if edit.credential is not None:
            self._erased()
        return edited

    def delete(self, caller: Caller, reference: str, *, revision: int | None = None) -> None:
        """Delete a connection: its credential is erased, and deployments that it was for cannot be pushed any more."""

        def change(change: Change) -> Connection:
            found = load_connection(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            return change.update(CONNECTIONS, found, deleted_at=change.now, disabled=True, credential=None)

        self._gate.write(caller, Operation.CONNECTION_DELETE, change)
        self._erased()

    def open(self, caller: Caller, reference: str, vault: str) -> OpenConnection:
        """The connection with its credential, to reach one of its vaults for the caller. For the server alone; audited.

        Raises:
            NotFound: there is none, or none that is granted to a group of the caller's.
            NotPermitted: the caller is an Administrator.
            Conflict: (`connection-disabled`) it is disabled; (`vault-not-allowed`) the vault is none of its.
        """
        address = parse_vault_address(vault)

        def change(change: Change) -> OpenConnection:
            found = load_connection(change, reference)
            require_usable(found, address.url)
            change.note(vault=address.url)
            return OpenConnection(
                id=found.id,
                name=found.name,
                cloud=Cloud(found.cloud),
                endpoints=endpoints_of(found),
                tenant_id=found.tenant_id,
                client_id=found.client_id,
                kind=CredentialKind(found.credential_kind),
                secret=unseal(change.sealer, found),
                vault=address.url,
            )

        return self._gate.write(caller, Operation.CONNECTION_USE, change)


def _granted(view: View, after: str, limit: int) -> list[Connection]:
    """Connections are few, and to whom one is granted is in its own sealed row: all of them are looked through."""
    found: list[Connection] = []
    while len(found) < limit:
        page = view.find(CONNECTIONS, _PAGE, after=after, limit=_LOOKED_THROUGH)
        found += [each for each in page if relation_to_connection(view, each) is Relation.GROUP]
        if len(page) < _LOOKED_THROUGH:
            break
        after = page[-1].id
    return found[:limit]


def _noted(changes: dict[str, Any], name: str) -> Any:
    return json.loads(changes[name]) if name in changes else None
