"""Which of the emulator's planes a request is for, by its host and its path."""

from enum import StrEnum
from typing import Final

from keyferry.emulator.addresses import MANAGEMENT_HOST, SIGN_IN_HOST, VAULT_SUFFIX, is_local, split_host
from keyferry.emulator.failures import AzureFailure


class Plane(StrEnum):
    """What answers a request, and thereby which token it needs."""

    VAULT = "vault"  # the data plane: a token for https://vault.azure.net
    MANAGEMENT = "management"  # a token for the management plane
    GRAPH = "graph"  # a token for Microsoft Graph
    CONTROL = "control"  # the emulator's own, and Customer Key's other side: a token for the management plane
    METADATA = "metadata"  # what a cloud says about itself: no token
    SIGN_IN = "sign-in"  # no token
    PORTAL = "portal"  # pages for a person: a session of their own


#: the first segment of a path, where one address serves every plane
_FIRST: Final[dict[str, Plane]] = {
    "keys": Plane.VAULT,
    "deletedkeys": Plane.VAULT,
    "rng": Plane.VAULT,
    "secrets": Plane.VAULT,
    "certificates": Plane.VAULT,
    "subscriptions": Plane.MANAGEMENT,
    "providers": Plane.MANAGEMENT,
    "tenants": Plane.MANAGEMENT,
    "v1.0": Plane.GRAPH,
    "beta": Plane.GRAPH,
    "emulator": Plane.CONTROL,
    "metadata": Plane.METADATA,
    "common": Plane.SIGN_IN,
    "portal": Plane.PORTAL,
    "": Plane.PORTAL,
}
#: the second segment, behind a tenant
_SIGN_IN: Final = frozenset({"oauth2", "v2.0", ".well-known", "discovery"})


def plane_of(host: str, path: str) -> Plane:
    """The plane that answers at `host`, a Host header's value, for `path`.

    Raises:
        AzureFailure: 421 for a host that the emulator does not stand for (RFC 9110 section 15.5.20); 404 for a path
            that none of its planes has.
    """
    name, _ = split_host(host)
    segments = path.lower().strip("/").split("/")
    if name.endswith(VAULT_SUFFIX):
        return Plane.CONTROL if segments[0] == "emulator" else Plane.VAULT
    if name == SIGN_IN_HOST:
        return Plane.SIGN_IN
    if name == MANAGEMENT_HOST:
        found = _FIRST.get(segments[0])
        return found if found in {Plane.CONTROL, Plane.METADATA} else Plane.MANAGEMENT
    if not is_local(name):
        raise AzureFailure(
            421,
            "UnknownHost",
            f"This is an emulator of Azure Key Vault. It answers for NAME{VAULT_SUFFIX}, {SIGN_IN_HOST}, "
            f"{MANAGEMENT_HOST} and localhost, and for no other host.",
        )
    if segments[0] in _FIRST:
        return _FIRST[segments[0]]
    if len(segments) > 1 and segments[1] in _SIGN_IN:
        return Plane.SIGN_IN
    raise nothing_at(path)


def nothing_at(path: str) -> AzureFailure:
    """404: none of the planes has anything at a path."""
    return AzureFailure(
        404,
        "NotFound",
        f"There is nothing at {path[:200]}. The emulator has a vault's keys below /keys and /deletedkeys, the "
        "management plane below /subscriptions and /providers, sign-in below /TENANT/oauth2, its own below /emulator, "
        "and pages for a browser at /portal/.",
    )
