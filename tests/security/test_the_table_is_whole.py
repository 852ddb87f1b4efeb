"""The table has every operation, and every way to ask for one: what is new without a row fails here."""

import inspect
from collections.abc import Iterator

import click
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route
from tests.security.conftest import Everything
from tests.security.the_table import EXPECTED, NOBODYS, Way
from tests.security.ways_of_custody_to_keys import OF_KEYS
from tests.security.ways_of_custody_to_people import OF_PEOPLE
from tests.security.ways_of_rest import OF_REST
from tests.security.ways_of_rest import OPEN as OPEN_ROUTES
from tests.security.ways_of_the_command_line import LOCAL, OF_SEVERAL_STEPS, OF_THE_COMMAND_LINE
from tests.security.ways_of_the_console import OF_THE_CONSOLE
from tests.security.ways_of_the_console import OPEN as OPEN_PAGES

from keyferry.cli.command_line import command_line
from keyferry.custody.policy import POLICY, Operation, Role
from keyferry.web.app import _NOUNS

DOORS = {
    "custody": OF_PEOPLE | OF_KEYS,
    "REST": OF_REST,
    "console": OF_THE_CONSOLE,
    "command line": OF_THE_COMMAND_LINE,
}
#: operations that a door does not offer, by why
NOT_OFFERED = {
    "REST": {
        "session.open": "signing in does it",
        "identity-provider.test": "a browser is sent to the provider, and comes back to the console",
        "metrics.read": "at /metrics, for whoever has a token that may: `tests/api/test_metrics.py`",
    },
    "console": {
        "session.open": "signing in does it",
        "metrics.read": "for monitors",
        "key.use": "for programs",
        "reminder.list": "a part of the page of a key",
        "server-policy.read": "a part of the page of settings",
        "user.read": "a part of the page of a user",
        "identity.list": "a part of the page of a user",
        "certificate.list": "a part of the pages of a user and of one's account",
        "workload.read": "a part of the page of issuers",
        "workload.list": "a part of the page of issuers",
        "kek.list": "a part of the page of settings",
        "deployment.observe": "through a connection: connection.use",
        "deployment.back-up": "through a connection: connection.use",
        "customer-key.check": "through connections: connection.use",
    },
    "command line": {
        "session.open": "signing in does it",
        "metrics.read": "for monitors",
        "job.list": "over REST, and at the console",
        "identity-provider.test": "a browser is sent to the provider, and comes back to the console",
        # of commands of several steps: OF_SEVERAL_STEPS
        **dict.fromkeys(("deployment.create", "deployment.read", "deployment.list", "deployment.run"), "azure push"),
        **dict.fromkeys(("deployment.observe", "deployment.back-up", "connection.use"), "azure status, azure backup"),
        **dict.fromkeys(("customer-key.draft", "customer-key.check"), "customer-key request draft, validate"),
    },
}
#: what is in custody, and no operation of a caller's
NOT_OPERATIONS = {
    *("arrivals", "refreshing", "gate", "generation", "pool", "jobs", "rotation", "reminding", "activity"),
    *("trusted_certificates", "key_cache"),
}


def addresses(ways: dict[str, Way]) -> set[str]:
    """Methods and paths, without remarks and queries."""
    return {name.partition(" (")[0].partition("?")[0] for name in ways}


def test_every_operation_is_in_the_table_or_nobodys() -> None:
    assert set(EXPECTED).isdisjoint(NOBODYS)
    assert (
        set(EXPECTED) | set(NOBODYS) == {operation.value for operation in Operation} == {each.value for each in POLICY}
    )


def test_nobody_may_what_is_nobodys() -> None:
    by_hand = {"approval.request"}  # the policy lets people do it; no door asks for it
    for name in set(NOBODYS) - by_hand:
        assert not any(POLICY[Operation(name)].of(role) for role in Role), name


@pytest.mark.parametrize("door", DOORS)
def test_every_operation_can_be_asked_for_at_every_door(door: str) -> None:
    asked = {way.operation for way in DOORS[door].values()}
    assert asked | set(NOT_OFFERED.get(door, ())) == set(EXPECTED)
    assert asked.isdisjoint(NOT_OFFERED.get(door, ()))


def test_every_public_operation_of_custody_has_a_way(everything: Everything) -> None:
    nouns = {name: part for name, part in vars(everything.house.custody).items() if name not in NOT_OPERATIONS}
    operations = {
        f"{noun}.{name}"
        for noun, part in nouns.items()
        for name, _ in inspect.getmembers(part, inspect.isroutine)
        if not name.startswith("_")
    }
    assert operations == set(DOORS["custody"])


def test_every_route_of_rest_has_a_way(everything: Everything) -> None:
    assert set(_routes(everything)) == addresses(OF_REST) | OPEN_ROUTES
    assert addresses(OF_REST).isdisjoint(OPEN_ROUTES)


def _routes(everything: Everything) -> Iterator[str]:
    for route in iter_route_contexts(everything.rest_app.routes):
        path = str(route.path_format if hasattr(route, "path_format") else route.path)
        for method in set(route.methods or ()) - {"HEAD"}:
            yield f"{method} {path.removeprefix('/api/v1')}"


def test_every_page_and_form_of_the_console_has_a_way() -> None:
    routes = [route for noun in _NOUNS for route in noun.routes if isinstance(route, Route)]
    guarded = [route for route in routes if route.path not in OPEN_PAGES]
    found = {f"{method} {route.path}" for route in guarded for method in set(route.methods or ()) - {"HEAD"}}
    assert found == addresses(OF_THE_CONSOLE)
    assert {route.path for route in routes} >= OPEN_PAGES


def test_every_command_that_speaks_to_a_server_has_a_way() -> None:
    found = dict(_commands(command_line))
    remote = {name for name, command in found.items() if "profile" in {each.name for each in command.params}}
    assert remote == addresses(OF_THE_COMMAND_LINE) | set(OF_SEVERAL_STEPS)
    assert set(found) - remote == LOCAL
    assert set().union(*OF_SEVERAL_STEPS.values()) <= addresses(OF_REST) | OPEN_ROUTES


def _commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from _commands(found, f"{name} {each}".strip())
