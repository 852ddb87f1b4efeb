"""Every operation, at every door, asked for by those who must not get in: none does anything for any of them.

Disabled, deleted, from a network that the account, the server or the token is not for, with a token that has expired,
was revoked, is another's or never was, without the second factor that their role needs, with one for something else.
"""

from collections.abc import Iterator

import pytest
from tests.security.conftest import Everything
from tests.security.doors import CommandLine, Door
from tests.security.standings import ADMITTED, Session, narrowed, shut_out
from tests.security.the_table import COLUMNS, DENIED, HIDDEN, INVALID, NOT_AUTHENTICATED, OK, SECOND_FACTOR_REQUIRED
from tests.security.ways_of_custody_to_keys import WITHOUT_A_CALLER

from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.server_policy_row import recover_server_policy
from keyferry.testing import ADDRESS

DOORS = ("custody", "rest", "console")


#: what is said to those who are told more
OTHERWISE = {"with a ticket that never was": "ticket-refused"}


def every_way(everything: Everything, door: Door) -> Iterator[tuple[str, str]]:
    """Each way, and what it is about: what the member or the owner could ask for."""
    for name in door.ways:
        if name not in WITHOUT_A_CALLER:
            yield name, everything.house.kept_for(door.ways[name], "owner")


def nobody_gets_in(everything: Everything, door: Door, who: dict[str, Session], code: str) -> None:
    asked = list(every_way(everything, door))
    before = everything.rows()
    let_in = {
        (what, name, answer.code)
        for name, reference in asked
        for what, session in who.items()
        if (answer := door.ask(session, name, reference)).code != OTHERWISE.get(what, code)
    }
    assert let_in == set()
    assert everything.rows() == before


def nothing_of_custody(everything: Everything, role: Role) -> None:
    who = shut_out(everything.house.kit, role)
    assert len(who) == 19
    nobody_gets_in(everything, everything.custody, who, NOT_AUTHENTICATED)


@pytest.mark.parametrize("role", Role)
def test_who_is_shut_out_gets_nothing_of_custody_whatever_their_role(everything: Everything, role: Role) -> None:
    nothing_of_custody(everything, role)


def test_nor_do_they_on_postgresql(on_postgresql: Everything) -> None:
    nothing_of_custody(on_postgresql, Role.ADMINISTRATOR)


@pytest.mark.parametrize("door", ["rest", "console"])
def test_who_is_shut_out_gets_nothing_at_a_door(everything: Everything, door: str) -> None:
    """As an Administrator, who could most; each has been let in here before."""
    asking = everything.door(door)

    def come_in(session: Session) -> None:
        assert asking.ask(session, "GET /keys", "").code == OK

    found = shut_out(everything.house.kit, Role.ADMINISTRATOR, come_in)
    who = {what: session for what, session in found.items() if session.token}
    assert len(who) == 14
    who["without a token"] = Session(everything.house.owner)
    nobody_gets_in(everything, asking, who, NOT_AUTHENTICATED)


def test_who_is_shut_out_gets_nothing_at_the_command_line(everything: Everything, command_line: CommandLine) -> None:
    """It speaks REST, where every route is tried: some commands, from this machine."""
    found = shut_out(everything.house.kit, Role.ADMINISTRATOR)
    who = {what: session for what, session in found.items() if session.token and session.address == ADDRESS}
    assert len(who) == 8
    some = ("whoami", "key show", "key export", "key destroy", "user create", "user password", "audit list")
    asked = [(name, everything.house.kept_for(command_line.ways[name], "owner")) for name in some]
    for what, session in who.items():
        for name, reference in asked:
            assert command_line.ask(session, name, reference).code == NOT_AUTHENTICATED, (what, name)


@pytest.mark.parametrize("door", DOORS)
def test_without_the_second_factor_that_the_role_needs_nobody_does_anything(everything: Everything, door: str) -> None:
    house = everything.house
    made, edit = house.kit.installation, ServerPolicyEdit(second_factor_roles=tuple(Role))
    asked = list(every_way(everything, everything.door(door)))
    assert asked
    house.custody.server_policy.edit(house.kit.administrator, edit)
    code = NOT_AUTHENTICATED if door == "console" else SECOND_FACTOR_REQUIRED  # a page sends them to sign in
    try:
        nobody_gets_in(everything, everything.door(door), {each: house.people[each] for each in COLUMNS}, code)
    finally:
        recover_server_policy(made.store, made.sealer, ADMITTED, second_factors=False)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("column", ["administrator", "owner", "auditor"])
def test_a_token_that_is_for_something_else_is_for_nothing_else(everything: Everything, door: str, column: str) -> None:
    """With a token for an operation that nobody asks for, and with one for another key."""
    house, asking = everything.house, everything.door(door)
    by = house.people[column]
    tokens = {"operation": narrowed(house.kit, by, operations=("key.remind",))}
    tokens["key"] = narrowed(house.kit, by, keys=(house.key("owner"),))
    asked = list(every_way(everything, asking))
    before = everything.rows()
    let_through = {
        (what, name)
        for name, reference in asked
        for what, session in tokens.items()
        if asking.ask(session, name, reference).code not in {DENIED, HIDDEN, INVALID}
    }
    assert let_through == set(STILL_OPEN.get((door, column), ())) | ALWAYS_OPEN[door]
    assert everything.rows() == before


#: whose it is, its bearer may know; how hard a password is to guess is about nobody
ALWAYS_OPEN: dict[str, set[tuple[str, str]]] = {
    "custody": set(),
    "rest": {
        (what, name) for name in ("GET /sessions/current", "POST /password-strength") for what in ("operation", "key")
    },
    "console": set(),
}
#: what a member's keys are pushed by goes with the keys
STILL_OPEN: dict[tuple[str, str], set[tuple[str, str]]] = {
    ("custody", "owner"): {("key", "connections.show"), ("key", "connections.open")},
    ("rest", "owner"): {("key", "GET /azure-connections/{connection}")},
}
