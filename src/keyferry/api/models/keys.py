"""Keys and their versions, as requests and answers."""

from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, Strict

from keyferry.api.models.approvals import ApprovalPolicyGiven, wish_of
from keyferry.api.models.users import cleared
from keyferry.api.models.values import (
    Answer,
    Flag,
    Line,
    Moment,
    Name,
    Reference,
    Request,
    SecretBytes,
    SecretText,
    VersionNumber,
    bytes_of,
    secret_of,
    when,
)
from keyferry.clock import Microseconds
from keyferry.custody.key_access import KeyUser
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NO_DATE, KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.schedules import MOST_DAYS, NEVER, NO_SCHEDULE, UNSAID, Schedule
from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.secret import Secret
from keyferry.store.records import Key

Days = Annotated[int, Strict(), Field(ge=1, le=MOST_DAYS)]

KeyType = StrEnum("KeyType", {name.upper().replace("-", "_"): name for name in ALGORITHMS})  # type: ignore[misc]  # from the one table of key types


class RotationSchedule(Request):
    """When a key is rotated by itself: so many days after its current version became active, so many days before that
    is deactivated, or whichever of the two comes first. In a change, what is left out stays, and null clears.
    """

    every_days: Days | None = None
    before_deactivation_days: Days | None = None

    def schedule(self) -> Schedule:
        """As custody takes it, of a new key."""
        return Schedule(self.every_days, self.before_deactivation_days)

    def edit(self) -> Schedule:
        """As custody takes it, in an edit."""
        return Schedule(self._part("every_days"), self._part("before_deactivation_days"))

    def _part(self, member: str) -> int | None:
        if member not in self.model_fields_set:
            return None
        given: int | None = getattr(self, member)
        return NEVER if given is None else given


class KeyCreation(Request):
    """A key to generate. Without `group` and `owner` it is the caller's default group's, else the caller's."""

    type: KeyType
    name: Name | None = None
    description: Line | None = None
    group: Reference | None = None
    owner: Reference | None = None
    activated: Flag = True
    exportable: Flag = True
    usages: Annotated[tuple[Usage, ...], Field(min_length=1, max_length=6)] | None = None
    activation_date: Moment | None = None
    deactivation_date: Moment | None = None
    rotation: RotationSchedule | None = None

    def new_key(self) -> NewKey:
        """As custody takes it."""
        return NewKey(
            algorithm=self.type.value,
            name=self.name,
            description=self.description,
            group=self.group,
            owner=self.owner,
            activated=self.activated,
            exportable=self.exportable,
            usages=None if self.usages is None else tuple(usage.value for usage in self.usages),
            activation_date=self.activation_date,
            deactivation_date=self.deactivation_date,
            rotation=UNSAID if self.rotation is None else self.rotation.schedule(),
        )


class KeyImport(KeyCreation):
    """A key that was made elsewhere, in one of two forms.

    `material` holds a file's bytes (DER, raw AES, or any form), `material_text` a text (PEM, JWK, AES in hexadecimal or
    base64).
    """

    material: SecretBytes | None = None
    material_text: SecretText | None = None
    passphrase: SecretText | None = None

    def data(self) -> bytes:
        """The material as it stood in its file.

        Raises:
            InvalidInput: both forms, neither, or no base64url.
        """
        if (self.material is None) == (self.material_text is None):
            raise InvalidInput(
                "Give the key material in one of two forms.",
                field="material",
                advice="Give `material` (base64url) or `material_text` (PEM, JWK).",
            )
        if self.material_text is not None:
            return self.material_text.get_secret_value().encode()
        return bytes_of(self.material.get_secret_value() if self.material else "", field="material")

    def secret_passphrase(self) -> Secret | None:
        """The passphrase of encrypted material."""
        return None if self.passphrase is None else secret_of(self.passphrase)


class KeyChange(Request):
    """What to change (RFC 7396): what is left out stays, null clears. Dates are those of the current version."""

    name: Name | None = None
    description: Line | None = None
    activation_date: Moment | None = None
    deactivation_date: Moment | None = None
    rotation: RotationSchedule | None = None
    approvals: ApprovalPolicyGiven | None = None

    def edit(self) -> KeyEdit:
        """As custody takes it."""
        return KeyEdit(
            name=cleared(self, "name"),
            description=cleared(self, "description"),
            activation_date=self._date("activation_date"),
            deactivation_date=self._date("deactivation_date"),
            rotation=self._rotation(),
            approvals=wish_of(self, self.approvals),
        )

    def _rotation(self) -> Schedule:
        if "rotation" not in self.model_fields_set:
            return UNSAID
        return NO_SCHEDULE if self.rotation is None else self.rotation.edit()

    def _date(self, member: str) -> Microseconds | None:
        if member not in self.model_fields_set:
            return None
        given: Microseconds | None = getattr(self, member)
        return NO_DATE if given is None else given


class Rotation(Request):
    """A new version of a key: active and current at once, or pre-active and neither until it is promoted."""

    activated: Flag = True


