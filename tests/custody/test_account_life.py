"""The life of an account: temporary passwords, invitations, passwords of before, unlocking, and the way back in."""

import json
from typing import Any

import pytest
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused

from keyferry.clock import DAY, SECOND
from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.factors import Again
from keyferry.custody.new_passwords import REMEMBERED
from keyferry.custody.policy import Role
from keyferry.custody.recovery import recover_administrator
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.tickets import Needs
from keyferry.errors import NotAuthenticated
from keyferry.identity.hashing import PasswordHashing
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, ADMINISTRATOR, CHEAP, PASSWORD, Kit

MINE = "lantern-over-the-harbour-9"
ELSEWHERE = "203.0.113.9"


def secret(text: str) -> Secret:
    return Secret(text.encode())


def sign_in(kit: Kit, name: str, password: str = PASSWORD) -> SignedIn | Unfinished:
    return kit.installation.sign_in.sign_in(name, secret(password), ADDRESS)


def begun(came_to: SignedIn | Unfinished) -> Unfinished:
    assert isinstance(came_to, Unfinished)
    return came_to


def ticket_of(came_to: SignedIn | Unfinished) -> str:
    return begun(came_to).ticket.reveal().decode()


def choose(kit: Kit, ticket: str, password: str = MINE, address: str = ADDRESS) -> SignedIn | Unfinished:
    return kit.installation.sign_in.steps.set_password(ticket, secret(password), address)


def create(kit: Kit, name: str, password: str | None = PASSWORD, **more: Any) -> str:
    given = None if password is None else secret(password)
    new = NewUser(name=name, role=Role.KEY_ACCESS_USER, password=given, **more)
    return kit.custody.users.create(kit.administrator, new).user.id


class TestTemporaryPasswords:
    def test_it_opens_no_session_and_sets_another(self, kit: Kit) -> None:
        create(kit, "kim", temporary=True)
        came_to = sign_in(kit, "kim")
        assert begun(came_to).needs is Needs.PASSWORD
        assert isinstance(choose(kit, ticket_of(came_to)), SignedIn)
        assert isinstance(sign_in(kit, "kim", MINE), SignedIn)
        with pytest.raises(NotAuthenticated):
            sign_in(kit, "kim")
        assert any(details_of(event).get("password_set") for event in events_of(kit, "session.open"))

    def test_one_that_is_set_for_another_is_too_if_it_is_meant_so(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.set_password(kit.administrator, "kim", secret("other-lantern-harbour-7"), temporary=True)
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kim, size=5)
        assert begun(sign_in(kit, "kim", "other-lantern-harbour-7")).needs is Needs.PASSWORD

    def test_ones_own_is_never_temporary(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.set_password(kim, "kim", secret(MINE), current=secret(PASSWORD), temporary=True)
        assert isinstance(sign_in(kit, "kim", MINE), SignedIn)

    def test_it_may_not_be_kept(self, kit: Kit) -> None:
        create(kit, "kim", temporary=True)
        ticket = ticket_of(sign_in(kit, "kim"))
        with refused("password-refused", "password"):
            choose(kit, ticket, PASSWORD)
        with refused("password-refused", "password"):
            choose(kit, ticket, "short")
        assert isinstance(choose(kit, ticket), SignedIn)
        with refused("ticket-refused"):
            choose(kit, ticket, "another-lantern-at-sea-3")

    def test_the_second_factor_comes_first(self, kit: Kit) -> None:
        """A password that was guessed or handed on is changed by nobody who has not the device."""
        app = kit.set_up_app(kit.user("kim"))
        kit.custody.users.set_password(kit.administrator, "kim", secret("other-lantern-harbour-7"), temporary=True)
        came_to = sign_in(kit, "kim", "other-lantern-harbour-7")
        assert begun(came_to).needs is Needs.FACTOR
        with refused("ticket-refused"):
            choose(kit, ticket_of(came_to))
        steps = kit.installation.sign_in.steps
        came_to = steps.by_code(ticket_of(came_to), secret(app.recovery_codes[0]), ADDRESS)
        assert begun(came_to).needs is Needs.PASSWORD
        came_to = choose(kit, ticket_of(came_to))
        assert isinstance(came_to, SignedIn)
        assert came_to.issued.token.second_factor == "recovery"

    def test_a_required_factor_is_set_up_after_it(self, kit: Kit) -> None:
        create(kit, "kim", temporary=True)
        edit = ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))
        kit.custody.server_policy.edit(kit.administrator, edit)
        assert begun(choose(kit, ticket_of(sign_in(kit, "kim")))).needs is Needs.ENROLMENT


