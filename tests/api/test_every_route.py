"""What holds for every route there is, found by walking the application.

Who gets what at each: `tests/security/test_every_door.py`; who gets nothing at any: `test_who_is_shut_out.py` there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from tests.api.conftest import Door, Person
from tests.api.problems import refused

#: every route that takes no token
OPEN = {
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/sessions/second-factor"),
    ("POST", "/api/v1/sessions/enrolment"),
    ("POST", "/api/v1/sessions/enrolment/complete"),
    ("POST", "/api/v1/sessions/passkey-options"),
    ("POST", "/api/v1/sessions/passkey"),
    ("POST", "/api/v1/sessions/new-password"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),  # to a monitor on the server's own machine
    ("GET", "/api/v1/openapi.json"),
    ("HEAD", "/api/v1/openapi.json"),
}
ID = "01936f2e-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    @property
    def address(self) -> str:
        return "/".join(ID if part.startswith("{") else part for part in self.path.split("/"))


def routes_of(app: FastAPI) -> Iterator[Route]:
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            yield Route(method, str(route.path_format if hasattr(route, "path_format") else route.path))


def documented(app: FastAPI) -> Iterator[tuple[Route, dict[str, Any]]]:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            yield Route(method.upper(), path), operation


def test_the_walk_finds_the_routes(door: Door) -> None:
    found = {(route.method, route.path) for route in routes_of(door.app)}

    assert found >= OPEN
    assert ("POST", "/api/v1/keys/{key}/exports") in found
    assert ("POST", "/api/v1/deployments/{deployment}/run") in found
    assert len(found) > 65


def test_every_route_but_the_open_ones_asks_for_a_token(door: Door) -> None:
    asked = 0
    for route in routes_of(door.app):
        if (route.method, route.path) in OPEN:
            continue
        answer = door.client.request(route.method, route.address, content=b"{", headers={"Content-Type": "text/plain"})
        refused(answer, 401, "not-authenticated", "Authorization")
        assert answer.headers["www-authenticate"] == "Bearer", route
        asked += 1
    assert asked > 60


def test_every_route_is_in_the_document_with_what_it_can_refuse(door: Door) -> None:
    told = dict(documented(door.app))
    walked = {route for route in routes_of(door.app) if not route.path.endswith("openapi.json")}

    assert set(told) == walked
    for route, operation in told.items():
        assert operation["description"], route
        opened = (route.method, route.path) in OPEN
        ways_in: list[dict[str, list[str]]] | None = None if opened else [{"token": []}, {"client_certificate": []}]
        assert operation.get("security") == ways_in, route
        assert opened or {"401", "403", "413", "422", "500", "503"} <= set(operation["responses"]), route
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], route


def test_the_document_names_no_other_host_and_its_names_are_unique(door: Door) -> None:
    answer = door.client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert "servers" not in document
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "token": "http",
        "client_certificate": "mutualTLS",
    }
    assert "X-Keyferry-Request: 1" in schemes["client_certificate"]["description"]
    names = [operation["operationId"] for _, operation in documented(door.app)]
    assert len(names) == len(set(names))
    assert all(part.islower() for name in names for part in name.split("_"))
    for path in ("/docs", "/redoc", "/api/v1/docs"):
        refused(door.client.get(path), 404, "not-found")


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/keys/", "/api/v1/nothing", "/api/v2/keys", "//"])
def test_an_unknown_address_is_a_problem(user: Person, path: str) -> None:
    refused(user.client.get(path, headers={"Authorization": f"Bearer {user.token}"}), 404, "not-found")


def test_an_unknown_method_is_told_which_there_are(user: Person) -> None:
    answer = user("PUT", "/keys")
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert user("TRACE", "/keys/a%2Fb").headers["allow"] == "GET, PATCH"


def test_every_answer_carries_the_headers_that_keep_it_private(user: Person) -> None:
    for answer in (user("GET", "/keys"), user("GET", "/nothing"), user.client.get("/healthz")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers


def test_over_tls_browsers_are_told_to_stay_with_it(door: Door) -> None:
    answer = door.client.get("https://testserver/healthz")

    assert "max-age=" in answer.headers["strict-transport-security"]
