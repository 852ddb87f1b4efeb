"""The first act: a store's id, its data key under the root of trust, and the first Administrator."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import bindparam, func, insert, select, update

from keyferry import clock
from keyferry.custody.access import Actor
from keyferry.custody.accounts import NewUser, insert_user
from keyferry.custody.caller import Caller
from keyferry.custody.names import check_user_name
from keyferry.custody.policy import Operation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change
from keyferry.errors import CannotStart, Conflict
from keyferry.ids import new_id
from keyferry.material.sealing import DATA_KEY_BYTES, Sealer
from keyferry.material.secret import Secret
from keyferry.store.events import write_event
from keyferry.store.records import User
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import data_keys, stores, users
from keyferry.store.transaction import Transaction

_STORE = Prepared(select(stores.c.id))
_ANY_USER = Prepared(select(users.c.id).limit(1))
_DATA_KEYS = Prepared(select(data_keys.c.generation, data_keys.c.wrapped).order_by(data_keys.c.generation))
_NEWEST_GENERATION = Prepared(select(func.coalesce(func.max(data_keys.c.generation), 0)))
_DATA_KEYS_HELD = Prepared(
    select(data_keys.c.generation, data_keys.c.wrapped).order_by(data_keys.c.generation).with_for_update()
)
_WRAP_ANEW = Prepared(
    update(data_keys).where(data_keys.c.generation == bindparam("generation_")).values(wrapped=bindparam("wrapped"))
)
_FOUND_STORE = Prepared(insert(stores).values(id=bindparam("id"), created_at=bindparam("created_at")))
_KEEP_DATA_KEY = Prepared(
    insert(data_keys).values(
        generation=bindparam("generation"), wrapped=bindparam("wrapped"), created_at=bindparam("created_at")
    )
)


class RootOfTrust(Protocol):
    """What wraps data keys; `keyferry.roots` has the kinds."""

    def wrap(self, plaintext: Secret, context: bytes) -> bytes:
        """Encrypt a data key, bound to `context`; what comes back may be stored beside the data."""

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """Decrypt what `wrap` made.

        Raises:
            CannotStart: another root wrapped it, or it or its context was changed.
        """


@dataclass(frozen=True, slots=True)
class Administrator:
    """Name and password hash of the first Administrator."""

    name: str
    password_hash: str


def is_founded(store: Store) -> bool:
    """Whether the store has been given its id and its first data key."""
    return store.read(lambda tx: tx.row(_STORE)) is not None


def has_users(tx: Transaction) -> bool:
    """Whether there is any user, or ever was."""
    return tx.row(_ANY_USER) is not None


def found_store(store: Store, root: RootOfTrust) -> Sealer:
    """Give an empty store its id and first data key.

    Raises:
        CannotStart: (`already-initialised`) it has them.
    """
    store_id, data_key = new_id(), Secret(os.urandom(DATA_KEY_BYTES))
    wrapped = root.wrap(data_key, data_key_context(store_id, 1))

    def found(tx: Transaction) -> None:
        if tx.row(_STORE) is not None:
            raise CannotStart(
                "This store is initialised already.",
                code="already-initialised",
                advice="Serve it, or choose another home or database.",
            )
        tx.run(_FOUND_STORE, id=store_id, created_at=clock.now())
        tx.run(_KEEP_DATA_KEY, generation=1, wrapped=wrapped, created_at=clock.now())

    store.write(found)
    return open_sealer(store, root)


def open_sealer(
    store: Store, root: RootOfTrust, look_again: Callable[[str], Mapping[int, Secret]] | None = None
) -> Sealer:
    """Unwrap a store's data keys.

    Args:
        look_again: answers all data keys of the store of this id, for when a generation is met that came later.

    Raises:
        CannotStart: the store is empty, or the root of trust is not the one that its data keys were wrapped under.
    """
    row = store.read(lambda tx: tx.row(_STORE))
    if row is None:
        raise CannotStart(
            "This store is not initialised.", code="not-initialised", advice="Run `keyferry init --home DIR` first."
        )
    store_id = str(row[0])
    wrapped = wrapped_data_keys(store)
    if not wrapped:
        raise CannotStart(
            "This store's data key is missing.",
            advice="Treat the database as tampered with: keep a copy for examination, and restore a backup.",
        )
    return sealer_of(store_id, wrapped, root, look_again)


def wrapped_data_keys(store: Store) -> dict[int, bytes]:
    """The store's data keys as it keeps them, by generation."""
    return {int(generation): bytes(blob) for generation, blob in store.read(lambda tx: tx.rows(_DATA_KEYS))}


