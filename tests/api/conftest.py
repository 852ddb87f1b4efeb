"""A REST door on a real installation in a temporary home, and callers of each role."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.conftest import Founded

from keyferry.api.app import create_app
from keyferry.doors.figures import Figures
from keyferry.doors.services import Services
from keyferry.doors.workers import Crew
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kek, Kit


@dataclass(frozen=True)
class Door:
    """The application under test, and what stands behind it."""

    app: FastAPI
    client: TestClient
    kit: Kit


@dataclass(frozen=True)
class Person:
    """A caller who has signed in: requests carry their token."""

    client: TestClient
    name: str
    id: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)


@dataclass(frozen=True)
class People:
    """An Administrator, a Key Access User of group `payments`, and another of group `elsewhere`."""

    administrator: Person
    user: Person
    stranger: Person


def services_of(kit: Kit) -> Services:
    made = kit.installation
    return Services(
        made.custody, made.sign_in, made.authenticator, made.settings, Crew.of(made.settings), Figures(), lambda: None
    )


@contextmanager
def opened(kit: Kit) -> Iterator[Door]:
    app = create_app(services_of(kit))
    with TestClient(app, client=("127.0.0.1", 50000)) as client:
        yield Door(app, client, kit)


def sign_in(client: TestClient, name: str) -> Person:
    answer = client.post("/api/v1/sessions", json={"user_name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return Person(client, name, answer.json()["user"]["id"], answer.json()["token"])


def add_people(client: TestClient) -> People:
    administrator = sign_in(client, ADMINISTRATOR)
    for group, name in (("payments", "user"), ("elsewhere", "stranger")):
        assert administrator("POST", "/groups", {"id": group}).status_code == 201
        made = {"name": name, "role": "key-access-user", "groups": [group], "password": PASSWORD}
        assert administrator("POST", "/users", made).status_code == 201
    return People(administrator, sign_in(client, "user"), sign_in(client, "stranger"))


def kek_body(kek: Kek) -> dict[str, str]:
    """The body of an export to Azure, of a preview, and of a registration."""
    return {"destination": "azure", "key_identifier": kek.identifier, "public_key": kek.public_pem.decode()}


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def door(founded: Founded, tmp_path: Path) -> Iterator[Door]:
    kit = founded.copy(tmp_path / "home")
    with opened(kit) as door:
        yield door
    kit.close()


@pytest.fixture
def client(door: Door) -> TestClient:
    return door.client


@pytest.fixture
def people(client: TestClient) -> People:
    return add_people(client)


@pytest.fixture
def administrator(people: People) -> Person:
    return people.administrator


@pytest.fixture
def user(people: People) -> Person:
    return people.user


@pytest.fixture
def stranger(people: People) -> Person:
    return people.stranger


@pytest.fixture
def key(user: Person) -> dict[str, Any]:
    """An active, exportable EC key named `signer` of the group `payments`."""
    answer = user("POST", "/keys", {"type": "ec-p256", "name": "signer", "group": "payments"})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def azure(kek: Kek) -> dict[str, str]:
    return kek_body(kek)
