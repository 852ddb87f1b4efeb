"""What a provider's attributes mean here: which one is the user name, and which values are which groups and role.

Groups and roles follow from tables that an Administrator wrote, value by value: nothing that a provider says is taken
for the name of a group or a role of ours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.connection_facts import as_json
from keyferry.custody.groups import find_group
from keyferry.custody.memberships import group_name
from keyferry.custody.policy import Role
from keyferry.custody.view import View
from keyferry.errors import InvalidInput

Attributes = Mapping[str, Sequence[str]]
"""What a provider says of a person: values by the attribute's name, each as it was said."""

LONGEST_NAME: Final = 256
LONGEST_VALUE: Final = 1024
MOST_VALUES: Final = 500

_NAMES: Final = ("subject", "user_name", "display_name", "email", "groups", "role")
_MEMBERS: Final = frozenset({*_NAMES, "group_table", "role_table", "update"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMapping:
    """Which attribute says what. None: nothing does.

    Attributes:
        subject: the attribute that names the person for good; None for the protocol's own (NameID, `sub`).
        user_name: the attribute that is the user name here; None for the subject itself.
        group_table: from a value of the attribute `groups` to the id of a group.
        role_table: from a value of the attribute `role` to a role.
        update: groups and role are set anew at every sign-in, not only when the account is made.
    """

    subject: str | None = None
    user_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    groups: str | None = None
    group_table: Mapping[str, str]
    role: str | None = None
    role_table: Mapping[str, Role]
    update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a person's attributes come to.

    Attributes:
        user_name: None when the attribute that would say it has no value, or several.
        group_ids: None where the mapping says nothing of groups; `role` likewise.
    """

    user_name: str | None
    display_name: str | None
    email: str | None
    group_ids: tuple[str, ...] | None
    role: Role | None


def mapping_of(kept: str) -> AttributeMapping:
    """As a provider's row keeps it."""
    found = json.loads(kept)
    roles = {value: Role(role) for value, role in found.pop("role_table").items()}
    return AttributeMapping(role_table=roles, **found)


def check_mapping(view: View, given: Mapping[str, Any]) -> str:
    """A mapping as it was given, with groups by name or id, as a row keeps it.

    Raises:
        InvalidInput: a member is unknown, of another type, or names no group or role; names `mapping.MEMBER`.
    """
    for member in given:
        if member not in _MEMBERS:
            raise _refused(str(member)[:40], "is not known", f"Give some of {', '.join(sorted(_MEMBERS))}.")
    names = {name: _attribute(given.get(name), name) for name in _NAMES}
    group_table = _table(given.get("group_table"), "group_table")
    role_table = _table(given.get("role_table"), "role_table")
    for attribute, table in (("groups", group_table), ("role", role_table)):
        if bool(table) != (names[attribute] is not None):
            which = "group_table" if attribute == "groups" else "role_table"
            raise _refused(attribute, f"goes with {which}: one is given without the other", "Give both, or neither.")
    update = given.get("update", False)
    if not isinstance(update, bool):
        raise _refused("update", "is neither true nor false", "Give true or false.")
    return as_json(
        {
            **names,
            "group_table": {value: _group_id(view, name) for value, name in group_table.items()},
            "role_table": {value: _role(name).value for value, name in role_table.items()},
            "update": update,
        }
    )


def shown_mapping(view: View, kept: str) -> dict[str, Any]:
    """A kept mapping as people see it: with the names of groups; members that say nothing are left out."""
    found: dict[str, Any] = json.loads(kept)
    names = {value: group_name(view, id_) for value, id_ in found["group_table"].items()}
    found["group_table"] = {value: name for value, name in names.items() if name}
    return {member: value for member, value in found.items() if value not in (None, {})}


def meaning(mapping: AttributeMapping, subject: str, attributes: Attributes) -> Meant:
    """What a person's attributes come to, by the mapping alone."""
    group_ids: tuple[str, ...] | None = None
    if mapping.groups is not None:
        said = attributes.get(mapping.groups, ())
        group_ids = tuple(sorted({mapping.group_table[each] for each in said if each in mapping.group_table}))
    role: Role | None = None
    if mapping.role is not None:
        named = {mapping.role_table[each] for each in attributes.get(mapping.role, ()) if each in mapping.role_table}
        role = next((each for each in Role if each in named), None)
    return Meant(
        user_name=subject if mapping.user_name is None else _only(attributes, mapping.user_name),
        display_name=None if mapping.display_name is None else _only(attributes, mapping.display_name),
        email=None if mapping.email is None else _only(attributes, mapping.email),
        group_ids=group_ids,
        role=role,
    )


def _only(attributes: Attributes, name: str) -> str | None:
    """The attribute's value, if it has just one: of several, none is chosen."""
    found = attributes.get(name, ())
    return found[0] if len(found) == 1 else None


def _attribute(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable():
        raise _refused(field, "is no attribute's name", f"Give at most {LONGEST_NAME} printable characters.")
    return value


def _table(value: object, field: str) -> dict[str, str]:
    if value is None:
        return {}
    advice = f"Give an object of at most {MOST_VALUES} texts, by the attribute's value."
    if not isinstance(value, Mapping) or len(value) > MOST_VALUES:
        raise _refused(field, "is no table, or too long", advice)
    for said, meant in value.items():
        if not isinstance(said, str) or not isinstance(meant, str) or not 0 < len(said) <= LONGEST_VALUE:
            raise _refused(field, "holds something that is no text, or one that is empty or too long", advice)
        if not said.isprintable():
            raise _refused(field, "holds a value with control characters", advice)
    return dict(value)


def _group_id(view: View, name: str) -> str:
    group = find_group(view, name)
    if group is None:
        raise _refused("group_table", f"names {name[:80]!r}, and there is no such group", "Create it first.")
    return group.id


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise _refused("role_table", f"names {name[:80]!r}, which is no role", f"Give one of {known}.") from None


def _refused(member: str, why: str, advice: str) -> InvalidInput:
    return InvalidInput(f"mapping.{member} {why}.", field=f"mapping.{member}", advice=advice)
