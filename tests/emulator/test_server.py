"""Serving: what a restart keeps, what a crash may not lose, vaults made meanwhile, and an end in good order."""

import base64
import signal
import socket
import threading
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.emulator.asking import API, MANAGEMENT, Answer, Asker
from tests.emulator.serving import serving

from keyferry.emulator.facts import read_facts
from keyferry.emulator.home import Home, is_serving
from keyferry.emulator.server import Running, running
from keyferry.errors import CannotStart


def create_key(asker: Asker, name: str, token: str, at: str | None = None) -> Answer:
    body = {"kty": "EC", "crv": "P-256"}
    return asker.ask("POST", f"/keys/{name}/create?{API}", at=at, token=token, body=body)


def create_vault(asker: Asker, name: str, subscription: str, group: str, host: str | None = None) -> Answer:
    path = (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"
        "?api-version=2026-02-01"
    )
    properties = {"tenantId": asker.facts.tenant_id, "sku": {"name": "premium", "family": "A"}}
    body = {"location": "westeurope", "properties": properties}
    return asker.ask("PUT", path, token=asker.token(MANAGEMENT), body=body, host=host)


def port(url: str) -> int:
    return urlsplit(url).port or 443


# restarts


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as first:
        asker = Asker(first)
        token = asker.token()
        made = create_key(asker, "kept", token)
        assert made.status == 200
        files = {path: path.read_bytes() for path in (first.ca_file, first.client_secret_file)}
    with running(home) as second:
        assert (second.tenant_id, second.client_id, second.subscriptions, second.vaults) == (
            first.tenant_id,
            first.client_id,
            first.subscriptions,
            first.vaults,
        )
        assert (second.url, second.proxy_url) == (first.url, first.proxy_url)
        assert {path: path.read_bytes() for path in files} == files
        again = Asker(second)
        assert again.ask("GET", f"/keys/kept?{API}", token=token).json["key"] == made.json["key"]
        assert again.token()


def test_a_port_that_was_taken_meanwhile_is_replaced_by_another(tmp_path: Path) -> None:
    with running(tmp_path / "home") as first:
        taken = [port(first.vaults[1].url), port(first.proxy_url), port(first.url)]
    with (
        socket.create_server(("127.0.0.1", taken[0])),
        socket.create_server(("127.0.0.1", taken[1])),
        socket.create_server(("127.0.0.1", taken[2])),
        running(tmp_path / "home") as second,
    ):
        ports = {port(url) for url in (second.url, second.proxy_url, second.vaults[1].url)}
        assert len(ports) == 3
        assert ports.isdisjoint(taken)
        asker = Asker(second)
        assert asker.ask("GET", f"/keys?{API}", at=second.vaults[1].url, token=asker.token()).status == 200


def test_a_port_that_was_asked_for_and_is_taken_is_a_refusal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        for given in ({"listen": at}, {"proxy": at}):
            with pytest.raises(CannotStart) as refused, running(tmp_path / "home", **given):
                pass
            assert refused.value.field in given
            assert at in refused.value.detail
    with running(tmp_path / "home"):  # nothing of the attempts holds the home
        pass


@pytest.mark.parametrize("listen", ["8443", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "localhost:-1", ""])
def test_what_is_no_address_and_port_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(CannotStart) as refused, running(tmp_path / "home", listen=listen):
        pass
    assert refused.value.field == "listen"


def test_one_process_serves_a_home(tmp_path: Path) -> None:
    with running(tmp_path / "home") as first:
        assert is_serving(Home(tmp_path / "home"))
        with pytest.raises(CannotStart) as refused, running(tmp_path / "home"):
            pass
        assert "Another process" in refused.value.detail
        assert Asker(first).token()
    assert not is_serving(Home(tmp_path / "home"))


def test_a_secret_that_was_lost_is_replaced_and_the_old_one_refused(tmp_path: Path) -> None:
    with running(tmp_path / "home") as first:
        old = first.client_secret_file.read_text()
    first.client_secret_file.unlink()
    with running(tmp_path / "home") as second:
        asker = Asker(second)
        assert asker.token()
        assert asker.sign_in({"client_secret": old}).status == 401


@pytest.mark.parametrize("name", ["client-secret", "client-certificate.pem"])
def test_a_file_to_sign_in_with_that_holds_something_else_is_refused(tmp_path: Path, name: str) -> None:
    with running(tmp_path / "home"):
        pass
    (tmp_path / "home" / name).write_text("short")
    with pytest.raises(CannotStart) as refused, running(tmp_path / "home"):
        pass
    assert name in refused.value.detail
    assert "Remove the file" in refused.value.advice


# a process of its own


def test_a_crash_during_writes_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    acknowledged: list[str] = []
    with serving(home) as server:
        asker = Asker(server.facts)
        token = asker.token()

        def write(worker: int) -> None:
            with suppress(OSError, HTTPException):
                number = 0
                while create_key(asker, f"k-{worker}-{number}", token).status == 200:
                    acknowledged.append(f"k-{worker}-{number}")
                    number += 1

        writers = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 30 and any(writer.is_alive() for writer in writers):
            writers[0].join(0.01)
        server.kill()
        for writer in writers:
            writer.join()
    assert len(acknowledged) >= 30
    with running(home) as again:
        asker = Asker(again)
        token = asker.token()
        found = [asker.ask("GET", f"/keys/{name}?{API}", token=token).status for name in acknowledged]
        assert set(found) == {200}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order_with_clients_connected(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "home") as server:
        asker = Asker(server.facts)
        idle = asker.connect()
        idle.request("GET", "/common/discovery/keys")
        assert idle.getresponse().read()
        assert server.end(number) == 0
        idle.close()
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


