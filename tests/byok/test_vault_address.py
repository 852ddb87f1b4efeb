"""Addresses of vaults: one spelling each, or a refusal that says what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.byok.identifier import AzureCloud, AzureService
from keyferry.byok.vault_address import parse_vault_address
from keyferry.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "url", "service", "cloud"),
    [
        ("https://Contoso-KV.Vault.Azure.Net/", "https://contoso-kv.vault.azure.net", "vault", "public"),
        ("HTTPS://contoso-kv.vault.azure.net", "https://contoso-kv.vault.azure.net", "vault", "public"),
        ("https://hsm1.managedhsm.azure.net", "https://hsm1.managedhsm.azure.net", "managed-hsm", "public"),
        ("https://kv1.vault.azure.cn", "https://kv1.vault.azure.cn", "vault", "china"),
        ("https://kv1.vault.usgovcloudapi.net", "https://kv1.vault.usgovcloudapi.net", "vault", "us-government"),
        ("https://localhost:8443/", "https://localhost:8443", "unknown", "unknown"),
        ("https://vault.example:443", "https://vault.example", "unknown", "unknown"),
    ],
)
def test_an_address_has_one_spelling(text: str, url: str, service: str, cloud: str) -> None:
    found = parse_vault_address(text)
    assert (found.url, found.service, found.cloud) == (url, AzureService(service), AzureCloud(cloud))
    assert parse_vault_address(found.url) == found
    assert found.identifier().host == found.host == url.removeprefix("https://")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("/", "is empty"),
        ("contoso-kv", "does not begin with https://"),
        ("http://contoso-kv.vault.azure.net", "does not begin with https://"),
        ("https://", "has no host"),
        ("https://kv_1.vault.azure.net", "has no host"),
        ("https://a.vault.azure.net", "has no host"),
        ("https://contoso-kv.vault.azure.net.", "has no host"),
        ("https://contoso-kv.vault.azure.net:8443", "names a port"),
        ("https://localhost:99999", "names a port"),
        ("https://contoso-kv.vault.azure.net/keys", "has a path"),
        ("https://contoso-kv.vault.azure.net/keys/a/" + "0" * 32, "has a path"),
        ("https://contoso-kv.vault.azure.net//", "has a path"),
        ("//", "does not begin with https://"),
        ("https://contoso-kv.vault.azure.net/x", "has a path"),
        ("https://contoso-kv.vault.azure.net?x", "holds '?'"),
        ("https://contoso-kv.vault.azure.net#x", "holds '#'"),
        ("https://kim:secret@contoso-kv.vault.azure.net", "holds user information"),
        ("https://contoso%2dkv.vault.azure.net", "holds percent-encoded"),
        ("https://contoso-kv.vault.azure.net ", "holds a space"),
        ("https://c\u043entoso-kv.vault.azure.net", "holds a space, a control character, or a character"),
        ("https://" + "a" * 600, "is too long"),
    ],
)
def test_what_is_none_is_refused_and_never_repeated(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_vault_address(text, field="vaults")
    assert (refused.value.code, refused.value.field) == ("vault-refused", "vaults")
    assert why in refused.value.detail
    assert "secret" not in refused.value.detail
    assert "https://NAME.vault.azure.net" in refused.value.advice


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.:/@%?#-]{0,40}", fullmatch=True))
def test_whatever_is_given_is_an_address_or_refused(text: str) -> None:
    try:
        found = parse_vault_address(text)
    except InvalidInput as refused:
        assert refused.code == "vault-refused"  # noqa: PT017  # whatever is refused is refused so
    else:
        assert found.url == f"https://{found.host}" == found.url.lower()
        assert found.url.count("/") == 2
