"""New versions: created, imported, rotated. What costs time is done before the transaction, and checked again in it."""

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.keys import bundles, documents, jwk, pkcs8, rotation, rows, wrapped_import
from keyferry.emulator.keys.attributes import read_attributes, read_operations, read_tags, require_period
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import CURVES, RSA_SIZES, Kind, operations_of
from keyferry.emulator.keys.lookup import key_for_new_version, live_version, require_tier
from keyferry.emulator.keys.material import EXPONENT, Private, generate_ec, generate_rsa, like
from keyferry.emulator.keys.names import new_version
from keyferry.emulator.keys.refusals import bad_parameter, key_disabled, key_not_found
from keyferry.emulator.keys.rows import Key, Version

DEFAULT_RSA_SIZE: Final = 2048
DEFAULT_CURVE: Final = "P-256"

Recheck = Callable[[sqlite3.Connection, int], None]
"""What is looked at again inside the writing transaction, at that moment in Unix seconds; raises AzureFailure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as it will be, its material in the clear.

    Attributes:
        expires_by: when it expires, by when it is made, both in Unix seconds; None for `expires`.
    """

    kind: Kind
    private: Private
    operations: tuple[str, ...]
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    expires_by: Callable[[int], int | None] | None = None
    tags: Mapping[str, str]


def create(call: Call, name: str, body: Document) -> dict[str, Any]:
    """Generate a key, or a new version of one (POST /keys/NAME/create).

    Raises:
        AzureFailure: 400 BadParameter; 409 ObjectIsDeletedButRecoverable.
    """
    kind = jwk.require_kind(documents.text(body, "kty"))
    require_tier(call, kind)
    generate = _generator(kind, body)
    described = _described(kind, body, body)
    _require_name(call, name)
    return _add(call, name, NewVersion(kind=kind, private=generate(), **described))


def import_key(call: Call, name: str, body: Document) -> dict[str, Any]:
    """Import a key, from a JSON Web Key or a transfer file (PUT /keys/NAME).

    `Hsm` is false in what az sends even with a transfer file, so `kty` and `key_hsm` decide. `Hsm` true puts a plain
    key of a software kind into a hardware module.

    Raises:
        AzureFailure: 400 BadParameter; 403, the KEK will not do now; 409 ObjectIsDeletedButRecoverable.
    """
    key = documents.nested(body, "key")
    if key is None:
        raise bad_parameter("Property key has invalid value: it is missing.")
    declared = jwk.require_kind(documents.text(key, "kty"))
    guarded = documents.boolean(body, "Hsm")
    file = documents.text(key, "key_hsm")
    kind = declared.guarded if guarded and file is None else declared
    require_tier(call, kind)
    described = _described(kind, key, body)
    _require_name(call, name)
    if file is None:
        return _add(call, name, NewVersion(kind=kind, private=jwk.read_private(key, kind), **described))
    wrapped = wrapped_import.read(call, key, kind, file)
    return _add(call, name, NewVersion(kind=kind, private=wrapped.private, **described), wrapped.require_kek_again)


def rotate(call: Call, name: str) -> dict[str, Any]:
    """Generate a new version like the current one (POST /keys/NAME/rotate).

    Operations and tags are kept; the rotation policy says when the new version expires, if it says so.

    Raises:
        AzureFailure: 404 KeyNotFound; 403 KeyDisabled; 409 ObjectIsDeletedButRecoverable.
    """
    with call.state.read() as connection:
        key, current = live_version(connection, call, name, None, clock.now())
    if not current.enabled:
        raise key_disabled("rotate")
    version = NewVersion(
        kind=current.kind,
        private=like(current.public),
        operations=current.operations,
        expires_by=partial(rotation.expiry_of_new_version, key),
        tags=current.tags,
    )
    return _add(call, name, version, _still_there(call, key))


def _described(kind: Kind, operations: Document, body: Document) -> dict[str, Any]:
    given = read_attributes(body)
    require_period(given.not_before, given.expires)
    asked = read_operations(operations, kind)
    return {
        "operations": operations_of(kind) if asked is None else asked,
        "enabled": given.enabled is not False,
        "not_before": given.not_before,
        "expires": given.expires,
        "tags": read_tags(body) or {},
    }


def _generator(kind: Kind, body: Document) -> Callable[[], Private]:
    size, exponent = documents.integer(body, "key_size"), documents.integer(body, "public_exponent")
    crv = documents.text(body, "crv")
    if not kind.rsa:
        if size is not None or exponent is not None:
            raise bad_parameter("key_size and public_exponent go with RSA keys; a key on an elliptic curve has crv.")
        curve = jwk.require_curve(DEFAULT_CURVE if crv is None else crv)
        return lambda: generate_ec(CURVES[curve.name])
    if crv is not None:
        raise bad_parameter("crv goes with keys on elliptic curves; an RSA key has key_size.")
    if exponent not in {None, EXPONENT}:
        raise bad_parameter(f"Property public_exponent has invalid value: {EXPONENT} is what is offered here.")
    bits = DEFAULT_RSA_SIZE if size is None else size
    if bits not in RSA_SIZES:
        raise bad_parameter("Property key_size has invalid value: an RSA key has 2048, 3072 or 4096 bits.")
    return lambda: generate_rsa(bits)


def _require_name(call: Call, name: str) -> None:
    with call.state.read() as connection:
        key_for_new_version(connection, call, name, clock.now())


def _still_there(call: Call, key: Key) -> Recheck:
    def recheck(connection: sqlite3.Connection, now: int) -> None:
        found = rows.find_key(connection, call.vault.name, key.name, now)
        if found is None or found.id != key.id:
            raise key_not_found(key.name)

    return recheck


def _add(call: Call, name: str, new: NewVersion, recheck: Recheck | None = None) -> dict[str, Any]:
    """Write the version, of a new key where the name is free, in one transaction; the answer is made of what it is."""
    material = pkcs8.write(new.private)
    with call.state.write() as connection:
        call.require_vault(connection)  # it may have been purged while the key was made, and its name be another's
        now = clock.now()
        rows.forget_due(connection, now)
        if recheck is not None:
            recheck(connection, now)
        key = key_for_new_version(connection, call, name, now)
        if key is None:
            key = Key(id=secrets.token_hex(16), vault=call.vault.name, name=name)
            rows.insert_key(connection, key)
        word = new_version()
        version = Version(
            key_id=key.id,
            version=word,
            kind=new.kind,
            public=new.private.public,
            operations=new.operations,
            enabled=new.enabled,
            not_before=new.not_before,
            expires=new.expires if new.expires_by is None else new.expires_by(now),
            created=now,
            updated=now,
            tags=new.tags,
            sealed=call.state.seal(material, rows.seal_label(key.id, word, new.kind)),
        )
        rows.insert_version(connection, version)
    return bundles.bundle(call, key, version)
