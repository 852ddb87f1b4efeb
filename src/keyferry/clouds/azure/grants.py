"""Who may do what with a vault's keys: access policies and roles, put into the same words.

A role's data actions are those of the resource provider Microsoft.KeyVault (learn.microsoft.com/azure/
role-based-access-control/permissions/security). A permission of access policies and its data action are one row.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from keyferry.clouds.azure.facts import KEY_PERMISSIONS

_KEYS: Final = "Microsoft.KeyVault/vaults/keys"
_ROTATION: Final = "Microsoft.KeyVault/vaults/keyrotationpolicies"

DATA_ACTIONS: Final[Mapping[str, str]] = {
    "get": f"{_KEYS}/read",
    "list": f"{_KEYS}/read",
    "create": f"{_KEYS}/create/action",
    "import": f"{_KEYS}/import/action",
    "update": f"{_KEYS}/update/action",
    "delete": f"{_KEYS}/delete",
    "recover": f"{_KEYS}/recover/action",
    "backup": f"{_KEYS}/backup/action",
    "restore": f"{_KEYS}/restore/action",
    "purge": f"{_KEYS}/purge/action",
    "encrypt": f"{_KEYS}/encrypt/action",
    "decrypt": f"{_KEYS}/decrypt/action",
    "sign": f"{_KEYS}/sign/action",
    "verify": f"{_KEYS}/verify/action",
    "wrapKey": f"{_KEYS}/wrap/action",
    "unwrapKey": f"{_KEYS}/unwrap/action",
    "rotate": f"{_KEYS}/rotate/action",
    "getrotationpolicy": f"{_ROTATION}/read",
    "setrotationpolicy": f"{_ROTATION}/write",
    "release": f"{_KEYS}/release/action",
}
"""What a role must allow for each permission."""

_SPELLING: Final[Mapping[str, str]] = {word.lower(): word for word in KEY_PERMISSIONS}
_ALL: Final = frozenset(KEY_PERMISSIONS) - {"purge"}
"""What the access policy word `all` stands for: purging is granted by its own word only."""


def permissions_of_policy(words: Iterable[str]) -> frozenset[str]:
    """The permission words of an access policy in their documented spelling; words that are none are left out."""
    given = {word.lower() for word in words}
    named = frozenset(_SPELLING[word] for word in given if word in _SPELLING)
    return named | _ALL if "all" in given else named


def permissions_of_role(allowed: Iterable[str], denied: Iterable[str]) -> frozenset[str]:
    """The permissions that one entry of a role definition gives.

    Args:
        allowed: `dataActions`; `*` stands for any text.
        denied: `notDataActions`, which are taken away from what is allowed.
    """
    may, not_may = [_pattern(each) for each in allowed], [_pattern(each) for each in denied]
    return frozenset(
        permission
        for permission, action in DATA_ACTIONS.items()
        if any(each.fullmatch(action) for each in may) and not any(each.fullmatch(action) for each in not_may)
    )


def _pattern(action: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in action.split("*")), re.IGNORECASE)
