"""The routes: who may do what, paths with and without slashes and versions, and the shape of refusals."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.emulator.keys.wire import Wire, signed_in

from keyferry.emulator.keys.routes import TABLE, Handler
from keyferry.emulator.management.permissions import KEY_PERMISSIONS
from keyferry.emulator.server import Running

VERSION = "0" * 32


@pytest.fixture(scope="module")
def wire(emulator: Running) -> Iterator[Wire]:
    with signed_in(emulator) as wire:
        yield wire


def policy_vault(wire: Wire, name: str, permissions: list[str]) -> str:
    """A vault where the operator may do with keys what `permissions` says, and nothing else."""
    operator = wire.emulator.emulator.directory.operator
    policy = {
        "tenantId": wire.emulator.tenant_id,
        "objectId": operator.object_id,
        "permissions": {"keys": permissions},
    }
    return wire.make_vault(name, enableRbacAuthorization=False, accessPolicies=[policy])


def asked_of(handler: Handler, path: str) -> tuple[str, str]:
    return handler.method, path.format(name="routes-key", version=VERSION)


EVERY_ROUTE = [pytest.param(each, path, id=f"{each.method} {path}") for each in TABLE for path in each.paths]


@pytest.mark.parametrize(("handler", "path"), EVERY_ROUTE)
def test_every_route_wants_its_permission(handler: Handler, path: str, wire: Wire) -> None:
    nothing = policy_vault(wire, "routes-nothing-kv", [])
    answer = wire.ask(*asked_of(handler, path), {}, vault=nothing)
    status, code, inner, message = answer.error
    assert (status, code, inner) == (403, "Forbidden", "ForbiddenByPolicy")
    assert f"does not have keys {handler.permission} permission" in message


@pytest.mark.parametrize(("handler", "path"), EVERY_ROUTE)
def test_every_route_is_content_with_its_permission(handler: Handler, path: str, wire: Wire) -> None:
    only = policy_vault(wire, f"routes-{handler.permission}-kv"[:24].strip("-"), [handler.permission])
    assert wire.ask(*asked_of(handler, path), {}, vault=only).status in {200, 400, 404}


def test_every_permission_of_keys_is_wanted_by_some_route() -> None:
    assert {handler.permission for handler in TABLE} == set(KEY_PERMISSIONS)


def test_a_slash_behind_and_a_double_slash_before_are_tolerated(wire: Wire) -> None:
    made = wire.ask("POST", "//keys/routes-slash/create", {"kty": "RSA"}).body
    version = made["key"]["kid"][-32:]
    for path in (
        "/keys/routes-slash",
        "/keys/routes-slash/",
        f"/keys/routes-slash/{version}",
        f"//keys/routes-slash/{version}/",
    ):
        assert wire.ask("GET", path).body == made
    body = {"alg": "RS256", "value": "A" * 43}
    for path in ("/keys/routes-slash//sign", "/keys/routes-slash/sign", f"/keys/routes-slash/{version}/sign"):
        assert wire.ask("POST", path, body).body["kid"] == made["key"]["kid"]
    assert wire.ask("PATCH", "/keys/routes-slash/", {"tags": {"a": "b"}}).body["tags"] == {"a": "b"}


def test_identifiers_begin_with_the_name_by_which_the_vault_was_called(wire: Wire) -> None:
    made = wire.ask("POST", "/keys/routes-base/create", {"kty": "EC"}).body
    assert made["key"]["kid"].startswith(f"{wire.emulator.vaults[0].url}/keys/routes-base/")
    with wire.client() as client:
        shown = client.get_key("routes-base")
    assert shown.id.startswith("https://keyferry-vault-a.vault.azure.net/keys/routes-base/")
    assert shown.id[-32:] == made["key"]["kid"][-32:]


def test_the_old_verb_for_an_import_is_understood(wire: Wire) -> None:
    answer = wire.ask("POST", "/keys/routes-import/import", {"key": {"kty": "RSA-HSM", "key_hsm": "e30"}})
    assert answer.error[:2] == (400, "BadParameter")
    assert "schema_version is missing" in answer.error[3]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b'{"kty":"RSA","kty":"EC"}', b'{"kty":NaN}'])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, wire: Wire) -> None:
    assert wire.ask("POST", "/keys/routes-body/create", body).error[:2] == (400, "BadParameter")
    assert wire.ask("GET", "/keys/routes-body").status == 404


@pytest.mark.parametrize("name", ["a_b", "a%20b", "x" * 128, "%C3%A4", "a%2Fb", ".."])
def test_a_name_that_no_key_may_have_is_refused(name: str, wire: Wire) -> None:
    for method, path, body in (
        ("POST", f"/keys/{name}/create", {"kty": "EC"}),
        ("PUT", f"/keys/{name}", {"key": {"kty": "EC"}}),
        ("GET", f"/keys/{name}", None),
        ("DELETE", f"/deletedkeys/{name}", None),
    ):
        assert wire.ask(method, path, body).status in {400, 404, 405}
    assert not any(re.search(r"_|ä|\.\.|x{128}", item["kid"]) for item in listed(wire))


def listed(wire: Wire) -> list[Any]:
    """Every key of the first vault."""
    items, path = [], "/keys?maxresults=25"
    while path:
        body = wire.ask("GET", path).body
        items += body["value"]
        link = body["nextLink"]
        path = link and link.removeprefix(wire.emulator.vaults[0].url).replace("api-version=7.4&", "")
    return items


def test_a_refusal_has_the_services_shape(wire: Wire) -> None:
    missing = wire.ask("GET", "/keys/routes-missing")
    assert missing.body == {
        "error": {
            "code": "KeyNotFound",
            "message": "A key with (name/id) routes-missing was not found in this key vault. If you recently deleted "
            "this key you may be able to recover it using the correct recovery command. For help resolving this issue, "
            "please see https://go.microsoft.com/fwlink/?linkid=2125182",
        }
    }
    wire.ask("POST", "/keys/routes-refused/create", {"kty": "EC"})
    wire.ask("DELETE", "/keys/routes-refused")
    taken = wire.ask("POST", "/keys/routes-refused/create", {"kty": "EC"})
    assert taken.error[:3] == (409, "Conflict", "ObjectIsDeletedButRecoverable")


def test_a_purge_is_answered_with_no_content(wire: Wire) -> None:
    vault = wire.make_vault("routes-no-content-kv")
    wire.ask("POST", "/keys/key/create", {"kty": "EC"}, vault=vault)
    wire.ask("DELETE", "/keys/key", vault=vault)
    answer = wire.ask("DELETE", "/deletedkeys/key", vault=vault)
    assert (answer.status, answer.body) == (204, None)


def test_random_bytes_are_not_a_vaults_to_give(wire: Wire) -> None:
    answer = wire.ask("POST", "/rng", {"count": 8})
    assert "given by a Managed HSM only, which is not offered by this emulator" in answer.error[3]
