"""The scope of a token that is being made, and of one that is shown: what it is for, with names of groups and keys."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from keyferry.custody.groups import find_group
from keyferry.custody.key_lookup import key_in_sight
from keyferry.custody.narrowing import in_words, operations_named
from keyferry.custody.policy import Relation
from keyferry.custody.view import View
from keyferry.errors import InvalidInput
from keyferry.identity.networks import edited_networks
from keyferry.store.records import Token
from keyferry.store.sealed import GROUPS, KEYS

MOST_NAMED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScope:
    """What a token is for; None of each for all that its user may, from everywhere that the user may.

    Args:
        operations: by name, such as `key.export`, or by bundle, such as `read`.
        keys: by id or name; `groups` by id. A token that names either reaches these alone.
        networks: from where it may be used.
    """

    operations: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None


class ScopeColumns(TypedDict):
    """A scope as a token's row keeps it."""

    operations: str | None
    key_ids: str | None
    group_ids: str | None
    networks: str | None


def scope_columns(view: View, scope: TokenScope) -> ScopeColumns:
    """Judge a scope for a token of the caller's.

    Raises:
        InvalidInput: something that it names is not there, or out of the caller's sight; or names nothing at all.
    """
    for field in ("operations", "keys", "groups"):
        named: Sequence[str] | None = getattr(scope, field)
        if named is not None and not 0 < len(named) <= MOST_NAMED:
            raise InvalidInput(
                f"A token names between one and {MOST_NAMED} {field}, or leaves them out.",
                field=field,
                advice="Name what the token is for, or leave it out for all.",
            )
    operations = None if scope.operations is None else [each.value for each in operations_named(scope.operations)]
    return ScopeColumns(
        operations=_kept(operations),
        key_ids=_kept(None if scope.keys is None else [_key(view, each) for each in scope.keys]),
        group_ids=_kept(None if scope.groups is None else [_group(view, each) for each in scope.groups]),
        networks=edited_networks(None, scope.networks, enforce=None),
    )


def scope_of(view: View, token: Token) -> TokenScope | None:
    """The scope of a token as people see it; None for one that is not narrowed."""
    if token.operations is token.key_ids is token.group_ids is token.networks is None:
        return None
    return TokenScope(
        operations=None if token.operations is None else tuple(in_words(json.loads(token.operations))),
        keys=None if token.key_ids is None else tuple(_key_name(view, each) for each in json.loads(token.key_ids)),
        groups=None
        if token.group_ids is None
        else tuple(_group_name(view, each) for each in json.loads(token.group_ids)),
        networks=None if token.networks is None else tuple(json.loads(token.networks)),
    )


def _kept(values: Sequence[str] | None) -> str | None:
    return None if values is None else json.dumps(sorted(set(values)))


def _key(view: View, reference: str) -> str:
    key = key_in_sight(view, reference)
    if key is None:
        raise InvalidInput(
            f"There is no key {reference!r}, or none that you may see.",
            field="keys",
            advice="Name keys by their ids, or by GROUP/NAME.",
        )
    return key.id


def _group(view: View, reference: str) -> str:
    group = find_group(view, reference)
    if group is None or not (
        view.actor.role.sees_everything or view.actor.relation_to_group(group.id) is Relation.GROUP
    ):
        raise InvalidInput(
            f"There is no group {reference!r}, or none that you belong to.",
            field="groups",
            advice="Name one of your groups, by its id.",
        )
    return group.id


def _key_name(view: View, key_id: str) -> str:
    key = view.get(KEYS, key_id)
    return key_id if key is None or key.name is None else f"{key.name} ({key_id})"


def _group_name(view: View, group_id: str) -> str:
    group = view.get(GROUPS, group_id)
    return group_id if group is None else group.name
