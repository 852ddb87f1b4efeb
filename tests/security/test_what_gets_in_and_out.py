"""Classes of faults that key management servers have had, as rules: those of what gets in, and what gets out.

Plaintext that is written back, secrets in the audit log and in logs, input without bounds, requests that the server is
led to make, libraries that leak or break, rows of rights that are edited behind the server's back, and secrets that are
tried again.
"""

import base64
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from tests.api.conftest import Person
from tests.integrity.behind import Behind
from tests.security.conftest import Scene

from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.config.settings import TABLE, Settings
from keyferry.custody.caller import Caller
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.token_scopes import TokenScope
from keyferry.custody.use_values import Ciphertext
from keyferry.errors import CannotStart, CloudFailed, InvalidInput, KeyferryError, ProviderFailed
from keyferry.identity.fetching import Fetcher
from keyferry.material.secret import Secret
from keyferry.roots import passphrase
from keyferry.roots.opening import create_root, open_root
from keyferry.roots.passphrase_source import PassphraseSource
from keyferry.server import configure_logs
from keyferry.store.tables import audit_events
from keyferry.testing import ADDRESS, Kit

HOUR = 3600 * 1_000_000


def forms(secret: bytes) -> dict[str, bytes]:
    """What a secret looks like wherever it was written down."""
    return {
        "plain": secret,
        "hex": secret.hex().encode(),
        "base64": base64.b64encode(secret).rstrip(b"=")[:-1],
        "base64url": base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1],
    }


class TestPlaintextIsWrittenBack:
    def test_no_file_of_the_store_holds_a_key_whatever_was_done_with_it(self, scene: Scene) -> None:
        custody, kim = scene.kit.custody, scene.caller(scene.user)
        material = bytes(range(7, 39))
        new = NewKey(algorithm="aes-256", name="imported", group="payments")
        key = custody.keys.import_(kim, new, material.hex().encode()).key.id
        text = b"the ferry leaves at seven from pier nine"
        opened = custody.uses.encrypt(kim, key, Secret(text))
        assert custody.uses.decrypt(kim, key, Ciphertext(data=opened.ciphertext)).plaintext.reveal() == text
        custody.keys.edit(kim, key, KeyEdit(description="used"))
        custody.states.rotate(kim, key)
        custody.states.revoke(kim, key, RevocationReason.SUPERSEDED, version=1)
        scene.kit.background.tick()
        files = [file for file in scene.kit.installation.settings.home.rglob("*") if file.is_file()]
        read = b"".join(file.read_bytes() for file in files)
        assert opened.ciphertext[-16:] not in read, "ciphertexts are not kept either"
        assert b"imported" in read, "the search looks where rows are"
        for what, secret in (("material", material), ("text", text)):
            for form, written in forms(secret).items():
                assert written not in read, f"{what} in {form}"


