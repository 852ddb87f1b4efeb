"""Finding connections, how a caller stands to one, and whether it may be used just now."""

import json
from dataclasses import dataclass

from sqlalchemy import bindparam

from keyferry.custody.memberships import group_name
from keyferry.custody.names import may_name_connection
from keyferry.custody.policy import Operation, Relation, permits
from keyferry.custody.view import Query, View
from keyferry.errors import Conflict, IntegrityViolation, InvalidInput
from keyferry.ids import is_id_shaped
from keyferry.store.records import Connection
from keyferry.store.sealed import CONNECTIONS, Lock
from keyferry.store.tables import connections

BY_NAME = Query(CONNECTIONS, connections.c.name == bindparam("name"))


@dataclass(frozen=True, slots=True)
class ConnectionDetail:
    """A connection as people see it: with the names of its groups. The credential in the row is sealed."""

    connection: Connection
    vaults: tuple[str, ...]
    groups: tuple[str, ...]


def load_connection(view: View, reference: str, lock: Lock | None = None) -> Connection:
    """The connection with this id or name, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = find_connection(view, reference, lock)
    if found is None:
        raise view.missing("connection", reference)
    view.permit(relation_to_connection(view, found), "connection", found.id, found.name, asked_as=reference)
    return found


def find_connection(view: View, reference: str, lock: Lock | None = None) -> Connection | None:
    """The connection with this id or name, if it is not deleted; the caller's right to it is not asked."""
    found = None
    if is_id_shaped(reference):
        found = view.get(CONNECTIONS, reference, lock)
    elif may_name_connection(reference):
        found = view.first(CONNECTIONS, BY_NAME, lock, name=reference)
    return None if found is None or found.deleted_at is not None else found


def connection_for_use(view: View, reference: str, vault: str) -> Connection:
    """A connection that the caller names, or a deployment is bound to, for something that is done through it.

    Raises:
        InvalidInput: there is none, or none that is granted to a group of the caller's.
        Conflict: (`connection-disabled`, `vault-not-allowed`) it does not reach the vault now.
    """
    found = find_connection(view, reference)
    relation = Relation.NONE if found is None else relation_to_connection(view, found)
    if found is None or not permits(view.actor.role, Operation.CONNECTION_USE, relation):
        raise InvalidInput(
            f"There is no connection {reference!r}, or none that you may use.",
            field="connection",
            advice="Ask an Administrator to grant it to a group of yours; GET /azure-connections lists yours.",
        )
    require_usable(found, vault)
    return found


def name_of_connection(view: View, id_: str) -> str:
    """The name of a connection, a deleted one too, by which `connection_for_use` then speaks of it.

    Raises:
        IntegrityViolation: it has been removed.
    """
    found = view.get(CONNECTIONS, id_)
    if found is None:
        raise IntegrityViolation(f"Connection {id_}, which is referred to, is not there.")
    return found.name


def require_usable(connection: Connection, vault: str) -> None:
    """
    Raises:
        Conflict: (`connection-disabled`) it is disabled; (`vault-not-allowed`) the vault is none of its.
    """
    if connection.disabled:
        raise Conflict(
            f"The connection {connection.name!r} is disabled.",
            code="connection-disabled",
            field="connection",
            advice="Ask an Administrator to enable it, or name another.",
        )
    if vault not in json.loads(connection.vaults):
        raise Conflict(
            f"The connection {connection.name!r} is not for {vault}.",
            code="vault-not-allowed",
            field="vault",
            advice="Ask an Administrator to add the vault to the connection, or name a connection that reaches it.",
        )


def relation_to_connection(view: View, connection: Connection) -> Relation:
    """GROUP for members of a group that it is granted to, NONE for everyone else; a token for certain keys is for the
    former alone, who push these keys by it.
    """
    if view.actor.group_ids.intersection(json.loads(connection.groups)):
        return Relation.GROUP
    narrowing = view.actor.narrowing
    return Relation.BEYOND if narrowing is not None and narrowing.names_objects else Relation.NONE


def detail_of(view: View, connection: Connection) -> ConnectionDetail:
    """A row as people see it."""
    names = (group_name(view, group_id) for group_id in json.loads(connection.groups))
    return ConnectionDetail(connection, tuple(json.loads(connection.vaults)), tuple(sorted(filter(None, names))))
