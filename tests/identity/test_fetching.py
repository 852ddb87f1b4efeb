"""What is fetched from identity providers comes from allowed hosts, over TLS that verifies, small and soon."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.identity.provider import Authority, Provider, Said, providing

from keyferry.errors import ProviderFailed
from keyferry.identity import fetching
from keyferry.identity.fetching import LARGEST, Fetcher


@pytest.fixture
def provider(authority: Authority) -> Iterator[Provider]:
    with providing(authority) as found:
        yield found


@pytest.fixture
def fetcher(authority: Authority, provider: Provider) -> Fetcher:
    return Fetcher((provider.host,), authority.file)


def refused(fetcher: Fetcher, url: str, code: str) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as caught:
        fetcher.get(url)
    assert caught.value.code == code
    assert caught.value.advice
    return caught.value


def test_a_document_is_fetched_whole(fetcher: Fetcher, provider: Provider) -> None:
    provider.says["/keys?v=1"] = Said(b'{"keys": []}', media_type="Application/JSON; charset=utf-8")

    answer = fetcher.get(f"{provider.url}/keys?v=1")

    assert (answer.status, answer.media_type, answer.body) == (200, "application/json", b'{"keys": []}')
    assert provider.headers[0]["accept"] == "application/json"
    assert provider.headers[0]["accept-encoding"] == "identity"


def test_a_form_is_posted_and_a_refusal_is_an_answer(fetcher: Fetcher, provider: Provider) -> None:
    provider.says["/token"] = Said(b'{"error": "invalid_grant"}', 400)

    answer = fetcher.post(f"{provider.url}/token", {"code": "a b"}, headers={"Authorization": "Basic eA=="})

    assert (answer.status, answer.body) == (400, b'{"error": "invalid_grant"}')
    assert provider.sent == [b"code=a+b"]
    assert provider.headers[0]["authorization"] == "Basic eA=="


@pytest.mark.parametrize(
    "url",
    [
        "http://{host}/keys",
        "https://user@{host}/keys",
        "https://{host}\\@evil.example/keys",
        "https://evil.example/keys",
        "https://127.0.0.1/keys",
        "https://localhost:{port}/keys",
        "https://[::1]:{port}/keys",
        "https://{host}.evil.example/keys",
        "https://{host}/keys\nHost: evil.example",
        "https://169.254.169.254/latest/meta-data",
        "https://login.microsoftonline.com.evil.example/",
        "https://login.microsoftonline.com:8443/",
        "file:///etc/passwd",
        "",
    ],
)
def test_nothing_is_asked_of_a_host_that_is_not_allowed(fetcher: Fetcher, provider: Provider, url: str) -> None:
    refused(fetcher, url.format(host=provider.host, port=provider.port), "provider-host-refused")
    assert provider.asked == []


def test_hosts_that_serve_everybody_are_allowed_from_the_start() -> None:
    assert str(Fetcher().require("https://login.microsoftonline.com/t/v2.0")) == "login.microsoftonline.com"
    with pytest.raises(ProviderFailed, match=r"login\.example\.org are not allowed") as caught:
        Fetcher().require("https://login.example.org/", field="issuer")
    assert caught.value.field == "issuer"
    assert "identity_hosts" in caught.value.advice


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(authority: Authority, fetcher: Fetcher, provider: Provider, status: int) -> None:
    with providing(authority) as other:
        provider.says["/keys"] = Said(b"", status, headers={"Location": f"{other.url}/keys"})
        provider.says["/again"] = Said(b"", status, headers={"Location": f"{provider.url}/keys"})
        for path in ("/keys", "/again"):
            refused(fetcher, f"{provider.url}{path}", "provider-answer-refused")
            with pytest.raises(ProviderFailed, match="redirection"):
                fetcher.post(f"{provider.url}{path}", {})
        assert other.asked == []


def test_another_status_is_no_document(fetcher: Fetcher, provider: Provider) -> None:
    provider.says["/busy"] = Said(b"{}", 503)
    for path in ("/nothing", "/busy"):
        refused(fetcher, f"{provider.url}{path}", "provider-answer-refused")


def test_a_giant_answer_is_not_read_to_its_end(fetcher: Fetcher, provider: Provider) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield bytes(256 * 1024)

    provider.says["/endless"] = Said(parts=endless)
    provider.says["/large"] = Said(bytes(LARGEST + 1))
    provider.says["/just"] = Said(bytes(LARGEST))

    refused(fetcher, f"{provider.url}/endless", "provider-answer-refused")
    refused(fetcher, f"{provider.url}/large", "provider-answer-refused")
    assert len(fetcher.get(f"{provider.url}/just").body) == LARGEST
    assert len(sent) < 200


def test_what_is_compressed_is_refused(fetcher: Fetcher, provider: Provider) -> None:
    provider.says["/bomb"] = Said(bytes(100), headers={"Content-Encoding": "gzip"})
    refused(fetcher, f"{provider.url}/bomb", "provider-answer-refused")


def test_an_answer_that_drips_is_given_up(
    fetcher: Fetcher, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ALL_SECONDS", 0.3)

    def dripping() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.05)
            yield b" "

    provider.says["/drip"] = Said(parts=dripping)
    begun = time.monotonic()
    refused(fetcher, f"{provider.url}/drip", "provider-unreachable")
    assert time.monotonic() - begun < 4


def test_one_that_says_nothing_is_given_up(
    fetcher: Fetcher, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 0.2)

    def silent() -> Said:
        time.sleep(1)
        return Said()

    provider.says["/silent"] = silent
    refused(fetcher, f"{provider.url}/silent", "provider-unreachable")


def test_nobody_there(authority: Authority) -> None:
    with providing(authority) as provider:
        url, fetcher = provider.url, Fetcher((provider.host,), authority.file)
    refused(fetcher, f"{url}/keys", "provider-unreachable")


def test_a_certificate_that_does_not_verify_is_never_passed_over(
    authority: Authority, provider: Provider, tmp_path: Path
) -> None:
    other = Authority.make(tmp_path / "other")
    for ca_file in (None, other.file):
        refused(Fetcher((provider.host,), ca_file), f"{provider.url}/keys", "provider-untrusted")
    assert provider.asked == []


def test_a_certificate_of_another_name_is_refused(authority: Authority) -> None:
    with providing(authority, "127.0.0.2") as provider:
        refused(Fetcher((provider.host,), authority.file), f"{provider.url}/keys", "provider-untrusted")
    assert provider.asked == []


def test_authorities_that_cannot_be_read_admit_nobody(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        refused(Fetcher((provider.host,), file), f"{provider.url}/keys", "provider-untrusted")


def test_the_environment_gives_no_authorities_and_no_passwords(
    fetcher: Fetcher, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password swordfish\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    provider.says["/keys"] = Said(b"{}")

    fetcher.get(f"{provider.url}/keys")

    assert "authorization" not in provider.headers[0]
