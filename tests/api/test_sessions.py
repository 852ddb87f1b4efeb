"""Signing in, being known, signing out."""

from starlette.testclient import TestClient
from tests.api.conftest import PASSWORD


def test_a_sign_in_answers_with_a_token_and_with_who_it_is_for(client: TestClient) -> None:
    answer = client.post("/api/v1/sessions", json={"user_name": "admin", "password": PASSWORD})

    assert answer.status_code == 201
    body = answer.json()
    assert body["token"].startswith("kf_")
    assert body["user"]["name"] == "admin"
    assert body["user"]["role"] == "administrator"
    assert body["expires_at"].endswith("Z")
    assert isinstance(body["notices"], list)
    assert "set-cookie" not in answer.headers
