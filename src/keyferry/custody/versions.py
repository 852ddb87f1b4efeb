"""Versions of a key: finding them, sealing their material into a row, and getting it back."""

import hmac

from sqlalchemy import bindparam

from keyferry.clock import Microseconds, to_rfc3339
from keyferry.custody.generation import Made
from keyferry.custody.lifecycle import State
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, IntegrityViolation, InvalidInput
from keyferry.material.keys import Material
from keyferry.material.sealing import Binding, SealedMaterial, Sealer
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, Lock
from keyferry.store.tables import key_versions

_BY_NUMBER = Query(
    KEY_VERSIONS, key_versions.c.key_id == bindparam("key_id"), key_versions.c.number == bindparam("number")
)
_ALL = Query(KEY_VERSIONS, key_versions.c.key_id == bindparam("key_id"), order_by=key_versions.c.number)


def binding_of(key: Key, version: KeyVersion) -> Binding:
    """What a version's material is sealed to; none of it ever changes. Moved to another row, it does not unseal."""
    return Binding(key.id, version.id, version.number, key.algorithm, key.exportable)


def current_version(view: View, key: Key, lock: Lock | None = None) -> KeyVersion:
    """The version that a key protects with.

    Raises:
        IntegrityViolation: the key's row names a version that is not there.
    """
    version = view.get(KEY_VERSIONS, key.current_version_id, lock)
    if version is None or version.key_id != key.id:
        raise IntegrityViolation(f"Version {key.current_version_id}, current for key {key.id}, is not there.")
    return version


def version_numbered(view: View, key: Key, number: int | None, lock: Lock | None = None) -> KeyVersion:
    """The version of that number; the current one for None.

    Raises:
        NotFound: the key has no such version.
        IntegrityViolation: it was made, and has been removed.
    """
    if number is None:
        return current_version(view, key, lock)
    if not 1 <= number <= key.versions:
        raise view.missing("version", str(number))
    version = view.first(KEY_VERSIONS, _BY_NUMBER, lock, key_id=key.id, number=number)
    if version is None:
        raise IntegrityViolation(f"Version {number} of key {key.id} was made, but is not there.")
    return version


def all_versions(view: View, key: Key, lock: Lock | None = None) -> list[KeyVersion]:
    """Every version, in order.

    Raises:
        IntegrityViolation: one that was made has been removed.
    """
    found = view.find(KEY_VERSIONS, _ALL, lock, key_id=key.id)
    if [version.number for version in found] != list(range(1, key.versions + 1)):
        raise IntegrityViolation(f"Key {key.id} has {key.versions} versions, but {len(found)} are there.")
    return found


def new_version(
    sealer: Sealer,
    key: Key,
    number: int,
    origin: str,
    made: Made,
    dates: "Dates",
    user_id: str,
) -> KeyVersion:
    """A version row with its material sealed, under the id that it was made with; not written yet."""
    identity = made.identity
    binding = Binding(key.id, made.version_id, number, key.algorithm, key.exportable)
    return KeyVersion(
        id=made.version_id,
        key_id=key.id,
        number=number,
        state=dates.state.value,
        activation_date=dates.activation,
        deactivation_date=dates.deactivation,
        origin=origin,
        material=sealer.seal(made.material, binding).blob,
        public_key=identity.public_key,
        spki_sha256=identity.spki_sha256,
        thumbprint=identity.thumbprint,
        check_value=identity.check_value,
        created_at=dates.now,
        created_by=user_id,
    )


def write_version(change: Change, key: Key, version: KeyVersion, material: Material) -> KeyVersion:
    """Insert a version, and unseal what the database then holds, before it is committed.

    Raises:
        IntegrityViolation: what came back is not what was sealed.
    """
    written = change.insert(KEY_VERSIONS, version)
    check_material(change.sealer, key, written, material)
    return written


def check_material(sealer: Sealer, key: Key, version: KeyVersion, material: Material) -> None:
    """Unseal what the database holds of a version that was just written.

    Raises:
        IntegrityViolation: it is not `material`.
    """
    unsealed = unseal(sealer, key, version)
    if not hmac.compare_digest(unsealed.secret.reveal(), material.secret.reveal()):
        raise IntegrityViolation(f"The material of version {version.id} differed when it was read back.")


def unseal(sealer: Sealer, key: Key, version: KeyVersion) -> Material:
    """The key material of a version.

    Raises:
        Conflict: it has been erased.
        IntegrityViolation: it does not verify.
    """
    if version.material is None:
        raise Conflict(
            f"Version {version.number} is {version.state}: its key material is gone.",
            code="key-not-active",
            advice="Use another version.",
        )
    return sealer.unseal(SealedMaterial(version.material), binding_of(key, version))


class Dates:
    """The dates of a new version, and the state that they put it in.

    Args:
        activated: whether it is to be active without further ado.
        activation: when it becomes active, if that lies ahead.
        deactivation: when it stops protecting.

    Raises:
        InvalidInput: the dates contradict each other or have passed.
    """

    def __init__(
        self, now: Microseconds, *, activated: bool, activation: Microseconds | None, deactivation: Microseconds | None
    ) -> None:
        self.now = now
        if activation is not None and not activated:
            raise InvalidInput(
                "A key that is made pre-active has no activation date yet.",
                field="activation_date",
                advice="Leave one of the two out: with a date, the key is pre-active until then.",
            )
        self.activation = activation if activation is not None else (now if activated else None)
        self.deactivation = deactivation
        self.state = State.ACTIVE if self.activation is not None and self.activation <= now else State.PRE_ACTIVE
        check_deactivation(now, self.activation, deactivation)


def check_deactivation(now: Microseconds, activation: Microseconds | None, deactivation: Microseconds | None) -> None:
    """
    Raises:
        InvalidInput: the deactivation date has passed, or does not come after the activation date.
    """
    if deactivation is None:
        return
    if deactivation <= now:
        raise InvalidInput(
            f"The deactivation date {to_rfc3339(deactivation)} has passed.",
            field="deactivation_date",
            advice="Give a date that lies ahead.",
        )
    if activation is not None and deactivation <= activation:
        raise InvalidInput(
            "The deactivation date does not come after the activation date.",
            field="deactivation_date",
            advice="Give a later date.",
        )
