"""Counts of keys and of what was done with them: exact, after whatever happens, for whoever may see the keys."""

from collections.abc import Callable

import pytest
import time_machine
from sqlalchemy import text

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody import counting
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.counting import DAY, count
from keyferry.custody.key_metrics import KeyMetrics
from keyferry.custody.lifecycle import RevocationReason
from keyferry.errors import NotAuthenticated
from keyferry.testing import Kek, Kit

COUNTS = ("key_counts", "expiry_counts", "owner_counts")


def figures(kit: Kit, caller: Caller, days: int = 1) -> KeyMetrics:
    kit.background.tick()
    return kit.custody.metrics.show(caller, days=days)


def counted_anew(kit: Kit) -> dict[str, list[tuple[object, ...]]]:
    """The tables of counts, without what is zero."""
    with kit.installation.store.engine.connect() as connection:
        return {
            table: sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} WHERE keys <> 0")))
            for table in COUNTS
        }


def test_keys_are_counted_by_state_type_age_and_owner(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim", groups=("payments",))
    kit.key(kim, "ec-p256", "tenant", group="payments")
    kit.key(kim, "aes-256", "a", owner="kim")
    kit.key(kim, "aes-256", "b", owner="kim", activated=False)

    seen = figures(kit, kit.administrator)

    assert seen.total == 3
    assert seen.by_state == {"active": 2, "pre-active": 1}
    assert seen.by_type == {"aes-256": 2, "ec-p256": 1}
    assert seen.by_age["under 30 days"] == 3
    assert sum(seen.by_age.values()) == 3
    assert {(each.kind, each.name, each.keys) for each in seen.by_owner} == {
        ("user", "kim", 2),
        ("group", "payments", 1),
    }


def test_a_key_moves_between_counts_as_it_changes(kit: Kit) -> None:
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "aes-256", "a", owner="kim").key
    assert figures(kit, kim).by_state == {"active": 1}

    kit.custody.states.revoke(kim, key.id, RevocationReason.KEY_COMPROMISE)
    assert figures(kit, kim).by_state == {"compromised": 1}

    kit.custody.states.rotate(kim, key.id)
    kit.custody.keys.reassign(kim, key.id, group="payments")
    seen = figures(kit, kim)
    assert seen.by_state == {"active": 1}
    assert [(each.kind, each.name, each.keys) for each in seen.by_owner] == [("group", "payments", 1)]

    kit.custody.states.deactivate(kim, key.id)
    kit.custody.states.destroy(kim, key.id)
    assert figures(kit, kim).pending_destruction == 1

    with time_machine.travel((clock.now() + 8 * DAY) / SECOND):
        kit.custody.jobs.run()
        count_all(kit)
        with kit.installation.store.engine.connect() as connection:
            states = connection.execute(text("SELECT state, pending FROM counted_keys")).all()
    assert [tuple(row) for row in states] == [("destroyed", 0)]


def test_an_earlier_version_that_is_to_be_destroyed_is_seen_too(kit: Kit) -> None:
    """Its ciphertexts will not open any more, though the key goes on."""
    kim = kit.user("kim")
    key = kit.key(kim, "aes-256").key
    kit.custody.states.rotate(kim, key.id)
    kit.custody.states.deactivate(kim, key.id, version=1)
    kit.custody.states.destroy(kim, key.id, version=1)
    seen = figures(kit, kim)
    assert (seen.by_state, seen.pending_destruction) == ({"active": 1}, 1)

    kit.custody.states.cancel_destruction(kim, key.id, version=1)
    assert figures(kit, kim).pending_destruction == 0

    kit.custody.states.destroy(kim, key.id, version=1)
    with time_machine.travel((clock.now() + 8 * DAY) / SECOND):
        kit.custody.jobs.run()
    assert figures(kit, kim).pending_destruction == 0


def count_all(kit: Kit) -> None:
    kit.background._number_events()
    count(kit.installation.store)


