"""A backup that is not as it was written is refused, whatever was done to it; what was wrong in the store is told."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from tests.backup.conftest import root_of

from keyferry.backup.chunks import CHUNK_BYTES, ChunkReader, ChunkWriter
from keyferry.backup.creating import create_backup
from keyferry.backup.entries import Entry, File, RowValues, TableBegins, read_entries
from keyferry.backup.header import read_header
from keyferry.backup.restoring import restore_backup
from keyferry.backup.verifying import verify_backup
from keyferry.custody.keys import KeyEdit
from keyferry.errors import CannotStart, IntegrityViolation, KeyferryError
from keyferry.material.secret import Secret
from keyferry.roots.base import RootKey
from keyferry.testing import Kit

KEY = bytes(range(32))
BOUND = bytes(32)


def refusal(code: str, ask: Callable[[], object]) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        ask()
    assert caught.value.code == code, repr(caught.value)
    assert caught.value.advice
    return caught.value


def written(*data: bytes) -> bytes:
    file = BytesIO()
    chunks = ChunkWriter(file, AESGCM(KEY), BOUND)
    for each in data:
        chunks.write(each)
    chunks.finish()
    return file.getvalue()


def read(sealed: bytes, bound_to: bytes = BOUND) -> bytes:
    chunks = ChunkReader(BufferedReader(BytesIO(sealed)), AESGCM(KEY), bound_to)
    return b"".join(iter(lambda: chunks.read(100_000), b""))


def chunks_in(sealed: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(sealed):
        end = at + 4 + int.from_bytes(sealed[at : at + 4])
        found.append(sealed[at:end])
        at = end
    return found


class TestChunks:
    PLAIN = os.urandom(3 * CHUNK_BYTES)  # so that the last chunk is a whole one

    def test_what_is_written_is_read(self) -> None:
        for size in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES):
            assert read(written(self.PLAIN[:size])) == self.PLAIN[:size]
        assert read(written(b"a", b"", b"b")) == b"ab"

    def test_every_byte_counts(self) -> None:
        sealed = written(b"some rows")
        for place in range(len(sealed)):
            changed = bytearray(sealed)
            changed[place] ^= 1
            refusal("backup-refused", partial(read, bytes(changed)))

    def test_it_cannot_be_cut_off_anywhere(self) -> None:
        sealed = written(self.PLAIN)
        chunks = chunks_in(sealed)
        assert len(chunks) == 3
        for kept in (b"", chunks[0], b"".join(chunks[:2]), sealed[:-1], sealed[: len(chunks[0]) + 2]):
            refusal("backup-refused", partial(read, kept))

    def test_chunks_cannot_be_moved_repeated_left_out_or_followed(self) -> None:
        one, two, three = chunks_in(written(self.PLAIN))
        for order in ([two, one, three], [one, one, two, three], [one, three], [one, two, three, three], [three]):
            refusal("backup-refused", partial(read, b"".join(order)))
        refusal("backup-refused", lambda: read(one + two + three + b"\0"))

    def test_they_belong_to_their_header(self) -> None:
        refusal("backup-refused", lambda: read(written(b"some rows"), bytes(31) + b"\1"))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=40), st.binary(max_size=40)
)
ENTRIES = st.one_of(
    st.builds(File, st.text(max_size=20), st.binary(max_size=100)),
    st.builds(TableBegins, st.text(max_size=20), st.lists(st.text(max_size=9), max_size=4).map(tuple)),
    st.builds(RowValues, st.lists(VALUES, max_size=8).map(tuple)),
)


class TestEntries:
    @given(st.lists(ENTRIES, max_size=8))
    def test_what_is_written_is_read(self, entries: list[Entry]) -> None:
        sealed = written(*(entry.encode() for entry in entries))
        found = list(read_entries(self.chunks(sealed)))
        assert found == entries
        types = [[type(value) for value in entry.values] for entry in found if isinstance(entry, RowValues)]
        assert types == [[type(value) for value in entry.values] for entry in entries if isinstance(entry, RowValues)]

    @given(st.binary(max_size=200))
    def test_any_bytes_are_entries_or_refused(self, data: bytes) -> None:
        entries = []
        with suppress(CannotStart):  # and nothing else
            entries = list(read_entries(self.chunks(written(data))))
        assert not entries or b"".join(entry.encode() for entry in entries)

    def test_a_row_holds_what_columns_hold(self) -> None:
        with pytest.raises(IntegrityViolation):
            RowValues((1.5,)).encode()  # type: ignore[arg-type]  # as SQLite keeps it if it is told to

    def chunks(self, sealed: bytes) -> ChunkReader:
        return ChunkReader(BufferedReader(BytesIO(sealed)), AESGCM(KEY), BOUND)


class TestHeaders:
    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused(self, data: bytes) -> None:
        for begun in (data, b"keyferry-backup-1\n" + len(data).to_bytes(4) + data):
            error = refusal("backup-refused", partial(read_header, BytesIO(begun)))
            assert error.field == "file"


class TestBackups:
    def test_a_damaged_one_is_refused_and_nothing_is_left_of_a_restoration(self, kept: Kit, tmp_path: Path) -> None:
        file = create_backup(kept.installation, tmp_path / "store.backup").file
        whole, root = file.read_bytes(), root_of(kept)
        for place in (30, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            refusal("backup-refused", lambda: verify_backup(file, root))
            refusal("backup-refused", lambda: restore_backup(file, root, tmp_path / "second"))
            assert not (tmp_path / "second").exists()
        file.write_bytes(whole[:-20])
        refusal("backup-refused", lambda: verify_backup(file, root))

    def test_one_that_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        root = RootKey("file:root.key", Secret(KEY))
        refusal("file-refused", lambda: verify_backup(tmp_path / "none", root))
        refusal("file-refused", lambda: verify_backup(tmp_path, root))
        (tmp_path / "letters").write_text("Dear")
        refusal("backup-refused", lambda: verify_backup(tmp_path / "letters", root))

    def test_another_root_opens_nothing(self, kept: Kit, tmp_path: Path) -> None:
        file = create_backup(kept.installation, tmp_path / "store.backup").file
        error = refusal("backup-refused", lambda: verify_backup(file, RootKey("file:other.key", Secret(KEY))))
        assert error.field == "root_file"
        assert kept.installation.root_fingerprint in error.detail

    def test_nothing_in_it_can_be_read_without_the_root(self, kept: Kit, tmp_path: Path) -> None:
        file = create_backup(kept.installation, tmp_path / "store.backup").file
        assert b"kim" not in file.read_bytes()
        assert b"payments" not in file.read_bytes()
        assert (kept.installation.settings.home / "root.key").read_bytes()[20:60] not in file.read_bytes()

    def test_rows_that_were_edited_or_put_back_are_told(self, kept: Kit, tmp_path: Path) -> None:
        engine, root = kept.installation.store.engine, root_of(kept)
        with engine.begin() as connection:
            old = connection.exec_driver_sql("SELECT seal FROM keys WHERE name = 'spare'").scalar_one()
        kept.custody.keys.edit(kept.sign_in("kim"), "spare", KeyEdit(description="changed"))
        kept.background.tick()
        assert verify_backup(create_backup(kept.installation, tmp_path / "sound").file, root).findings == ()
        sign = "?" if engine.dialect.name == "sqlite" else "%s"
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE users SET role = 'administrator' WHERE name = 'kim'")
            connection.exec_driver_sql(
                f"UPDATE keys SET description = NULL, revision = 1, seal = {sign} WHERE name = 'spare'", (old,)
            )
            connection.exec_driver_sql("DELETE FROM audit_events WHERE number = 3")
        findings = verify_backup(create_backup(kept.installation, tmp_path / "unsound").file, root).findings
        assert any(finding.startswith("users: ") for finding in findings)
        assert any("an old row was put back" in finding for finding in findings)
        assert any("events between them are missing" in finding for finding in findings)

    def test_it_holds_neither_the_pool_nor_leases(self, kept: Kit, tmp_path: Path) -> None:
        header = create_backup(kept.installation, tmp_path / "store.backup").header
        assert not {"pool_keys", "leases", "data_keys"} & set(header.counts)
        assert header.counts["keys"] == 2
        assert header.counts["exports"] == 1

    def test_nothing_is_written_over(self, kept: Kit, tmp_path: Path) -> None:
        (tmp_path / "store.backup").write_text("letters")
        refusal("file-exists", lambda: create_backup(kept.installation, tmp_path / "store.backup"))
        assert (tmp_path / "store.backup").read_text() == "letters"
        refusal("file-refused", lambda: create_backup(kept.installation, tmp_path / "none" / "store.backup"))

    def test_it_is_its_owners_alone_and_in_the_audit_log(self, kept: Kit, tmp_path: Path) -> None:
        made = create_backup(kept.installation, tmp_path / "store.backup")
        assert made.file.stat().st_mode & 0o777 == 0o600
        assert made.file.stat().st_size == made.size
        assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == ["store.backup"]
        events = kept.custody.audit.list(kept.administrator, size=100).items
        (event,) = (event for event in events if event.operation == "backup.create")
        assert (event.actor_name, event.object_name) == ("keyferry backup create", "store.backup")
        assert str(made.header.head) in event.details
