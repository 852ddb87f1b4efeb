"""Leases: one holder at a time, renewed while it works, taken by another when it has run out."""

import time

import pytest
from tests.custody.reading import later

from keyferry.clock import DAY, SECOND
from keyferry.custody.leases import LEASE_SECONDS, Lease, held, holders, leave
from keyferry.store.store import Store
from keyferry.testing import Kit


@pytest.fixture
def store(kit: Kit) -> Store:
    return kit.installation.store


def test_one_process_has_a_lease_until_it_runs_out(store: Store) -> None:
    assert held(store, "rotation", "one")
    assert not held(store, "rotation", "two")
    assert held(store, "reminders", "two"), "another job's"
    with later((LEASE_SECONDS - 1) * SECOND):
        assert not held(store, "rotation", "two")
        assert held(store, "rotation", "one"), "renewed"
    with later((LEASE_SECONDS + 1) * SECOND):
        assert not held(store, "rotation", "two")
    with later(2 * LEASE_SECONDS * SECOND):
        assert held(store, "rotation", "two")
        assert not held(store, "rotation", "one")


def test_a_lease_is_given_back_by_its_holder_alone(store: Store) -> None:
    assert held(store, "rotation", "one")
    leave(store, "rotation", "two")
    assert not held(store, "rotation", "two")
    leave(store, "rotation", "one")
    assert held(store, "rotation", "two")


def test_no_lease_is_given_for_longer_than_others_wait(store: Store) -> None:
    assert held(store, "rotation", "one", seconds=10 * LEASE_SECONDS)
    with later((LEASE_SECONDS + 1) * SECOND):
        assert held(store, "rotation", "two")


def test_a_lease_from_a_clock_that_was_set_back_keeps_nobody_out(store: Store) -> None:
    with later(400 * DAY):
        assert held(store, "rotation", "one")
        assert store.read(lambda tx: holders(tx, 0)) == {}
    assert held(store, "rotation", "two")


def test_a_process_renews_its_lease_as_it_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, another = Lease(store, "rotation", "one"), Lease(store, "rotation", "two")
    assert mine.keep()
    assert not another.keep()
    assert not another.keep(), "however often it asks"
    leave(store, "rotation", "one")
    assert mine.keep(), "not asked for again so soon"
    assert another.keep()
    begun = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: begun + LEASE_SECONDS / 2)
    assert not mine.keep()
    another.leave()
    assert mine.keep()
