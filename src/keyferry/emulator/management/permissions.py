"""What may be done with a vault's keys: the words of access policies beside the data actions of roles.

The words are those of `Microsoft.KeyVault/vaults` (`accessPolicies[].permissions.keys`), the actions those of Azure's
built-in roles (learn.microsoft.com/azure/key-vault/general/rbac-guide). Adding a permission is adding a row.
"""

from dataclasses import dataclass
from typing import Final

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class KeyPermission:
    """One thing that may be allowed: `word` as documented, and the data action that a role allows it by."""

    word: str
    action: str


_KEYS = "Microsoft.KeyVault/vaults/keys"
_POLICIES = "Microsoft.KeyVault/vaults/keyrotationpolicies"

KEY_PERMISSIONS: Final[dict[str, KeyPermission]] = {
    permission.word.lower(): permission
    for permission in (
        KeyPermission("get", f"{_KEYS}/read"),
        KeyPermission("list", f"{_KEYS}/read"),
        KeyPermission("create", f"{_KEYS}/create/action"),
        KeyPermission("import", f"{_KEYS}/import/action"),
        KeyPermission("update", f"{_KEYS}/update/action"),
        KeyPermission("delete", f"{_KEYS}/delete"),
        KeyPermission("recover", f"{_KEYS}/recover/action"),
        KeyPermission("purge", f"{_KEYS}/purge/action"),
        KeyPermission("backup", f"{_KEYS}/backup/action"),
        KeyPermission("restore", f"{_KEYS}/restore/action"),
        KeyPermission("encrypt", f"{_KEYS}/encrypt/action"),
        KeyPermission("decrypt", f"{_KEYS}/decrypt/action"),
        KeyPermission("sign", f"{_KEYS}/sign/action"),
        KeyPermission("verify", f"{_KEYS}/verify/action"),
        KeyPermission("wrapKey", f"{_KEYS}/wrap/action"),
        KeyPermission("unwrapKey", f"{_KEYS}/unwrap/action"),
        KeyPermission("release", f"{_KEYS}/release/action"),
        KeyPermission("rotate", f"{_KEYS}/rotate/action"),
        KeyPermission("getrotationpolicy", f"{_POLICIES}/read"),
        KeyPermission("setrotationpolicy", f"{_POLICIES}/write"),
    )
}
"""By the word in lower case."""
