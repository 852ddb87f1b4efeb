"""Figures about keys over REST, and OpenMetrics for monitors."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from tests.api.conftest import Door, Person
from tests.api.problems import refused

LABELS = Mapping[str, str]


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, as the format's reference parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # the library says no types
        for sample in family.samples
    }


def test_figures_are_of_the_keys_that_one_may_see(
    door: Door, administrator: Person, user: Person, stranger: Person, key: dict[str, Any]
) -> None:
    door.kit.background.tick()

    everybody, mine = administrator("GET", "/key-metrics").json(), user("GET", "/key-metrics", params={"days": 2})
    assert everybody["total"] == 1
    assert everybody["by_type"] == {"ec-p256": 1}
    assert len(everybody["days"]) == 30
    shown = mine.json()
    assert shown["by_state"] == {"active": 1}
    assert shown["by_owner"] == [{"kind": "group", "name": "payments", "keys": 1}]
    assert [day["created"] for day in shown["days"]] == [0, 1]
    assert shown["expiring"][0] == {"within_days": 1, "keys": 0}
    assert stranger("GET", "/key-metrics").json()["total"] == 0


@pytest.mark.parametrize("days", ["0", "367", "many", "-1"])
def test_days_that_will_not_do_are_refused(administrator: Person, days: str) -> None:
    refused(administrator("GET", "/key-metrics", params={"days": days}), 422, "invalid-input", "days")


def test_a_monitor_on_this_machine_reads_openmetrics(door: Door, user: Person, key: dict[str, Any]) -> None:
    user("GET", "/keys/payments%2Fsigner")
    user("GET", "/keys/nothing-of-this-name")
    door.kit.background.tick()

    answer = door.client.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = samples(answer.text)
    assert found["keyferry_keys", (("state", "active"), ("type", "ec-p256"))] == 1
    assert found["keyferry_key_operations_total", (("operation", "key.generate"),)] == 1
    assert found["keyferry_ready", ()] == 1
    assert found["keyferry_audit_events_total", ()] > 5
    route = ("route", "/api/v1/keys/{key}")
    assert found["keyferry_requests_total", (("method", "GET"), route, ("status", "200"))] == 1
    assert found["keyferry_requests_total", (("method", "GET"), route, ("status", "404"))] == 1
    assert found["keyferry_request_seconds_count", (("method", "GET"), route)] == 2
    assert found["process_resident_memory_bytes", ()] > 0


def test_nobody_and_no_key_is_named(door: Door, user: Person, key: dict[str, Any]) -> None:
    door.client.get("/made-up-by-somebody", headers={"Authorization": "Bearer made-up"})
    door.kit.background.tick()
    text = door.client.get("/metrics").text
    for name in ("signer", key["id"], "payments", user.id, "made-up"):
        assert f'"{name}' not in text
        assert f'/{name}"' not in text


def elsewhere(app: FastAPI, address: str) -> TestClient:
    return TestClient(app, client=(address, 50000))


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "unknown", "127.0.0.1.example"])
def test_another_machine_is_asked_for_a_token(door: Door, address: str) -> None:
    refused(elsewhere(door.app, address).get("/metrics"), 401, "not-authenticated", "Authorization")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_many_addresses(door: Door, address: str) -> None:
    assert elsewhere(door.app, address).get("/metrics").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_request_through_a_proxy_is_not_this_machines(door: Door, header: str) -> None:
    refused(door.client.get("/metrics", headers={header: "127.0.0.1"}), 401, "not-authenticated", "Authorization")


def test_an_administrators_token_reads_them_from_anywhere_and_no_other_does(
    door: Door, administrator: Person, user: Person
) -> None:
    client = elsewhere(door.app, "192.0.2.7")
    shown = client.get("/metrics", headers={"Authorization": f"Bearer {administrator.token}"})
    assert samples(shown.text)["keyferry_ready", ()] == 1
    refused(client.get("/metrics", headers={"Authorization": f"Bearer {user.token}"}), 403, "not-permitted")
    refused(client.get("/metrics", headers={"Authorization": "Bearer kf_nonsense"}), 401, "not-authenticated")
    refused(door.client.get("/metrics", headers={"Authorization": "Basic eDp5"}), 401, "not-authenticated")


def test_a_server_that_cannot_serve_says_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from keyferry.errors import CannotStart

    def broken() -> None:
        raise CannotStart("The store cannot be read.")

    monkeypatch.setattr(door.app.state, "services", replace(door.app.state.services, ready=broken))
    assert samples(door.client.get("/metrics").text)["keyferry_ready", ()] == 0
