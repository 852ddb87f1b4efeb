"""Signing in: discovery, secrets, certificates, and Entra ID's own words for each refusal."""

import base64
import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential, EnvironmentCredential
from azure.keyvault.keys import KeyClient
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.emulator.asking import API, MANAGEMENT, VAULT, Answer, Asker

from keyferry.emulator.clock import now
from keyferry.emulator.server import Running
from keyferry.emulator.sign_in.clients import ASSERTION_TYPE
from keyferry.emulator.variables import Way


@pytest.fixture
def led(emulator: Running, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The emulator, with this process's environment leading to it the way that the test asks for."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    for name, value in emulator.environment(request.param).items():
        monkeypatch.setenv(name, value)
    return emulator


def secret_of(emulator: Running) -> str:
    return emulator.client_secret_file.read_text()


def refused(answer: Answer, status: int, error: str, number: int) -> str:
    """See that a refusal is in the shape of Entra ID's; its sentence."""
    document = answer.json
    assert (answer.status, document["error"], document["error_codes"]) == (status, error, [number])
    assert document["error_description"].startswith(f"AADSTS{number}: ")
    assert document["trace_id"] in document["error_description"]
    assert document["correlation_id"]
    assert document["timestamp"].endswith("Z")
    assert answer.header("Cache-Control") == "no-store, no-cache"
    return str(document["error_description"])


# unmodified clients


@pytest.mark.parametrize("led", [Way.PROXY], indirect=True)
def test_through_the_proxy_azure_identity_keeps_its_defaults(led: Running) -> None:
    with (
        ClientSecretCredential(led.tenant_id, led.client_id, secret_of(led)) as credential,
        KeyClient("https://keyferry-vault-a.vault.azure.net", credential) as keys,
    ):
        made = keys.create_rsa_key("sign-in-proxy", size=2048)
        assert made.id is not None
        assert made.id.startswith("https://keyferry-vault-a.vault.azure.net/keys/sign-in-proxy/")


@pytest.mark.parametrize("led", [Way.PROXY], indirect=True)
def test_the_environment_alone_is_enough_through_the_proxy(led: Running) -> None:
    with EnvironmentCredential() as credential:
        assert credential.get_token(f"{VAULT}/.default").token.count(".") == 2


@pytest.mark.parametrize("led", [Way.ID], indirect=True)
def test_at_localhost_it_is_told_the_authority(led: Running) -> None:
    with ClientSecretCredential(
        led.tenant_id, led.client_id, secret_of(led), authority=led.url, disable_instance_discovery=True
    ) as credential:
        for vault in led.vaults:
            with KeyClient(vault.url, credential, verify_challenge_resource=False) as keys:
                assert (keys.create_rsa_key("sign-in-local", size=2048).id or "").startswith(f"{vault.url}/keys/")


@pytest.mark.parametrize("led", [Way.CLOUD, Way.ID], indirect=True)
def test_at_localhost_the_environment_names_the_authority(led: Running) -> None:
    with EnvironmentCredential(disable_instance_discovery=True) as credential:
        assert credential.get_token(f"{VAULT}/.default").token.count(".") == 2


@pytest.mark.parametrize("led", [Way.PROXY], indirect=True)
def test_a_wrong_secret_is_told_to_azure_identity(led: Running) -> None:
    with (
        ClientSecretCredential(led.tenant_id, led.client_id, "wrong") as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(f"{VAULT}/.default")


@pytest.mark.parametrize("led", [Way.PROXY], indirect=True)
def test_a_certificate_signs_in_too(led: Running) -> None:
    with CertificateCredential(led.tenant_id, led.client_id, str(led.client_certificate_file)) as credential:
        assert credential.get_token(f"{VAULT}/.default").token.count(".") == 2


# discovery


@pytest.mark.parametrize(("path", "infix"), [("v2.0/", "v2.0/"), ("", "")])
def test_discovery_names_what_is_there(emulator: Running, asker: Asker, path: str, infix: str) -> None:
    for tenant in (emulator.tenant_id, "common", "organizations"):
        document = asker.ask("GET", f"/{tenant}/{path}.well-known/openid-configuration").json
        base = f"{emulator.url}/{emulator.tenant_id}"
        assert document["token_endpoint"] == f"{base}/oauth2/{infix}token"
        assert document["authorization_endpoint"] == f"{base}/oauth2/{infix}authorize"
        assert asker.ask("GET", document["jwks_uri"].removeprefix(emulator.url)).json["keys"]
        assert emulator.tenant_id in document["issuer"]


def test_discovery_through_the_proxy_keeps_azures_host(emulator: Running, asker: Asker) -> None:
    path = f"/{emulator.tenant_id}/v2.0/.well-known/openid-configuration"
    document = asker.ask("GET", path, host="login.microsoftonline.com").json
    assert document["token_endpoint"].startswith(f"https://login.microsoftonline.com/{emulator.tenant_id}/")


def test_instance_discovery_knows_this_host(emulator: Running, asker: Asker) -> None:
    document = asker.ask("GET", "/common/discovery/instance?api-version=1.1").json
    assert document["tenant_discovery_endpoint"].startswith(f"{emulator.url}/{emulator.tenant_id}/")
    assert emulator.url.removeprefix("https://") in document["metadata"][0]["aliases"]


# the token endpoint


def test_both_versions_answer_in_their_own_form(emulator: Running, asker: Asker) -> None:
    second = asker.sign_in({"client_info": "1"})
    assert second.header("Cache-Control") == "no-store, no-cache"
    document = second.json
    assert (document["token_type"], document["expires_in"]) == ("Bearer", 3599)
    info = document["client_info"]
    client = json.loads(base64.urlsafe_b64decode(info + "=" * (-len(info) % 4)))
    assert client == {"uid": emulator.emulator.directory.operator.object_id, "utid": emulator.tenant_id}
    assert "client_info" not in asker.sign_in().json

    first = asker.sign_in({"scope": "", "resource": MANAGEMENT}, path=f"/{emulator.tenant_id}/oauth2/token").json
    assert (first["expires_in"], first["resource"]) == ("3599", MANAGEMENT)
    assert int(first["expires_on"]) - int(first["not_before"]) == 3600


def test_the_secret_may_come_in_basic(emulator: Running, asker: Asker) -> None:
    pair = base64.b64encode(f"{emulator.client_id}:{secret_of(emulator)}".encode()).decode()
    form = {"client_id": "", "client_secret": ""}
    assert asker.sign_in(form, Authorization=f"Basic {pair}").status == 200
    wrong = base64.b64encode(f"{emulator.client_id}:wrong".encode()).decode()
    refused(asker.sign_in(form, Authorization=f"Basic {wrong}"), 401, "invalid_client", 7000215)
    refused(asker.sign_in(form, Authorization="Basic ***"), 400, "invalid_request", 900144)


def test_resources_are_asked_for_by_their_names(emulator: Running, asker: Asker) -> None:
    for resource in (VAULT, MANAGEMENT, "https://management.azure.com", "https://graph.microsoft.com", emulator.url):
        token = asker.token(resource)
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert claims["aud"] == resource


def test_openid_scopes_beside_the_resources_are_overlooked(asker: Asker) -> None:
    assert asker.sign_in({"scope": f"openid profile offline_access {VAULT}/.default"}).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000216),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, 400, "unauthorized_client", 700016),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": "openid"}, 400, "invalid_request", 900144),
        ({"scope": VAULT}, 400, "invalid_scope", 1002012),
        ({"scope": f"{VAULT}/.default {MANAGEMENT}/.default"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://storage.azure.com/.default"}, 400, "invalid_resource", 500011),
        ({"client_secret": "", "client_assertion": "x"}, 401, "invalid_client", 7000216),
    ],
)
def test_every_refusal_has_entras_code(
    asker: Asker, form: dict[str, str], status: int, error: str, number: int
) -> None:
    refused(asker.sign_in(form), status, error, number)


