"""Where requests may go: a token that reaches another host is somebody else's."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.clouds.azure.environment import CLOUDS, PUBLIC, AzureCloud
from keyferry.clouds.azure.hosts import AllowedHosts, HostPattern, Origin, hosts_of, read_origin, vault_origin
from keyferry.errors import CloudFailed, InvalidInput

AZURE = AllowedHosts()


def changed(field: str, value: str) -> AzureCloud:
    """The public cloud with one address changed."""
    changes: dict[str, Any] = {field: value}
    return replace(PUBLIC, **changes)


@pytest.mark.parametrize(
    "url",
    [
        "https://contoso-kv.vault.azure.net",
        "https://contoso-kv.vault.azure.net/keys/KEK?api-version=2025-07-01",
        "https://CONTOSO-KV.Vault.Azure.NET:443/",
        "https://contoso.managedhsm.azure.net/keys",
        "https://contoso-kv.vault.usgovcloudapi.net/",
        "https://contoso-kv.vault.azure.cn/",
        "https://management.azure.com/subscriptions?api-version=2022-12-01",
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
        "https://login.windows.net/tenant",
        "https://graph.microsoft.com/v1.0/servicePrincipals",
    ],
)
def test_azures_own_hosts_are_allowed(url: str) -> None:
    assert AZURE.require(url).port == 443


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://contoso-kv.vault.azure.net/", id="no TLS"),
        pytest.param("https://contoso-kv.vault.azure.net@thief.example/", id="user information before another host"),
        pytest.param("https://thief.example@contoso-kv.vault.azure.net/", id="user information"),
        pytest.param("https://contoso-kv.vault.azure.net:x@thief.example/", id="password"),
        pytest.param("https://thief.example\\.vault.azure.net/", id="backslash"),
        pytest.param("https://thief.example\\@contoso-kv.vault.azure.net/", id="backslash and user information"),
        pytest.param("https://thief.example#.vault.azure.net/", id="fragment in the host"),
        pytest.param("https://thief.example/.vault.azure.net/", id="suffix in the path"),
        pytest.param("https://thief.example?.vault.azure.net/", id="suffix in the query"),
        pytest.param("https://thief.example%2f.vault.azure.net/", id="percent-encoded slash"),
        pytest.param("https://contoso-kv.vault.azure.net./", id="dot at the end"),
        pytest.param("https://contoso-kv.vault.azure.net:8443/", id="another port"),
        pytest.param("https://contoso-kv.vault.azure.net:/", id="empty port"),
        pytest.param("https://contoso-kv.vault.azure.net:443443/", id="port too large"),
        pytest.param("https://contoso-kv.vault.azure.net:0443/", id="port with a zero before it"),
        pytest.param("https://contoso-kv.vault.azure.net:443:443/", id="two ports"),
        pytest.param("https://xn--contoso-kv-9za.vault.azure.net/", id="punycode"),
        pytest.param("https://contosö-kv.vault.azure.net/", id="not ASCII"),
        pytest.param("https://contoso-kv.vault.azure。net/", id="a full stop that is none"),
        pytest.param("https://\u217dontoso-kv.vault.azure.net/", id="a letter that looks like ASCII"),
        pytest.param("https://vault.azure.net/", id="the suffix itself"),
        pytest.param("https://.vault.azure.net/", id="no name"),
        pytest.param("https://contoso-kvvault.azure.net/", id="no dot before the suffix"),
        pytest.param("https://contoso-kv.vault.azure.net.thief.example/", id="suffix in the middle"),
        pytest.param("https://login.microsoftonline.com.thief.example/", id="authority in the middle"),
        pytest.param("https://evil.login.microsoftonline.com/", id="below an authority"),
        pytest.param("https://127.0.0.1/", id="loopback"),
        pytest.param("https://169.254.169.254/metadata", id="metadata service"),
        pytest.param("https://[::1]/", id="IPv6"),
        pytest.param("https://2130706433/", id="an address as a number"),
        pytest.param("https://0x7f.1/", id="an address in hexadecimal"),
        pytest.param("https:contoso-kv.vault.azure.net", id="no slashes"),
        pytest.param("https:///contoso-kv.vault.azure.net", id="three slashes"),
        pytest.param("//contoso-kv.vault.azure.net/", id="no scheme"),
        pytest.param("https://contoso-kv.vault.azure.net/keys\r\nHost: thief.example", id="line end"),
        pytest.param("https://contoso-kv.vault.azure.net /", id="space"),
        pytest.param(" https://contoso-kv.vault.azure.net/", id="space before it"),
        pytest.param("", id="nothing"),
    ],
)
def test_whatever_else_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(CloudFailed) as refused:
        AZURE.require(url, field="vault")
    assert (refused.value.code, refused.value.field) == ("azure-host-refused", "vault")
    assert refused.value.advice


def test_what_was_typed_is_not_repeated_where_it_may_hold_a_password() -> None:
    with pytest.raises(CloudFailed) as refused:
        AZURE.require("https://me:swordfish@contoso-kv.vault.azure.net/")
    assert "swordfish" not in refused.value.detail + refused.value.advice


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40))
def test_an_address_is_allowed_only_if_other_parsers_read_the_same_host(middle: str) -> None:
    """Whatever stands in the authority: the standard library must see the very host that was judged."""
    url = f"https://{middle}.vault.azure.net/keys"
    try:
        origin = AZURE.require(url)
    except CloudFailed:
        return
    parts = urlsplit(url)
    assert parts.scheme == "https"
    assert parts.hostname == origin.host
    assert parts.username is None
    assert origin.host.endswith(".vault.azure.net")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    origin = read_origin(text)
    assert origin is None or read_origin(origin.url) == origin


class TestFurtherHosts:
    def test_one_host(self) -> None:
        allowed = AllowedHosts.adding(["vault.example.net"])
        assert allowed.require("https://VAULT.example.net/keys") == Origin("vault.example.net", 443)
        for other in ("https://a.vault.example.net", "https://example.net", "https://vault.example.net:8443"):
            with pytest.raises(CloudFailed):
                allowed.require(other)

    def test_all_hosts_below_one(self) -> None:
        allowed = AllowedHosts.adding([".vault.example.net"])
        allowed.require("https://a.vault.example.net")
        allowed.require("https://a.b.vault.example.net")
        for other in ("https://vault.example.net", "https://avault.example.net"):
            with pytest.raises(CloudFailed):
                allowed.require(other)

    def test_a_port(self) -> None:
        allowed = AllowedHosts.adding(["localhost:8443"])
        assert str(allowed.require("https://localhost:8443/keys")) == "localhost:8443"
        for other in ("https://localhost", "https://localhost:8444"):
            with pytest.raises(CloudFailed):
                allowed.require(other)

    def test_azures_own_stay_allowed(self) -> None:
        assert AllowedHosts.adding([".example.net"]).require("https://a.vault.azure.net").host == "a.vault.azure.net"

    @pytest.mark.parametrize(
        "entry",
        ["", ".", "*", "*.example.net", ".net", "https://example.net", "a b", "a:", "a:0", "a:99999", "a/b", "ä"],
    )
    def test_an_entry_that_is_none_is_refused(self, entry: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            AllowedHosts.adding([entry])
        assert refused.value.field == "azure_hosts"
        with pytest.raises(ValueError, match="host such as"):
            HostPattern.read(entry)

    def test_a_cloud_of_ones_own(self) -> None:
        cloud = replace(PUBLIC, name="mine", authority="https://login.mine.example", vault_suffix=".vault.mine.example")
        allowed = AZURE.with_cloud(cloud)
        allowed.require("https://login.mine.example/tenant")
        allowed.require("https://a.vault.mine.example/")
        with pytest.raises(CloudFailed):
            AZURE.require("https://a.vault.mine.example/")

    @pytest.mark.parametrize("field", ["authority", "resource_manager", "graph"])
    def test_an_address_of_a_cloud_must_be_https(self, field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            hosts_of(changed(field, "http://mine.example"))
        assert refused.value.field == field

    @pytest.mark.parametrize("field", ["vault_suffix", "managed_hsm_suffix"])
    def test_a_suffix_of_a_cloud_must_be_one(self, field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            hosts_of(changed(field, "https://mine.example"))
        assert refused.value.field == field


class TestVaults:
    def test_an_address_is_brought_into_one_form(self) -> None:
        assert (
            vault_origin("https://Contoso-KV.vault.azure.net:443/", AZURE).url == "https://contoso-kv.vault.azure.net"
        )

    @pytest.mark.parametrize(
        "url",
        [
            "contoso-kv",
            "https://contoso-kv.vault.azure.net/keys",
            "https://contoso-kv.vault.azure.net?x=1",
            "https://me@contoso-kv.vault.azure.net",
        ],
    )
    def test_it_is_an_address_of_a_host_and_nothing_more(self, url: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            vault_origin(url, AZURE)
        assert refused.value.field == "vault"
        assert "https://contoso-kv.vault.azure.net" in refused.value.advice

    def test_another_host_is_refused(self) -> None:
        with pytest.raises(CloudFailed) as refused:
            vault_origin("https://thief.example", AZURE)
        assert refused.value.code == "azure-host-refused"
        assert "azure_hosts" in refused.value.advice


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_every_address_of_every_cloud_is_allowed(cloud: AzureCloud) -> None:
    for each in hosts_of(cloud):
        assert AZURE.allows(Origin(f"a.{each.host}" if each.below else each.host, each.port))