def newest_generation(tx: Transaction) -> int:
    """Of the store's data keys; 0 if there is none."""
    return int(tx.rows(_NEWEST_GENERATION)[0][0])


def sealer_of(
    store_id: str,
    wrapped: Mapping[int, bytes],
    root: RootOfTrust,
    look_again: Callable[[str], Mapping[int, Secret]] | None = None,
) -> Sealer:
    """A sealer for data keys that lie wrapped: in a store, or in a backup of one.

    Raises:
        CannotStart: the root of trust is not the one that they were wrapped under.
    """
    opened = unwrapped(store_id, wrapped, root)
    return Sealer(store_id, opened, max(opened), None if look_again is None else partial(look_again, store_id))


def unwrapped(store_id: str, wrapped: Mapping[int, bytes], root: RootOfTrust) -> dict[int, Secret]:
    """Data keys, by generation.

    Raises:
        CannotStart: the root of trust is not the one that they were wrapped under.
    """
    return {
        generation: root.unwrap(blob, data_key_context(store_id, generation)) for generation, blob in wrapped.items()
    }


def wrap_data_keys_anew(tx: Transaction, store_id: str, old: RootOfTrust, new: RootOfTrust) -> int:
    """Put every data key under another root of trust, in one transaction; answers how many there are.

    Raises:
        CannotStart: `old` is not the root that they are under (any more).
    """
    wrapped = {int(generation): bytes(blob) for generation, blob in tx.rows(_DATA_KEYS_HELD)}
    for generation, data_key in unwrapped(store_id, wrapped, old).items():
        tx.run(_WRAP_ANEW, generation_=generation, wrapped=new.wrap(data_key, data_key_context(store_id, generation)))
    return len(wrapped)


def add_data_key(tx: Transaction, store_id: str, root: RootOfTrust) -> int:
    """Keep a new data key, under `root`; answers its generation. A process that has learned of it seals under it.

    Raises:
        CannotStart: `root` is not the root that the others are under (any more).
    """
    wrapped = {int(generation): bytes(blob) for generation, blob in tx.rows(_DATA_KEYS_HELD)}
    unwrapped(store_id, wrapped, root)
    generation = max(wrapped) + 1
    blob = root.wrap(Secret(os.urandom(DATA_KEY_BYTES)), data_key_context(store_id, generation))
    tx.run(_KEEP_DATA_KEY, generation=generation, wrapped=blob, created_at=clock.now())
    return generation


def add_first_administrator(
    store: Store,
    sealer: Sealer,
    administrator: Administrator,
    *,
    by: str = "keyferry init",
    address: str | None = None,
) -> User:
    """Make the first Administrator, while there are no users; for the command line on the server and its set-up page.

    Args:
        by: who did it, as the audit log says; nobody is signed in for it.

    Raises:
        InvalidInput: the name will not do.
        Conflict: there is a user already.
    """
    check_user_name(administrator.name)
    founder = User(id=new_id(), name=by, name_folded=by, role=Role.ADMINISTRATOR.value, created_at=0)

    def add(tx: Transaction) -> User:
        if has_users(tx):
            raise Conflict(
                "There are users already.", code="already-initialised", advice="Sign in as an Administrator."
            )
        actor = Actor(founder, Role.ADMINISTRATOR, frozenset())
        change = Change(tx, sealer, actor, Operation.USER_CREATE, Subject())
        user = insert_user(
            change, NewUser(name=administrator.name, role=Role.ADMINISTRATOR), administrator.password_hash
        )
        for event in change.events(Caller(founder.id, None, address)):
            write_event(tx, sealer, event)
        return user

    return store.write(add)


def data_key_context(store_id: str, generation: int) -> bytes:
    """What a wrapped data key is bound to."""
    return f"keyferry data key {store_id} {generation}".encode()
