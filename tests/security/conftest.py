"""One installation for all classes of faults: a key that kim may use, and people who try to come at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient
from tests.api.conftest import Door, Person, add_people, opened, services_of, sign_in
from tests.conftest import DATABASES, PostgreSql
from tests.security.doors import CommandLine, Console, Custody, Rest
from tests.security.doors import Door as AnyDoor
from tests.security.house import House
from tests.security.ways_of_custody_to_keys import OF_KEYS
from tests.security.ways_of_custody_to_people import OF_PEOPLE
from tests.security.ways_of_rest import OF_REST
from tests.security.ways_of_the_command_line import OF_THE_COMMAND_LINE
from tests.security.ways_of_the_console import OF_THE_CONSOLE
from tests.web.conftest import opened as served_over_tls

from keyferry.api.app import create_app
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.deployments.server_push import Pushes
from keyferry.doors.between import Doors
from keyferry.server_facts import facts_of
from keyferry.store.tables import audit_events, metadata
from keyferry.testing import Kit
from keyferry.web.app import create_console


@dataclass(frozen=True)
class Scene:
    """`user` is in the group payments, whose key `signer` is; `stranger` is in another; over REST and in custody."""

    door: Door
    administrator: Person
    user: Person
    stranger: Person
    auditor: Person
    key: str

    @property
    def kit(self) -> Kit:
        return self.door.kit

    def caller(self, person: Person) -> Caller:
        """A person as custody knows them."""
        return self.kit.installation.authenticator.authenticate(person.token, "127.0.0.1")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """On SQLite; what is said of databases is tested on both, where the store is."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("classes")) / "home")
    with opened(kit) as door:
        people = add_people(door.client)
        kit.user("auditor", Role.AUDITOR)
        made = people.user("POST", "/keys", {"type": "ec-p256", "name": "signer", "group": "payments"})
        assert made.status_code == 201
        auditor = sign_in(door.client, "auditor")
        yield Scene(door, people.administrator, people.user, people.stranger, auditor, made.json()["id"])
    kit.close()


@dataclass(frozen=True)
class Everything:
    """One house, with every door of it."""

    house: House
    custody: Custody
    rest: Rest
    console: Console
    rest_app: FastAPI

    @classmethod
    @contextmanager
    def of(cls, kit: Kit) -> Iterator["Everything"]:
        house, made = House.of(kit), kit.installation
        nowhere = Outgoing(ca_file=Path("/nonexistent"))  # no request leaves
        services = replace(
            services_of(kit),
            pushes=Pushes(kit.custody, nowhere),
            set_up=made.set_up,
            facts=partial(facts_of, made),
            single_sign_on=made.single_sign_on,
        )
        rest = create_app(services)
        with TestClient(Doors(rest, create_console(services))) as served:
            custody = Custody(house, OF_PEOPLE | OF_KEYS)
            yield cls(house, custody, Rest(served, OF_REST), Console(served, OF_THE_CONSOLE), rest)

    def door(self, name: str) -> AnyDoor:
        """`custody`, `rest` or `console`."""
        found: AnyDoor = getattr(self, name)
        return found

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that is in the database but audit events, and what is counted of who comes."""
        untouched = set(metadata.tables) - {"audit_events", "sign_in_failures", "sign_ins", "activity"}
        with self.house.kit.installation.store.engine.connect() as connection:
            return {
                name: sorted(map(tuple, connection.execute(metadata.tables[name].select())), key=repr)
                for name in untouched
            }

    def newest_event(self) -> int:
        """The place of the newest event in the audit log."""
        with self.house.kit.installation.store.engine.connect() as connection:
            return int(connection.execute(select(func.max(audit_events.c.id))).scalar_one())

    def refusals_since(self, place: int) -> set[tuple[str | None, str, str | None]]:
        """Who was refused what, and why, after this place."""
        wanted = select(audit_events.c.actor_id, audit_events.c.operation, audit_events.c.code)
        wanted = wanted.where(audit_events.c.id > place, audit_events.c.outcome == "refused")
        with self.house.kit.installation.store.engine.connect() as connection:
            return {(row[0], row[1], row[2]) for row in connection.execute(wanted)}


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """On SQLite: what is said of databases is tested on both, at custody."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("everything")) / "home")
    with Everything.of(kit) as made:
        yield made
    kit.close()


@pytest.fixture(scope="session")
def command_line(everything: Everything, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The same, over TLS: what a command line speaks to."""
    made = everything.house.kit.installation
    with served_over_tls(made) as url:
        directory = Path(tmp_path_factory.mktemp("command-line"))
        yield CommandLine(directory, url, made.settings.home / "tls" / "ca.pem", OF_THE_COMMAND_LINE)


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSql) -> Iterator[Everything]:
    """The same on PostgreSQL."""
    home = Path(tmp_path_factory.mktemp("on-postgresql"))
    file = home / "database-url"
    file.write_text(postgresql.migrated())
    file.chmod(0o600)
    kit = Kit.make(home / "home", database_file=file)
    with Everything.of(kit) as made:
        yield made
    kit.close()


@pytest.fixture(params=DATABASES)
def on_either(request: pytest.FixtureRequest) -> Everything:
    """On each of both databases."""
    found: Everything = request.getfixturevalue("everything" if request.param == "sqlite" else "on_postgresql")
    return found
