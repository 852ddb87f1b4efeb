"""The real SDK, led astray by a vault that lies: no request and no token goes where it was not meant to."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from tests.clouds.azure.liar import Liar, Said, certificate, lying

from keyferry.clouds.azure.environment import PUBLIC, AzureCloud
from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.management import AzureManagement
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.session import AzureSession
from keyferry.clouds.azure.vault import AzureVault
from keyferry.errors import AnswerLost, CloudFailed, Overloaded

TOKEN = "a-token-for-the-vault-alone"  # what must not be found elsewhere


class SignIn:
    """Has a token for whoever asks; notes what for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_token(self, *scopes: str, **_more: Any) -> AccessToken:
        self.asked += scopes
        return AccessToken(TOKEN, int(time.time()) + 3600)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        self.asked += scopes
        return AccessTokenInfo(TOKEN, int(time.time()) + 3600)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def liar(certificates: tuple[Path, Path]) -> Iterator[Liar]:
    with lying(certificates[1]) as found:
        yield found


@pytest.fixture
def thief(certificates: tuple[Path, Path]) -> Iterator[Liar]:
    """Another host, with a certificate that is trusted: nothing but the rules keeps a request from it."""
    with lying(certificates[1]) as found:
        yield found


@pytest.fixture
def sign_in() -> SignIn:
    return SignIn()


@pytest.fixture
def cloud(liar: Liar) -> AzureCloud:
    """Its vaults have names of their own, as a custom cloud's may."""
    return replace(PUBLIC, name="custom", authority=liar.url, resource_manager=liar.url, verify_challenge=False)


Open = Callable[..., AzureSession]


@pytest.fixture
def open_session(certificates: tuple[Path, Path], cloud: AzureCloud, liar: Liar, sign_in: SignIn) -> Iterator[Open]:
    made: list[AzureSession] = []

    def open_(*further: str) -> AzureSession:
        allowed = AllowedHosts.adding([liar.host, *further])
        made.append(AzureSession(cloud, sign_in, Outgoing(ca_file=certificates[0], allowed=allowed)))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def refused(act: Callable[[], object]) -> CloudFailed:
    with pytest.raises(CloudFailed) as caught:
        act()
    assert caught.value.code == "azure-host-refused"
    assert caught.value.advice
    assert TOKEN not in caught.value.detail
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("write", ["{thief}/keys/a", "https://{liar_host}@{thief_host}/keys/a"])
def test_a_redirection_to_another_host_is_not_followed(
    open_session: Open, liar: Liar, thief: Liar, status: int, write: str
) -> None:
    target = write.format(thief=thief.url, thief_host=thief.host, liar_host=liar.host)
    liar.answers_with(Said(status, {"Location": target}))
    refused(lambda: AzureVault(open_session(), liar.url).get("a"))
    assert liar.got_a_token
    assert thief.asked == []


def test_nor_to_a_host_that_is_allowed_for_something_else(open_session: Open, liar: Liar, thief: Liar) -> None:
    """A vault's client speaks to that vault: a token for it is nobody else's, Azure's other hosts included."""
    liar.answers_with(Said(307, {"Location": f"{thief.url}/keys/a"}))
    failed = refused(lambda: AzureVault(open_session(thief.host), liar.url).get("a"))
    assert "not the host that it was for" in failed.detail
    assert thief.asked == []


@pytest.mark.parametrize("write", ["http://{host}/keys/a", "//{host}/keys/a"])
def test_nor_without_tls(open_session: Open, liar: Liar, write: str) -> None:
    liar.answers_with(Said(307, {"Location": write.format(host=liar.host)}))
    assert "without TLS" in refused(lambda: AzureVault(open_session(), liar.url).get("a")).detail
    assert len(liar.asked) == 2  # the challenge, and the redirection


def test_the_next_page_of_a_list_is_not_fetched_elsewhere(open_session: Open, liar: Liar, thief: Liar) -> None:
    page = {"value": [{"kid": f"{liar.url}/keys/a"}], "nextLink": f"{thief.url}/keys?page=2"}
    liar.answers_with(Said(200, body=json.dumps(page).encode()))
    refused(lambda: AzureVault(open_session(), liar.url).list())
    assert thief.asked == []


