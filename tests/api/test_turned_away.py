"""Callers who present nothing, or no token, are counted for the audit log."""

import pytest
from tests.api.conftest import Door

MISSING = "No token was presented."


def refusals(door: Door) -> list[tuple[str, int]]:
    return [(refusal.reason, times) for refusal, times in door.kit.custody.gate.refusals.take()]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, MISSING),
        ({"Authorization": "Basic a2ltOnNlY3JldA=="}, "The Authorization header does not hold one bearer token."),
    ],
)
def test_a_request_without_a_token_is_counted(door: Door, headers: dict[str, str], reason: str) -> None:
    refusals(door)
    for _ in range(3):
        assert door.client.get("/api/v1/keys", headers=headers).status_code == 401
    assert refusals(door) == [(reason, 3)]


def test_what_was_counted_is_in_the_audit_log(door: Door) -> None:
    door.client.get("/api/v1/keys")
    door.kit.background.tick()
    newest = door.kit.custody.audit.list(door.kit.administrator, size=500).items[-1]
    assert (newest.outcome, newest.code, newest.actor_id) == ("refused", "not-authenticated", None)
    assert MISSING in newest.details
