"""Faults on purpose: each as a client of the real SDK meets it, for the requests that it is meant for alone."""

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import RemoteDisconnected
from typing import Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import JsonWebKey, KeyClient
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.emulator.asking import API, MANAGEMENT, Answer, Asker

from keyferry.emulator.faults import Fault, Faults, Kind
from keyferry.emulator.operations import NAMES, operation_of
from keyferry.emulator.server import Running


@pytest.fixture
def inject(asker: Asker) -> Iterator[Any]:
    """Asks for a fault over the wire; whatever still waits at the end is cleared."""
    token = asker.token(MANAGEMENT)

    def add(**fault: Any) -> Answer:
        return asker.ask("POST", "/emulator/faults", token=token, body=fault)

    yield add
    assert asker.ask("DELETE", "/emulator/faults", token=token).status == 204


@pytest.fixture
def connect(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., KeyClient]]:
    """Azure's own client on the first vault; `options` are the SDK's."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(emulator.ca_file))
    secret = emulator.client_secret_file.read_text()
    with ExitStack() as stack:
        credential = stack.enter_context(
            ClientSecretCredential(
                emulator.tenant_id, emulator.client_id, secret, authority=emulator.url, disable_instance_discovery=True
            )
        )

        def client(**options: Any) -> KeyClient:
            made = KeyClient(emulator.url, credential, verify_challenge_resource=False, **options)
            return stack.enter_context(made)

        yield client


@pytest.fixture
def keys(connect: Callable[..., KeyClient]) -> KeyClient:
    """A client that does not try again by itself."""
    return connect(retry_total=0)


def name() -> str:
    return f"fault-{uuid.uuid4().hex[:12]}"


def create(keys: KeyClient, key: str) -> Any:
    return keys.create_rsa_key(key, size=2048)


@pytest.mark.parametrize(
    ("kind", "error", "status", "inner"),
    [
        ("throttle", HttpResponseError, 429, None),
        ("unavailable", HttpResponseError, 503, None),
        ("forbidden", HttpResponseError, 403, "ForbiddenByRbac"),
        ("soft-deleted", ResourceExistsError, 409, "ObjectIsDeletedButRecoverable"),
        ("kek-disabled", HttpResponseError, 403, "KeyDisabled"),
    ],
)
def test_each_refusal_reaches_the_sdk_once_and_changes_nothing(
    keys: KeyClient, inject: Any, kind: str, error: type[HttpResponseError], status: int, inner: str | None
) -> None:
    key = name()
    assert inject(fault=kind, operation="create", vault="keyferry-vault-a").status == 201
    with pytest.raises(error) as refused:
        create(keys, key)
    assert refused.value.status_code == status
    assert refused.value.error is not None
    assert dict(refused.value.error.innererror or {}).get("code") == inner
    assert [each.name for each in keys.list_properties_of_key_versions(key)] == []
    assert create(keys, key).name == key


def test_throttling_says_how_long_to_wait(keys: KeyClient, inject: Any) -> None:
    inject(fault="throttle", operation="create", retry_after=7)
    with pytest.raises(HttpResponseError) as refused:
        create(keys, name())
    answered: Any = refused.value.response
    assert answered.headers["Retry-After"] == "7"


def test_a_client_that_waits_as_told_gets_through(connect: Callable[..., KeyClient], inject: Any) -> None:
    inject(fault="throttle", operation="create", times=2, retry_after=0)
    key = name()
    patient = connect()
    assert create(patient, key).name == key
    assert len(list(patient.list_properties_of_key_versions(key))) == 1


def test_a_connection_is_dropped_after_the_commit(keys: KeyClient, inject: Any) -> None:
    key = name()
    create(keys, key)  # the challenge is behind us
    inject(fault="drop-after-commit", operation="create")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        create(keys, key)
    assert len(list(keys.list_properties_of_key_versions(key))) == 2


def test_a_client_that_tries_again_by_itself_makes_a_duplicate(connect: Callable[..., KeyClient], inject: Any) -> None:
    """What the fault is for: who repeats what was committed makes another version."""
    key = name()
    eager = connect(retry_backoff_factor=0)
    material = rsa.generate_private_key(65537, 2048).private_numbers()
    numbers = {"n": material.public_numbers.n, "e": 65537, "d": material.d, "p": material.p, "q": material.q}
    numbers |= {"dp": material.dmp1, "dq": material.dmq1, "qi": material.iqmp}
    octets = {each: number.to_bytes((number.bit_length() + 7) // 8, "big") for each, number in numbers.items()}
    inject(fault="drop-after-commit", operation="import")
    eager.import_key(key, JsonWebKey(kty="RSA", key_ops=["sign", "verify"], **octets))
    assert len(list(eager.list_properties_of_key_versions(key))) == 2


def test_not_one_byte_of_a_dropped_answer_arrives(asker: Asker, inject: Any) -> None:
    inject(fault="drop-after-commit", operation="list")
    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        asker.ask("GET", f"/keys?{API}", token=asker.token())
    assert asker.ask("GET", f"/keys?{API}", token=asker.token()).status == 200


def test_the_drop_reaches_a_client_of_the_proxy(emulator: Running, asker: Asker, inject: Any) -> None:
    inject(fault="drop-after-commit", operation="list")
    host = "keyferry-vault-a.vault.azure.net"
    raw = socket.create_connection(("127.0.0.1", int(emulator.proxy_url.rpartition(":")[2])), timeout=20)
    raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    with asker.trusted.wrap_socket(raw, server_hostname=host, suppress_ragged_eofs=True) as client:
        request = f"GET /keys?{API} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {asker.token()}\r\n\r\n"
        client.sendall(request.encode())
        received = b""
        with suppress(ConnectionResetError):
            received = client.recv(65536)
        assert received == b""


def test_a_request_without_a_token_does_not_use_a_fault_up(asker: Asker, inject: Any) -> None:
    inject(fault="unavailable", operation="list")
    assert asker.ask("GET", f"/keys?{API}").status == 401
    assert asker.ask("GET", f"/keys?{API}", token=asker.token()).status == 503
    assert asker.ask("GET", f"/keys?{API}", token=asker.token()).status == 200


def test_it_strikes_the_operation_and_the_vault_that_it_is_meant_for(
    emulator: Running, asker: Asker, inject: Any
) -> None:
    token = asker.token()
    inject(fault="unavailable", operation="list", vault="KEYFERRY-vault-B")
    first, second = emulator.vaults[:2]
    assert asker.ask("GET", f"/keys?{API}", at=first.url, token=token).status == 200
    assert asker.ask("GET", f"/deletedkeys?{API}", at=second.url, token=token).status == 200
    assert asker.ask("GET", f"/keys?{API}", at=second.url, token=token).status == 503


def test_it_strikes_the_management_plane_too(emulator: Running, asker: Asker, inject: Any) -> None:
    token = asker.token(MANAGEMENT)
    vault = emulator.vaults[0]
    path = (
        f"/subscriptions/{vault.subscription}/resourceGroups/{vault.resource_group}/providers/Microsoft.KeyVault/"
        f"vaults/{vault.name}?api-version=2026-02-01"
    )
    inject(fault="throttle", operation="vaultget", vault=vault.name)
    assert asker.ask("GET", path, token=token).status == 429
    assert asker.ask("GET", path, token=token).status == 200


def test_what_waits_is_listed_and_cleared(asker: Asker, inject: Any) -> None:
    token = asker.token(MANAGEMENT)
    asked = {"fault": "throttle", "operation": None, "vault": None, "times": 3, "retry_after": 2}
    assert inject(**asked).json == asked
    assert asker.ask("GET", "/emulator/faults", token=token).json == {"faults": [asked]}
    asker.ask("DELETE", "/emulator/faults", token=token)
    assert asker.ask("GET", "/emulator/faults", token=token).json == {"faults": []}


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        ({}, "'fault'"),
        ({"fault": "earthquake"}, "drop-after-commit"),
        ({"fault": ["throttle"]}, "'fault'"),
        ({"fault": "throttle", "operation": "smelt"}, "'operation'"),
        ({"fault": "throttle", "operation": 5}, "'operation'"),
        ({"fault": "throttle", "vault": 5}, "'vault'"),
        ({"fault": "throttle", "times": 0}, "'times'"),
        ({"fault": "throttle", "times": True}, "'times'"),
        ({"fault": "throttle", "times": "2"}, "'times'"),
        ({"fault": "throttle", "retry_after": -1}, "'retry_after'"),
        ({"fault": "throttle", "when": "later"}, "'when'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_its_member(inject: Any, fault: dict[str, Any], names: str) -> None:
    answer = inject(**fault)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")
    assert names in answer.error["message"]


def test_faults_strike_in_the_order_in_which_they_were_asked_for() -> None:
    faults = Faults()
    faults.add(Fault(kind=Kind.THROTTLE, operation="import", times=2))
    faults.add(Fault(kind=Kind.UNAVAILABLE))
    struck = [faults.take(operation, "a") for operation in ("import", "get", "import", "import")]
    assert [None if each is None else each.kind for each in struck] == ["throttle", "unavailable", "throttle", None]


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("PUT", "/keys/n", "import"),
        ("GET", "/keys/n/", "get"),
        ("GET", "/keys/n/0123", "get"),
        ("GET", "/keys/n/versions", "versions"),
        ("POST", "/keys/restore", "restore"),
        ("PATCH", "/keys/n/", "update"),
        ("POST", "/keys/n/v/unwrapkey", "unwrapkey"),
        ("DELETE", "/deletedkeys/n", "purge"),
        ("PUT", "/Subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v", "vaultput"),
        ("GET", "/keys/n/v/attestation/more", None),
        ("TRACE", "/keys", None),
    ],
)
def test_requests_have_names(method: str, path: str, operation: str | None) -> None:
    assert operation_of(method, path) == operation
    assert operation is None or operation in NAMES
