"""Who may come in at all: what the server's one policy row says at the time of each operation and each sign-in.

The row is there from the founding on. That it restricts nothing is written in it; a store without one was tampered
with, so that taking the row away opens nothing.
"""

import json
from functools import lru_cache
from typing import Final

from sqlalchemy import bindparam

from keyferry.custody.policy import Role
from keyferry.errors import IntegrityViolation, NotAuthenticated
from keyferry.identity.networks import NetworkList, parse_networks
from keyferry.material.sealing import Sealer
from keyferry.store.records import ServerPolicy
from keyferry.store.sealed import SERVER_POLICY, Lock, Question
from keyferry.store.tables import server_policy
from keyferry.store.transaction import Transaction

#: the row and the newest event about it in one statement, which is of one snapshot as long as nothing is held
_AT_ONCE: Final = SERVER_POLICY.query(server_policy.c.id == bindparam("id"))
_TOGETHER: Final = Question(server_policy.name, _AT_ONCE.with_events or _AT_ONCE.rows)


def server_policy_of(tx: Transaction, sealer: Sealer, lock: Lock = Lock.NONE) -> ServerPolicy:
    """The server's policy. It is not held unless asked: each operation of every node would hold the one row.

    Raises:
        IntegrityViolation: it was changed behind Keyferry's back, or taken away.
    """
    if lock is Lock.NONE and tx.dialect.name != "sqlite":
        policy = SERVER_POLICY.first(tx, sealer, _TOGETHER, id=sealer.store_id)
    else:
        policy = SERVER_POLICY.get(tx, sealer, sealer.store_id, lock)
    if policy is None:
        raise IntegrityViolation("The server's policy, which every store has, is missing.")
    return policy


def admits(networks: str | None, address: str | None) -> bool:
    """Whether a list of networks, as rows keep it, lets a caller from `address` pass.

    Args:
        networks: JSON; None admits every address.
        address: None for commands on the server's own machine, which no list is about.
    """
    return networks is None or address is None or networks_in(networks).admits(address)


def require_server_network(policy: ServerPolicy, address: str | None) -> None:
    """
    Raises:
        NotAuthenticated: the server admits only certain networks, and `address` is in none of them.
    """
    if not admits(policy.networks, address):
        raise NotAuthenticated("This server may not be used from this address.")


def needs_second_factor(policy: ServerPolicy, role: Role) -> bool:
    """Whether people of this role sign in with a second factor."""
    return role.value in _roles_in(policy.second_factor_roles)


@lru_cache(maxsize=64)
def _roles_in(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


@lru_cache(maxsize=1024)
def networks_in(text: str) -> NetworkList:
    """A list as it is kept, read once."""
    return parse_networks(json.loads(text))
