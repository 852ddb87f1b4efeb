"""From a token to a caller and back to nobody: how sessions end, and waits that nothing shortens."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from tests.custody.reading import rows

from keyferry.custody.accounts import NewUser
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.errors import NotAuthenticated
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, PASSWORD, Kit

ELSEWHERE = "203.0.113.9"
WRONG = "wrong-harbour-77"
ANOTHER = "other-lantern-harbour-7"


def works(kit: Kit, token: str, address: str | None = ADDRESS) -> bool:
    """Whether a token still opens a door."""
    try:
        kit.custody.keys.list(kit.installation.authenticator.authenticate(token, address), size=1)
    except NotAuthenticated:
        return False
    return True


def signs_in(kit: Kit, name: str, password: str = PASSWORD, address: str | None = ADDRESS) -> bool:
    try:
        kit.sign_in(name, password, address)
    except NotAuthenticated:
        return False
    return True


class TestASessionEnds:
    def test_when_its_time_is_over(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(token_lifetime="1h")
        kit.user("kim")
        token, start = kit.token("kim"), datetime.now(UTC)
        with time_machine.travel(start + timedelta(minutes=59)):
            assert works(kit, token)
        with time_machine.travel(start + timedelta(minutes=61)):
            assert not works(kit, token)

    def test_when_its_user_signs_out_and_no_other_with_it(self, kit: Kit) -> None:
        kit.user("kim")
        ended, other = kit.token("kim"), kit.token("kim")
        caller = kit.installation.authenticator.authenticate(ended, ADDRESS)
        assert caller.token_id is not None
        kit.custody.tokens.revoke(caller, caller.token_id)
        assert not works(kit, ended)
        assert works(kit, other)

    def test_when_the_account_is_disabled_and_stays_ended_when_it_is_enabled(self, kit: Kit) -> None:
        kit.user("kim")
        token = kit.token("kim")
        kit.custody.users.disable(kit.administrator, "kim")
        assert not works(kit, token)
        kit.custody.users.enable(kit.administrator, "kim")
        assert not works(kit, token)
        assert works(kit, kit.token("kim"))

    def test_when_the_password_is_set_by_another(self, kit: Kit) -> None:
        kit.user("kim")
        token = kit.token("kim")
        kit.custody.users.set_password(kit.administrator, "kim", Secret(ANOTHER.encode()))
        assert not works(kit, token)

    def test_when_its_user_is_deleted(self, kit: Kit) -> None:
        kit.user("kim")
        token = kit.token("kim")
        kit.custody.users.delete(kit.administrator, "kim")
        assert not works(kit, token)

    def test_but_not_when_the_server_starts_anew(self, kit: Kit) -> None:
        kit.user("kim")
        token = kit.token("kim")
        again = Kit.open(kit.installation.settings.home)
        assert works(again, token)
        again.close()


class TestAllowedNetworks:
    """An IPv4 address is the same one however a socket writes it: RFC 4291 section 2.5.5.2."""

    @pytest.mark.parametrize("network", ["192.0.2.0/24", "::ffff:192.0.2.0/120"])
    def test_either_form_admits_both(self, kit: Kit, network: str) -> None:
        self.inside(kit, network)
        for address in ("192.0.2.40", "::ffff:192.0.2.40", "::ffff:c000:228"):
            assert signs_in(kit, "kim", address=address), address
            assert works(kit, kit.token("kim", address="192.0.2.1"), address), address

    @pytest.mark.parametrize("network", ["192.0.2.0/24", "::ffff:192.0.2.0/120"])
    def test_neither_form_admits_another(self, kit: Kit, network: str) -> None:
        self.inside(kit, network)
        token = kit.token("kim", address="192.0.2.1")
        for address in ("192.0.3.1", "::ffff:192.0.3.1", "::192.0.2.40", "2001:db8::1"):
            assert not signs_in(kit, "kim", address=address), address
            assert not works(kit, token, address), address

    def inside(self, kit: Kit, network: str) -> Caller:
        password = Secret(PASSWORD.encode())
        new = NewUser(name="kim", role=Role.KEY_ACCESS_USER, password=password, networks=(network,))
        return Caller(kit.custody.users.create(kit.administrator, new).user.id, None, None)


class TestWaitsHold:
    def fail(self, kit: Kit, name: str, address: str = ADDRESS) -> None:
        assert not signs_in(kit, name, WRONG, address)

    def test_over_a_restart(self, kit: Kit) -> None:
        kit.user("kim")
        home: Path = kit.installation.settings.home
        with time_machine.travel(datetime.now(UTC), tick=False) as clock:
            for _ in range(8):
                self.fail(kit, "kim", ELSEWHERE)
                clock.shift(9)
            self.fail(kit, "kim", ELSEWHERE)
            again = Kit.open(home)
            clock.shift(15)
            assert not signs_in(again, "kim", address=ELSEWHERE)
            clock.shift(1)
            assert signs_in(again, "kim", address=ELSEWHERE)
            again.close()

    def test_under_every_spelling_of_a_name(self, kit: Kit) -> None:
        kit.user("kim")
        with time_machine.travel(datetime.now(UTC), tick=False):
            for number, name in enumerate(("kim", "Kim", "KIM", "kIm", "kiM")):
                self.fail(kit, name, f"198.51.100.{number}")
            assert not signs_in(kit, "KiM", address=ELSEWHERE)
            assert {row["failures"] for row in rows(kit, "sign_in_failures") if row["subject"] == "user:'kim'"} == {5}

    @pytest.mark.parametrize("name", [" kim", "kim ", "ki m", "kim\n", "\u200bkim", "kim\u3000"])
    def test_a_name_with_anything_added_is_nobodys(self, kit: Kit, name: str) -> None:
        kit.user("kim")
        assert not signs_in(kit, name)
        assert signs_in(kit, "KIM")

    def test_for_an_address_in_either_form(self, kit: Kit) -> None:
        kit.user("kim")
        with time_machine.travel(datetime.now(UTC), tick=False):
            for number in range(5):
                self.fail(kit, f"user{number}", ("192.0.2.40", "::ffff:192.0.2.40")[number % 2])
            assert not signs_in(kit, "kim", address="192.0.2.40")
            assert not signs_in(kit, "kim", address="::ffff:192.0.2.40")
            assert signs_in(kit, "kim", address="192.0.2.41")
