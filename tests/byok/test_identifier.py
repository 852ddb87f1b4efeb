"""Azure key identifiers: what is taken, how it is normalised, and each reason to refuse one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.byok.identifier import AzureCloud, AzureService, parse_key_identifier
from keyferry.errors import IdentifierRefused

VERSION = "f2c1e1a79714a757c3486f2be238a005"
GOOD = f"https://contoso-kv.vault.azure.net/keys/KEK/{VERSION}"


def refusal_of(text: str) -> IdentifierRefused:
    with pytest.raises(IdentifierRefused) as caught:
        parse_key_identifier(text)
    assert caught.value.field == "key_identifier"
    assert caught.value.advice
    return caught.value


class TestTaken:
    def test_a_vault_key_version(self) -> None:
        identifier = parse_key_identifier(GOOD)
        assert identifier.text == GOOD
        assert identifier.host == "contoso-kv.vault.azure.net"
        assert identifier.name == "KEK"
        assert identifier.version == VERSION
        assert identifier.vault == "contoso-kv"
        assert identifier.warnings == ()

    @pytest.mark.parametrize(
        ("suffix", "service", "cloud"),
        [
            ("vault.azure.net", AzureService.VAULT, AzureCloud.PUBLIC),
            ("vault.azure.cn", AzureService.VAULT, AzureCloud.CHINA),
            ("vault.usgovcloudapi.net", AzureService.VAULT, AzureCloud.US_GOVERNMENT),
            ("vault.microsoftazure.de", AzureService.VAULT, AzureCloud.GERMANY),
            ("managedhsm.azure.net", AzureService.MANAGED_HSM, AzureCloud.PUBLIC),
            ("managedhsm.azure.cn", AzureService.MANAGED_HSM, AzureCloud.CHINA),
            ("managedhsm.usgovcloudapi.net", AzureService.MANAGED_HSM, AzureCloud.US_GOVERNMENT),
        ],
    )
    def test_every_known_host_without_warning(self, suffix: str, service: AzureService, cloud: AzureCloud) -> None:
        identifier = parse_key_identifier(f"https://my-place.{suffix}/keys/KEK/{VERSION}")
        assert (identifier.service, identifier.cloud, identifier.warnings) == (service, cloud, ())

    @pytest.mark.parametrize(
        "host",
        [
            "localhost:8443",
            "127.0.0.1:8443",
            "kms.example.org",
            "contoso-kv.vault.azure.net.example.org",
            "contoso-kvvault.azure.net",
            "contoso-kv.privatelink.vaultcore.azure.net",
        ],
    )
    def test_another_host_with_a_warning_that_names_it(self, host: str) -> None:
        identifier = parse_key_identifier(f"https://{host}/keys/KEK/{VERSION}")
        assert identifier.service is AzureService.UNKNOWN
        assert identifier.cloud is AzureCloud.UNKNOWN
        assert identifier.vault is None
        assert identifier.text == f"https://{host}/keys/KEK/{VERSION}"
        assert len(identifier.warnings) == 1
        assert host in identifier.warnings[0]


class TestNormalised:
    def test_the_file_keeps_the_name_as_given_and_the_binding_ignores_case(self) -> None:
        identifier = parse_key_identifier(f"HTTPS://Contoso-KV.Vault.Azure.NET/keys/My-Kek/{VERSION.upper()}")
        assert identifier.text == f"https://contoso-kv.vault.azure.net/keys/My-Kek/{VERSION}"
        assert identifier.canonical == f"https://contoso-kv.vault.azure.net/keys/my-kek/{VERSION}"

    def test_the_default_port_of_an_unknown_host_goes(self) -> None:
        with_port = parse_key_identifier(f"https://kms.example.org:443/keys/KEK/{VERSION}")
        without = parse_key_identifier(f"https://kms.example.org/keys/KEK/{VERSION}")
        assert with_port == without

    def test_what_was_normalised_is_taken_again_unchanged(self) -> None:
        identifier = parse_key_identifier(f"https://LOCALHOST:8443/keys/KEK/{VERSION.upper()}")
        assert parse_key_identifier(identifier.text) == identifier
        assert parse_key_identifier(identifier.canonical).canonical == identifier.canonical


REFUSED = {
    "empty": ("", "identifier-unreadable"),
    "too long": (f"https://{'a.' * 240}example.org/keys/KEK/{VERSION}", "identifier-too-long"),
    "line end": (GOOD + "\n", "identifier-characters"),
    "space before": (" " + GOOD, "identifier-characters"),
    "tab inside": (GOOD.replace("/KEK", "/\tKEK"), "identifier-characters"),
    "NUL": (GOOD + "\x00", "identifier-characters"),
    "backslash": (GOOD.replace("/keys/", "\\keys\\"), "identifier-characters"),
    "angle brackets": (f"<{GOOD}>", "identifier-characters"),
    "Cyrillic letter in the host": (GOOD.replace("azure", "\u0430zure"), "identifier-characters"),
    "full-width digit in the version": (GOOD[:-1] + "\uff15", "identifier-characters"),
    "Kelvin sign that lower-cases to k": (GOOD.replace("KEK", "\u212aEK"), "identifier-characters"),
    "soft hyphen": (GOOD.replace("contoso", "cont\u00adoso"), "identifier-characters"),
    "http": (GOOD.replace("https", "http"), "identifier-not-https"),
    "no scheme": (GOOD.removeprefix("https://"), "identifier-not-https"),
    "another scheme": (GOOD.replace("https", "ftp"), "identifier-not-https"),
    "one slash": (GOOD.replace("//", "/"), "identifier-not-https"),
    "user": (GOOD.replace("https://", "https://user@"), "identifier-user-info"),
    "user and password": (GOOD.replace("https://", "https://user:hunter2@"), "identifier-user-info"),
    "host as user": (f"https://contoso-kv.vault.azure.net@example.org/keys/KEK/{VERSION}", "identifier-user-info"),
    "query": (GOOD + "?api-version=7.4", "identifier-query"),
    "empty query": (GOOD + "?", "identifier-query"),
    "fragment": (GOOD + "#top", "identifier-fragment"),
    "fragment that hides the host": (f"https://example.org#.vault.azure.net/keys/KEK/{VERSION}", "identifier-fragment"),
    "percent-encoded slash": (GOOD.replace("/KEK", "%2FKEK"), "identifier-percent-encoding"),
    "percent-encoded letter": (GOOD.replace("KEK", "K%45K"), "identifier-percent-encoding"),
    "percent-encoded host": (GOOD.replace("azure", "%61zure"), "identifier-percent-encoding"),
    "port of a known host": (GOOD.replace(".net/", ".net:443/"), "identifier-port"),
    "port missing after colon": (f"https://localhost:/keys/KEK/{VERSION}", "identifier-port"),
    "port zero": (f"https://localhost:0/keys/KEK/{VERSION}", "identifier-port"),
    "port with a leading zero": (f"https://localhost:0443/keys/KEK/{VERSION}", "identifier-port"),
    "port too high": (f"https://localhost:65536/keys/KEK/{VERSION}", "identifier-port"),
    "port not a number": (f"https://localhost:https/keys/KEK/{VERSION}", "identifier-port"),
    "no host": (f"https:///keys/KEK/{VERSION}", "identifier-host"),
    "suffix alone": (f"https://vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "dot before the suffix": (f"https://.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "dot after the host": (GOOD.replace(".net/", ".net./"), "identifier-host"),
    "two labels before the suffix": (GOOD.replace("contoso", "a.contoso"), "identifier-host"),
    "vault name too short": (f"https://ab.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "vault name too long": (f"https://{'a' * 25}.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "vault name begins with a digit": (f"https://1abc.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "vault name with two dashes": (f"https://a--b.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "vault name ends in a dash": (f"https://abc-.vault.azure.net/keys/KEK/{VERSION}", "identifier-host"),
    "underscore in the host": (f"https://a_b.example.org/keys/KEK/{VERSION}", "identifier-host"),
    "internationalised host": (f"https://contoso.xn--zure-63d.net/keys/KEK/{VERSION}", "identifier-host"),
    "IPv6 host": (f"https://[::1]:8443/keys/KEK/{VERSION}", "identifier-host"),
    "no path": ("https://contoso-kv.vault.azure.net", "identifier-path"),
    "secret instead of key": (GOOD.replace("/keys/", "/secrets/"), "identifier-path"),
    "certificate instead of key": (GOOD.replace("/keys/", "/certificates/"), "identifier-path"),
    "upper-case keys": (GOOD.replace("/keys/", "/Keys/"), "identifier-path"),
    "double slash": (GOOD.replace(".net/", ".net//"), "identifier-path"),
    "path that goes on": (GOOD + "/import", "identifier-path"),
    "slash at the end": (GOOD + "/", "identifier-path"),
    "no name": ("https://contoso-kv.vault.azure.net/keys", "identifier-name"),
    "empty name": (f"https://contoso-kv.vault.azure.net/keys//{VERSION}", "identifier-name"),
    "dots as name": (f"https://contoso-kv.vault.azure.net/keys/../{VERSION}", "identifier-name"),
    "underscore in the name": (GOOD.replace("KEK", "MY_KEK"), "identifier-name"),
    "name too long": (GOOD.replace("KEK", "K" * 128), "identifier-name"),
    "no version": (GOOD.rpartition("/")[0], "identifier-no-version"),
    "no version but a slash": (GOOD.rpartition("/")[0] + "/", "identifier-no-version"),
    "version not hex": (GOOD[:-1] + "g", "identifier-version"),
    "version too short": (GOOD[:-1], "identifier-version"),
    "version too long": (GOOD + "0", "identifier-version"),
    "version as a UUID": (GOOD.replace("f2c1e1a7", "f2c1e1a7-"), "identifier-version"),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(text: str, code: str) -> None:
    assert refusal_of(text).code == code


def test_a_refusal_repeats_no_password_query_or_fragment() -> None:
    for text in (
        GOOD.replace("https://", "https://user:hunter2@"),
        GOOD + "?token=hunter2",
        GOOD + "#hunter2",
    ):
        refused = refusal_of(text)
        assert "hunter2" not in f"{refused.detail} {refused.advice}"


def test_a_known_host_with_a_name_of_127_characters_and_a_vault_name_of_24_is_taken() -> None:
    identifier = parse_key_identifier(f"https://{'a' * 24}.managedhsm.usgovcloudapi.net/keys/{'K' * 127}/{VERSION}")
    assert len(identifier.name) == 127


class TestFuzz:
    @given(
        st.text(max_size=80)
        | st.text(max_size=20).map(lambda tail: GOOD + tail)
        | st.text(max_size=20).map(lambda name: GOOD.replace("KEK", name))
        | st.text(max_size=20).map(lambda host: GOOD.replace("contoso-kv.vault.azure.net", host))
        | st.text("0123456789abcdefABCDEF/:.@#?%-kys", max_size=40).map(lambda tail: "https://contoso" + tail)
    )
    def test_any_text_is_refused_or_normalised_to_one_form(self, text: str) -> None:
        try:
            identifier = parse_key_identifier(text)
        except IdentifierRefused:
            return
        assert re.fullmatch(r"https://[a-z0-9.:-]+/keys/[0-9A-Za-z-]{1,127}/[0-9a-f]{32}", identifier.text)
        assert identifier.text.lower() == identifier.canonical
        assert parse_key_identifier(identifier.text) == identifier

    @given(st.integers(0, len(GOOD) - 1), st.characters())
    def test_one_changed_character_never_gives_the_same_canonical_form(self, at: int, character: str) -> None:
        changed = GOOD[:at] + character + GOOD[at + 1 :]
        try:
            identifier = parse_key_identifier(changed)
        except IdentifierRefused:
            return
        same = changed.lower() == GOOD.lower()
        assert (identifier.canonical == parse_key_identifier(GOOD).canonical) is same
