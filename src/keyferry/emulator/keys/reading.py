"""Looking at keys, and changing what may be changed of a version."""

from dataclasses import replace
from typing import Any

from keyferry.emulator import clock
from keyferry.emulator.keys import bundles, rows
from keyferry.emulator.keys.attributes import read_attributes, read_operations, read_tags, require_period
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import Operation
from keyferry.emulator.keys.lookup import live_version
from keyferry.emulator.keys.refusals import bad_parameter
from keyferry.emulator.keys.rows import Version


def get(call: Call, name: str, version: str | None) -> dict[str, Any]:
    """A version of a key, its current one where none is named (GET /keys/NAME/VERSION).

    Raises:
        AzureFailure: 404 KeyNotFound.
    """
    with call.state.read() as connection:
        key, found = live_version(connection, call, name, version, clock.now())
    return bundles.bundle(call, key, found)


def update(call: Call, name: str, version: str | None, body: Document) -> dict[str, Any]:
    """Change attributes, operations or tags of a version; what is not given stays (PATCH /keys/NAME/VERSION).

    Raises:
        AzureFailure: 400 BadParameter; 404 KeyNotFound.
    """
    attributes = read_attributes(body)
    tags = read_tags(body)
    with call.state.write() as connection:
        now = clock.now()
        key, found = live_version(connection, call, name, version, now)
        operations = read_operations(body, found.kind)
        _require_stays_kek(found, operations)
        changed = replace(
            found,
            operations=found.operations if operations is None else operations,
            enabled=found.enabled if attributes.enabled is None else attributes.enabled,
            not_before=found.not_before if attributes.not_before is None else attributes.not_before,
            expires=found.expires if attributes.expires is None else attributes.expires,
            tags=found.tags if tags is None else tags,
            updated=now,
        )
        require_period(changed.not_before, changed.expires)
        rows.update_version(connection, changed)
    return bundles.bundle(call, key, changed)


def _require_stays_kek(version: Version, operations: tuple[str, ...] | None) -> None:
    """Refuse to turn a KEK into another key or another key into a KEK.

    A KEK that could decrypt would give away the AES key of every transfer file that was ever wrapped under it.
    """
    is_kek = Operation.IMPORT in version.operations
    if operations is not None and is_kek != (Operation.IMPORT in operations):
        raise bad_parameter(
            "Key operation 'import' is chosen when a key is made; it is neither added nor taken away later."
        )
