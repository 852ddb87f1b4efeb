"""What a connection says of itself, judged: its cloud, whose sign-in it is, which vaults it reaches."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keyferry.byok.identifier import AzureCloud
from keyferry.byok.vault_address import VaultAddress, parse_vault_address
from keyferry.custody.credentials import CredentialKind
from keyferry.custody.facts import FLAG, LINE, Fact, Form, check_facts
from keyferry.errors import InvalidInput

MOST_VAULTS: Final = 100

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_URL = re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,252})(:[1-9][0-9]{0,4})?/?")
_ADDRESS: Final = Form(
    lambda value: isinstance(value, str) and _URL.fullmatch(value.lower()) is not None, "an address https://HOST"
)


class Cloud(StrEnum):
    """Which of Azure's clouds a connection is for; a custom one tells its own addresses."""

    PUBLIC = "public"
    US_GOVERNMENT = "us-government"
    CHINA = "china"
    CUSTOM = "custom"


#: of a custom cloud: the members of `clouds.azure.environment.AzureCloud`, whose docstring tells what they are
ENDPOINTS: Final[Mapping[str, Fact]] = {
    "authority": Fact(_ADDRESS),
    "resource_manager": Fact(_ADDRESS),
    "audience": Fact(_ADDRESS, optional=True),
    "graph": Fact(_ADDRESS, optional=True),
    "vault_suffix": Fact(LINE),
    "managed_hsm_suffix": Fact(LINE, optional=True),
    "verify_challenge": Fact(FLAG, optional=True),
    "instance_discovery": Fact(FLAG, optional=True),
}

#: the cloud that a vault's host has to belong to; a custom cloud may have vaults anywhere
_HOSTS_OF: Final = {
    Cloud.PUBLIC: AzureCloud.PUBLIC,
    Cloud.US_GOVERNMENT: AzureCloud.US_GOVERNMENT,
    Cloud.CHINA: AzureCloud.CHINA,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a connection signs in, and as whom; none of it ever changes."""

    cloud: Cloud
    endpoints: str | None
    tenant_id: str | None
    client_id: str | None


def check_identity(
    cloud: str,
    endpoints: Mapping[str, Any] | None,
    tenant_id: str | None,
    client_id: str | None,
    kind: CredentialKind,
) -> Identity:
    """
    Raises:
        InvalidInput: an unknown cloud, addresses that do not belong to it or are missing, or an id that is no GUID.
    """
    known = _cloud(cloud)
    if (endpoints is None) != (known is not Cloud.CUSTOM):
        raise InvalidInput(
            f"The cloud {known} has its addresses."
            if endpoints is not None
            else "A custom cloud has to say where it is.",
            field="endpoints",
            advice="Give `endpoints` for the cloud `custom`, and for no other.",
        )
    told = None if endpoints is None else as_json(check_facts(endpoints, ENDPOINTS, "endpoints"))
    optional = kind is CredentialKind.MANAGED_IDENTITY
    return Identity(
        known,
        told,
        check_guid(tenant_id, "tenant_id", optional=optional),
        check_guid(client_id, "client_id", optional=optional),
    )


def check_guid(text: str | None, field: str, *, optional: bool = False) -> str | None:
    """A GUID in lower case, as Azure writes ids.

    Raises:
        InvalidInput: it is missing, or none; names `field`.
    """
    if text is None and optional:
        return None
    if text is None or _GUID.fullmatch(text.lower()) is None:
        raise InvalidInput(
            f"{field} is missing, or no GUID." if text is None else f"{field} is no GUID.",
            field=field,
            advice="Give it as Azure shows it, such as 00000000-0000-0000-0000-000000000000.",
        )
    return text.lower()


def check_vaults(given: tuple[str, ...], cloud: Cloud) -> str:
    """The vaults that a connection reaches, as its row keeps them: sorted, each once.

    Raises:
        InvalidInput: too many, no vault's address, or of another cloud; names `vaults`.
    """
    if len(given) > MOST_VAULTS:
        raise InvalidInput(
            f"{len(given)} vaults are named.", field="vaults", advice=f"Name at most {MOST_VAULTS} in a connection."
        )
    return as_json(sorted({_of_cloud(parse_vault_address(text, field="vaults"), cloud).url for text in given}))


def _of_cloud(vault: VaultAddress, cloud: Cloud) -> VaultAddress:
    if cloud is not Cloud.CUSTOM and vault.cloud is not _HOSTS_OF[cloud]:
        raise InvalidInput(
            f"{vault.url} is no vault of the cloud {cloud}.",
            code="vault-refused",
            field="vaults",
            advice="Leave it out, or make a connection to the cloud that it is in.",
        )
    return vault


def _cloud(name: str) -> Cloud:
    if name not in set(Cloud):
        raise InvalidInput(
            f"{name[:40]!r} is none of Azure's clouds.", field="cloud", advice=f"Give one of {', '.join(Cloud)}."
        )
    return Cloud(name)


def as_json(value: Any) -> str:
    """Compact JSON with sorted names: the same value is the same text in every row."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
