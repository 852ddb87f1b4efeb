"""What may be said of a key beside its material: enabled, its period of validity, its operations, its tags.

Sources: Microsoft's "Key attributes" and "Azure Key Vault service limits".
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from keyferry.emulator.keys import documents
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import Kind, Operation, operations_of
from keyferry.emulator.keys.refusals import bad_parameter, key_disabled, operation_not_permitted, outside_validity
from keyferry.emulator.keys.rows import Version

LAST_MOMENT: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, in Unix seconds."""
MOST_TAGS: Final = 15
LONGEST_TAG: Final = 256
"""Characters of a tag's name, and of its value."""

_ALSO_OUTSIDE_VALIDITY: Final = {Operation.DECRYPT, Operation.UNWRAP, Operation.VERIFY}
"""What a key that is not yet valid, or no longer, still does, so that nothing that it protects is lost."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request says of a key's attributes; None where it says nothing. Times are Unix seconds."""

    enabled: bool | None = None
    not_before: int | None = None
    expires: int | None = None


def read_attributes(body: Document) -> Attributes:
    """The attributes in a request's body, and the refusal of secure key release, which is not offered.

    Raises:
        AzureFailure: 400, an attribute has a value that it cannot have, or asks for an exportable key.
    """
    given = documents.nested(body, "attributes") or {}
    _require_not_exportable(body, given)
    return Attributes(
        enabled=documents.boolean(given, "enabled"), not_before=_moment(given, "nbf"), expires=_moment(given, "exp")
    )


def require_period(not_before: int | None, expires: int | None) -> None:
    """Refuse a period of validity that ends before it begins.

    Raises:
        AzureFailure: 400.
    """
    if not_before is not None and expires is not None and expires <= not_before:
        raise bad_parameter("Property exp has invalid value: it is not later than nbf.")


def read_tags(body: Document) -> dict[str, str] | None:
    """The tags in a request's body, or None where it has none.

    Raises:
        AzureFailure: 400, more than 15, longer than 256 characters, or no strings.
    """
    given = documents.nested(body, "tags")
    if given is None:
        return None
    if len(given) > MOST_TAGS:
        raise bad_parameter(f"Property tags has invalid value: a key has at most {MOST_TAGS} tags.")
    for name, value in given.items():
        if not isinstance(value, str):
            raise bad_parameter("Property tags has invalid value: the value of a tag is a string.")
        if len(name) > LONGEST_TAG or len(value) > LONGEST_TAG:
            raise bad_parameter(
                f"Property tags has invalid value: names and values have at most {LONGEST_TAG} characters."
            )
    return dict(given)


def read_operations(body: Document, kind: Kind) -> tuple[str, ...] | None:
    """`key_ops` in a request, or None where it says nothing of them.

    `import` makes a key encryption key for transfer files: it goes with no other operation, and with RSA-HSM alone.

    Raises:
        AzureFailure: 400, an operation that this kind of key does not support, or `import` beside another.
    """
    given = documents.strings(body, "key_ops")
    if given is None:
        return None
    asked = tuple(dict.fromkeys(given))
    if Operation.IMPORT in asked:
        if kind is not Kind.RSA_HSM:
            raise bad_parameter(f"Key operation 'import' goes with keys of type RSA-HSM only, and this one is {kind}.")
        if len(asked) > 1:
            raise bad_parameter("Key operation 'import' is mutually exclusive with all other key operations.")
        return asked
    supported = operations_of(kind)
    refused = [each for each in asked if each not in supported]
    if refused:
        raise bad_parameter(
            f"Unsupported key operation(s): {_quoted(refused)}. Supported values are {_quoted(supported)}."
        )
    return asked


def require_usable(version: Version, operation: Operation, now: int) -> None:
    """Refuse an operation that this version does not do, now or ever.

    1. The version is enabled.
    2. Now lies within its period of validity; decrypt, unwrapKey and verify also work outside of it.
    3. Its `key_ops` name the operation.

    Raises:
        AzureFailure: 403 KeyDisabled, KeyNotYetValidOrExpired or KeyOperationForbidden.
    """
    if not version.enabled:
        raise key_disabled(operation)
    if operation not in _ALSO_OUTSIDE_VALIDITY:
        if version.not_before is not None and now < version.not_before:
            raise outside_validity(operation, "is not yet valid")
        if version.expires is not None and now >= version.expires:
            raise outside_validity(operation, "has expired")
    if operation not in version.operations:
        raise operation_not_permitted(operation)


def _require_not_exportable(body: Document, attributes: Document) -> None:
    exportable = documents.boolean(attributes, "exportable")
    policy = documents.nested(body, "release_policy")
    if exportable and policy is None:
        raise bad_parameter("AKV.SKR.1004: Exportable keys must have release policy.")
    if policy is not None and not exportable:
        raise bad_parameter("AKV.SKR.1005: Non-exportable keys must not have release policy.")
    if exportable:
        raise bad_parameter("Exportable keys (secure key release) are not offered by this emulator.")


def _moment(attributes: Document, name: str) -> int | None:
    value = documents.integer(attributes, name)
    if value is not None and not 0 <= value <= LAST_MOMENT:
        raise bad_parameter(
            f"Property {name} has invalid value: it is no moment between 1970 and 9999 in Unix seconds."
        )
    return value


def _quoted(words: Collection[str]) -> str:
    return ", ".join(f'"{word[:64]}"' for word in words)
