"""Signing in: one answer and one hash for all that is wrong, waits that end, and what is told to whom."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import text as sql
from tests.custody.reading import details_of, events_of, rows

from keyferry.clock import SECOND
from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.errors import NotAuthenticated, Overloaded
from keyferry.identity.hashing import Cost, PasswordHashing
from keyferry.identity.opening import SignedIn
from keyferry.identity.tokens import issue
from keyferry.installation import Installation, open_installation
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, ADMINISTRATOR, PASSWORD, Kit

ELSEWHERE = "203.0.113.9"
WRONG = "wrong-harbour-77"
ANOTHER = "other-lantern-harbour-7"


@dataclass
class Hashes:
    """How many password hashes were computed since the last look."""

    count: int = 0

    def taken(self) -> int:
        taken, self.count = self.count, 0
        return taken


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Hashes:
    counted = Hashes()
    verify = PasswordHashing._matches

    def count(self: PasswordHashing, stored: str, password: Secret) -> bool:
        counted.count += 1
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHashing, "_matches", count)
    return counted


@pytest.fixture
def stopped() -> Iterator[Any]:
    """The clock, standing still: `shift` moves it."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


def create(kit: Kit, name: str, *, password: str | None = PASSWORD, **more: Any) -> Caller:
    secret = None if password is None else Secret(password.encode())
    new = NewUser(name=name, role=Role.KEY_ACCESS_USER, password=secret, **more)
    return Caller(kit.custody.users.create(kit.administrator, new).user.id, None, None)


def answer(kit: Kit, name: str, password: str = PASSWORD, address: str | None = ADDRESS) -> str:
    """What a sign-in that is refused is told: every word of it."""
    with pytest.raises(NotAuthenticated) as caught:
        kit.sign_in(name, password, address)
    error = caught.value
    return json.dumps([type(error).__name__, error.code, error.title, error.detail, error.field, error.advice])


def fail(kit: Kit, name: str, times: int, address: str | None = ADDRESS) -> None:
    for _ in range(times):
        answer(kit, name, WRONG, address)


def reasons(kit: Kit) -> list[tuple[str, int]]:
    """Why sign-ins were refused, as the audit log has it since it was last written."""
    known = len(events_of(kit, "session.open", "refused"))
    kit.background.tick()
    new = events_of(kit, "session.open", "refused")[known:]
    return sorted((details_of(event)["detail"], details_of(event)["times"]) for event in new)