def test_it_says_what_it_serves_and_never_its_secret(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        facts = server.facts
        for said in (
            "not for production",
            facts.url,
            facts.proxy_url,
            facts.tenant_id,
            facts.client_id,
            str(facts.client_secret_file),
            str(facts.ca_file),
            *(vault.url for vault in facts.vaults),
            *(vault.proxied_url for vault in facts.vaults),
            *facts.subscriptions,
            "keyferry-a",
        ):
            assert said in server.said
        assert facts.client_secret_file.read_text() not in server.said


# vaults made while it serves


def test_a_vault_made_while_it_serves_answers_at_once_under_every_name(fresh_emulator: Running) -> None:
    asker = Asker(fresh_emulator)
    first = fresh_emulator.vaults[0]
    made = create_vault(asker, "made-later", first.subscription, first.resource_group)
    assert made.status in {200, 201}
    url = made.json["properties"]["vaultUri"].rstrip("/")
    assert urlsplit(url).hostname == "localhost"
    assert port(url) not in {port(vault.url) for vault in fresh_emulator.vaults}
    token = asker.token()
    kid = create_key(asker, "k", token, at=url).json["key"]["kid"]
    assert kid.startswith(f"{url}/keys/k/")
    through_proxy = asker.ask("GET", f"/keys/k?{API}", host="made-later.vault.azure.net", token=token)
    assert through_proxy.json["key"]["kid"].startswith("https://made-later.vault.azure.net/keys/k/")
    assert asker.ask("GET", f"/keys/k?{API}", token=token).status == 404  # another vault's
    told = {vault.name: vault.url for vault in read_facts(Home(fresh_emulator.home)).vaults}
    assert told["made-later"] == url


def test_a_deleted_vaults_port_says_so_and_serves_again_when_it_is_recovered(fresh_emulator: Running) -> None:
    asker = Asker(fresh_emulator)
    first = fresh_emulator.vaults[0]
    made = create_vault(asker, "comes-back", first.subscription, first.resource_group)
    url = made.json["properties"]["vaultUri"].rstrip("/")
    vaults = fresh_emulator.emulator.vaults
    vault = vaults.named("comes-back")
    assert vault is not None
    vaults.delete(vault)
    answer = asker.ask("GET", f"/keys?{API}", at=url, token=asker.token())
    assert (answer.status, answer.error["code"]) == (404, "VaultNotFound")
    vaults.recover(vault.subscription_id, vault.resource_group, "comes-back")
    assert asker.ask("GET", f"/keys?{API}", at=url, token=asker.token()).status == 200


def test_the_port_of_a_vault_made_later_is_kept_too(tmp_path: Path) -> None:
    with running(tmp_path / "home") as first:
        place = first.vaults[0]
        made = create_vault(Asker(first), "made-later", place.subscription, place.resource_group)
        url = made.json["properties"]["vaultUri"].rstrip("/")
    with running(tmp_path / "home") as second:
        assert {vault.name: vault.url for vault in second.vaults}["made-later"] == url


def test_many_vaults_made_at_once_each_get_a_port(fresh_emulator: Running) -> None:
    asker = Asker(fresh_emulator)
    first = fresh_emulator.vaults[0]
    answers: list[Answer] = []

    def make(number: int) -> None:
        answers.append(create_vault(asker, f"at-once-{number}", first.subscription, first.resource_group))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    urls = {answer.json["properties"]["vaultUri"] for answer in answers}
    assert len(urls) == 4
    token = asker.token()
    assert {asker.ask("GET", f"/keys?{API}", at=url, token=token).status for url in urls} == {200}


# what lies in the home


def test_nothing_secret_lies_in_clear(tmp_path: Path) -> None:
    """But for the two files that a person signs in with."""
    with running(tmp_path / "home") as emulator:
        asker = Asker(emulator)
        token = asker.token()
        inner = emulator.emulator
        signing = inner.tokens._key.as_dict(private=True)
        pem = inner.tokens._key.as_pem(private=True)
        secret = emulator.client_secret_file.read_bytes()
        seal = Home(emulator.home).key_file.read_bytes()
        further = asker.ask(
            "POST", "/emulator/applications", token=asker.token(MANAGEMENT), body={"name": "further"}
        ).json["client_secret"]
    secrets: list[bytes] = [secret, seal, token.encode(), further.encode(), pem[40:120]]
    secrets += [str(signing[name]).encode()[:40] for name in ("d", "p", "q")]
    secrets += [_number(str(signing[name])) for name in ("d", "p", "q")]
    to_sign_in_with = {"client-secret", "client-certificate.pem", "key"}
    looked_at = 0
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file() and path.name not in to_sign_in_with:
            looked_at += 1
            content = path.read_bytes()
            assert not any(each in content for each in secrets), path.name
    assert looked_at >= 5


def _number(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_every_file_is_its_owners_alone_but_the_certificate_to_trust(emulator: Running) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in emulator.home.iterdir() if path.is_file()}
    assert modes.pop("ca.pem") == 0o644
    assert set(modes.values()) == {0o600}
    assert emulator.home.stat().st_mode & 0o777 == 0o700
