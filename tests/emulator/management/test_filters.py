"""`$filter`: what clients send is understood, anything else refused and never guessed at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.filters import parse

KNOWN = frozenset({"name", "resourcetype", "atscope", "assignedto", "serviceprincipalnames"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, {}),
        ("", {}),
        ("atScope()", {"atscope": ""}),
        ("name eq 'x'", {"name": "x"}),
        (
            "resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'x'",
            {"resourcetype": "Microsoft.KeyVault/vaults", "name": "x"},
        ),
        ("atScope() and assignedTo('me')", {"atscope": "", "assignedto": "me"}),
        ("servicePrincipalNames/any(c:c eq 'app')", {"serviceprincipalnames": "app"}),
    ],
)
def test_what_clients_send_is_understood(text: str | None, found: dict[str, str]) -> None:
    assert parse(text, KNOWN) == found


@pytest.mark.parametrize(
    "text",
    [
        "tag eq 'x'",
        "name ne 'x'",
        "name eq x",
        "name eq 'x' or name eq 'y'",
        "name eq 'x' name eq 'y'",
        "name eq 'x' and name eq 'y'",
        "name eq 'x' and ",
        "and",
        "servicePrincipalNames/any(c:d eq 'app')",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(AzureFailure) as refused:
        parse(text, KNOWN)
    assert refused.value.code == "InvalidFilterInQueryString"


@given(st.text())
def test_any_value_survives_its_quotes(value: str) -> None:
    quoted = value.replace("'", "''")
    assert parse(f"name eq '{quoted}'", KNOWN) == {"name": value}


@given(st.text(alphabet="nameqatscop'() /:and", max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = parse(text, KNOWN)
    except AzureFailure:
        return
    assert set(found) <= KNOWN
