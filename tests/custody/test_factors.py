"""Second factors: what a sign-in with one asks for, what it refuses, and what nobody gets round (class H).

The clock stands still in these tests, so that a time step is what the test says it is.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import text as sql
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody import recovery_codes, totp
from keyferry.custody.caller import Caller
from keyferry.custody.factor_rows import Kind
from keyferry.custody.factors import Again
from keyferry.custody.policy import Role
from keyferry.custody.resealing import Resealing
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.tickets import Needs
from keyferry.errors import IntegrityViolation, KeyferryError, NotAuthenticated
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.steps import Steps
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, ADMINISTRATOR, PASSWORD, App, Kit

ELSEWHERE = "203.0.113.9"
STEP = 30
WITH_PASSWORD = Again(password=Secret(PASSWORD.encode()))


@pytest.fixture
def clock_stands() -> Iterator[Any]:
    """In the middle of a time step; `shift` moves it by seconds."""
    now = int(datetime.now(UTC).timestamp())
    with time_machine.travel(datetime.fromtimestamp(now - now % STEP + 10, UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def kim(kit: Kit, clock_stands: Any) -> Caller:
    return kit.user("kim")


@pytest.fixture
def app(kit: Kit, kim: Caller, clock_stands: Any) -> App:
    """An app of kim's, some time after it was set up."""
    made = kit.set_up_app(kim)
    clock_stands.shift(10 * STEP)
    return made


def steps_of(kit: Kit) -> Steps:
    return kit.installation.sign_in.steps


def begin(kit: Kit, name: str = "kim", password: str = PASSWORD, address: str = ADDRESS) -> Unfinished:
    came_to = kit.installation.sign_in.sign_in(name, Secret(password.encode()), address)
    assert isinstance(came_to, Unfinished)
    return came_to


def ticket_of(unfinished: Unfinished) -> str:
    return unfinished.ticket.reveal().decode()


def prove(kit: Kit, ticket: str, code: str, address: str = ADDRESS) -> SignedIn | Unfinished:
    return steps_of(kit).by_code(ticket, Secret(code.encode()), address)


def caller_of(kit: Kit, came_to: SignedIn | Unfinished) -> Caller:
    assert isinstance(came_to, SignedIn)
    return kit.installation.authenticator.authenticate(came_to.issued.text.reveal().decode(), ADDRESS)


def require_for(kit: Kit, *roles: Role) -> None:
    kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(second_factor_roles=roles))


