"""Settings: where they come from, what is refused, and that the documentation tells the truth."""

import contextlib
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.config import Listen, Settings, load_settings, read_database_url, resolve_home, write_settings
from keyferry.config.settings import TABLE
from keyferry.errors import CannotStart

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
DAY = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def put(home: Path, text: str, mode: int = 0o600) -> None:
    file = home / "keyferry.toml"
    file.write_text(text)
    file.chmod(mode)


def load(home: Path, **variables: str) -> Settings:
    return load_settings(home, environ=variables)


def refusal(home: Path, **variables: str) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        load(home, **variables)
    assert refused.value.advice
    return refused.value


class TestDefaults:
    def test_an_empty_home_gives_the_safe_defaults(self, home: Path) -> None:
        settings = load(home)
        assert settings == Settings(home=home)
        assert settings.listen == Listen("127.0.0.1", 8420)
        assert settings.allow_plain_http is False
        assert settings.root == "file:root.key"
        assert settings.destruction_pending == 7 * DAY
        assert settings.token_lifetime == 12 * 3600
        assert settings.max_body_bytes == 1024 * 1024
        assert (settings.default_page, settings.max_page) == (100, 500)
        assert (settings.max_concurrency, settings.hash_queue) == (64, 32)
        assert settings.kek_policy == "any"
        assert settings.database_file is None
        assert settings.sqlite_file == home / "keyferry.db"

    def test_every_setting_is_documented_with_its_default(self) -> None:
        rows = re.findall(r"^\| `([a-z0-9_]+)` \| (?:`([^`]*)` )?\| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
        assert {name: default for name, default, _ in rows} == {name: row.default for name, row in TABLE.items()}

    def test_the_table_holds_every_field_but_the_home(self) -> None:
        assert set(TABLE) == set(Settings.__dataclass_fields__) - {"home"}
        assert all(row.help.endswith(".") for row in TABLE.values())

    def test_the_documented_example_is_taken(self, home: Path) -> None:
        example = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert example is not None
        put(home, example[1])
        assert load(home).destruction_pending == 30 * DAY


class TestSources:
    def test_the_command_line_wins_over_the_environment_and_that_over_the_file(self, home: Path) -> None:
        put(home, 'log_level = "debug"\nlog_format = "json"\nkek_policy = "registered"\n')
        environ = {"KEYFERRY_LOG_LEVEL": "warning", "KEYFERRY_LOG_FORMAT": "console", "PATH": "/bin"}
        settings = load_settings(home, given={"log_level": "error"}, environ=environ)
        assert (settings.log_level, settings.log_format, settings.kek_policy) == ("error", "console", "registered")

    def test_paths_are_relative_to_the_home_and_on_the_command_line_to_the_working_directory(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "elsewhere").mkdir()
        monkeypatch.chdir(home / "elsewhere")
        assert load(home, KEYFERRY_DATABASE_FILE="db.url").database_file == home / "db.url"
        given = load_settings(home, given={"database_file": "db.url"}, environ={})
        assert given.database_file == home / "elsewhere" / "db.url"
        assert load(home, KEYFERRY_DATABASE_FILE="/etc/db.url").database_file == Path("/etc/db.url")

    def test_the_home_is_what_was_given_else_the_variable_else_the_users(self, tmp_path: Path) -> None:
        environ = {"KEYFERRY_HOME": str(tmp_path / "b")}
        assert resolve_home(tmp_path / "a", environ) == tmp_path / "a"
        assert resolve_home(None, environ) == tmp_path / "b"
        assert resolve_home(None, {}) == Path.home() / ".local/share/keyferry"

    def test_the_clients_variables_and_service_links_are_no_settings(self, home: Path) -> None:
        settings = load(
            home,
            KEYFERRY_HOME="/x",
            KEYFERRY_TOKEN_FILE="/y",
            KEYFERRY_PROFILE="z",
            KEYFERRY_SERVICE_HOST="10.0.0.1",
            KEYFERRY_SERVICE_PORT="8420",
            KEYFERRY_SERVICE_PORT_HTTPS="8420",
            KEYFERRY_PORT="tcp://10.0.0.1:8420",
            KEYFERRY_PORT_8420_TCP="tcp://10.0.0.1:8420",
            KEYFERRY_PORT_8420_TCP_ADDR="10.0.0.1",
        )
        assert settings == Settings(home=home)


class TestUnknownSettings:
    def test_a_misspelt_variable_is_refused_with_the_nearest_name(self, home: Path) -> None:
        refused = refusal(home, KEYFERRY_DESTRUCTION_PENDNG="30d")
        assert refused.code == "unknown-setting"
        assert "KEYFERRY_DESTRUCTION_PENDNG" in refused.detail
        assert "destruction_pending (KEYFERRY_DESTRUCTION_PENDING)" in refused.advice

    def test_a_misspelt_line_is_refused_with_the_nearest_name(self, home: Path) -> None:
        put(home, 'kek_polcy = "registered"\n')
        refused = refusal(home)
        assert (refused.code, refused.field) == ("unknown-setting", "kek_polcy")
        assert "kek_policy" in refused.advice

    def test_a_name_near_to_none_gets_the_list(self, home: Path) -> None:
        assert "max_concurrency" in refusal(home, KEYFERRY_QQQQ="1").advice

    def test_a_table_is_no_setting(self, home: Path) -> None:
        put(home, "[server]\nlisten = '127.0.0.1:1'\n")
        assert refusal(home).code == "unknown-setting"

    def test_lower_case_variables_are_not_taken_for_settings(self, home: Path) -> None:
        assert refusal(home, KEYFERRY_Listen="127.0.0.1:1").code == "unknown-setting"

    def test_the_home_cannot_move_itself(self, home: Path) -> None:
        put(home, 'home = "/elsewhere"\n')
        assert "--home" in refusal(home).advice

    def test_an_unknown_name_from_the_command_line_is_refused(self, home: Path) -> None:
        with pytest.raises(CannotStart) as refused:
            load_settings(home, given={"listn": "127.0.0.1:1"}, environ={})
        assert refused.value.code == "unknown-setting"


class TestValues:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("listen", "[::1]:0", Listen("::1", 0)),
            ("listen", "0.0.0.0:65535", Listen("0.0.0.0", 65_535)),
            ("listen", "Keys.Example.org:443", Listen("keys.example.org", 443)),
            ("destruction_pending", "0", 0),
            ("destruction_pending", "90", 90),
            ("destruction_pending", "45s", 45),
            ("destruction_pending", "30m", 1800),
            ("destruction_pending", "365d", 365 * DAY),
            ("max_body_bytes", "2048", 2048),
            ("max_body_bytes", "64MiB", 64 * 1024**2),
            ("allow_plain_http", "YES", True),
            ("allow_plain_http", "0", False),
            ("tls_names", "", ()),
            ("tls_names", "a.example, 192.0.2.1,2001:DB8::1,A.example", ("a.example", "192.0.2.1", "2001:db8::1")),
            ("kek_policy", "registered", "registered"),
            ("hash_queue", "0", 0),
            ("database_file", "", None),
            ("outgoing_proxy", "", ""),
            ("outgoing_proxy", "http://Proxy.Example.net:3128/", "http://proxy.example.net:3128"),
            ("outgoing_proxy", "http://[::1]:3128", "http://[::1]:3128"),
            ("outgoing_ca_file", "", None),
            ("azure_hosts", "", ()),
            (
                "azure_hosts",
                ".Vault.Example.net, login.example.net:8443",
                (".vault.example.net", "login.example.net:8443"),
            ),
        ],
    )
    def test_taken(self, home: Path, name: str, text: str, value: object) -> None:
        assert getattr(load(home, **{TABLE[name].variable: text}), name) == value

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("listen", "8420"),
            ("listen", ":8420"),
            ("listen", "127.0.0.1"),
            ("listen", "127.0.0.1:65536"),
            ("listen", "127.0.0.1:-1"),
            ("listen", "127.0.0.1:٣"),
            ("listen", "256.0.0.1:8420"),
            ("listen", "::1:8420"),
            ("listen", "[::1%lo]:8420"),
            ("listen", "a_b:8420"),
            ("destruction_pending", "-1"),
            ("destruction_pending", "366d"),
            ("destruction_pending", "1w"),
            ("destruction_pending", "1.5d"),
            ("destruction_pending", ""),
            ("token_lifetime", "59s"),
            ("max_body_bytes", "1MB"),
            ("max_body_bytes", "65MiB"),
            ("max_page", "0"),
            ("max_page", "five"),
            ("allow_plain_http", "maybe"),
            ("tls_names", "a.example,,b.example"),
            ("tls_names", "-a.example"),
            ("tls_names", "fe80::1%eth0"),
            ("kek_policy", "Any"),
            ("log_level", "trace"),
            ("root", ""),
            ("root", "file:\n"),
            ("database_file", "a\x00b"),
            ("outgoing_proxy", "proxy.example.net:3128"),
            ("outgoing_proxy", "https://proxy.example.net:3128"),
            ("outgoing_proxy", "http://user:swordfish@proxy.example.net:3128"),
            ("outgoing_proxy", "http://proxy.example.net"),
            ("azure_hosts", "https://vault.example.net"),
            ("azure_hosts", ".net"),
            ("azure_hosts", "*.example.net"),
            ("azure_hosts", "vault.example.net:0"),
            ("azure_hosts", "vault.example.net,"),
        ],
    )
    def test_refused_with_the_settings_name(self, home: Path, name: str, text: str) -> None:
        refused = refusal(home, **{TABLE[name].variable: text})
        assert (refused.code, refused.field) == ("setting-refused", name)
        assert TABLE[name].variable in refused.detail
        assert refused.advice.startswith("It must be ")

    @pytest.mark.parametrize("name", ["listen", "max_page", "kek_policy", "allow_plain_http", "outgoing_proxy"])
    def test_a_secret_put_in_the_wrong_setting_is_not_repeated(self, home: Path, name: str) -> None:
        refused = refusal(home, **{TABLE[name].variable: "swordfish!"})
        assert "swordfish" not in refused.detail + refused.advice

    def test_toml_types_are_taken_and_wrong_ones_refused(self, home: Path) -> None:
        put(home, 'max_page = 200\nallow_plain_http = true\ntls_names = ["a.example"]\ndestruction_pending = 60\n')
        settings = load(home)
        assert (settings.max_page, settings.allow_plain_http) == (200, True)
        assert (settings.tls_names, settings.destruction_pending) == (("a.example",), 60)
        for line in (
            "max_page = true",
            "max_page = 1.5",
            "destruction_pending = true",
            "allow_plain_http = 1",
            "tls_names = [1]",
            "tls_names = 7",
            "listen = 8420",
            "root = 1",
            "database_file = 1",
            "azure_hosts = [1]",
            "azure_hosts = 7",
        ):
            put(home, line)
            assert refusal(home).code == "setting-refused", line

    def test_plain_http_is_for_loopback_alone(self, home: Path) -> None:
        for host in ("127.0.0.1", "127.9.9.9", "[::1]", "localhost"):
            assert load(home, KEYFERRY_ALLOW_PLAIN_HTTP="true", KEYFERRY_LISTEN=f"{host}:1").allow_plain_http
        for host in ("0.0.0.0", "[::]", "192.0.2.1", "keys.example.org", "localhost.example.org"):
            refused = refusal(home, KEYFERRY_ALLOW_PLAIN_HTTP="true", KEYFERRY_LISTEN=f"{host}:1")
            assert (refused.code, refused.field) == ("setting-refused", "allow_plain_http")
            assert load(home, KEYFERRY_LISTEN=f"{host}:1").listen.is_loopback is False

    def test_a_page_is_no_longer_than_the_longest(self, home: Path) -> None:
        assert refusal(home, KEYFERRY_MAX_PAGE="50").field == "default_page"
        assert load(home, KEYFERRY_MAX_PAGE="50", KEYFERRY_DEFAULT_PAGE="50").max_page == 50

    def test_an_address_to_listen_on_is_written_as_it_is_read(self) -> None:
        assert [str(Listen("::1", 1)), str(Listen("127.0.0.1", 2))] == ["[::1]:1", "127.0.0.1:2"]

    @pytest.mark.parametrize("name", TABLE)
    @given(text=st.text(max_size=40))
    def test_any_text_is_taken_or_refused(self, name: str, text: str) -> None:
        with contextlib.suppress(ValueError):
            assert TABLE[name].read(text) == TABLE[name].read(text)


