"""What the emulator knows: one SQLite file, and the seal under which it keeps key material and secrets."""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from Crypto.Cipher import AES
from Crypto.Random import get_random_bytes

from keyferry.errors import CannotStart, IntegrityViolation

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
#: the form of a sealed value: this byte, nonce, ciphertext, tag
FORM: Final = b"\x01"
IDLE_READERS: Final = 8

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS kept (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
"""


class State:
    """The store of one emulator. Any thread may read and write; writers wait for each other.

    Args:
        file: the database, made where it is missing.
        key: 32 bytes under which values are sealed.
        schemas: every room's tables, as `CREATE TABLE IF NOT EXISTS` statements.

    Raises:
        CannotStart: the file is no database of the emulator's, or cannot be opened.
    """

    def __init__(self, file: Path, key: bytes, schemas: Iterable[str] = ()) -> None:
        self._file = file
        self._key = key
        self._turn = threading.Lock()
        self._writer_thread: int | None = None
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(IDLE_READERS)
        try:
            file.touch(mode=0o600)
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            for schema in (SCHEMA, *schemas):
                self._writer.executescript(schema)
        except (sqlite3.Error, OSError) as error:
            raise CannotStart(
                f"The emulator's state {file} cannot be opened: {error}.",
                advice="Restore the file, or begin anew with another --home.",
            ) from None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: everything read through it is of one moment. Rows are `sqlite3.Row`."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.rollback()
            try:
                self._idle.put_nowait(connection)
            except queue.Full:
                connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that commits at the end and is on the disk then; an exception undoes it whole.

        Raises:
            RuntimeError: this thread is inside another write already.
        """
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("A write inside a write would wait for itself.")
        with self._turn:
            self._writer_thread = threading.get_ident()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.commit()
            finally:
                self._writer.rollback()  # does nothing after a commit
                self._writer_thread = None

    def seal(self, plaintext: bytes, label: str) -> bytes:
        """Encrypt under the home's key with AES-256-GCM (NIST SP 800-38D).

        Args:
            label: what the value is and whose; only under the same label it opens again.
        """
        nonce = get_random_bytes(NONCE_BYTES)
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(label.encode())
        ciphertext, tag = cipher.encrypt_and_digest(plaintext)
        return FORM + nonce + ciphertext + tag

    def unseal(self, sealed: bytes, label: str) -> bytes:
        """Open what `seal` made.

        Raises:
            IntegrityViolation: it was changed, is another label's, or was sealed in another home.
        """
        form, nonce = sealed[:1], sealed[1 : 1 + NONCE_BYTES]
        ciphertext, tag = sealed[1 + NONCE_BYTES : -TAG_BYTES], sealed[-TAG_BYTES:]
        try:
            cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
            cipher.update(label.encode())
            plaintext = cipher.decrypt_and_verify(ciphertext, tag)
        except ValueError:
            plaintext = None
        if plaintext is None or form != FORM:
            raise IntegrityViolation(
                f"What the emulator keeps as {label} does not open under its home's key.",
                advice="Restore the home's files together, or begin anew with another --home.",
            )
        return plaintext

    def kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of the emulator's own, sealed in the state: made at first use, the same ever after."""
        label = f"kept/{name}"
        with self.write() as connection:
            row = connection.execute("SELECT sealed FROM kept WHERE name = ?", (name,)).fetchone()
            if row is not None:
                return self.unseal(row["sealed"], label)
            value = make()
            connection.execute("INSERT INTO kept (name, sealed) VALUES (?, ?)", (name, self.seal(value, label)))
            return value

    def close(self) -> None:
        """Let the file go; nobody may be reading or writing any more."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
        self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
