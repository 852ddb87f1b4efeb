"""The addresses of pages; people and groups by name, but for a name that is another page's address."""

from typing import Final
from urllib.parse import quote

from keyferry.store.records import Connection, Group, IdentityProvider, User

#: `/users/new` is a form, though somebody may be called so
_TAKEN: Final = frozenset({"new"})


def address(*segments: str, **query: str) -> str:
    """The address of a page: `address("keys", key.id)` is `/keys/…`."""
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return f"{path}?{asked}" if asked else path


def user_address(user: User, *more: str) -> str:
    """A user's page, or one below it."""
    return address("users", user.id if user.name_folded in _TAKEN else user.name, *more)


def group_address(group: Group, *more: str) -> str:
    """A group's page, or one below it."""
    return address("groups", group.id if group.name in _TAKEN else group.name, *more)


def group_name_address(name: str) -> str:
    """The page of a group of which only the name is known; or the search that finds it."""
    return address("groups", begins=name) if name in _TAKEN else address("groups", name)


def connection_address(connection: Connection, *more: str) -> str:
    """A connection's page, or one below it."""
    return address("azure", "connections", connection.id if connection.name in _TAKEN else connection.name, *more)


def provider_address(provider: IdentityProvider, *more: str) -> str:
    """An identity provider's page, or one below it."""
    return address("settings", "sso", provider.id if provider.name in _TAKEN else provider.name, *more)