class TestRefusals:
    def test_whatever_is_wrong_costs_one_hash_and_gets_one_answer(self, kit: Kit, hashes: Hashes, stopped: Any) -> None:
        create(kit, "kim")
        create(kit, "off", disabled=True)
        create(kit, "inside", networks=("192.0.2.0/24",))
        create(kit, "waiting", password=None)
        create(kit, "gone")
        kit.custody.users.delete(kit.administrator, "gone")
        create(kit, "hasty")
        fail(kit, "hasty", 5, "198.51.100.7")
        hashes.taken()
        told = {}
        for name, password, address in (
            ("kim", WRONG, ADDRESS),
            ("nobody", PASSWORD, ADDRESS),
            ("no\0body", PASSWORD, "192.0.2.40"),
            ("\ud800", PASSWORD, "192.0.2.41"),
            ("", PASSWORD, "192.0.2.42"),
            ("x" * 10_000, PASSWORD, "192.0.2.43"),
            ("off", PASSWORD, "192.0.2.44"),
            ("inside", PASSWORD, ELSEWHERE),
            ("waiting", PASSWORD, "192.0.2.45"),
            ("gone", PASSWORD, "192.0.2.46"),
            ("hasty", PASSWORD, "192.0.2.47"),
            ("kim", "", "192.0.2.48"),
            ("kim", "x" * 5000, "192.0.2.49"),
        ):
            told[name, address] = answer(kit, name, password, address)
            assert hashes.taken() == 1, (name, address)
        assert len(set(told.values())) == 1, told

    def test_a_good_sign_in_costs_one_hash_too(self, kit: Kit, hashes: Hashes) -> None:
        kit.sign_in(ADMINISTRATOR)
        assert hashes.taken() == 1

    def test_the_audit_log_says_which_it_was(self, kit: Kit, stopped: Any) -> None:
        kim = create(kit, "kim")
        create(kit, "off", disabled=True)
        create(kit, "inside", networks=("192.0.2.0/24",))
        create(kit, "waiting", password=None)
        fail(kit, "kim", 5, "198.51.100.7")
        for name in ("nobody", "off", "inside", "waiting", "kim"):
            answer(kit, name)
        assert reasons(kit) == [
            ("account disabled", 1),
            ("network not allowed", 1),
            ("no password set", 1),
            ("too soon after failures", 1),
            ("unknown user", 1),
            ("wrong password", 5),
        ]
        event = next(
            event
            for event in events_of(kit, "session.open", "refused")
            if details_of(event)["detail"] == "wrong password"
        )
        assert (event.actor_id, event.address, event.code) == (kim.user_id, "198.51.100.7", "sign-in-refused")

    def test_the_audit_log_does_not_say_what_was_typed(self, kit: Kit) -> None:
        fail(kit, "my-password-typed-as-a-name", 1)
        kit.background.tick()
        assert "my-password" not in str(kit.custody.audit.list(kit.administrator, size=1000))
        assert WRONG not in str(kit.custody.audit.list(kit.administrator, size=1000))

    def test_a_password_that_is_set_while_the_old_one_is_hashed_ends_that_sign_in(
        self, kit: Kit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(kit, "kim")
        expected = answer(kit, "kim", WRONG)
        verify = PasswordHashing.verify

        def verify_slowly(self: PasswordHashing, stored: str | None, password: Secret) -> None:
            verify(self, stored, password)
            monkeypatch.setattr(PasswordHashing, "verify", verify)
            kit.custody.users.set_password(kit.administrator, "kim", Secret(ANOTHER.encode()))

        monkeypatch.setattr(PasswordHashing, "verify", verify_slowly)
        assert answer(kit, "kim") == expected
        assert [row for row in rows(kit, "tokens") if row["user_id"] != kit.administrator.user_id] == []
        assert kit.sign_in("kim", ANOTHER).user_id

    def test_an_account_that_is_disabled_during_its_sign_in_gets_the_same_answer(
        self, kit: Kit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(kit, "kim")
        expected = answer(kit, "kim", WRONG)
        verify = PasswordHashing.verify

        def verify_slowly(self: PasswordHashing, stored: str | None, password: Secret) -> None:
            verify(self, stored, password)
            kit.custody.users.disable(kit.administrator, "kim")

        monkeypatch.setattr(PasswordHashing, "verify", verify_slowly)
        assert answer(kit, "kim") == expected


class TestWaiting:
    def test_failures_make_the_next_sign_in_wait_and_a_wait_ends(self, kit: Kit, stopped: Any) -> None:
        create(kit, "kim")
        fail(kit, "kim", 4)
        assert kit.sign_in("kim").user_id, "four are free"
        fail(kit, "kim", 1)
        answer(kit, "kim")
        stopped.shift(0.9)
        answer(kit, "kim")
        stopped.shift(0.2)
        assert kit.sign_in("kim").user_id, "the attempts that came too soon did not count"

    def test_a_wait_doubles(self, kit: Kit, stopped: Any) -> None:
        create(kit, "kim")
        fail(kit, "kim", 5)
        for seconds in (1, 2, 4, 8):
            stopped.shift(seconds - 0.1)
            answer(kit, "kim")
            stopped.shift(0.1)
            fail(kit, "kim", 1)
        assert reasons(kit)[0] == ("too soon after failures", 4)

    def test_failures_are_forgiven_as_time_passes(self, kit: Kit, stopped: Any) -> None:
        create(kit, "kim")
        fail(kit, "kim", 4)
        stopped.shift(20 * 60)
        fail(kit, "kim", 2)
        assert kit.sign_in("kim").user_id

    def test_a_success_clears_the_users_count_and_not_the_networks(self, kit: Kit, stopped: Any) -> None:
        create(kit, "kim")
        create(kit, "lee")
        fail(kit, "kim", 4)
        kit.sign_in("kim")
        fail(kit, "lee", 1)
        answer(kit, "lee")
        assert kit.sign_in("kim", address=ELSEWHERE).user_id
        assert kit.sign_in("lee", address=ELSEWHERE).user_id

    def test_names_that_nobody_has_wait_as_others_do(self, kit: Kit, stopped: Any, hashes: Hashes) -> None:
        for number in range(6):
            answer(kit, "nobody", WRONG, f"198.51.100.{number}")
        subjects = {row["subject"]: row["failures"] for row in rows(kit, "sign_in_failures")}
        assert sum("nobody" in subject for subject in subjects) == 1
        assert hashes.taken() == 6

    def test_an_ipv6_network_counts_as_one_source(self, kit: Kit, stopped: Any) -> None:
        create(kit, "kim")
        for number in range(5):
            answer(kit, f"user{number}", WRONG, f"2001:db8::{number + 1}")
        answer(kit, "kim", address="2001:db8::ffff")
        assert kit.sign_in("kim", address="2001:db8:0:1::1").user_id

    def test_a_flood_from_elsewhere_never_locks_the_last_administrator_out(self, kit: Kit, stopped: Any) -> None:
        for number in range(60):
            fail(kit, ADMINISTRATOR, 1, f"198.51.100.{number}")
        assert kit.sign_in(ADMINISTRATOR).user_id == kit.administrator.user_id
        for number in range(60, 120):
            fail(kit, ADMINISTRATOR, 1, f"198.51.100.{number}")
            stopped.shift(30)
        answer(kit, ADMINISTRATOR, WRONG, ELSEWHERE)
        stopped.shift(31)
        assert kit.sign_in(ADMINISTRATOR, address=ELSEWHERE).user_id, "30 seconds at most from a new network"

    def test_too_many_at_once_are_turned_away_without_a_verdict(
        self, kit: Kit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: PasswordHashing, stored: str | None, password: Secret) -> None:
            raise Overloaded("Too many sign-ins are waiting.", code="overloaded")

        monkeypatch.setattr(PasswordHashing, "verify", full)
        with pytest.raises(Overloaded):
            kit.sign_in(ADMINISTRATOR)
        assert rows(kit, "sign_in_failures") == []


class TestNotices:
    def notices(self, kit: Kit, name: str, password: str = PASSWORD) -> tuple[str, ...]:
        return kit.session(name, password).notices

    def test_who_set_the_password_is_told_once(self, kit: Kit) -> None:
        create(kit, "kim")
        assert self.notices(kit, "kim") == (), "what came with the account is no news"
        kit.custody.users.set_password(kit.administrator, "kim", Secret(ANOTHER.encode()))
        (notice,) = self.notices(kit, "kim", ANOTHER)
        assert notice.startswith(f"Your password was set by '{ADMINISTRATOR}' at ")
        assert self.notices(kit, "kim", ANOTHER) == ()

    def test_before_the_first_sign_in_too(self, kit: Kit) -> None:
        create(kit, "kim", password=None)
        kit.custody.users.set_password(kit.administrator, "kim", Secret(ANOTHER.encode()))
        assert len(self.notices(kit, "kim", ANOTHER)) == 1

    def test_ones_own_password_is_no_news(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.set_password(kim, "kim", Secret(ANOTHER.encode()), current=Secret(PASSWORD.encode()))
        assert self.notices(kit, "kim", ANOTHER) == ()

    def test_who_added_one_to_a_group_is_told_once(self, kit: Kit) -> None:
        kit.user("kim")
        kit.group("payments")
        kit.custody.users.edit(kit.administrator, "kim", UserEdit(groups=("payments",)))
        (notice,) = self.notices(kit, "kim")
        assert notice.startswith(f"You were added to group 'payments' by '{ADMINISTRATOR}' at ")
        assert self.notices(kit, "kim") == ()

    def test_the_first_administrators_password_came_from_the_server_itself(self, kit: Kit) -> None:
        kit.custody.users.set_password(
            kit.administrator, ADMINISTRATOR, Secret(ANOTHER.encode()), current=Secret(PASSWORD.encode())
        )
        assert self.notices(kit, ADMINISTRATOR, ANOTHER) == ()


class TestTokens:
    def bad_token(self) -> str:
        return issue(str(uuid.uuid4())).text.reveal().decode()

    def test_a_token_is_known_again(self, kit: Kit) -> None:
        token = kit.token(ADMINISTRATOR)
        caller = kit.installation.authenticator.authenticate(token, ELSEWHERE)
        assert (caller.user_id, caller.address) == (kit.administrator.user_id, ELSEWHERE)

    def test_one_with_another_secret_is_not(self, kit: Kit) -> None:
        good = kit.token(ADMINISTRATOR).split("_")
        forged = issue(str(uuid.UUID(good[1]))).text.reveal().decode()
        told = set()
        for text in (forged, self.bad_token()):
            with pytest.raises(NotAuthenticated) as caught:
                kit.installation.authenticator.authenticate(text, ADDRESS)
            told.add((caught.value.code, caught.value.detail, caught.value.advice))
        assert len(told) == 1, "whether there is a token of that id is not told"

    @pytest.mark.parametrize("text", ["", "kf_", "Bearer", "kf_\0", "\ud800", "x" * 100_000])
    def test_what_is_no_token(self, kit: Kit, text: str) -> None:
        with pytest.raises(NotAuthenticated):
            kit.installation.authenticator.authenticate(text, ADDRESS)

    def test_a_flood_from_one_source_writes_one_event_with_its_count(self, kit: Kit) -> None:
        before = len(rows(kit, "audit_events"))
        for _ in range(5000):
            with pytest.raises(NotAuthenticated):
                kit.installation.authenticator.authenticate(self.bad_token(), ADDRESS)
        assert len(rows(kit, "audit_events")) == before, "nothing is written while it goes on"
        kit.background.tick()
        assert len(rows(kit, "audit_events")) == before + 1
        event = events_of(kit, "session.open", "refused")[-1]
        assert details_of(event)["times"] == 5000
        assert (event.address, event.actor_id, event.code) == (ADDRESS, None, "not-authenticated")

    def test_a_flood_from_everywhere_writes_a_bounded_number(self, kit: Kit) -> None:
        before = len(rows(kit, "audit_events"))
        for number in range(5000):
            with pytest.raises(NotAuthenticated):
                kit.installation.authenticator.authenticate("no token", f"10.0.{number // 250}.{number % 250}")
        kit.background.tick()
        written = rows(kit, "audit_events")[before:]
        assert len(written) <= 1001
        assert sum(json.loads(row["details"])["times"] for row in written) == 5000

    def test_refusals_of_a_token_that_has_ended_are_counted_by_whose_it_was(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.disable(kit.administrator, "kim")
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(kim, size=1)
        kit.background.tick()
        event = events_of(kit, "key.list", "refused")[-1]
        assert (event.actor_id, details_of(event)["times"]) == (kim.user_id, 3)


def test_a_session_lasts_as_long_as_is_set(make_kit: Any) -> None:
    kit = make_kit(token_lifetime="2h")
    (row,) = rows(kit, "tokens")
    assert row["expires_at"] - row["created_at"] == 7200 * SECOND


def test_a_hash_of_other_costs_is_renewed_at_the_next_sign_in(kit: Kit) -> None:
    kim = kit.user("kim")
    kit.close()
    dearer = Cost(memory_kib=128, passes=2, lanes=1)
    opened = open_installation(kit.installation.settings, cost=dearer)
    try:
        before = stored_hash(opened)
        again = opened.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
        assert isinstance(again, SignedIn)
        after = stored_hash(opened)
        assert before != after
        assert "m=128,t=2,p=1" in after
        caller = Caller(kim.user_id, again.issued.token.id, ADDRESS)
        assert opened.custody.users.show(caller, "kim").user.password_hash == after
        opened.custody.users.show(kim, "kim")  # the session from before goes on
        opened.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
        assert stored_hash(opened) == after, "a hash of today's costs is kept"
    finally:
        opened.close()


def stored_hash(installation: Installation) -> str:
    with installation.store.engine.connect() as connection:
        return str(connection.execute(sql("SELECT password_hash FROM users WHERE name = 'kim'")).scalar_one())
