"""What every refusal must look like."""

from typing import Any

from keyferry.api.models.problem import Problem


def refused(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The problem that `answer` holds, when it is the one that was expected."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) <= set(Problem.model_fields)
    assert body["code"] == code, body
    assert body["type"] == f"urn:keyferry:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    if field is not None:
        assert body["field"] == field, body
    return body
