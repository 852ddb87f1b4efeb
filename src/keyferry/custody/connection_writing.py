"""What a new connection, and an edited one, is written as: every field judged, the credential sealed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from keyferry.custody.connection_facts import Cloud, as_json, check_identity, check_vaults
from keyferry.custody.credentials import JudgedCredential, NewCredential, judge, seal, unseal
from keyferry.custody.groups import find_group
from keyferry.custody.names import check_text
from keyferry.custody.view import Change
from keyferry.errors import InvalidInput
from keyferry.ids import new_id
from keyferry.store.records import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What a new connection shall be.

    Attributes:
        cloud: one of `Cloud`; `endpoints` tells the addresses of a custom one.
        tenant_id, client_id: GUIDs; a managed identity may go without.
        vaults: addresses of the vaults that it may reach; none reaches none.
        groups: names or ids of the groups whose members may use it.
    """

    name: str
    description: str | None = None
    cloud: str = Cloud.PUBLIC.value
    endpoints: Mapping[str, Any] | None = None
    tenant_id: str | None
    client_id: str | None
    credential: NewCredential
    vaults: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEdit:
    """What to change; None leaves as it is. Cloud, tenant and client stay: another sign-in is another connection."""

    description: str | None = None
    credential: NewCredential | None = None
    vaults: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    disabled: bool | None = None


def made(change: Change, new: NewConnection) -> Connection:
    """The row of a new connection; not written yet.

    Raises:
        InvalidInput: a field or the credential will not do; says which.
    """
    credential = judge(new.credential)
    kind = credential.given.kind
    identity = check_identity(new.cloud, new.endpoints, new.tenant_id, new.client_id, kind)
    unsealed = Connection(
        id=new_id(),
        name=new.name,
        description=check_text(new.description, "description"),
        cloud=identity.cloud.value,
        endpoints=identity.endpoints,
        tenant_id=identity.tenant_id,
        client_id=identity.client_id,
        credential_kind=kind.value,
        credential=None,
        credential_set_at=change.now,
        vaults=check_vaults(new.vaults, identity.cloud),
        groups=_group_ids(change, new.groups),
        disabled=False,
        created_at=change.now,
        created_by=change.actor.user.id,
    )
    return replace(unsealed, **_credential(change, unsealed, credential))


def _credential(change: Change, connection: Connection, credential: JudgedCredential) -> dict[str, Any]:
    """The columns of a credential, sealed to the connection. It is unsealed again before it counts as kept."""
    sealed: dict[str, Any] = {
        "credential_kind": credential.given.kind.value,
        "credential": seal(change.sealer, connection, credential.given),
        "credential_set_at": change.now,
        "certificate_sha256": credential.certificate_sha256,
        "certificate_expires_at": credential.certificate_expires_at,
    }
    unseal(change.sealer, replace(connection, **sealed))
    return sealed


def changes_of(change: Change, found: Connection, edit: ConnectionEdit) -> dict[str, Any]:
    """The columns that an edit gives other values.

    Raises:
        InvalidInput: a field or the credential will not do; says which.
    """
    changes: dict[str, Any] = {}
    if edit.description is not None:
        changes["description"] = check_text(edit.description, "description")
    if edit.vaults is not None:
        changes["vaults"] = check_vaults(edit.vaults, Cloud(found.cloud))
    if edit.groups is not None:
        changes["groups"] = _group_ids(change, edit.groups)
    if edit.disabled is not None:
        changes["disabled"] = edit.disabled
    if edit.credential is not None:
        kind = edit.credential.kind
        check_identity(found.cloud, endpoints_of(found), found.tenant_id, found.client_id, kind)
        changes |= _credential(change, found, judge(edit.credential))
    return changes


def _group_ids(change: Change, names: tuple[str, ...]) -> str:
    found = []
    for name in names:
        group = find_group(change, name)
        if group is None:
            raise InvalidInput(
                f"There is no group {name!r}.", field="groups", advice="Create it first, or check its id."
            )
        found.append(group.id)
    return as_json(sorted(set(found)))


def endpoints_of(connection: Connection) -> Mapping[str, Any] | None:
    """The addresses of a custom cloud, by the names of `clouds.azure.environment.AzureCloud`; None for another."""
    return None if connection.endpoints is None else json.loads(connection.endpoints)
