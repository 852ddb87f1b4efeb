"""The root of trust in a file."""

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.roots import create_root, open_root
from keyferry.roots.file import _decode

URI = "file:root.key"


def refusal(home: Path) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        open_root(URI, home)
    assert (refused.value.code, refused.value.field) == ("root-unavailable", "root")
    assert refused.value.advice
    return refused.value


def put(home: Path, content: bytes) -> None:
    (home / "root.key").write_bytes(content)
    (home / "root.key").chmod(0o600)


def test_a_root_that_was_made_unwraps_after_it_is_opened_again(tmp_path: Path) -> None:
    wrapped = create_root(URI, tmp_path).wrap(Secret(b"a data key"), b"context")
    opened = open_root(URI, tmp_path)
    assert opened.unwrap(wrapped, b"context").reveal() == b"a data key"
    assert opened.uri == URI


def test_the_file_is_private_one_line_and_32_random_bytes(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        create_root(f"file:{name}", tmp_path)
        file = tmp_path / name
        assert file.stat().st_mode & 0o777 == 0o600
        line = re.fullmatch(r"keyferry-root-key-1\.([\w-]{43})\.[0-9a-f]{8}\n", file.read_text())
        assert line is not None
        keys.add(base64.urlsafe_b64decode(line[1] + "="))
    assert [len(key) for key in keys] == [32, 32]


def test_a_root_is_never_written_over(tmp_path: Path) -> None:
    create_root(URI, tmp_path)
    before = (tmp_path / "root.key").read_bytes()
    with pytest.raises(CannotStart) as refused:
        create_root(URI, tmp_path)
    assert refused.value.code == "already-initialised"
    assert (tmp_path / "root.key").read_bytes() == before


def test_a_root_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    create_root(URI, tmp_path)
    (tmp_path / "root.key").chmod(0o640)
    assert f"chmod 600 {tmp_path / 'root.key'}" in refusal(tmp_path).advice


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "root.key") in refusal(tmp_path).detail


def test_a_link_to_the_root_is_refused(tmp_path: Path) -> None:
    create_root("file:real.key", tmp_path)
    (tmp_path / "root.key").symlink_to("real.key")
    assert "symbolic link" in refusal(tmp_path).detail


def test_each_kind_of_damage_has_its_own_message(tmp_path: Path) -> None:
    create_root(URI, tmp_path)
    whole = (tmp_path / "root.key").read_bytes()
    changed = whole[:30] + (b"A" if whole[30:31] != b"A" else b"B") + whole[31:]
    for content, message in [
        (b"", "holds no Keyferry root key"),
        (b"-----BEGIN PRIVATE KEY-----\n", "holds no Keyferry root key"),
        (whole[:40], "40 characters instead of"),
        (whole + b"\n", "characters instead of"),
        (whole.replace(b"\n", b"\r\n"), "characters instead of"),
        (changed, "checksum does not match"),
        (bytes(5000), "larger than"),
    ]:
        put(tmp_path, content)
        assert message in refusal(tmp_path).detail
    put(tmp_path, whole.rstrip(b"\n"))
    assert open_root(URI, tmp_path).uri == URI  # an editor that drops the line's end has done no harm


@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda rest: b"keyferry-root-key-1." + rest))
def test_any_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(CannotStart):
        _decode(content, Path("root.key"))
