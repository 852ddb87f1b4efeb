"""Files that commands write: whole, private, and never over another unasked."""

import os
from pathlib import Path

import pytest

from keyferry.cli.files import others_can_read, read_input, read_public_key, require_writable, write_whole
from keyferry.errors import KeyferryError
from keyferry.testing import Kek


def test_a_new_file_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "out.byok"
    require_writable(path, force=False)
    write_whole(path, b"content", what="file", force=False)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_stands_there_stays_without_force(tmp_path: Path) -> None:
    path = tmp_path / "out.byok"
    path.write_bytes(b"old")
    with pytest.raises(KeyferryError) as early:
        require_writable(path, force=False)
    with pytest.raises(KeyferryError) as late:
        write_whole(path, b"new", what="file", force=False)
    for refused in (early.value, late.value):
        assert (refused.code, refused.field) == ("file-exists", "output")
        assert "--force" in refused.advice
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, b"new", what="file", force=True)
    assert path.read_bytes() == b"new"


def test_a_dangling_link_counts_as_something_that_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "out.byok"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyferryError):
        write_whole(path, b"new", what="file", force=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_links_gets_a_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no_links)
    write_whole(tmp_path / "out.byok", b"content", what="file", force=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"content"]


def test_a_directory_and_a_missing_one_are_refused_beforehand(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.byok"):
        with pytest.raises(KeyferryError) as caught:
            require_writable(path, force=True)
        assert caught.value.code == "file-refused"


def test_input_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (64 * 1024 + 1))
    for path, reason in ((tmp_path / "none", "No such file"), (large, "larger than"), (tmp_path, "directory")):
        with pytest.raises(KeyferryError, match=reason) as caught:
            read_input(str(path), what="key", field="key")
        assert (caught.value.code, caught.value.field) == ("file-refused", "key")


def test_a_key_that_others_can_read_is_remarked_on(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.touch(mode=0o600)
    assert others_can_read(str(file)) is None
    assert others_can_read("-") is None
    file.chmod(0o644)
    assert f"chmod 600 {file}" in (others_can_read(str(file)) or "")


def test_a_public_key_in_der_becomes_pem(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    kek = Kek.make()
    file = tmp_path / "kek.der"
    file.write_bytes(kek.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert read_public_key(str(file)) == kek.public_pem.decode()


def test_a_private_key_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "kek.pem"
    file.write_bytes(Kek.make().private_pem)
    with pytest.raises(KeyferryError) as caught:
        read_public_key(str(file))
    assert caught.value.code == "kek-is-private"