class TestTheTicket:
    def test_a_right_password_opens_no_session_where_there_is_a_factor(self, kit: Kit, app: App) -> None:
        before = len(rows(kit, "tokens"))
        unfinished = begin(kit)
        assert (unfinished.needs, unfinished.factors) == (Needs.FACTOR, (Kind.TOTP, Kind.RECOVERY))
        assert len(rows(kit, "tokens")) == before
        (event,) = events_of(kit, "session.begin")
        assert details_of(event) == {"method": "password", "needs": "factor"}

    def test_a_wrong_password_does_not_tell_whether_there_is_a_factor(self, kit: Kit, app: App) -> None:
        kit.user("plain")
        told = set()
        for name in ("kim", "plain", "nobody"):
            with pytest.raises(NotAuthenticated) as caught:
                kit.installation.sign_in.sign_in(name, Secret(b"wrong-harbour-77"), ADDRESS)
            told.add((caught.value.code, caught.value.detail, caught.value.advice))
        assert len(told) == 1

    def test_it_opens_one_session_and_is_gone(self, kit: Kit, app: App) -> None:
        ticket = ticket_of(begin(kit))
        caller = caller_of(kit, prove(kit, ticket, app.code()))
        token = kit.custody.tokens.show(caller, caller.token_id or "").token
        assert (token.kind, token.second_factor) == ("session", "totp")
        assert rows(kit, "tickets") == []
        with refused("ticket-refused"):
            prove(kit, ticket, app.code(1))

    def test_it_ends_after_five_minutes(self, kit: Kit, app: App, clock_stands: Any) -> None:
        ticket = ticket_of(begin(kit))
        clock_stands.shift(300)
        with refused("ticket-refused"):
            prove(kit, ticket, app.code())
        kit.background.tick()
        kit.custody.jobs.run()
        assert rows(kit, "tickets") == []

    @pytest.mark.parametrize("bad", ["", "kt_", "kf_" + "0" * 32 + "_" + "0" * 64 + "_00000000", "a session's token"])
    def test_what_is_no_ticket_is_refused(self, kit: Kit, app: App, kim: Caller, bad: str) -> None:
        begin(kit)
        if bad.startswith("a session"):
            bad = kit.token(ADMINISTRATOR)
        with refused("ticket-refused"):
            prove(kit, bad, app.code())

    def test_it_is_good_from_the_network_that_it_was_given_to_alone(self, kit: Kit, app: App) -> None:
        ticket = ticket_of(begin(kit))
        with refused("ticket-refused"):
            prove(kit, ticket, app.code(), ELSEWHERE)
        caller_of(kit, prove(kit, ticket, app.code()))

    def test_a_ticket_is_no_token(self, kit: Kit, app: App) -> None:
        with pytest.raises(NotAuthenticated):
            kit.installation.authenticator.authenticate(ticket_of(begin(kit)), ADDRESS)

    def test_whoever_has_one_does_nothing_else_with_it(self, kit: Kit, app: App) -> None:
        begin(kit)
        (row,) = rows(kit, "tickets")
        caller = Caller(row["user_id"], None, ADDRESS, ticket_id=row["id"])
        asked: list[Callable[[], object]] = [
            lambda: kit.custody.keys.list(caller, size=5),
            lambda: kit.custody.users.show(caller, "kim"),
            lambda: kit.custody.factors.list(caller),
            lambda: kit.custody.tokens.create(caller, "script", 3600 * SECOND),
        ]
        for ask in asked:
            with refused("not-permitted"):
                ask()

    @pytest.mark.parametrize("what", ["password", "disable", "reset"])
    def test_it_ends_with_the_epoch(self, kit: Kit, app: App, what: str) -> None:
        ticket = ticket_of(begin(kit))
        if what == "password":
            kit.custody.users.set_password(kit.administrator, "kim", Secret(b"other-lantern-harbour-7"))
        elif what == "disable":
            kit.custody.users.disable(kit.administrator, "kim")
            kit.custody.users.enable(kit.administrator, "kim")
        else:
            kit.custody.factors.reset(kit.administrator, "kim")
        with refused("ticket-refused"):
            prove(kit, ticket, app.code())

    def test_a_step_that_it_is_not_for_is_refused(self, kit: Kit, app: App, kim: Caller) -> None:
        """The step that sets a factor up would be a way round the one that asks for it."""
        ticket = ticket_of(begin(kit))
        new = kit.custody.factors.begin_totp(kim)
        key = new.key.reveal().decode().replace(" ", "")
        with refused("ticket-refused"):
            code = Secret(App("", key, ()).code().encode())
            steps_of(kit).enrol_totp(ticket, new.enrolment, "mine", code, ADDRESS)
        assert len(kit.custody.factors.list(kim).factors) == 1


