"""Backups of keys: a blob that only this emulator opens, and only into a vault where the service would.

    b"&KeyferryEmulatorKeyBackupV1." || the key and all its versions as JSON, sealed under the home's key

Source: Microsoft's "Azure Key Vault backup and restore": a backup is restored into a vault of the same subscription and
geography, with all versions, where the name is free. The service's own blobs begin with a marker of their own, and
open only there.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.keys import bundles, documents, encoding, pkcs8, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.geographies import geography_of
from keyferry.emulator.keys.kinds import Kind
from keyferry.emulator.keys.lookup import live_key, open_private, require_tier
from keyferry.emulator.keys.refusals import bad_parameter, name_is_deleted, name_is_taken
from keyferry.emulator.keys.rows import Key, Version
from keyferry.errors import IntegrityViolation

MARKER: Final = b"&KeyferryEmulatorKeyBackupV1."
SERVICE_MARKER: Final = b"&AzureKeyVaultKeyBackupV1.microsoft.com"
MOST_VERSIONS: Final = 500
_LABEL: Final = "key backup"


def back_up(call: Call, name: str) -> dict[str, Any]:
    """The backup of a key with all its versions (POST /keys/NAME/backup).

    Raises:
        AzureFailure: 404 KeyNotFound; 400, the key has more versions than the service backs up.
    """
    with call.state.read() as connection:
        key = live_key(connection, call, name, clock.now())
        versions = rows.versions_of(connection, key)
    if len(versions) > MOST_VERSIONS:
        raise bad_parameter(f"The key has {len(versions)} versions, and at most {MOST_VERSIONS} are backed up.")
    document = {
        "subscription": call.vault.subscription_id.lower(),
        "geography": geography_of(call.vault.location),
        "name": key.name,
        "rotation_policy": key.rotation_policy,
        "versions": [_written(call, version) for version in versions],
    }
    return {"value": encoding.encode(MARKER + call.state.seal(json.dumps(document).encode(), _LABEL))}


def restore(call: Call, body: Document) -> dict[str, Any]:
    """Bring a key back from its backup, with all its versions (POST /keys/restore).

    Raises:
        AzureFailure: 400, the backup is none of this emulator's, or of another subscription or geography; 409, a live
            or a deleted key has the name.
    """
    document = _opened(call, documents.octets(body, "value"))
    _require_belongs(call, document)
    name, key_id = document["name"], secrets.token_hex(16)
    key = Key(id=key_id, vault=call.vault.name, name=name, rotation_policy=document["rotation_policy"])
    versions = [_read(call, key_id, each) for each in document["versions"]]
    for version in versions:
        require_tier(call, version.kind)
    with call.state.write() as connection:
        call.require_vault(connection)
        now = clock.now()
        rows.forget_due(connection, now)
        taken = rows.find_key(connection, call.vault.name, name, now)
        if taken is not None:
            raise name_is_taken(name) if taken.deleted is None else name_is_deleted(name)
        rows.insert_key(connection, key)
        for version in versions:
            rows.insert_version(connection, version)
    return bundles.bundle(call, key, versions[-1])


def _opened(call: Call, blob: bytes) -> dict[str, Any]:
    if blob.startswith(SERVICE_MARKER):
        raise bad_parameter("The backup is one of Azure Key Vault itself, which alone can open it.")
    if not blob.startswith(MARKER):
        raise bad_parameter("The backup is none that this emulator made: it begins otherwise.")
    try:
        document: dict[str, Any] = json.loads(call.state.unseal(blob.removeprefix(MARKER), _LABEL))
    except IntegrityViolation:
        raise bad_parameter("The backup was changed, or another emulator made it; it does not open here.") from None
    return document


def _require_belongs(call: Call, document: Mapping[str, Any]) -> None:
    if document["subscription"] != call.vault.subscription_id.lower():
        raise bad_parameter(
            f"The backup was made in the subscription {document['subscription']}, and is restored only there; "
            f"{call.vault.name} is in {call.vault.subscription_id}."
        )
    geography = geography_of(call.vault.location)
    if document["geography"] != geography:
        raise bad_parameter(
            f"The backup was made in the geography {document['geography']}, and is restored only there; the vault "
            f"{call.vault.name} is in {geography}."
        )


def _written(call: Call, version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "kty": version.kind.value,
        "private": encoding.encode(pkcs8.write(open_private(call, version))),
        "operations": version.operations,
        "enabled": version.enabled,
        "not_before": version.not_before,
        "expires": version.expires,
        "created": version.created,
        "updated": version.updated,
        "tags": dict(version.tags),
    }


def _read(call: Call, key_id: str, written: Mapping[str, Any]) -> Version:
    kind, material = Kind(written["kty"]), encoding.decode(written["private"])
    return Version(
        key_id=key_id,
        version=written["version"],
        kind=kind,
        public=pkcs8.read_own(material).public,
        operations=tuple(written["operations"]),
        enabled=written["enabled"],
        not_before=written["not_before"],
        expires=written["expires"],
        created=written["created"],
        updated=written["updated"],
        tags=written["tags"],
        sealed=call.state.seal(material, rows.seal_label(key_id, written["version"], kind)),
    )
