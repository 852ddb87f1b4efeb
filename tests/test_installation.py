"""An installation: made once, on both databases, with either root of trust; opened by every start."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PostgreSql

from keyferry import installation
from keyferry.config.sources import load_settings
from keyferry.errors import CannotStart, InvalidInput, KeyferryError
from keyferry.installation import Initialised, initialise, open_installation, upgrade_store
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, CHEAP, PASSWORD, Kit

PASSPHRASE = "seven ferries over the strait 9"


def init(
    home: Path,
    *,
    database_file: Path | None = None,
    root: str | None = None,
    admin: str = ADMINISTRATOR,
    password: str = PASSWORD,
) -> Initialised:
    secret = Secret(password.encode())
    return initialise(home, admin=admin, password=secret, root=root, database_file=database_file, cost=CHEAP)


def start(home: Path) -> None:
    """What every start does, and an end."""
    open_installation(load_settings(home, environ={}), cost=CHEAP).close()


def refusal(code: str, ask: Callable[[], object]) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        ask()
    assert caught.value.code == code, repr(caught.value)
    assert caught.value.advice
    return caught.value


def with_passphrase(home: Path, passphrase: str = PASSPHRASE) -> None:
    """Settings that name a passphrase root and the file that its passphrase is in."""
    home.mkdir(mode=0o700)
    write_private(home / "keyferry.toml", 'root = "passphrase:root.json"\nroot_passphrase_file = "passphrase"\n')
    (home.parent / "passphrase").unlink(missing_ok=True)
    write_private(home.parent / "passphrase", passphrase)
    text = (home / "keyferry.toml").read_text().replace('"passphrase"', f'"{home.parent / "passphrase"}"')
    (home / "keyferry.toml").write_text(text)


def write_private(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


class TestInitialising:
    def test_it_can_be_opened_and_signed_in_to(self, tmp_path: Path, database_file: Path | None) -> None:
        made = init(tmp_path / "home", database_file=database_file)
        assert made.administrator == ADMINISTRATOR
        assert made.database == ("SQLite" if database_file is None else "PostgreSQL")
        kit = Kit.open(tmp_path / "home")
        try:
            assert kit.installation.root_fingerprint == made.root_fingerprint
            assert kit.installation.sealer.store_id == made.store_id
            (first,) = kit.custody.users.list(kit.administrator, size=5).items
            assert (first.user.name, first.user.role) == (ADMINISTRATOR, "administrator")
            (event,) = (
                event
                for event in kit.custody.audit.list(kit.administrator, size=5).items
                if event.operation == "user.create"
            )
            assert event.actor_name == "keyferry init"
        finally:
            kit.close()

    def test_all_that_it_writes_is_its_owners_alone(self, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            (tmp_path / "open").mkdir(mode=0o755)
            for home in (tmp_path / "home", tmp_path / "open"):
                init(home)
                kit = Kit.open(home)
                kit.key(kit.user("kim"))
                modes = {
                    str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))
                }
                kit.close()
                public = {"tls/ca.pem", "tls/server.pem"}
                loose = {name for name, mode in modes.items() if mode & 0o077} - public - {"."}
                assert not loose, modes  # the two lie in a folder that is closed
                assert modes["tls"] == 0o700
        finally:
            os.umask(old)

    def test_a_home_that_is_in_use_is_left_alone(self, tmp_path: Path, database_file: Path | None) -> None:
        home = tmp_path / "home"
        init(home, database_file=database_file)
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        error = refusal("already-initialised", lambda: init(home, database_file=database_file))
        assert "another home" in error.advice
        assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before

    def test_a_home_that_holds_anything_is_left_alone(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / "letters.txt").write_text("Dear")
        refusal("already-initialised", lambda: init(home))
        assert [path.name for path in home.iterdir()] == ["letters.txt"]

    def test_a_database_that_is_in_use_is_left_alone(self, tmp_path: Path, postgresql: PostgreSql) -> None:
        file = tmp_path / "database-url"
        write_private(file, postgresql.migrated())
        init(tmp_path / "home", database_file=file)
        error = refusal("already-initialised", lambda: init(tmp_path / "second", database_file=file))
        assert "empty database" in error.advice
        assert not list((tmp_path / "second").glob("*")), "no second root key lies about"
        start(tmp_path / "home")

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"admin": "first admin"}, "name-refused"),
            ({"password": "short"}, "password-refused"),
            ({"root": "cloud:key"}, "setting-refused"),
            ({"root": "passphrase:root.json"}, "root-unavailable"),
        ],
    )
    def test_what_is_refused_leaves_nothing_behind(
        self, tmp_path: Path, database_file: Path | None, given: dict[str, Any], code: str
    ) -> None:
        home = tmp_path / "home"
        refusal(code, lambda: init(home, database_file=database_file, **given))
        assert not home.exists()
        assert init(home, database_file=database_file).home == home

    def test_an_unreadable_database_file_leaves_nothing_behind(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        refusal("setting-refused", lambda: init(home, database_file=tmp_path / "nowhere"))
        assert not home.exists()

    def test_a_database_that_does_not_answer_leaves_nothing_behind(self, tmp_path: Path) -> None:
        home, file = tmp_path / "home", tmp_path / "database-url"
        write_private(file, f"postgresql://postgres:harbour-secret@/keyferry?host={tmp_path}")
        error = refusal("cannot-start", lambda: init(home, database_file=file))
        assert "harbour-secret" not in error.detail
        assert not home.exists()

    def test_settings_that_were_there_before_stay_after_a_failure(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        with_passphrase(home, "short")
        before = (home / "keyferry.toml").read_text()
        with pytest.raises(InvalidInput):
            init(home)
        assert [path.name for path in home.iterdir()] == ["keyferry.toml"]
        assert (home / "keyferry.toml").read_text() == before

    @pytest.mark.parametrize(
        "step", ["upgrade", "create_root", "found_store", "add_first_administrator", "prepare_certificates"]
    )
    def test_a_fault_in_any_step_leaves_an_sqlite_home_as_if_it_had_not_begun(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        home = tmp_path / "home"
        done = getattr(installation, step)

        def then_fail(*given: object, **named: object) -> None:
            done(*given, **named)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(installation, step, then_fail)
        with pytest.raises(OSError, match="No space"):
            init(home)
        assert not home.exists()
        monkeypatch.setattr(installation, step, done)
        init(home)
        start(home)

    @pytest.mark.parametrize("step", ["create_root", "prepare_certificates"])
    def test_a_fault_on_postgresql_keeps_the_root_of_a_store_that_was_founded(
        self, tmp_path: Path, postgresql: PostgreSql, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        home, file = tmp_path / "home", tmp_path / "database-url"
        write_private(file, postgresql.migrated())
        done = getattr(installation, step)

        def then_fail(*given: object, **named: object) -> None:
            done(*given, **named)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(installation, step, then_fail)
        with pytest.raises(OSError, match="No space"):
            init(home, database_file=file)
        monkeypatch.setattr(installation, step, done)
        if step == "create_root":
            init(home, database_file=file)
            start(home)
            return
        assert (home / "root.key").exists()
        error = refusal("already-initialised", lambda: init(home, database_file=file))
        assert "remove what it left" in error.advice

    def test_progress_is_told_step_by_step(self, tmp_path: Path) -> None:
        told: list[str] = []
        initialise(
            tmp_path / "home",
            admin=ADMINISTRATOR,
            password=Secret(PASSWORD.encode()),
            progress=told.append,
            cost=CHEAP,
        )
        assert told == [
            "making the tables",
            "making the root of trust",
            "making the first Administrator",
            "making the server's certificate",
        ]


class TestStarting:
    def test_where_there_is_nothing(self, tmp_path: Path) -> None:
        error = refusal("not-initialised", lambda: start(tmp_path / "nowhere"))
        assert "keyferry init" in error.advice
        assert not (tmp_path / "nowhere").exists()

    def test_on_a_database_that_was_never_initialised(self, tmp_path: Path, postgresql: PostgreSql) -> None:
        write_private(tmp_path / "database-url", postgresql.migrated())
        home = tmp_path / "home"
        init(home)
        write_private(home / "keyferry.toml", f'database_file = "{tmp_path / "database-url"}"\n')
        refusal("not-initialised", lambda: start(home))

    def test_with_a_root_key_that_others_can_read(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        init(home)
        for mode in (0o640, 0o604, 0o644):
            (home / "root.key").chmod(mode)
            error = refusal("root-unavailable", lambda: start(home))
            assert "chmod 600" in error.advice
        (home / "root.key").chmod(0o600)
        start(home)

    def test_without_its_root_key(self, tmp_path: Path, database_file: Path | None) -> None:
        home = tmp_path / "home"
        init(home, database_file=database_file)
        (home / "root.key").unlink()
        refusal("root-unavailable", lambda: start(home))

    def test_with_the_root_key_of_another_installation(self, tmp_path: Path, database_file: Path | None) -> None:
        home, other = tmp_path / "home", tmp_path / "other"
        init(home, database_file=database_file)
        init(other)
        write_private(home / "root.key", (other / "root.key").read_text())
        with pytest.raises(CannotStart) as caught:
            start(home)
        assert "root" in caught.value.detail
        assert caught.value.advice

    def test_with_a_database_that_a_later_release_has_changed(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        init(home)
        kit = Kit.open(home)
        with kit.installation.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        kit.close()
        refusal("schema-version", lambda: start(home))

    def test_upgrading_what_is_new_changes_nothing(self, tmp_path: Path, database_file: Path | None) -> None:
        home = tmp_path / "home"
        init(home, database_file=database_file)
        settings = load_settings(home, environ={})
        assert upgrade_store(settings) == upgrade_store(settings)
        start(home)


class TestAPassphrase:
    def test_end_to_end(self, tmp_path: Path, database_file: Path | None) -> None:
        home = tmp_path / "home"
        with_passphrase(home)
        made = init(home, database_file=database_file)
        assert made.root == "passphrase:root.json"
        assert not (home / "root.key").exists()
        assert stat.S_IMODE((home / "root.json").stat().st_mode) == 0o600
        kit = Kit.open(home)
        key = kit.key(kit.user("kim"), "ec-p256").key.id
        kit.close()
        again = Kit.open(home)
        assert again.custody.keys.show(again.sign_in("kim"), key).key.id == key
        again.close()

    def test_a_wrong_one(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        with_passphrase(home)
        init(home)
        write_private(tmp_path / "passphrase", PASSPHRASE + "?")
        error = refusal("root-unavailable", lambda: start(home))
        assert PASSPHRASE not in str(error.detail)
        write_private(tmp_path / "passphrase", PASSPHRASE)
        start(home)

    def test_none_at_all_where_nobody_sits(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        with_passphrase(home)
        init(home)
        (tmp_path / "passphrase").unlink()
        refusal("root-unavailable", lambda: start(home))


def test_where_the_home_is_copied_without_its_root_the_tls_keys_do_not_open(tmp_path: Path) -> None:
    init(tmp_path / "home")
    kit = Kit.open(tmp_path / "home")
    password = kit.installation.tls.password.reveal()
    kit.close()
    assert len(password) == 64
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert password not in path.read_bytes(), path
