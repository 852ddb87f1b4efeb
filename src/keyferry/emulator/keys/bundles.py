"""Keys as the data plane shows them: bundles, list items, and both of deleted keys. Never a private number."""

from typing import Any

from keyferry.emulator.keys import jwk
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.rows import Key, Version

HSM_PLATFORM = "2"
SOFTWARE_PLATFORM = "0"


def bundle(call: Call, key: Key, version: Version) -> dict[str, Any]:
    """KeyBundle: one version with its public key, and for a deleted key what becomes of it."""
    return {
        "key": {
            "kid": call.key_url(key.name, version.version),
            "kty": version.kind.value,
            "key_ops": list(version.operations),
            **jwk.public_members(version.public),
        },
        "attributes": attributes(call, version),
        "tags": dict(version.tags),
        **_deletion(call, key),
    }


def key_item(call: Call, key: Key, current: Version) -> dict[str, Any]:
    """KeyItem of a key: its identifier without a version, the attributes of its current version."""
    return {
        "kid": call.key_url(key.name),
        "attributes": attributes(call, current),
        "tags": dict(current.tags),
        **_deletion(call, key),
    }


def version_item(call: Call, key: Key, version: Version) -> dict[str, Any]:
    """KeyItem of one version."""
    return {
        "kid": call.key_url(key.name, version.version),
        "attributes": attributes(call, version),
        "tags": dict(version.tags),
    }


def attributes(call: Call, version: Version) -> dict[str, Any]:
    """KeyAttributes: the version's own, and what its vault says of deletion."""
    return {
        "enabled": version.enabled,
        **({} if version.not_before is None else {"nbf": version.not_before}),
        **({} if version.expires is None else {"exp": version.expires}),
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": call.vault.recovery_level,
        "recoverableDays": call.vault.retention_days,
        "exportable": False,
        "hsmPlatform": HSM_PLATFORM if version.kind.hsm else SOFTWARE_PLATFORM,
    }


def _deletion(call: Call, key: Key) -> dict[str, Any]:
    if key.deleted is None:
        return {}
    return {
        "recoveryId": call.deleted_key_url(key.name),
        "deletedDate": key.deleted,
        "scheduledPurgeDate": key.purge_at,
    }