class TestTheAuditLogTellsASecret:
    def test_nothing_that_was_typed_as_a_secret_is_in_it(self, scene: Scene) -> None:
        secrets = {name: f"{name}-lantern-of-the-harbour-77" for name in ("password", "current", "text", "client")}
        scene.administrator("POST", "/users", {"name": "audited", "role": "auditor", "password": secrets["password"]})
        scene.user(
            "PUT", "/users/user/password", {"password": secrets["password"], "current_password": secrets["current"]}
        )
        scene.door.client.post("/api/v1/sessions", json={"user_name": "audited", "password": secrets["current"]})
        made = scene.user("POST", "/keys", {"type": "aes-256", "name": "audits", "group": "payments"})
        assert made.status_code == 201
        sealed = scene.user("POST", "/keys/audits/encrypt", {"plaintext": _unpadded(secrets["text"].encode())})
        assert sealed.status_code == 200
        connection = {"name": "audited", "tenant_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "vaults": []}
        scene.administrator("POST", "/azure-connections", connection | {"client_secret": secrets["client"]})
        token = scene.user("POST", "/tokens", {"name": "audited", "lifetime_seconds": 3600}).json()["token"]
        scene.kit.custody.gate.write_refusals()
        with scene.kit.installation.store.engine.connect() as connected:
            log = repr(connected.execute(audit_events.select()).all()).encode()
        assert b"audited" in log
        for name, secret in (secrets | {"token": token}).items():
            for form, written in forms(secret.encode()).items():
                assert written not in log, f"{name} in {form}"

    def test_where_it_goes_is_for_no_door_and_no_setting_to_say(self, scene: Scene) -> None:
        assert [name for name in TABLE if "audit" in name] == []
        assert [name for name in TABLE if name.startswith("log") and ("file" in name or "path" in name)] == []
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (
                scene.administrator(method, "/audit-events", {"path": "/tmp/x.sh"}).status_code == 405
            )  # a path that an attacker would name


DEEP = 200_000


class TestInputHasNoBounds:
    @pytest.mark.parametrize(
        "body",
        [
            b"[" * DEEP,
            b"[" * DEEP + b"]" * DEEP,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b'{"type": ' + b"9" * 500_000 + b"}",
            b'{"type": 1e' + b"9" * 1_000 + b"}",
            b'{"type": "' + b"\\ud800" * 50_000 + b'"}',
            b'{"type": "aes-128", "usages": [' + b'"encrypt",' * 80_000 + b'"encrypt"]}',
            b"\x00" * 900_000,
        ],
        ids=["open", "deep", "objects", "number", "exponent", "surrogates", "many", "zeros"],
    )
    def test_a_body_that_is_deep_long_or_odd_is_refused_and_the_server_goes_on(self, scene: Scene, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {scene.user.token}", "Content-Type": "application/json"}
        answer = scene.door.client.post("/api/v1/keys", content=body, headers=headers)
        assert answer.status_code in {400, 413, 422}
        assert len(answer.content) < 20_000, "nor is it sent back"
        assert scene.user("GET", f"/keys/{scene.key}").status_code == 200

    @pytest.mark.parametrize("header", ["Authorization", "If-Match", "Idempotency-Key", "X-Forwarded-For", "Cookie"])
    def test_nor_does_a_header(self, scene: Scene, header: str) -> None:
        answer = scene.user("POST", "/groups", {"id": "x"}, headers={header: "a," * 20_000})
        assert 400 <= answer.status_code < 500

    @pytest.mark.parametrize("limit", ["0", "-1", "501", "9" * 400, "1e9", "1.5", "NaN"])
    def test_no_page_is_larger_than_is_set(self, scene: Scene, limit: str) -> None:
        assert scene.user("GET", f"/keys?limit={limit}").status_code == 422


INSIDE = [
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://localhost:8420/api/v1/keys",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "http://contoso-kv.vault.azure.net/",
    "https://contoso-kv.vault.azure.net@169.254.169.254/",
    "https://169.254.169.254#.vault.azure.net/",
    "https://contoso-kv.vault.azure.net.evil.example/",
    "https://evil.example/?.vault.azure.net",
    "https://contoso-kv.vault.azure.net\\@evil.example/",
    "https://contoso-kv.vault.azure.net:22/",
    "gopher://127.0.0.1:8420/",
    "file:///etc/passwd",
]


class TestTheServerIsLedToAsk:
    @pytest.mark.parametrize("url", INSIDE)
    def test_nothing_is_asked_of_a_host_that_nobody_has_allowed(self, url: str) -> None:
        with pytest.raises((CloudFailed, InvalidInput)):
            AllowedHosts.adding().require(url)
        with pytest.raises(ProviderFailed):
            Fetcher().require(url)

    @pytest.mark.parametrize("url", [url for url in INSIDE if "@" in url or "\\" in url or not url.startswith("https")])
    def test_no_door_takes_an_address_that_can_be_read_in_two_ways_for_a_vault(self, scene: Scene, url: str) -> None:
        """Of others, a plan may be made: the server asks none of them, as above."""
        new = {"name": "inside", "managed_identity": True, "vaults": [url], "groups": ["payments"]}
        assert scene.administrator("POST", "/azure-connections", new).status_code == 422
        planned = scene.user("POST", f"/keys/{scene.key}/deployments", {"vault": url, "name": "inside"})
        assert planned.status_code == 422


SPOKEN = b"quartz-pendulum-for-nobody-to-read"


class TestALogTellsASecret:
    def test_a_secret_does_not_print_itself(self) -> None:
        secret = Secret(SPOKEN)
        said = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", repr([secret]), repr({"a": secret})]
        said += ["{}".format(secret), str(ValueError(secret)), repr(ValueError(secret))]  # noqa: UP032  # as logging words it
        assert all("quartz" not in each for each in said)
        with pytest.raises(TypeError):
            pickle.dumps(secret)
        with pytest.raises(TypeError):
            json.dumps(secret)

    def test_no_request_leaves_one_behind_be_it_done_refused_or_broken(
        self, scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        word = SPOKEN.decode()
        configure_logs(Settings(home=tmp_path, log_level="debug"))
        scene.administrator("POST", "/users", {"name": "logged", "role": "auditor", "password": word})
        scene.door.client.post("/api/v1/sessions", json={"user_name": word, "password": word})
        scene.user("POST", f"/keys/{scene.key}/encrypt", {"plaintext": _unpadded(SPOKEN), "odd": word})
        scene.user("GET", f"/keys?search={word}&token={word}")
        scene.user("POST", f"/keys/{scene.key}/sign", {"message": _unpadded(SPOKEN)})
        Person(scene.door.client, "nobody", "", f"kf_{word}")("GET", "/keys")

        def broken(*_: object, **__: object) -> object:
            raise RuntimeError(f"broken over {word}")

        monkeypatch.setattr(scene.kit.custody.uses, "sign", broken)
        failed = scene.user("POST", f"/keys/{scene.key}/sign", {"message": _unpadded(SPOKEN)})
        assert failed.status_code == 500
        assert word not in failed.text
        said = "".join(capsys.readouterr())
        assert f"/keys/{scene.key}/sign" in said
        lines = [line for line in said.splitlines() if word in line and "broken over" not in line]
        assert lines == [], "but for the fault's own words, which are the fault's"
        for form in ("hex", "base64", "base64url"):
            assert forms(SPOKEN)[form].decode() not in said, form
        assert scene.user.token not in said
        structlog.reset_defaults()


class TestALibraryLeaksOrBreaks:
    def test_ciphertexts_that_are_broken_in_any_way_are_refused_in_one_way(self, scene: Scene) -> None:
        custody, kim = scene.kit.custody, scene.caller(scene.user)
        key = custody.keys.generate(
            kim, NewKey(algorithm="rsa-2048", group="payments", usages=("decrypt", "encrypt"))
        ).key
        good = custody.uses.encrypt(kim, key.id, Secret(b"text")).ciphertext
        refusals = set()
        for place in (len(good) - 1, len(good) - 128, len(good) - 256):
            bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
            with pytest.raises(KeyferryError) as refused:
                custody.uses.decrypt(kim, key.id, Ciphertext(data=bad))
            refusals.add((refused.value.code, refused.value.detail, refused.value.advice))
        assert len(refusals) == 1

    def test_many_at_once_break_nothing(self, scene: Scene) -> None:
        faults: list[object] = []

        def work(number: int) -> None:
            for _ in range(6):
                answer = scene.user("GET", f"/keys/{scene.key}")
                made = scene.user("POST", "/tokens", {"name": f"t{number}", "lifetime_seconds": 60})
                if (answer.status_code, made.status_code) != (200, 201):
                    faults.append((answer.text, made.text))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []


@pytest.fixture
def database_file(request: pytest.FixtureRequest) -> None:
    """SQLite; `tests/integrity` edits the rows of both databases."""


@pytest.fixture
def staged(make_kit: Callable[..., Kit]) -> Iterator[tuple[Kit, Behind, Caller, str]]:
    kit = make_kit()
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, group="payments").key.id
    behind = Behind(kit)
    yield kit, behind, kim, key
    behind.engine.dispose()


class TestARowOfRightsIsEdited:
    """Every column of every row: `tests/integrity/test_edited_rows.py`. Here, what would widen a right the most."""

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE users SET role = 'administrator' WHERE name = 'kim'",
            "UPDATE users SET networks = '[\"0.0.0.0/0\"]' WHERE name = 'kim'",
            "UPDATE users SET disabled = 0, token_epoch = 1, revision = 2 WHERE name = 'kim'",
            "UPDATE tokens SET expires_at = expires_at + 1000000000",
            "UPDATE server_policy SET networks = '[]'",
            "UPDATE server_policy SET second_factor_roles = '[\"auditor\"]'",
            "DELETE FROM server_policy",
            "UPDATE memberships SET group_id = (SELECT id FROM groups WHERE name = 'other')",
        ],
    )
    def test_nothing_is_done_by_it(self, staged: tuple[Kit, Behind, Caller, str], sql: str) -> None:
        kit, behind, kim, key = staged
        kit.group("other")
        behind.run(sql)
        for ask in (
            lambda: kit.custody.keys.show(kim, key),
            lambda: kit.custody.uses.encrypt(kim, key, Secret(b"text")),
        ):
            with pytest.raises(KeyferryError) as refused:
                ask()
            assert refused.value.code == "row-tampered"

    @pytest.mark.parametrize("column", ["operations", "key_ids", "group_ids", "networks"])
    def test_a_narrowed_token_is_not_widened_by_it(self, staged: tuple[Kit, Behind, Caller, str], column: str) -> None:
        kit, behind, kim, key = staged
        scope = TokenScope(operations=("key.read",), keys=(key,), groups=("payments",), networks=("127.0.0.0/8",))
        issued = kit.custody.tokens.create(kim, "narrow", HOUR, scope=scope)
        narrow = kit.installation.authenticator.authenticate(issued.text.reveal().decode(), ADDRESS)
        assert kit.custody.keys.show(narrow, key).key.id == key
        behind.run(f"UPDATE tokens SET {column} = NULL WHERE id = :id", id=issued.token.id)
        with pytest.raises(KeyferryError) as refused:
            kit.custody.keys.show(narrow, key)
        assert refused.value.code == "row-tampered"


class TestAWrongSecretIsTriedAgain:
    """A token of hardware erases itself after so many wrong PINs: no secret is tried twice by itself."""

    def test_a_roots_passphrase_is_tried_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "words"
        file.write_text("copper lantern ferry moss quartz")
        file.chmod(0o600)
        create_root("passphrase:root.json", tmp_path, PassphraseSource.of(file))
        tried: list[object] = []
        stretch = passphrase._stretch

        def counting(words: Secret, locked: object) -> bytes:
            tried.append(words)
            return stretch(words, locked)  # type: ignore[arg-type]  # as it was given

        monkeypatch.setattr(passphrase, "_stretch", counting)
        file.write_text("velvet harbour onion trumpet slate")
        with pytest.raises(CannotStart):
            open_root("passphrase:root.json", tmp_path, PassphraseSource.of(file))
        assert len(tried) == 1


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
