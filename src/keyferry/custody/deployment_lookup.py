"""Finding deployments, and showing one with its key, its version and its connection."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, or_, select

from keyferry.clock import Microseconds
from keyferry.custody.deployment_steps import Step, unfinished
from keyferry.custody.lifecycle import State, state_at
from keyferry.custody.view import Query, View
from keyferry.errors import IntegrityViolation
from keyferry.ids import is_id_shaped
from keyferry.store.records import Connection, Deployment, Key, KeyVersion
from keyferry.store.sealed import CONNECTIONS, DEPLOYMENTS, KEY_VERSIONS, KEYS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import deployments, keys, memberships

#: sorts after every id
_AFTER_ALL: Final = "~"

_KEY_OF = Prepared(select(deployments.c.key_id).where(deployments.c.id == bindparam("id")))
_MY_GROUPS = select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"))
_MY_KEYS = select(keys.c.id).where(
    or_(keys.c.owner_user_id == bindparam("user_id"), keys.c.owner_group_id.in_(_MY_GROUPS))
)


class _Ordered:
    """Deployments that a condition holds for, the oldest or the newest first."""

    def __init__(self, *where: ColumnElement[bool]) -> None:
        column = deployments.c.id
        self._oldest = Query(DEPLOYMENTS, column > bindparam("after"), *where, order_by=column, limit=True)
        self._newest = Query(DEPLOYMENTS, column < bindparam("after"), *where, order_by=column.desc(), limit=True)

    def find(self, view: View, after: str, limit: int, *, newest_first: bool, **parameters: Any) -> list[Deployment]:
        """At most `limit`, from the one that follows `after` on; from the first on if that is empty."""
        query = self._newest if newest_first else self._oldest
        since = after or (_AFTER_ALL if newest_first else "")
        return view.find(DEPLOYMENTS, query, after=since, limit=limit, **parameters)


_OF_KEY = _Ordered(deployments.c.key_id == bindparam("key_id"))
_ALL = _Ordered()
_MINE = _Ordered(deployments.c.key_id.in_(_MY_KEYS))
_AT_PLACE = Query(
    DEPLOYMENTS,
    deployments.c.key_id == bindparam("key_id"),
    deployments.c.version_id == bindparam("version_id"),
    deployments.c.vault == bindparam("vault"),
    order_by=deployments.c.id,
)


@dataclass(frozen=True, slots=True)
class DeploymentDetail:
    """A deployment with its key, the version that it is of, that version's state now, and its connection's name."""

    deployment: Deployment
    key: Key
    version: KeyVersion
    state: State
    connection: str | None

    @property
    def step(self) -> Step:
        """The last step that was recorded."""
        return Step(self.deployment.step)

    @property
    def evidence(self) -> Mapping[Step, Mapping[str, Any]]:
        """By step: `at` (microseconds), `by` (a user's id), `reported_by`, and the members of the step's evidence."""
        return {Step(step): told for step, told in json.loads(self.deployment.evidence).items()}

    @property
    def operations(self) -> tuple[str, ...]:
        """What the key shall be allowed in the vault; none leaves it to what the vault allows unasked."""
        return tuple(filter(None, self.deployment.operations.split(",")))

    @property
    def is_current(self) -> bool:
        """Whether its version is still the key's current one."""
        return self.key.current_version_id == self.version.id


def load_deployment(view: View, reference: str, lock: Lock | None = None) -> DeploymentDetail:
    """The deployment with this id, authorised as its key is.

    The key is held first and the deployment after it, as where one is planned.

    Raises:
        NotFound: there is none, or none of a key that the caller may see.
        IntegrityViolation: its key, version or connection has been removed.
    """
    row = view.tx.row(_KEY_OF, id=reference) if is_id_shaped(reference) else None
    key = None if row is None else view.get(KEYS, str(row[0]))
    found = None if row is None else view.get(DEPLOYMENTS, reference, lock)
    if found is None:
        raise view.missing("deployment", reference)
    if key is None or key.id != found.key_id:
        raise IntegrityViolation(f"The key of deployment {found.id} is not there.")
    view.permit(view.actor.relation_to_key(key), "deployment", found.id, found.name, asked_as=reference)
    return detail_of(view, found, key)


def detail_of(view: View, found: Deployment, key: Key) -> DeploymentDetail:
    """A row as people see it.

    Raises:
        IntegrityViolation: its version or connection has been removed.
    """
    version = view.get(KEY_VERSIONS, found.version_id)
    if version is None or version.key_id != key.id:
        raise IntegrityViolation(f"The version of deployment {found.id} is not there.")
    connection = connection_of(view, found)
    return DeploymentDetail(
        found, key, version, state_at(version, view.now), None if connection is None else connection.name
    )


def connection_of(view: View, found: Deployment) -> Connection | None:
    """The connection that the server pushes it through, a deleted one too; None where a client pushes.

    Raises:
        IntegrityViolation: it has been removed.
    """
    if found.connection_id is None:
        return None
    connection = view.get(CONNECTIONS, found.connection_id)
    if connection is None:
        raise IntegrityViolation(f"The connection of deployment {found.id} is not there.")
    return connection


def deployments_page(
    view: View, key: Key | None, after: str, limit: int, *, newest_first: bool = False
) -> list[DeploymentDetail]:
    """Deployments in the order of their ids: of one key, or of every key that the caller may see."""
    if key is not None:
        found = _OF_KEY.find(view, after, limit, newest_first=newest_first, key_id=key.id)
        return [detail_of(view, each, key) for each in found]
    if view.actor.role.sees_everything:
        found = _ALL.find(view, after, limit, newest_first=newest_first)
    else:
        found = _MINE.find(view, after, limit, newest_first=newest_first, user_id=view.actor.user.id)
    return [detail_of(view, each, _key_of(view, each)) for each in found]


def under_way(view: View, version: KeyVersion, vault: str, name: str) -> Deployment | None:
    """The deployment of this version to this place that is neither finished nor abandoned."""
    found = view.find(DEPLOYMENTS, _AT_PLACE, key_id=version.key_id, version_id=version.id, vault=vault)
    live = (each for each in found if each.name.lower() == name.lower() and is_live(each))
    return next(live, None)


def is_live(found: Deployment) -> bool:
    """Whether a push of it may still go on."""
    return found.abandoned_at is None and unfinished(Step(found.step))


def awaits_word(found: Deployment, now: Microseconds, since: Microseconds) -> bool:
    """Whether nothing says yet why a push that was asked for at `since` does not go on: it may still go on, no other
    push does, and no problem was recorded after that.
    """
    if not is_live(found) or (found.lease_until or 0) > now:
        return False
    return found.problem is None or bool(json.loads(found.problem)["at"] < since)


def _key_of(view: View, found: Deployment) -> Key:
    key = view.get(KEYS, found.key_id)
    if key is None:
        raise IntegrityViolation(f"The key of deployment {found.id} is not there.")
    return key