class TestInvitations:
    def test_whoever_has_the_link_sets_the_password_once(self, kit: Kit) -> None:
        create(kit, "kim", None)
        invitation = kit.custody.invitations.create(kit.administrator, "kim")
        text = invitation.text.reveal().decode()
        assert kit.installation.sign_in.steps.look(text, ELSEWHERE).user_name == "kim"
        assert isinstance(choose(kit, text, address=ELSEWHERE), SignedIn)
        assert isinstance(sign_in(kit, "kim", MINE), SignedIn)
        with refused("ticket-refused") as refusal:
            choose(kit, text, "another-lantern-at-sea-3")
        assert "kim" not in refusal.error.detail, "it tells nothing afterwards"
        with refused("ticket-refused") as refusal:
            look(kit, text)
        assert "kim" not in refusal.error.detail

    def test_it_ends_after_three_days(self, kit: Kit) -> None:
        create(kit, "kim", None)
        text = kit.custody.invitations.create(kit.administrator, "kim").text.reveal().decode()
        with later(3 * DAY - 60 * SECOND):
            look(kit, text)
        with later(3 * DAY), refused("ticket-refused"):
            choose(kit, text)

    @pytest.mark.parametrize("what", ["again", "password", "disable", "delete"])
    def test_it_ends_with_what_comes_after_it(self, kit: Kit, what: str) -> None:
        create(kit, "kim", None)
        text = kit.custody.invitations.create(kit.administrator, "kim").text.reveal().decode()
        if what == "again":
            kit.custody.invitations.create(kit.administrator, "kim")
        elif what == "password":
            kit.custody.users.set_password(kit.administrator, "kim", secret(PASSWORD))
        elif what == "disable":
            kit.custody.users.disable(kit.administrator, "kim")
        else:
            kit.custody.users.delete(kit.administrator, "kim")
        with refused("ticket-refused"):
            choose(kit, text)

    def test_it_is_no_way_to_anothers_account_that_has_a_password(self, kit: Kit) -> None:
        kit.user("kim")
        with refused("conflict"):
            kit.custody.invitations.create(kit.administrator, "kim")

    def test_an_invitation_opens_nothing_but_that(self, kit: Kit) -> None:
        create(kit, "kim", None)
        text = kit.custody.invitations.create(kit.administrator, "kim").text.reveal().decode()
        with refused("ticket-refused"):
            kit.installation.sign_in.steps.by_code(text, secret("123456"), ADDRESS)


def look(kit: Kit, text: str) -> Unfinished:
    return kit.installation.sign_in.steps.look(text, ADDRESS)


class TestPasswordsOfBefore:
    def test_the_last_ones_are_not_taken_again(self, kit: Kit) -> None:
        kit.user("kim")
        present = PASSWORD
        had = [PASSWORD]

        def change(to: str) -> None:
            nonlocal present
            kim = kit.sign_in("kim", present)
            kit.custody.users.set_password(kim, "kim", secret(to), current=secret(present))
            present = to

        for number in range(REMEMBERED):
            change(f"lantern-{number}-over-the-harbour")
            had.append(present)
        kim = kit.sign_in("kim", present)
        for old in (had[-1], had[-2], had[0]):
            with refused("password-refused", "password"):
                kit.custody.users.set_password(kim, "kim", secret(old), current=secret(present))
        change("one-more-lantern-at-sea")
        assert len(rows(kit, "earlier_passwords")) == REMEMBERED
        change(PASSWORD)  # the sixth before is forgotten

    @pytest.mark.parametrize(
        "common",
        [
            *("Welcome2026!!", "Sommer#2026#1", "P@ssw0rd123!", "ADMINISTRATOR-1", "changeme!2026", "Keyferry-2026"),
            "\uff37\uff45\uff4c\uff43\uff4f\uff4d\uff45\uff12\uff10\uff12\uff16\uff01",
        ],
    )
    def test_what_everybody_tries_first_is_not_taken(self, kit: Kit, common: str) -> None:
        with refused("password-refused", "password"):
            create(kit, "kim", common)

    @pytest.mark.parametrize("good", ["summer-lantern-harbour", "adminbadgers eat plums", "mild-harbour-lantern-42"])
    def test_such_a_word_among_others_is_no_harm(self, kit: Kit, good: str) -> None:
        create(kit, "kim", good)


