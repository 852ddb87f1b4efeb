"""A certificate that a proxy tells of: believed from proxies that are named, if a setting says so, and else never."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.api.conftest import services_of
from tests.certificates import own

from keyferry.custody.accounts import UserEdit
from keyferry.server import application
from keyferry.store.records import Certificate
from keyferry.testing import Kit

PROXY, ELSEWHERE = "192.0.2.80", "203.0.113.66"
OWN = {"X-Keyferry-Request": "1"}


@pytest.fixture
def database_file() -> None:
    """What doors do with headers is the same on either database."""
    return


@pytest.fixture
def behind(make_kit: Callable[..., Kit]) -> Kit:
    return make_kit(trusted_proxies=[PROXY], client_cert_header=True)


def bound(kit: Kit) -> tuple[str, Certificate]:
    kim = kit.user("kim")
    return kim.user_id, kit.custody.certificates.upload(kim, "card", own("kim").pem)


def told(row: Certificate) -> str:
    return f":{base64.b64encode(row.certificate).decode()}:"


@contextmanager
def coming_from(kit: Kit, address: str) -> Iterator[TestClient]:
    services = replace(services_of(kit), certificates=kit.installation.certificates)
    with TestClient(application(services), client=(address, 50000), base_url="https://keys.example.org") as client:
        yield client


def ask(client: TestClient, *values: str, **more: str) -> httpx2.Response:
    headers: list[tuple[str, str]] = [*OWN.items(), *(("Client-Cert", value) for value in values), *more.items()]
    answer: Any = client.get("/api/v1/sessions/current", headers=headers)
    return answer  # type: ignore[no-any-return]  # what the client answers


def test_from_a_proxy_that_is_named(behind: Kit) -> None:
    user_id, row = bound(behind)
    with coming_from(behind, PROXY) as client:
        answer = ask(client, told(row))
        assert (answer.status_code, answer.json()["user"]["id"]) == (200, user_id)
        assert answer.json()["certificate_id"] == row.id
        page = client.get("/sign-in", headers={"Client-Cert": told(row)})
        assert "It stands for kim." in page.text
        behind.custody.certificates.revoke(behind.administrator, row.id)
        assert ask(client, told(row)).status_code == 401
        refused = client.get("/api/v1/sessions/current", headers={"Client-Cert": told(row)})
        assert (refused.status_code, refused.json()["code"]) == (403, "cross-site-refused")


@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1", f"::ffff:{ELSEWHERE}"])
def test_from_anybody_else(behind: Kit, address: str) -> None:
    _, row = bound(behind)
    with coming_from(behind, address) as client:
        answer = ask(client, told(row))
        assert (answer.status_code, answer.json()["field"]) == (401, "Authorization")
        assert "It stands for" not in client.get("/sign-in", headers={"Client-Cert": told(row)}).text
        forged = ask(client, told(row), **{"X-Forwarded-For": PROXY})
        assert forged.status_code == 401


def test_a_proxy_that_is_named_for_addresses_alone(make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(trusted_proxies=[PROXY])
    _, row = bound(kit)
    with coming_from(kit, PROXY) as client:
        assert ask(client, told(row)).status_code == 401


def test_the_clients_address_is_judged_and_not_the_proxys(behind: Kit) -> None:
    _, row = bound(behind)
    behind.custody.users.edit(behind.administrator, "kim", UserEdit(networks=("203.0.113.0/24",)))
    with coming_from(behind, PROXY) as client:
        assert ask(client, told(row), **{"X-Forwarded-For": "203.0.113.7"}).status_code == 200
        assert ask(client, told(row), **{"X-Forwarded-For": "198.51.100.1"}).status_code == 401


@pytest.mark.parametrize(
    "value", ["", ":", "::", ":=:", "AAAA", ":AA A:", ":AAA:", ":%41%41:", ":AAAA:, :AAAA:", ":A:"]
)
def test_a_header_that_is_none(behind: Kit, value: str) -> None:
    with coming_from(behind, PROXY) as client:
        answer = ask(client, value)
        assert (answer.status_code, answer.json()["field"]) == (401, "Client-Cert")


def test_two_headers(behind: Kit) -> None:
    _, row = bound(behind)
    with coming_from(behind, PROXY) as client:
        assert ask(client, told(row), told(row)).json()["field"] == "Client-Cert"


def test_one_that_is_bound_to_nobody(behind: Kit) -> None:
    with coming_from(behind, PROXY) as client:
        answer = ask(client, ":AAAA:")
        assert (answer.status_code, "is bound to no user" in answer.json()["detail"]) == (401, True)