def test_a_service_principal_of_microsofts_signs_in_nobody(asker: Asker) -> None:
    exchange = "00000002-0000-0ff1-ce00-000000000000"
    refused(asker.sign_in({"client_id": exchange}), 401, "invalid_client", 7000215)
    refused(asker.sign_in({"client_id": exchange, "client_secret": ""}), 401, "invalid_client", 7000216)


def test_a_refusal_never_repeats_the_secret(asker: Asker) -> None:
    answer = asker.sign_in({"client_secret": "a-wrong-secret-that-nobody-should-see"})
    assert b"nobody-should-see" not in answer.body


@pytest.mark.parametrize("tenant", ["22222222-2222-2222-2222-222222222222", "common", "contoso.example"])
def test_another_tenant_is_not_found(emulator: Running, asker: Asker, tenant: str) -> None:
    told = refused(asker.sign_in(path=f"/{tenant}/oauth2/v2.0/token"), 400, "invalid_request", 90002)
    assert emulator.tenant_id in told
    if tenant != "common":
        answer = asker.ask("GET", f"/{tenant}/v2.0/.well-known/openid-configuration")
        refused(answer, 400, "invalid_request", 90002)


def test_a_body_that_is_no_form_is_refused(emulator: Running, asker: Asker) -> None:
    for body in (b"", b"\xff\xfe", b"&".join([b"a=b"] * 100)):
        answer = asker.ask("POST", f"/{emulator.tenant_id}/oauth2/v2.0/token", body=body)
        refused(answer, 400, "invalid_request", 900144)


