"""Resource groups."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import subscriptions
from keyferry.emulator.management.names import require_group_name
from keyferry.emulator.state import State

TYPE: Final = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceGroup:
    """A resource group; its name keeps the case in which it was made."""

    subscription_id: str
    name: str
    location: str
    tags: Mapping[str, str]

    @property
    def resource_id(self) -> str:
        """Its scope."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


def find(connection: sqlite3.Connection, subscription_id: str, name: str) -> ResourceGroup | None:
    """The group of that name, in any case."""
    row = connection.execute(
        "SELECT * FROM resource_groups WHERE subscription_id = ? AND name = ?", (subscription_id.lower(), name)
    ).fetchone()
    return None if row is None else _from_row(row)


def require(connection: sqlite3.Connection, subscription_id: str, name: str) -> ResourceGroup:
    """The group of that name.

    Raises:
        AzureFailure: as `subscriptions.require`, and 404 ResourceGroupNotFound.
    """
    subscriptions.require(connection, subscription_id)
    found = find(connection, subscription_id, name)
    if found is None:
        raise AzureFailure(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return found


def put(
    connection: sqlite3.Connection, subscription_id: str, name: str, location: str, tags: Mapping[str, str]
) -> ResourceGroup:
    """Make a group, or give the one that is there other tags.

    Raises:
        AzureFailure: as `subscriptions.require_writable`; 400 InvalidResourceGroup for its name;
            409 InvalidResourceGroupLocation, as a group does not move.
    """
    subscription = subscriptions.require_writable(connection, subscription_id)
    require_group_name(name)
    found = find(connection, subscription.id, name)
    if found is not None and found.location != location:
        raise AzureFailure(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{found.location}'.",
        )
    connection.execute(
        "INSERT INTO resource_groups (subscription_id, name, location, tags, created) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (subscription_id, name) DO UPDATE SET tags = excluded.tags",
        (subscription.id, name, location, json.dumps(dict(tags)), clock.now()),
    )
    return require(connection, subscription.id, name)


def remove(connection: sqlite3.Connection, group: ResourceGroup) -> None:
    """Take away the row of a group; what is in it is the caller's to see to."""
    connection.execute(
        "DELETE FROM resource_groups WHERE subscription_id = ? AND name = ?", (group.subscription_id, group.name)
    )


class ResourceGroups:
    """Every resource group, over the emulator's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def require(self, subscription_id: str, name: str) -> ResourceGroup:
        """The group of that name. Raises as the function of that name."""
        with self._state.read() as connection:
            return require(connection, subscription_id, name)

    def put(
        self, subscription_id: str, name: str, location: str, tags: Mapping[str, str]
    ) -> tuple[ResourceGroup, bool]:
        """Make or change a group; also whether it is new. Raises as the function of that name."""
        with self._state.write() as connection:
            is_new = find(connection, subscription_id, name) is None
            return put(connection, subscription_id, name, location, tags), is_new

    def of(self, subscription_id: str) -> tuple[ResourceGroup, ...]:
        """The groups of a subscription, in the order of their names. Raises as `subscriptions.require`."""
        with self._state.read() as connection:
            subscriptions.require(connection, subscription_id)
            rows = connection.execute(
                "SELECT * FROM resource_groups WHERE subscription_id = ? ORDER BY name", (subscription_id.lower(),)
            ).fetchall()
        return tuple(_from_row(row) for row in rows)


def _from_row(row: sqlite3.Row) -> ResourceGroup:
    return ResourceGroup(
        subscription_id=row["subscription_id"],
        name=row["name"],
        location=row["location"],
        tags=json.loads(row["tags"]),
    )
