"""A REST door on a real store in a temporary folder, and callers of each role."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from keyferry.api.app import create_app
from keyferry.api.services import Services
from keyferry.config.settings import Settings
from keyferry.custody.custody import Custody, Rules
from keyferry.custody.founding import Administrator, add_first_administrator, found_store
from keyferry.identity import tokens as token_form
from keyferry.identity.hashing import Cost, PasswordHashing
from keyferry.identity.sign_in import Authenticator, SignIn
from keyferry.material.secret import Secret
from keyferry.roots.opening import create_root
from keyferry.store.engine import open_engine, sqlite_url
from keyferry.store.store import Store
from keyferry.store.tables import metadata

PASSWORD = "four uncommon words thrice"
IDENTIFIER = "https://vault-a.vault.azure.net/keys/exchange/0123456789abcdef0123456789abcdef"
# Every route that takes no token. All others are refused without one.
OPEN = {
    ("POST", "/api/v1/sessions"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/openapi.json"),
    ("HEAD", "/api/v1/openapi.json"),
}


@dataclass(frozen=True)
class Door:
    """The application under test, and what stands behind it."""

    app: Any
    client: TestClient
    services: Services
    store: Store


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
        prefix = "" if path.startswith("/api/") else "/api/v1"
        return self.client.request(method, prefix + path, headers=headers, **options)


@dataclass(frozen=True)
class People:
    administrator: Person
    user: Person
    stranger: Person


def make_services(home: Path, settings: Settings) -> tuple[Services, Store]:
    store = Store(open_engine(sqlite_url(home / "keyferry.db")))
    metadata.create_all(store.engine)
    sealer = found_store(store, create_root("file:root.key", home))
    hashing = PasswordHashing(cost=Cost(8, 1, 1))
    administrator = Administrator("admin", hashing.prepare(Secret(PASSWORD.encode()), "admin"))
    add_first_administrator(store, sealer, administrator)
    custody = Custody(store, sealer, Rules(), hashing, _issue)
    return Services(custody, SignIn(custody, hashing), Authenticator(custody), settings, lambda: None), store


def _issue(token_id: str) -> tuple[Secret, bytes]:
    issued = token_form.issue(token_id)
    return issued.text, issued.digest


def open_door(home: Path, **changes: Any) -> Iterator[Door]:
    services, store = make_services(home, replace(Settings(home=home), **changes))
    app = create_app(services)
    with TestClient(app, raise_server_exceptions=True) as client:
        yield Door(app, client, services, store)
    store.close()


def sign_in(client: TestClient, name: str) -> Person:
    answer = client.post("/api/v1/sessions", json={"user_name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return Person(client, name, answer.json()["user"]["id"], answer.json()["token"])


def add_people(client: TestClient) -> People:
    """An Administrator, a Key Access User of group `payments`, and one of group `elsewhere`."""
    administrator = sign_in(client, "admin")
    for group, name in (("payments", "user"), ("elsewhere", "stranger")):
        assert administrator("POST", "/groups", {"id": group}).status_code == 201
        made = {"name": name, "role": "key-access-user", "groups": [group], "password": PASSWORD}
        assert administrator("POST", "/users", made).status_code == 201
    return People(administrator, sign_in(client, "user"), sign_in(client, "stranger"))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    yield from open_door(tmp_path)


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


@pytest.fixture(scope="session")
def kek_private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def kek_pem(kek_private: rsa.RSAPrivateKey) -> str:
    return kek_private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def azure(kek_pem: str) -> dict[str, str]:
    """The body of an export to Azure."""
    return {"destination": "azure", "key_identifier": IDENTIFIER, "public_key": kek_pem}


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
