from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from tests.emulator.calling import Application, Sdk, operator_of, stranger_of, unique, vault_body

from keyferry.emulator.server import Running


@pytest.fixture(scope="session")
def operator(emulator: Running) -> Iterator[Application]:
    with operator_of(emulator) as application:
        yield application


@pytest.fixture
def stranger(emulator: Running) -> Iterator[Application]:
    with stranger_of(emulator) as application:
        yield application


@pytest.fixture(scope="session")
def sdk(emulator: Running) -> Iterator[Sdk]:
    made = Sdk(emulator)
    yield made
    made.close()


@pytest.fixture
def subscription(emulator: Running) -> str:
    return f"/subscriptions/{emulator.subscriptions[0]}"


@pytest.fixture
def group(operator: Application, subscription: str) -> str:
    """A new resource group's id."""
    name = unique("rg")
    answer = operator.send("PUT", f"{subscription}/resourceGroups/{name}", {"location": "westeurope"})
    assert answer.status_code == 201
    return f"{subscription}/resourceGroups/{name}"


@pytest.fixture
def put_vault(operator: Application, group: str) -> Callable[..., httpx2.Response]:
    """Makes or changes a vault in the test's group; further arguments are properties."""

    def put(name: str, **properties: Any) -> httpx2.Response:
        body = vault_body(operator.served, **properties)
        return operator.send("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/{name}", body)

    return put


@pytest.fixture
def vault(put_vault: Callable[..., httpx2.Response]) -> str:
    """A new vault's id: Premium, roles, no purge protection, 90 days."""
    answer = put_vault(unique("v"))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def put_key_in(operator: Application) -> Callable[[str], dict[str, Any]]:
    """Makes a version of the key `k` in a vault; its bundle."""

    def put(vault: str) -> dict[str, Any]:
        answer = operator.key("POST", vault, "/keys/k/create", {"kty": "EC", "crv": "P-256"})
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return put
