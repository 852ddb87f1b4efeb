"""Sign-ins that are refused: the code in the message chooses the advice."""

import pytest

from keyferry.clouds.azure.sign_in_failures import sign_in_failed


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("7000215", "not its id"),
        ("7000222", "has expired"),
        ("700016", "client_id"),
        ("90002", "tenant_id"),
        ("700027", "certificate"),
        ("700024", "clock"),
        ("53003", "Conditional Access"),
        ("50076", "service principal"),
        ("700082", "az login"),
        ("700213", "federated"),
    ],
)
def test_a_code_has_its_advice(code: str, says: str) -> None:
    error = sign_in_failed(f"Authentication failed: AADSTS{code}: something. Trace ID: 1")
    assert error.code == "azure-sign-in-failed"
    assert f"AADSTS{code}" in error.detail
    assert says in error.advice


@pytest.mark.parametrize("message", ["", "AADSTS1: another", "no credential", "xAADSTS7000215"])
def test_another_message_gets_general_advice(message: str) -> None:
    assert "az login" in sign_in_failed(message).advice
