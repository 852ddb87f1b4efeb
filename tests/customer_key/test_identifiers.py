"""Key identifiers with and without a version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.customer_key.identifiers import is_key_url, parse_key_reference
from keyferry.errors import IdentifierRefused

VERSION = "F2C1E1A79714A757C3486F2BE238A005"
NAMES = st.text("abcXYZ019-", min_size=1, max_size=127)


@given(NAMES, st.one_of(st.none(), st.text("0123456789abcdef", min_size=32, max_size=32)))
def test_an_identifier_reads_back_as_it_was(name: str, version: str | None) -> None:
    text = f"https://contoso-kv.vault.azure.net/keys/{name}" + (f"/{version}" if version else "")
    found = parse_key_reference(text)
    assert (found.text, found.name, found.version) == (text, name, version)
    assert (found.vault, found.vault_url, found.managed_hsm) == (
        "contoso-kv",
        "https://contoso-kv.vault.azure.net",
        False,
    )
    assert parse_key_reference(found.text) == found


@given(st.text(max_size=80))
def test_any_other_text_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(IdentifierRefused):
        parse_key_reference(text)


def test_a_slash_at_the_end_of_an_identifier_without_version_is_taken() -> None:
    assert parse_key_reference("https://contoso-kv.vault.azure.net/keys/target/").version is None


def test_the_current_version_is_written_in_lower_case() -> None:
    assert parse_key_reference(f"https://contoso-kv.vault.azure.net/keys/target/{VERSION}").version == VERSION.lower()


def test_a_managed_hsm_is_told_apart() -> None:
    found = parse_key_reference("https://contoso-hsm.managedhsm.azure.net/keys/target")
    assert (found.managed_hsm, found.vault) == (True, "contoso-hsm")


def test_an_unknown_host_has_no_vault_name_and_a_warning() -> None:
    found = parse_key_reference("https://localhost:8443/keys/target")
    assert (found.vault, found.host) == (None, "localhost:8443")
    assert "not a host of Azure's" in found.warnings[0]


def test_a_reference_can_be_put_at_a_version() -> None:
    found = parse_key_reference("https://contoso-kv.vault.azure.net/keys/target").at_version("0" * 32)
    assert found.text == f"https://contoso-kv.vault.azure.net/keys/target/{'0' * 32}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://contoso-kv.vault.azure.net/secrets/target", "identifier-path"),
        ("https://contoso-kv.vault.azure.net/keys/", "identifier-name"),
        ("https://contoso-kv.vault.azure.net/keys/tar_get", "identifier-name"),
        ("https://contoso-kv.vault.azure.net/keys/target//", "identifier-version"),
        ("https://contoso-kv.vault.azure.net/keys/target/latest", "identifier-version"),
        ("http://contoso-kv.vault.azure.net/keys/target", "identifier-not-https"),
        ("https://contoso-kv.vault.azure.net/keys/target?x=1", "identifier-query"),
        ("https://u:p@contoso-kv.vault.azure.net/keys/target", "identifier-user-info"),
    ],
)
def test_what_is_no_identifier_is_refused_by_its_rule(text: str, code: str) -> None:
    with pytest.raises(IdentifierRefused) as refused:
        parse_key_reference(text)
    assert refused.value.code == code


def test_names_and_addresses_are_told_apart() -> None:
    assert is_key_url("https://contoso-kv.vault.azure.net/keys/target")
    assert not is_key_url("payments/target")
