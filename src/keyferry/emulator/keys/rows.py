"""The data plane's tables, and the statements over them. They know rows; what may be done is decided elsewhere.

A key keeps its row while it is deleted and recoverable, so that its name stays taken. One whose retention period is
over (`purge_at` has come) counts as gone at once; `forget_due` erases it with the next write. Times are Unix seconds.
A version's private key lies sealed under the home's key, and opens only as that version of that key.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keyferry.emulator.keys.kinds import CURVES, Kind
from keyferry.emulator.keys.material import EcPublic, Public, RsaPublic

SCHEMA: Final[str] = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    vault TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL COLLATE NOCASE,
    rotation_policy TEXT,
    deleted INTEGER,
    purge_at INTEGER,
    UNIQUE (vault, name)
) STRICT;
CREATE TABLE IF NOT EXISTS key_versions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    kty TEXT NOT NULL,
    public TEXT NOT NULL,
    operations TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    not_before INTEGER,
    expires INTEGER,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    tags TEXT NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (key_id, version)
) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, which is a name and its versions. `rotation_policy` is JSON as `rotation` writes it, or None.

    `deleted` and `purge_at` are both None while it lives.
    """

    id: str
    vault: str
    name: str
    rotation_policy: str | None = None
    deleted: int | None = None
    purge_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a key. `sealed` is its private key, PKCS#8 DER, under the label that `seal_label` gives."""

    key_id: str
    version: str
    kind: Kind
    public: Public
    operations: tuple[str, ...]
    enabled: bool
    not_before: int | None
    expires: int | None
    created: int
    updated: int
    tags: Mapping[str, str]
    sealed: bytes = field(repr=False)

    @property
    def seal_label(self) -> str:
        """What the sealed material is, so that it opens as nothing else."""
        return seal_label(self.key_id, self.version, self.kind)


def seal_label(key_id: str, version: str, kind: Kind) -> str:
    """The label of a version's sealed material."""
    return f"key/{key_id}/{version}/{kind}"


def find_key(connection: sqlite3.Connection, vault: str, name: str, now: int) -> Key | None:
    """The key of that name, live or deleted and recoverable."""
    row = connection.execute(
        "SELECT * FROM keys WHERE vault = ? AND name = ? AND (purge_at IS NULL OR purge_at > ?)", (vault, name, now)
    ).fetchone()
    return None if row is None else _key(row)


def page_of_keys(
    connection: sqlite3.Connection, vault: str, *, deleted: bool, after: str, limit: int, now: int
) -> list[Key]:
    """At most `limit` keys whose names follow `after`, in order of their names: all live, or all deleted."""
    rows = connection.execute(
        "SELECT * FROM keys WHERE vault = ? AND name > ? AND (deleted IS NOT NULL) = ?"
        " AND (purge_at IS NULL OR purge_at > ?) ORDER BY name LIMIT ?",
        (vault, after, int(deleted), now, limit),
    )
    return [_key(row) for row in rows]


def current_version(connection: sqlite3.Connection, key: Key) -> Version:
    """The version that was made last; every key has one."""
    row = connection.execute(
        "SELECT * FROM key_versions WHERE key_id = ? ORDER BY number DESC LIMIT 1", (key.id,)
    ).fetchone()
    return _version(row)


def find_version(connection: sqlite3.Connection, key: Key, version: str) -> Version | None:
    """The version of that name."""
    row = connection.execute(
        "SELECT * FROM key_versions WHERE key_id = ? AND version = ?", (key.id, version)
    ).fetchone()
    return None if row is None else _version(row)


def versions_of(
    connection: sqlite3.Connection, key: Key, *, after: str | None = None, limit: int | None = None
) -> list[Version]:
    """Versions in the order in which they were made: those that follow `after`, at most `limit`."""
    rows = connection.execute(
        "SELECT * FROM key_versions WHERE key_id = :key AND number > coalesce("
        "(SELECT number FROM key_versions WHERE key_id = :key AND version = :after), 0) ORDER BY number LIMIT :limit",
        {"key": key.id, "after": after, "limit": -1 if limit is None else limit},
    )
    return [_version(row) for row in rows]