class TestTheFile:
    def test_a_file_that_others_can_change_is_refused(self, home: Path) -> None:
        put(home, "", mode=0o644)
        assert load(home) == Settings(home=home)
        put(home, "", mode=0o666)
        assert f"chmod 600 {home / 'keyferry.toml'}" in refusal(home).advice

    def test_broken_toml_is_named_with_its_place_and_without_its_text(self, home: Path) -> None:
        put(home, 'log_level = "info"\nroot = hunter2-hunter2\n')
        refused = refusal(home)
        assert refused.code == "setting-refused"
        assert "line 2" in refused.detail
        assert "hunter2" not in refused.detail + refused.advice

    def test_a_file_that_is_not_utf8_is_refused(self, home: Path) -> None:
        put(home, "")
        (home / "keyferry.toml").write_bytes(b"\xff\xfe")
        assert "UTF-8" in refusal(home).detail

    def test_a_link_that_leads_nowhere_is_not_an_absent_file(self, home: Path) -> None:
        (home / "keyferry.toml").symlink_to(home / "nowhere")
        assert "symbolic link" in refusal(home).detail


class TestWriting:
    def test_what_is_written_is_read_back(self, home: Path) -> None:
        values = {
            "root": 'passphrase:a "quoted\\path".json',
            "listen": Listen("::1", 8420),
            "tls_names": ("a.example", "192.0.2.1"),
            "allow_plain_http": True,
            "max_page": 200,
            "destruction_pending": "3d",
            "database_file": Path("/etc/keyferry/döner.url"),
        }
        write_settings(home, **values)
        assert load(home) == Settings(home=home, **{**values, "destruction_pending": 3 * DAY})  # type: ignore[arg-type]  # typed by the table
        assert (home / "keyferry.toml").stat().st_mode & 0o777 == 0o600

    def test_nothing_to_write_still_makes_the_file(self, home: Path) -> None:
        write_settings(home)
        assert (home / "keyferry.toml").read_bytes() == b""

    def test_what_stands_in_the_file_stays_with_its_comments(self, home: Path) -> None:
        put(home, '# ours\nlog_level = "debug"')
        write_settings(home, log_level="debug", kek_policy="registered")
        text = (home / "keyferry.toml").read_text()
        assert text == '# ours\nlog_level = "debug"\nkek_policy = "registered"\n'
        assert tomllib.loads(text) == {"log_level": "debug", "kek_policy": "registered"}

    def test_writing_the_same_again_changes_nothing(self, home: Path) -> None:
        write_settings(home, listen="127.0.0.1:1", destruction_pending="1d")
        before = (home / "keyferry.toml").stat()
        write_settings(home, listen=Listen("127.0.0.1", 1), destruction_pending=DAY)
        assert (home / "keyferry.toml").stat().st_ino == before.st_ino

    def test_another_value_for_what_stands_is_refused(self, home: Path) -> None:
        put(home, 'root = "file:mine.key"\n')
        with pytest.raises(CannotStart) as refused:
            write_settings(home, root="file:root.key")
        assert refused.value.field == "root"
        assert (home / "keyferry.toml").read_text() == 'root = "file:mine.key"\n'

    @pytest.mark.parametrize("bad", [{"listn": "x"}, {"listen": "x"}, {"root": 'file:a"\nlog_level = "debug'}])
    def test_what_would_not_be_read_is_not_written(self, home: Path, bad: dict[str, object]) -> None:
        with pytest.raises(CannotStart):
            write_settings(home, **bad)
        assert not (home / "keyferry.toml").exists()


