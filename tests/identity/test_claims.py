"""Claims as people write them."""

import pytest

from keyferry.errors import InvalidInput
from keyferry.identity.claims import read_claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("ref=main", ("ref", "main")),
        ("ref=", ("ref", "")),
        ("sub=a=b", ("sub", "a=b")),
        ("ref= main ", ("ref", " main ")),
        ("protected=true", ("protected", "true")),
        ("protected:=true", ("protected", True)),
        ("protected:=false", ("protected", False)),
        ("project:=42", ("project", 42)),
        ("project:=-7", ("project", -7)),
        (" project :=0", ("project", 0)),
        ("https://a.example/b=c", ("https://a.example/b", "c")),
    ],
)
def test_it_is_read(text: str, claim: tuple[str, object]) -> None:
    found = read_claim(text, field="claim")
    assert found == claim
    assert type(found[1]) is type(claim[1])


@pytest.mark.parametrize("text", ["", "ref", "=main", ":=1", "n:=", "n:=01", "n:=1.5", "n:=True", "n:=1e3", "n:=٣"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_claim(text, field="claims")
    assert refused.value.field == "claims"
    assert "NAME=VALUE" in (refused.value.advice or "")
