"""The first Administrator, made with the link that a starting server prints."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from tests.custody.refusing import refused

from keyferry.config.sources import load_settings
from keyferry.custody.caller import Caller
from keyferry.custody.set_up import SetUp
from keyferry.errors import KeyferryError
from keyferry.identity.hashing import PasswordHashing
from keyferry.identity.opening import SignedIn
from keyferry.installation import Installation, initialise, open_installation
from keyferry.material.secret import Secret
from keyferry.store.tables import audit_events
from keyferry.testing import CHEAP, PASSWORD

HERE = "127.0.0.1"
GOOD = Secret(PASSWORD.encode())


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    """An installation that nobody can sign in to yet."""
    initialise(tmp_path / "home", cost=CHEAP)
    opened = open_installation(load_settings(tmp_path / "home", environ={}), cost=CHEAP)
    yield opened
    opened.close()


def creations(made: Installation) -> list[dict[str, Any]]:
    """The audit events about users who were made, or were not."""
    query = audit_events.select().where(audit_events.c.operation == "user.create")
    with made.store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def offered(set_up: SetUp) -> str:
    token = set_up.offer()
    assert token is not None
    return token.reveal().decode()


def test_the_link_makes_an_administrator_who_can_sign_in(made: Installation) -> None:
    token = offered(made.set_up)
    made.set_up.require(token, HERE)
    made.set_up.found(token, HERE, "ada", GOOD)
    caller = made.custody.users.show(_sign_in(made, "ada"), "ada")
    assert caller.user.role == "administrator"
    (event,) = creations(made)
    assert (event["actor_name"], event["address"], event["object_name"]) == ("keyferry set-up", HERE, "ada")


def test_it_dies_at_its_first_use(made: Installation) -> None:
    token = offered(made.set_up)
    made.set_up.found(token, HERE, "ada", GOOD)
    for name in ("ada", "eve"):
        with refused("set-up-refused"):
            made.set_up.found(token, HERE, name, GOOD)
    with refused("set-up-refused"):
        made.set_up.require(token, HERE)
    assert not made.set_up.was_offered
    assert made.set_up.offer() is None


def test_a_second_start_prints_another_and_the_first_is_of_no_use(made: Installation) -> None:
    first, second = offered(made.set_up), offered(made.set_up)
    assert first != second
    with refused("set-up-refused"):
        made.set_up.require(first, HERE)
    made.set_up.require(second, HERE)


def test_it_is_good_for_half_an_hour(made: Installation) -> None:
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as time:
        token = offered(made.set_up)
        time.shift(30 * 60)
        made.set_up.require(token, HERE)
        time.shift(1)
        with refused("set-up-refused"):
            made.set_up.require(token, HERE)
        with refused("set-up-refused"):
            made.set_up.found(token, HERE, "ada", GOOD)
        made.set_up.found(offered(made.set_up), HERE, "ada", GOOD)


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", "unknown", "", "fe80::1%lo"]
)
def test_another_machine_is_refused_though_it_has_the_link(made: Installation, address: str) -> None:
    token = offered(made.set_up)
    with refused("set-up-refused"):
        made.set_up.require(token, address)
    with refused("set-up-refused"):
        made.set_up.found(token, address, "ada", GOOD)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_several_addresses(made: Installation, address: str) -> None:
    made.set_up.require(offered(made.set_up), address)


@pytest.mark.parametrize("token", ["", "x", "\udcff", "a" * 100_000])
def test_a_wrong_token_is_refused_and_counted(made: Installation, token: str) -> None:
    offered(made.set_up)
    for _ in range(3):
        with refused("set-up-refused"):
            made.set_up.require(token, HERE)
    made.custody.gate.write_refusals()
    (event,) = creations(made)
    assert (event["outcome"], event["code"], event["address"]) == ("refused", "set-up-refused", HERE)
    assert json.loads(event["details"]) == {"times": 3, "detail": "wrong token"}


def test_no_token_is_good_before_one_was_offered(made: Installation) -> None:
    with refused("set-up-refused"):
        made.set_up.require("", HERE)


def test_what_is_wrong_with_name_or_password_leaves_the_link_good(made: Installation) -> None:
    token = offered(made.set_up)
    with refused("name-refused", "name"):
        made.set_up.found(token, HERE, "not a name", GOOD)
    with refused("password-refused", "password"):
        made.set_up.found(token, HERE, "ada", Secret(b"password1234"))
    made.set_up.found(token, HERE, "ada", GOOD)


def test_of_many_who_come_at_once_one_is_made(made: Installation) -> None:
    token, outcomes = offered(made.set_up), []

    def come(name: str) -> None:
        try:
            outcomes.append(made.set_up.found(token, HERE, name, GOOD).name)
        except KeyferryError as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=come, args=(f"ada-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1:] == ["set-up-refused"] * 5
    assert len(creations(made)) == 1


def test_of_two_processes_one_makes_somebody(made: Installation) -> None:
    other = SetUp(made.custody.gate, PasswordHashing(4, CHEAP))
    here, there = offered(made.set_up), offered(other)
    made.set_up.found(here, HERE, "ada", GOOD)
    with refused("set-up-refused"):
        other.found(there, HERE, "eve", GOOD)


def _sign_in(made: Installation, name: str) -> Caller:
    signed_in = made.sign_in.sign_in(name, GOOD, HERE)
    assert isinstance(signed_in, SignedIn)
    return made.authenticator.authenticate(signed_in.issued.text.reveal().decode(), HERE)