class TestDatabaseUrl:
    def settings(self, home: Path, content: bytes, mode: int = 0o600) -> Settings:
        file = home / "db.url"
        file.write_bytes(content)
        file.chmod(mode)
        return load(home, KEYFERRY_DATABASE_FILE="db.url")

    def test_without_a_file_the_store_is_sqlite(self, home: Path) -> None:
        assert read_database_url(load(home)) is None

    def test_the_url_is_a_secret(self, home: Path) -> None:
        url = read_database_url(self.settings(home, b"postgresql://keys:swordfish@db.example/keys\n"))
        assert url is not None
        assert url.reveal() == b"postgresql://keys:swordfish@db.example/keys"
        assert "swordfish" not in repr(url)

    def test_a_file_that_others_can_read_is_refused(self, home: Path) -> None:
        settings = self.settings(home, b"postgresql://db/keys", mode=0o640)
        with pytest.raises(CannotStart, match="Others can read") as refused:
            read_database_url(settings)
        assert refused.value.field == "database_file"

    @pytest.mark.parametrize("content", [b"", b"mysql://swordfish", b"postgresql://a\npostgresql://swordfish"])
    def test_another_content_is_refused_without_being_shown(self, home: Path, content: bytes) -> None:
        with pytest.raises(CannotStart) as refused:
            read_database_url(self.settings(home, content))
        assert "swordfish" not in refused.value.detail + refused.value.advice
