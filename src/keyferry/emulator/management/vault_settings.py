"""What a PUT or PATCH of a vault says, read strictly.

`Microsoft.KeyVault/vaults`, VaultCreateOrUpdateParameters and VaultPatchParameters. A member that is absent or null is
None here: not said. What nothing in the emulator depends on is kept as it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.names import is_guid
from keyferry.emulator.management.permissions import ALL, KEY_PERMISSIONS
from keyferry.emulator.management.vault import AccessPolicy

RETENTION_DAYS: Final = range(7, 91)
MAX_POLICIES: Final = 1024
MAX_TAGS: Final = 15
MAX_TAG_CHARACTERS: Final = 256
_OTHER_OBJECTS: Final = ("secrets", "certificates", "storage")
_ANSWERED: Final = ("vaultUri", "provisioningState", "hsmPoolResourceId", "privateEndpointConnections")


class Sku(StrEnum):
    """`sku.name`."""

    STANDARD = "standard"
    PREMIUM = "premium"


class CreateMode(StrEnum):
    """`createMode`: make or change the vault, or take a soft-deleted one back."""

    DEFAULT = "default"
    RECOVER = "recover"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """What was said of a vault."""

    location: str | None
    tags: Mapping[str, str] | None
    tenant_id: str | None
    sku: Sku | None
    retention_days: int | None
    purge_protection: bool | None
    rbac: bool | None
    access_policies: tuple[AccessPolicy, ...] | None
    create_mode: CreateMode
    properties: Mapping[str, Any]


def parse(body: Mapping[str, Any]) -> VaultSettings:
    """Read the body of a PUT or PATCH.

    Raises:
        AzureFailure: 400 BadRequest or InvalidRequestContent, naming the member.
    """
    given = dict(_object(body.get("properties"), "properties"))
    location = body.get("location")
    _require_soft_delete(given.pop("enableSoftDelete", None))
    settings = VaultSettings(
        location=None if location is None else _text(location, "location"),
        tags=_tags(body.get("tags")),
        tenant_id=_optional_guid(given.pop("tenantId", None), "properties.tenantId"),
        sku=_sku(given.pop("sku", None)),
        retention_days=_retention(given.pop("softDeleteRetentionInDays", None)),
        purge_protection=_protection(given.pop("enablePurgeProtection", None)),
        rbac=_flag(given.pop("enableRbacAuthorization", None), "properties.enableRbacAuthorization"),
        access_policies=_optional_policies(given.pop("accessPolicies", None)),
        create_mode=_mode(given.pop("createMode", None)),
        properties={name: value for name, value in given.items() if value is not None and name not in _ANSWERED},
    )
    _check_kept(settings.properties)
    return settings


def parse_policies(given: object) -> tuple[AccessPolicy, ...]:
    """Read `accessPolicies`.

    Raises:
        AzureFailure: 400 BadRequest, naming the member.
    """
    if not isinstance(given, list):
        raise _invalid("properties.accessPolicies", "is not a list")
    if len(given) > MAX_POLICIES:
        raise _invalid("properties.accessPolicies", f"has {len(given)} entries; a vault takes {MAX_POLICIES}")
    policies = [_policy(each, f"properties.accessPolicies[{index}]") for index, each in enumerate(given)]
    merged: list[AccessPolicy] = []
    for policy in policies:
        if any(policy.same_principal(other) for other in merged):
            raise _invalid("properties.accessPolicies", f"has two entries for the object '{policy.object_id}'")
        merged.append(policy)
    return tuple(merged)


def _policy(given: object, at: str) -> AccessPolicy:
    policy = _object(given, at)
    permissions = _object(policy.get("permissions"), f"{at}.permissions")
    tenant = _optional_guid(policy.get("tenantId"), f"{at}.tenantId")
    object_id = _optional_guid(policy.get("objectId"), f"{at}.objectId")
    if tenant is None or object_id is None:
        raise _invalid(at, "needs tenantId and objectId")
    return AccessPolicy(
        tenant_id=tenant,
        object_id=object_id,
        keys=_words(permissions.get("keys"), f"{at}.permissions.keys"),
        application_id=_optional_guid(policy.get("applicationId"), f"{at}.applicationId"),
        others={name: permissions[name] for name in _OTHER_OBJECTS if permissions.get(name) is not None},
    )


def _words(given: object, at: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise _invalid(at, "is not a list of words")
    words = [word.lower() for word in given]
    for word in words:
        if word != ALL and word not in KEY_PERMISSIONS:
            known = ", ".join((ALL, *(permission.word for permission in KEY_PERMISSIONS.values())))
            raise _invalid(at, f"has the unknown permission '{word}'; known are {known}")
    return tuple(dict.fromkeys(words))


def _require_soft_delete(given: object) -> None:
    if _flag(given, "properties.enableSoftDelete") is False:
        raise AzureFailure(
            400,
            "BadRequest",
            'The property "enableSoftDelete" cannot be set to false: every vault has soft delete, and it is '
            "irreversible. Leave the property out.",
        )


def _protection(given: object) -> bool | None:
    wanted = _flag(given, "properties.enablePurgeProtection")
    if wanted is False:
        raise AzureFailure(
            400,
            "BadRequest",
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action. Leave the property out where it is not wanted.",
        )
    return wanted


def _retention(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given not in RETENTION_DAYS:
        raise _invalid("properties.softDeleteRetentionInDays", "is not a whole number from 7 to 90")
    return given


def _sku(given: object) -> Sku | None:
    if given is None:
        return None
    sku = _object(given, "properties.sku")
    if str(sku.get("family")).upper() != "A":
        raise _invalid("properties.sku.family", "is not 'A', the only family there is")
    name = str(sku.get("name")).lower()
    if name not in list(Sku):
        raise _invalid("properties.sku.name", "is neither 'standard' nor 'premium'")
    return Sku(name)


def _mode(given: object) -> CreateMode:
    mode = str(given or CreateMode.DEFAULT).lower()
    if mode not in list(CreateMode):
        raise _invalid("properties.createMode", "is neither 'default' nor 'recover'")
    return CreateMode(mode)


def _check_kept(properties: Mapping[str, Any]) -> None:
    for name in ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"):
        _flag(properties.get(name), f"properties.{name}")
    access = properties.get("publicNetworkAccess")
    if access is not None and str(access).lower() not in ("enabled", "disabled"):
        raise _invalid("properties.publicNetworkAccess", "is neither 'enabled' nor 'disabled'")
    rules = _object(properties.get("networkAcls"), "properties.networkAcls")
    if rules and str(rules.get("defaultAction", "Allow")).lower() not in ("allow", "deny"):
        raise _invalid("properties.networkAcls.defaultAction", "is neither 'Allow' nor 'Deny'")


def _tags(given: object) -> Mapping[str, str] | None:
    if given is None:
        return None
    tags = _object(given, "tags")
    if len(tags) > MAX_TAGS:
        raise _invalid("tags", f"has {len(tags)} entries; a vault takes {MAX_TAGS}")
    for name, value in tags.items():
        if len(_text(value, f"tags.{name}")) > MAX_TAG_CHARACTERS or len(name) > MAX_TAG_CHARACTERS:
            raise _invalid("tags", f"has a name or value of more than {MAX_TAG_CHARACTERS} characters")
    return tags


def _optional_policies(given: object) -> tuple[AccessPolicy, ...] | None:
    return None if given is None else parse_policies(given)


def _optional_guid(given: object, at: str) -> str | None:
    if given is None:
        return None
    text = _text(given, at)
    if not is_guid(text):
        raise _invalid(at, "is not a GUID")
    return text.lower()


def _flag(given: object, at: str) -> bool | None:
    if given is not None and not isinstance(given, bool):
        raise _invalid(at, "is neither true nor false")
    return given


def _text(given: object, at: str) -> str:
    if not isinstance(given, str):
        raise _invalid(at, "is not a text")
    return given


def _object(given: object, at: str) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise AzureFailure(400, "InvalidRequestContent", f"The request content was invalid: {at} is not an object.")
    return given


def _invalid(at: str, what: str) -> AzureFailure:
    return AzureFailure(400, "BadRequest", f"An invalid value was provided for '{at}': it {what}.")
