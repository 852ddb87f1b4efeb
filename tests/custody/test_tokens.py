"""Sessions and tokens: who makes them, what is kept of them, and how they end."""

import hashlib

import pytest
from tests.custody.reading import events_of, later, rows
from tests.custody.refusing import refused

from keyferry.clock import DAY, SECOND
from keyferry.custody.caller import Caller
from keyferry.errors import NotAuthenticated
from keyferry.testing import ADDRESS, ADMINISTRATOR, Kit

HOUR = 3600 * SECOND


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def works(kit: Kit, text: str) -> bool:
    try:
        caller = kit.installation.authenticator.authenticate(text, ADDRESS)
        kit.custody.keys.list(caller, size=1)
    except NotAuthenticated:
        return False
    return True


def issue(kit: Kit, caller: Caller, name: str = "script", lifetime: int = HOUR) -> tuple[str, str]:
    issued = kit.custody.tokens.create(caller, name, lifetime)
    return issued.token.id, issued.text.reveal().decode()


def test_a_token_lets_its_bearer_act_as_its_user(kit: Kit, kim: Caller) -> None:
    _, text = issue(kit, kim)
    caller = kit.installation.authenticator.authenticate(text, ADDRESS)
    assert kit.key(caller).owner.name == "kim"
    with refused("not-permitted"):
        kit.custody.users.list(caller, size=1)


def test_nothing_that_is_kept_is_the_token(kit: Kit, kim: Caller) -> None:
    token_id, text = issue(kit, kim)
    secret = bytes.fromhex(text.split("_")[2])
    (row,) = [row for row in rows(kit, "tokens") if row["id"] == token_id]
    assert row["digest"] == hashlib.sha256(secret).digest()
    home = kit.installation.settings.home
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert secret not in kept
    assert secret.hex().encode() not in kept
    assert secret.hex() not in str(kit.custody.audit.list(kit.administrator, size=1000))


def test_a_token_ends_at_its_date(kit: Kit, kim: Caller) -> None:
    _, text = issue(kit, kim, lifetime=60 * SECOND)
    with later(58 * SECOND):
        assert works(kit, text)
    with later(60 * SECOND):
        assert not works(kit, text)


def test_a_session_lasts_as_long_as_it_is_set_to(kit: Kit, kim: Caller) -> None:
    text = kit.token("kim")
    with later(12 * HOUR - 60 * SECOND):
        assert works(kit, text)
    with later(12 * HOUR):
        assert not works(kit, text)


@pytest.mark.parametrize("lifetime", [-1, 0, 60 * SECOND - 1, 366 * DAY + 1])
def test_lifetimes_that_are_refused(kit: Kit, kim: Caller, lifetime: int) -> None:
    with refused("invalid-input", "lifetime"):
        issue(kit, kim, lifetime=lifetime)


@pytest.mark.parametrize("lifetime", [60 * SECOND, 366 * DAY])
def test_the_shortest_and_the_longest(kit: Kit, kim: Caller, lifetime: int) -> None:
    token = kit.custody.tokens.create(kim, "script", lifetime).token
    assert token.expires_at - token.created_at == lifetime


@pytest.mark.parametrize("name", ["", "  ", "one\ntwo", "a\0b", "x" * 1025])
def test_names_that_are_refused(kit: Kit, kim: Caller, name: str) -> None:
    with refused("invalid-input", "name"):
        issue(kit, kim, name)


class TestRevoking:
    def test_ones_own_at_once_and_no_other_with_it(self, kit: Kit, kim: Caller) -> None:
        (first, text), (_, other) = issue(kit, kim), issue(kit, kim)
        assert kit.custody.tokens.revoke(kim, first).revoked_at is not None
        assert not works(kit, text)
        assert works(kit, other)
        with refused("conflict", "token"):
            kit.custody.tokens.revoke(kim, first)

    def test_signing_out_is_revoking_the_session_that_one_holds(self, kit: Kit, kim: Caller) -> None:
        kit.custody.tokens.revoke(kim, kim.token_id or "")
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kim, size=1)

    def test_an_administrator_ends_anyones_and_no_one_else_does(self, kit: Kit, kim: Caller) -> None:
        lee = kit.user("lee")
        token_id, text = issue(kit, kim)
        with refused("not-found", "token"):
            kit.custody.tokens.revoke(lee, token_id)
        assert works(kit, text)
        kit.custody.tokens.revoke(kit.administrator, token_id)
        assert not works(kit, text)
        event = events_of(kit, "token.revoke")[-1]
        assert (event.actor_name, event.object_id) == (ADMINISTRATOR, token_id)

    @pytest.mark.parametrize("token_id", ["", "no-token", "a\0b", "00000000-0000-0000-0000-000000000000"])
    def test_one_that_there_is_not(self, kit: Kit, token_id: str) -> None:
        with refused("not-found", "token"):
            kit.custody.tokens.revoke(kit.administrator, token_id)
        with refused("not-found", "token"):
            kit.custody.tokens.show(kit.administrator, token_id)


def test_tokens_are_listed_to_their_user_and_to_administrators(kit: Kit, kim: Caller) -> None:
    lee = kit.user("lee")
    made = [kim.token_id, *(issue(kit, kim)[0] for _ in range(3))]
    kit.custody.tokens.revoke(kim, made[1] or "")
    first = kit.custody.tokens.list(kim, size=3)
    rest = kit.custody.tokens.list(kim, size=3, after=first.next or "")
    assert [each.token.id for each in (*first.items, *rest.items)] == made
    seen = kit.custody.tokens.list(kit.administrator, user="kim", size=10).items
    assert [each.token.id for each in seen] == made
    with refused("not-found", "user"):
        kit.custody.tokens.list(lee, user="kim", size=10)


def test_the_event_of_a_token_is_about_the_token(kit: Kit, kim: Caller) -> None:
    token_id, _ = issue(kit, kim, "nightly")
    (event,) = events_of(kit, "token.create")
    assert (event.object_type, event.object_id, event.object_name) == ("token", token_id, "nightly")
    assert event.actor_name == "kim"


def test_in_force_are_those_that_still_open_something_the_newest_first(kit: Kit) -> None:
    kim = kit.user("kim")
    names = ("a", "b", "c", "d")
    made = {name: kit.custody.tokens.create(kim, name, 3600 * SECOND).token for name in names}
    kit.custody.tokens.create(kim, "short", 60 * SECOND)
    kit.custody.tokens.revoke(kim, made["b"].id)
    idle = kit.session("kim", idle_after=600 * SECOND)

    def in_force() -> list[str]:
        return [each.token.name for each in kit.custody.tokens.in_force(kim, size=10).items]

    assert idle.issued.token.name == "console"
    assert in_force() == ["console", "short", "d", "c", "a", "sign-in"]
    with later(601 * SECOND):
        assert in_force() == ["d", "c", "a", "sign-in"]
    first = kit.custody.tokens.in_force(kim, size=2)
    assert ([each.token.name for each in first.items], first.next is not None) == (["console", "short"], True)