class TestUnlocking:
    def test_what_others_have_tried_is_forgotten(self, kit: Kit) -> None:
        kit.user("kim")
        for number in range(6):
            with pytest.raises(NotAuthenticated):
                kit.installation.sign_in.sign_in("kim", secret("wrong-harbour-77"), f"198.51.100.{number}")
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim", address=ELSEWHERE)
        kit.custody.users.unlock(kit.administrator, "kim")
        kit.sign_in("kim", address=ELSEWHERE)
        assert [event.object_name for event in events_of(kit, "user.unlock")] == ["kim"]


class TestDisabling:
    def test_every_way_in_ends_at_once(self, kit: Kit) -> None:
        kim = kit.user("kim")
        app = kit.set_up_app(kim)
        text = kit.custody.tokens.create(kim, "script", 3600 * SECOND).text.reveal().decode()
        script = kit.installation.authenticator.authenticate(text, ADDRESS)
        ticket = ticket_of(sign_in(kit, "kim"))
        kit.custody.users.disable(kit.administrator, "kim")
        for caller in (kim, script):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=5)
        with refused("ticket-refused"):
            look(kit, ticket)
        with pytest.raises(NotAuthenticated):
            kit.installation.sign_in.steps.by_code(ticket, secret(app.recovery_codes[0]), ADDRESS)
        with pytest.raises(NotAuthenticated):
            sign_in(kit, "kim")
        kit.custody.users.enable(kit.administrator, "kim")
        for caller in (kim, script):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=5)


class TestTheWayBackIn:
    def recover(self, kit: Kit, name: str) -> None:
        made = kit.installation
        recover_administrator(made.store, made.sealer, name, PasswordHashing(cost=CHEAP).hash(secret(MINE)))

    def test_an_administrator_who_is_locked_out_comes_in_again(self, kit: Kit) -> None:
        other = kit.user("second-admin", Role.ADMINISTRATOR)
        kit.set_up_app(kit.administrator)
        kit.custody.users.edit(other, ADMINISTRATOR, UserEdit(networks=("192.0.2.0/24",)))
        kit.custody.users.disable(other, ADMINISTRATOR)
        self.recover(kit, ADMINISTRATOR)
        session = sign_in(kit, ADMINISTRATOR, MINE)
        assert isinstance(session, SignedIn)
        assert any("let back in from the server's own command line" in notice for notice in session.notices)
        with pytest.raises(NotAuthenticated):
            kit.custody.users.list(kit.administrator, size=5)

    def test_every_administrator_is_told_and_the_audit_log_knows(self, kit: Kit) -> None:
        kit.user("second-admin", Role.ADMINISTRATOR)
        kit.user("kim")
        self.recover(kit, ADMINISTRATOR)
        told = sign_in(kit, "second-admin")
        assert isinstance(told, SignedIn)
        assert any(f"The Administrator '{ADMINISTRATOR}' was let back in" in notice for notice in told.notices)
        assert kit.session("second-admin").notices == ()
        assert kit.session("kim").notices == ()
        reader = Caller(told.issued.user.id, told.issued.token.id, ADDRESS)
        found = kit.custody.audit.list(reader, size=100_000).items
        event = next(each for each in found if each.operation == "user.recover" and each.object_type == "user")
        assert (event.actor_name, event.object_name, event.outcome) == (
            "keyferry admin recover",
            ADMINISTRATOR,
            "done",
        )
        kit.background.tick()
        assert kit.custody.audit.verify(reader).findings == ()

    def test_one_is_made_where_there_is_none_of_that_name(self, kit: Kit) -> None:
        self.recover(kit, "rescuer")
        session = sign_in(kit, "rescuer", MINE)
        assert isinstance(session, SignedIn)
        assert session.issued.user.role == Role.ADMINISTRATOR.value

    def test_nobody_else_is_made_an_administrator(self, kit: Kit) -> None:
        kit.user("kim")
        with refused("conflict", "name"):
            self.recover(kit, "kim")


def test_only_hashes_are_kept_of_passwords_and_digests_of_tickets(kit: Kit) -> None:
    create(kit, "kim", None)
    text = kit.custody.invitations.create(kit.administrator, "kim").text.reveal().decode()
    stored = json.dumps([rows(kit, table) for table in ("tickets", "users", "earlier_passwords")], default=repr)
    assert text not in stored
    assert text.split("_")[2] not in stored


def test_a_code_is_no_password_and_a_password_no_code(kit: Kit) -> None:
    kim = kit.user("kim")
    app = kit.set_up_app(kim)
    with refused("second-factor-refused", "code"):
        kit.custody.factors.remove(kim, app.factor_id, Again(code=secret(PASSWORD)))
    with refused("password-refused", "current_password"):
        kit.custody.factors.remove(kim, app.factor_id, Again(password=secret(app.code(1))))
