"""How a key looks to people: in a list, and alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keyferry.cli.output import BLANK
from keyferry.cli.remote import path

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

COLUMNS = {
    "NAME": "name",
    "TYPE": "type",
    "STATE": "state",
    "OWNER": "owned_by",
    "VERSION": "version",
    "EXPORTABLE": "exportable",
    "ID": "id",
}
VERSION_COLUMNS = {
    "VERSION": "version",
    "CURRENT": "current",
    "STATE": "state",
    "ORIGIN": "origin",
    "ACTIVATION": "activation_date",
    "DEACTIVATION": "deactivation_date",
    "DESTRUCTION": "destroy_at",
    "SPKI SHA-256": "spki_sha256",
}


def title(key: Mapping[str, Any]) -> str:
    """A key's name, or what stands for it, with its id."""
    return f"{key.get('name') or BLANK} ({key.get('id')})"


def listed(key: Mapping[str, Any]) -> dict[str, Any]:
    """A key as a line of a list."""
    return {**key, "name": key.get("name") or BLANK, "owned_by": owner(key)}


def owner(key: Mapping[str, Any]) -> str:
    """Who owns a key: a group or a user."""
    names = key.get("owner") or {}
    return f"group {names['group']}" if names.get("group") else f"user {names.get('user')}"


def schedule(key: Mapping[str, Any]) -> str | None:
    """When a key is rotated by itself, in a few words; None for never."""
    rotation = key.get("rotation") or {}
    parts = {"every {}": "every_days", "{} before deactivation": "before_deactivation_days"}
    said = [words.format(in_days(rotation[part])) for words, part in parts.items() if rotation.get(part)]
    return ", ".join(said) or None


def in_days(number: int) -> str:
    """A number of days in words."""
    return "1 day" if number == 1 else f"{number} days"


def rows(key: Mapping[str, Any]) -> dict[str, Any]:
    """A key's facts, in the order in which people ask for them; None where there is nothing to say."""
    return {
        "Name": key.get("name") or BLANK,
        "Id": key.get("id"),
        "Description": key.get("description"),
        "Type": key.get("type"),
        "Owner": owner(key),
        "Exportable": key.get("exportable"),
        "Usages": key.get("usages"),
        "Version": key.get("version"),
        "State": key.get("state"),
        "Activation": key.get("activation_date"),
        "Deactivation": key.get("deactivation_date"),
        "Rotation": schedule(key),
        "Next rotation": (key.get("rotation") or {}).get("next_at"),
        "Revoked for": key.get("revocation_reason"),
        "Destruction": key.get("destroy_at"),
        "Destroyed": key.get("destroyed_at"),
        "SPKI SHA-256": key.get("spki_sha256"),
        "JWK thumbprint": key.get("thumbprint"),
        "Key check value": key.get("check_value"),
    }


def deployments(server: "Server", key_id: str) -> list[dict[str, Any]]:
    """Where the versions of a key are, or are on their way to."""
    return [each for each in server.items(path("keys", key_id, "deployments")) if not each.get("abandoned_at")]


def deployed_as(deployment: Mapping[str, Any]) -> str:
    """A deployment in a few words."""
    place = f"version {deployment.get('version')} as {deployment.get('name')} at {deployment.get('vault')}"
    return f"{place} ({deployment.get('step')})"
