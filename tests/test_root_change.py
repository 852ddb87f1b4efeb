"""Another root of trust, another passphrase, a copy of the root key; cut off anywhere, the installation still opens."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keyferry.config.sources import load_settings
from keyferry.errors import KeyferryError
from keyferry.installation import initialise, open_installation
from keyferry.material.secret import Secret
from keyferry.root_change import change_passphrase, change_root, export
from keyferry.roots.copies import open_copy
from keyferry.roots.opening import NO_PASSPHRASE
from keyferry.roots.passphrase_source import PassphraseSource
from keyferry.roots.pending import FILE
from keyferry.testing import ADMINISTRATOR, CHEAP, PASSWORD, Kek, Kit

PASSPHRASE = "seven ferries over the strait 9"
OTHER = "nine gulls above a quiet pier 4"

CUT_OFF = """
import os, signal, sys
from pathlib import Path
from keyferry.config.sources import load_settings
from keyferry.installation import open_installation
from keyferry.root_change import change_root
home, step = Path(sys.argv[1]), int(sys.argv[2])
installation = open_installation(load_settings(home, environ={}))
change_root(installation, reached=lambda reached: reached == step and os.kill(os.getpid(), signal.SIGKILL))
"""


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def source(file: Path) -> PassphraseSource:
    return PassphraseSource.for_option(file, of_what="the copy", field="passphrase_file")


def refusal(code: str, ask: Callable[[], object]) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        ask()
    assert caught.value.code == code, repr(caught.value)
    assert caught.value.advice
    return caught.value


def operations(kit: Kit) -> list[str]:
    return [event.operation for event in kit.custody.audit.list(kit.administrator, size=100).items]


class TestChangingTheRoot:
    def test_keys_are_exported_under_the_new_root_and_their_rows_are_as_they_were(self, kit: Kit, kek: Kek) -> None:
        kim = kit.user("kim")
        kit.key(kim, "rsa-2048", "tenant")
        home, before = kit.installation.settings.home, rows_of_versions(kit)
        changed = change_root(kit.installation)
        assert changed.uri == "file:root-2.key"
        assert changed.was == kit.installation.root_fingerprint != changed.now
        assert changed.old_file == home / f"root.key.retired-{changed.was}"
        assert not (home / FILE).exists()
        kit.export(kim, "tenant", kek)  # what is open goes on
        opened = Kit.open(home)
        try:
            assert opened.installation.root_fingerprint == changed.now
            assert rows_of_versions(opened) == before
            opened.export(opened.sign_in("kim"), "tenant", kek)
            assert "root.rotate" in operations(opened)
            again = change_root(opened.installation)
            assert again.uri == "file:root-3.key"
        finally:
            opened.close()
        Kit.open(home).close()

    def test_the_old_root_opens_the_store_no_more(self, kit: Kit) -> None:
        home = kit.installation.settings.home
        changed = change_root(kit.installation)
        settings = load_settings(home, given={"root": f"file:{changed.old_file}"}, environ={})
        error = refusal("root-unavailable", lambda: open_installation(settings))
        assert changed.now in error.detail

    def test_a_root_without_a_passphrase_gets_one(self, kit: Kit, tmp_path: Path) -> None:
        home = kit.installation.settings.home
        file = secret(tmp_path / "passphrase", PASSPHRASE)
        changed = change_root(kit.installation, uri="passphrase:root.json", passphrase_file=file)
        assert (changed.uri, load_settings(home, environ={}).root_passphrase_file) == ("passphrase:root.json", file)
        opened = Kit.open(home)
        assert opened.installation.root_fingerprint == changed.now
        opened.close()

    @pytest.mark.parametrize("step", range(1, 7))
    def test_killed_after_any_step_it_opens_and_the_next_change_ends_well(self, tmp_path: Path, step: int) -> None:
        home = tmp_path / "home"
        initialise(home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), cost=CHEAP)
        before = opened_fingerprint(home)
        ended = subprocess.run([sys.executable, "-c", CUT_OFF, home, str(step)], check=False, capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        between = opened_fingerprint(home)
        assert (between == before) is (step < 3)
        kit = Kit.open(home)
        try:
            changed = change_root(kit.installation)
            assert changed.continued is (3 <= step < 6)
            assert (changed.now == between) is changed.continued
        finally:
            kit.close()
        assert opened_fingerprint(home) == changed.now
        assert load_settings(home, environ={}).root == changed.uri
        assert not (home / FILE).exists()
        assert len(list(home.glob("root.key.retired-*"))) == 1

    def test_a_root_that_the_environment_names_is_refused(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        home = kit.installation.settings.home
        monkeypatch.setenv("KEYFERRY_ROOT", f"file:{home / 'root.key'}")
        installation = open_installation(load_settings(home), cost=CHEAP)
        try:
            assert "KEYFERRY_ROOT" in refusal("setting-refused", lambda: change_root(installation)).detail
        finally:
            installation.close()
        assert sorted(path.name for path in home.glob("root*")) == ["root.key"]

    def test_two_at_once_are_refused(self, kit: Kit) -> None:
        def meanwhile(step: int) -> None:
            if step == 2:
                refusal("cannot-start", lambda: change_root(kit.installation))

        assert change_root(kit.installation, reached=meanwhile).uri == "file:root-2.key"

    def test_nothing_is_written_over(self, kit: Kit) -> None:
        home = kit.installation.settings.home
        secret(home / "other.key", "letters")
        refusal("already-initialised", lambda: change_root(kit.installation, uri="file:other.key"))
        assert (home / "other.key").read_text() == "letters"
        assert opened_fingerprint(home) == kit.installation.root_fingerprint

    def test_a_note_that_is_no_note_is_refused(self, kit: Kit) -> None:
        home = kit.installation.settings.home
        secret(home / FILE, "{}")
        refusal("root-unavailable", lambda: opened_fingerprint(home))


class TestSavingTheRootKey:
    def test_what_is_saved_is_the_root_key_under_the_passphrase(self, kit: Kit, tmp_path: Path) -> None:
        passphrase = source(secret(tmp_path / "passphrase", PASSPHRASE))
        export(kit.installation, tmp_path / "root.saved", passphrase)
        assert (tmp_path / "root.saved").stat().st_mode & 0o777 == 0o600
        assert open_copy(tmp_path / "root.saved", passphrase).fingerprint == kit.installation.root_fingerprint
        wrong = source(secret(tmp_path / "wrong", OTHER))
        refusal("root-unavailable", lambda: open_copy(tmp_path / "root.saved", wrong))
        assert "root.export" in operations(kit)

    def test_an_easy_passphrase_is_refused_and_nothing_saved(self, kit: Kit, tmp_path: Path) -> None:
        passphrase = source(secret(tmp_path / "passphrase", "passwordpassword"))
        refusal("passphrase-refused", lambda: export(kit.installation, tmp_path / "root.saved", passphrase))
        assert not (tmp_path / "root.saved").exists()
        assert "root.export" not in operations(kit)

    def test_nothing_is_written_over(self, kit: Kit, tmp_path: Path) -> None:
        passphrase = source(secret(tmp_path / "passphrase", PASSPHRASE))
        (tmp_path / "root.saved").write_text("letters")
        error = refusal("file-exists", lambda: export(kit.installation, tmp_path / "root.saved", passphrase))
        assert error.field == "file"
        assert (tmp_path / "root.saved").read_text() == "letters"


class TestChangingThePassphrase:
    def test_the_root_opens_with_the_new_one_alone(self, tmp_path: Path) -> None:
        home, file = tmp_path / "home", secret(tmp_path / "passphrase", PASSPHRASE)
        home.mkdir(mode=0o700)
        secret(home / "keyferry.toml", f'root = "passphrase:root.json"\nroot_passphrase_file = "{file}"\n')
        initialise(home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), cost=CHEAP)
        kit = Kit.open(home)
        old, new = PassphraseSource.of(file, {}), source(secret(tmp_path / "new", OTHER))
        try:
            assert change_passphrase(kit.installation, old, new) == home / "root.json"
            assert "root.passphrase" in operations(kit)
        finally:
            kit.close()
        refusal("root-unavailable", lambda: opened_fingerprint(home))
        secret(file, OTHER)
        assert opened_fingerprint(home) == kit.installation.root_fingerprint

    def test_a_root_without_one_is_refused(self, kit: Kit) -> None:
        error = refusal("setting-refused", lambda: change_passphrase(kit.installation, NO_PASSPHRASE, NO_PASSPHRASE))
        assert "root rotate" in error.advice


def opened_fingerprint(home: Path) -> str:
    """The root that a start finds now."""
    installation = open_installation(load_settings(home, environ={}), cost=CHEAP)
    installation.close()
    return installation.root_fingerprint


def rows_of_versions(kit: Kit) -> list[tuple[object, ...]]:
    with kit.installation.store.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM key_versions ORDER BY id")]
