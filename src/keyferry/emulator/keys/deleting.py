"""Deleting keys: soft, for the vault's retention period; looking at deleted keys; recovering and purging them.

Source: Microsoft's "Azure Key Vault soft-delete overview". Nothing takes time here: a key that is deleted is found
among the deleted keys at once.
"""

from dataclasses import replace
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.keys import bundles, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.lookup import deleted_key, live_key
from keyferry.emulator.keys.refusals import purge_protected

DAY: Final = 86_400


def delete(call: Call, name: str) -> dict[str, Any]:
    """Delete a key and all its versions (DELETE /keys/NAME); the name stays taken until it is purged.

    Raises:
        AzureFailure: 404 KeyNotFound.
    """
    with call.state.write() as connection:
        now = clock.now()
        rows.forget_due(connection, now)
        key = live_key(connection, call, name, now)
        gone = replace(key, deleted=now, purge_at=now + call.vault.retention_days * DAY)
        rows.set_deleted(connection, key, deleted=gone.deleted, purge_at=gone.purge_at)
        version = rows.current_version(connection, key)
    return bundles.bundle(call, gone, version)


def get_deleted(call: Call, name: str) -> dict[str, Any]:
    """A deleted key's current version, and when it will be purged (GET /deletedkeys/NAME).

    Raises:
        AzureFailure: 404 KeyNotFound.
    """
    with call.state.read() as connection:
        key = deleted_key(connection, call, name, clock.now())
        version = rows.current_version(connection, key)
    return bundles.bundle(call, key, version)


def recover(call: Call, name: str) -> dict[str, Any]:
    """Make a deleted key live again, with all its versions (POST /deletedkeys/NAME/recover).

    Raises:
        AzureFailure: 404 KeyNotFound.
    """
    with call.state.write() as connection:
        now = clock.now()
        key = deleted_key(connection, call, name, now)
        rows.set_deleted(connection, key, deleted=None, purge_at=None)
        version = rows.current_version(connection, key)
    return bundles.bundle(call, replace(key, deleted=None, purge_at=None), version)


def purge(call: Call, name: str) -> None:
    """Erase a deleted key before its retention period is over (DELETE /deletedkeys/NAME).

    Raises:
        AzureFailure: 403, the vault or its subscription is protected against that; 404 KeyNotFound.
    """
    with call.state.write() as connection:
        key = deleted_key(connection, call, name, clock.now())
        if not call.vault.purgeable:
            raise purge_protected(call.vault.name, call.vault.location)
        rows.erase(connection, key)
