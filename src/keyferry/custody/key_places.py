"""Where keys have gone: the hosts that exported keys were wrapped for, and the vaults that deployments brought them to.

Like counts of keys, what is shown here is read without verifying each row, and nothing is decided by it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import bindparam, desc, func, or_, select

from keyferry.custody.deployment_steps import Step, before_import
from keyferry.custody.view import View
from keyferry.store.statements import Prepared
from keyferry.store.tables import deployments, exports, keys, memberships

#: exports, and deployments, that are looked at: the newest ones
LOOKED_AT: Final = 5000
MOST_PLACES: Final = 50

_MY_GROUPS = select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"))
_MY_KEYS = select(keys.c.id).where(
    or_(keys.c.owner_user_id == bindparam("user_id"), keys.c.owner_group_id.in_(_MY_GROUPS))
)
_NEWEST_EXPORT = Prepared(select(func.max(exports.c.number)))
_EXPORTS = (
    select(exports.c.key_id, exports.c.key_identifier)
    .where(exports.c.number > bindparam("after"))
    .order_by(desc(exports.c.number))
)
_ALL_EXPORTS, _MY_EXPORTS = Prepared(_EXPORTS), Prepared(_EXPORTS.where(exports.c.key_id.in_(_MY_KEYS)))
_DEPLOYMENTS = (
    select(deployments.c.key_id, deployments.c.vault, deployments.c.step, deployments.c.abandoned_at)
    .order_by(desc(deployments.c.id))
    .limit(LOOKED_AT)
)
_ALL_DEPLOYMENTS = Prepared(_DEPLOYMENTS)
_MY_DEPLOYMENTS = Prepared(_DEPLOYMENTS.where(deployments.c.key_id.in_(_MY_KEYS)))


@dataclass(frozen=True, slots=True)
class Place:
    """A host that keys have gone to.

    Attributes:
        keys: how many different ones were exported for it, or arrived there.
        exports: how often one was wrapped for it.
        arrived: deployments by which a key is there.
        under_way: deployments that have not arrived, and were not given up.
    """

    host: str
    keys: int
    exports: int
    arrived: int
    under_way: int


@dataclass(frozen=True, slots=True)
class Places:
    """The hosts with the most keys, at most `MOST_PLACES`. `is_all`: nothing older was left out."""

    places: tuple[Place, ...]
    is_all: bool


@dataclass(slots=True)
class _Count:
    keys: set[str] = field(default_factory=set)
    exports: int = 0
    arrived: int = 0
    under_way: int = 0


def read_places(view: View) -> Places:
    """Of all keys for who sees everything, of theirs for others."""
    everybody = view.actor.role.sees_everything
    mine = {} if everybody else {"user_id": view.actor.user.id}
    newest = view.tx.row(_NEWEST_EXPORT)
    after = max(int((newest and newest[0]) or 0) - LOOKED_AT, 0)
    counts: dict[str, _Count] = defaultdict(_Count)
    for key_id, identifier in view.tx.rows(_ALL_EXPORTS if everybody else _MY_EXPORTS, after=after, **mine):
        count = counts[_host(identifier)]
        count.keys.add(key_id)
        count.exports += 1
    found = view.tx.rows(_ALL_DEPLOYMENTS if everybody else _MY_DEPLOYMENTS, **mine)
    for key_id, vault, step, abandoned_at in found:
        if before_import(Step(step)):
            counts[_host(vault)].under_way += abandoned_at is None
        else:
            counts[_host(vault)].keys.add(key_id)
            counts[_host(vault)].arrived += 1
    ordered = sorted(counts.items(), key=lambda each: (-len(each[1].keys), each[0]))
    places = [Place(host, len(each.keys), each.exports, each.arrived, each.under_way) for host, each in ordered]
    shown = [place for place in places if place.keys or place.under_way][:MOST_PLACES]
    return Places(tuple(shown), after == 0 and len(found) < LOOKED_AT and len(places) <= MOST_PLACES)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or address).lower()
    except ValueError:  # nobody verifies these rows: whatever stands there is shown
        return address
