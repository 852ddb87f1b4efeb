"""Scopes: the resource ids that roles are assigned at, and which of them lie within which.

A scope is a path of Azure Resource Manager: a subscription, a resource group, a vault, a key. Paths compare without
regard to case, and a role assigned at a path holds for everything below it.
"""

import re
from typing import Final

_KNOWN: Final = re.compile(
    r"/subscriptions/[^/]+"
    r"(/resourcegroups/[^/]+(/providers/microsoft\.keyvault/vaults/[^/]+(/(keys|secrets|certificates)/[^/]+)?)?)?"
)


def normal(scope: str) -> str:
    """The scope with one slash in front, none at the end and none doubled; the empty string is the tenant's root."""
    parts = [part for part in scope.split("/") if part]
    return "".join(f"/{part}" for part in parts)


def key(scope: str) -> str:
    """What a scope is compared by."""
    return normal(scope).lower()


def is_known(scope: str) -> bool:
    """Whether a scope is of a kind that there is here: a subscription, a group, a vault, or one object in a vault."""
    return _KNOWN.fullmatch(key(scope)) is not None


def holds_for(assigned: str, target: str) -> bool:
    """Whether a role that is assigned at `assigned` holds for `target`: the same scope, or one above."""
    above, below = key(assigned), key(target)
    return below == above or below.startswith(f"{above}/")


def subscription_of(scope: str) -> str | None:
    """The id of the subscription that a scope lies in, in lower case; None for the tenant's root."""
    parts = key(scope).split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else None


def group_of(scope: str) -> str | None:
    """The name of the resource group that a scope is or lies in, as it was written."""
    parts = normal(scope).split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else None


def vault_of(scope: str) -> str | None:
    """The name of the vault that a scope is or lies in, as it was written."""
    parts = normal(scope).split("/")
    named = len(parts) > 8 and [part.lower() for part in parts[5:8]] == ["providers", "microsoft.keyvault", "vaults"]
    return parts[8] if named else None
