"""The emulator's home: made private, refused when it is not, held by one process."""

import os
from pathlib import Path

import pytest

from keyferry.emulator.home import Home, HomeLock, is_serving, read_private, resolve_home
from keyferry.errors import CannotStart


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "deep" / "home")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def refusal(home: Home) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        home.prepare()
    assert refused.value.field == "home"
    assert refused.value.advice
    return refused.value


def test_it_is_made_for_its_owner_alone_and_keeps_its_key(home: Home) -> None:
    before = os.umask(0)
    try:
        key = home.prepare()
    finally:
        os.umask(before)
    assert len(key) == 32
    assert (mode(home.directory), mode(home.key_file)) == (0o700, 0o600)
    assert home.prepare() == key


def test_keys_of_two_homes_differ(tmp_path: Path) -> None:
    assert Home(tmp_path / "a").prepare() != Home(tmp_path / "b").prepare()


def test_a_directory_that_others_may_enter_is_refused(home: Home) -> None:
    home.prepare()
    home.directory.chmod(0o750)
    assert "chmod 700" in refusal(home).advice


def test_a_key_that_others_may_read_is_refused(home: Home) -> None:
    home.prepare()
    home.key_file.chmod(0o640)
    assert "chmod 600" in refusal(home).advice


def test_a_key_of_another_length_is_refused_without_being_shown(home: Home) -> None:
    home.prepare()
    home.key_file.write_bytes(b"thirty-one bytes of no good use")
    refused = refusal(home)
    assert "31 bytes" in refused.detail
    assert "good use" not in refused.detail


def test_a_state_without_its_key_is_not_given_a_new_one(home: Home) -> None:
    home.prepare()
    home.state_file.touch()
    home.key_file.unlink()
    assert "key" in refusal(home).detail
    assert not home.key_file.exists()


def test_a_directory_of_something_else_is_left_alone(home: Home) -> None:
    home.directory.mkdir(parents=True, mode=0o700)
    (home.directory / "holiday.jpg").touch()
    assert "holiday.jpg" in refusal(home).detail
    assert [path.name for path in home.directory.iterdir()] == ["holiday.jpg"]


def test_a_file_in_its_place_is_refused(home: Home) -> None:
    home.directory.parent.mkdir(parents=True)
    home.directory.touch()
    assert str(home.directory) in refusal(home).detail


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_a_private_file_is_a_regular_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "secret"
    if kind == "link":
        (tmp_path / "target").touch(0o600)
        path.symlink_to(tmp_path / "target")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(CannotStart):
        read_private(path)


def test_one_process_serves_it(home: Home) -> None:
    home.prepare()
    assert not is_serving(home)
    held = HomeLock(home)
    assert is_serving(home)
    with pytest.raises(CannotStart) as refused:
        HomeLock(home)
    assert "keyferry emulator env" in refused.value.advice
    held.close()
    assert not is_serving(home)
    HomeLock(home).close()


def test_where_it_is() -> None:
    assert resolve_home(Path("here"), {}) == Path.cwd() / "here"
    assert resolve_home(None, {"KEYFERRY_EMULATOR_HOME": "/there"}) == Path("/there")
    assert resolve_home(Path("/here"), {"KEYFERRY_EMULATOR_HOME": "/there"}) == Path("/here")
    assert resolve_home(None, {}) == Path("~/.local/share/keyferry-emulator").expanduser()