def test_what_is_done_is_counted_by_day(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim")
    kit.key(kim, "ec-p256", "tenant")
    kit.export(kim, "tenant", kek)
    kit.export(kim, "tenant", kek)
    kit.custody.states.rotate(kim, "tenant")

    (today,) = figures(kit, kim).days
    assert (today.created, today.rotated, today.used, today.exported) == (1, 1, 0, 2)
    assert today.at <= clock.now() < today.at + DAY

    week = figures(kit, kim, days=7).days
    assert [day.at for day in week] == [today.at - n * DAY for n in range(6, -1, -1)]
    assert [day.created for day in week] == [0, 0, 0, 0, 0, 0, 1]


def test_a_refusal_is_no_use(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim")
    kit.key(kim, "ec-p256", "tenant", exportable=False)
    with pytest.raises(Exception, match="not exportable"):
        kit.export(kim, "tenant", kek)
    assert figures(kit, kim).days[0].exported == 0


def test_keys_that_expire_are_counted_by_when(kit: Kit) -> None:
    kim = kit.user("kim")
    for days in (0.5, 6, 20, 80, 200):
        kit.key(kim, "aes-128", deactivation_date=clock.now() + int(days * DAY))
    expiring = figures(kit, kim).expiring
    assert expiring == {1: 1, 7: 2, 30: 3, 90: 4}


def test_each_sees_the_keys_that_are_theirs_alone(kit: Kit) -> None:
    kim, lee = kit.user("kim", groups=("payments",)), kit.user("lee", groups=("payments",))
    stranger = kit.user("sam")
    kit.key(kim, "aes-256", "mine", owner="kim")
    kit.key(lee, "aes-256", "ours", group="payments")

    assert figures(kit, kim).total == 2
    assert figures(kit, lee).total == 1
    nothing = figures(kit, stranger)
    assert (nothing.total, nothing.by_owner, nothing.days[0].created) == (0, (), 0)
    assert figures(kit, kit.administrator).total == 2


def test_whoever_is_disabled_sees_none(kit: Kit) -> None:
    kim = kit.user("kim")
    kit.custody.users.disable(kit.administrator, "kim")
    with pytest.raises(NotAuthenticated):
        kit.custody.metrics.show(kim)


def test_a_monitor_gets_totals_and_no_names(kit: Kit) -> None:
    kim = kit.user("kim")
    kit.key(kim, "aes-256", "secret-project")
    kit.background.tick()
    seen = kit.custody.metrics.overall(Origin("127.0.0.1"))
    assert (seen.total, seen.by_owner) == (1, ())


def test_counting_in_small_pieces_comes_to_the_same(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kim = kit.user("kim", groups=("payments",))
    for number in range(6):
        kit.key(kim, "aes-128", f"k-{number}", group="payments" if number % 2 else None)
    kit.custody.states.deactivate(kim, "k-0")
    count_all(kit)
    at_once = counted_anew(kit)

    with kit.installation.store.engine.begin() as connection:
        for table in ("counted", "counted_keys", "activity_counts", *COUNTS):
            connection.execute(text(f"DELETE FROM {table}"))
    monkeypatch.setattr(counting, "EVENTS_AT_ONCE", 2)
    while count(kit.installation.store, longest=0):
        pass
    assert counted_anew(kit) == at_once
    assert kit.custody.metrics.show(kim).days[-1].created == 6


def test_counting_that_fails_half_way_counts_nothing_twice(
    make_kit: Callable[..., Kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = make_kit()
    kim = kit.user("kim")
    kit.key(kim, "aes-128", "a")
    kit.background._number_events()
    with monkeypatch.context() as broken:
        broken.setattr(counting, "_ADVANCE", None)
        with pytest.raises(AttributeError):
            count(kit.installation.store)
    count(kit.installation.store)
    assert kit.custody.metrics.show(kim).total == 1
    assert count(kit.installation.store) == 0
