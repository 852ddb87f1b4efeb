"""Roles: what may be done by whom they are assigned to, the built-in ones with their documented ids.

learn.microsoft.com/azure/role-based-access-control/built-in-roles. A role allows an action that one of its patterns
covers, unless one of its exceptions covers it too; `*` stands for anything, slashes included, and letters compare
without regard to case. Actions are of the management plane, data actions of the data plane.
"""

import functools
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """One entry of a role's `permissions`."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allow(self, action: str) -> bool:
        """Whether they allow an action of the management plane."""
        return _covers(self.actions, action) and not _covers(self.not_actions, action)

    def allow_data(self, action: str) -> bool:
        """Whether they allow an action of the data plane."""
        return _covers(self.data_actions, action) and not _covers(self.not_data_actions, action)

    def as_json(self) -> dict[str, list[str]]:
        """As role definitions show them."""
        return {
            "actions": list(self.actions),
            "notActions": list(self.not_actions),
            "dataActions": list(self.data_actions),
            "notDataActions": list(self.not_data_actions),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Permissions":
        """From the members of `as_json`, each of which may be missing."""
        return cls(
            actions=tuple(given.get("actions") or ()),
            not_actions=tuple(given.get("notActions") or ()),
            data_actions=tuple(given.get("dataActions") or ()),
            not_data_actions=tuple(given.get("notDataActions") or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role definition; `id` is its GUID. A custom role may be assigned at its assignable scopes and below."""

    id: str
    name: str
    description: str
    permissions: tuple[Permissions, ...]
    built_in: bool = True
    assignable_scopes: tuple[str, ...] = ("/",)

    def allows(self, action: str) -> bool:
        """Whether it allows an action of the management plane."""
        return any(each.allow(action) for each in self.permissions)

    def allows_data(self, action: str) -> bool:
        """Whether it allows an action of the data plane."""
        return any(each.allow_data(action) for each in self.permissions)


_KEYS: Final = "Microsoft.KeyVault/vaults/keys"
_LOOK_AT_VAULTS: Final = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
)


def _built_in(role_id: str, name: str, description: str, **permissions: tuple[str, ...]) -> Role:
    return Role(id=role_id, name=name, description=description, permissions=(Permissions(**permissions),))


OWNER: Final = _built_in(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Full access to all resources, including the right to assign roles.",
    actions=("*",),
)
CONTRIBUTOR: Final = _built_in(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Full access to all resources, without the right to assign roles.",
    actions=("*",),
    not_actions=(
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
        "Microsoft.Compute/galleries/share/action",
        "Microsoft.Purview/consents/write",
        "Microsoft.Purview/consents/delete",
        "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
        "Microsoft.Subscription/cancel/action",
        "Microsoft.Subscription/enable/action",
    ),
)
READER: Final = _built_in(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Reader",
    "Sees all resources and changes none.",
    actions=("*/read",),
)
USER_ACCESS_ADMINISTRATOR: Final = _built_in(
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "User Access Administrator",
    "Sees all resources and assigns roles.",
    actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
)
KEY_VAULT_ADMINISTRATOR: Final = _built_in(
    "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Administrator",
    "Every operation with the objects in a vault; not with the vault itself, nor with roles.",
    actions=_LOOK_AT_VAULTS,
    data_actions=("Microsoft.KeyVault/vaults/*",),
)
KEY_VAULT_CRYPTO_OFFICER: Final = _built_in(
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
    "Key Vault Crypto Officer",
    "Every operation with the keys in a vault, except the assignment of roles.",
    actions=_LOOK_AT_VAULTS,
    data_actions=(f"{_KEYS}/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"),
)
KEY_VAULT_CRYPTO_USER: Final = _built_in(
    "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Crypto User",
    "Cryptographic operations with keys.",
    data_actions=(
        f"{_KEYS}/read",
        f"{_KEYS}/update/action",
        f"{_KEYS}/backup/action",
        f"{_KEYS}/encrypt/action",
        f"{_KEYS}/decrypt/action",
        f"{_KEYS}/wrap/action",
        f"{_KEYS}/unwrap/action",
        f"{_KEYS}/sign/action",
        f"{_KEYS}/verify/action",
    ),
)
KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER: Final = _built_in(
    "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "Key Vault Crypto Service Encryption User",
    "Reads keys and wraps and unwraps with them.",
    actions=(
        "Microsoft.EventGrid/eventSubscriptions/write",
        "Microsoft.EventGrid/eventSubscriptions/read",
        "Microsoft.EventGrid/eventSubscriptions/delete",
    ),
    data_actions=(f"{_KEYS}/read", f"{_KEYS}/wrap/action", f"{_KEYS}/unwrap/action"),
)
KEY_VAULT_READER: Final = _built_in(
    "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Reader",
    "Sees the metadata of vaults and of what is in them; no secret values.",
    actions=_LOOK_AT_VAULTS,
    data_actions=("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
)
KEY_VAULT_CONTRIBUTOR: Final = _built_in(
    "f25e0fa2-a7c8-4377-a976-54943a77a395",
    "Key Vault Contributor",
    "Manages vaults; gives no access to what is in them.",
    actions=(
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.KeyVault/*",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Support/*",
    ),
    not_actions=(
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.KeyVault/hsmPools/*",
        "Microsoft.KeyVault/managedHsms/*",
    ),
)

BUILT_IN: Final[dict[str, Role]] = {
    role.id: role
    for role in (
        OWNER,
        CONTRIBUTOR,
        READER,
        USER_ACCESS_ADMINISTRATOR,
        KEY_VAULT_ADMINISTRATOR,
        KEY_VAULT_CRYPTO_OFFICER,
        KEY_VAULT_CRYPTO_USER,
        KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
        KEY_VAULT_READER,
        KEY_VAULT_CONTRIBUTOR,
    )
}
"""By id."""


def find(connection: sqlite3.Connection, role_id: str) -> Role | None:
    """The role of that id, built-in or custom, in either case."""
    if role := BUILT_IN.get(role_id.lower()):
        return role
    row = connection.execute("SELECT * FROM role_definitions WHERE id = ?", (role_id.lower(),)).fetchone()
    return None if row is None else _from_row(row)


def custom(connection: sqlite3.Connection) -> tuple[Role, ...]:
    """Every custom role, in the order of their names."""
    return tuple(map(_from_row, connection.execute("SELECT * FROM role_definitions ORDER BY name").fetchall()))


def _from_row(row: sqlite3.Row) -> Role:
    return Role(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        permissions=tuple(Permissions.from_json(each) for each in json.loads(row["permissions"])),
        built_in=False,
        assignable_scopes=tuple(json.loads(row["assignable_scopes"])),
    )


def _covers(patterns: Iterable[str], action: str) -> bool:
    return any(_expression(pattern).fullmatch(action) for pattern in patterns)


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE)