class VersionChoice(Request):
    """Which version is meant: the current one, or for a destruction all of them, unless a number is given."""

    version: VersionNumber | None = None


class Promotion(Request):
    """The version that is to be the current one."""

    version: VersionNumber


class Revocation(VersionChoice):
    """Why a version is revoked: one of KMIP's reasons."""

    reason: RevocationReason
    message: Line | None = None


class NewOwner(Request):
    """One of the two."""

    group: Reference | None = None
    owner: Reference | None = None


class OwnerAnswer(Answer):
    """The name of the user, or of the group; the other is null."""

    user: str | None
    group: str | None


class KeyUserAnswer(Answer):
    """A user who can use a key, and what an Administrator has done about them; null where nothing."""

    user: str
    disabled: bool
    since: str | None
    added_by: str | None
    password_set_at: str | None
    password_set_by: str | None

    @classmethod
    def of(cls, user: KeyUser) -> "KeyUserAnswer":
        """From custody's."""
        return cls(
            user=user.name,
            disabled=user.disabled,
            since=when(user.since),
            added_by=user.added_by,
            password_set_at=when(user.password_set_at),
            password_set_by=user.password_set_by,
        )


class VersionAnswer(Answer):
    """A version of a key. Its public key's fingerprints, or a symmetric key's check value, tell it from others."""

    version: int
    version_id: str
    current: bool = Field(description="Whether the key protects with this version.")
    state: State
    activation_date: str | None
    deactivation_date: str | None
    destroy_at: str | None
    destroyed_at: str | None
    revocation_reason: RevocationReason | None
    revocation_message: str | None
    compromised_at: str | None
    origin: str
    spki_sha256: str | None
    thumbprint: str | None
    check_value: str | None
    version_created_at: str
    version_created_by: str

    @classmethod
    def of_version(cls, detail: KeyDetail) -> "VersionAnswer":
        """The version that `detail` shows."""
        return cls(**_of_version(detail))


class RotationAnswer(Answer):
    """A key's schedule, and when it is rotated next; null while there is no date to count from."""

    every_days: int | None
    before_deactivation_days: int | None
    next_at: str | None

    @classmethod
    def of(cls, key: Key) -> "RotationAnswer | None":
        """From a key's row; None without a schedule."""
        schedule = Schedule.of(key)
        if schedule == UNSAID:
            return None
        return cls(
            every_days=schedule.every_days,
            before_deactivation_days=schedule.before_deactivation_days,
            next_at=when(key.rotate_at),
        )


class _KeyFacts(Answer):
    """What holds for a key whatever the version."""

    id: str
    name: str | None
    description: str | None
    type: KeyType
    owner: OwnerAnswer
    exportable: bool
    usages: list[Usage]
    versions: int
    rotation: RotationAnswer | None
    needs_approvals: bool = Field(description="Whether it has an approval policy of its own: `/keys/{key}/approvals`.")
    created_at: str
    created_by: str
    revision: int


class KeyAnswer(VersionAnswer, _KeyFacts):
    """A key, with one of its versions: the current one unless another was asked for."""

    @classmethod
    @lru_cache(maxsize=512)
    def of(cls, detail: KeyDetail) -> "KeyAnswer":
        """Without the material, sealed or not. Made once of the same rows: keys are asked for more than changed."""
        key, owner = detail.key, detail.owner
        return cls(
            **_of_version(detail),
            id=key.id,
            name=key.name,
            description=key.description,
            type=KeyType(key.algorithm),
            owner=OwnerAnswer(
                user=None if owner.user_id is None else owner.name, group=None if owner.group_id is None else owner.name
            ),
            exportable=key.exportable,
            usages=[Usage(usage) for usage in key.usages.split(",")],
            versions=key.versions,
            rotation=RotationAnswer.of(key),
            needs_approvals=key.approvals is not None,
            created_at=when(key.created_at) or "",
            created_by=key.created_by,
            revision=key.revision,
        )


class PublicKeyAnswer(Answer):
    """A public key, in three forms, and its fingerprints."""

    pem: str
    spki: str = Field(description="DER SubjectPublicKeyInfo, base64url without padding")
    jwk: dict[str, str]
    spki_sha256: str
    thumbprint: str


def _of_version(detail: KeyDetail) -> dict[str, Any]:
    version = detail.version
    return {
        "version": version.number,
        "version_id": version.id,
        "current": detail.is_current,
        "state": detail.state,
        "activation_date": when(version.activation_date),
        "deactivation_date": when(version.deactivation_date),
        "destroy_at": when(version.destroy_at),
        "destroyed_at": when(version.destroyed_at),
        "revocation_reason": version.revocation_reason,
        "revocation_message": version.revocation_message,
        "compromised_at": when(version.compromised_at),
        "origin": version.origin,
        "spki_sha256": version.spki_sha256,
        "thumbprint": version.thumbprint,
        "check_value": version.check_value,
        "version_created_at": when(version.created_at),
        "version_created_by": version.created_by,
    }