# certificates


def assertion(
    emulator: Running, key: RSAKey, algorithm: str = "RS256", changes: dict[str, object] | None = None
) -> str:
    claims: dict[str, object] = {
        "aud": f"{emulator.url}/{emulator.tenant_id}/oauth2/v2.0/token",
        "iss": emulator.client_id,
        "sub": emulator.client_id,
        "exp": now() + 600,
        **(changes or {}),
    }
    return jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def operators_key(emulator: Running) -> RSAKey:
    key = load_pem_private_key(emulator.client_certificate_file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return RSAKey.import_key(key)


def present(asker: Asker, text: str) -> Answer:
    form = {"client_secret": "", "client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    return asker.sign_in(form)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_assertion_signs_in(emulator: Running, asker: Asker, algorithm: str) -> None:
    assert present(asker, assertion(emulator, operators_key(emulator), algorithm)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://login.microsoftonline.com/other/oauth2/v2.0/token"},
        {"iss": "someone-else"},
        {"sub": "someone-else"},
        {"exp": 1},
        {"exp": "later"},
        {"nbf": 9_999_999_999},
    ],
)
def test_an_assertion_is_for_this_endpoint_by_this_application_and_now(
    emulator: Running, asker: Asker, changes: dict[str, object]
) -> None:
    answer = present(asker, assertion(emulator, operators_key(emulator), changes=changes))
    refused(answer, 401, "invalid_client", 700023)


def test_an_assertion_of_another_key_is_refused(emulator: Running, asker: Asker) -> None:
    stranger = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    refused(present(asker, assertion(emulator, stranger)), 401, "invalid_client", 700027)
    refused(present(asker, "nonsense"), 401, "invalid_client", 700027)


# further applications


def test_a_further_application_signs_in_and_may_do_nothing(emulator: Running, asker: Asker) -> None:
    token = asker.token(MANAGEMENT)
    made = asker.ask("POST", "/emulator/applications", token=token, body={"name": "auditor"})
    assert made.status == 201
    assert made.header("Cache-Control") == "no-store"
    as_auditor = {"client_id": made.json["client_id"], "client_secret": made.json["client_secret"]}
    answer = asker.ask("GET", f"/keys?{API}", token=asker.token(**as_auditor))
    assert (answer.status, answer.error["code"]) == (403, "Forbidden")
    assert emulator.emulator.directory.by_object_id(made.json["object_id"].upper()) is not None


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 5}, {"name": "x" * 121}, {"name": "two\nlines"}])
def test_an_application_has_a_name(asker: Asker, body: dict[str, object]) -> None:
    answer = asker.ask("POST", "/emulator/applications", token=asker.token(MANAGEMENT), body=body)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")


# the operator's files


def test_the_certificate_is_one_that_entra_takes(emulator: Running) -> None:
    certificate = x509.load_pem_x509_certificate(emulator.client_certificate_file.read_bytes())
    assert emulator.emulator.directory.certificate(emulator.emulator.directory.operator) == certificate.public_bytes(
        Encoding.DER
    )


def test_the_files_are_their_owners_alone(emulator: Running) -> None:
    files: list[Path] = [emulator.client_secret_file, emulator.client_certificate_file]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    with closing(emulator.client_secret_file.open()) as file:
        assert len(file.read()) >= 32