def test_nor_that_of_the_management_plane(open_session: Open, liar: Liar, thief: Liar) -> None:
    page = {"value": [], "nextLink": f"{thief.url}/subscriptions?page=2"}
    liar.answer = lambda _method, _path: Said(200, body=json.dumps(page).encode())
    refused(lambda: AzureManagement(open_session()).subscriptions())
    assert liar.got_a_token
    assert thief.asked == []


def test_a_challenge_that_names_another_authority_gets_no_token(
    open_session: Open, liar: Liar, thief: Liar, sign_in: SignIn
) -> None:
    liar.answer = lambda _method, _path: liar.challenge(authority=thief.url)
    refused(lambda: AzureVault(open_session(), liar.url).get("a"))
    assert (sign_in.asked, liar.got_a_token, thief.asked) == ([], False, [])


def test_a_challenge_for_another_place_gets_no_token(
    certificates: tuple[Path, Path], cloud: AzureCloud, liar: Liar, sign_in: SignIn
) -> None:
    """A vault that asks for a token for the management plane would be given all of the sign-in's rights there."""
    liar.answer = lambda _method, _path: liar.challenge(resource="https://management.azure.com")
    outgoing = Outgoing(ca_file=certificates[0], allowed=AllowedHosts.adding([liar.host]))
    with AzureSession(replace(cloud, verify_challenge=True), sign_in, outgoing) as session:
        failed = refused(lambda: AzureVault(session, liar.url).get("a"))
    assert "verify_challenge_resource" not in failed.detail
    assert (sign_in.asked, liar.got_a_token) == ([], False)


def test_a_password_of_somebody_elses_does_not_come_along(
    open_session: Open, liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login me password swordfish\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    liar.answers_with(Said(404))
    assert AzureVault(open_session(), liar.url).find("a") is None
    assert [authorization for _, _, authorization in liar.asked] == [None, f"Bearer {TOKEN}"]


def test_a_certificate_that_is_not_trusted_ends_it(open_session: Open, cloud: AzureCloud, liar: Liar) -> None:
    allowed = AllowedHosts.adding([liar.host])
    with (
        AzureSession(cloud, SignIn(), Outgoing(allowed=allowed)) as session,
        pytest.raises(CloudFailed) as caught,
    ):
        AzureVault(session, liar.url).get("a")
    assert caught.value.code == "azure-untrusted"
    assert "outgoing_ca_file" in caught.value.advice
    assert liar.asked == []


class TestWhatWasSentOnce:
    """An import is sent once: whether an answer that did not come meant success, only a look can tell."""

    @pytest.mark.parametrize(
        "said", [Said(None), Said(500), Said(502), Said(504), Said(408), Said(200, body=b"<html>")]
    )
    def test_an_import_without_an_answer_may_have_been_done(self, open_session: Open, liar: Liar, said: Said) -> None:
        liar.answers_with(said)
        with pytest.raises(AnswerLost) as caught:
            AzureVault(open_session(), liar.url).import_file("a", b"file", kty="RSA-HSM")
        assert "list-versions" in caught.value.advice
        assert len(liar.asked) == 2  # the challenge, and the import

    def test_a_busy_vault_is_not_asked_again_behind_the_callers_back(self, open_session: Open, liar: Liar) -> None:
        liar.answers_with(Said(429, {"Retry-After": "7"}))
        with pytest.raises(Overloaded) as caught:
            AzureVault(open_session(), liar.url).import_file("a", b"file", kty="RSA-HSM")
        assert (caught.value.code, caught.value.retry_after) == ("azure-throttled", 7)
        assert len(liar.asked) == 2

    def test_reading_is_repeated(self, open_session: Open, liar: Liar) -> None:
        liar.answers_with(Said(503, {"Retry-After": "0"}), Said(None), Said(404))
        assert AzureVault(open_session(), liar.url).find("a") is None
        assert len(liar.asked) == 4

    def test_a_long_wait_is_not_sat_out(self, open_session: Open, liar: Liar) -> None:
        liar.answers_with(Said(429, {"Retry-After": "3600"}))
        with pytest.raises(Overloaded) as caught:
            AzureVault(open_session(), liar.url).get("a")
        assert caught.value.retry_after == 3600
        assert len(liar.asked) == 2
