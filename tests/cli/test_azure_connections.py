"""Pushes by the server, through connections: who may, into which vaults, and that secrets go one way."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import RunningServer, Shell
from tests.cli.test_azure_push import only_deployment
from tests.cli.vaults import Vault

from keyferry.emulator.faults import Kind
from keyferry.emulator.server import Running
from keyferry.rehearsal.local_server import serving


@pytest.fixture(scope="module")
def pushing(emulator: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose requests to Azure leave through the emulator's proxy, as its settings say."""
    directory = tmp_path_factory.mktemp("pushing")
    home = directory / "home"
    setting_up = Shell(directory)
    password = setting_up.secret("password")
    setting_up("init", "--home", home, "--admin", "first-admin", "--password-file", password)
    settings = home / "keyferry.toml"
    settings.write_text(
        settings.read_text() + f'outgoing_proxy = "{emulator.proxy_url}"\noutgoing_ca_file = "{emulator.ca_file}"\n'
    )
    with serving(home, directory / "log") as url:
        yield RunningServer(home, url)


@pytest.fixture(scope="module")
def people(pushing: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The groups `payments` and `cards`, with one user each."""
    admin = Shell(tmp_path_factory.mktemp("people"))
    admin.sign_in(pushing, "first-admin")
    for user, group in (("pia", "payments"), ("carl", "cards")):
        admin("group", "create", group)
        admin(
            *("user", "create", user, "--role", "key-access-user", "--group", group, "--default-group", group),
            *("--password-file", admin.secret(f"{user}.new")),
        )


@pytest.fixture
def admin(shell: Shell, pushing: RunningServer, people: None) -> Shell:
    shell.sign_in(pushing, "first-admin")
    return shell


@pytest.fixture
def pia(admin: Shell, pushing: RunningServer, tmp_path: Path) -> Shell:
    """Of the group `payments`; signed in to Keyferry, and to no Azure."""
    (tmp_path / "pia").mkdir()
    found = Shell(tmp_path / "pia")
    found.sign_in(pushing, "pia")
    return found


@pytest.fixture
def key(pia: Shell, name: str) -> Any:
    return pia("key", "create", "--type", "rsa-2048", "--name", name, "--json").json


@pytest.fixture
def connection(admin: Shell, emulator: Running, vault: Vault) -> str:
    """A connection to the vault, granted to `payments`; its name."""
    found = f"production-{secrets.token_hex(4)}"
    make(admin, emulator, found, "--vault", vault.url, "--group", "payments")
    return found


def make(admin: Shell, emulator: Running, name: str, *more: object, code: int = 0) -> Any:
    return admin(
        *("azure", "connection", "create", name, "--tenant", emulator.tenant_id, "--client", emulator.client_id),
        *("--client-secret-file", emulator.client_secret_file),
        *more,
        code=code,
    )


def push(shell: Shell, name: str, vault: Vault, connection: str, *more: object, code: int = 0) -> Any:
    return shell("azure", "push", name, "--vault", vault.name, "--connection", connection, *more, code=code)


class TestConnections:
    def test_a_connection_from_making_it_to_its_end(
        self, admin: Shell, pia: Shell, emulator: Running, vault: Vault, name: str
    ) -> None:
        said = make(admin, emulator, name, "--description", "of the payments team")
        assert said.out.startswith(f"Connection {name} was made.\n")
        assert "No group may use it yet" in said.err
        assert "It reaches no vault yet" in said.err
        assert name not in pia("azure", "connection", "list").out
        words = ("azure", "connection", "edit", name)
        changed = admin(*words, "--vault", vault.url, "--group", "payments", "--group", "cards", "--json").json
        assert (changed["vaults"], changed["groups"]) == ([vault.url], ["cards", "payments"])
        assert name in pia("azure", "connection", "list").out
        assert (
            admin(*words, "--no-groups", "--disable", "--description", "", "--json").json
            | {
                "groups": [],
                "disabled": True,
                "description": None,
            }
            == admin("azure", "connection", "show", name, "--json").json
        )
        assert admin(*words, "--enable", "--json").json["disabled"] is False
        secret = emulator.client_secret_file.read_text().strip()
        for told in (admin("azure", "connection", "show", name), admin("azure", "connection", "list", "--json")):
            assert secret not in told.out + told.err
        assert admin("azure", "connection", "delete", name).out == f"Connection {name} was deleted.\n"
        assert "not-found" in admin("azure", "connection", "show", name, code=1).refusal[0]

    def test_a_secret_from_standard_input_and_a_certificate_from_a_file(
        self, admin: Shell, pia: Shell, emulator: Running, vault: Vault, key: Any, name: str
    ) -> None:
        who = ("--tenant", emulator.tenant_id, "--client", emulator.client_id)
        secret = emulator.client_secret_file.read_text()
        made = admin(
            *("azure", "connection", "create", f"{name}-a", *who, "--client-secret-file", "-", "--json"), stdin=secret
        )
        assert made.json["credential"] == "client-secret"
        certificate = ("--client-certificate-file", emulator.client_certificate_file)
        reach = ("--vault", vault.url, "--group", "payments")
        made = admin("azure", "connection", "create", f"{name}-b", *who, *certificate, *reach, "--json").json
        assert made["credential"] == "client-certificate"
        assert len(made["certificate_sha256"]) == 64
        assert push(pia, name, vault, f"{name}-b", "--json").json["step"] == "proved"
        edited = admin("azure", "connection", "edit", f"{name}-a", *certificate, "--json").json
        assert edited["credential"] == "client-certificate"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "No credential was given"),
            (("--client-secret-file", "x", "--managed-identity"), "Several credentials were given"),
        ],
    )
    def test_one_credential_has_to_be_given(self, admin: Shell, arguments: tuple[str, ...], said: str) -> None:
        assert said in admin("azure", "connection", "create", "c", *arguments, code=2).refusal[0]

    @pytest.mark.parametrize("given", [("--vault", "https://v", "--no-vaults"), ("--group", "g", "--no-groups")])
    def test_what_excludes_each_other(self, admin: Shell, given: tuple[str, ...]) -> None:
        assert "exclude each other" in admin("azure", "connection", "edit", "c", *given, code=2).refusal[0]

    def test_a_secret_that_others_can_read_is_refused(self, admin: Shell, tmp_path: Path) -> None:
        file = tmp_path / "open"
        file.write_text("a-secret")
        file.chmod(0o644)
        for option in ("--client-secret-file", "--client-certificate-file"):
            what, _ = admin("azure", "connection", "create", "c", option, file, code=1).refusal
            assert what.startswith("error (file-refused)")
            assert "a-secret" not in what

    @pytest.mark.parametrize(
        ("given", "place"),
        [
            (("--tenant", "contoso"), "--tenant"),
            (("--client", "contoso"), "--client"),
            (("--vault", "https://kv.vault.azure.net.evil.example"), "--vault"),
            (("--vault", "https://evil.example@kv1.vault.azure.net"), "--vault"),
            (("--vault", "http://kv1.vault.azure.net"), "--vault"),
            (("--group", "none-such"), "--group"),
        ],
    )
    def test_what_will_not_do_is_named_by_its_option(
        self, admin: Shell, emulator: Running, name: str, given: tuple[str, str], place: str
    ) -> None:
        what, advice = make(admin, emulator, name, *given, code=1).refusal
        assert f" in {place}: " in what
        assert advice
        assert name not in admin("azure", "connection", "list", "--json").out

    def test_only_administrators_make_them(self, pia: Shell, emulator: Running, name: str) -> None:
        assert "not-permitted" in make(pia, emulator, name, code=1).refusal[0]


class TestPushes:
    def test_the_server_pushes_and_records_what_it_saw(
        self, pia: Shell, vault: Vault, connection: str, key: Any, name: str
    ) -> None:
        said = push(pia, name, vault, connection, "--for-customer-key")
        assert said.out.startswith(f"The key is in the vault: {name} at {vault.url}.\n")
        done = only_deployment(pia, name)
        assert (done["step"], done["connection"], done["busy_until"]) == ("proved", connection, None)
        assert {each["reported_by"] for each in done["evidence"].values()} == {"server"}
        assert set(vault.show(done["remote_identifier"]).key_operations) == {"wrapKey", "unwrapKey"}
        assert push(pia, name, vault, connection, "--json").json["id"] == done["id"]
        assert len(vault.versions(name)) == 1

    def test_the_server_looks_and_backs_up(
        self, pia: Shell, vault: Vault, connection: str, key: Any, name: str, tmp_path: Path
    ) -> None:
        done = push(pia, name, vault, connection, "--json").json
        assert pia("azure", "status", name, "--connection", connection).out.splitlines()[1].endswith("none")
        vault.change(done["remote_identifier"], enabled=False)
        (item,) = pia("azure", "status", name, "--json", code=1).json["items"]
        assert [each["difference"] for each in item["observed"]["drift"]] == ["disabled"]
        assert item["observed"]["reported_by"] == "server"
        pia("azure", "backup", name, "--output", tmp_path / "b")
        record = only_deployment(pia, name)["backup"]
        assert (record["reported_by"], record["bytes"]) == ("server", len((tmp_path / "b").read_bytes()))
        vault.client.begin_delete_key(name).wait()
        assert "vault-key-differs" in pia("azure", "backup", name, "--output", tmp_path / "c", code=1).refusal[0]

    def test_nothing_is_seen_or_backed_up_before_it_is_there(
        self, pia: Shell, vault: Vault, connection: str, key: Any, name: str, tmp_path: Path
    ) -> None:
        vault.another_version(name)
        push(pia, name, vault, connection, code=1)
        id_ = only_deployment(pia, name)["id"]
        assert "deployment-not-imported" in pia("azure", "backup", id_, "--output", tmp_path / "b", code=1).refusal[0]

    @pytest.mark.parametrize(
        ("kind", "operation", "code"),
        [
            (Kind.FORBIDDEN, "import", "azure-forbidden"),
            (Kind.KEK_DISABLED, "import", "kek-disabled"),
            (Kind.SOFT_DELETED, "import", "azure-name-deleted"),
            (Kind.THROTTLE, "import", "azure-throttled"),
            (Kind.UNAVAILABLE, "import", "azure-unavailable"),
        ],
    )
    def test_what_stops_a_push_is_on_record_and_the_next_goes_on(
        self, pia: Shell, vault: Vault, connection: str, key: Any, name: str, kind: Kind, operation: str, code: str
    ) -> None:
        with vault.fault(kind, operation, retry_after=600 if kind is Kind.THROTTLE else None):
            what, advice = push(pia, name, vault, connection, code=1).refusal
        assert what.startswith(f"error ({code})")
        assert advice
        stopped = only_deployment(pia, name)
        assert (stopped["problem"]["code"], stopped["problem"]["step"]) == (code, "imported")
        assert stopped["busy_until"] is None
        done = pia("azure", "push", "--resume", stopped["id"], "--json").json
        assert (done["step"], done["problem"]) == ("proved", None)
        assert len(vault.versions(name)) == 1

    def test_a_lost_answer_is_looked_for(self, pia: Shell, vault: Vault, connection: str, key: Any, name: str) -> None:
        with vault.fault(Kind.DROP_AFTER_COMMIT, "import"):
            assert push(pia, name, vault, connection, "--json").json["step"] == "proved"
        assert len(vault.versions(name)) == 1

    def test_wishes_reach_the_server(self, pia: Shell, vault: Vault, connection: str, key: Any, name: str) -> None:
        vault.another_version(name)
        kek = ("--kek-name", f"kek-of-{name}", "--kek-bits", "2048")
        assert "azure-name-taken" in push(pia, name, vault, connection, *kek, code=1).refusal[0]
        done = push(pia, name, vault, connection, *kek, "--new-version", "--public-key-proof", "--json").json
        assert done["evidence"]["kek-ready"]["bits"] == 2048
        assert f"/keys/kek-of-{name}/" in done["kek_identifier"]
        assert done["evidence"]["proved"]["how"] == "public key only"


class TestWhoMay:
    def test_only_members_of_a_granted_group(
        self, admin: Shell, pushing: RunningServer, vault: Vault, connection: str, name: str
    ) -> None:
        (admin.directory / "carl").mkdir()
        carl = Shell(admin.directory / "carl")
        carl.sign_in(pushing, "carl")
        carl("key", "create", "--type", "rsa-2048", "--name", name)
        what, advice = push(carl, name, vault, connection, code=1).refusal
        assert "There is no connection" in what
        assert "Administrator" in advice

    def test_a_membership_that_ended_ends_the_push(
        self, admin: Shell, pia: Shell, vault: Vault, connection: str, key: Any, name: str
    ) -> None:
        with vault.fault(Kind.FORBIDDEN, "import"):
            push(pia, name, vault, connection, code=1)
        admin("azure", "connection", "edit", connection, "--group", "cards")
        id_ = only_deployment(pia, name)["id"]
        assert "There is no connection" in pia("azure", "push", "--resume", id_, code=1).refusal[0]
        assert vault.versions(name) == []

    def test_only_the_vaults_of_the_connection(
        self, admin: Shell, pia: Shell, emulator: Running, vault: Vault, key: Any, name: str
    ) -> None:
        elsewhere = f"https://{emulator.vaults[1].name.lower()}.vault.azure.net"
        make(admin, emulator, name, "--vault", elsewhere, "--group", "payments")
        what, _ = push(pia, name, vault, name, code=1).refusal
        assert what.startswith("error (vault-not-allowed) in --vault: ")

    def test_no_push_through_one_that_is_disabled(
        self, admin: Shell, pia: Shell, vault: Vault, connection: str, key: Any, name: str
    ) -> None:
        done = push(pia, name, vault, connection, "--json").json
        admin("azure", "connection", "edit", connection, "--disable")
        (item,) = pia("azure", "status", name, "--json", code=1).json["items"]
        assert (item["id"], item["unseen"]["code"]) == (done["id"], "connection-disabled")
        what, _ = push(pia, name, vault, connection, "--name", f"{name}-b", code=1).refusal
        assert what.startswith("error (connection-disabled)")

    def test_what_a_connection_brought_is_seen_after_it_with_a_sign_in_of_ones_own(
        self,
        admin: Shell,
        pia: Shell,
        vault: Vault,
        azure_environment: dict[str, str],
        connection: str,
        key: Any,
        name: str,
        tmp_path: Path,
    ) -> None:
        push(pia, name, vault, connection)
        admin("azure", "connection", "delete", connection)
        (item,) = pia("azure", "status", name, "--json", code=1).json["items"]
        assert f"'{connection}' was deleted" in item["unseen"]["detail"]
        assert "--own-sign-in" in item["unseen"]["advice"]
        what, advice = pia("azure", "backup", name, "--output", tmp_path / "b", code=1).refusal
        assert f"'{connection}' was deleted" in what
        assert "--own-sign-in" in advice
        pia.env.update(azure_environment)
        (item,) = pia("azure", "status", name, "--own-sign-in", "--json").json["items"]
        assert item["observed"]["reported_by"] == "client"
        pia("azure", "backup", name, "--own-sign-in", "--output", tmp_path / "b")
        assert only_deployment(pia, name)["backup"]["bytes"] == len((tmp_path / "b").read_bytes())

    def test_a_secret_that_azure_does_not_know_is_told_without_it(
        self, admin: Shell, pia: Shell, emulator: Running, vault: Vault, key: Any, name: str
    ) -> None:
        wrong = admin.secret("wrong", "some-secret-of-yesterday")
        who = ("--tenant", emulator.tenant_id, "--client", emulator.client_id)
        reach = ("--vault", vault.url, "--group", "payments")
        admin("azure", "connection", "create", name, *who, "--client-secret-file", wrong, *reach)
        said = push(pia, name, vault, name, code=1)
        assert said.refusal[0].startswith("error (azure-sign-in-failed)")
        assert "yesterday" not in said.err
        assert only_deployment(pia, name)["problem"]["code"] == "azure-sign-in-failed"
        admin("azure", "connection", "edit", name, "--client-secret-file", emulator.client_secret_file)
        assert push(pia, name, vault, name, "--json").json["step"] == "proved"

    def test_a_client_does_not_push_what_is_the_servers(
        self, pia: Shell, vault: Vault, connection: str, key: Any, name: str
    ) -> None:
        with vault.fault(Kind.FORBIDDEN, "import"):
            push(pia, name, vault, connection, code=1)
        what, advice = pia("azure", "push", name, "--vault", vault.name, code=1).refusal
        assert what.startswith("error (deployment-exists) in --connection: ")
        assert "--resume" in advice