class TestCodes:
    @pytest.mark.parametrize("dressed", ["{0}{1}", "{0} {1}", " {0}-{1} ", "{0}\u00a0{1}\t"])
    def test_class_h_a_code_is_used_once_however_it_is_written(self, kit: Kit, app: App, dressed: str) -> None:
        code = app.code()
        caller_of(kit, prove(kit, ticket_of(begin(kit)), code))
        ticket = ticket_of(begin(kit))
        with refused("second-factor-refused", "code"):
            prove(kit, ticket, dressed.format(code[:3], code[3:]))
        caller_of(kit, prove(kit, ticket, app.code(1)))

    def test_class_h_a_step_before_the_last_one_is_over(self, kit: Kit, app: App, clock_stands: Any) -> None:
        older = app.code()
        caller_of(kit, prove(kit, ticket_of(begin(kit)), app.code(1)))
        with refused("second-factor-refused"):
            prove(kit, ticket_of(begin(kit)), older)

    @pytest.mark.parametrize(("away", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_a_clock_may_go_wrong_by_one_step(self, kit: Kit, app: App, away: int, taken: bool) -> None:
        ticket, code = ticket_of(begin(kit)), app.code(away)
        if taken:
            caller_of(kit, prove(kit, ticket, code))
            return
        with refused("second-factor-refused"):
            prove(kit, ticket, code)

    @pytest.mark.parametrize(
        "bad",
        [
            "",
            "12345",
            "1234567",
            "abcdef",
            "\uff11\uff12\uff13\uff14\uff15\uff16",
            "\u0660\u0661\u0662\u0663\u0664\u0665",
            "12\u200b3456",
            "123.456",
            "-",
            "\0" * 6,
        ],
    )
    def test_what_is_no_code_is_refused_as_a_wrong_one(self, kit: Kit, app: App, bad: str) -> None:
        with refused("second-factor-refused", "code"):
            prove(kit, ticket_of(begin(kit)), bad)

    def test_the_first_code_is_used_by_the_setting_up(self, kit: Kit, kim: Caller) -> None:
        app = kit.set_up_app(kim)
        with refused("second-factor-refused"):
            prove(kit, ticket_of(begin(kit)), app.code())

    def test_of_two_uses_of_one_code_at_once_one_is_taken(self, kit: Kit, app: App) -> None:
        tickets, code = [ticket_of(begin(kit)) for _ in range(2)], app.code()
        start, outcomes = threading.Barrier(2), []

        def use(ticket: str) -> None:
            start.wait()
            try:
                outcomes.append(type(prove(kit, ticket, code)).__name__)
            except KeyferryError as refusal:
                outcomes.append(refusal.code)

        threads = [threading.Thread(target=use, args=(ticket,)) for ticket in tickets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["SignedIn", "second-factor-refused"]

    def test_of_two_uses_of_one_ticket_at_once_one_opens_a_session(self, kit: Kit, app: App) -> None:
        ticket, codes = ticket_of(begin(kit)), [app.code(), app.recovery_codes[0]]
        start, outcomes = threading.Barrier(2), []

        def use(code: str) -> None:
            start.wait()
            try:
                outcomes.append(type(prove(kit, ticket, code)).__name__)
            except KeyferryError as refusal:
                outcomes.append(refusal.code)

        threads = [threading.Thread(target=use, args=(code,)) for code in codes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["SignedIn", "ticket-refused"]

    def test_class_h_wrong_codes_make_the_next_wait_and_what_waits_is_not_looked_at(
        self, kit: Kit, app: App, clock_stands: Any
    ) -> None:
        ticket = ticket_of(begin(kit))
        for _ in range(5):
            with refused("second-factor-refused"):
                prove(kit, ticket, "000000" if app.code() != "000000" else "000001")
        with refused("too-many-requests") as turned_away:
            prove(kit, ticket, app.code())
        assert turned_away.error.retry_after == 1  # type: ignore[attr-defined]  # of this refusal
        # neither another ticket nor another name's case is a way round
        with refused("too-many-requests"):
            prove(kit, ticket_of(begin(kit, "KIM")), app.code())
        clock_stands.shift(1)
        caller_of(kit, prove(kit, ticket, app.code()))
        assert [row["subject"] for row in rows(kit, "sign_in_failures") if row["subject"].startswith("factor:")] == []

    def test_a_burst_of_tries_at_once_is_counted_one_by_one(self, kit: Kit, app: App) -> None:
        ticket, wrong = ticket_of(begin(kit)), "000000" if app.code() != "000000" else "000001"
        start, outcomes = threading.Barrier(8), []

        def try_one() -> None:
            start.wait()
            try:
                prove(kit, ticket, wrong)
            except KeyferryError as refusal:
                outcomes.append(refusal.code)

        threads = [threading.Thread(target=try_one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count("second-factor-refused") == 5
        assert outcomes.count("too-many-requests") == 3

    def test_the_audit_log_counts_wrong_codes(self, kit: Kit, app: App, kim: Caller) -> None:
        with refused("second-factor-refused"):
            prove(kit, ticket_of(begin(kit)), "000000" if app.code() != "000000" else "000001")
        kit.background.tick()
        event = events_of(kit, "session.open", "refused")[-1]
        assert (event.code, event.actor_id) == ("second-factor-refused", kim.user_id)

    def test_codes_are_those_of_another_implementation(self) -> None:
        """oathtool (OATH Toolkit) as a witness, at moments near and far."""
        assert shutil.which("oathtool"), "Debian's package oathtool is missing: `make programs`"
        for number, moment in enumerate((1_000_000_007, 1_800_000_000, 4_102_444_799)):
            seed = Secret(bytes(range(number, number + totp.SEED_BYTES)))
            key = totp.key_text(seed).replace(" ", "")
            at = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            command = ["oathtool", "--totp=SHA1", "--base32", f"--now={at}", key]
            code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            assert totp.matching_step(seed, code, moment * SECOND) == moment // STEP


class TestRecoveryCodes:
    def test_each_is_good_once_however_it_is_typed(self, kit: Kit, app: App, kim: Caller) -> None:
        code = app.recovery_codes[0]
        assert len(set(app.recovery_codes)) == recovery_codes.HOW_MANY
        typed = code.upper().replace("0", "O").replace("1", "l").replace("-", " ")
        caller = caller_of(kit, prove(kit, ticket_of(begin(kit)), typed))
        assert kit.custody.tokens.show(caller, caller.token_id or "").token.second_factor == "recovery"
        with refused("second-factor-refused"):
            prove(kit, ticket_of(begin(kit)), code)
        assert kit.custody.factors.list(caller).codes_left == recovery_codes.HOW_MANY - 1

    def test_only_digests_are_kept(self, kit: Kit, app: App) -> None:
        stored = json.dumps(rows(kit, "factors"), default=repr)
        for code in app.recovery_codes:
            assert code not in stored
            assert code.replace("-", "") not in stored
        assert app.key not in stored

    def test_new_ones_put_an_end_to_the_old(self, kit: Kit, app: App, kim: Caller) -> None:
        (new, *_) = (code.reveal().decode() for code in kit.custody.factors.recovery_codes(kim, WITH_PASSWORD))
        with refused("second-factor-refused"):
            prove(kit, ticket_of(begin(kit)), app.recovery_codes[0])
        caller_of(kit, prove(kit, ticket_of(begin(kit)), new))

    def test_they_stand_in_for_a_factor_and_are_none(self, kit: Kit, kim: Caller) -> None:
        with refused("conflict"):
            kit.custody.factors.recovery_codes(kim, WITH_PASSWORD)


class TestOnesOwn:
    def test_a_session_alone_changes_no_factor(self, kit: Kit, app: App, kim: Caller) -> None:
        """Somebody who has got hold of a session neither adds a way in of their own nor takes one away."""
        factors = kit.custody.factors
        new = factors.begin_totp(kim)
        code = Secret(App("", new.key.reveal().decode().replace(" ", ""), ()).code().encode())
        for again, code_of in ((Again(), None), (Again(password=Secret(b"wrong-harbour-77")), None)):
            assert code_of is None
            with refused("invalid-input" if again.password is None else "password-refused", "current_password"):
                factors.add_totp(kim, new.enrolment, "mine", code, again)
            with refused("invalid-input" if again.password is None else "password-refused", "current_password"):
                factors.remove(kim, app.factor_id, again)
        with refused("second-factor-refused", "code"):
            factors.remove(kim, app.factor_id, Again(code=Secret(b"000 00x")))
        assert [factor.id for factor in factors.list(kim).factors] == [app.factor_id]

    def test_a_code_proves_as_much_as_the_password(self, kit: Kit, app: App, kim: Caller) -> None:
        kit.custody.factors.remove(kim, app.factor_id, Again(code=Secret(app.code().encode())))
        assert isinstance(kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS), SignedIn)
        assert rows(kit, "factors") == [], "the recovery codes went with the last one"

    def test_anothers_key_is_not_set_up(self, kit: Kit, kim: Caller) -> None:
        other = kit.user("other")
        theirs = kit.custody.factors.begin_totp(other)
        code = Secret(App("", theirs.key.reveal().decode().replace(" ", ""), ()).code().encode())
        with refused("invalid-input", "enrolment"):
            kit.custody.factors.add_totp(kim, theirs.enrolment, "mine", code, WITH_PASSWORD)

    def test_an_app_whose_first_code_is_wrong_does_not_count(self, kit: Kit, kim: Caller) -> None:
        new = kit.custody.factors.begin_totp(kim)
        with refused("second-factor-refused", "code"):
            kit.custody.factors.add_totp(kim, new.enrolment, "phone", Secret(b"12345"), WITH_PASSWORD)
        assert kit.session("kim").codes == ()

    def test_the_session_in_which_it_was_set_up_has_it_and_so_have_its_tokens(self, kit: Kit, kim: Caller) -> None:
        kit.set_up_app(kim)
        require_for(kit, Role.KEY_ACCESS_USER)
        made = kit.custody.tokens.create(kim, "script", 3600 * SECOND)
        assert made.token.second_factor == "totp"
        assert kit.custody.keys.list(kim, size=5).items == ()

    def test_an_administrator_resets_anothers_and_the_user_is_told(self, kit: Kit, app: App, kim: Caller) -> None:
        kit.custody.factors.reset(kit.administrator, "kim")
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kim, size=5)
        (notice,) = kit.session("kim").notices
        assert notice.startswith(f"Your second factors were taken away by '{ADMINISTRATOR}' at ")
        assert kit.session("kim").notices == ()
        with refused("not-permitted"):
            kit.custody.factors.reset(kit.administrator, ADMINISTRATOR)


class TestRequiredByRole:
    def test_what_was_made_without_one_stops_at_once(self, kit: Kit, kim: Caller) -> None:
        token = kit.custody.tokens.create(kim, "script", 3600 * SECOND)
        script = kit.installation.authenticator.authenticate(token.text.reveal().decode(), ADDRESS)
        require_for(kit, Role.KEY_ACCESS_USER)
        for caller in (kim, script):
            with refused("second-factor-required"):
                kit.custody.keys.list(caller, size=5)
        kit.custody.users.list(kit.administrator, size=5)  # the other role is not bound
        require_for(kit)
        kit.custody.keys.list(kim, size=5)

    def test_it_binds_the_one_who_requires_it_too(self, kit: Kit, kim: Caller) -> None:
        require_for(kit, Role.ADMINISTRATOR)
        with refused("second-factor-required"):
            kit.custody.users.list(kit.administrator, size=5)

    def test_a_sign_in_leads_through_the_setting_up(self, kit: Kit, kim: Caller, clock_stands: Any) -> None:
        require_for(kit, Role.KEY_ACCESS_USER)
        unfinished = begin(kit)
        assert unfinished.needs is Needs.ENROLMENT
        ticket, steps = ticket_of(unfinished), steps_of(kit)
        new = steps.begin_totp(ticket, ADDRESS)
        app = App("", new.key.reveal().decode().replace(" ", ""), ())
        with refused("second-factor-refused", "code"):
            steps.enrol_totp(ticket, new.enrolment, "phone", Secret(b"12345x"), ADDRESS)
        with refused("ticket-refused"):
            prove(kit, ticket, app.code())
        came_to = steps.enrol_totp(ticket, new.enrolment, "phone", Secret(app.code().encode()), ADDRESS)
        caller = caller_of(kit, came_to)
        assert len(came_to.codes) == recovery_codes.HOW_MANY
        assert kit.custody.tokens.show(caller, caller.token_id or "").token.second_factor == "totp"
        with refused("ticket-refused"):
            steps.begin_totp(ticket, ADDRESS)
        clock_stands.shift(2 * STEP)
        caller_of(kit, prove(kit, ticket_of(begin(kit)), app.code()))

    def test_the_last_one_stays(self, kit: Kit, app: App, kim: Caller) -> None:
        require_for(kit, Role.KEY_ACCESS_USER)
        with refused("second-factor-needed"):
            kit.custody.factors.remove(kim, app.factor_id, WITH_PASSWORD)

    def test_a_reset_leads_to_another_setting_up(self, kit: Kit, app: App) -> None:
        require_for(kit, Role.KEY_ACCESS_USER)
        kit.custody.factors.reset(kit.administrator, "kim")
        assert begin(kit).needs is Needs.ENROLMENT


class TestBehindKeyferrysBack:
    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM factors",
            "UPDATE factors SET last_step = last_step - 5 WHERE kind = 'totp'",
            "UPDATE users SET factors = NULL WHERE name = 'kim'",
        ],
    )
    def test_no_row_that_is_taken_away_or_edited_opens_a_session(self, kit: Kit, app: App, change: str) -> None:
        with kit.installation.store.engine.begin() as connection:
            connection.execute(sql(change))
        with pytest.raises(IntegrityViolation):
            prove(kit, ticket_of(begin(kit)), app.code())

    def test_a_used_code_is_not_good_again_under_an_old_row(self, kit: Kit, app: App) -> None:
        (old,) = (row for row in rows(kit, "factors") if row["kind"] == "totp")
        caller_of(kit, prove(kit, ticket_of(begin(kit)), app.code()))
        with kit.installation.store.engine.begin() as connection:
            put_back = "UPDATE factors SET last_step = :last_step, last_used_at = :last_used_at, seal = :seal, "
            connection.execute(sql(f"{put_back} revision = :revision WHERE id = :id"), old)
        with pytest.raises(IntegrityViolation):
            prove(kit, ticket_of(begin(kit)), app.code())

    def test_seeds_are_put_under_a_new_data_key_with_everything_else(self, kit: Kit, app: App) -> None:
        made = kit.installation
        before = {row["id"]: row["secret"] for row in rows(kit, "factors")}
        Resealing(made.store, made.sealer, made.root).run(learned_within=0)
        after = {row["id"]: row["secret"] for row in rows(kit, "factors")}
        assert before[app.factor_id] != after[app.factor_id]
        caller_of(kit, prove(kit, ticket_of(begin(kit)), app.code()))


def test_the_clock_of_these_tests_is_the_one_that_codes_are_made_by(clock_stands: Any) -> None:
    first = clock.now()
    clock_stands.shift(STEP)
    assert clock.now() - first == STEP * SECOND
