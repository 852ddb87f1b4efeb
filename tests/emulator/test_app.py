"""The one door: hosts and paths, versions of the interface, ids of requests, and what is refused before a handler."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from tests.emulator.asking import API, MANAGEMENT, Asker

from keyferry.emulator import app
from keyferry.emulator.app import MAX_BODY
from keyferry.emulator.server import Running

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def token(asker: Asker) -> str:
    return asker.token()


@pytest.fixture(scope="module")
def arm(asker: Asker) -> str:
    return asker.token(MANAGEMENT)


# hosts and paths


@pytest.mark.parametrize(
    "host", ["example.com", "graph.microsoft.com", "vault.azure.net", "10.0.0.1", "localhost.evil"]
)
def test_an_unknown_host_is_told_so(asker: Asker, host: str, token: str) -> None:
    answer = asker.ask("GET", f"/keys?{API}", host=host, token=token)
    assert (answer.status, answer.error["code"]) == (421, "UnknownHost")
    assert "emulator" in answer.error["message"]


def test_a_vault_that_there_is_not_is_told_so(asker: Asker, token: str) -> None:
    answer = asker.ask("GET", f"/keys?{API}", host="no-such-vault.vault.azure.net", token=token)
    assert (answer.status, answer.error["code"]) == (404, "VaultNotFound")
    assert "no-such-vault" in answer.error["message"]


@pytest.mark.parametrize("path", ["/", "/index.html", "/v9/users", "/tenant-without-more"])
def test_an_unknown_path_at_localhost_names_what_there_is(asker: Asker, path: str) -> None:
    answer = asker.ask("GET", path)
    assert (answer.status, answer.error["code"]) == (404, "NotFound")
    assert "/keys" in answer.error["message"]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("login.microsoftonline.com", "/subscriptions?api-version=2022-12-01"),
        ("management.azure.com", f"/keys?{API}"),
        ("management.azure.com", f"/common/discovery/keys?{API}"),
        ("keyferry-vault-a.vault.azure.net", "/subscriptions?api-version=2022-12-01"),
    ],
)
def test_each_of_azures_hosts_serves_its_own_plane_alone(asker: Asker, host: str, path: str, token: str) -> None:
    for presented in (token, asker.token(MANAGEMENT)):
        assert asker.ask("GET", path, host=host, token=presented).status in {401, 404}


def test_at_localhost_one_address_serves_them_all(emulator: Running, asker: Asker, token: str, arm: str) -> None:
    assert asker.ask("GET", f"/keys?{API}", token=token).status == 200
    assert asker.ask("GET", "/subscriptions?api-version=2022-12-01", token=arm).status == 200
    assert asker.ask("GET", "/common/discovery/keys").status == 200
    assert asker.ask("GET", "/metadata/endpoints?api-version=2022-09-01").status == 200
    described = asker.ask("GET", "/emulator", token=arm).json
    assert described["tenant_id"] == emulator.tenant_id
    assert "stand-in" in described["emulator"]
    assert {vault["name"] for vault in described["vaults"]} >= {"keyferry-vault-a", "keyferry-vault-b"}


def test_graph_is_below_its_own_paths_and_takes_its_own_token(asker: Asker, token: str) -> None:
    path = "/v1.0/servicePrincipals?$filter=appId%20eq%20'00000002-0000-0ff1-ce00-000000000000'"
    assert asker.ask("GET", path, token=token).status == 401
    found = asker.ask("GET", path, token=asker.token("https://graph.microsoft.com"))
    assert [each["appId"] for each in found.json["value"]] == ["00000002-0000-0ff1-ce00-000000000000"]


def test_the_second_vaults_port_leads_to_it(emulator: Running, asker: Asker, token: str) -> None:
    """The port in the Host header says which vault is meant, as kid and location show."""
    answer = asker.ask("GET", f"/keys?{API}", at=emulator.vaults[1].url, token=token)
    assert (answer.status, answer.header("x-ms-keyvault-region")) == (200, "swedencentral")


def test_doubled_slashes_are_overlooked(asker: Asker, token: str) -> None:
    assert asker.ask("GET", f"//keys?{API}", token=token).status == 200


def test_a_method_that_a_path_does_not_take_is_refused(asker: Asker, token: str) -> None:
    answer = asker.ask("POST", "/metadata/endpoints")
    assert (answer.status, answer.error["code"]) == (405, "MethodNotAllowed")


# the metadata of a cloud


def test_a_cloud_describes_itself_in_one_object(emulator: Running, asker: Asker) -> None:
    cloud = asker.ask("GET", "/metadata/endpoints?api-version=2022-09-01").json
    assert cloud["resourceManager"] == emulator.url
    assert cloud["authentication"] == {
        "loginEndpoint": emulator.url,
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": emulator.tenant_id,
        "identityProvider": "AAD",
    }
    assert set(cloud) >= {"name", "graphAudience", "microsoftGraphResourceId", "portal", "gallery"}
    assert set(cloud["suffixes"]) == {"keyVaultDns", "mhsmDns", "storage"}


# versions


@pytest.mark.parametrize(
    "version",
    ["7.0", "7.4", "7.6", "7.6-preview.2", "2016-10-01", "2025-07-01", "2025-06-01-preview", "2026-01-01-preview"],
)
def test_versions_that_clients_send_are_taken(asker: Asker, token: str, version: str) -> None:
    assert asker.ask("GET", f"/keys?api-version={version}", token=token).status == 200


@pytest.mark.parametrize(
    "query", ["", "?api-version=", "?api-version=6.0", "?api-version=latest", "?api-version=7.4%0a"]
)
def test_a_vault_wants_a_version_that_there_is(asker: Asker, token: str, query: str) -> None:
    answer = asker.ask("GET", f"/keys{query}", token=token)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")
    assert "api-version" in answer.error["message"]


def test_the_management_plane_wants_a_version(asker: Asker, arm: str) -> None:
    answer = asker.ask("GET", "/subscriptions", token=arm)
    assert (answer.status, answer.error["code"]) == (400, "MissingApiVersionParameter")


# ids


def test_answers_have_an_id_and_say_the_callers_again(asker: Asker, token: str) -> None:
    answer = asker.ask("GET", f"/keys?{API}", token=token, headers={"x-ms-client-request-id": "mine-1"})
    assert answer.header("x-ms-client-request-id") == "mine-1"
    assert answer.header("x-ms-keyvault-region") == "westeurope"
    assert answer.header("x-ms-keyvault-service-version")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    again = asker.ask("GET", f"/keys?{API}")
    assert again.header("x-ms-request-id") not in {None, answer.header("x-ms-request-id")}
    assert again.header("x-ms-client-request-id") is None


# bodies


def test_a_body_beyond_the_limit_is_refused(asker: Asker, arm: str) -> None:
    answer = asker.ask("POST", "/emulator/faults", token=arm, body=b" " * (MAX_BODY + 1))
    assert (answer.status, answer.error["code"]) == (413, "RequestTooLarge")


def test_a_body_that_grows_beyond_it_is_refused_too(emulator: Running, asker: Asker) -> None:
    """Sent in chunks, without saying beforehand how much there is."""
    with closing(asker.connect()) as connection:
        connection.request("POST", "/emulator/faults", (b" " * 65536 for _ in range(MAX_BODY // 65536 + 2)))
        assert connection.getresponse().status == 413
    assert asker.ask("GET", "/common/discovery/keys").status == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0.05)
    with closing(asker.connect()) as connection:
        connection.putrequest("POST", "/emulator/faults")
        connection.putheader("Content-Length", "10")
        connection.endheaders(b"half")
        assert connection.getresponse().status == 408


def test_what_was_damaged_in_the_home_is_told_and_not_used(fresh_emulator: Running) -> None:
    """A key whose sealed material was put in another's place, behind the emulator's back."""
    asker = Asker(fresh_emulator)
    token = asker.token()
    for name in ("one", "two"):
        body = {"kty": "EC", "crv": "P-256"}
        assert asker.ask("POST", f"/keys/{name}/create?{API}", token=token, body=body).status == 200
    with fresh_emulator.emulator.state.write() as connection:
        rows = connection.execute("SELECT number, sealed FROM key_versions").fetchall()
        assert len(rows) == 2
        connection.execute(
            "UPDATE key_versions SET sealed = ? WHERE number = ?", (rows[0]["sealed"], rows[1]["number"])
        )
    kid = asker.ask("GET", f"/keys/two?{API}", token=token).json["key"]["kid"]
    digest = {"alg": "ES256", "value": "A" * 43}
    answer = asker.ask("POST", f"/keys/two/{kid.rpartition('/')[2]}/sign?{API}", token=token, body=digest)
    assert (answer.status, answer.error["code"]) == (500, "InternalServerError")
    assert "does not open" in answer.error["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"NaN", b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(asker: Asker, arm: str, body: bytes) -> None:
    answer = asker.ask("POST", "/emulator/faults", token=arm, body=body)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")


@pytest.mark.parametrize("value", [b'"\\ud800"', b'{"\\udfff": "x"}', b"1e999", b"-1e999", b"[" * 985 + b"]" * 985])
def test_nothing_is_kept_that_could_not_be_answered(asker: Asker, token: str, arm: str, value: bytes) -> None:
    """A tag or a property that no answer could hold would be the end of every list that it stands in."""
    asker.ask("POST", f"/keys/odd/create?{API}", token=token, body=b'{"kty": "EC", "tags": {"a": %s}}' % value)
    assert asker.ask("GET", f"/keys?{API}", token=token).status == 200
    subscription = f"/subscriptions/{asker.facts.subscriptions[0]}"
    vaults = f"{subscription}/resourceGroups/keyferry-a/providers/Microsoft.KeyVault/vaults"
    body = (
        b'{"location": "westeurope", "properties": {"odd": %s, "tenantId": "%s", "sku": {"family": "A", "name": '
        b'"premium"}}}' % (value, asker.facts.tenant_id.encode())
    )
    answer = asker.ask("PUT", f"{vaults}/odd-one?api-version=2026-02-01", token=arm, body=body)
    assert answer.status in {200, 400}
    assert asker.ask("GET", f"{vaults}?api-version=2026-02-01", token=arm).status == 200


@pytest.mark.parametrize("value", [b'"\\ud800"', b"1e999"])
def test_text_and_numbers_that_json_cannot_hold_are_refused(asker: Asker, arm: str, value: bytes) -> None:
    answer = asker.ask("POST", "/emulator/faults", token=arm, body=b'{"fault": %s}' % value)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")
    assert "half of a surrogate pair, or a number beyond every float" in answer.error["message"]


@pytest.mark.parametrize(("levels", "status"), [(99, 201), (100, 400)])
def test_a_body_is_nested_a_hundred_levels_deep_at_most(asker: Asker, levels: int, status: int) -> None:
    arm = asker.token(MANAGEMENT)
    body = b'{"location": "westeurope", "nested": %s}' % (b"[" * (levels - 1) + b"1" + b"]" * (levels - 1))
    group = f"/subscriptions/{asker.facts.subscriptions[0]}/resourceGroups/nested-{levels}?api-version=2024-11-01"
    assert asker.ask("PUT", group, token=arm, body=body).status == status


def test_a_host_with_a_port_that_there_is_not_is_no_vault(asker: Asker, token: str) -> None:
    for port in ("65536", "9" * 30, "9" * 5000):
        answer = asker.ask("GET", f"/keys?{API}", host=f"localhost:{port}", token=token)
        assert (answer.status, answer.error["code"]) == (404, "VaultNotFound")


def test_a_request_without_a_host_or_with_two_is_refused(emulator: Running, asker: Asker) -> None:
    for hosts in (b"", b"Host: localhost\r\nHost: management.azure.com\r\n"):
        raw = socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=20)
        with asker.trusted.wrap_socket(raw, server_hostname="localhost") as client:
            client.sendall(b"GET /emulator HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_plain_http_is_not_spoken(emulator: Running) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=20) as client:
        client.sendall(b"GET /metadata/endpoints HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/" not in client.recv(65536)


def test_the_emulators_own_doors_need_a_token(asker: Asker, token: str) -> None:
    for method, path in (
        ("GET", "/emulator"),
        ("GET", "/emulator/faults"),
        ("POST", "/emulator/faults"),
        ("DELETE", "/emulator/faults"),
        ("POST", "/emulator/applications"),
    ):
        assert asker.ask(method, path).status == 401
        assert asker.ask(method, path, token=token).status == 401