def insert_key(connection: sqlite3.Connection, key: Key) -> None:
    """Write the row of a new key."""
    connection.execute(
        "INSERT INTO keys (id, vault, name, rotation_policy) VALUES (?, ?, ?, ?)",
        (key.id, key.vault, key.name, key.rotation_policy),
    )


def insert_version(connection: sqlite3.Connection, version: Version) -> None:
    """Write the row of a new version, which is the key's current one from now on."""
    connection.execute(
        "INSERT INTO key_versions (key_id, version, kty, public, operations, enabled, not_before, expires, created,"
        " updated, tags, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.key_id,
            version.version,
            version.kind,
            json.dumps(public_to_json(version.public)),
            json.dumps(version.operations),
            int(version.enabled),
            version.not_before,
            version.expires,
            version.created,
            version.updated,
            json.dumps(dict(version.tags)),
            version.sealed,
        ),
    )


def update_version(connection: sqlite3.Connection, version: Version) -> None:
    """Write what may change of a version: operations, attributes, tags."""
    connection.execute(
        "UPDATE key_versions SET operations = ?, enabled = ?, not_before = ?, expires = ?, updated = ?, tags = ?"
        " WHERE key_id = ? AND version = ?",
        (
            json.dumps(version.operations),
            int(version.enabled),
            version.not_before,
            version.expires,
            version.updated,
            json.dumps(dict(version.tags)),
            version.key_id,
            version.version,
        ),
    )


def set_rotation_policy(connection: sqlite3.Connection, key: Key, policy: str) -> None:
    """Write the key's rotation policy."""
    connection.execute("UPDATE keys SET rotation_policy = ? WHERE id = ?", (policy, key.id))


def set_deleted(connection: sqlite3.Connection, key: Key, *, deleted: int | None, purge_at: int | None) -> None:
    """Make the key deleted and recoverable, or with None for both, live again."""
    connection.execute("UPDATE keys SET deleted = ?, purge_at = ? WHERE id = ?", (deleted, purge_at, key.id))


def erase(connection: sqlite3.Connection, key: Key) -> None:
    """Remove the key and all its versions."""
    connection.execute("DELETE FROM keys WHERE id = ?", (key.id,))


def forget_due(connection: sqlite3.Connection, now: int) -> None:
    """Remove the keys whose retention period is over."""
    connection.execute("DELETE FROM keys WHERE purge_at <= ?", (now,))


def forget_vault(connection: sqlite3.Connection, vault: str) -> None:
    """Remove every key of a vault that is purged."""
    connection.execute("DELETE FROM keys WHERE vault = ?", (vault,))


def public_to_json(public: Public) -> dict[str, str]:
    """A public key as it is kept: numbers in hex."""
    if isinstance(public, RsaPublic):
        return {"n": f"{public.n:x}", "e": f"{public.e:x}"}
    return {"crv": public.curve.name, "x": f"{public.x:x}", "y": f"{public.y:x}"}


def public_from_json(kept: Mapping[str, Any]) -> Public:
    """The public key that `public_to_json` wrote."""
    if "n" in kept:
        return RsaPublic(int(kept["n"], 16), int(kept["e"], 16))
    return EcPublic(CURVES[kept["crv"]], int(kept["x"], 16), int(kept["y"], 16))


def _key(row: sqlite3.Row) -> Key:
    return Key(
        id=row["id"],
        vault=row["vault"],
        name=row["name"],
        rotation_policy=row["rotation_policy"],
        deleted=row["deleted"],
        purge_at=row["purge_at"],
    )


def _version(row: sqlite3.Row) -> Version:
    return Version(
        key_id=row["key_id"],
        version=row["version"],
        kind=Kind(row["kty"]),
        public=public_from_json(json.loads(row["public"])),
        operations=tuple(json.loads(row["operations"])),
        enabled=bool(row["enabled"]),
        not_before=row["not_before"],
        expires=row["expires"],
        created=row["created"],
        updated=row["updated"],
        tags=json.loads(row["tags"]),
        sealed=row["sealed"],
    )
