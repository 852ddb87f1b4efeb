"""Readers leave their connection to the next one; a snapshot ends with its reader."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import bindparam, select
from tests.loops import run_apart

from keyferry.doors.workers import Workers
from keyferry.store.connections import MOST
from keyferry.store.statements import Prepared
from keyferry.store.tables import users
from keyferry.store.transaction import Transaction
from keyferry.testing import Kit
from keyferry.waiting import WouldWait

_NAMES = Prepared(select(users.c.name).where(users.c.name == bindparam("name")))


def is_there(tx: Transaction, name: str) -> bool:
    return bool(tx.rows(_NAMES, name=name))


def test_each_read_sees_what_was_written_before_it(kit: Kit) -> None:
    store = kit.installation.store
    for name in ("kim", "lee", "ana"):
        assert not store.read(partial(is_there, name=name))
        kit.user(name)
        assert store.read(partial(is_there, name=name))


def test_reads_within_reads_have_snapshots_of_their_own(kit: Kit) -> None:
    store = kit.installation.store

    def outer(tx: Transaction) -> tuple[bool, bool]:
        assert not is_there(tx, "kim")
        kit.user("kim")
        return is_there(tx, "kim"), store.read(lambda inner: is_there(inner, "kim"))

    assert store.read(outer) == (False, True)


def test_a_read_that_fails_leaves_no_snapshot_behind(kit: Kit) -> None:
    store = kit.installation.store

    def failing(tx: Transaction) -> None:
        assert not is_there(tx, "kim")
        raise LookupError("of the work")

    for _ in range(3):
        with pytest.raises(LookupError):
            store.read(failing)
    kit.user("kim")
    assert store.read(lambda tx: is_there(tx, "kim"))


def test_more_readers_at_once_than_are_kept(kit: Kit) -> None:
    store = kit.installation.store

    def deeper(depth: int) -> Any:
        return lambda _: depth if depth == MOST + 4 else store.read(deeper(depth + 1))

    for _ in range(2):
        assert store.read(deeper(1)) == MOST + 4


def test_a_fiber_reads_what_is_at_hand_and_takes_no_connection_that_it_would_wait_for(kit: Kit) -> None:
    store = kit.installation.store
    if not store.is_local:
        return
    store.read(lambda _: None)

    def work() -> bool:
        assert not store.read(lambda tx: is_there(tx, "kim"))
        with pytest.raises(WouldWait):
            store.read(lambda _: store.read(lambda _: store.read(lambda _: None)))
        store.write(lambda _: None)  # it steps aside meanwhile, and cannot be begun again any more
        return store.read(lambda _: store.read(lambda _: store.read(lambda _: True)))

    async def story() -> bool:
        return await Workers(1).briefly(work, kind=None)

    assert run_apart(story)
