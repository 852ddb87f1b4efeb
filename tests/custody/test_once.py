"""Idempotency keys: the same request, sent again, makes nothing again."""

import os

import pytest
from tests.custody.reading import later, rows
from tests.custody.refusing import refused

from keyferry.clock import DAY, SECOND
from keyferry.custody.accounts import NewUser
from keyferry.custody.caller import Caller
from keyferry.custody.keys import NewKey
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation, Role
from keyferry.testing import Kit

REQUEST = Once("one", "POST /keys", b'{"type":"aes-256"}')
NEW = NewKey(algorithm="aes-256")


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def replayed(kit: Kit, caller: Caller, once: Once | None) -> str | None:
    return kit.custody.gate.replayed(caller, Operation.KEY_GENERATE, once)


def test_what_was_made_is_found_again_and_not_made_again(kit: Kit, kim: Caller) -> None:
    assert replayed(kit, kim, REQUEST) is None
    made = kit.custody.keys.generate(kim, NEW, once=REQUEST)
    assert replayed(kit, kim, REQUEST) == made.key.id
    with refused("idempotency-key-reused", "Idempotency-Key"):
        kit.custody.keys.generate(kim, NEW, once=REQUEST)
    assert len(rows(kit, "keys")) == 1


def test_another_request_under_the_same_key_is_refused(kit: Kit, kim: Caller) -> None:
    kit.custody.keys.generate(kim, NEW, once=REQUEST)
    other = Once(REQUEST.key, REQUEST.route, b'{"type":"aes-128"}')
    with refused("idempotency-key-reused", "Idempotency-Key"):
        replayed(kit, kim, other)
    with refused("idempotency-key-reused", "Idempotency-Key"):
        kit.custody.keys.generate(kim, NewKey(algorithm="aes-128"), once=other)


def test_a_key_holds_for_its_caller_and_route_alone(kit: Kit, kim: Caller) -> None:
    lee = kit.user("lee")
    kit.custody.keys.generate(kim, NEW, once=REQUEST)
    assert replayed(kit, lee, REQUEST) is None
    assert replayed(kit, kim, Once(REQUEST.key, "POST /groups", REQUEST.request)) is None
    assert kit.custody.keys.generate(lee, NEW, once=REQUEST).owner.name == "lee"


def test_a_key_is_forgotten_after_a_day(kit: Kit, kim: Caller) -> None:
    script = kit.custody.tokens.create(kim, "script", 3 * DAY).token
    kim = Caller(kim.user_id, script.id, kim.address)
    first = kit.custody.keys.generate(kim, NEW, once=REQUEST)
    with later(DAY - 60 * SECOND):
        assert replayed(kit, kim, REQUEST) == first.key.id
    with later(DAY + SECOND):
        assert replayed(kit, kim, REQUEST) is None
        again = kit.custody.keys.generate(kim, NEW, once=REQUEST)
        assert replayed(kit, kim, REQUEST) == again.key.id
    assert len(rows(kit, "idempotency")) == 1
    with later(2 * DAY + 60 * SECOND):
        kit.custody.jobs.run()
    assert rows(kit, "idempotency") == []


def test_a_refused_request_leaves_its_key_unused(kit: Kit, kim: Caller) -> None:
    with refused("name-refused"):
        kit.custody.keys.generate(kim, NewKey(algorithm="aes-256", name="No"), once=REQUEST)
    assert rows(kit, "idempotency") == []
    assert kit.custody.keys.generate(kim, NEW, once=REQUEST).key.name is None


def test_neither_the_key_nor_the_request_is_kept(kit: Kit, kim: Caller) -> None:
    kit.custody.keys.generate(kim, NEW, once=REQUEST)
    (row,) = rows(kit, "idempotency")
    kept = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    assert REQUEST.request not in kept
    assert b"POST" not in kept


def test_everything_that_makes_something_takes_one(kit: Kit, kim: Caller) -> None:
    me, custody = kit.administrator, kit.custody
    key = kit.key(kim).key.id
    version = custody.states.rotate(kim, key, once=Once("a", "rotate", b"")).version.id
    group = custody.groups.create(me, "payments", once=Once("b", "group", b"")).id
    new = NewUser(name="lee", role=Role.KEY_ACCESS_USER)
    user = custody.users.create(me, new, once=Once("c", "user", b"")).user.id
    imported = custody.keys.import_(kim, NEW, os.urandom(32), once=Once("d", "import", b"")).key.id
    assert replayed(kit, kim, Once("a", "rotate", b"")) == version
    assert replayed(kit, me, Once("b", "group", b"")) == group
    assert replayed(kit, me, Once("c", "user", b"")) == user
    assert replayed(kit, kim, Once("d", "import", b"")) == imported
    with refused("idempotency-key-reused"):
        custody.states.rotate(kim, key, once=Once("a", "rotate", b""))
    assert custody.keys.show(kim, key).key.versions == 2
    assert replayed(kit, me, None) is None
