"""The emulator's own home: a directory that only its owner may enter, and the key that seals what lies in it.

home/
  key             32 bytes; what is sealed in state.db opens under it alone
  state.db        everything else that the emulator knows
  ca.pem          the private authority's certificate, for clients to trust
  server.pem/.key the server's certificate, and its key under a password that is sealed in state.db
  client-secret   the operator application's secret, to sign in with
  client-certificate.pem   the same application's certificate and private key, to sign in with instead
  emulator.json   addresses and ids, as of the last start or change
  lock            held by the process that serves
"""

import fcntl
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyferry.errors import CannotStart

VARIABLE: Final = "KEYFERRY_EMULATOR_HOME"
DEFAULT: Final = "~/.local/share/keyferry-emulator"
KEY_BYTES: Final = 32
MAX_BYTES: Final = 64 * 1024
_ANYONE_ELSE: Final = 0o077


def resolve_home(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home, absolute: what was given, else KEYFERRY_EMULATOR_HOME, else ~/.local/share/keyferry-emulator."""
    return (given or Path(environ.get(VARIABLE) or DEFAULT)).expanduser().absolute()


@dataclass(frozen=True, slots=True)
class Home:
    """A home and where its files are. `prepare` makes it; the other members only name it."""

    directory: Path

    @property
    def key_file(self) -> Path:
        """The 32 bytes that seal; whoever has them and state.db has every key in the vaults."""
        return self.directory / "key"

    @property
    def state_file(self) -> Path:
        """The database."""
        return self.directory / "state.db"

    @property
    def ca_file(self) -> Path:
        """The private authority's certificate, PEM: what clients are given to trust."""
        return self.directory / "ca.pem"

    @property
    def certificate_file(self) -> Path:
        """The server's certificate, PEM."""
        return self.directory / "server.pem"

    @property
    def certificate_key_file(self) -> Path:
        """The server's private key, PKCS#8 encrypted."""
        return self.directory / "server.key"

    @property
    def client_secret_file(self) -> Path:
        """The operator application's secret, as text without a newline."""
        return self.directory / "client-secret"

    @property
    def client_certificate_file(self) -> Path:
        """The operator application's private key and certificate, PEM, as azure-identity and az take them."""
        return self.directory / "client-certificate.pem"

    @property
    def facts_file(self) -> Path:
        """Addresses and ids, for who wants to use the emulator; see facts.py."""
        return self.directory / "emulator.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one process that serves."""
        return self.directory / "lock"

    def prepare(self) -> bytes:
        """Make the directory and the key where they are missing; the key's 32 bytes.

        Raises:
            CannotStart: the directory cannot be made, is another user's or open to others, or holds something else;
                or the key is unreadable while there is a state that was sealed under it.
        """
        _prepare_directory(self.directory)
        if not self.key_file.exists():
            if self.state_file.exists():
                raise CannotStart(
                    f"{self.directory} holds a state, but the key that opens it is gone.",
                    field="home",
                    advice=f"Restore {self.key_file}, or begin anew with another --home.",
                )
            write_private(self.key_file, os.urandom(KEY_BYTES))
        key = read_private(self.key_file)
        if len(key) != KEY_BYTES:
            raise CannotStart(
                f"{self.key_file} holds {len(key)} bytes, not {KEY_BYTES}.",
                field="home",
                advice="Restore it, or begin anew with another --home.",
            )
        return key


class HomeLock:
    """Holds a home for one process, until closed or until the process is gone.

    Raises:
        CannotStart: another process serves this home.
    """

    def __init__(self, home: Home) -> None:
        self._descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise CannotStart(
                f"Another process serves the emulator in {home.directory}.",
                field="home",
                advice="Use that one (`keyferry emulator env` tells how), end it first, or give another --home.",
            ) from None

    def close(self) -> None:
        """Let the home go."""
        os.close(self._descriptor)


def is_serving(home: Home) -> bool:
    """Whether some process serves this home now."""
    if not home.lock_file.exists():
        return False
    try:
        HomeLock(home).close()
    except CannotStart:
        return True
    return False


def read_private(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """A file of at most `max_bytes` bytes that its owner alone may read.

    Raises:
        CannotStart: it is missing, no regular file, another user's, open to others, or too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", "Check the path, and whose it is.") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _refused(path, "is not a regular file", "Restore it, or begin anew with another --home.")
        _require_own(path, facts)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise _refused(path, "is far too large for what it should be", "Restore it.")
    return data


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path` in one step; it is on the disk on return.

    Raises:
        CannotStart: it cannot be written; what stood there stands still.
    """
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)  # exact, whatever the umask
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _refused(path, f"cannot be written: {error.strerror}", "Check that there is room.") from None


def _prepare_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.stat()
        strangers = [] if (directory / "key").exists() else sorted(each.name for each in directory.iterdir())
    except OSError as error:
        reason = f"The emulator's home {directory} cannot be made or entered: {error.strerror}."
        raise CannotStart(reason, field="home", advice="Give a directory of your own with --home.") from None
    if strangers and "state.db" not in strangers:
        raise CannotStart(
            f"{directory} is no home of an emulator: it holds {strangers[0]}.",
            field="home",
            advice="Give an empty or a new directory with --home.",
        )
    _require_own(directory, facts)


def _require_own(path: Path, facts: os.stat_result) -> None:
    if facts.st_uid not in (os.geteuid(), 0):
        raise _refused(
            path, f"belongs to another user (uid {facts.st_uid})", "Run as that user, or use another --home."
        )
    if facts.st_mode & _ANYONE_ELSE:
        mode = stat.S_IMODE(facts.st_mode)
        right = "700" if stat.S_ISDIR(facts.st_mode) else "600"
        raise _refused(path, f"is open to others (mode {mode:04o})", f"Run: chmod {right} {path}")


def _refused(path: Path, what: str, advice: str) -> CannotStart:
    return CannotStart(f"{path} {what}.", field="home", advice=advice)
