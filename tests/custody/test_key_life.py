"""The life of a key, as told from the rows that those who may see it may see."""

import time_machine

from keyferry import clock
from keyferry.clock import DAY, SECOND
from keyferry.custody.key_life import Happening, Life
from keyferry.custody.keys import NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.schedules import Schedule
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, Kek, Kit


def told(life: Life, *, ahead: bool = False) -> list[tuple[str, int]]:
    return [(event.what.value, event.version) for event in life.events if event.ahead is ahead]


def test_a_life_is_told_from_the_beginning(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim")
    key = kit.key(kim, "ec-p256").id
    kit.export(kim, key, kek)
    kit.custody.states.rotate(kim, key)
    kit.custody.states.revoke(kim, key, RevocationReason.KEY_COMPROMISE, message="found in a log", version=1)
    kit.custody.states.deactivate(kim, key)

    life = kit.custody.key_life.show(kim, key)

    assert told(life) == [
        ("generated", 1),
        ("activated", 1),
        ("exported", 1),
        ("generated", 2),
        ("activated", 2),
        ("compromised", 1),
        ("deactivated", 2),
    ]
    assert told(life, ahead=True) == []
    notes = {event.what: event for event in life.events}
    assert notes[Happening.EXPORTED].note == kek.identifier
    assert notes[Happening.EXPORTED].by == life.created_by == "kim"
    assert notes[Happening.COMPROMISED].note == "key-compromise: found in a log"


def test_what_the_dates_say_lies_ahead(kit: Kit) -> None:
    kim, now = kit.user("kim"), clock.now()
    new = NewKey(
        algorithm="ec-p256",
        activation_date=now + DAY,
        deactivation_date=now + 90 * DAY,
        rotation=Schedule(every_days=30),
    )
    key = kit.custody.keys.generate(kim, new).id
    assert told(kit.custody.key_life.show(kim, key)) == [("generated", 1)]
    ahead = [event for event in kit.custody.key_life.show(kim, key).events if event.ahead]
    assert [(event.what.value, (event.at - now) // DAY) for event in ahead] == [
        ("activated", 1),
        ("rotated", 31),
        ("deactivated", 90),
    ]


def test_a_destruction_lies_ahead_and_then_behind(kit: Kit) -> None:
    kim = kit.user("kim")
    key = kit.key(kim, "ec-p256", activated=False).id
    due = kit.custody.states.destroy(kim, key).version.destroy_at or 0
    assert told(kit.custody.key_life.show(kim, key), ahead=True) == [("erased", 1)]
    with time_machine.travel((due + SECOND) / SECOND):
        again = kit.sign_in("kim")
        assert told(kit.custody.key_life.show(again, key)) == [("generated", 1), ("erased", 1)]


def test_dates_that_a_destruction_has_overtaken_are_not_told(kit: Kit) -> None:
    kim, now = kit.user("kim"), clock.now()
    key = kit.key(kim, "ec-p256", activation_date=now + 30 * DAY, deactivation_date=now + 60 * DAY).id
    kit.custody.states.destroy(kim, key)
    with time_machine.travel((now + 100 * DAY) / SECOND):
        assert told(kit.custody.key_life.show(kit.sign_in("kim"), key)) == [("generated", 1), ("erased", 1)]


def test_the_last_use_is_told_of_each_version(kit: Kit) -> None:
    kim = kit.user("kim")
    key = kit.key(kim, "aes-256").id
    assert kit.custody.key_life.show(kim, key).last_used_at is None
    kit.custody.uses.encrypt(kim, key, Secret(b"text"))
    assert ("used", 1) in told(kit.custody.key_life.show(kim, key))
    kit.custody.activity.flush()
    assert kit.custody.key_life.show(kim, key).last_used_at is not None


def test_a_key_that_an_administrator_made_says_so(kit: Kit) -> None:
    kim = kit.user("kim")
    key = kit.key(kit.administrator, "ec-p256", owner="kim").id
    assert kit.custody.key_life.show(kim, key).created_by == ADMINISTRATOR


def test_exports_are_read_from_the_newest_back(kit: Kit, kek: Kek) -> None:
    kim, lee = kit.user("kim"), kit.user("lee")
    key, other = kit.key(kim, "ec-p256").id, kit.key(kim, "ec-p256").id
    made = [kit.export(kim, each, kek).export.id for each in (key, other, key)]
    newest = kit.custody.exports.newest
    first = newest(kim, size=2)
    assert [detail.export.id for detail in first.items] == [made[2], made[1]]
    rest = newest(kim, size=2, before=int(first.next or 0))
    assert [detail.export.id for detail in rest.items] == [made[0]]
    assert rest.next is None
    assert [detail.export.id for detail in newest(kit.administrator, size=5).items] == made[::-1]
    assert [detail.export.id for detail in newest(kim, size=5, key=key).items] == [made[2], made[0]]
    assert newest(lee, size=5).items == ()
