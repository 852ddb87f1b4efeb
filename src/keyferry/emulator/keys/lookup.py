"""Finding what a request names: live keys, their versions, deleted keys; and what a vault's tier allows."""

import sqlite3

from keyferry.emulator.keys import pkcs8, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.kinds import Kind
from keyferry.emulator.keys.material import Private
from keyferry.emulator.keys.names import require_name, require_version
from keyferry.emulator.keys.refusals import bad_parameter, deleted_key_not_found, key_not_found, name_is_deleted
from keyferry.emulator.keys.rows import Key, Version

PREMIUM = "premium"


def live_key(connection: sqlite3.Connection, call: Call, name: str, now: int) -> Key:
    """The live key of that name.

    Raises:
        AzureFailure: 400, it is no name; 404 KeyNotFound, also when the key is deleted.
    """
    key = rows.find_key(connection, call.vault.name, require_name(name), now)
    if key is None or key.deleted is not None:
        raise key_not_found(name)
    return key


def live_version(
    connection: sqlite3.Connection, call: Call, name: str, version: str | None, now: int
) -> tuple[Key, Version]:
    """That version of a live key; without a version, its current one.

    Raises:
        AzureFailure: 400, a name or version that is none; 404 KeyNotFound.
    """
    key = live_key(connection, call, name, now)
    if not version:
        return key, rows.current_version(connection, key)
    found = rows.find_version(connection, key, require_version(version))
    if found is None:
        raise key_not_found(name, version)
    return key, found


def deleted_key(connection: sqlite3.Connection, call: Call, name: str, now: int) -> Key:
    """The deleted and recoverable key of that name.

    Raises:
        AzureFailure: 400, it is no name; 404 KeyNotFound, also when the key lives.
    """
    key = rows.find_key(connection, call.vault.name, require_name(name), now)
    if key is None or key.deleted is None:
        raise deleted_key_not_found(name)
    return key


def key_for_new_version(connection: sqlite3.Connection, call: Call, name: str, now: int) -> Key | None:
    """The live key that would get a new version, or None where the name is free.

    Raises:
        AzureFailure: 400, it is no name; 409 ObjectIsDeletedButRecoverable.
    """
    key = rows.find_key(connection, call.vault.name, require_name(name), now)
    if key is not None and key.deleted is not None:
        raise name_is_deleted(name)
    return key


def require_tier(call: Call, kind: Kind) -> None:
    """Refuse a key in a hardware module where the vault has none.

    Raises:
        AzureFailure: 400, the vault is of the Standard tier.
    """
    if kind.hsm and call.vault.sku != PREMIUM:
        raise bad_parameter(
            f"Keys of type {kind} need a key vault of the Premium tier, and {call.vault.name} is of the "
            f"{call.vault.sku.capitalize()} tier."
        )


def open_private(call: Call, version: Version) -> Private:
    """The private key of a version; costs no lock and no transaction."""
    return pkcs8.read_own(call.state.unseal(version.sealed, version.seal_label))
