"""`status`: facts about an installation, for the machine that holds its home."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from keyferry import __version__
from keyferry.certificates import fingerprint
from keyferry.config.sources import load_settings
from keyferry.errors import CannotStart
from keyferry.private_files import create_private
from keyferry.rehearsal.local_server import serving
from keyferry.status import status
from keyferry.testing import Kek, Kit
from keyferry.whereabouts import FOLDER, telling, told

NONE = {"users": 0, "groups": 0, "keys": 0, "exports": 0, "data_keys": 0, "audit_events": 0}


def counts(kit: Kit) -> dict[str, int]:
    found = status(kit.installation.settings)
    return {name: found[name] for name in NONE}


def test_a_fresh_installation(kit: Kit) -> None:
    found = status(kit.installation.settings)
    installation = kit.installation
    postgresql = installation.settings.database_file is not None
    assert counts(kit) == NONE | {"users": 1, "data_keys": 1, "audit_events": 3}, "founding, policy, one sign-in"
    assert (found["version"], found["home"]) == (__version__, str(installation.settings.home))
    assert found["database"] == ("PostgreSQL" if postgresql else "SQLite")
    assert (found["root"], found["root_fingerprint"]) == ("file:root.key", installation.root_fingerprint)
    assert found["store_id"] == installation.sealer.store_id
    assert found["ca_fingerprint"] == fingerprint(installation.tls.authority)
    assert (found["listen"], found["kek_policy"]) == ("127.0.0.1:8420", "any")


def test_it_counts_what_is_there_and_writes_nothing(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "rsa-2048")
    kit.export(kim, key.key.id, kek)
    kit.user("lee")
    kit.custody.users.delete(kit.administrator, "lee")
    before = counts(kit)
    assert (before["users"], before["groups"], before["keys"], before["exports"]) == (2, 1, 1, 1)
    assert counts(kit) == before


def test_the_head_of_the_audit_log_is_the_one_that_a_verification_finds(kit: Kit) -> None:
    with kit.installation.store.engine.begin() as connection:  # as nobody has served it yet
        statement = "UPDATE audit_events SET number = NULL, leaf_hash = NULL, head = NULL, place_mac = NULL"
        connection.exec_driver_sql(statement)
    assert status(kit.installation.settings)["audit_head"].startswith("0:")
    kit.background.tick()
    head = status(kit.installation.settings)["audit_head"]
    assert head == str(kit.custody.audit.verify(kit.administrator).head)
    assert not head.startswith("0:")


def test_whether_something_listens_where_the_server_would(make_kit: Callable[..., Kit]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kit = make_kit(listen=f"127.0.0.1:{listener.getsockname()[1]}")
        assert status(kit.installation.settings)["answering"] is True
    assert status(kit.installation.settings)["answering"] is False


def test_where_it_answers_is_told_though_the_setting_says_otherwise(
    make_kit: Callable[..., Kit], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobodys:
        listen = f"127.0.0.1:{nobodys.getsockname()[1]}"
    kit = make_kit(listen=listen)
    home = kit.installation.settings.home
    kit.close()
    with serving(home, tmp_path / "log") as url:
        found = status(kit.installation.settings)
        assert found["listen"] == listen
        assert (found["answering"], found["answering_at"]) == (True, [url.removeprefix("https://")])
        (file,) = (home / FOLDER).iterdir()
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list((home / FOLDER).iterdir()) == []
    assert status(kit.installation.settings)["answering"] is False


def test_what_a_killed_server_has_left_counts_for_nothing(make_kit: Callable[..., Kit]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        home = make_kit().installation.settings.home
        gone = subprocess.Popen(["true"])
        gone.wait()
        file = home / FOLDER / str(gone.pid)
        file.parent.mkdir(mode=0o700)
        create_private(file, json.dumps([listener.getsockname()]).encode(), what="test")
        assert told(home) == []
        with telling(home, [("127.0.0.1", 1)]):
            assert not file.exists()
            assert told(home) == [("127.0.0.1", 1)]
        assert told(home) == []
        with telling(home / "nowhere", [("127.0.0.1", 1)]):  # what cannot be told keeps nobody from serving
            assert told(home / "nowhere") == []


def test_it_needs_a_home(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        status(load_settings(tmp_path / "nowhere", environ={}))
    assert caught.value.code == "not-initialised"


def test_it_needs_the_root_of_trust(kit: Kit, tmp_path: Path) -> None:
    other = Kit.make(tmp_path / "other")
    other.close()
    key = kit.installation.settings.home / "root.key"
    key.write_bytes((tmp_path / "other" / "root.key").read_bytes())
    with pytest.raises(CannotStart, match="root"):
        status(kit.installation.settings)
    key.chmod(0o644)
    with pytest.raises(CannotStart, match="Others can read"):
        status(kit.installation.settings)
