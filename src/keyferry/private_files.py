"""Files that only their owner may read: how Keyferry reads, makes and replaces them.

Every file that holds a secret, or decides where secrets go, passes here, so that the rules stand in one place:

- a symbolic link is not followed, and what is not a regular file is not read;
- the owner is the user that Keyferry runs as, or root;
- nobody else may read it (or, where it holds no secret, write it);
- what is written is on the disk, with its directory entry, before the call returns.
"""

import errno
import os
import stat
from pathlib import Path

from keyferry.errors import CannotStart

PRIVATE_MODE = 0o600
ANYONE_ELSE = 0o077
ANYONE_ELSE_WRITES = 0o022

# Not blocking, so that a FIFO does not hold up the start.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_private(
    path: Path,
    *,
    what: str,
    max_bytes: int,
    code: str = "cannot-start",
    field: str | None = None,
    refused_mode: int = ANYONE_ELSE,
) -> bytes:
    """The bytes of a file that is as private as it should be.

    Args:
        what: what the file is, for messages: "root key".
        max_bytes: the largest size that is read; a larger file is refused.
        code, field: what the error carries, see `keyferry.errors`.
        refused_mode: the permission bits that must not be set.

    Raises:
        CannotStart: there is no such file, it is no regular file, another user owns it, its permissions are too wide,
            or it is too large.
    """

    def refuse(detail: str, advice: str) -> CannotStart:
        return CannotStart(detail, code=code, field=field, advice=advice)

    try:
        descriptor = os.open(path, _READ_FLAGS)
    except FileNotFoundError:
        advice = "Check the path; if the file was lost, restore it from its copy."
        raise refuse(f"There is no {what} at {path}.", advice) from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # what O_NOFOLLOW answers
            advice = "Name the file itself; links are not followed."
            raise refuse(f"The {what} at {path} is a symbolic link.", advice) from None
        reason = f"The {what} at {path} cannot be read: {error.strerror}."
        raise refuse(reason, "Run as the user that owns the file.") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise refuse(f"The {what} at {path} is not a regular file.", "Name a regular file.")
        if facts.st_uid not in (os.geteuid(), 0):
            raise refuse(
                f"The {what} at {path} belongs to another user (uid {facts.st_uid}).",
                f"Run as that user, or give the file to this one: chown {os.geteuid()} {path}",
            )
        if facts.st_mode & refused_mode:
            verb = "read" if refused_mode & 0o044 else "change"
            raise refuse(
                f"Others can {verb} the {what} at {path} (mode {stat.S_IMODE(facts.st_mode):04o}).",
                f"Find out who could have {verb} it, then run: chmod 600 {path}",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        advice = "Check that this is the file you meant."
        raise refuse(f"The {what} at {path} is larger than {max_bytes} bytes.", advice)
    return data


def create_private(
    path: Path, data: bytes, *, what: str, code: str = "already-initialised", field: str | None = None
) -> None:
    """Make a new file of mode 0600; the file and its directory entry are on the disk on return.

    Raises:
        CannotStart: something stands at `path` already, or it cannot be written. Nothing half-written stays behind.
    """
    try:
        descriptor = os.open(path, _CREATE_FLAGS, PRIVATE_MODE)
    except FileExistsError:
        detail = f"There is already a file at {path}; the {what} is not written over it."
        advice = "Choose another path, or move that file away."
        raise CannotStart(detail, code=code, field=field, advice=advice) from None
    except OSError as error:
        raise _cannot_write(path, what, error, field) from None
    try:
        _write_and_sync(descriptor, data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _cannot_write(path, what, error, field) from None
    sync_directory(path.parent)


def replace_private(path: Path, data: bytes, *, what: str, field: str | None = None) -> None:
    """Put `data` in the place of the file at `path`, in one step: a reader sees the old file or the new one, whole.

    Raises:
        CannotStart: it cannot be written; the old file, if any, still stands.
    """
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    create_private(fresh, data, what=what, field=field)
    try:
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _cannot_write(path, what, error, field) from None
    sync_directory(path.parent)


def _write_and_sync(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, PRIVATE_MODE)  # exact, whatever the umask
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync_directory(directory: Path) -> None:
    """Put what was done to a directory's entries on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, what: str, error: OSError, field: str | None) -> CannotStart:
    detail = f"The {what} cannot be written to {path}: {error.strerror}."
    return CannotStart(detail, field=field, advice="Check that the directory exists, is yours, and has room.")
