"""Files that only their owner may read."""

import os
import stat
from pathlib import Path

import pytest

from keyferry.errors import CannotStart
from keyferry.private_files import ANYONE_ELSE_WRITES, create_private, read_private, replace_private


def read(path: Path, refused_mode: int = 0o077) -> bytes:
    return read_private(path, what="test secret", max_bytes=16, refused_mode=refused_mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    create_private(path, b"sixteen bytes ok", what="test secret")
    return path


def test_what_is_written_is_read_and_is_the_owners_alone(secret_file: Path) -> None:
    assert read(secret_file) == b"sixteen bytes ok"
    assert mode(secret_file) == 0o600


def test_the_mode_is_exact_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        create_private(tmp_path / "made", b"x", what="test secret")
    finally:
        os.umask(before)
    assert mode(tmp_path / "made") == 0o600


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_file_open_to_others_is_refused_and_the_remedy_named(secret_file: Path, bits: int) -> None:
    secret_file.chmod(bits)
    with pytest.raises(CannotStart) as refused:
        read(secret_file)
    assert f"{bits:04o}" in refused.value.detail
    assert f"chmod 600 {secret_file}" in refused.value.advice


def test_a_file_that_holds_no_secret_may_be_read_by_others_but_not_changed(secret_file: Path) -> None:
    secret_file.chmod(0o644)
    assert read(secret_file, ANYONE_ELSE_WRITES) == b"sixteen bytes ok"
    secret_file.chmod(0o664)
    with pytest.raises(CannotStart, match="Others can change"):
        read(secret_file, ANYONE_ELSE_WRITES)


def test_another_users_file_is_refused(secret_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(secret_file, 54_321, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: secret_file.stat().st_uid + 1)
    with pytest.raises(CannotStart, match="belongs to another user") as refused:
        read(secret_file)
    assert "chown" in refused.value.advice


def test_links_directories_and_pipes_are_refused(secret_file: Path, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(secret_file)
    os.mkfifo(pipe, 0o600)
    with pytest.raises(CannotStart, match="symbolic link"):
        read(link)
    with pytest.raises(CannotStart, match="not a regular file"):
        read(pipe)
    with pytest.raises(CannotStart, match="not a regular file"):
        read(tmp_path)


def test_a_missing_or_too_large_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="There is no test secret"):
        read(tmp_path / "none")
    with pytest.raises(CannotStart, match="cannot be read: File name too long"):
        read(tmp_path / ("n" * 300))
    create_private(tmp_path / "large", bytes(17), what="test secret")
    with pytest.raises(CannotStart, match="larger than 16 bytes"):
        read(tmp_path / "large")


def test_what_stands_is_never_written_over(secret_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "dangling"
    link.symlink_to(tmp_path / "elsewhere")
    for taken in (secret_file, link):
        with pytest.raises(CannotStart) as refused:
            create_private(taken, b"new", what="test secret")
        assert refused.value.code == "already-initialised"
    assert read(secret_file) == b"sixteen bytes ok"
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be written") as refused:
        create_private(tmp_path / "none" / "secret", b"x", what="test secret")
    assert refused.value.code == "cannot-start"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(CannotStart, match="No space left"):
        create_private(tmp_path / "secret", b"x", what="test secret")
    assert list(tmp_path.iterdir()) == []


def test_replacing_is_whole_and_leaves_no_other_file(secret_file: Path) -> None:
    replace_private(secret_file, b"another", what="test secret")
    assert read(secret_file) == b"another"
    assert mode(secret_file) == 0o600
    assert list(secret_file.parent.iterdir()) == [secret_file]


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    with pytest.raises(CannotStart, match="cannot be written"):
        replace_private(directory, b"x", what="test secret")
    assert list(tmp_path.iterdir()) == [directory]
